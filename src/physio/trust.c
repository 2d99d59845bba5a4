/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/trust.h"

#include <math.h>

/* Limits that one in two hundred seconds of leads of LUDB and PTB-XL goes beyond, and the ends of the ramps. */
static const float PEAKED = 9.0F, LIKE_NOISE = 4.5F;
static const float STEEP = 2.5F, BURST = 4.0F;
static const float WANDER = 2.0F, DRIFT = 4.0F;
enum { HALF_SECOND = 125, REACH = 4 }; /* working samples; half seconds to either side */

/* 1 up to `full`, `least` from `none` on, a line between. */
static float falling(float x, float full, float none, float least)
{
    const float share = fminf(fmaxf((none - x) / (none - full), 0.0F), 1.0F);
    return least + share * (1.0F - least);
}

float trust_against_noise(float level, float mean)
{
    return falling(-level / fmaxf(mean, 1e-12F), -PEAKED, -LIKE_NOISE, 0.01F);
}

float trust_against_burst(float steepest, float level)
{
    return falling(steepest / fmaxf(level, 1e-12F), STEEP, BURST, 0.001F);
}

size_t trust_half_seconds(const float *x, size_t samples, float *mean)
{
    const size_t halves = samples / HALF_SECOND;
    for (size_t k = 0; k < halves; k++) {
        float sum = 0.0F;
        for (size_t i = k * HALF_SECOND; i < (k + 1) * HALF_SECOND; i++) sum += x[i];
        mean[k] = sum / HALF_SECOND;
    }
    return halves;
}

float trust_against_wander(const float *mean, size_t halves, size_t second, float level)
{
    const size_t first = 2 * second > REACH ? 2 * second - REACH : 0, end = 2 * second + 2 + REACH;
    float low = INFINITY, high = -INFINITY;
    for (size_t k = first; k < end && k < halves; k++) {
        low = fminf(low, mean[k]);
        high = fmaxf(high, mean[k]);
    }
    return high > low ? falling((high - low) / fmaxf(level, 1e-12F), WANDER, DRIFT, 0.01F) : 1.0F;
}
