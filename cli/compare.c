/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "evaluation.h"

static const cli_option OPTIONS[] = {
    EVALUATION_OPTIONS,
    {.name = "name", .letter = 'n', .type = CLI_LIST, .argument = "NAME", .help = "name of a file in the result, in the order of the files"},
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE", .default_value = "-",
     .help = "where the result goes; - is standard output"},
    {.name = "report", .type = CLI_TEXT, .argument = "FILE.html", .help = "also write a report with the evaluations side by side"},
    {.name = "title", .type = CLI_TEXT, .argument = "TEXT", .help = "title of the report"},
    {.name = "run", .type = CLI_LIST, .argument = "RUN", .help = "run folder whose training curves and configuration the report shows"},
    {.name = "examples", .type = CLI_INT, .argument = "N", .default_value = "4", .help = "worst errors drawn in the report (labels from a dataset)"},
    {.name = NULL},
};

/* Evaluates each file on its own and puts them side by side. */
static int write_report(cli_context *c, const char *const *files, size_t count, const pclr_evaluate_options *options)
{
    pclr_evaluation **list = calloc(count, sizeof *list);
    pclr_error error = {0};
    pclr_callbacks callbacks = cli_callbacks(c);
    int exit_status = list ? CLI_DONE : CLI_FAILED;
    for (size_t k = 0; k < count && exit_status == CLI_DONE; k++) {
        if (pclr_evaluate(&list[k], files[k], cli_text(c, "labels"), options, &callbacks, &error) != PCLR_OK) exit_status = cli_fail(c, &error);
    }
    if (exit_status == CLI_DONE)
        exit_status = evaluation_report(c, cli_text(c, "report"), (const pclr_evaluation *const *)list, count, options->name);
    for (size_t k = 0; list && k < count; k++) pclr_evaluation_destroy(&list[k]);
    free(list);
    return exit_status;
}

static int run(cli_context *c)
{
    pclr_comparison *comparison = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = evaluation_options(c);
    pclr_callbacks callbacks = cli_callbacks(c);
    size_t count, names;
    const char *const *files = cli_argument_array(c, 0, &count);

    options.name = cli_list(c, "name", &names);
    if (names == 0) options.name = NULL;
    else if (names != count) return cli_usage(c, "%zu names for %zu files; give --name once a file or not at all", names, count);
    if (pclr_compare(&comparison, files, count, cli_text(c, "labels"), &options, &callbacks, &error) != PCLR_OK) return cli_fail(c, &error);
    int exit_status =
        evaluation_print(c, cli_text(c, "output"), cli_json(c) ? pclr_comparison_json(comparison) : pclr_comparison_text(comparison));
    pclr_comparison_destroy(&comparison);
    if (exit_status == CLI_DONE && cli_text(c, "report")) exit_status = write_report(c, files, count, &options);
    return exit_status;
}

const cli_command cli_compare_command = {
    .name = "compare",
    .summary = "paired comparison of prediction files",
    .arguments = "A.csv B.csv...",
    .arguments_min = 2,
    .arguments_max = -1,
    .description = "Compares two or more prediction files, of this program or any other, on the records and classes they share: every measure\n"
                   "with its interval, differences to the first file by a paired bootstrap over patients, and DeLong's test by class with\n"
                   "Holm's correction.",
    .examples = "physioclr compare simclr.csv physioclr.csv --labels dataset.h5 --task superclass --split folds:test --report report.html",
    .options = OPTIONS,
    .run = run,
};
