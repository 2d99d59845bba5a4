/* SPDX-License-Identifier: Apache-2.0 */
#include "inference.h"

static const cli_option OPTIONS[] = {
    {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "FILE.csv", .default_value = "-", .help = "where the result goes"},
    {.name = "segment-seconds",
     .type = CLI_REAL,
     .argument = "S",
     .default_value = "0",
     .help = "a row for each whole segment of S seconds, predicted by itself; 0: one for the recording"},
    CLI_INFERENCE_OPTIONS,
    {.name = NULL},
};

static int run(cli_context *c)
{
    return cli_inference(c, pclr_predict);
}

const cli_command cli_predict_command = {
    .name = "predict",
    .summary = "probabilities of a classifier's classes for recordings",
    .arguments = "MODEL RECORD|DIR|DATASET.h5...",
    .arguments_min = 2,
    .arguments_max = -1,
    .description =
        "Runs model.safetensors on recordings of any format, rate and length, by the model file's own preprocessing, and writes\n"
        "record_id and one column of probabilities a class. A folder is searched to the bottom; of a dataset, --split chooses a part.\n"
        "With --segment-seconds the columns segment (from 0) and start (s) follow record_id. A recording that cannot be used is reported\n"
        "and left out (exit status 4).",
    .examples = "physioclr predict runs/probe/model.safetensors archive/ -o predictions.csv\n"
                "physioclr predict runs/probe/model.safetensors archive.h5 --split default:test -o predictions.csv",
    .options = OPTIONS,
    .run = run,
};
