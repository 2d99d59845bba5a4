/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any table of labels: a column record_id, optional columns patient (patient_id, subject_id), age, sex, fold (strat_fold), split, time,
 * codes (of diagnoses, separated by ; , or |), and one column a label. A column of 0, 1 and blanks is a binary task of that name with the
 * class of that name; two or more such columns are also one task "labels". A column of other values (at most 64 different) is a task whose
 * classes are the values.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dataset/layouts/layout.h"

typedef enum column_kind { COLUMN_UNUSED, COLUMN_BINARY, COLUMN_VALUES } column_kind;

typedef struct labels_csv {
    keyed_table table;
    int patient, age, sex, fold, split, time, codes;
    column_kind *kind; /* [columns] */
    size_t binary;
    const char *values_suffix; /* added to the names of tasks of values; "" */
    const char *lead;          /* what a single unnamed lead is */
} labels_csv;

static void close_labels(void *state)
{
    labels_csv *l = state;
    if (!l) return;
    keyed_close(&l->table);
    mem_free(l->kind);
    mem_free(l);
}

static int first_column(const csv_table *t, const char *const *names)
{
    for (; *names; names++) {
        int c = csv_column(t, *names);
        if (c >= 0) return c;
    }
    return -1;
}

/* 0, 1, true, false or blank in every row? Else at most 64 different values, and not one value a row? */
static column_kind judge_column(const csv_table *t, int column)
{
    enum { VALUES_MAX = 64 };
    const char *seen[VALUES_MAX];
    size_t values = 0, filled = 0;
    bool binary = true;

    for (size_t r = 0; r < t->rows; r++) {
        const char *v = csv_get(t, r, column);
        bool ignored;
        double number;
        if (!*v) continue;
        filled++;
        if (!parse_bool(v, &ignored) && !(parse_double(v, &number) && (number == 0 || number == 1))) binary = false;
        size_t k = 0;
        while (k < values && strcmp(seen[k], v) != 0) k++;
        if (k < values) continue;
        if (values == VALUES_MAX) return COLUMN_UNUSED;
        seen[values++] = v;
    }
    if (filled == 0) return COLUMN_UNUSED;
    if (binary) return COLUMN_BINARY;
    return values < filled || filled == 1 ? COLUMN_VALUES : COLUMN_UNUSED;
}

static pclr_status open_labels(void **state, const char *path, pclr_error *error)
{
    static const char *const patient[] = {"patient", "patient_id", "subject_id", NULL}, *const fold[] = {"fold", "strat_fold", NULL};
    static const char *const age[] = {"age", NULL}, *const sex[] = {"sex", "gender", NULL}, *const split[] = {"split", NULL};
    static const char *const time[] = {"time", "ecg_time", NULL}, *const codes[] = {"codes", NULL};
    labels_csv *l = NULL;

    if (!csv_has_columns(path, "record_id")) return PCLR_OK;
    TRY(mem_alloc(&l, 1, sizeof *l, error));
    l->values_suffix = "";
    pclr_status status = keyed_open(&l->table, path, "record_id", error);
    const csv_table *t = &l->table.table;
    if (status == PCLR_OK) status = mem_alloc(&l->kind, t->columns, sizeof *l->kind, error);
    if (status != PCLR_OK) {
        close_labels(l);
        return status;
    }
    l->patient = first_column(t, patient);
    l->age = first_column(t, age);
    l->sex = first_column(t, sex);
    l->fold = first_column(t, fold);
    l->split = first_column(t, split);
    l->time = first_column(t, time);
    l->codes = first_column(t, codes);
    int key = csv_column(t, "record_id");
    for (int c = 0; c < (int)t->columns; c++) {
        if (c == key || c == l->patient || c == l->age || c == l->sex || c == l->fold || c == l->split || c == l->time || c == l->codes)
            continue;
        l->kind[c] = judge_column(t, c);
        l->binary += l->kind[c] == COLUMN_BINARY;
    }
    *state = l;
    return PCLR_OK;
}

/* Challenge 2017: a hand-held recorder whose one lead, between the hands, is lead I; its column "rhythm" (N, A, O, ~) must not
 * be mistaken for the rhythm statements of other archives. */
static pclr_status open_cinc2017(void **state, const char *path, pclr_error *error)
{
    if (!csv_has_columns(path, "record_id,rhythm,af")) return PCLR_OK;
    TRY(open_labels(state, path, error));
    labels_csv *l = *state;
    l->values_suffix = "_cinc2017";
    l->lead = "I";
    return PCLR_OK;
}

static pclr_status open_cinc2011(void **state, const char *path, pclr_error *error)
{
    return csv_has_columns(path, "record_id,acceptable") ? open_labels(state, path, error) : PCLR_OK;
}

