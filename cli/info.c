/* SPDX-License-Identifier: Apache-2.0 */
#include <physioclr.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"

static const cli_option OPTIONS[] = {
    CLI_READING_OPTIONS,
    {.name = NULL},
};

/* ---- what is printed: the same content as lines for people or as JSON ---- */

typedef struct printer {
    bool json;
    const char *comma;
} printer;

static void key(printer *p, const char *name)
{
    if (p->json) {
        printf("%s\"%s\": ", p->comma, name);
        p->comma = ", ";
    } else {
        printf("%-14s ", name);
    }
}

static void put_text(printer *p, const char *name, const char *value)
{
    if (!p->json && (!value || !*value)) return;
    key(p, name);
    if (p->json && value) {
        cli_json_string(stdout, value);
    } else {
        printf("%s", value ? value : "null");
    }
    if (!p->json) printf("\n");
}

static void put_number(printer *p, const char *name, double value, const char *unit)
{
    key(p, name);
    printf("%.10g", value);
    if (!p->json) printf("%s%s\n", *unit ? " " : "", unit);
}

/* ---- a recording ---- */

static void print_leads(printer *p, const pclr_record *r)
{
    key(p, "leads");
    if (p->json) printf("[");
    for (size_t k = 0; k < r->leads; k++) {
        if (p->json) {
            printf("%s", k ? ", " : "");
            cli_json_string(stdout, r->channel[k].name);
        } else {
            printf("%s%s", k ? " " : "", r->channel[k].name);
        }
    }
    printf("%s", p->json ? "]" : "\n");
}

static int record_info(cli_context *c, const char *path)
{
    pclr_error error = {0};
    pclr_record *r = NULL;
    pclr_read_options options = cli_reading(c);
    printer p = {cli_json(c), ""};

    if (pclr_record_read(&r, path, &options, &error) != PCLR_OK) return cli_fail(c, &error);
    size_t missing = 0;
    for (size_t i = 0; r->valid && i < r->leads * r->samples; i++) missing += !r->valid[i];
    if (p.json) printf("{");
    put_text(&p, "record", r->id);
    put_text(&p, "format", r->source_format);
    put_number(&p, "rate", r->rate, "Hz");
    put_number(&p, "samples", (double)r->samples, "");
    put_number(&p, "seconds", (double)r->samples / r->rate, "s");
    print_leads(&p, r);
    put_number(&p, "missing", 100.0 * (double)missing / (double)(r->leads * r->samples), "% of samples");
    if (r->age >= 0) put_number(&p, "age", (double)r->age, "years");
    if (r->sex != PCLR_SEX_UNKNOWN) put_text(&p, "sex", r->sex == PCLR_SEX_MALE ? "male" : "female");
    put_text(&p, "patient", r->patient);
    put_text(&p, "start", r->start_time);
    put_text(&p, "diagnoses", r->diagnoses);
    for (size_t k = 0; !p.json && k < r->warnings; k++) put_text(&p, "note", r->warning[k]);
    if (p.json) printf("}\n");
    pclr_record_destroy(&r);
    return CLI_DONE;
}

/* ---- a dataset ---- */

typedef struct source_count {
    const char *name;
    size_t records;
} source_count;

static void print_sources(printer *p, const pclr_dataset *d)
{
    enum { SOURCES_MAX = 64 };
    source_count source[SOURCES_MAX];
    size_t count = 0;

    for (size_t k = 0; k < pclr_dataset_records(d); k++) {
        const char *name = pclr_dataset_get_row(d, k).source;
        size_t s = 0;
        while (s < count && strcmp(source[s].name, name) != 0) s++;
        if (s == count && count < SOURCES_MAX) source[count++] = (source_count){name, 0};
        if (s < count) source[s].records++;
    }
    key(p, "sources");
    for (size_t s = 0; s < count; s++) {
        if (p->json) {
            printf("%s", s ? ", " : "{");
            cli_json_string(stdout, source[s].name);
            printf(": %zu", source[s].records);
        } else {
            printf("%s%s %zu", s ? ", " : "", source[s].name, source[s].records);
        }
    }
    printf("%s", p->json ? (count ? "}" : "{}") : "\n");
}

static pclr_status print_task(bool json, const pclr_dataset *d, size_t task, pclr_error *error)
{
    pclr_labels *l = NULL;
    pclr_status status = pclr_dataset_labels(d, pclr_dataset_task_name(d, task), &l, error);

    if (status != PCLR_OK) return status;
    size_t known = 0;
    for (size_t r = 0; r < l->records; r++) known += l->value[r * l->classes] != 255;
    if (json) {
        printf("%s", task ? ", " : "");
        cli_json_string(stdout, l->task);
        printf(": {\"known\": %zu, \"positives\": {", known);
    } else {
        printf("task %-16s %zu labelled:", l->task, known);
    }
    for (size_t k = 0; k < l->classes; k++) {
        size_t positives = 0;
        for (size_t r = 0; r < l->records; r++) positives += l->value[r * l->classes + k] == 1;
        if (json) {
            printf("%s", k ? ", " : "");
            cli_json_string(stdout, l->class_name[k]);
            printf(": %zu", positives);
        } else if (k < 12) {
            printf(" %s %zu", l->class_name[k], positives);
        }
    }
    if (!json && l->classes > 12) printf(" and %zu more", l->classes - 12);
    printf("%s", json ? "}}" : "\n");
    pclr_labels_destroy(&l);
    return PCLR_OK;
}

