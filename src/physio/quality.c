/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/quality.h"

#include <math.h>

#include "base/memory.h"
#include "base/select.h"
#include "signal/extremes.h"
#include "signal/spline.h"
#include "signal/vector.h"

enum { STRETCH = 25, HALF_SECOND = 125, SECOND = 250 }; /* samples at WORKING_RATE */
static const float FLAT_SPAN = 0.004F;                  /* mV */

/* Middle of v[n], which is reordered; 0 for none. */
static double middle(float *v, size_t n)
{
    return n ? (double)select_smallest(v, n, n / 2) : 0.0;
}

/* x is finite: working.h. */
static float span_of(const float *x, size_t n)
{
    float low, high;
    extremes(x, n, &low, &high);
    return high - low;
}

/* Largest and mean magnitude of the slopes between x[n], n > 1. Here and below in VECTOR_FLOATS interleaved parts, which the compiler can
 * hold in a register. */
VECTOR_CLONES static void slopes(const float *x, size_t n, double *largest, double *mean)
{
    float part_largest[VECTOR_FLOATS] = {0}, part_sum[VECTOR_FLOATS] = {0};
    double sum = 0.0;
    size_t whole = (n - 1) / VECTOR_FLOATS * VECTOR_FLOATS;
    for (size_t i = 0; i < whole; i += VECTOR_FLOATS)
        for (size_t k = 0; k < VECTOR_FLOATS; k++) {
            float slope = fabsf(x[i + k + 1] - x[i + k]);
            part_largest[k] = slope > part_largest[k] ? slope : part_largest[k];
            part_sum[k] += slope;
        }
    for (size_t i = whole; i + 1 < n; i++) {
        float slope = fabsf(x[i + 1] - x[i]);
        part_largest[0] = slope > part_largest[0] ? slope : part_largest[0];
        part_sum[0] += slope;
    }
    for (size_t k = 0; k < VECTOR_FLOATS; k++) {
        part_largest[0] = part_largest[k] > part_largest[0] ? part_largest[k] : part_largest[0];
        sum += (double)part_sum[k];
    }
    *largest = (double)part_largest[0];
    *mean = sum / (double)(n - 1);
}

/* Sum of squares of a[STRETCH] - b[STRETCH]. */
VECTOR_CLONES static double square_distance(const float *a, const float *b)
{
    float part[VECTOR_FLOATS] = {0};
    double sum = 0.0;
    for (size_t i = 0; i + VECTOR_FLOATS <= STRETCH; i += VECTOR_FLOATS)
        for (size_t k = 0; k < VECTOR_FLOATS; k++) part[k] += (a[i + k] - b[i + k]) * (a[i + k] - b[i + k]);
    for (size_t i = STRETCH / VECTOR_FLOATS * VECTOR_FLOATS; i < STRETCH; i++) part[0] += (a[i] - b[i]) * (a[i] - b[i]);
    for (size_t k = 0; k < VECTOR_FLOATS; k++) sum += (double)part[k];
    return sum;
}

static double flat_share(const float *x, size_t n)
{
    size_t flat = 0, stretches = n / STRETCH;
    for (size_t k = 0; k < stretches; k++) flat += span_of(x + k * STRETCH, STRETCH) < FLAT_SPAN;
    return stretches ? (double)flat / (double)stretches : 1.0;
}

static double half_second_mean(const float *x)
{
    enum { PARTS = 5 };
    double part[PARTS] = {0}, sum = 0.0;
    for (size_t i = 0; i < HALF_SECOND; i += PARTS)
        for (size_t k = 0; k < PARTS; k++) part[k] += (double)x[i + k];
    for (size_t k = 0; k < PARTS; k++) sum += part[k];
    return sum / HALF_SECOND;
}

static double wander_span(const float *x, size_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t first = 0; first + HALF_SECOND <= n; first += HALF_SECOND) {
        double mean = half_second_mean(x + first);
        low = fmin(low, mean);
        high = fmax(high, mean);
    }
    return high > low ? high - low : 0.0;
}

/* Largest span within a second, and the median over the seconds of largest over mean slope. */
static void by_second(const float *x, size_t n, float *work, double *range, double *peakedness)
{
    size_t seconds = n / SECOND;
    *range = 0.0;
    for (size_t k = 0; k < seconds; k++) {
        const float *s = x + k * SECOND;
        double largest, mean;
        *range = fmax(*range, (double)span_of(s, SECOND));
        slopes(s, SECOND, &largest, &mean);
        work[k] = (float)(largest / (mean + 1e-4));
    }
    *peakedness = middle(work, seconds);
}

/* smooth[n] is overwritten. */
static double noise_level(const float *x, size_t n, float *smooth, float *work)
{
    size_t stretches = n / STRETCH;
    spline_smooth(x, n, 1, smooth);
    for (size_t k = 0; k < stretches; k++) work[k] = (float)sqrt(square_distance(x + k * STRETCH, smooth + k * STRETCH) / STRETCH);
    return middle(work, stretches);
}

pclr_status quality_measure(const working *w, double measure[QUALITY_MEASURES], pclr_error *error)
{
    float *smooth = NULL, *work = NULL;
    double flat = 0.0, wander = 0.0, range = 0.0, noise = 0.0, peaked = INFINITY;
    pclr_status status;
    TRY_GOTO(mem_alloc(&smooth, w->samples, sizeof *smooth, error));
    TRY_GOTO(mem_alloc(&work, w->samples / STRETCH + 1, sizeof *work, error));
    for (size_t l = 0; l < w->leads; l++) {
        const float *x = working_lead(w, l);
        double lead_range, lead_peaked;
        by_second(x, w->samples, work, &lead_range, &lead_peaked);
        flat += flat_share(x, w->samples) / (double)w->leads;
        peaked = fmin(peaked, lead_peaked);
        range = fmax(range, lead_range);
        wander = fmax(wander, wander_span(x, w->samples));
        noise = fmax(noise, noise_level(x, w->samples, smooth, work));
    }
    measure[QUALITY_FLAT] = flat;
    measure[QUALITY_PEAKEDNESS] = log1p(isfinite(peaked) ? peaked : 0.0);
    measure[QUALITY_WANDER] = log(wander + 0.01);
    measure[QUALITY_RANGE] = log(range + 0.01);
    measure[QUALITY_NOISE] = log(noise + 0.002);
done:
    mem_free(work);
    mem_free(smooth);
    return status;
}

double quality_score(const double measure[QUALITY_MEASURES])
{
    static const double WEIGHT[QUALITY_MEASURES] = {-2.8765, 1.2904, -0.3116, -0.0628, -0.1632},
                        OFFSET = -2.3734; /* tests/oracles/quality_fit.py */
    double sum = OFFSET;
    for (int k = 0; k < QUALITY_MEASURES; k++) sum += WEIGHT[k] * measure[k];
    return 1.0 / (1.0 + exp(-sum));
}
