/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands probe and finetune share. */
#ifndef PCLR_CLI_DOWNSTREAM_H
#define PCLR_CLI_DOWNSTREAM_H

#include "configuration.h"

#define CLI_DOWNSTREAM_OPTIONS                                                                                                             \
    {.name = "task",                                                                                                                       \
     .letter = 't',                                                                                                                        \
     .type = CLI_TEXT,                                                                                                                     \
     .argument = "TASK",                                                                                                                   \
     .required = true,                                                                                                                     \
     .help = "labels to learn: a task of the dataset"},                                                                                    \
        {.name = "output", .letter = 'o', .type = CLI_TEXT, .argument = "RUN", .required = true, .help = "run folder"},                    \
        {.name = "encoder", .letter = 'e', .type = CLI_TEXT, .argument = "FILE", .help = "encoder.safetensors of a pretraining run"},      \
        {.name = "split", .type = CLI_TEXT, .argument = "NAME", .help = "split of the dataset (default: its first)"},                      \
        {.name = "input",                                                                                                                  \
         .type = CLI_TEXT,                                                                                                                 \
         .argument = "embedding|features|both",                                                                                            \
         .default_value = "embedding",                                                                                                     \
         .help = "what the head sees"},                                                                                                    \
        {.name = "label-fraction",                                                                                                         \
         .letter = 'f',                                                                                                                    \
         .type = CLI_REAL,                                                                                                                 \
         .argument = "F",                                                                                                                  \
         .default_value = "1",                                                                                                             \
         .help = "share of the training patients whose labels are used; subsets are nested"},                                              \
        {.name = "label-seed", .type = CLI_INT, .argument = "N", .default_value = "42", .help = "seed that orders the patients"},          \
        CLI_CONFIGURATION_OPTIONS

typedef pclr_status (*cli_trainer)(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config,
                                   const char *run, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);
int cli_downstream(cli_context *c, bool resume, cli_trainer trainer);

#endif
