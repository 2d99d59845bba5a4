/* SPDX-License-Identifier: Apache-2.0 */
#include "downstream.h"

static const cli_option OPTIONS[] = {
    CLI_DOWNSTREAM_OPTIONS,
    {.name = "resume", .type = CLI_FLAG, .help = "keep the members of an ensemble that are finished"},
    {.name = NULL},
};

static int run(cli_context *c)
{
    return cli_downstream(c, cli_flag(c, "resume"), pclr_finetune);
}

const cli_command cli_finetune_command = {
    .name = "finetune",
    .summary = "train encoder and head on labels",
    .arguments = "DATASET.h5",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Trains the whole network on the split's training part (multi-label cross-entropy), keeps the weights with the best\n"
        "validation macro AUROC, and chooses temperature and thresholds on validation. Without --encoder: from scratch. --input both\n"
        "joins the physiological features to the embedding. finetune.members trains several networks whose probabilities are\n"
        "averaged. The test part is not looked at. Writes RUN/model.safetensors.",
    .examples = "physioclr finetune archive.h5 --encoder runs/physioclr/encoder.safetensors --task superclass -o runs/finetuned\n"
                "physioclr finetune archive.h5 --task superclass -o runs/scratch --set encoder.name=s4",
    .options = OPTIONS,
    .run = run,
};
