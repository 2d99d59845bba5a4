/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's frame. A command is one file cli/NAME.c with one table of options; parsing, --help, the man page and shell
 * completion are derived from the table. The file defines `const cli_command cli_NAME_command`; cli/main.c lists it with one line.
 * Only <physioclr.h> of the library is seen here.
 */
#ifndef PCLR_CLI_CLI_H
#define PCLR_CLI_CLI_H

#include <physioclr.h>
#include <stdio.h>

typedef enum cli_type { CLI_FLAG, CLI_TEXT, CLI_INT, CLI_REAL, CLI_LIST /* may be given several times */ } cli_type;

typedef struct cli_option {
    const char *name;          /* "output" for --output; NULL ends a table */
    char letter;               /* 'o' for -o; 0 none */
    cli_type type;
    const char *argument;      /* shown in help: "FILE"; NULL for flags */
    const char *default_value; /* as text; NULL: none */
    bool required;
    const char *help;
} cli_option;

typedef struct cli_context cli_context;

typedef struct cli_command {
    const char *name;
    const char *summary;       /* one line for `physioclr --help` */
    const char *arguments;     /* "DATASET.h5 SOURCE..." */
    int arguments_min, arguments_max; /* -1: any number */
    const char *description;   /* paragraphs for --help and the man page */
    const char *examples;      /* lines "physioclr import ..." */
    const cli_option *options; /* own options; the common ones are added: --threads --quiet --progress --json --help */
    int (*run)(cli_context *context); /* exit status */
} cli_command;

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_UNUSABLE = 3, CLI_PARTIAL = 4, CLI_INTERRUPTED = 130 };

/* Values, by option name; defaults already applied. Asking for an option that is not in the table is a programming error (aborts). */
bool cli_given(const cli_context *c, const char *name); /* on the command line */
bool cli_flag(const cli_context *c, const char *name);
const char *cli_text(const cli_context *c, const char *name); /* NULL when neither given nor defaulted */
int64_t cli_int(const cli_context *c, const char *name);
double cli_real(const cli_context *c, const char *name);
const char *const *cli_list(const cli_context *c, const char *name, size_t *count);
size_t cli_arguments(const cli_context *c);
const char *cli_argument(const cli_context *c, size_t k);
const char *const *cli_argument_array(const cli_context *c, size_t first, size_t *count);

int cli_threads(const cli_context *c);   /* --threads, 0: all */
bool cli_json(const cli_context *c);
/* Progress (a bar on a terminal, JSON lines with --progress jsonl, nothing with --quiet or --json), log to stderr, stop on SIGINT, SIGTERM or SIGUSR1. */
pclr_callbacks cli_callbacks(cli_context *c);
/* Prints "physioclr COMMAND: message" to stderr and returns the exit status that fits the error. */
int cli_fail(const cli_context *c, const pclr_error *error);
/* That exit status, without a word. */
int cli_status(const pclr_error *error);
/* Wrong use: message, hint to --help; returns CLI_USAGE. */
int cli_usage(const cli_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Note to stderr unless --quiet. */
void cli_note(const cli_context *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens the output named `path` ("-" or NULL: stdout); cli_output_close reports late errors, renames a temporary into place. */
typedef struct cli_output {
    FILE *stream;
    char path[4096], temporary[4200];
} cli_output;
int cli_output_open(const cli_context *c, cli_output *out, const char *path); /* CLI_DONE or an exit status */
int cli_output_close(const cli_context *c, cli_output *out, bool keep);
/* Where temporary files go: TMPDIR, else /tmp. */
const char *cli_temporary_folder(void);
/* Whether a file has this ending: cli_ends_with(path, ".csv"). */
bool cli_ends_with(const char *text, const char *ending);
/* Prints a JSON string literal. */
void cli_json_string(FILE *out, const char *text);

#endif
