/* SPDX-License-Identifier: Apache-2.0 */
/* Text: growing strings, numbers without the locale, CSV tables. */
#ifndef PCLR_BASE_TEXT_H
#define PCLR_BASE_TEXT_H

#include <stdarg.h>

#include "base/error.h"

/* A growing text; out-of-memory is remembered and told by text_ok. */
typedef struct text {
    char *data;   /* NUL-terminated once something was added; NULL before */
    size_t length, capacity;
    bool failed;
} text;
void text_add(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(text *t, const char *bytes, size_t n);
/* Adds a number in the shortest form that reads back the same (float: 9, double: 17 digits at most), '.' as point. NaN adds nothing. */
void text_add_double(text *t, double value);
void text_add_float(text *t, float value);
/* Adds a CSV field, quoted where needed; no separator. */
void text_add_csv(text *t, const char *field);
pclr_status text_ok(const text *t, pclr_error *error);
void text_free(text *t);

/* Whole-string parsing, independent of the locale, surrounding blanks allowed; false: not a number (or out of range). */
bool parse_double(const char *s, double *value);
bool parse_int(const char *s, int64_t *value);
bool parse_bool(const char *s, bool *value); /* true/false/yes/no/on/off/1/0 */
/* Number at *s, which is moved behind it (for "200(0)/mV"); false: none there. */
bool scan_double(const char **s, double *value);
bool scan_int(const char **s, int64_t *value);

int text_compare_nocase(const char *a, const char *b); /* ASCII */
/* Closest of n names by edit distance (at most half the length apart), or NULL: "did you mean ...?". */
const char *text_nearest(const char *word, const char *const *names, size_t n);
/* Splits at `separator` (not inside quotes), trims blanks; pieces and array in one block, freed by mem_free(pieces). */
pclr_status text_split(const char *s, char separator, char ***pieces, size_t *count, pclr_error *error);

/* A table in memory, every field as text; quotes, line breaks in quotes, CRLF, a UTF-8 mark and a header row are understood. */
typedef struct csv_table {
    size_t rows, columns;
    char **column;        /* [columns] header names */
    char **field;         /* [rows][columns]; never NULL */
    int64_t *line;        /* [rows] line number in the file, for messages */
    void *memory;
} csv_table;
pclr_status csv_read(csv_table *table, const char *path, pclr_error *error);
pclr_status csv_parse(csv_table *table, const char *name, const char *data, size_t size, pclr_error *error);
void csv_free(csv_table *table);
int csv_column(const csv_table *table, const char *name); /* -1: none; case-sensitive first, then not */
static inline const char *csv_get(const csv_table *t, size_t row, int column)
{
    return t->field[row * t->columns + (size_t)column];
}

#endif
