/* SPDX-License-Identifier: Apache-2.0 */
/* An open dataset, as the files that read it see it: dataset.c opens, dataset_signal.c reads samples, dataset_tasks.c labels and splits. */
#ifndef PCLR_DATASET_OPENED_H
#define PCLR_DATASET_OPENED_H

#include "dataset/dataset.h"

typedef struct id_entry {
    uint64_t hash;
    size_t record;
} id_entry;

struct pclr_dataset {
    char *path;
    int descriptor;
    double rate;
    size_t leads, records;
    char **lead_name;
    int64_t samples;         /* rows of /signal */
    int64_t chunk_rows;      /* samples a chunk; a contiguous /signal is one chunk */
    uint64_t *chunk_address; /* [chunks] byte offset in the file; UINT64_MAX: never written */
    size_t chunks;
    char *text_block[4];  /* id, source, patient, path */
    const char **text[4]; /* [records] each */
    int64_t *start, *length;
    double *source_rate;
    float *age;
    uint8_t *sex;
    uint32_t *lead_mask;
    int32_t *fold;
    uint64_t *hash;  /* of each record's stored samples; NULL in files without */
    id_entry *index; /* [records] sorted by hash */
    char **task, **split;
    size_t tasks, splits;
};

#endif
