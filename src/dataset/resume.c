/* SPDX-License-Identifier: Apache-2.0 */
/* An import that was killed goes on where its journal ends. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/parallel.h"
#include "dataset/import.h"

static void add_text(hash_sha256_state *h, const char *t)
{
    hash_sha256_add(h, t ? t : "", strlen(t ? t : "") + 1);
}

void resume_key(char *key, const pclr_import_options *o, const convert_target *target, char *const *path, size_t count, int64_t data_start)
{
    char numbers[256];
    uint8_t digest[32];
    hash_sha256_state h;

    hash_sha256_begin(&h);
    add_text(&h, "import " PCLR_VERSION);
    snprintf(numbers, sizeof numbers, "%.17g %.17g %d %zu %zu %lld", target->rate, o->read.rate, o->read.strict, target->leads, count,
             (long long)data_start);
    add_text(&h, numbers);
    for (size_t k = 0; k < target->leads; k++) add_text(&h, target->lead_name[k]);
    const char *const words[] = {o->layout, o->labels, o->read.unit, o->read.leads};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) add_text(&h, words[k]);
    for (size_t k = 0; k < count; k++) add_text(&h, path[k]);
    hash_sha256_end(&h, digest);
    hash_hex(digest, sizeof digest, key);
}

/* ---- are the samples there? ---- */

typedef struct verification {
    const journal *journal;
    const store *store;
    size_t leads;
    int64_t *start; /* [entries] row at which each recording's samples begin */
    uint8_t *good;  /* [entries] */
} verification;

static pclr_status verify_one(void *user, size_t k, int thread, pclr_error *error)
{
    verification *v = user;
    journal_entry e;
    int16_t *sample = NULL;

    (void)thread;
    journal_get(v->journal, k, &e);
    v->good[k] = e.outcome != JOURNAL_IMPORTED;
    if (v->good[k]) return PCLR_OK;
    TRY(mem_alloc(&sample, (size_t)e.length * v->leads, sizeof *sample, error));
    v->good[k] =
        store_read(v->store, v->start[k], e.length, sample, NULL) == PCLR_OK && convert_hash(sample, (size_t)e.length * v->leads) == e.hash;
    mem_free(sample);
    return PCLR_OK;
}

pclr_status resume_verify(const journal *j, const store *s, const convert_target *target, int threads, size_t *usable, pclr_error *error)
{
    size_t count = journal_count(j);
    verification v = {.journal = j, .store = s, .leads = target->leads};
    int64_t row = 0;
    pclr_status status;

    *usable = 0;
    TRY_GOTO(mem_alloc(&v.start, count, sizeof *v.start, error));
    TRY_GOTO(mem_alloc(&v.good, count, 1, error));
    for (size_t k = 0; k < count; k++) {
        journal_entry e;
        journal_get(j, k, &e);
        v.start[k] = row;
        if (e.outcome == JOURNAL_IMPORTED) row += e.length;
    }
    TRY_GOTO(parallel_for(count, threads, verify_one, &v, error));
    while (*usable < count && v.good[*usable]) ++*usable;
done:
    mem_free(v.start);
    mem_free(v.good);
    return status;
}