static pclr_status print_split(bool json, const pclr_dataset *d, size_t split, pclr_error *error)
{
    const char *name = pclr_dataset_split_name(d, split);
    size_t count[4] = {0}, n = pclr_dataset_records(d);
    uint8_t *part = malloc(n ? n : 1);
    pclr_status status = part ? pclr_dataset_split(d, name, part, error) : PCLR_E_MEMORY;

    for (size_t k = 0; status == PCLR_OK && k < n; k++) count[part[k] < 3 ? part[k] : 3]++;
    free(part);
    if (status != PCLR_OK) return status;
    if (json) {
        printf("%s", split ? ", " : "");
        cli_json_string(stdout, name);
        printf(": {\"train\": %zu, \"validation\": %zu, \"test\": %zu, \"none\": %zu}", count[0], count[1], count[2], count[3]);
    } else {
        printf("split %-15s train %zu, validation %zu, test %zu, none %zu\n", name, count[0], count[1], count[2], count[3]);
    }
    return PCLR_OK;
}

/* How many recordings each of the recorders' measurements is known of. */
static pclr_status print_measurements(bool json, const pclr_dataset *d, pclr_error *error)
{
    pclr_measurements *m = NULL;
    pclr_status status = pclr_dataset_measurements(d, &m, error);

    if (status != PCLR_OK) return status;
    for (size_t k = 0; k < m->columns; k++) {
        size_t known = 0;
        for (size_t r = 0; r < m->records; r++) known += m->value[r * m->columns + k] == m->value[r * m->columns + k];
        if (json) {
            printf("%s", k ? ", " : "");
            cli_json_string(stdout, m->name[k]);
            printf(": %zu", known);
        } else {
            printf("%s%s (%s) %zu%s", k ? ", " : "measurements   ", m->name[k], m->unit[k], known, k + 1 == m->columns ? "\n" : "");
        }
    }
    pclr_measurements_destroy(&m);
    return PCLR_OK;
}

/* Codes of diagnoses, and the most frequent of those that no map of codes knows. */
static pclr_status print_codes(bool json, const pclr_dataset *d, pclr_error *error)
{
    enum { SHOWN = 8 };
    size_t most[SHOWN], shown = 0, unknown = 0;
    pclr_codes *c = NULL;
    pclr_status status = pclr_dataset_codes(d, &c, error);

    if (status != PCLR_OK) return status;
    for (size_t k = 0; k < c->codes; k++) {
        if (c->known[k]) continue;
        unknown++;
        size_t place = shown;
        while (place > 0 && c->records[most[place - 1]] < c->records[k]) place--;
        if (place == SHOWN) continue;
        if (shown < SHOWN) shown++;
        memmove(most + place + 1, most + place, (shown - place - 1) * sizeof *most);
        most[place] = k;
    }
    if (json)
        printf("\"met\": %zu, \"without_class\": %zu, \"most_frequent\": {", c->codes, unknown);
    else if (c->codes)
        printf("codes          %zu met, %zu without a class%s", c->codes, unknown, unknown ? ":" : "");
    for (size_t k = 0; k < shown; k++) {
        if (json) {
            printf("%s", k ? ", " : "");
            cli_json_string(stdout, c->code[most[k]]);
            printf(": %llu", (unsigned long long)c->records[most[k]]);
        } else {
            printf(" %s (%llu)", c->code[most[k]], (unsigned long long)c->records[most[k]]);
        }
    }
    if (json)
        printf("}");
    else if (c->codes)
        printf("%s\n", unknown > shown ? " and more; all are in codes.csv" : "");
    pclr_codes_destroy(&c);
    return status;
}

