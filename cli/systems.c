/* SPDX-License-Identifier: Apache-2.0 */
#include "systems.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_model(const char *path)
{
    static const char ending[] = ".safetensors";
    size_t n = strlen(path), e = sizeof ending - 1;
    return n > e && strcmp(path + n - e, ending) == 0;
}

/* ---- names ---- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The last `folders` folders and the file without its extension: "run1/model" of "runs/run1/model.safetensors". */
static void name_of(const char *path, int folders, char *name, size_t size)
{
    const char *from = base_of(path), *dot = strrchr(from, '.');
    for (; folders > 0 && from > path + 1; folders--) {
        from--;
        while (from > path && from[-1] != '/') from--;
    }
    snprintf(name, size, "%.*s", (int)((dot && dot > from ? dot : path + strlen(path)) - from), from);
}

/* Names by as many folders as tell all apart; "model" alone tells nothing. */
static void name_all(cli_context *c, systems *s)
{
    bool same = true;
    for (int folders = 0; folders < 4 && same; folders++) {
        same = false;
        for (size_t k = 0; k < s->count; k++) {
            name_of(cli_argument(c, k), folders, s->entry[k].name, sizeof s->entry[k].name);
            same |= folders == 0 && strcmp(s->entry[k].name, "model") == 0;
            for (size_t i = 0; i < k; i++) same |= strcmp(s->entry[i].name, s->entry[k].name) == 0;
        }
    }
}

/* ---- models ---- */

static int out_of_memory(cli_context *c)
{
    pclr_error error = {.status = PCLR_E_MEMORY, .message = "no memory"};
    return cli_fail(c, &error);
}

