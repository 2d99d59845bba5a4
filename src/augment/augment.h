/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentations of one segment, arrays in, arrays out. One file each; augment/registry.c names them all. */
#ifndef PCLR_AUGMENT_AUGMENT_H
#define PCLR_AUGMENT_AUGMENT_H

#include "base/config.h"
#include "base/rng.h"

typedef struct augment_segment {
    float *signal; /* [T][C] changed in place; unit: the network input's (mV by default) */
    int64_t samples, leads;
    double rate;                  /* Hz */
    const char *const *lead_name; /* [C] "I".."V6"; for augmentations that know the projection */
    double *peak;                 /* [peaks] R positions in samples, moved along */
    int64_t peaks;
    double *cut; /* [cuts] beat boundaries (middle between T end and next P onset, else of R-R), ascending */
    int64_t cuts;
    float *scratch; /* [T * C] for the augmentation's use */
} augment_segment;

typedef struct augment_type {
    const char *name;        /* "heartbeat_shuffle" */
    const char *description; /* one line with the source */
    const config_key *keys;  /* its own "augment.NAME.*" keys */
    size_t keys_count;
    /* Returns false when it could not be applied (e.g. fewer than 3 inner beats), leaving the segment as it was. */
    bool (*apply)(augment_segment *segment, const pclr_config *config, rng *random);
} augment_type;

size_t augment_count(void);
const augment_type *augment_at(size_t k);
const augment_type *augment_find(const char *name);

/* A chain "heartbeat_shuffle,lead_mask": parsed once, applied to many segments. */
typedef struct augment_chain {
    const augment_type *step[16];
    int steps;
    const augment_type *fallback; /* applied in place of a shuffle that was not possible */
} augment_chain;
pclr_status augment_chain_parse(augment_chain *chain, const char *names, pclr_error *error);
/* Returns the number of steps that were replaced by the fallback. */
int augment_chain_apply(const augment_chain *chain, augment_segment *segment, const pclr_config *config, rng *random);

#endif
