/* SPDX-License-Identifier: Apache-2.0 */
/* Help texts, man pages and shell completion, all derived from the tables of options. */
#include <ctype.h>
#include <string.h>

#include "frame.h"

/* The letter of an option; a common option loses its letter to a command's own option. */
static char letter_of(const cli_option *o, const cli_command *command)
{
    bool common = o >= cli_common_options && o < cli_common_options + CLI_COMMON_OPTIONS;
    for (const cli_option *own = command->options; common && own && own->name; own++)
        if (own->letter == o->letter) return 0;
    return o->letter;
}

static void print_option(FILE *out, const cli_option *o, const cli_command *command)
{
    char left[64], letter = letter_of(o, command);
    int n = letter ? snprintf(left, sizeof left, "  -%c, --%s", letter, o->name) : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->argument) snprintf(left + n, sizeof left - (size_t)n, " %s", o->argument);
    if (strlen(left) > 30)
        fprintf(out, "%s\n%31s", left, "");
    else
        fprintf(out, "%-30s ", left);
    fputs(o->help, out);
    if (o->required) fputs(" (required)", out);
    if (o->default_value && *o->default_value) fprintf(out, " [%s]", o->default_value);
    fputc('\n', out);
}

/* The lines of a text, each behind `indent` blanks; a table may hold them indented or not. */
static void print_lines(FILE *out, const char *text, int indent)
{
    while (*text) {
        text += strspn(text, " ");
        size_t length = strcspn(text, "\n");
        fprintf(out, "%*s%.*s\n", length > 0 ? indent : 0, "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void cli_print_help(FILE *out, const cli_command *command)
{
    fprintf(out, "physioclr %s: %s\n\nusage: physioclr %s [OPTION...]%s%s\n", command->name, command->summary, command->name,
            command->arguments[0] ? " " : "", command->arguments);
    if (command->description) fprintf(out, "\n%s\n", command->description);
    if (command->options && command->options[0].name) fputs("\noptions\n", out);
    for (const cli_option *o = command->options; o && o->name; o++) print_option(out, o, command);
    fputs("\ncommon options\n", out);
    for (const cli_option *o = cli_common_options; o->name; o++) print_option(out, o, command);
    if (command->examples) {
        fputs("\nexamples\n", out);
        print_lines(out, command->examples, 2);
    }
    fputs("\nexit status: 0 done, 1 failed, 2 wrong use, 3 input not usable, 4 done in part, 130 interrupted\n", out);
}

void cli_print_overview(FILE *out)
{
    fputs("physioclr: from an archive of ECG recordings to a published AUROC\n\nusage: physioclr COMMAND [OPTION...] "
          "[ARGUMENT...]\n\ncommands\n",
          out);
    for (size_t k = 0; k < cli_command_count; k++) fprintf(out, "  %-11s %s\n", cli_commands[k]->name, cli_commands[k]->summary);
    fputs("\n'physioclr COMMAND --help' tells more; 'physioclr help --completion bash' prints shell completion,\n"
          "'physioclr help --man [COMMAND]' a man page.\n"
          "Results go to standard output, progress and messages to standard error.\n",
          out);
}

/* Text for roff: leading dots and quotes must not be requests, backslashes and hyphens must stay what they are. */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void man_options(FILE *out, const cli_option *options, const cli_command *command)
{
    for (const cli_option *o = options; o && o->name; o++) {
        char letter = letter_of(o, command);
        fputs(".TP\n\\fB", out);
        if (letter) fprintf(out, "\\-%c\\fR, \\fB", letter);
        fputs("\\-\\-", out);
        roff(out, o->name);
        fputs("\\fR", out);
        if (o->argument) fprintf(out, " \\fI%s\\fR", o->argument);
        fputc('\n', out);
        roff(out, o->help);
        if (o->default_value && *o->default_value) {
            fputs(" (default ", out);
            roff(out, o->default_value);
            fputc(')', out);
        }
        fputc('\n', out);
    }
}

static void man_overview(FILE *out)
{
    fprintf(out, ".TH PHYSIOCLR 1 \"\" \"physioclr %s\" \"physioclr\"\n.SH NAME\nphysioclr \\- from ECG recordings to a published AUROC\n",
            pclr_version());
    fputs(".SH SYNOPSIS\n\\fBphysioclr\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n.SH COMMANDS\n", out);
    for (size_t k = 0; k < cli_command_count; k++) {
        fprintf(out, ".TP\n\\fB%s\\fR(1)\n", cli_commands[k]->name);
        roff(out, cli_commands[k]->summary);
        fputc('\n', out);
    }
}

void cli_print_man(FILE *out, const cli_command *command)
{
    if (!command) {
        man_overview(out);
        return;
    }
    fputs(".TH PHYSIOCLR-", out);
    for (const char *p = command->name; *p; p++) fputc(toupper((unsigned char)*p), out);
    fprintf(out, " 1 \"\" \"physioclr %s\" \"physioclr\"\n.SH NAME\nphysioclr\\-%s \\- ", pclr_version(), command->name);
    roff(out, command->summary);
    fprintf(out, "\n.SH SYNOPSIS\n\\fBphysioclr %s\\fR [\\fIOPTION\\fR...] ", command->name);
    roff(out, command->arguments);
    fputc('\n', out);
    if (command->description) {
        fputs(".SH DESCRIPTION\n", out);
        roff(out, command->description);
        fputc('\n', out);
    }
    fputs(".SH OPTIONS\n", out);
    man_options(out, command->options, command);
    man_options(out, cli_common_options, command);
    if (command->examples) {
        fputs(".SH EXAMPLES\n.nf\n", out);
        roff(out, command->examples);
        fputs("\n.fi\n", out);
    }
    fputs(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong use, 3 input not usable, 4 done in part, 130 interrupted\n", out);
}

static void bash_words(FILE *out, const cli_option *options)
{
    for (const cli_option *o = options; o && o->name; o++) fprintf(out, " --%s", o->name);
}

static void complete_bash(FILE *out)
{
    fputs("_physioclr() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"", out);
    for (size_t k = 0; k < cli_command_count; k++) fprintf(out, "%s ", cli_commands[k]->name);
    fputs("help\" -- \"$cur\")); return; fi\n  case ${COMP_WORDS[1]} in\n", out);
    for (size_t k = 0; k < cli_command_count; k++) {
        fprintf(out, "  %s) local words=\"", cli_commands[k]->name);
        bash_words(out, cli_commands[k]->options);
        bash_words(out, cli_common_options);
        fputs("\";;\n", out);
    }
    fputs("  *) local words=\"\";;\n  esac\n  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); else "
          "COMPREPLY=($(compgen -f -- \"$cur\")); fi\n}\n"
          "complete -o filenames -F _physioclr physioclr\n",
          out);
}

static void complete_zsh(FILE *out)
{
    fputs("#compdef physioclr\nautoload -U +X bashcompinit && bashcompinit\n", out);
    complete_bash(out);
}

static void fish_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void complete_fish(FILE *out)
{
    for (size_t k = 0; k < cli_command_count; k++) {
        const cli_command *c = cli_commands[k];
        fprintf(out, "complete -c physioclr -n __fish_use_subcommand -a %s -d ", c->name);
        fish_text(out, c->summary);
        fputc('\n', out);
        for (int common = 0; common < 2; common++)
            for (const cli_option *o = common ? cli_common_options : c->options; o && o->name; o++) {
                fprintf(out, "complete -c physioclr -n '__fish_seen_subcommand_from %s' -l %s ", c->name, o->name);
                if (letter_of(o, c)) fprintf(out, "-s %c ", letter_of(o, c));
                if (o->type != CLI_FLAG) fputs("-r ", out);
                fputs("-d ", out);
                fish_text(out, o->help);
                fputc('\n', out);
            }
    }
}

void cli_print_completion(FILE *out, const char *shell)
{
    if (strcmp(shell, "zsh") == 0)
        complete_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        complete_fish(out);
    else
        complete_bash(out);
}

int cli_run_help(int argc, char **argv)
{
    bool man = false;
    const cli_command *command = NULL;
    for (int k = 0; k < argc; k++) {
        if (strcmp(argv[k], "--man") == 0) {
            man = true;
        } else if (strcmp(argv[k], "--completion") == 0 && k + 1 < argc) {
            cli_print_completion(stdout, argv[k + 1]);
            return CLI_DONE;
        } else if (!(command = cli_find(argv[k]))) {
            fprintf(stderr, "physioclr help: no command '%s'\n", argv[k]);
            return CLI_USAGE;
        }
    }
    if (man)
        cli_print_man(stdout, command);
    else if (command)
        cli_print_help(stdout, command);
    else
        cli_print_overview(stdout);
    return CLI_DONE;
}
