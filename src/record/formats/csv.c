/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of numbers, one row a sample: commas, semicolons, tabs or blanks between, '#' comments, an optional line of lead names.
 * A first column that counts samples or seconds evenly, or is called time, is no lead. Rate and unit come from the options (a time
 * column in seconds tells the rate); empty columns are left out.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/common.h"

enum { COLUMNS_MAX = RECORD_LEADS_MAX, NAME_MAX_BYTES = 32, PROBED = 65536 };

typedef struct number_table {
    double *value; /* [rows][columns] */
    size_t rows, capacity, columns;
    char name[COLUMNS_MAX][NAME_MAX_BYTES];
    bool named;
    char separator; /* 0: blanks */
} number_table;

static char find_separator(const char *p, const char *end)
{
    for (; p < end && *p != '\n'; p++) {
        if (*p == ',' || *p == ';' || *p == '\t') return *p;
    }
    return 0;
}

/* End of the field that begins at p. */
static const char *field_end(const number_table *t, const char *p, const char *end)
{
    while (p < end && *p != '\n' && *p != '\r' && (t->separator ? *p != t->separator : *p != ' ' && *p != '\t')) p++;
    return p;
}

static bool field_number(const char *p, const char *end, double *value)
{
    char word[64];
    while (p < end && (*p == ' ' || *p == '"')) p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '"')) end--;
    size_t n = (size_t)(end - p);
    if (n == 0 || n >= sizeof word) {
        *value = NAN;
        return n == 0;
    }
    memcpy(word, p, n);
    word[n] = '\0';
    if (text_compare_nocase(word, "nan") == 0) {
        *value = NAN;
        return true;
    }
    return parse_double(word, value);
}

/* One line; *fields: how many, *numbers: all of them numbers or empty, and one a number. */
static void scan_line(const number_table *t, const char *p, const char *end, double *value, const char **word, size_t *fields,
                      bool *numbers)
{
    bool any = false;
    *fields = 0;
    *numbers = true;
    while (p < end && *fields < COLUMNS_MAX) {
        while (!t->separator && p < end && (*p == ' ' || *p == '\t')) p++;
        if (p >= end || *p == '\r') break;
        const char *stop = field_end(t, p, end);
        word[*fields] = p;
        bool number = field_number(p, stop, &value[*fields]);
        any |= number && !isnan(value[*fields]);
        *numbers &= number;
        (*fields)++;
        p = stop;
        if (t->separator && p < end && *p == t->separator) {
            p++;
            if (p >= end || *p == '\r') { /* a separator at the end of the line: an empty last field */
                if (*fields == COLUMNS_MAX) break;
                word[*fields] = p;
                value[(*fields)++] = NAN;
                break;
            }
        }
    }
    *numbers &= any;
}

static void take_names(number_table *t, const char **word, const char *end, size_t fields)
{
    for (size_t k = 0; k < fields; k++) {
        const char *p = word[k], *stop = field_end(t, p, end);
        while (p < stop && (*p == '"' || *p == ' ' || *p == '\'')) p++;
        while (stop > p && (stop[-1] == '"' || stop[-1] == ' ' || stop[-1] == '\'')) stop--;
        size_t n = (size_t)(stop - p) < NAME_MAX_BYTES - 1 ? (size_t)(stop - p) : NAME_MAX_BYTES - 1;
        memcpy(t->name[k], p, n);
        t->name[k][n] = '\0';
    }
    t->named = true;
    t->columns = fields;
}

static pclr_status add_row(number_table *t, const double *value, pclr_error *error)
{
    if (t->rows == t->capacity) {
        size_t larger = t->capacity ? 2 * t->capacity : 4096;
        TRY(mem_grow(&t->value, t->capacity * t->columns, larger * t->columns, sizeof *t->value, error));
        t->capacity = larger;
    }
    memcpy(t->value + t->rows * t->columns, value, t->columns * sizeof *value);
    t->rows++;
    return PCLR_OK;
}

static pclr_status parse_table(number_table *t, const format_input *input, pclr_error *error)
{
    const char *p = (const char *)input->data, *end = p + input->size;
    double value[COLUMNS_MAX];
    const char *word[COLUMNS_MAX];
    long long line = 0;

    if (input->size >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) p += 3;
    for (; p < end; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p)), *start = p;
        size_t fields = 0;
        bool numbers = false;
        if (!stop) stop = end;
        p = stop < end ? stop + 1 : end;
        if (*start == '#' || start == stop || *start == '\r') continue;
        if (t->columns == 0) t->separator = find_separator(start, stop);
        scan_line(t, start, stop, value, word, &fields, &numbers);
        if (fields == 0) continue;
        if (!numbers && t->rows == 0 && !t->named) {
            take_names(t, word, stop, fields);
            continue;
        }
        if (t->columns == 0) t->columns = fields;
        if (!numbers || fields != t->columns) {
            if (!numbers && fields == t->columns) continue; /* a row without any number */
            return error_set(error, PCLR_E_FORMAT, "%s:%lld: %zu fields; expected %zu numbers as in the rows before; correct the line",
                             input->path, line + 1, fields, t->columns);
        }
        TRY(add_row(t, value, error));
    }
    return t->rows ? PCLR_OK
                   : error_set(error, PCLR_E_FORMAT, "%s: no rows of numbers; expected one a sample; name the file with the samples",
                               input->path);
}

