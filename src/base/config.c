/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

typedef struct entry {
    const config_key *key;
    char *value; /* NULL: the default */
} entry;

struct pclr_config {
    entry *entry;
    size_t entries;
};

pclr_status config_create(pclr_config **config, const config_key *const *tables, const size_t *table_sizes, size_t tables_count,
                          pclr_error *error)
{
    *config = NULL;
    pclr_config *c = NULL;
    size_t n = 0, k = 0;
    for (size_t t = 0; t < tables_count; t++) n += table_sizes[t];
    TRY(mem_alloc(&c, 1, sizeof *c, error));
    pclr_status status = mem_alloc(&c->entry, n, sizeof *c->entry, error);
    if (status != PCLR_OK) {
        mem_free(c);
        return status;
    }
    for (size_t t = 0; t < tables_count; t++)
        for (size_t j = 0; j < table_sizes[t]; j++) c->entry[k++].key = &tables[t][j];
    c->entries = n;
    *config = c;
    return PCLR_OK;
}

void pclr_config_destroy(pclr_config **config)
{
    if (!config || !*config) return;
    for (size_t k = 0; k < (*config)->entries; k++) mem_free((*config)->entry[k].value);
    mem_free((*config)->entry);
    mem_free(*config);
    *config = NULL;
}

static entry *find(const pclr_config *config, const char *key)
{
    for (size_t k = 0; k < config->entries; k++)
        if (strcmp(config->entry[k].key->name, key) == 0) return &config->entry[k];
    return NULL;
}

static const char *value_of(const entry *e)
{
    return e->value ? e->value : e->key->default_value;
}

static const char *wanted(const pclr_config *config, const char *key)
{
    const entry *e = find(config, key);
    assert(e && "the key is in no table");
    return e ? value_of(e) : "";
}

int64_t config_int(const pclr_config *config, const char *key)
{
    int64_t v = 0;
    (void)parse_int(wanted(config, key), &v);
    return v;
}

double config_real(const pclr_config *config, const char *key)
{
    double v = 0;
    (void)parse_double(wanted(config, key), &v);
    return v;
}

bool config_bool(const pclr_config *config, const char *key)
{
    bool v = false;
    (void)parse_bool(wanted(config, key), &v);
    return v;
}

const char *config_text(const pclr_config *config, const char *key)
{
    return wanted(config, key);
}

bool config_is(const pclr_config *config, const char *key, const char *value)
{
    return strcmp(wanted(config, key), value) == 0;
}

const char *pclr_config_get(const pclr_config *config, const char *key)
{
    const entry *e = find(config, key);
    return e ? value_of(e) : NULL;
}

/* ---- checks -------------------------------------------------------------------------------------------- */

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = choices; p; p = strchr(p, '|')) {
        if (*p == '|') p++;
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == '\0')) return true;
    }
    return false;
}

static pclr_status check_number(const config_key *key, const char *value, const char *where, pclr_error *error)
{
    double v = 0;
    int64_t whole = 0;
    if (key->type == CONFIG_INT) {
        if (!parse_int(value, &whole))
            return error_set(error, PCLR_E_ARGUMENT, "%s: %s is '%s', expected a whole number", where, key->name, value);
        v = (double)whole;
    } else if (!parse_double(value, &v)) {
        return error_set(error, PCLR_E_ARGUMENT, "%s: %s is '%s', expected a number", where, key->name, value);
    }
    bool limited = key->minimum != 0 || key->maximum != 0;
    if (limited && !(v >= key->minimum && v <= key->maximum))
        return error_set(error, PCLR_E_ARGUMENT, "%s: %s is %s, expected %g to %g", where, key->name, value, key->minimum, key->maximum);
    return PCLR_OK;
}

static pclr_status check(const config_key *key, const char *value, const char *where, pclr_error *error)
{
    bool truth;
    switch (key->type) {
    case CONFIG_INT:
    case CONFIG_REAL:
        return check_number(key, value, where, error);
    case CONFIG_BOOL:
        if (!parse_bool(value, &truth))
            return error_set(error, PCLR_E_ARGUMENT, "%s: %s is '%s', expected true or false", where, key->name, value);
        return PCLR_OK;
    case CONFIG_CHOICE:
        if (!is_choice(key->choices, value))
            return error_set(error, PCLR_E_ARGUMENT, "%s: %s is '%s', expected one of %s", where, key->name, value, key->choices);
        return PCLR_OK;
    case CONFIG_TEXT:
        return PCLR_OK;
    }
    return PCLR_OK;
}

