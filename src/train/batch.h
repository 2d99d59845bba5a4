/* SPDX-License-Identifier: Apache-2.0 */
/* One batch in memory and the making of its items; used by loader.c alone. */
#ifndef PCLR_TRAIN_BATCH_H
#define PCLR_TRAIN_BATCH_H

#include "train/loader.h"

/* Owns the arrays that `view` points into. */
typedef struct batch {
    objective_batch view;
    float *signal[OBJECTIVE_MAX_VIEWS];
    float *feature, *component, *wave_weight;
    uint8_t *feature_valid, *label;
    int32_t *pair;
    int64_t *patient, *record;
    float *raw;         /* [B][F] before standardisation */
    int64_t fallbacks;  /* of this batch */
    double *peak, *cut; /* of one item */
    float *scratch;     /* [T * C] */
} batch;

/* Which recordings follow each other: a permutation an epoch. */
typedef struct batch_order {
    uint32_t *permutation;
    int64_t epoch;        /* of `permutation`; -1 none yet */
    uint32_t *by_patient; /* [records] places in spec->record, those of one patient side by side, rising; NULL unless pairs are by patient */
} batch_order;

pclr_status batch_create(batch *b, const loader_spec *spec, pclr_error *error);
void batch_free(batch *b);
pclr_status batch_order_create(batch_order *order, const loader_spec *spec, pclr_error *error);
void batch_order_free(batch_order *order);
pclr_status batch_fill(batch *b, batch_order *order, const loader_spec *spec, int64_t step, pclr_error *error);

#endif
