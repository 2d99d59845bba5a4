/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of a CSV: 0/1 columns, or a table with PTB-XL's scp_codes and superclass. */
#include <string.h>

#include "base/text.h"
#include "eval/labels.h"

static const char *const superclasses[] = {"NORM", "MI", "STTC", "CD", "HYP"};
static const char *const rhythms[] = {"AFIB", "STACH", "SBRAD", "SARRH", "PVC"};

static const char *const describing[] = {"record_id", "filename", "ecg_id", "patient",    "patient_id", "age",     "sex",
                                         "source",    "fold",     "split",  "strat_fold", "path",       "segment", "start"};

/* Whether a column tells something of the record that is no label; so does the column that --split COLUMN:VALUES chooses by. */
static bool describes_record(const char *column, const char *split)
{
    const char *colon = split ? strchr(split, ':') : NULL;
    if (colon && strlen(column) == (size_t)(colon - split) && memcmp(column, split, strlen(column)) == 0) return true;
    for (size_t k = 0; k < sizeof describing / sizeof *describing; k++) {
        if (text_compare_nocase(column, describing[k]) == 0) return true;
    }
    return false;
}

static int first_column(const csv_table *t, const char *a, const char *b, const char *c)
{
    int column = csv_column(t, a);
    if (column < 0 && b) column = csv_column(t, b);
    if (column < 0 && c) column = csv_column(t, c);
    return column;
}

static pclr_status copy_rows(eval_labels *labels, const csv_table *t, const char *path, pclr_error *error)
{
    int id = first_column(t, "record_id", "filename", "filename_hr");
    int patient = first_column(t, "patient_id", "patient", NULL), source = csv_column(t, "source");
    int age = csv_column(t, "age"), sex = csv_column(t, "sex");
    if (id < 0)
        return error_set(error, PCLR_E_FORMAT, "%s:1: no column record_id (or filename) among the %zu columns; the labels need one", path,
                         t->columns);
    for (size_t r = 0; r < t->rows; r++) {
        double years = 0;
        labels->id[r] = eval_record_id(labels->memory, csv_get(t, r, id));
        labels->patient[r] = arena_strdup(labels->memory, patient < 0 ? "" : csv_get(t, r, patient));
        labels->source[r] = arena_strdup(labels->memory, source < 0 ? "" : csv_get(t, r, source));
        if (!labels->id[r] || !labels->patient[r] || !labels->source[r]) return error_memory(error, 64);
        if (age >= 0 && parse_double(csv_get(t, r, age), &years) && years >= 0 && years <= 130) labels->age[r] = (float)years;
        const char *s = sex < 0 ? "" : csv_get(t, r, sex);
        if (strcmp(s, "0") == 0 || text_compare_nocase(s, "male") == 0 || text_compare_nocase(s, "m") == 0) labels->sex[r] = PCLR_SEX_MALE;
        if (strcmp(s, "1") == 0 || text_compare_nocase(s, "female") == 0 || text_compare_nocase(s, "f") == 0)
            labels->sex[r] = PCLR_SEX_FEMALE;
    }
    return PCLR_OK;
}

/* 0, 1 or 255; -1: something else. */
static int label_of(const char *field)
{
    double number;
    bool truth;
    while (*field == ' ') field++;
    if (*field == '\0' || text_compare_nocase(field, "nan") == 0 || text_compare_nocase(field, "na") == 0) return 255;
    if (parse_double(field, &number)) return number == 1 ? 1 : number == 0 ? 0 : -1;
    return parse_bool(field, &truth) ? truth : -1;
}

static bool is_label_column(const csv_table *t, int column, const char *split)
{
    if (describes_record(t->column[column], split)) return false;
    for (size_t r = 0; r < t->rows; r++) {
        if (label_of(csv_get(t, r, column)) < 0) return false;
    }
    return true;
}

static pclr_status read_binary_columns(eval_labels *labels, const csv_table *t, const char *path, const char *split, pclr_error *error)
{
    size_t classes = 0, c = 0;
    labels->skipped_column = arena_alloc(labels->memory, t->columns * sizeof *labels->skipped_column);
    if (labels->skipped_column == NULL) return error_memory(error, t->columns);
    for (size_t k = 0; k < t->columns; k++) classes += is_label_column(t, (int)k, split);
    if (classes == 0)
        return error_set(error, PCLR_E_DATA, "%s: no column holds only 0, 1 or nothing; one such column a class is expected", path);
    TRY(eval_labels_allocate(labels, t->rows, classes, error));
    for (size_t k = 0; k < t->columns; k++) {
        char *name = arena_strdup(labels->memory, t->column[k]);
        if (name == NULL) return error_memory(error, 64);
        if (!is_label_column(t, (int)k, split)) {
            if (!describes_record(name, split)) labels->skipped_column[labels->skipped++] = name;
            continue;
        }
        labels->class_name[c] = name;
        for (size_t r = 0; r < t->rows; r++) labels->value[r * classes + c] = (uint8_t)label_of(csv_get(t, r, (int)k));
        c++;
    }
    return PCLR_OK;
}

