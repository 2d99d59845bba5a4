/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIMIC-IV-ECG (Gow et al. 2023): record_list.csv names the patient and the time of every study; machine_measurements.csv, where it is
 * there, holds the recorder's intervals and axes, with 29999 for missing, and its statements in words, which count as codes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/layouts/layout.h"

enum { MEASURES = 9, REPORTS = 18, MISSING = 29999, BLOCK = 4 << 20 };

static const char *const measure_name[MEASURES] = {"rr_interval", "p_onset", "p_end",    "qrs_onset", "qrs_end",
                                                   "t_end",       "p_axis",  "qrs_axis", "t_axis"};
static const char *const measure_unit[MEASURES] = {"ms", "ms", "ms", "ms", "ms", "ms", "deg", "deg", "deg"};

/* What the machine told of one study; statements are indices into a list in which each is once. */
typedef struct study {
    int64_t id;
    float value[MEASURES];
    uint16_t report[REPORTS];
    uint8_t reports;
} study;

typedef struct mimic {
    keyed_table table;
    int subject, study, time;
    study *studies; /* sorted by id */
    size_t count, capacity;
    char **statement;
    size_t statements;
} mimic;

static void close_mimic(void *state)
{
    mimic *m = state;
    if (!m) return;
    keyed_close(&m->table);
    for (size_t k = 0; k < m->statements; k++) mem_free(m->statement[k]);
    mem_free(m->statement);
    mem_free(m->studies);
    mem_free(m);
}

/* ---- machine_measurements.csv, a few megabytes at a time ---- */

static pclr_status find_statement(mimic *m, const char *words, uint16_t *index, pclr_error *error)
{
    size_t k = 0;
    while (k < m->statements && strcmp(m->statement[k], words) != 0) k++;
    if (k == UINT16_MAX) return error_set(error, PCLR_E_DATA, "more than %d different machine statements; expected fewer", UINT16_MAX);
    if (k == m->statements) {
        TRY(mem_grow(&m->statement, k, k + 1, sizeof *m->statement, error));
        TRY(mem_strdup(&m->statement[k], words, error));
        m->statements++;
    }
    *index = (uint16_t)k;
    return PCLR_OK;
}

static pclr_status take_row(mimic *m, const csv_table *t, size_t row, int key, const int *measure, const int *report, pclr_error *error)
{
    study s = {0};

    if (!parse_int(csv_get(t, row, key), &s.id)) return PCLR_OK;
    for (int k = 0; k < MEASURES; k++) {
        double v = NAN;
        if (measure[k] < 0 || !parse_double(csv_get(t, row, measure[k]), &v) || v == MISSING) v = NAN;
        s.value[k] = (float)v;
    }
    for (int k = 0; k < REPORTS; k++) {
        const char *words = report[k] < 0 ? "" : csv_get(t, row, report[k]);
        if (*words) TRY(find_statement(m, words, &s.report[s.reports++], error));
    }
    if (m->count == m->capacity) {
        size_t larger = m->capacity ? 2 * m->capacity : 1024;
        TRY(mem_grow(&m->studies, m->capacity, larger, sizeof *m->studies, error));
        m->capacity = larger;
    }
    m->studies[m->count++] = s;
    return PCLR_OK;
}

static pclr_status take_table(mimic *m, const char *path, const csv_table *t, pclr_error *error)
{
    int key = csv_column(t, "study_id"), measure[MEASURES], report[REPORTS];

    if (key < 0) return error_set(error, PCLR_E_FORMAT, "%s:1: no column study_id; expected one", path);
    for (int k = 0; k < MEASURES; k++) measure[k] = csv_column(t, measure_name[k]);
    for (int k = 0; k < REPORTS; k++) {
        char name[16];
        snprintf(name, sizeof name, "report_%d", k);
        report[k] = csv_column(t, name);
    }
    for (size_t r = 0; r < t->rows; r++) TRY(take_row(m, t, r, key, measure, report, error));
    return PCLR_OK;
}

