/* SPDX-License-Identifier: Apache-2.0 */
/* What commands that read recordings share: options for what a file does not tell, and how a batch of recordings ended. */
#ifndef PCLR_CLI_READING_H
#define PCLR_CLI_READING_H

#include "cli.h"

#define CLI_READING_OPTIONS                                                                                                                \
    {.name = "unit", .letter = 'u', .type = CLI_TEXT, .argument = "UNIT", .help = "unit of recordings that name none: mV, uV, V, nV"},     \
        {.name = "fs",                                                                                                                     \
         .type = CLI_REAL,                                                                                                                 \
         .argument = "HZ",                                                                                                                 \
         .default_value = "0",                                                                                                             \
         .help = "sampling rate of recordings that name none (CSV, NPY, MATLAB)"},                                                         \
    {                                                                                                                                      \
        .name = "lead-names", .type = CLI_TEXT, .argument = "NAMES",                                                                       \
        .help = "leads of recordings that name none, in the order of their columns"                                                        \
    }

/* The values of those options. */
pclr_read_options cli_reading(const cli_context *c);
/* Exit status of a command with --strict over many recordings; notes what was refused. */
int cli_batch_status(cli_context *c, const pclr_batch_summary *summary);

#endif