static void labels_facts(const void *state, const char *path, layout_facts *f)
{
    const labels_csv *l = state;
    double number;
    int64_t fold;

    f->row = keyed_find(&l->table, path);
    f->lead = l->lead;
    if (f->row < 0) return;
    if (l->patient >= 0) layout_set_patient(f, keyed_get(&l->table, f->row, l->patient));
    if (parse_double(keyed_get(&l->table, f->row, l->age), &number)) f->age = number;
    const char *sex = keyed_get(&l->table, f->row, l->sex);
    if (*sex) {
        bool number_like = parse_double(sex, &number);
        f->sex = number_like ? (number == 0   ? PCLR_SEX_MALE
                                : number == 1 ? PCLR_SEX_FEMALE
                                              : PCLR_SEX_UNKNOWN)
                             : (*sex == 'M' || *sex == 'm'   ? PCLR_SEX_MALE
                                : *sex == 'F' || *sex == 'f' ? PCLR_SEX_FEMALE
                                                             : PCLR_SEX_UNKNOWN);
    }
    if (parse_int(keyed_get(&l->table, f->row, l->fold), &fold)) f->fold = (int)fold;
    if (l->time >= 0) f->time = keyed_get(&l->table, f->row, l->time);
    if (l->split >= 0) f->split = keyed_get(&l->table, f->row, l->split);
}

static bool is_set(const char *value)
{
    double number;
    bool yes;
    if (parse_double(value, &number)) return number == 1;
    return parse_bool(value, &yes) && yes;
}

static pclr_status label_binary(const labels_csv *l, int64_t row, int column, size_t record, label_set *set, pclr_error *error)
{
    const char *name = l->table.table.column[column], *value = keyed_get(&l->table, row, column);
    size_t task;
    bool taken;

    TRY(labels_task(set, name, &name, 1, &task, error));
    if (!*value) return PCLR_OK;
    TRY(labels_know(set, task, record, error));
    return is_set(value) ? labels_state(set, task, record, name, &taken, error) : PCLR_OK;
}

static pclr_status label_values(const labels_csv *l, int64_t row, int column, size_t record, label_set *set, pclr_error *error)
{
    const char *value = keyed_get(&l->table, row, column);
    char *name = NULL;
    size_t task = 0;
    bool taken;

    if (!*value) return PCLR_OK;
    TRY(mem_printf(&name, error, "%s%s", l->table.table.column[column], l->values_suffix));
    pclr_status status = labels_task(set, name, NULL, 0, &task, error);
    mem_free(name);
    return status == PCLR_OK ? labels_state(set, task, record, value, &taken, error) : status;
}

/* All binary columns as one task; it knows a record only when no column is blank. */
static pclr_status label_together(const labels_csv *l, int64_t row, size_t record, label_set *set, pclr_error *error)
{
    const csv_table *t = &l->table.table;
    const char **name = NULL;
    size_t task = 0, n = 0, blank = 0;
    bool taken;
    pclr_status status;

    TRY(mem_alloc(&name, l->binary, sizeof *name, error));
    for (size_t c = 0; c < t->columns; c++) {
        if (l->kind[c] != COLUMN_BINARY) continue;
        name[n++] = t->column[c];
        blank += *keyed_get(&l->table, row, (int)c) == '\0';
    }
    TRY_GOTO(labels_task(set, "labels", name, n, &task, error));
    if (blank > 0) goto done;
    TRY_GOTO(labels_know(set, task, record, error));
    for (size_t c = 0; c < t->columns; c++) {
        if (l->kind[c] == COLUMN_BINARY && is_set(keyed_get(&l->table, row, (int)c))) {
            TRY_GOTO(labels_state(set, task, record, t->column[c], &taken, error));
        }
    }
done:
    mem_free(name);
    return status;
}

/* The cell holds codes separated by ';', ',' or '|'. */
static pclr_status label_codes(const char *cell, size_t record, label_set *set, pclr_error *error)
{
    char *list = NULL, *rest;
    pclr_status status = mem_strdup(&list, cell, error);

    if (status == PCLR_OK) status = labels_codes_told(set, record, error);
    for (char *code = status == PCLR_OK ? strtok_r(list, ";,|", &rest) : NULL; code && status == PCLR_OK;
         code = strtok_r(NULL, ";,|", &rest)) {
        code += strspn(code, " ");
        for (size_t n = strlen(code); n > 0 && code[n - 1] == ' ';) code[--n] = '\0';
        if (*code) status = labels_code(set, record, code, NULL, error);
    }
    mem_free(list);
    return status;
}

static pclr_status labels_label(const void *state, const layout_facts *f, size_t record, label_set *set, pclr_error *error)
{
    const labels_csv *l = state;

    if (f->row < 0) return PCLR_OK;
    if (l->codes >= 0) TRY(label_codes(keyed_get(&l->table, f->row, l->codes), record, set, error));
    for (size_t c = 0; c < l->table.table.columns; c++) {
        if (l->kind[c] == COLUMN_BINARY) TRY(label_binary(l, f->row, (int)c, record, set, error));
        if (l->kind[c] == COLUMN_VALUES) TRY(label_values(l, f->row, (int)c, record, set, error));
    }
    return l->binary > 1 ? label_together(l, f->row, record, set, error) : PCLR_OK;
}

const dataset_layout layout_cinc2017 = {"cinc2017", "labels.csv", open_cinc2017, labels_facts, labels_label, close_labels};
const dataset_layout layout_cinc2011 = {"cinc2011", "labels.csv", open_cinc2011, labels_facts, labels_label, close_labels};
const dataset_layout layout_labels = {"labels", "labels.csv", open_labels, labels_facts, labels_label, close_labels};