/* Bytes of whole lines in data[size], at most `limit` where there are so many; a line break within quotes ends no line. */
static size_t whole_lines(const char *data, size_t size, size_t limit)
{
    size_t end = 0;
    bool quoted = false;
    for (size_t k = 0; k < size && (k < limit || end == 0); k++) {
        if (data[k] == '"') quoted = !quoted;
        if (data[k] == '\n' && !quoted) end = k + 1;
    }
    return end ? end : size;
}

static pclr_status read_blocks(mimic *m, const char *path, const file_map *map, pclr_error *error)
{
    const char *data = (const char *)map->data;
    size_t head = whole_lines(data, map->size, 1), at = head;
    text block = {0};
    pclr_status status = PCLR_OK;

    while (status == PCLR_OK && at < map->size) {
        csv_table t = {0};
        size_t n = whole_lines(data + at, map->size - at, BLOCK);
        block.length = 0;
        text_add_bytes(&block, data, head);
        text_add_bytes(&block, data + at, n);
        status = text_ok(&block, error);
        if (status == PCLR_OK) status = csv_parse(&t, path, block.data, block.length, error);
        if (status == PCLR_OK) status = take_table(m, path, &t, error);
        csv_free(&t);
        at += n;
    }
    text_free(&block);
    return status;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const study *)a)->id, y = ((const study *)b)->id;
    return (x > y) - (x < y);
}

static pclr_status read_machine(mimic *m, const char *marker, pclr_error *error)
{
    char *folder = NULL, *path = NULL;
    file_map map = {0};
    pclr_status status;

    TRY_GOTO(path_folder(&folder, marker, error));
    TRY_GOTO(path_join(&path, folder, "machine_measurements.csv", error));
    if (!file_exists(path)) goto done;
    TRY_GOTO(file_map_open(&map, path, error));
    TRY_GOTO(read_blocks(m, path, &map, error));
    if (m->count) qsort(m->studies, m->count, sizeof *m->studies, by_id);
done:
    file_map_close(&map);
    mem_free(folder);
    mem_free(path);
    return status;
}

/* ---- the layout ---- */

static pclr_status open_mimic(void **state, const char *path, pclr_error *error)
{
    mimic *m = NULL;

    if (!csv_has_columns(path, "subject_id,study_id,path")) return PCLR_OK;
    TRY(mem_alloc(&m, 1, sizeof *m, error));
    pclr_status status = keyed_open(&m->table, path, "path", error);
    if (status == PCLR_OK) status = read_machine(m, path, error);
    if (status != PCLR_OK) {
        close_mimic(m);
        return status;
    }
    m->subject = csv_column(&m->table.table, "subject_id");
    m->study = csv_column(&m->table.table, "study_id");
    m->time = csv_column(&m->table.table, "ecg_time");
    *state = m;
    return PCLR_OK;
}

static void mimic_facts(const void *state, const char *path, layout_facts *f)
{
    const mimic *m = state;

    f->row = keyed_find(&m->table, path);
    if (f->row < 0) return;
    layout_set_patient(f, keyed_get(&m->table, f->row, m->subject));
    if (m->time >= 0) f->time = keyed_get(&m->table, f->row, m->time);
}

static pclr_status mimic_label(const void *state, const layout_facts *f, size_t record, label_set *set, pclr_error *error)
{
    const mimic *m = state;
    study wanted = {0};

    if (f->row < 0 || m->count == 0 || !parse_int(keyed_get(&m->table, f->row, m->study), &wanted.id)) return PCLR_OK;
    const study *s = bsearch(&wanted, m->studies, m->count, sizeof *m->studies, by_id);
    if (!s) return PCLR_OK;
    TRY(labels_codes_told(set, record, error));
    for (int k = 0; k < s->reports; k++) TRY(labels_code(set, record, m->statement[s->report[k]], NULL, error));
    return measures_set(set->measures, record, measure_name, measure_unit, MEASURES, s->value, error);
}

const dataset_layout layout_mimic = {"mimic-iv-ecg", "record_list.csv", open_mimic, mimic_facts, mimic_label, close_mimic};
