/* SPDX-License-Identifier: Apache-2.0 */
/* The program: one table of commands, in the order of a user's way through them. */
#include <errno.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "frame.h"

/* clang-format off */
#define EACH_COMMAND(X) \
    X(simulate)         \
    X(import)           \
    X(check)            \
    X(info)             \
    X(export)           \
    X(fiducials)        \
    X(features)         \
    X(pretrain)         \
    X(probe)            \
    X(finetune)         \
    X(embed)            \
    X(predict)          \
    X(evaluate)         \
    X(compare)          \
    X(plot)             \
    X(study)            \
    X(bench)            \
    X(version)
/* clang-format on */

#define DECLARE(name) extern const cli_command cli_##name##_command;
EACH_COMMAND(DECLARE)

#define ADDRESS(name) &cli_##name##_command,
const cli_command *const cli_commands[] = {EACH_COMMAND(ADDRESS)};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

const cli_command *cli_find(const char *name)
{
    for (size_t k = 0; k < cli_command_count; k++)
        if (strcmp(cli_commands[k]->name, name) == 0) return cli_commands[k];
    return NULL;
}

static int no_such_command(const char *name)
{
    const char *near = NULL;
    for (size_t k = 0; k < cli_command_count; k++) near = cli_closer(name, near, cli_commands[k]->name);
    fprintf(stderr, "physioclr: no command '%s'", name);
    if (near) fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\n'physioclr --help' lists the commands\n", stderr);
    return CLI_USAGE;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_context context;
    int status = cli_parse(&context, command, argc, argv);
    if (status == CLI_DONE && context.help)
        cli_print_help(stdout, command);
    else if (status == CLI_DONE)
        status = command->run(&context);
    cli_free(&context);
    return status;
}

/* What was printed must have arrived: a full disk or a closed pipe is a failure. */
static int close_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "physioclr: cannot write to standard output: %s\n", strerror(errno));
    return status == CLI_DONE ? CLI_FAILED : status;
}

/* Keeps the memory of one recording's work for the next, which otherwise goes back to the system and comes again page by page. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    enum { MB = 1 << 20 };
    mallopt(M_MMAP_THRESHOLD, 256 * MB); /* a day at 250 Hz is 83 MB a lead */
    mallopt(M_TRIM_THRESHOLD, 1024 * MB);
#endif
}

int main(int argc, char **argv)
{
    keep_memory();
    cli_catch_signals();
    if (argc < 2) {
        cli_print_overview(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return close_output(cli_run_help(argc - 2, argv + 2));
    if (strcmp(name, "--version") == 0) name = "version";
    const cli_command *command = cli_find(name);
    if (!command) return no_such_command(name);
    return close_output(run(command, argc - 2, argv + 2));
}
