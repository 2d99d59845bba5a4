/* SPDX-License-Identifier: Apache-2.0 */
/* Many recordings to one CSV file: worked on in parallel, a bounded number at a time, written in order; one bad recording stops nothing. */
#ifndef PCLR_PHYSIO_RECORDINGS_CSV_H
#define PCLR_PHYSIO_RECORDINGS_CSV_H

#include "base/text.h"

/* Adds the rows of one recording. Called by several threads at once. */
typedef pclr_status (*recordings_csv_rows)(const void *user, const char *path, text *rows, pclr_error *error);

typedef struct recordings_csv {
    const char *stage;  /* for progress and messages */
    const char *header; /* first line, with its line break */
    recordings_csv_rows rows;
    const void *user;
    int threads;        /* 0: all processors */
} recordings_csv;

pclr_status recordings_csv_write(const recordings_csv *job, const char *const *inputs, size_t input_count, const char *csv_path, const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error);

#endif
