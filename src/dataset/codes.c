/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/codes.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

/* ---- entries by code ---- */

static void place(code_book *b, size_t index)
{
    size_t k = hash_fnv1a(b->entry[index].code, strlen(b->entry[index].code)) & (b->slots - 1);
    while (b->slot[k]) k = (k + 1) & (b->slots - 1);
    b->slot[k] = (uint32_t)index + 1;
}

static pclr_status make_room(code_book *b, pclr_error *error)
{
    if (b->count < b->capacity) return PCLR_OK;
    size_t larger = b->capacity ? 2 * b->capacity : 256;
    TRY(mem_grow(&b->entry, b->capacity, larger, sizeof *b->entry, error));
    b->capacity = larger;
    mem_release(&b->slot);
    b->slots = 2 * larger;
    TRY(mem_alloc(&b->slot, b->slots, sizeof *b->slot, error));
    for (size_t k = 0; k < b->count; k++) place(b, k);
    return PCLR_OK;
}

/* The entry of a code, made when it is new. */
static pclr_status find(code_book *b, const char *code, code_entry **out, pclr_error *error)
{
    if (b->slots) {
        size_t k = hash_fnv1a(code, strlen(code)) & (b->slots - 1);
        for (; b->slot[k]; k = (k + 1) & (b->slots - 1)) {
            *out = &b->entry[b->slot[k] - 1];
            if (strcmp((*out)->code, code) == 0) return PCLR_OK;
        }
    }
    TRY(make_room(b, error));
    *out = &b->entry[b->count];
    TRY(mem_strdup(&(*out)->code, code, error));
    place(b, b->count++);
    return PCLR_OK;
}

/* ---- the map ---- */

static pclr_status add_class(code_book *b, const char *name, pclr_error *error)
{
    for (size_t k = 0; k < b->classes; k++) {
        if (strcmp(b->class_name[k], name) == 0) return PCLR_OK;
    }
    TRY(mem_grow(&b->class_name, b->classes, b->classes + 1, sizeof *b->class_name, error));
    TRY(mem_strdup(&b->class_name[b->classes], name, error));
    b->classes++;
    return PCLR_OK;
}

static pclr_status take_row(code_book *b, const char *path, int64_t line, const char *const field[3], pclr_error *error)
{
    code_entry *e;

    if (!*field[0]) return PCLR_OK;
    TRY(find(b, field[0], &e, error));
    if (e->class_name) {
        return error_set(error, PCLR_E_DATA, "%s:%lld: code %s is there twice; expected every code once; remove one", path, (long long)line,
                         field[0]);
    }
    TRY(mem_strdup(&e->name, field[1], error));
    TRY(mem_strdup(&e->class_name, field[2], error));
    return *field[2] ? add_class(b, field[2], error) : PCLR_OK;
}

static pclr_status read_map(code_book *b, const char *path, pclr_error *error)
{
    csv_table t = {0};
    pclr_status status;

    TRY(csv_read(&t, path, error));
    int code = csv_column(&t, "code"), name = csv_column(&t, "name"), class_column = csv_column(&t, "class");
    status = PCLR_OK;
    if (code < 0 || class_column < 0) {
        status = error_set(error, PCLR_E_FORMAT, "%s:1: no column %s; expected code,name,class; add it", path, code < 0 ? "code" : "class");
    }
    for (size_t r = 0; status == PCLR_OK && r < t.rows; r++) {
        const char *field[3] = {csv_get(&t, r, code), name < 0 ? "" : csv_get(&t, r, name), csv_get(&t, r, class_column)};
        status = take_row(b, path, t.line[r], field, error);
    }
    csv_free(&t);
    if (status == PCLR_OK && b->classes == 0)
        status = error_set(error, PCLR_E_DATA, "%s: no code has a class; expected at least one; fill in the column class", path);
    return status;
}

pclr_status codes_open(code_book *b, const char *map, pclr_error *error)
{
    memset(b, 0, sizeof *b);
    if (!map) return PCLR_OK;
    const char *base = path_base(map);
    pclr_status status = mem_strndup(&b->task, base, (size_t)(path_extension(map) - base), error);
    if (status == PCLR_OK) status = read_map(b, map, error);
    if (status != PCLR_OK) codes_free(b);
    return status;
}

/* ---- counting ---- */

pclr_status codes_see(code_book *b, const char *code, const char *builtin, size_t record, const char **class_name, pclr_error *error)
{
    code_entry *e;

    TRY(find(b, code, &e, error));
    if (!e->class_name && !b->task && builtin) TRY(mem_strdup(&e->class_name, builtin, error));
    *class_name = b->task ? e->class_name : NULL;
    if (e->last == record + 1) return PCLR_OK; /* told twice of one record */
    e->last = record + 1;
    e->records++;
    return PCLR_OK;
}

pclr_status codes_add(code_book *b, const char *code, const char *name, const char *class_name, uint64_t records, pclr_error *error)
{
    code_entry *e;

    TRY(find(b, code, &e, error));
    if (!e->name && *name) TRY(mem_strdup(&e->name, name, error));
    if (!e->class_name && class_name) TRY(mem_strdup(&e->class_name, class_name, error));
    e->records += records;
    return PCLR_OK;
}

static int by_code(const void *a, const void *b)
{
    return strcmp((*(const code_entry *const *)a)->code, (*(const code_entry *const *)b)->code);
}

static void add_line(text *out, const code_entry *e)
{
    text_add_csv(out, e->code);
    text_add(out, ",");
    text_add_csv(out, e->name ? e->name : "");
    text_add(out, ",");
    text_add_csv(out, e->class_name ? e->class_name : "");
    text_add(out, ",%llu\n", (unsigned long long)e->records);
}

pclr_status codes_met(const code_book *b, const code_entry ***entry, size_t *count, pclr_error *error)
{
    *count = 0;
    TRY(mem_alloc(entry, b->count, sizeof **entry, error));
    for (size_t k = 0; k < b->count; k++) {
        if (b->entry[k].records) (*entry)[(*count)++] = &b->entry[k];
    }
    if (*count) qsort(*entry, *count, sizeof **entry, by_code);
    return PCLR_OK;
}

pclr_status codes_write(const code_book *b, const char *path, uint64_t *unmapped_codes, uint64_t *unmapped_records, pclr_error *error)
{
    const code_entry **entry = NULL;
    text out = {0};
    size_t met;

    *unmapped_codes = *unmapped_records = 0;
    TRY(codes_met(b, &entry, &met, error));
    text_add(&out, "code,name,class,records\n");
    for (size_t k = 0; k < met; k++) {
        add_line(&out, entry[k]);
        if (entry[k]->class_name) continue;
        ++*unmapped_codes;
        *unmapped_records += entry[k]->records;
    }
    pclr_status status = text_ok(&out, error);
    if (status == PCLR_OK && met) status = file_write(path, out.data, out.length, error);
    text_free(&out);
    mem_free(entry);
    return status;
}

void codes_free(code_book *b)
{
    for (size_t k = 0; k < b->count; k++) {
        mem_free(b->entry[k].code);
        mem_free(b->entry[k].name);
        mem_free(b->entry[k].class_name);
    }
    for (size_t k = 0; k < b->classes; k++) mem_free(b->class_name[k]);
    mem_free(b->class_name);
    mem_free(b->entry);
    mem_free(b->slot);
    mem_free(b->task);
    memset(b, 0, sizeof *b);
}