/* Metadata of the model file that a reader of a report wants, a line each. */
static void describe_model(system_entry *e)
{
    static const char *const keys[] = {"architecture", "method",  "task",        "objective", "classifier", "preprocessing",
                                       "trees",        "members", "temperature", "dataset",   "program",    "config"};
    size_t used = 0;
    for (size_t k = 0; k < sizeof keys / sizeof *keys && used < sizeof e->details; k++) {
        const char *value = pclr_model_metadata(e->model, keys[k]);
        if (value == NULL) continue;
        int wrote = snprintf(e->details + used, sizeof e->details - used, "%s: %s%s\n", keys[k], strchr(value, '\n') ? "\n" : "", value);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static int open_model(cli_context *c, system_entry *e, const char *path)
{
    pclr_error error = {0};
    if (pclr_model_open(&e->model, path, 1, &error) != PCLR_OK) return cli_fail(c, &error);
    size_t classes = pclr_model_classes(e->model);
    e->threshold = calloc(classes + 1, sizeof *e->threshold);
    e->class_name = calloc(classes + 1, sizeof *e->class_name);
    if (!e->threshold || !e->class_name) return out_of_memory(c);
    for (size_t k = 0; k < classes; k++) {
        e->threshold[k] = pclr_model_threshold(e->model, k);
        e->class_name[k] = pclr_model_class_name(e->model, k);
    }
    e->points = (pclr_operating_points){.model = path,
                                        .classes = classes,
                                        .class_name = e->class_name,
                                        .threshold = e->threshold,
                                        .temperature = pclr_model_temperature(e->model),
                                        .details = e->details};
    describe_model(e);
    return CLI_DONE;
}

/* Which part of the dataset to predict: that of --split (PART alone is of the first split); everything when validation is told apart
 * by --validation-split. */
static void part_to_predict(const cli_context *c, const pclr_dataset *dataset, char *part, size_t size)
{
    const char *split = cli_text(c, "split");
    part[0] = '\0';
    if (split == NULL || cli_text(c, "validation-split")) return;
    if (strchr(split, ':') || pclr_dataset_splits(dataset) == 0)
        snprintf(part, size, "%s", split);
    else
        snprintf(part, size, "%s:%s", pclr_dataset_split_name(dataset, 0), split);
}

/* What the models are run on: --recordings, or the dataset that the labels come from. */
static int run_model(cli_context *c, system_entry *e, const char *path)
{
    const char *const *input, *labels = cli_text(c, "labels");
    const char *only[1] = {labels};
    size_t count = 0;
    char part[512] = "";
    pclr_dataset *dataset = NULL;
    pclr_batch_summary summary = {0};
    pclr_callbacks callbacks = cli_callbacks(c);
    pclr_error error = {0};

    if (cli_flag(c, "segments") && cli_real(c, "segment-seconds") <= 0)
        return cli_usage(c, "%s is a model: --segments needs --segment-seconds, the length of what it predicts one by one", path);
    input = cli_list(c, "recordings", &count);
    if (count == 0) {
        pclr_status opened = pclr_dataset_open(&dataset, labels, &error);
        if (opened == PCLR_E_MISSING) return cli_fail(c, &error);
        if (opened != PCLR_OK)
            return cli_usage(c, "%s is a model and %s is no dataset; name what it shall predict with --recordings", path, labels);
        part_to_predict(c, dataset, part, sizeof part);
        pclr_dataset_destroy(&dataset);
        input = only;
        count = 1;
    }
    const pclr_inference_options options = {
        .split = part[0] ? part : NULL, .threads = cli_threads(c), .segment_seconds = cli_real(c, "segment-seconds")};
    if (pclr_predict(path, input, count, e->predictions, &options, &callbacks, &summary, &error) != PCLR_OK) return cli_fail(c, &error);
    cli_note(c, "%s: %zu of %zu recordings in %.1f s", e->name, summary.done, summary.found, summary.seconds);
    return CLI_DONE;
}

static int make_temporary(cli_context *c, system_entry *e)
{
    snprintf(e->predictions, sizeof e->predictions, "%s/physioclr-XXXXXX.csv", cli_temporary_folder());
    int file = mkstemps(e->predictions, 4);
    if (file < 0) {
        pclr_error error = {.status = PCLR_E_IO};
        snprintf(error.message, sizeof error.message, "%.200s: cannot make a temporary file; set TMPDIR to a folder with room",
                 e->predictions);
        return cli_fail(c, &error);
    }
    close(file);
    e->temporary = true;
    return CLI_DONE;
}

static int open_entry(cli_context *c, system_entry *e, const char *path)
{
    if (!is_model(path)) {
        snprintf(e->predictions, sizeof e->predictions, "%s", path);
        return CLI_DONE;
    }
    int status = open_model(c, e, path);
    if (status == CLI_DONE) status = make_temporary(c, e);
    if (status == CLI_DONE) status = run_model(c, e, path);
    return status;
}

/* The task that all models were trained for. */
static const char *common_task(const systems *s)
{
    const char *task = NULL;
    for (size_t k = 0; k < s->count; k++) {
        const char *own = s->entry[k].model ? pclr_model_metadata(s->entry[k].model, "task") : NULL;
        if (own == NULL || (task && strcmp(own, task) != 0)) return NULL;
        task = own;
    }
    return task;
}

/* --validation: one file for all systems, or one each. */
static int take_validation(cli_context *c, systems *s)
{
    size_t given;
    const char *const *file = cli_list(c, "validation", &given);
    if (given > 1 && given != s->count)
        return cli_usage(c, "%zu files of validation predictions for %zu systems; give one for all, or one each (- for none)", given,
                         s->count);
    for (size_t k = 0; k < s->count && given > 0; k++) {
        const char *own = file[given > 1 ? k : 0];
        s->validation[k] = strcmp(own, "-") == 0 ? NULL : own;
    }
    return CLI_DONE;
}

/* What can be told before any model runs. */
static int check_options(cli_context *c)
{
    static const char *const of_report[] = {"title", "run"};
    if (cli_int(c, "bootstraps") < 1) return cli_usage(c, "--bootstraps %lld; at least 1 is needed", (long long)cli_int(c, "bootstraps"));
    for (size_t k = 0; k < sizeof of_report / sizeof *of_report; k++) {
        if (cli_given(c, of_report[k]) && !cli_text(c, "report"))
            return cli_usage(c, "--%s is for the report; name it with --report FILE.html", of_report[k]);
    }
    return CLI_DONE;
}

int systems_open(cli_context *c, systems *s)
{
    int status = check_options(c);
    *s = (systems){.count = cli_arguments(c)};
    if (status != CLI_DONE) return status;
    s->entry = calloc(s->count, sizeof *s->entry);
    s->predictions = calloc(s->count, sizeof *s->predictions);
    s->name = calloc(s->count, sizeof *s->name);
    s->operating = calloc(s->count, sizeof *s->operating);
    s->validation = calloc(s->count, sizeof *s->validation);
    if (!s->entry || !s->predictions || !s->name || !s->operating || !s->validation) {
        systems_close(s);
        return out_of_memory(c);
    }
    name_all(c, s);
    status = take_validation(c, s);
    for (size_t k = 0; k < s->count && status == CLI_DONE; k++) {
        system_entry *e = &s->entry[k];
        status = open_entry(c, e, cli_argument(c, k));
        s->predictions[k] = e->predictions;
        s->name[k] = e->name;
        s->operating[k] = e->model ? &e->points : NULL;
    }
    if (status == CLI_DONE)
        s->task = common_task(s);
    else
        systems_close(s);
    return status;
}

void systems_close(systems *s)
{
    for (size_t k = 0; s->entry && k < s->count; k++) {
        system_entry *e = &s->entry[k];
        if (e->temporary) unlink(e->predictions);
        pclr_model_destroy(&e->model);
        free(e->threshold);
        free(e->class_name);
    }
    free(s->entry);
    free(s->predictions);
    free(s->name);
    free(s->operating);
    free(s->validation);
    *s = (systems){0};
}
