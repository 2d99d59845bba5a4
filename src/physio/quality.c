/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/quality.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "signal/spline.h"

enum { STRETCH = 25, HALF_SECOND = 125, SECOND = 250 }; /* samples at WORKING_RATE */
static const float FLAT_SPAN = 0.004F;                  /* mV */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Middle of v[n], which is sorted; 0 for none. */
static double middle(double *v, size_t n)
{
    qsort(v, n, sizeof *v, compare);
    return n ? v[n / 2] : 0.0;
}

static float span_of(const float *x, size_t n)
{
    float low = x[0], high = x[0];
    for (size_t i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low; /* x is finite: working.h */
        high = x[i] > high ? x[i] : high;
    }
    return high - low;
}

static double flat_share(const float *x, size_t n)
{
    size_t flat = 0, stretches = n / STRETCH;
    for (size_t k = 0; k < stretches; k++) flat += span_of(x + k * STRETCH, STRETCH) < FLAT_SPAN;
    return stretches ? (double)flat / (double)stretches : 1.0;
}

static double wander_span(const float *x, size_t n)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t first = 0; first + HALF_SECOND <= n; first += HALF_SECOND) {
        double mean = 0.0;
        for (size_t i = first; i < first + HALF_SECOND; i++) mean += (double)x[i];
        mean /= HALF_SECOND;
        low = fmin(low, mean);
        high = fmax(high, mean);
    }
    return high > low ? high - low : 0.0;
}

/* Largest span within a second, and the median over the seconds of largest over mean slope. */
static void by_second(const float *x, size_t n, double *work, double *range, double *peakedness)
{
    size_t seconds = n / SECOND;
    *range = 0.0;
    for (size_t k = 0; k < seconds; k++) {
        const float *s = x + k * SECOND;
        double largest = 0.0, sum = 0.0;
        *range = fmax(*range, (double)span_of(s, SECOND));
        for (size_t i = 1; i < SECOND; i++) {
            double slope = fabs((double)s[i] - (double)s[i - 1]);
            largest = slope > largest ? slope : largest;
            sum += slope;
        }
        work[k] = largest / (sum / (SECOND - 1) + 1e-4);
    }
    *peakedness = middle(work, seconds);
}

/* smooth[n] is overwritten. */
static double noise_level(const float *x, size_t n, float *smooth, double *work)
{
    size_t stretches = n / STRETCH;
    spline_smooth(x, n, 1, smooth);
    for (size_t k = 0; k < stretches; k++) {
        double square = 0.0;
        for (size_t i = k * STRETCH; i < (k + 1) * STRETCH; i++)
            square += ((double)x[i] - (double)smooth[i]) * ((double)x[i] - (double)smooth[i]);
        work[k] = sqrt(square / STRETCH);
    }
    return middle(work, stretches);
}

pclr_status quality_measure(const working *w, double measure[QUALITY_MEASURES], pclr_error *error)
{
    float *smooth = NULL;
    double *work = NULL, flat = 0.0, wander = 0.0, range = 0.0, noise = 0.0, peaked = INFINITY;
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
