/* SPDX-License-Identifier: Apache-2.0 */
#include "evaluation.h"

#include <string.h>

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
        .validation = cli_text(c, "validation"),
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

int evaluation_report(const cli_context *c, const char *path, const pclr_evaluation *const *evaluations, size_t count,
                      const pclr_comparison *comparison)
{
    pclr_error error = {0};
    const char *labels = cli_text(c, "labels");
    pclr_report_options options = {.title = cli_text(c, "title"), .comparison = comparison, .examples = (size_t)cli_int(c, "examples")};
    options.run = cli_list(c, "run", &options.runs);
    options.dataset = labels && pclr_dataset_is(labels) && cli_int(c, "examples") > 0 ? labels : NULL;
    if (pclr_report_write(path, evaluations, count, &options, &error) != PCLR_OK) return cli_fail(c, &error);
    cli_note(c, "report written to %s", path);
    return CLI_DONE;
}
