/* SPDX-License-Identifier: Apache-2.0 */
#include "evaluation.h"

static const cli_option OPTIONS[] = {
    EVALUATION_OPTIONS,
    {.name = NULL},
};

static int write_results(cli_context *c, const systems *s, const pclr_evaluation *e)
{
    const pclr_evaluation *const list[] = {e};
    int status = evaluation_print(c, cli_text(c, "output"), cli_json(c) ? pclr_evaluation_json(e) : pclr_evaluation_text(e));
    if (status == CLI_DONE && cli_text(c, "csv")) status = evaluation_print(c, cli_text(c, "csv"), pclr_evaluation_csv(e));
    if (status == CLI_DONE && cli_text(c, "report")) status = evaluation_report(c, cli_text(c, "report"), list, s->name, 1, NULL);
    return status;
}

static int run(cli_context *c)
{
    pclr_evaluation *evaluation = NULL;
    pclr_error error = {0};
    systems s;
    int status = systems_open(c, &s);
    if (status != CLI_DONE) return status;
    pclr_evaluate_options options = evaluation_options(c, &s);
    pclr_callbacks callbacks = cli_callbacks(c);
    if (pclr_evaluate(&evaluation, s.predictions[0], cli_text(c, "labels"), &options, &callbacks, &error) == PCLR_OK)
        status = write_results(c, &s, evaluation);
    else
        status = cli_fail(c, &error);
    pclr_evaluation_destroy(&evaluation);
    systems_close(&s);
    return status;
}

const cli_command cli_evaluate_command = {
    .name = "evaluate",
    .summary = "AUROC and other measures of predictions or of a model, with intervals",
    .arguments = "PREDICTIONS.csv|MODEL",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Compares predictions (record_id and a column of scores a class, from this program or any other) with labels and prints,\n"
        "per class and over the classes, AUROC, AUPRC, F1, Brier score and more with 95 % intervals by bootstrap over patients.\n"
        "A model.safetensors predicts the labels' dataset (or --recordings) first and brings its thresholds and temperature.\n"
        "Classes without positives or negatives are named and left out of averages. Thresholds and temperature of a prediction\n"
        "file come from validation records: with --split NAME:test those of NAME:validation when the file holds them.",
    .examples = "physioclr evaluate runs/probe/model.safetensors --labels dataset.h5 --split folds:test --report report.html\n"
                "physioclr evaluate predictions.csv --labels dataset.h5 --task superclass --split folds:test --csv numbers.csv\n"
                "physioclr evaluate predictions.csv --labels ptbxl_database.csv --task superclass --split strat_fold:8\n"
                "physioclr evaluate predictions.csv --labels labels.csv --json",
    .options = OPTIONS,
    .run = run,
};
