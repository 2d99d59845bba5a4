/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "evaluation.h"

static const cli_option OPTIONS[] = {
    EVALUATION_OPTIONS,
    {.name = "name",
     .letter = 'n',
     .type = CLI_LIST,
     .argument = "NAME",
     .help = "name of a system in the result, in the order of the arguments"},
    {.name = NULL},
};

static int write_report(cli_context *c, const char *const *name, const pclr_comparison *comparison)
{
    size_t count = pclr_comparison_count(comparison);
    const pclr_evaluation **list = calloc(count, sizeof *list);
    if (list == NULL) return CLI_FAILED;
    for (size_t k = 0; k < count; k++) list[k] = pclr_comparison_evaluation(comparison, k);
    int status = evaluation_report(c, cli_text(c, "report"), list, name, count, comparison);
    free(list);
    return status;
}

static int write_results(cli_context *c, const char *const *name, const pclr_comparison *comparison)
{
    int status =
        evaluation_print(c, cli_text(c, "output"), cli_json(c) ? pclr_comparison_json(comparison) : pclr_comparison_text(comparison));
    if (status == CLI_DONE && cli_text(c, "csv")) status = evaluation_print(c, cli_text(c, "csv"), pclr_comparison_csv(comparison));
    if (status == CLI_DONE && cli_text(c, "report")) status = write_report(c, name, comparison);
    return status;
}

static int run(cli_context *c)
{
    pclr_comparison *comparison = NULL;
    pclr_error error = {0};
    systems s;
    size_t names;
    const char *const *name = cli_list(c, "name", &names);

    if (names != 0 && names != cli_arguments(c))
        return cli_usage(c, "%zu names for %zu systems; give --name once a system or not at all", names, cli_arguments(c));
    int status = systems_open(c, &s);
    if (status != CLI_DONE) return status;
    pclr_evaluate_options options = evaluation_options(c, &s);
    pclr_callbacks callbacks = cli_callbacks(c);
    if (names != 0) options.name = name;
    if (pclr_compare(&comparison, s.predictions, s.count, cli_text(c, "labels"), &options, &callbacks, &error) == PCLR_OK)
        status = write_results(c, options.name, comparison);
    else
        status = cli_fail(c, &error);
    pclr_comparison_destroy(&comparison);
    systems_close(&s);
    return status;
}

const cli_command cli_compare_command = {
    .name = "compare",
    .summary = "paired comparison of predictions or models",
    .arguments = "A.csv|MODEL B.csv|MODEL...",
    .arguments_min = 2,
    .arguments_max = -1,
    .description =
        "Compares two or more systems on the records and classes they share: prediction files of this program or any other, and\n"
        "model files, which predict the labels' dataset (or --recordings) first. Every measure with its interval, differences to\n"
        "the first by a paired bootstrap over patients, and by class a test of AUROC from DeLong's variance with Holm's correction.",
    .examples = "physioclr compare simclr/model.safetensors physioclr/model.safetensors --labels dataset.h5 --split folds:test\n"
                "physioclr compare theirs.csv ours.csv --labels dataset.h5 --task superclass --split folds:test --report report.html",
    .options = OPTIONS,
    .run = run,
};
