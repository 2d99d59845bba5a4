/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout masks: Philox4x32-10 (base/rng.h) on many counters at once, in the order of reference/common.h. */
#include "nn/onednn/fast.h"

enum { RUN = 512, LANES = RUN / 8 };

NN_CLONES static void philox_lanes(const nn_call *c, uint64_t first, uint32_t word[4][LANES])
{
    uint32_t key0 = c->key[0], key1 = c->key[1];
    for (uint32_t l = 0; l < LANES; l++) {
        word[0][l] = (uint32_t)(first + l);
        word[1][l] = (uint32_t)((first + l) >> 32);
        word[2][l] = (uint32_t)c->step;
        word[3][l] = (uint32_t)(c->step >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < LANES; l++) {
            const uint64_t a = UINT64_C(0xD2511F53) * word[0][l], b = UINT64_C(0xCD9E8D57) * word[2][l];
            word[0][l] = (uint32_t)(b >> 32) ^ word[1][l] ^ key0;
            word[1][l] = (uint32_t)b;
            word[2][l] = (uint32_t)(a >> 32) ^ word[3][l] ^ key1;
            word[3][l] = (uint32_t)a;
        }
        key0 += UINT32_C(0x9E3779B9);
        key1 += UINT32_C(0xBB67AE85);
    }
}

/* Factors of the elements RUN run .. RUN run + RUN - 1. */
NN_CLONES static void run_factors(const nn_call *c, int64_t run, float factor[RUN])
{
    const uint32_t limit = (uint32_t)(65536 * (1 - c->args->p));
    const float kept = (float)(1 / (1 - c->args->p));
    uint32_t word[4][LANES];
    philox_lanes(c, (uint64_t)run * LANES, word);
    for (int w = 0; w < 4; w++)
        for (int l = 0; l < LANES; l++) {
            factor[w * LANES + l] = (word[w][l] & 0xffff) < limit ? kept : 0;
            factor[RUN / 2 + w * LANES + l] = word[w][l] >> 16 < limit ? kept : 0;
        }
}

NN_CLONES static void multiply(const float *from, const float *factor, int64_t n, bool add, float *to)
{
    if (add)
        for (int64_t k = 0; k < n; k++) to[k] += from[k] * factor[k];
    else
        for (int64_t k = 0; k < n; k++) to[k] = from[k] * factor[k];
}

void dropout_apply(const nn_call *c, int64_t begin, int64_t count, const float *from, bool add, float *to)
{
    for (int64_t at = begin; at < begin + count;) {
        float factor[RUN];
        const int64_t skip = at % RUN, rest = begin + count - at, n = rest < RUN - skip ? rest : RUN - skip;
        run_factors(c, at / RUN, factor);
        multiply(from + (at - begin), factor + skip, n, add, to + (at - begin));
        at += n;
    }
}

void dropout_factors(const nn_call *c, int64_t begin, int64_t count, float *factor)
{
    for (int64_t at = begin; at < begin + count;) {
        float whole[RUN];
        const int64_t skip = at % RUN, rest = begin + count - at, n = rest < RUN - skip ? rest : RUN - skip;
        run_factors(c, at / RUN, whole);
        memcpy(factor + (at - begin), whole + skip, (size_t)n * sizeof *factor);
        at += n;
    }
}
