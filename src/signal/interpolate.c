/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/interpolate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "signal/vector.h"

enum { MAX_PHASES = 512, HALF_CROSSINGS = 4 };

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
    it->taps = (2 * half + 1 + VECTOR_FLOATS - 1) / VECTOR_FLOATS * VECTOR_FLOATS; /* the rest are zeros */
    it->before = half;
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

/* a[n] . b[n], n a multiple of VECTOR_FLOATS. */
static inline float dot(const float *a, const float *b, size_t n)
{
    vector sum = {0};
    for (size_t i = 0; i < n; i += VECTOR_FLOATS) sum += *(const vector_unaligned *)(a + i) * *(const vector_unaligned *)(b + i);
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
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

/* Where output k of a cycle of `phases` outputs finds its kernel and its first sample. */
typedef struct cycle {
    ptrdiff_t first[MAX_PHASES];
    const float *kernel[MAX_PHASES];
} cycle;

static void cycle_place(const interpolator *it, size_t k, ptrdiff_t *first, const float **kernel)
{
    double position = (double)k * it->step + 0.5 / (double)it->phases; /* to the nearest phase */
    size_t base = (size_t)position, phase = (size_t)((position - (double)base) * (double)it->phases);
    *first = (ptrdiff_t)base - (ptrdiff_t)it->before;
    *kernel = it->kernel + (phase < it->phases ? phase : it->phases - 1) * it->taps;
}

/* Any ratio: one dot product for every output. Where the ratio is rational the places repeat and are found once. */
VECTOR_CLONES static void apply_phases(const interpolator *it, const float *x, size_t n, float *y, size_t length)
{
    cycle c;
    bool repeats = it->phases < MAX_PHASES;
    ptrdiff_t advance = (ptrdiff_t)(it->step * (double)it->phases + 0.5), start = 0;
    for (size_t p = 0; repeats && p < it->phases; p++) cycle_place(it, p, &c.first[p], &c.kernel[p]);
    for (size_t k = 0, p = 0; k < length; k++) {
        if (!repeats) cycle_place(it, k, &c.first[p], &c.kernel[p]);
        ptrdiff_t first = start + c.first[p];
        bool inside = first >= 0 && (size_t)first + it->taps <= n;
        y[k] = inside ? dot(c.kernel[p], x + first, it->taps) : dot_at_end(c.kernel[p], it->taps, x, n, first);
        if (repeats && ++p == it->phases) {
            p = 0;
            start += advance;
        }
    }
}

enum { OUTPUTS = 64, MAX_TAPS = 128 };

/* y[OUTPUTS] from every second sample: even and odd samples apart, so that neighbouring outputs read neighbouring values. */
VECTOR_CLONES static void halve(const float *restrict kernel, size_t taps, const float *restrict x, float *restrict y)
{
    float part[2][OUTPUTS + MAX_TAPS / 2];
    for (size_t i = 0; i < OUTPUTS + taps / 2; i++) {
        part[0][i] = x[2 * i];
        part[1][i] = x[2 * i + 1];
    }
    for (size_t i = 0; i < OUTPUTS; i += 2 * VECTOR_FLOATS) {
        vector low = {0}, high = {0};
        for (size_t t = 0; t < taps; t++) {
            const vector_unaligned *at = (const vector_unaligned *)(part[t % 2] + i + t / 2);
            low += kernel[t] * at[0];
            high += kernel[t] * at[1];
        }
        memcpy(y + i, &low, sizeof low);
        memcpy(y + i + VECTOR_FLOATS, &high, sizeof high);
    }
}

void interpolator_apply(const interpolator *it, const float *x, size_t n, float *y)
{
    size_t length = interpolator_length(it, n), k = 0;
    if (!it->kernel) {
        memcpy(y, x, length * sizeof *y);
        return;
    }
    if (it->phases != 1 || it->step != 2.0 || it->taps > MAX_TAPS) {
        apply_phases(it, x, n, y, length);
        return;
    }
    for (; k < length && 2 * k < it->before; k++) y[k] = dot_at_end(it->kernel, it->taps, x, n, (ptrdiff_t)(2 * k) - (ptrdiff_t)it->before);
    const size_t first = k;
    for (; 2 * (k + OUTPUTS) + it->taps <= n; k += OUTPUTS) halve(it->kernel, it->taps, x + 2 * k - it->before, y + k);
    if (k > first) { /* the last block over a part of the one before it */
        k = (n - it->taps) / 2 - OUTPUTS;
        halve(it->kernel, it->taps, x + 2 * k - it->before, y + k);
        k += OUTPUTS;
    }
    for (; k < length; k++) y[k] = dot_at_end(it->kernel, it->taps, x, n, (ptrdiff_t)(2 * k) - (ptrdiff_t)it->before);
}

static bool usable(const float *x, const unsigned char *valid, size_t i, float limit)
{
    return (!valid || valid[i]) && fabsf(x[i]) <= limit; /* false for NaN */
}

static bool all_usable(const float *x, const unsigned char *valid, size_t n, float limit)
{
    int bad = 0;
    for (size_t i = 0; i < n; i++) bad |= !(fabsf(x[i]) <= limit);
    for (size_t i = 0; valid && i < n; i++) bad |= !valid[i];
    return !bad;
}

size_t bridge_gaps(const float *x, const unsigned char *valid, size_t n, float limit, float *y)
{
    if (all_usable(x, valid, n, limit)) {
        memcpy(y, x, n * sizeof *y);
        return n;
    }
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
