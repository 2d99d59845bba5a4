/* SPDX-License-Identifier: Apache-2.0 */
/* Labels from a dataset file or a CSV, brought to one form. */
#ifndef PCLR_EVAL_LABELS_H
#define PCLR_EVAL_LABELS_H

#include "base/memory.h"

typedef struct eval_labels {
    size_t records, classes;
    char **id, **patient, **source; /* [records]; patient and source "" where unknown */
    char **class_name;              /* [classes] */
    uint8_t *value;                 /* [records][classes] 0, 1, 255 unknown */
    uint8_t *chosen;                /* [records] 1: in the split that was asked for (1 everywhere without one) */
    float *age;                     /* [records], -1 unknown */
    uint8_t *sex;                   /* [records] pclr_sex */
    bool from_dataset;              /* then record k is row k of the dataset */
    char **skipped_column;          /* [skipped] CSV columns that hold something other than 0, 1 or nothing */
    size_t skipped;
    arena *memory;
} eval_labels;

/* task, split: see eval_source in eval/set.h. */
pclr_status eval_labels_read(eval_labels *labels, const char *path, const char *task, const char *split, pclr_error *error);
void eval_labels_free(eval_labels *labels);
/* By the file's first bytes. */
bool eval_labels_is_dataset(const char *path);
/* Record id of a path: base name without ".hea". From the arena; NULL without memory. */
char *eval_record_id(arena *memory, const char *name);

/* The two kinds, called by eval_labels_read after the arena was made. */
pclr_status eval_labels_from_dataset(eval_labels *labels, const char *path, const char *task, const char *split, pclr_error *error);
pclr_status eval_labels_from_csv(eval_labels *labels, const char *path, const char *task, const char *split, pclr_error *error);
/* Arrays for `records` x `classes`, set to unknown. */
pclr_status eval_labels_allocate(eval_labels *labels, size_t records, size_t classes, pclr_error *error);

#endif
