/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "inference.h"

static const cli_option OPTIONS[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .argument = "FILE.npy",
     .required = true,
     .help = "where the embeddings go; their ids are written beside them"},
    CLI_INFERENCE_OPTIONS,
    {.name = NULL},
};

static int run(cli_context *c)
{
    if (strcmp(cli_text(c, "output"), "-") == 0) return cli_usage(c, "--output FILE.npy: no standard output, as ids are written beside it");
    return cli_inference(c, pclr_embed);
}

const cli_command cli_embed_command = {
    .name = "embed",
    .summary = "an encoder's embedding of recordings",
    .arguments = "MODEL RECORD|DIR|DATASET.h5...",
    .arguments_min = 2,
    .arguments_max = -1,
    .description =
        "Writes float32 [recordings][dimensions] as NPY, one row a recording (mean over its windows), and the ids, one a line, to\n"
        "FILE.npy.ids.txt. MODEL is an encoder.safetensors or a model.safetensors.",
    .examples = "physioclr embed runs/physioclr/encoder.safetensors archive/ -o embedding.npy",
    .options = OPTIONS,
    .run = run,
};
