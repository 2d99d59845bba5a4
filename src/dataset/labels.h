/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels while an archive is imported: statements "record r has class c of task t" are gathered as they come and become one table
 * [records][classes] a task at the end. A record of which a task knows nothing gets 255 in all its classes.
 */
#ifndef PCLR_DATASET_LABELS_H
#define PCLR_DATASET_LABELS_H

#include "dataset/codes.h"
#include "dataset/measures.h"

typedef struct label_task {
    char *name;
    char **class_name;
    size_t classes, class_capacity;
    bool closed;     /* its classes are given; others are not added */
    uint32_t *known; /* records of which the task knows, rising */
    size_t known_count, known_capacity;
    struct label_pair {
        uint32_t record, class;
    } * pair; /* positives */
    size_t pairs, pair_capacity;
} label_task;

typedef struct label_set {
    label_task *task;
    size_t tasks;
    code_book *codes;      /* the caller's; NULL: codes are not counted */
    measure_set *measures; /* the caller's; receives what an archive's machine measured */
} label_set;

/* The task of that name, made when it is new; classes (may be NULL) close its list. */
pclr_status labels_task(label_set *set, const char *name, const char *const *classes, size_t count, size_t *task, pclr_error *error);
/* The task has this class from now on, met or not. */
pclr_status labels_class(label_set *set, size_t task, const char *class_name, pclr_error *error);
/* The task knows this record: what is not stated is absent. Records must come in rising order. */
pclr_status labels_know(label_set *set, size_t task, size_t record, pclr_error *error);
/* The record has the class. In a closed task an unknown class is passed over (*taken false). */
pclr_status labels_state(label_set *set, size_t task, size_t record, const char *class_name, bool *taken, pclr_error *error);
/* The record's codes are told: what is not among them is absent. Matters where there is a map of codes. */
pclr_status labels_codes_told(label_set *set, size_t record, pclr_error *error);
/* The record has the code; builtin: its class by the built-in tables, NULL unknown. Counts it and states its class by the map. */
pclr_status labels_code(label_set *set, size_t record, const char *code, const char *builtin, pclr_error *error);
/* Drops tasks without known records and classes without name; sorts the classes of open tasks. */
pclr_status labels_finish(label_set *set, pclr_error *error);
/* value[records][classes] of a task. */
void labels_fill(const label_task *task, size_t records, uint8_t *value);
void labels_free(label_set *set);

#endif
