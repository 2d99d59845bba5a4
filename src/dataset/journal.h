/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import has done so far, in a file beside the growing dataset: one entry a recording, in order. An import that was killed
 * and is started again takes its entries from here and its samples from the partial file, and goes through the same steps with them;
 * so the finished file is the same to the byte.
 */
#ifndef PCLR_DATASET_JOURNAL_H
#define PCLR_DATASET_JOURNAL_H

#include "base/error.h"

typedef enum journal_outcome { JOURNAL_IMPORTED, JOURNAL_REFUSED, JOURNAL_LEFT_OUT } journal_outcome;

typedef struct journal_entry {
    uint8_t outcome;
    /* of an imported recording */
    int64_t length, bytes;
    double source_rate;
    uint32_t lead_mask, warnings;
    uint64_t hash;
    uint8_t offset_removed, sex;
    float age;
    const char *patient, *diagnoses, *comments, *time; /* NULL: none */
    /* of a refused one */
    const char *reason;
} journal_entry;

typedef struct journal journal;

/* Opens or begins the journal at `path`. Entries of an earlier import are kept when its key (hex, 64 digits) is the same, else dropped;
 * an entry that was not written whole ends them. */
pclr_status journal_open(journal **j, const char *path, const char *key, pclr_error *error);
size_t journal_count(const journal *j);                           /* entries found on opening */
void journal_get(const journal *j, size_t k, journal_entry *out); /* texts belong to the journal */
/* Keeps the first `count` of the entries found. */
pclr_status journal_cut(journal *j, size_t count, pclr_error *error);
/* Entries gather in memory until flushed; what was flushed outlives the process. */
void journal_add(journal *j, const journal_entry *entry);
pclr_status journal_flush(journal *j, pclr_error *error);
/* keep false: the file is removed. */
void journal_close(journal **j, bool keep);

#endif
