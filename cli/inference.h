/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands predict and embed share. */
#ifndef PCLR_CLI_INFERENCE_H
#define PCLR_CLI_INFERENCE_H

#include "reading.h"

#define CLI_INFERENCE_OPTIONS                                                                                                              \
    {.name = "split", .type = CLI_TEXT, .argument = "NAME:PART", .help = "part of a dataset's split: train, validation or test"},          \
        CLI_READING_OPTIONS,                                                                                                               \
    {                                                                                                                                      \
        .name = "strict", .type = CLI_FLAG, .help = "exit with status 3 when any recording is refused"                                     \
    }

typedef pclr_status (*cli_runner)(const char *model_path, const char *const *inputs, size_t input_count, const char *path,
                                  const pclr_inference_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary,
                                  pclr_error *error);
int cli_inference(cli_context *c, cli_runner runner);

#endif
