/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers: Philox4x32-10 (Salmon et al. 2011), counter-based. A stream is a function of (seed, purpose, index) and
 * nothing else, so results do not depend on threads or on the order in which things are drawn.
 */
#ifndef PCLR_BASE_RNG_H
#define PCLR_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint32_t key[2], counter[4];
    uint32_t block[4];
    unsigned used;     /* words of `block` already handed out */
    double spare;      /* second normal of a pair */
    int has_spare;
} rng;

/* One block of the raw generator. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The stream (seed, purpose, index); purpose is a short constant text such as "crop" or "init". */
rng rng_make(uint64_t seed, const char *purpose, uint64_t index);
uint32_t rng_u32(rng *r);
uint64_t rng_u64(rng *r);
double rng_uniform(rng *r);                           /* [0, 1) */
double rng_range(rng *r, double low, double high);    /* [low, high) */
uint64_t rng_below(rng *r, uint64_t n);               /* 0..n-1 without bias; n > 0 */
double rng_normal(rng *r);                            /* mean 0, variance 1 (Box-Muller) */
double rng_gamma(rng *r, double shape);               /* scale 1 */
void rng_shuffle(rng *r, uint32_t *items, size_t n);  /* Fisher-Yates */

#endif
