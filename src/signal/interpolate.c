/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/interpolate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { MAX_PHASES = 512, HALF_CROSSINGS = 6 };

/* Fewest phases (at most MAX_PHASES) for which every output position falls on a phase; 512 otherwise, an error below 1/1024 sample. */
static size_t phase_count(double step)
{
    for (size_t phases = 1; phases < MAX_PHASES; phases++) {
        double scaled = step * (double)phases;
        if (fabs(scaled - nearbyint(scaled)) < 1e-9 * scaled) return phases;
    }
    return MAX_PHASES;
}

static double windowed_sinc(double x, double cutoff, double half_width)
{
    if (fabs(x) >= half_width) return 0.0;
    double window = 0.5 + 0.5 * cos(M_PI * x / half_width);
    double argument = 2.0 * cutoff * x;
    return window * 2.0 * cutoff * (fabs(argument) < 1e-12 ? 1.0 : sin(M_PI * argument) / (M_PI * argument));
}

pclr_status interpolator_create(interpolator *it, double rate_in, double rate_out, pclr_error *error)
{
    memset(it, 0, sizeof *it);
    it->step = rate_in / rate_out;
    if (fabs(it->step - 1.0) < 1e-12) return PCLR_OK;
    double cutoff = 0.45 * fmin(1.0, 1.0 / it->step); /* cycles an input sample */
    double half_width = HALF_CROSSINGS / (2.0 * cutoff);
    size_t half = (size_t)ceil(half_width);
    it->phases = phase_count(it->step);
    it->taps = 2 * half + 1;
    TRY(mem_alloc(&it->kernel, it->phases * it->taps, sizeof *it->kernel, error));
    for (size_t p = 0; p < it->phases; p++) {
        float *kernel = it->kernel + p * it->taps;
        double fraction = (double)p / (double)it->phases, sum = 0.0;
        for (size_t k = 0; k < it->taps; k++) sum += windowed_sinc((double)k - (double)half - fraction, cutoff, half_width);
        for (size_t k = 0; k < it->taps; k++)
            kernel[k] = (float)(windowed_sinc((double)k - (double)half - fraction, cutoff, half_width) / sum);
    }
    return PCLR_OK;
}

void interpolator_free(interpolator *it)
{
    mem_free(it->kernel);
    it->kernel = NULL;
}

size_t interpolator_length(const interpolator *it, size_t n)
{
    return n == 0 ? 0 : (size_t)floor((double)(n - 1) / it->step + 1e-9) + 1;
}

static float dot(const float *restrict a, const float *restrict b, size_t n)
{
    float sum[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++) sum[k] += a[i + k] * b[i + k];
    float rest = 0.0F;
    for (; i < n; i++) rest += a[i] * b[i];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7])) + rest;
}

/* The same dot product where the kernel reaches over an end of x, which is held. */
static float dot_at_end(const float *kernel, size_t taps, const float *x, size_t n, ptrdiff_t first)
{
    float sum = 0.0F;
    for (size_t k = 0; k < taps; k++) {
        ptrdiff_t i = first + (ptrdiff_t)k;
        if (i < 0) i = 0;
        if ((size_t)i >= n) i = (ptrdiff_t)n - 1;
        sum += kernel[k] * x[i];
    }
    return sum;
}

void interpolator_apply(const interpolator *it, const float *x, size_t n, float *y)
{
    size_t length = interpolator_length(it, n);
    if (!it->kernel) {
        memcpy(y, x, length * sizeof *y);
        return;
    }
    ptrdiff_t half = (ptrdiff_t)(it->taps / 2);
    for (size_t k = 0; k < length; k++) {
        double position = (double)k * it->step;
        size_t base = (size_t)position;
        size_t phase = (size_t)((position - (double)base) * (double)it->phases + 0.5);
        if (phase == it->phases) {
            phase = 0;
            base++;
        }
        const float *kernel = it->kernel + phase * it->taps;
        ptrdiff_t first = (ptrdiff_t)base - half;
        bool inside = first >= 0 && (size_t)first + it->taps <= n;
        y[k] = inside ? dot(kernel, x + first, it->taps) : dot_at_end(kernel, it->taps, x, n, first);
    }
}

static bool usable(const float *x, const unsigned char *valid, size_t i, float limit)
{
    return (!valid || valid[i]) && fabsf(x[i]) <= limit; /* false for NaN */
}

size_t bridge_gaps(const float *x, const unsigned char *valid, size_t n, float limit, float *y)
{
    size_t good = 0, next = 0; /* next: first sample behind the last good one */
    for (size_t i = 0; i < n; i++) {
        if (!usable(x, valid, i, limit)) continue;
        y[i] = x[i];
        if (next < i) {
            float from = good ? y[next - 1] : x[i];
            for (size_t k = next; k < i; k++) y[k] = from + (x[i] - from) * (float)(k + 1 - next) / (float)(i + 1 - next);
        }
        next = i + 1;
        good++;
    }
    for (size_t k = next; k < n; k++) y[k] = good ? y[next - 1] : 0.0F;
    return good;
}
