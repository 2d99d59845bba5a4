/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap over patients: all records of a drawn patient count as often as the patient was drawn. Every class that has positives and
 * negatives keeps at least one of each in every resample: a resample that lost one is drawn again (so the draws are those of the plain
 * bootstrap, given that all classes are defined); after 200 vain draws single patients are exchanged until all are there.
 */
#ifndef PCLR_EVAL_BOOTSTRAP_H
#define PCLR_EVAL_BOOTSTRAP_H

#include "eval/set.h"

typedef struct bootstrap {
    const eval_set *set;
    uint64_t seed;
    size_t groups;             /* needed groups: the positives and the negatives of each defined class */
    size_t *group_start;       /* [groups + 1] */
    uint32_t *group_patient;   /* patients with a record in the group */
    size_t strata;             /* 1: plain. Stratified: patients are drawn within the stratum of their rarest positive class. */
    size_t *stratum_start;     /* [strata + 1] */
    uint32_t *stratum_patient; /* [patients] */
} bootstrap;

pclr_status bootstrap_create(bootstrap *b, const eval_set *set, uint64_t seed, bool stratified, pclr_error *error);
void bootstrap_free(bootstrap *b);

typedef enum bootstrap_outcome { BOOTSTRAP_DRAWN, BOOTSTRAP_EXCHANGED, BOOTSTRAP_INCOMPLETE } bootstrap_outcome;

/* Resample number `index`: weight[records]; patient_weight[patients] is scratch. A function of (seed, index) alone. */
bootstrap_outcome bootstrap_draw(const bootstrap *b, uint64_t index, uint16_t *weight, uint16_t *patient_weight);

#endif
