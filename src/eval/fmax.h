/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fmax, sample-centric (Radivojac et al. 2013; for ECGs Strodthoff et al. 2021): the largest harmonic mean, over thresholds 0, 0.01 ... 1,
 * of precision (mean over records with at least one call) and recall (mean over records with at least one positive label).
 */
#ifndef PCLR_EVAL_FMAX_H
#define PCLR_EVAL_FMAX_H

#include "eval/set.h"

enum { FMAX_THRESHOLDS = 101, FMAX_SCRATCH = 3 * FMAX_THRESHOLDS };

/* A record's precision and recall are steps in the threshold; each step is stored once, so that a resample is a weighted sum of steps. */
typedef struct fmax_step {
    uint32_t record;
    uint16_t threshold;      /* going down the thresholds, from this one on ... */
    int16_t called;          /* ... 1: the record has calls for the first time */
    float precision, recall; /* ... change by this much */
} fmax_step;

typedef struct fmax_table {
    fmax_step *step;
    size_t steps, records;
    uint8_t *has_positive; /* [records] */
} fmax_table;

/* Scores must be probabilities. */
pclr_status fmax_create(fmax_table *table, const eval_set *set, pclr_error *error);
void fmax_free(fmax_table *table);
/* scratch[FMAX_SCRATCH]; *threshold (may be NULL): where the maximum lies. NaN when no record has a positive. */
double fmax_value(const fmax_table *table, const uint16_t *weight, double *scratch, double *threshold);

#endif
