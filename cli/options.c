/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of a command line by a command's table of options. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

const cli_option cli_common_options[CLI_COMMON_OPTIONS + 1] = {
    {"threads", 't', CLI_INT, "N", "0", false, "threads to compute with; 0: all processors"},
    {"quiet", 'q', CLI_FLAG, NULL, NULL, false, "no progress and no notes, errors only"},
    {"progress", 0, CLI_TEXT, "WHEN", "auto", false, "auto: a bar on a terminal; jsonl: a JSON line an update; none"},
    {"json", 0, CLI_FLAG, NULL, NULL, false, "result as JSON on standard output, where it is a table"},
    {"help", 'h', CLI_FLAG, NULL, NULL, false, "this text"},
    {NULL, 0, CLI_FLAG, NULL, NULL, false, NULL},
};

static size_t count_options(const cli_option *options)
{
    size_t n = 0;
    while (options && options[n].name) n++;
    return n;
}

static int set_up(cli_context *c, const cli_command *command, int argc)
{
    size_t own = count_options(command->options), common = count_options(cli_common_options);
    *c = (cli_context){.command = command, .values = own + common};
    c->value = calloc(c->values, sizeof *c->value);
    c->argument = calloc((size_t)argc + 1, sizeof *c->argument);
    if (!c->value || !c->argument) return CLI_FAILED;
    for (size_t k = 0; k < c->values; k++) {
        c->value[k].option = k < own ? &command->options[k] : &cli_common_options[k - own];
        c->value[k].text = c->value[k].option->default_value;
        if (c->value[k].option->type != CLI_LIST) continue;
        c->value[k].list = calloc((size_t)argc + 1, sizeof *c->value[k].list);
        if (!c->value[k].list) return CLI_FAILED;
    }
    return CLI_DONE;
}

static cli_value *find_long(cli_context *c, const char *name, size_t length)
{
    for (size_t k = 0; k < c->values; k++)
        if (strlen(c->value[k].option->name) == length && strncmp(c->value[k].option->name, name, length) == 0) return &c->value[k];
    return NULL;
}

static cli_value *find_short(cli_context *c, char letter)
{
    for (size_t k = 0; k < c->values; k++)
        if (c->value[k].option->letter == letter) return &c->value[k];
    return NULL;
}

/* Levenshtein distance over one row of the table; long words are never close. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LENGTH_MAX = 63 };
    size_t row[LENGTH_MAX + 1], m = strlen(a), n = strlen(b);
    if (m > LENGTH_MAX || n > LENGTH_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]), add = row[j - 1] + 1, drop = row[j] + 1;
            diagonal = row[j];
            row[j] = add < drop ? add : drop;
            if (change < row[j]) row[j] = change;
        }
    }
    return row[n];
}

const char *cli_closer(const char *word, const char *best, const char *name)
{
    size_t limit = best ? edit_distance(word, best) : strlen(word) / 2 + 1;
    return edit_distance(word, name) < limit ? name : best;
}

static int no_such_option(const cli_context *c, const char *name)
{
    const char *near = NULL;
    for (size_t k = 0; k < c->values; k++) near = cli_closer(name, near, c->value[k].option->name);
    return near ? cli_usage(c, "no option '--%s'; did you mean '--%s'?", name, near) : cli_usage(c, "no option '--%s'", name);
}

static bool is_number(const char *text, bool whole)
{
    char *end = NULL;
    errno = 0;
    if (whole)
        (void)strtoll(text, &end, 10);
    else
        (void)strtod(text, &end);
    return errno == 0 && end != text && *end == '\0';
}

static int assign(cli_context *c, cli_value *value, const char *text)
{
    const cli_option *o = value->option;
    value->given = true;
    if (o->type == CLI_FLAG) return CLI_DONE;
    if (o->type == CLI_INT && !is_number(text, true)) return cli_usage(c, "--%s takes a whole number, found '%s'", o->name, text);
    if (o->type == CLI_REAL && !is_number(text, false)) return cli_usage(c, "--%s takes a number, found '%s'", o->name, text);
    value->text = text;
    if (o->type == CLI_LIST) value->list[value->count++] = text;
    return CLI_DONE;
}

/* --name, --name VALUE, --name=VALUE. *k moves past a value that was a word of its own. */
static int parse_long(cli_context *c, int argc, char **argv, int *k)
{
    const char *name = argv[*k] + 2, *equal = strchr(name, '=');
    cli_value *value = find_long(c, name, equal ? (size_t)(equal - name) : strlen(name));
    if (!value) return no_such_option(c, name);
    if (value->option->type == CLI_FLAG) return equal ? cli_usage(c, "--%s takes no value", value->option->name) : assign(c, value, NULL);
    if (equal) return assign(c, value, equal + 1);
    if (*k + 1 >= argc) return cli_usage(c, "--%s needs a value: %s", value->option->name, value->option->argument);
    return assign(c, value, argv[++*k]);
}

