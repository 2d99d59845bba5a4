/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "evaluation.h"

static const cli_option OPTIONS[] = {
    EVALUATION_OPTIONS,
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE", .default_value = "-",
     .help = "where the result goes; - is standard output"},
    {.name = "csv", .type = CLI_TEXT, .argument = "FILE", .help = "also write all numbers as CSV"},
    {.name = "report", .type = CLI_TEXT, .argument = "FILE.html", .help = "also write a self-contained HTML report"},
    {.name = "title", .type = CLI_TEXT, .argument = "TEXT", .help = "title of the report"},
    {.name = "run", .type = CLI_LIST, .argument = "RUN", .help = "run folder whose training curves and configuration the report shows"},
    {.name = "examples", .type = CLI_INT, .argument = "N", .default_value = "4", .help = "worst errors drawn in the report (labels from a dataset)"},
    {.name = NULL},
};

static int run(cli_context *c)
{
    pclr_evaluation *evaluation = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = evaluation_options(c);
    pclr_callbacks callbacks = cli_callbacks(c);
    const char *report = cli_text(c, "report");
    int exit_status = CLI_DONE;

    if (pclr_evaluate(&evaluation, cli_argument(c, 0), cli_text(c, "labels"), &options, &callbacks, &error) != PCLR_OK)
        return cli_fail(c, &error);
    exit_status = evaluation_print(c, cli_text(c, "output"), cli_json(c) ? pclr_evaluation_json(evaluation) : pclr_evaluation_text(evaluation));
    if (exit_status == CLI_DONE && cli_text(c, "csv")) exit_status = evaluation_print(c, cli_text(c, "csv"), pclr_evaluation_csv(evaluation));
    if (exit_status == CLI_DONE && report) {
        const pclr_evaluation *const list[] = {evaluation};
        exit_status = evaluation_report(c, report, list, 1, NULL);
    }
    pclr_evaluation_destroy(&evaluation);
    return exit_status;
}

const cli_command cli_evaluate_command = {
    .name = "evaluate",
    .summary = "AUROC and other measures of predictions, with intervals",
    .arguments = "PREDICTIONS.csv",
    .arguments_min = 1,
    .arguments_max = 1,
    .description = "Compares a prediction file (record_id and a column of scores a class, from this program or any other) with labels and\n"
                   "prints, per class and over the classes, AUROC, AUPRC, F1, Brier score and more with 95 % intervals by bootstrap over\n"
                   "patients. Classes without positives or negatives are named and left out of averages. Thresholds and temperature come\n"
                   "from validation records: with --split NAME:test those of NAME:validation when the file holds them.",
    .examples = "physioclr evaluate predictions.csv --labels dataset.h5 --task superclass --split folds:test --report report.html\n"
                "physioclr evaluate predictions.csv --labels ptbxl_database.csv --task superclass --split strat_fold:8\n"
                "physioclr evaluate predictions.csv --labels labels.csv --json",
    .options = OPTIONS,
    .run = run,
};
