/* SPDX-License-Identifier: Apache-2.0 */
#include "evaluation.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

pclr_evaluate_options evaluation_options(const cli_context *c, const systems *s)
{
    return (pclr_evaluate_options){
        .task = cli_text(c, "task") ? cli_text(c, "task") : s->task,
        .name = s->name,
        .operating = s->operating,
        .split = cli_text(c, "split"),
        .classes = cli_text(c, "classes"),
        .bootstraps = (size_t)cli_int(c, "bootstraps"),
        .seed = (uint64_t)cli_int(c, "seed"),
        .sensitivity_at = cli_real(c, "specificity"),
        .threads = cli_threads(c),
        .prevalence = cli_real(c, "prevalence"),
        .interval = cli_text(c, "interval"),
        .stratified = cli_flag(c, "stratified"),
        .thresholds = cli_text(c, "thresholds"),
        .validations = s->validation,
        .validation_split = cli_text(c, "validation-split"),
        .allow_missing = cli_flag(c, "allow-missing"),
        .segments = cli_flag(c, "segments"),
    };
}

int evaluation_print(const cli_context *c, const char *path, const char *content)
{
    cli_output out;
    int status = cli_output_open(c, &out, path);
    if (status != CLI_DONE) return status;
    fputs(content, out.stream);
    if (content[0] && content[strlen(content) - 1] != '\n') fputc('\n', out.stream);
    return cli_output_close(c, &out, true);
}

/* ---- run folders that a report shows ---- */

typedef struct run_list {
    size_t count;
    const char **path, **name; /* name: heading */
    char (*folder)[4096], (*heading)[512];
} run_list;

static void run_list_free(run_list *l)
{
    free(l->path);
    free(l->name);
    free(l->folder);
    free(l->heading);
}

static bool run_list_create(run_list *l, size_t most)
{
    *l = (run_list){.path = calloc(most, sizeof *l->path),
                    .name = calloc(most, sizeof *l->name),
                    .folder = calloc(most, sizeof *l->folder),
                    .heading = calloc(most, sizeof *l->heading)};
    return l->path && l->name && l->folder && l->heading;
}

static bool holds(const char *folder, const char *name)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, R_OK) == 0;
}

static void add_run(run_list *l, const char *folder, const char *heading)
{
    for (size_t k = 0; k < l->count; k++) {
        if (strcmp(l->path[k], folder) != 0) continue;
        if (l->name[k] == NULL || heading == NULL) return; /* given by --run: called by its folder */
        size_t used = strlen(l->heading[k]);
        snprintf(l->heading[k] + used, sizeof l->heading[k] - used, ", %s", heading);
        return;
    }
    size_t k = l->count++;
    snprintf(l->folder[k], sizeof l->folder[k], "%s", folder);
    l->path[k] = l->folder[k];
    if (heading) snprintf(l->heading[k], sizeof l->heading[k], "%s", heading);
    l->name[k] = heading ? l->heading[k] : NULL;
}

/* The folder a system's file lies in, where it is a run's: training left its log there, or a model card lies beside a model file. */
static void add_run_of(run_list *l, const char *file, const char *system)
{
    static const char ending[] = ".safetensors";
    const char *slash = strrchr(file, '/');
    size_t length = strlen(file), end = sizeof ending - 1;
    char folder[4096];
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
    bool model = length > end && strcmp(file + length - end, ending) == 0;
    if (holds(folder, "metrics.jsonl") || (model && holds(folder, "README.md"))) add_run(l, folder, system);
}

int evaluation_report(const cli_context *c, const char *path, const pclr_evaluation *const *evaluations, const char *const *name,
                      size_t count, const pclr_comparison *comparison)
{
    pclr_error error = {0};
    const char *labels = cli_text(c, "labels");
    size_t given;
    const char *const *run = cli_list(c, "run", &given);
    run_list runs;
    int status = CLI_DONE;

    if (!run_list_create(&runs, given + count)) {
        run_list_free(&runs);
        error = (pclr_error){.status = PCLR_E_MEMORY, .message = "no memory"};
        return cli_fail(c, &error);
    }
    for (size_t k = 0; k < given; k++) add_run(&runs, run[k], NULL);
    for (size_t k = 0; k < count; k++) add_run_of(&runs, cli_argument(c, k), name[k]);
    pclr_report_options options = {.title = cli_text(c, "title"),
                                   .comparison = comparison,
                                   .examples = (size_t)cli_int(c, "examples"),
                                   .run = runs.path,
                                   .run_name = runs.name,
                                   .runs = runs.count,
                                   .dataset = pclr_dataset_is(labels) && cli_int(c, "examples") > 0 ? labels : NULL};
    if (pclr_report_write(path, evaluations, count, &options, &error) == PCLR_OK)
        cli_note(c, "report written to %s", path);
    else
        status = cli_fail(c, &error);
    run_list_free(&runs);
    return status;
}
