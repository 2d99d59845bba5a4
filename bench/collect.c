/* SPDX-License-Identifier: Apache-2.0 */
/* collect OUT.json IN...: joins our figures and the peers' (bench/README.md) into one list and prints it as a table. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *find(json_t *list, const char *name)
{
    size_t k;
    json_t *item;
    json_array_foreach(list, k, item) if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0) return item;
    return NULL;
}

static void put_missing(json_t *item, const char *key)
{
    if (!json_object_get(item, key)) json_object_set_new(item, key, json_null());
}

/* A line of ours adds an item; a peer's line (it has "peer") fills the item of its name, or one without a value of ours. */
static int join(json_t *ours, json_t *peers, json_t *line)
{
    if (!json_is_string(json_object_get(line, "name"))) return -1;
    return json_array_append(json_object_get(line, "peer") ? peers : ours, line);
}

static int read_file(json_t *ours, json_t *peers, const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in) return -1;
    int status = 0;
    json_error_t error;
    json_t *value;
    while (status == 0 && (value = json_loadf(in, JSON_DISABLE_EOF_CHECK, &error)) != NULL) {
        size_t k;
        json_t *item;
        if (json_is_array(value)) {
            json_array_foreach(value, k, item) if (join(ours, peers, item) != 0) status = -1;
        } else {
            status = join(ours, peers, value);
        }
        json_decref(value);
    }
    if (!feof(in)) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        status = -1;
    }
    fclose(in);
    return status;
}

/* How many times better than the peer: units "/s" are better when larger, all others when smaller. */
static void add_ratio(json_t *item)
{
    const char *unit = json_string_value(json_object_get(item, "unit"));
    double value = json_number_value(json_object_get(item, "value")), peer = json_number_value(json_object_get(item, "peer_value"));
    size_t length = unit ? strlen(unit) : 0;
    if (!(value > 0) || !(peer > 0)) return;
    double ratio = length > 2 && strcmp(unit + length - 2, "/s") == 0 ? value / peer : peer / value;
    json_object_set_new(item, "ratio", json_real(ratio));
}

static void print_cell(const json_t *value)
{
    if (json_is_number(value))
        printf(" %10.4g", json_number_value(value));
    else
        printf(" %10s", "-");
}

static void print_table(json_t *list)
{
    size_t k;
    json_t *item;
    printf("%-28s %10s %-12s %10s %10s %10s  %s\n", "name", "value", "unit", "limit", "peer", "ratio", "peer's name");
    json_array_foreach(list, k, item)
    {
        const char *unit = json_string_value(json_object_get(item, "unit")), *peer = json_string_value(json_object_get(item, "peer"));
        printf("%-28s", json_string_value(json_object_get(item, "name")));
        print_cell(json_object_get(item, "value"));
        printf(" %-12s", unit ? unit : "");
        print_cell(json_object_get(item, "limit"));
        print_cell(json_object_get(item, "peer_value"));
        print_cell(json_object_get(item, "ratio"));
        printf("  %s\n", peer ? peer : "");
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s OUT.json IN...\n", argv[0]);
        return 2;
    }
    json_t *ours = json_array(), *peers = json_array(), *peer;
    size_t k;
    for (int a = 2; a < argc; a++)
        if (read_file(ours, peers, argv[a]) != 0) return fprintf(stderr, "%s: not readable as bench lines\n", argv[a]), 1;
    json_array_foreach(peers, k, peer)
    {
        json_t *item = find(ours, json_string_value(json_object_get(peer, "name")));
        if (item) json_object_update(item, peer);
    }
    static const char *const KEYS[] = {"value", "unit", "limit", "peer", "peer_value", "ratio"};
    json_t *item;
    json_array_foreach(ours, k, item)
    {
        add_ratio(item);
        for (size_t key = 0; key < 6; key++) put_missing(item, KEYS[key]);
    }
    print_table(ours);
    int status = json_dump_file(ours, argv[1], JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 ? 0 : 1;
    json_decref(ours);
    json_decref(peers);
    return status;
}