static pclr_status unknown_key(const pclr_config *config, const char *key, const char *where, pclr_error *error)
{
    const char **names = NULL;
    TRY(mem_alloc(&names, config->entries, sizeof *names, error));
    for (size_t k = 0; k < config->entries; k++) names[k] = config->entry[k].key->name;
    const char *near = text_nearest(key, names, config->entries);
    pclr_status status = error_set(error, PCLR_E_ARGUMENT, "%s: no key '%s'%s%s%s", where, key, near ? "; did you mean '" : "",
                                   near ? near : "", near ? "'?" : "; `physioclr pretrain --keys` lists them");
    mem_free(names);
    return status;
}

static pclr_status assign(pclr_config *config, const char *key, const char *value, const char *where, pclr_error *error)
{
    entry *e = find(config, key);
    if (!e) return unknown_key(config, key, where, error);
    TRY(check(e->key, value, where, error));
    char *copy = NULL;
    bool truth;
    if (e->key->type == CONFIG_BOOL && parse_bool(value, &truth)) value = truth ? "true" : "false";
    TRY(mem_strdup(&copy, value, error));
    mem_free(e->value);
    e->value = copy;
    return PCLR_OK;
}

pclr_status pclr_config_set(pclr_config *config, const char *key, const char *value, pclr_error *error)
{
    return assign(config, key, value, "setting", error);
}

pclr_status config_copy(pclr_config **copy, const pclr_config *config, pclr_error *error)
{
    *copy = NULL;
    pclr_config *c = NULL;
    TRY(mem_alloc(&c, 1, sizeof *c, error));
    pclr_status status = mem_alloc(&c->entry, config->entries, sizeof *c->entry, error);
    if (status == PCLR_OK) c->entries = config->entries;
    for (size_t k = 0; status == PCLR_OK && k < config->entries; k++) {
        c->entry[k].key = config->entry[k].key;
        status = mem_strdup(&c->entry[k].value, config->entry[k].value, error);
    }
    if (status == PCLR_OK)
        *copy = c;
    else
        pclr_config_destroy(&c);
    return status;
}

/* ---- YAML ------------------------------------------------------------------------------------------------ */

typedef struct reader {
    pclr_config *config;
    yaml_document_t *document;
    const char *name;
} reader;

static const char *node_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* A list [a, b] is the text "a,b". */
static pclr_status read_sequence(reader *r, const char *key, yaml_node_t *node, const char *where, pclr_error *error)
{
    text joined = {0};
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        yaml_node_t *value = yaml_document_get_node(r->document, *item);
        if (!value || value->type != YAML_SCALAR_NODE) {
            text_free(&joined);
            return error_set(error, PCLR_E_ARGUMENT, "%s: %s holds a nested list, expected plain values", where, key);
        }
        text_add(&joined, "%s%s", joined.length ? "," : "", node_text(value));
    }
    pclr_status status = text_ok(&joined, error);
    if (status == PCLR_OK) status = assign(r->config, key, joined.data ? joined.data : "", where, error);
    text_free(&joined);
    return status;
}

static pclr_status read_mapping(reader *r, const char *prefix, yaml_node_t *node, int depth, pclr_error *error)
{
    if (depth > 8) return error_set(error, PCLR_E_ARGUMENT, "%s: keys are nested more than 8 deep", r->name);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(r->document, pair->key), *value = yaml_document_get_node(r->document, pair->value);
        char name[256], where[512];
        if (!key || key->type != YAML_SCALAR_NODE || !value)
            return error_set(error, PCLR_E_ARGUMENT, "%s: a key is not a plain word", r->name);
        int n = snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", node_text(key));
        if (n < 0 || (size_t)n >= sizeof name)
            return error_set(error, PCLR_E_ARGUMENT, "%s: a key is longer than %zu bytes", r->name, sizeof name);
        snprintf(where, sizeof where, "%s:%zu", r->name, key->start_mark.line + 1);
        if (value->type == YAML_MAPPING_NODE)
            TRY(read_mapping(r, name, value, depth + 1, error));
        else if (value->type == YAML_SEQUENCE_NODE)
            TRY(read_sequence(r, name, value, where, error));
        else
            TRY(assign(r->config, name, node_text(value), where, error));
    }
    return PCLR_OK;
}

