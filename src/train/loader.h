/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches for pretraining. Batch s is a function of (seed, s) alone: worker threads prepare batches ahead, and neither their number
 * nor the moment a run was resumed changes a byte. Several processes share a batch by rows: each makes the views of its own, and finds out
 * for itself who the others are.
 */
#ifndef PCLR_TRAIN_LOADER_H
#define PCLR_TRAIN_LOADER_H

#include "augment/augment.h"
#include "objective/objective.h"
#include "physio/standardise.h"
#include "train/pool.h"

typedef struct loader_spec {
    const pool *source;
    const size_t *record; /* [records] indices into the pool */
    size_t records;
    const feature_space *space; /* NULL: no features */
    const pclr_labels *labels;  /* for diagnostics; NULL: none */
    const pclr_config *config;
    int64_t items;     /* A, of all processes */
    int rank, size;    /* this process makes the views of items [rank A / size, (rank + 1) A / size); size 0: of all */
    bool pairs;        /* B / 2 pairs of segments, else B segments of different recordings */
    bool pair_patient; /* pairs by patient */
    bool scope_record; /* features of the whole record instead of the crop */
    int views;
    augment_chain chain[OBJECTIVE_MAX_VIEWS];
    double window_ms; /* half width around R (and P, T) of wave_weight */
    bool window_p, window_t;
    uint64_t seed;
    int threads; /* 0: batches are made when asked for, in the caller's thread */
    int prefetch;
    int64_t first_step;
} loader_spec;

typedef struct loader loader;

pclr_status loader_create(loader **l, const loader_spec *spec, pclr_error *error);
void loader_destroy(loader **l);
/* Batch of `step`; steps are asked for in order from first_step when there are threads. Valid until the next call. */
pclr_status loader_get(loader *l, int64_t step, const objective_batch **batch, pclr_error *error);
/* Steps of one pass over the records (at least 1). */
int64_t loader_epoch_steps(const loader_spec *spec);
/* Seconds that loader_get waited, and shuffles replaced by the fallback, so far. */
double loader_stall_seconds(const loader *l);
int64_t loader_fallbacks(const loader *l);

#endif