static int dataset_info(cli_context *c, const char *path)
{
    pclr_error error = {0};
    pclr_dataset *d = NULL;
    pclr_status status = pclr_dataset_open(&d, path, &error);
    printer p = {cli_json(c), ""};
    double samples = 0;

    if (status != PCLR_OK) return cli_fail(c, &error);
    for (size_t k = 0; k < pclr_dataset_records(d); k++) samples += (double)pclr_dataset_get_row(d, k).length;
    if (p.json) printf("{");
    put_text(&p, "dataset", path);
    put_number(&p, "records", (double)pclr_dataset_records(d), "");
    put_number(&p, "rate", pclr_dataset_rate(d), "Hz");
    put_number(&p, "hours", samples / pclr_dataset_rate(d) / 3600, "h");
    key(&p, "leads");
    for (size_t k = 0; k < pclr_dataset_leads(d); k++) {
        printf(p.json ? "%s\"%s\"" : "%s%s", k ? (p.json ? ", " : " ") : (p.json ? "[" : ""), pclr_dataset_lead_name(d, k));
    }
    printf("%s", p.json ? "]" : "\n");
    print_sources(&p, d);
    if (p.json) printf(", \"tasks\": {");
    for (size_t k = 0; status == PCLR_OK && k < pclr_dataset_tasks(d); k++) status = print_task(p.json, d, k, &error);
    if (p.json) printf("}, \"splits\": {");
    for (size_t k = 0; status == PCLR_OK && k < pclr_dataset_splits(d); k++) status = print_split(p.json, d, k, &error);
    if (p.json) printf("}, \"measurements\": {");
    if (status == PCLR_OK) status = print_measurements(p.json, d, &error);
    if (p.json) printf("}, \"codes\": {");
    if (status == PCLR_OK) status = print_codes(p.json, d, &error);
    if (p.json) printf("}}\n");
    pclr_dataset_destroy(&d);
    return status == PCLR_OK ? CLI_DONE : cli_fail(c, &error);
}

/* ---- a model ---- */

/* Metadata in JSON: as it is, or for people without its signs and with numbers of few digits. */
static void put_object(printer *p, const char *name, const char *json)
{
    bool quoted = false;

    if (!json) return;
    key(p, name);
    if (p->json) {
        printf("%s", json);
        return;
    }
    for (const char *c = json; *c;) {
        char *end = NULL;
        if (*c == '"') quoted = !quoted;
        if (!quoted && (*c == '-' || (*c >= '0' && *c <= '9'))) {
            printf("%.6g", strtod(c, &end));
            c = end;
            continue;
        }
        if (!quoted && *c == ',')
            printf(", ");
        else if (!quoted && *c == ':')
            printf(" ");
        else if (!strchr("\"{}[]", *c))
            putchar(*c);
        c++;
    }
    printf("\n");
}

/* Classes with the threshold from which each is called. */
static void put_classes(printer *p, const pclr_model *m)
{
    if (p->json) {
        key(p, "classes");
        printf("[");
    }
    for (size_t k = 0; k < pclr_model_classes(m); k++) {
        double threshold = pclr_model_threshold(m, k);
        bool known = threshold == threshold;
        if (p->json) {
            printf("%s{\"name\": ", k ? ", " : "");
            cli_json_string(stdout, pclr_model_class_name(m, k));
            printf(known ? ", \"threshold\": %.17g}" : ", \"threshold\": null}", threshold);
        } else {
            printf("%-14s %s", k ? "" : "classes", pclr_model_class_name(m, k));
            printf(known ? ", called from a probability of %.3f on\n" : "\n", threshold);
        }
    }
    if (p->json) printf("]");
}

static int model_info(cli_context *c, const char *path)
{
    static const char *const texts[] = {"format", "task", "method", "objective", "dataset", "program"};
    static const char *const objects[] = {"architecture", "preprocessing", "features", "dataset_form"};
    pclr_error error = {0};
    pclr_model *m = NULL;
    printer p = {cli_json(c), ""};

    if (pclr_model_open(&m, path, 1, &error) != PCLR_OK) return cli_fail(c, &error);
    if (p.json) printf("{");
    put_text(&p, "model", path);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (pclr_model_metadata(m, texts[k])) put_text(&p, texts[k], pclr_model_metadata(m, texts[k]));
    put_classes(&p, m);
    if (pclr_model_classes(m)) put_number(&p, "temperature", pclr_model_temperature(m), "");
    if (pclr_model_metadata(m, "members")) put_object(&p, "members", pclr_model_metadata(m, "members"));
    put_number(&p, "dimensions", (double)pclr_model_dimensions(m), "");
    for (size_t k = 0; k < sizeof objects / sizeof *objects; k++) put_object(&p, objects[k], pclr_model_metadata(m, objects[k]));
    if (p.json) printf("}\n");
    pclr_model_destroy(&m);
    return CLI_DONE;
}

static int run(cli_context *c)
{
    const char *path = cli_argument(c, 0);

    if (cli_ends_with(path, ".safetensors")) return model_info(c, path);
    if (pclr_dataset_is(path)) return dataset_info(c, path);
    return record_info(c, path);
}

const cli_command cli_info_command = {
    .name = "info",
    .summary = "a dataset, recording or model at a glance",
    .arguments = "FILE",
    .arguments_min = 1,
    .arguments_max = 1,
    .description = "A dataset: records, sources, leads, tasks with their positives, splits, measurements,\n"
                   "codes of diagnoses without a class. A recording: format, rate, length, leads, what its\n"
                   "header tells, what the reader tolerated. A model: classes with their thresholds, temperature, size of\n"
                   "the embedding, network, the input it needs, how it was trained.",
    .examples = "physioclr info ptbxl.h5\n"
                "physioclr info archive/JS00001 --json",
    .options = OPTIONS,
    .run = run,
};
