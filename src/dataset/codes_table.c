/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/codes_table.h"

#include <string.h>

#include "base/memory.h"
#include "dataset/dataset.h"

enum { COLUMNS = 3 };
static const char *const text_column[COLUMNS] = {"/codes/code", "/codes/name", "/codes/class"};

/* ---- writing ---- */

static const char *text_of(const code_entry *e, int column)
{
    const char *text[COLUMNS] = {e->code, e->name, e->class_name};
    return text[column] ? text[column] : "";
}

static pclr_status put_columns(hid_t file, const code_entry *const *entry, size_t count, pclr_error *error)
{
    const char **text = NULL;
    uint64_t *records = NULL;
    uint8_t *known = NULL;
    pclr_status status;

    TRY_GOTO(mem_alloc(&text, count, sizeof *text, error));
    TRY_GOTO(mem_alloc(&records, count, sizeof *records, error));
    TRY_GOTO(mem_alloc(&known, count, 1, error));
    TRY_GOTO(h5_make_group(file, "/codes", error));
    for (int c = 0; c < COLUMNS; c++) {
        for (size_t k = 0; k < count; k++) text[k] = text_of(entry[k], c);
        TRY_GOTO(h5_write_texts(file, text_column[c], text, count, error));
    }
    for (size_t k = 0; k < count; k++) known[k] = entry[k]->class_name != NULL, records[k] = entry[k]->records;
    TRY_GOTO(h5_write(file, "/codes/known", H5T_NATIVE_UINT8, count, 0, known, error));
    status = h5_write(file, "/codes/records", H5T_NATIVE_UINT64, count, 0, records, error);
done:
    mem_free(known);
    mem_free(records);
    mem_free(text);
    return status;
}

pclr_status codes_put(hid_t file, const code_book *book, pclr_error *error)
{
    const code_entry **entry = NULL;
    size_t count;

    if (!book) return PCLR_OK;
    TRY(codes_met(book, &entry, &count, error));
    pclr_status status = count ? put_columns(file, entry, count, error) : PCLR_OK;
    mem_free(entry);
    return status;
}

int64_t codes_room(const code_book *book)
{
    enum { AN_OBJECT = 8192 };
    size_t longest[COLUMNS] = {1, 1, 1}, a_row = sizeof(uint64_t) + 1;

    if (!book) return 0;
    for (size_t k = 0; k < book->count; k++) {
        for (int c = 0; c < COLUMNS; c++) {
            size_t n = strlen(text_of(&book->entry[k], c));
            if (n > longest[c]) longest[c] = n;
        }
    }
    for (int c = 0; c < COLUMNS; c++) a_row += longest[c];
    return (int64_t)(book->count * a_row) + 6 * AN_OBJECT;
}

/* ---- reading ---- */

static pclr_status read_table(pclr_codes *t, hid_t file, pclr_error *error)
{
    const char ***column[COLUMNS] = {&t->code, &t->name, &t->class_name};
    size_t columns;

    if (!h5_has(file, "/codes/code")) return PCLR_OK;
    TRY(h5_shape(file, "/codes/code", &t->codes, &columns, error));
    for (int c = 0; c < COLUMNS; c++) {
        TRY(mem_alloc(column[c], t->codes, sizeof **column[c], error));
        TRY(h5_read_texts(file, text_column[c], t->codes, &t->block[c], *column[c], error));
    }
    TRY(mem_alloc(&t->known, t->codes, 1, error));
    TRY(mem_alloc(&t->records, t->codes, sizeof *t->records, error));
    TRY(h5_read(file, "/codes/known", H5T_NATIVE_UINT8, t->codes, 0, t->known, error));
    return h5_read(file, "/codes/records", H5T_NATIVE_UINT64, t->codes, 0, t->records, error);
}

pclr_status pclr_dataset_codes(const pclr_dataset *dataset, pclr_codes **codes, pclr_error *error)
{
    const char *path = dataset_path(dataset);
    hid_t file = -1;

    TRY(mem_alloc(codes, 1, sizeof **codes, error));
    pclr_status status = h5_open(&file, path, false, error);
    if (status == PCLR_OK) status = read_table(*codes, file, error);
    if (file >= 0 && h5_close(&file, path, NULL) != PCLR_OK) file = -1; /* nothing was written */
    if (status != PCLR_OK) pclr_codes_destroy(codes);
    return status;
}

void pclr_codes_destroy(pclr_codes **codes)
{
    if (!codes || !*codes) return;
    pclr_codes *t = *codes;
    for (int c = 0; c < COLUMNS; c++) mem_free(t->block[c]);
    mem_free(t->code);
    mem_free(t->name);
    mem_free(t->class_name);
    mem_free(t->known);
    mem_free(t->records);
    mem_release(codes);
}
