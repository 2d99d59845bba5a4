/* SPDX-License-Identifier: Apache-2.0 */
/* The frame's own side of cli.h: what options.c, help.c, context.c and main.c share. Commands do not include it. */
#ifndef PCLR_CLI_FRAME_H
#define PCLR_CLI_FRAME_H

#include "cli.h"

typedef struct cli_value {
    const cli_option *option;
    bool given;
    const char *text;     /* last value, or the default */
    const char **list;    /* CLI_LIST: all values */
    size_t count;
} cli_value;

typedef struct cli_bar {
    int width;   /* characters of a bar on the current line; 0: none */
    bool colour; /* stderr is a terminal and NO_COLOR is not set */
} cli_bar;

struct cli_context {
    const cli_command *command;
    cli_value *value;
    size_t values;
    const char **argument;
    size_t arguments;
    bool help;
    cli_bar bar;
};

/* Options every command has, ended by a NULL name. */
enum { CLI_COMMON_OPTIONS = 5 };
extern const cli_option cli_common_options[CLI_COMMON_OPTIONS + 1];
extern const cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* Parses argv[0..argc) (behind the command's name). CLI_DONE, or CLI_USAGE after a message. */
int cli_parse(cli_context *c, const cli_command *command, int argc, char **argv);
void cli_free(cli_context *c);
const cli_command *cli_find(const char *name);
/* Of two names the one that a misspelt `word` is closer to, by edit distance; NULL when neither is close. Start with NULL. */
const char *cli_closer(const char *word, const char *best, const char *name);

void cli_print_help(FILE *out, const cli_command *command);
void cli_print_overview(FILE *out);
void cli_print_man(FILE *out, const cli_command *command);       /* roff; NULL: the overview page */
void cli_print_completion(FILE *out, const char *shell);          /* bash, zsh or fish */
int cli_run_help(int argc, char **argv);                          /* physioclr help [COMMAND] [--man] [--completion SHELL] */

/* Installs SIGINT, SIGTERM and SIGUSR1 handlers that ask the running command to stop; a second signal ends at once. */
void cli_catch_signals(void);
bool cli_interrupted(void);
void cli_bar_clear(cli_bar *bar);

#endif
