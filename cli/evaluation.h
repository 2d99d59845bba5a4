/* SPDX-License-Identifier: Apache-2.0 */
/* What evaluate and compare share. */
#ifndef PCLR_CLI_EVALUATION_H
#define PCLR_CLI_EVALUATION_H

#include "systems.h"

#define EVALUATION_OPTIONS                                                                                                              \
    {.name = "labels", .letter = 'l', .type = CLI_TEXT, .argument = "DATASET.h5|CSV", .required = true,                                 \
     .help = "labels: a dataset, or a CSV with record_id and 0/1 columns, or PTB-XL's table"},                                           \
        {.name = "task", .letter = 't', .type = CLI_TEXT, .argument = "NAME", .help = "task of the dataset; for PTB-XL's table superclass, rhythm or codes"}, \
        {.name = "split", .letter = 's', .type = CLI_TEXT, .argument = "NAME:PART", .help = "records to evaluate: NAME:test of a dataset, COLUMN:VALUES of a CSV (strat_fold:9-10)"}, \
        {.name = "classes", .type = CLI_TEXT, .argument = "A,B", .help = "evaluate these classes only"},                                  \
        {.name = "bootstraps", .letter = 'B', .type = CLI_INT, .argument = "N", .default_value = "1000", .help = "resamples"},            \
        {.name = "seed", .type = CLI_INT, .argument = "N", .default_value = "0", .help = "seed of the resamples"},                        \
        {.name = "interval", .type = CLI_TEXT, .argument = "KIND", .default_value = "bca", .help = "bca or percentile"},           \
        {.name = "stratified", .type = CLI_FLAG, .help = "draw patients within the stratum of their rarest positive class"},             \
        {.name = "specificity", .type = CLI_REAL, .argument = "X", .default_value = "0.9", .help = "specificity at which sensitivity is told"}, \
        {.name = "prevalence", .type = CLI_REAL, .argument = "X", .default_value = "0", .help = "prevalence at which the positive predictive value is told; 0: not"}, \
        {.name = "thresholds", .type = CLI_TEXT, .argument = "X|CLASS=X,...", .help = "call a class from this score on"},                \
        {.name = "validation", .type = CLI_LIST, .argument = "FILE.csv", .help = "predictions of the validation records, for thresholds and temperature; of several systems one each, in their order (-: none)"}, \
        {.name = "validation-split", .type = CLI_TEXT, .argument = "NAME:PART", .help = "which records those are"},                      \
        {.name = "recordings", .type = CLI_LIST, .argument = "RECORD|DIR|DATASET.h5", .help = "what models predict; without it the dataset of --labels"}, \
        {.name = "segment-seconds", .type = CLI_REAL, .argument = "S", .default_value = "0", .help = "models predict each whole segment of S seconds by itself; 0: recordings as a whole"}, \
        {.name = "allow-missing", .type = CLI_FLAG, .help = "records of the split without a prediction are a note, not an error"},       \
        {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE", .default_value = "-",                                    \
         .help = "where the result goes; - is standard output"},                                                                         \
        {.name = "csv", .type = CLI_TEXT, .argument = "FILE", .help = "also write all numbers as CSV"},                                  \
        {.name = "report", .type = CLI_TEXT, .argument = "FILE.html", .help = "also write a self-contained HTML report"},                \
        {.name = "title", .type = CLI_TEXT, .argument = "TEXT", .help = "title of the report"},                                          \
        {.name = "run", .type = CLI_LIST, .argument = "RUN", .help = "further run folder whose training curves, configuration and card the report shows; those that models and predictions lie in are found"}, \
        {.name = "examples", .type = CLI_INT, .argument = "N", .default_value = "4", .help = "worst errors of each system drawn in the report (labels from a dataset)"}, \
    {                                                                                                                                    \
        .name = "segments", .type = CLI_FLAG, .help = "evaluate rows with a column 'segment' one by one, not their mean per record"      \
    }

pclr_evaluate_options evaluation_options(const cli_context *c, const systems *s);
/* Writes text to a file or "-"; exit status. */
int evaluation_print(const cli_context *c, const char *path, const char *content);
/* HTML report with --title, --run, --examples; examples are drawn from the labels when they are a dataset. name[count]: of the systems;
 * comparison: NULL for one. */
int evaluation_report(const cli_context *c, const char *path, const pclr_evaluation *const *evaluations, const char *const *name,
                      size_t count, const pclr_comparison *comparison);

#endif
