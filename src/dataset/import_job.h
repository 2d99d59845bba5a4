/* SPDX-License-Identifier: Apache-2.0 */
/* The state of an import: import.c runs it from batch to batch, import_item.c does what is to do for one recording. */
#ifndef PCLR_DATASET_IMPORT_JOB_H
#define PCLR_DATASET_IMPORT_JOB_H

#include <stdatomic.h>

#include "dataset/import.h"
#include "record/deidentify.h"

enum {
    IMPORT_THREADS_MAX = 256,
    IMPORT_HELD_MOST = 1 << 25 /* bytes of converted samples in hand beyond which no other recording is begun */
};

typedef struct import_item {
    pclr_status status;
    pclr_error error;
    bool put_off;        /* to the next batch: enough samples are in hand */
    journal_entry entry; /* texts belong to stored.record, error or the journal */
    stored_record stored;
    layout_facts facts, told; /* of the archive's layout; of --labels */
} import_item;

typedef struct import_job {
    const pclr_import_options *options;
    const pclr_callbacks *callbacks;
    pclr_import_summary *summary;
    pclr_record_list *list;
    size_t begin, end; /* recordings of the list that this shard imports */
    archive_set archives;
    size_t *archive_of;
    convert_target target;
    converter *converter[IMPORT_THREADS_MAX];
    int threads;
    import_item *item;   /* [batch] */
    size_t batch, first; /* recordings [first, first + batch) are in work */
    atomic_size_t held;  /* bytes of samples of the batch so far */
    store *store;
    journal *journal;
    size_t resumed; /* recordings from `begin` on that the journal tells of */
    label_set labels;
    code_book codes;
    measure_set measures;
    pseudonyms pseudonyms;
    text rejects;
    size_t left_out, offsets_removed;
    size_t warnings;
} import_job;

/* Recording job->first + k is read and converted, by any thread; a parallel_for body. One that fails is listed and stops nothing. */
pclr_status import_work(void *job, size_t k, int thread, pclr_error *error);
/* What became of recording `index` is written to the store, the labels, the rejects and the journal; in order. */
pclr_status import_take(import_job *job, size_t index, import_item *item, pclr_error *error);

#endif
