/* SPDX-License-Identifier: Apache-2.0 */
/* The options -c and --set, shared by the commands that train. */
#ifndef PCLR_CLI_CONFIGURATION_H
#define PCLR_CLI_CONFIGURATION_H

#include "cli.h"

#define CLI_CONFIGURATION_OPTIONS                                                                                                          \
    {.name = "config",                                                                                                                     \
     .letter = 'c',                                                                                                                        \
     .type = CLI_TEXT,                                                                                                                     \
     .argument = "FILE.yaml",                                                                                                              \
     .help = "settings; keys and defaults: physioclr pretrain --keys"},                                                                    \
    {.name = "device",                                                                                                                     \
     .type = CLI_TEXT,                                                                                                                     \
     .argument = "cpu|cuda",                                                                                                               \
     .help = "where to train: the processor, or an NVIDIA GPU (as train.backend says)"},                                                   \
    {                                                                                                                                      \
        .name = "set", .letter = 's', .type = CLI_LIST, .argument = "KEY=VALUE",                                                           \
        .help = "one setting, over the file's; may be given several times"                                                                 \
    }

/* Defaults, then `before` (a YAML file or NULL), then --config, then --set, then --threads. CLI_DONE, or an exit status after a message. */
int cli_configuration(cli_context *c, const char *before, pclr_config **config);
/* Prints the table of keys with defaults and help. */
int cli_print_keys(void);
/* Prints the result of a training command, as text or JSON. */
void cli_print_summary(const cli_context *c, const char *run, const char *file, const pclr_train_summary *summary);

#endif
