/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a check: what each recording told, kept until all are compared. */
#ifndef PCLR_DOCTOR_CHECKUP_H
#define PCLR_DOCTOR_CHECKUP_H

#include <stdatomic.h>

#include "base/parallel.h"
#include "dataset/import.h"
#include "doctor/findings.h"

typedef struct checked_file {
    char *id, *patient; /* patient NULL: unknown */
    char *diagnoses, *comments;
    uint64_t hash; /* of the samples; 0: not read, or nothing but flat lines */
    float quality;
    float heart_rate; /* beats a minute, median; NaN unknown */
    pclr_sex sex;
    layout_facts facts; /* what the archive's tables tell */
    findings found;
} checked_file;

typedef struct checkup {
    const pclr_record_list *list;
    const pclr_check_options *options;
    const pclr_callbacks *callbacks;
    archive_set archives;
    size_t *archive_of; /* [list->count] */
    checked_file *file; /* [list->count] */
    atomic_size_t done;
    progress bar;
} checkup;

/* Duplicates, one signal under two patients or with two sets of labels, one patient of both sexes. (compare.c) */
pclr_status compare_files(checkup *c, label_set *labels, pclr_error *error);
/* Labels of all recordings from headers and tables; statements that exclude each other or the heart rate are findings. (statements.c) */
pclr_status statements_check(checkup *c, label_set *labels, pclr_error *error);

#endif
