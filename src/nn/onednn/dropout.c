/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout masks: Philox4x32-10 (base/rng.h) on many counters at once, the same numbers as reference/common.h draws one by one. */
#include "nn/onednn/fast.h"

enum { LANES = DROPOUT_RUN / 4 };

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

void dropout_factors(const nn_call *c, int64_t begin, int64_t count, float *factor)
{
    const uint32_t limit = (uint32_t)(4294967296.0 * (1 - c->args->p));
    const float kept = (float)(1 / (1 - c->args->p));
    uint32_t word[4][LANES];
    for (int64_t done = 0; done < count;) {
        const int64_t at = begin + done, skip = at % 4;
        const int64_t run = count - done < DROPOUT_RUN - skip ? count - done : DROPOUT_RUN - skip;
        philox_lanes(c, (uint64_t)(at / 4), word);
        for (int64_t k = 0; k < run; k++) factor[done + k] = word[(skip + k) % 4][(skip + k) / 4] < limit ? kept : 0;
        done += run;
    }
}