/* The first column counts: even steps that rise. *step: its step. */
static bool is_time_column(const number_table *t, double *step)
{
    if (t->columns < 2 || t->rows < 3) return false;
    *step = t->value[t->columns] - t->value[0];
    if (!(*step > 0)) return false;
    for (size_t r = 1; r < t->rows; r++) {
        double d = t->value[r * t->columns] - t->value[(r - 1) * t->columns];
        if (!(fabs(d - *step) <= 0.01 * *step)) return false;
    }
    return true;
}

static pclr_status table_to_record(pclr_record **record, const format_input *input, const number_table *t, pclr_error *error)
{
    const char *name[COLUMNS_MAX];
    double *kept = NULL, step = 0, rate = 0;
    size_t leads = 0, column[COLUMNS_MAX];
    bool time = is_time_column(t, &step);
    pclr_status status;

    if (time && t->named && text_compare_nocase(t->name[0], "time") == 0) {
        double span = t->value[(t->rows - 1) * t->columns] - t->value[0];
        rate = round((double)(t->rows - 1) / span * 1e3) / 1e3;
    }
    for (size_t k = time ? 1 : 0; k < t->columns; k++) {
        bool filled = false;
        for (size_t r = 0; r < t->rows && !filled; r++) filled = !isnan(t->value[r * t->columns + k]);
        if (!filled) continue;
        name[leads] = t->name[k];
        column[leads++] = k;
    }
    TRY_GOTO(mem_alloc(&kept, leads * t->rows, sizeof *kept, error));
    for (size_t k = 0; k < leads; k++) {
        for (size_t r = 0; r < t->rows; r++) kept[k * t->rows + r] = t->value[r * t->columns + column[k]];
    }
    array_source a = {.value = kept,
                      .leads = leads,
                      .samples = t->rows,
                      .lead_stride = t->rows,
                      .sample_stride = 1,
                      .rate = rate,
                      .name = t->named ? name : NULL};
    status = array_to_record(record, input, &a, error);
done:
    mem_free(kept);
    return status;
}

static pclr_status read_csv(pclr_record **record, const format_input *input, pclr_error *error)
{
    number_table *t = NULL;

    TRY(mem_alloc(&t, 1, sizeof *t, error));
    pclr_status status = parse_table(t, input, error);
    if (status == PCLR_OK) status = table_to_record(record, input, t, error);
    mem_free(t->value);
    mem_free(t);
    return status;
}

/* A line of words heads a table of samples when one of them is a lead, a channel or time; else it is a table of something else. */
static bool heads_samples(const number_table *t, const char **word, const char *end, size_t fields)
{
    char name[NAME_MAX_BYTES];
    for (size_t k = 0; k < fields; k++) {
        const char *p = word[k], *stop = field_end(t, p, end);
        while (p < stop && (*p == '"' || *p == ' ')) p++;
        while (stop > p && (stop[-1] == '"' || stop[-1] == ' ')) stop--;
        size_t n = (size_t)(stop - p) < sizeof name - 1 ? (size_t)(stop - p) : sizeof name - 1;
        memcpy(name, p, n);
        name[n] = '\0';
        if (pclr_lead_from_name(name) != PCLR_LEAD_OTHER || strncasecmp(name, "time", 4) == 0 || strncasecmp(name, "ecg", 3) == 0 ||
            strncasecmp(name, "ch", 2) == 0)
            return true;
    }
    return false;
}

/* Text of at least three rows of numbers, under an optional line of names that are leads: samples, not labels. */
static bool looks_like_samples(const format_input *input, number_table *t)
{
    const char *p = (const char *)input->data, *end = p + (input->size < PROBED ? input->size : PROBED);
    double value[COLUMNS_MAX];
    const char *word[COLUMNS_MAX];
    size_t rows = 0;

    if (input->size >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) p += 3;
    for (bool first = true; p < end && rows < 3;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p)), *start = p;
        if (!stop) break;
        p = stop + 1;
        if (*start == '#' || start == stop || *start == '\r') continue;
        size_t fields;
        bool numbers;
        if (first) t->separator = find_separator(start, stop);
        scan_line(t, start, stop, value, word, &fields, &numbers);
        if (!numbers && !(first && heads_samples(t, word, stop, fields))) return false;
        rows += numbers;
        first = false;
    }
    return rows == 3;
}

static bool probe_csv(const format_input *input)
{
    number_table *t = NULL;

    if (memchr(input->data, '\0', input->size < PROBED ? input->size : PROBED) || mem_alloc(&t, 1, sizeof *t, NULL) != PCLR_OK)
        return false;
    bool accepted = looks_like_samples(input, t);
    mem_free(t);
    return accepted;
}

/* The first line that is none of a table of samples. */
static pclr_status refuse_csv(const format_input *input, pclr_error *error)
{
    const char *p = (const char *)input->data, *end = p + input->size;
    const char *zero = memchr(p, '\0', input->size), *stop = memchr(p, '\n', input->size);
    long long line = 1;

    for (const char *q = p; zero && q < zero; q++) line += *q == '\n';
    if (zero) return error_set(error, PCLR_E_FORMAT, "%s:%lld: a zero byte; expected text; this is no table of numbers", input->path, line);
    if (!stop) stop = end;
    if (stop - p >= PROBED)
        return error_set(error, PCLR_E_FORMAT, "%s:1: line of %zu bytes; expected at most %d; this is no table of one row a sample",
                         input->path, (size_t)(stop - p), PROBED);
    return error_set(error, PCLR_E_FORMAT,
                     "%s:1: \"%.*s\" begins no table of samples; expected names of leads or three rows of numbers; correct the first lines",
                     input->path, (int)(stop - p < 40 ? stop - p : 40), p);
}

const record_format record_format_csv = {"csv", ".csv .txt .tsv", probe_csv, read_csv, false, NULL, refuse_csv};