/* Whether `word` stands in `field` as a whole word: "{'NORM': 100.0, 'LVOLT': 0.0}" or "MI STTC". */
static bool has_word(const char *field, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = strstr(field, word); p; p = strstr(p + 1, word)) {
        bool begins = p == field || strchr(" '\"{,;", p[-1]) != NULL;
        bool ends = p[length] == '\0' || strchr(" '\":,;}", p[length]) != NULL;
        if (begins && ends) return true;
    }
    return false;
}

static pclr_status read_statements(eval_labels *labels, const csv_table *t, const char *path, const char *task, pclr_error *error)
{
    bool super = strcmp(task, "superclass") == 0;
    int column = csv_column(t, super ? "superclass" : "scp_codes");
    char **codes = NULL;
    const char *const *names = super ? superclasses : rhythms;
    size_t count = super ? sizeof superclasses / sizeof *superclasses : sizeof rhythms / sizeof *rhythms;
    pclr_status status = PCLR_OK;

    if (column < 0)
        return error_set(error, PCLR_E_FORMAT, "%s:1: no column %s for the task '%s'; import the archive and give the dataset as labels",
                         path, super ? "superclass" : "scp_codes", task);
    if (!super && strcmp(task, "rhythm") != 0) {
        TRY_GOTO(text_split(task, ',', &codes, &count, error));
        names = (const char *const *)codes;
    }
    TRY_GOTO(eval_labels_allocate(labels, t->rows, count, error));
    for (size_t c = 0; c < count; c++) {
        labels->class_name[c] = arena_strdup(labels->memory, names[c]);
        if (labels->class_name[c] == NULL) TRY_GOTO(error_memory(error, 64));
    }
    for (size_t r = 0; r < t->rows; r++) {
        const char *field = csv_get(t, r, column);
        if (super && field[strspn(field, " ")] == '\0') continue; /* no superclass: unknown, not negative */
        for (size_t c = 0; c < count; c++) labels->value[r * count + c] = has_word(field, names[c]);
    }
done:
    mem_free(codes);
    return status;
}

/* Whether `value` is in "1,3-5,test". */
static bool in_ranges(const char *value, char *const *range, size_t ranges)
{
    double v, low, high;
    for (size_t k = 0; k < ranges; k++) {
        const char *p = range[k];
        if (strcmp(value, range[k]) == 0) return true;
        if (!parse_double(value, &v) || !scan_double(&p, &low)) continue;
        high = low;
        if (*p == '-') {
            p++;
            if (!scan_double(&p, &high)) continue;
        }
        if (*p == '\0' && v >= low && v <= high) return true;
    }
    return false;
}

/* "COLUMN:VALUE[,VALUE|LOW-HIGH]..." */
static pclr_status choose_split(eval_labels *labels, const csv_table *t, const char *path, const char *split, pclr_error *error)
{
    const char *colon = strchr(split, ':');
    char *name = NULL, **range = NULL;
    size_t ranges = 0;
    pclr_status status = PCLR_OK;
    int column;

    if (colon == NULL)
        return error_set(error, PCLR_E_ARGUMENT, "--split %s: with labels from a CSV the form is COLUMN:VALUE, e.g. strat_fold:8", split);
    TRY_GOTO(mem_strndup(&name, split, (size_t)(colon - split), error));
    TRY_GOTO(text_split(colon + 1, ',', &range, &ranges, error));
    column = csv_column(t, name);
    if (column < 0) TRY_GOTO(error_set(error, PCLR_E_ARGUMENT, "%s:1: no column '%s' for --split %s", path, name, split));
    for (size_t r = 0; r < t->rows; r++) labels->chosen[r] = in_ranges(csv_get(t, r, column), range, ranges);
done:
    mem_free(name);
    mem_free(range);
    return status;
}

pclr_status eval_labels_from_csv(eval_labels *labels, const char *path, const char *task, const char *split, pclr_error *error)
{
    csv_table table = {0};
    pclr_status status = PCLR_OK;

    TRY(csv_read(&table, path, error));
    if (task != NULL)
        TRY_GOTO(read_statements(labels, &table, path, task, error));
    else
        TRY_GOTO(read_binary_columns(labels, &table, path, split, error));
    TRY_GOTO(copy_rows(labels, &table, path, error));
    if (split != NULL) TRY_GOTO(choose_split(labels, &table, path, split, error));
done:
    csv_free(&table);
    return status;
}