pclr_status config_from_yaml(pclr_config *config, const char *name, const char *yaml, size_t size, pclr_error *error)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser)) return error_memory(error, sizeof parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, size);
    pclr_status status = PCLR_OK;
    if (!yaml_parser_load(&parser, &document)) {
        status = error_set(error, PCLR_E_FORMAT, "%s:%zu: not YAML: %s", name, parser.problem_mark.line + 1,
                           parser.problem ? parser.problem : "unreadable");
        yaml_parser_delete(&parser);
        return status;
    }
    yaml_node_t *root = yaml_document_get_root_node(&document);
    reader r = {.config = config, .document = &document, .name = name};
    if (root && root->type != YAML_MAPPING_NODE)
        status = error_set(error, PCLR_E_FORMAT, "%s: expected 'key: value' lines", name);
    else if (root)
        status = read_mapping(&r, "", root, 0, error);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return status;
}

pclr_status pclr_config_load(pclr_config *config, const char *yaml_path, pclr_error *error)
{
    char *data = NULL;
    size_t size = 0;
    TRY(file_read(yaml_path, (size_t)1 << 22, &data, &size, error));
    pclr_status status = config_from_yaml(config, yaml_path, data, size, error);
    mem_free(data);
    return status;
}

/* Numbers and truth values stand as they are; texts are quoted where YAML could take them for something else. */
static void add_value(text *out, const config_key *key, const char *value)
{
    bool plain = key->type != CONFIG_TEXT && key->type != CONFIG_CHOICE;
    if (plain) {
        text_add(out, "%s\n", value);
        return;
    }
    text_add(out, "\"");
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < 0x20)
            text_add(out, "\\x%02X", (unsigned)*p);
        else
            text_add(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    }
    text_add(out, "\"\n");
}

/* Length of the group at the front of `rest` ("objective" of "objective.tau"), 0 when it is a key of its own. */
static size_t group_length(const char *rest)
{
    const char *dot = strchr(rest, '.');
    return dot ? (size_t)(dot - rest) : 0;
}

/* Is entry `k` the first whose name begins as its first `n` characters do? Groups are written where they begin. */
static bool begins_group(const pclr_config *config, size_t k, size_t n)
{
    for (size_t j = 0; j < k; j++)
        if (strncmp(config->entry[j].key->name, config->entry[k].key->name, n) == 0) return false;
    return true;
}

/* Writes all keys that begin with the first `n` characters of `prefix` as one mapping: a group's keys stand together, deeper groups
 * indented. */
static void add_mapping(text *out, const pclr_config *config, const char *prefix, size_t n, int indent)
{
    for (size_t k = 0; k < config->entries; k++) {
        const entry *e = &config->entry[k];
        if (strncmp(e->key->name, prefix, n) != 0) continue;
        const char *rest = e->key->name + n;
        size_t group = group_length(rest);
        if (group == 0) {
            text_add(out, "%*s%s: ", indent, "", rest);
            add_value(out, e->key, value_of(e));
        } else if (begins_group(config, k, n + group + 1)) {
            text_add(out, "%*s%.*s:\n", indent, "", (int)group, rest);
            add_mapping(out, config, e->key->name, n + group + 1, indent + 2);
        }
    }
}

pclr_status config_to_yaml(const pclr_config *config, char **yaml, pclr_error *error)
{
    text out = {0};
    *yaml = NULL;
    text_add(&out, "%s", "");
    add_mapping(&out, config, "", 0, 0);
    pclr_status status = text_ok(&out, error);
    if (status == PCLR_OK)
        *yaml = out.data;
    else
        text_free(&out);
    return status;
}

void config_drop_section(char *yaml, const char *section)
{
    size_t length = strlen(section);
    bool inside = false;
    char *to = yaml;
    for (char *line = yaml; *line;) {
        char *end = strchr(line, '\n'), *next = end ? end + 1 : line + strlen(line);
        if (line[0] != ' ') inside = strncmp(line, section, length) == 0 && line[length] == ':';
        if (!inside) {
            memmove(to, line, (size_t)(next - line));
            to += next - line;
        }
        line = next;
    }
    *to = '\0';
}

pclr_status pclr_config_save(const pclr_config *config, const char *yaml_path, pclr_error *error)
{
    char *yaml = NULL;
    TRY(config_to_yaml(config, &yaml, error));
    pclr_status status = file_write(yaml_path, yaml, strlen(yaml), error);
    mem_free(yaml);
    return status;
}
