/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180, plus what spreadsheets write): fields are cut in place in one copy of the file. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

typedef struct cursor {
    const char *name; /* of the file, for messages */
    char *p, *end;
    int64_t line;
} cursor;

/* Reads one field, unquotes it in place and moves behind its separator; *last: the row ends here. */
static char *next_field(cursor *c, bool *last, bool *broken)
{
    char *begin = c->p, *out = c->p;
    bool quoted = false;
    *last = true;
    *broken = false;
    if (c->p < c->end && *c->p == '"') {
        quoted = true;
        c->p++;
    }
    for (; c->p < c->end; c->p++) {
        char ch = *c->p;
        if (quoted && ch == '"') {
            if (c->p + 1 < c->end && c->p[1] == '"')
                c->p++;
            else {
                quoted = false;
                continue;
            }
        } else if (!quoted && (ch == ',' || ch == '\n' || ch == '\r')) {
            break;
        }
        if (ch == '\n') c->line++;
        *out++ = *c->p;
    }
    *broken = quoted;
    if (c->p < c->end) {
        char ch = *c->p++;
        *last = ch != ',';
        if (ch == '\r' && c->p < c->end && *c->p == '\n') c->p++;
        if (*last) c->line++;
    }
    *out = '\0';
    return begin;
}

typedef struct builder {
    csv_table *table;
    size_t field_capacity, row_capacity;
} builder;

static pclr_status read_header(cursor *c, csv_table *t, pclr_error *error)
{
    size_t capacity = 0;
    for (bool last = false; !last;) {
        bool broken;
        char *field = next_field(c, &last, &broken);
        if (broken) return error_set(error, PCLR_E_FORMAT, "%s:1: the quotes of the header are not closed", c->name);
        if (t->columns == capacity) {
            TRY(mem_grow(&t->column, capacity, capacity ? 2 * capacity : 16, sizeof *t->column, error));
            capacity = capacity ? 2 * capacity : 16;
        }
        t->column[t->columns++] = field;
    }
    return PCLR_OK;
}

static pclr_status make_room(builder *b, pclr_error *error)
{
    csv_table *t = b->table;
    if (t->rows < b->row_capacity) return PCLR_OK;
    size_t rows = b->row_capacity ? 2 * b->row_capacity : 64;
    if (rows > SIZE_MAX / sizeof(char *) / t->columns) return error_memory(error, SIZE_MAX);
    TRY(mem_grow(&t->field, b->field_capacity, rows * t->columns, sizeof *t->field, error));
    b->field_capacity = rows * t->columns;
    TRY(mem_grow(&t->line, b->row_capacity, rows, sizeof *t->line, error));
    b->row_capacity = rows;
    return PCLR_OK;
}

static pclr_status read_row(cursor *c, builder *b, pclr_error *error)
{
    csv_table *t = b->table;
    TRY(make_room(b, error));
    char **row = t->field + t->rows * t->columns;
    int64_t line = c->line;
    size_t n = 0;
    for (bool last = false; !last; n++) {
        bool broken;
        char *field = next_field(c, &last, &broken);
        if (broken)
            return error_set(error, PCLR_E_FORMAT, "%s:%lld: a quoted field is not closed before the end of the file", c->name,
                             (long long)line);
        if (n == 0 && last && *field == '\0') return PCLR_OK; /* an empty line */
        if (n < t->columns) row[n] = field;
    }
    if (n != t->columns)
        return error_set(error, PCLR_E_FORMAT, "%s:%lld: found %zu fields, expected the header's %zu; %s", c->name, (long long)line, n,
                         t->columns,
                         t->columns == 1 && strpbrk(t->column[0], ";\t") ? "separate fields by commas and write numbers with a point"
                                                                         : "mend that line");
    t->line[t->rows++] = line;
    return PCLR_OK;
}

/* Takes over `data` (from mem_alloc, one byte longer than size). */
static pclr_status parse(csv_table *table, const char *name, char *data, size_t size, pclr_error *error)
{
    cursor c = {.name = name, .p = data, .end = data + size, .line = 1};
    builder b = {.table = table};
    *table = (csv_table){.memory = data};
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) c.p += 3;
    pclr_status status = PCLR_OK;
    if (memchr(data, '\0', size))
        status = error_set(error, PCLR_E_FORMAT, "%s: holds NUL bytes; expected a text table", name);
    else if (c.p == c.end)
        status = error_set(error, PCLR_E_FORMAT, "%s: empty; expected a header row with column names", name);
    if (status == PCLR_OK) status = read_header(&c, table, error);
    while (status == PCLR_OK && c.p < c.end) status = read_row(&c, &b, error);
    if (status != PCLR_OK) csv_free(table);
    return status;
}

pclr_status csv_read(csv_table *table, const char *path, pclr_error *error)
{
    char *data = NULL;
    size_t size = 0;
    *table = (csv_table){0};
    TRY(file_read(path, 0, &data, &size, error));
    return parse(table, path, data, size, error);
}

pclr_status csv_parse(csv_table *table, const char *name, const char *data, size_t size, pclr_error *error)
{
    char *copy = NULL;
    *table = (csv_table){0};
    TRY(mem_alloc(&copy, size + 1, 1, error));
    memcpy(copy, data, size);
    return parse(table, name, copy, size, error);
}

void csv_free(csv_table *table)
{
    mem_free(table->column);
    mem_free(table->field);
    mem_free(table->line);
    mem_free(table->memory);
    *table = (csv_table){0};
}

int csv_column(const csv_table *table, const char *name)
{
    for (size_t k = 0; k < table->columns; k++)
        if (strcmp(table->column[k], name) == 0) return (int)k;
    for (size_t k = 0; k < table->columns; k++)
        if (text_compare_nocase(table->column[k], name) == 0) return (int)k;
    return -1;
}
