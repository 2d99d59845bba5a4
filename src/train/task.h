/* SPDX-License-Identifier: Apache-2.0 */
/* A labelled task on a pool: which records train and validate, with which labels. */
#ifndef PCLR_TRAIN_TASK_H
#define PCLR_TRAIN_TASK_H

#include "train/pool.h"

typedef struct task_part {
    size_t *record; /* [records] indices into the pool */
    size_t records;
    uint8_t *label; /* [records][classes]: 0, 1, 255 unknown */
} task_part;

typedef struct task {
    pclr_labels *labels;
    task_part train, validation;
    size_t train_patients; /* chosen */
    size_t *positives;     /* [classes] among train */
} task;

/* The pool's parts must be set. Training records: those of the first round(fraction * patients) patients of the training part, sorted
 * by sha1("SEED:patient"), that have any known label. */
pclr_status task_open(task *t, const pool *p, const char *name, double fraction, uint64_t seed, pclr_error *error);
void task_close(task *t);

#endif
