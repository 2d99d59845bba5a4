/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/extremes.h"

#include "signal/vector.h"

/* In VECTOR_FLOATS interleaved parts, which the compiler can hold in a register. */
VECTOR_CLONES static void find(const float *x, size_t n, float *lowest, float *highest)
{
    float low[VECTOR_FLOATS], high[VECTOR_FLOATS];
    for (size_t k = 0; k < VECTOR_FLOATS; k++) low[k] = high[k] = x[0];
    size_t whole = n / VECTOR_FLOATS * VECTOR_FLOATS;
    for (size_t i = 0; i < whole; i += VECTOR_FLOATS)
        for (size_t k = 0; k < VECTOR_FLOATS; k++) {
            low[k] = x[i + k] < low[k] ? x[i + k] : low[k];
            high[k] = x[i + k] > high[k] ? x[i + k] : high[k];
        }
    for (size_t i = whole; i < n; i++) {
        low[0] = x[i] < low[0] ? x[i] : low[0];
        high[0] = x[i] > high[0] ? x[i] : high[0];
    }
    *lowest = low[0];
    *highest = high[0];
    for (size_t k = 1; k < VECTOR_FLOATS; k++) {
        *lowest = low[k] < *lowest ? low[k] : *lowest;
        *highest = high[k] > *highest ? high[k] : *highest;
    }
}

void extremes(const float *x, size_t n, float *lowest, float *highest)
{
    find(x, n, lowest, highest);
}
