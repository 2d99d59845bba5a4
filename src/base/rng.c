/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * A stream's key is a 64-bit mix of seed and purpose; its counter holds the index (upper half) and the block number (lower half).
 */
#include "base/rng.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

static void philox_round(uint32_t c[4], uint32_t key0, uint32_t key1)
{
    uint64_t product0 = UINT64_C(0xD2511F53) * c[0];
    uint64_t product1 = UINT64_C(0xCD9E8D57) * c[2];
    uint32_t c1 = c[1], c3 = c[3];
    c[0] = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
    c[1] = (uint32_t)product1;
    c[2] = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
    c[3] = (uint32_t)product0;
}

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t key0 = key[0], key1 = key[1];
    memcpy(out, counter, 4 * sizeof *out);
    for (int round = 0; round < 10; round++) {
        philox_round(out, key0, key1);
        key0 += UINT32_C(0x9E3779B9); /* golden ratio */
        key1 += UINT32_C(0xBB67AE85); /* sqrt(3) - 1 */
    }
}

/* Finaliser of SplitMix64: every bit of x reaches every bit of the result. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

rng rng_make(uint64_t seed, const char *purpose, uint64_t index)
{
    uint64_t key = mix(seed + UINT64_C(0x9E3779B97F4A7C15)) ^ hash_fnv1a(purpose, strlen(purpose));
    rng r = {.used = 4};
    r.key[0] = (uint32_t)key;
    r.key[1] = (uint32_t)(key >> 32);
    r.counter[2] = (uint32_t)index;
    r.counter[3] = (uint32_t)(index >> 32);
    return r;
}

uint32_t rng_u32(rng *r)
{
    if (r->used == 4) {
        philox4x32(r->counter, r->key, r->block);
        if (++r->counter[0] == 0) r->counter[1]++;
        r->used = 0;
    }
    return r->block[r->used++];
}

uint64_t rng_u64(rng *r)
{
    uint64_t high = rng_u32(r);
    return high << 32 | rng_u32(r);
}

double rng_uniform(rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_range(rng *r, double low, double high)
{
    double x = low + (high - low) * rng_uniform(r);
    return x < high || high <= low ? x : nextafter(high, low); /* the sum may round up to `high` */
}

/* Lemire's method: the high half of a product, the few low values that would favour some results rejected. */
uint64_t rng_below(rng *r, uint64_t n)
{
    if (n < 2) return 0;
    uint64_t threshold = (0 - n) % n;
    for (;;) {
        __extension__ unsigned __int128 product = (unsigned __int128)rng_u64(r) * n;
        if ((uint64_t)product >= threshold) return (uint64_t)(product >> 64);
    }
}

double rng_normal(rng *r)
{
    if (r->has_spare) {
        r->has_spare = 0;
        return r->spare;
    }
    double radius = sqrt(-2.0 * log1p(-rng_uniform(r))); /* 1 - u is in (0, 1] */
    double angle = 6.283185307179586477 * rng_uniform(r);
    r->spare = radius * sin(angle);
    r->has_spare = 1;
    return radius * cos(angle);
}

/* G. Marsaglia, W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000). */
double rng_gamma(rng *r, double shape)
{
    if (!(shape > 0)) return 0;
    if (shape < 1) {
        double u = 1.0 - rng_uniform(r);
        return rng_gamma(r, shape + 1) * pow(u, 1.0 / shape);
    }
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double x = rng_normal(r), v = 1.0 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        double u = 1.0 - rng_uniform(r);
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

void rng_shuffle(rng *r, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint32_t swapped = items[i - 1];
        items[i - 1] = items[j];
        items[j] = swapped;
    }
}
