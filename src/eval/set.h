/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is evaluated: scores and labels of the same records in the same order, with the patient, sex, age and source of each.
 * Reading joins a prediction file (any system's) with the labels; whatever does not match is an error or a note, never dropped silently.
 */
#ifndef PCLR_EVAL_SET_H
#define PCLR_EVAL_SET_H

#include "base/memory.h"

typedef struct eval_set {
    size_t records, classes, patients, sources;
    char **id;          /* [records] base names */
    char **class_name;  /* [classes] */
    double *score;      /* [records][classes], finite */
    uint8_t *label;     /* [records][classes] 0, 1, 255 unknown */
    uint32_t *patient;  /* [records], 0 .. patients - 1; a record without a patient is its own */
    char **patient_key; /* [patients] source and patient, or record where the labels name no patient; NULL: not read from labels */
    uint32_t *source;   /* [records], 0 .. sources - 1 */
    char **source_name; /* [sources]; "" where the labels name none */
    float *age;         /* [records] years, -1 unknown */
    uint8_t *sex;       /* [records] pclr_sex */
    int64_t *row;       /* [records] row of the dataset that gave the labels, -1: a CSV */
    char **note;        /* [notes] what did not match, in words */
    size_t notes;
    arena *memory;
} eval_set;

typedef enum eval_level { EVAL_RECORDS, EVAL_SEGMENTS } eval_level;

typedef struct eval_source {
    const char *predictions;       /* CSV: record_id and a column a class; several rows a record with a column `segment` */
    const char *labels;            /* dataset.h5 or CSV */
    const char *task;              /* of the dataset, or superclass | rhythm | CODE,CODE... of a table with scp_codes; NULL: the only one */
    const char *split;             /* dataset "NAME:PART", CSV "COLUMN:VALUE" (values "1,3-5"); NULL: every labelled record predicted */
    const char *classes;           /* comma-separated subset, NULL: all common ones */
    const char *const *class_list; /* [class_count] the same as a list (names may hold commas); NULL: `classes` counts */
    size_t class_count;
    bool allow_missing; /* records of the split without a prediction become a note instead of an error */
    bool may_be_empty;  /* no record at all is no error either */
    eval_level level;   /* records: mean over a record's segments */
} eval_source;

pclr_status eval_set_read(eval_set *set, const eval_source *source, pclr_error *error);
void eval_set_free(eval_set *set);
/* Arrays for `records` x `classes` from set->memory, zeroed. */
pclr_status eval_set_allocate(eval_set *set, size_t records, size_t classes, pclr_error *error);
/* The records listed in keep[count], in that order; patients and sources are renumbered; no notes. */
pclr_status eval_set_select(eval_set *out, const eval_set *set, const uint32_t *keep, size_t count, pclr_error *error);
pclr_status eval_set_note(eval_set *set, pclr_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool eval_set_has_note(const eval_set *set, const char *note);
/* Positives and negatives of a class. */
void eval_set_count(const eval_set *set, size_t class_index, size_t *positives, size_t *negatives);

#endif
