/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/trust.h"

#include <math.h>

/* Limits that one in two hundred seconds of leads of LUDB and PTB-XL goes beyond, and the ends of the ramps. */
static const float PEAKED = 9.0F, LIKE_NOISE = 4.5F;
static const float STEEP = 2.5F, BURST = 4.0F;
static const float WANDER = 2.0F, DRIFT = 4.0F;
enum { STRETCH = 125, REACH = 4 * STRETCH }; /* means over half a second, over two seconds to either side */

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

static float mean_of(const float *x, size_t n)
{
    float sum = 0.0F;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum / (float)n;
}

float trust_against_wander(const working *w, size_t lead, size_t first, float level)
{
    const float *x = working_lead(w, lead);
    float low = INFINITY, high = -INFINITY;
    for (size_t at = first > REACH ? first - REACH : 0; at + STRETCH <= w->samples && at < first + 2 * STRETCH + REACH; at += STRETCH) {
        const float mean = mean_of(x + at, STRETCH);
        low = fminf(low, mean);
        high = fmaxf(high, mean);
    }
    return high > low ? falling((high - low) / fmaxf(level, 1e-12F), WANDER, DRIFT, 0.01F) : 1.0F;
}