/* -q, -qh, -oFILE, -o FILE. */
static int parse_short(cli_context *c, int argc, char **argv, int *k)
{
    for (const char *p = argv[*k] + 1; *p; p++) {
        cli_value *value = find_short(c, *p);
        if (!value) return cli_usage(c, "no option '-%c'", *p);
        if (value->option->type == CLI_FLAG) {
            int status = assign(c, value, NULL);
            if (status != CLI_DONE) return status;
            continue;
        }
        if (p[1]) return assign(c, value, p + 1);
        if (*k + 1 >= argc) return cli_usage(c, "-%c needs a value: %s", *p, value->option->argument);
        return assign(c, value, argv[++*k]);
    }
    return CLI_DONE;
}

static int check_complete(cli_context *c)
{
    const cli_command *command = c->command;
    for (size_t k = 0; k < c->values; k++)
        if (c->value[k].option->required && !c->value[k].given) return cli_usage(c, "--%s is required", c->value[k].option->name);
    if ((int)c->arguments < command->arguments_min) return cli_usage(c, "expected %s", command->arguments);
    if (command->arguments_max >= 0 && (int)c->arguments > command->arguments_max)
        return cli_usage(c, "unexpected argument '%s'", c->argument[command->arguments_max]);
    const char *progress = cli_text(c, "progress");
    if (strcmp(progress, "auto") != 0 && strcmp(progress, "jsonl") != 0 && strcmp(progress, "none") != 0)
        return cli_usage(c, "--progress is auto, jsonl or none, found '%s'", progress);
    return CLI_DONE;
}

int cli_parse(cli_context *c, const cli_command *command, int argc, char **argv)
{
    int status = set_up(c, command, argc);
    if (status != CLI_DONE) {
        fprintf(stderr, "physioclr %s: out of memory\n", command->name);
        return status;
    }
    bool only_arguments = false;
    for (int k = 0; k < argc && status == CLI_DONE; k++) {
        const char *word = argv[k];
        if (only_arguments || word[0] != '-' || word[1] == '\0')
            c->argument[c->arguments++] = word;
        else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else if (word[1] == '-')
            status = parse_long(c, argc, argv, &k);
        else
            status = parse_short(c, argc, argv, &k);
        c->help = cli_flag(c, "help");
        if (c->help) return CLI_DONE;
    }
    return status == CLI_DONE ? check_complete(c) : status;
}

void cli_free(cli_context *c)
{
    for (size_t k = 0; c->value && k < c->values; k++) free(c->value[k].list);
    free(c->value);
    free(c->argument);
    *c = (cli_context){0};
}

static const cli_value *get(const cli_context *c, const char *name)
{
    for (size_t k = 0; k < c->values; k++)
        if (strcmp(c->value[k].option->name, name) == 0) return &c->value[k];
    fprintf(stderr, "physioclr: the table of '%s' has no option '%s'\n", c->command->name, name);
    abort();
}

bool cli_given(const cli_context *c, const char *name)
{
    return get(c, name)->given;
}

bool cli_flag(const cli_context *c, const char *name)
{
    return get(c, name)->given;
}

const char *cli_text(const cli_context *c, const char *name)
{
    return get(c, name)->text;
}

int64_t cli_int(const cli_context *c, const char *name)
{
    const char *text = get(c, name)->text;
    return text ? strtoll(text, NULL, 10) : 0;
}

double cli_real(const cli_context *c, const char *name)
{
    const char *text = get(c, name)->text;
    return text ? strtod(text, NULL) : 0.0;
}

const char *const *cli_list(const cli_context *c, const char *name, size_t *count)
{
    const cli_value *value = get(c, name);
    *count = value->count;
    return value->list;
}

size_t cli_arguments(const cli_context *c)
{
    return c->arguments;
}

const char *cli_argument(const cli_context *c, size_t k)
{
    return k < c->arguments ? c->argument[k] : NULL;
}

const char *const *cli_argument_array(const cli_context *c, size_t first, size_t *count)
{
    *count = first < c->arguments ? c->arguments - first : 0;
    return c->argument + (first < c->arguments ? first : c->arguments);
}

int cli_threads(const cli_context *c)
{
    int64_t n = cli_int(c, "threads");
    return n < 0 || n > 4096 ? 0 : (int)n;
}

bool cli_json(const cli_context *c)
{
    return cli_flag(c, "json");
}
