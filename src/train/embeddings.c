/* SPDX-License-Identifier: Apache-2.0 */
#include "train/embeddings.h"

#include <string.h>

#include "base/memory.h"

pclr_status embeddings_begin(embeddings *e, const char *key, size_t rows, pclr_error *error)
{
    if (e->key && strcmp(e->key, key) == 0 && e->rows == rows) return PCLR_OK;
    embeddings_free(e);
    TRY(mem_printf(&e->key, error, "%s", key));
    TRY(mem_alloc(&e->known, rows, 1, error));
    e->rows = rows;
    return PCLR_OK;
}

bool embeddings_known(const embeddings *e, size_t row)
{
    return row < e->rows && e->known[row];
}

static pclr_status compute_missing(embeddings *e, runner *r, const pool *p, const size_t *index, size_t count,
                                   const pclr_callbacks *callbacks, const char *stage, pclr_error *error)
{
    size_t *missing = NULL, n = 0;
    float *fresh = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&missing, count, sizeof *missing, error));
    for (size_t k = 0; k < count; k++)
        if (!embeddings_known(e, p->record[index[k]].row)) missing[n++] = index[k];
    TRY_GOTO(mem_alloc(&fresh, n, e->width * sizeof *fresh, error));
    if (n > 0) TRY_GOTO(runner_run(r, p, missing, n, NULL, fresh, callbacks, stage, error));
    for (size_t k = 0; k < n; k++) {
        size_t row = p->record[missing[k]].row;
        memcpy(e->value + row * e->width, fresh + k * e->width, e->width * sizeof *fresh);
        e->known[row] = 1;
    }
done:
    mem_free(missing);
    mem_free(fresh);
    return status;
}

pclr_status embeddings_get(embeddings *e, runner *r, const pool *p, const size_t *index, size_t count, float *out,
                           const pclr_callbacks *callbacks, const char *stage, pclr_error *error)
{
    if (e->width == 0) {
        TRY(mem_alloc(&e->value, e->rows, (size_t)r->width * sizeof *e->value, error));
        e->width = (size_t)r->width;
    }
    TRY(compute_missing(e, r, p, index, count, callbacks, stage, error));
    for (size_t k = 0; k < count; k++) memcpy(out + k * e->width, e->value + p->record[index[k]].row * e->width, e->width * sizeof *out);
    return PCLR_OK;
}

void embeddings_free(embeddings *e)
{
    mem_release(&e->key);
    mem_release(&e->value);
    mem_release(&e->known);
    *e = (embeddings){0};
}
