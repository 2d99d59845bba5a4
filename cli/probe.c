/* SPDX-License-Identifier: Apache-2.0 */
#include "downstream.h"

static const cli_option OPTIONS[] = {
    CLI_DOWNSTREAM_OPTIONS,
    {.name = NULL},
};

static int run(cli_context *c)
{
    return cli_downstream(c, false, pclr_probe);
}

const cli_command cli_probe_command = {
    .name = "probe",
    .summary = "linear classifier on a frozen encoder, on features, or on both",
    .arguments = "DATASET.h5",
    .arguments_min = 1,
    .arguments_max = 1,
    .description =
        "Embeds every labelled recording of the split's training and validation parts (mean over windows) and fits one\n"
        "L2-regularised logistic regression a class by L-BFGS; the strength is chosen on validation. Without --encoder the encoder\n"
        "is random (seed and encoder.* of the configuration). The test part is not looked at. Writes RUN/model.safetensors.",
    .examples = "physioclr probe archive.h5 --encoder runs/physioclr/encoder.safetensors --task superclass -o runs/probe\n"
                "physioclr probe archive.h5 --input features --task rhythm --label-fraction 0.1 -o runs/features",
    .options = OPTIONS,
    .run = run,
};
