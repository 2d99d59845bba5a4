/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/resample.h"

#include <math.h>

#include "base/memory.h"

#define ZERO_CROSSINGS 16 /* of the sinc on each side */
#define KAISER_BETA 8.0   /* stop band about -80 dB */
#define PASS 0.95         /* cut-off as a share of the lower Nyquist frequency */
#define MAX_PHASES 1000

struct resampler {
    double rate_in, rate_out;
    double cutoff;      /* cycles an input sample */
    double half;        /* half length of the filter in input samples */
    int64_t up, down;   /* rate_out / rate_in = up / down; up 0: no small fraction */
    int64_t taps;       /* of one phase */
    double *phase;      /* [up][taps] */
};

/* Modified Bessel function I0 by its power series; converges quickly for the arguments used. */
static double bessel_i0(double x)
{
    double sum = 1, term = 1;
    for (int k = 1; k < 60 && term > 1e-17 * sum; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* Impulse response at a distance of t input samples. */
static double kernel(const resampler *r, double t)
{
    const double pi = 3.14159265358979323846;
    double u = t / r->half;
    if (fabs(u) >= 1) return 0;
    double x = 2 * pi * r->cutoff * t;
    double sinc = fabs(x) < 1e-9 ? 1 : sin(x) / x;
    return 2 * r->cutoff * sinc * bessel_i0(KAISER_BETA * sqrt(1 - u * u)) / bessel_i0(KAISER_BETA);
}

/* Coefficients for an output sample that lies `fraction` behind input sample 0; tap j belongs to input sample j - taps / 2 + 1. Their sum is 1. */
static void fill_phase(const resampler *r, double fraction, double *coefficient)
{
    double sum = 0;
    for (int64_t j = 0; j < r->taps; j++) {
        coefficient[j] = kernel(r, (double)(j - r->taps / 2 + 1) - fraction);
        sum += coefficient[j];
    }
    for (int64_t j = 0; j < r->taps; j++) coefficient[j] /= sum;
}

/* Smallest up / down (up <= MAX_PHASES) that equals the ratio to within 1e-12. */
static void find_ratio(resampler *r)
{
    double ratio = r->rate_out / r->rate_in;
    for (int64_t up = 1; up <= MAX_PHASES; up++) {
        double down = (double)up / ratio, whole = nearbyint(down);
        if (whole >= 1 && fabs(down - whole) < 1e-12 * down) {
            r->up = up;
            r->down = (int64_t)whole;
            return;
        }
    }
}

pclr_status resampler_create(resampler **out, double rate_in, double rate_out, pclr_error *error)
{
    *out = NULL;
    bool good = rate_in >= 1 && rate_in <= 1e6 && rate_out >= 1 && rate_out <= 1e6;
    if (!good || rate_out / rate_in > 1000 || rate_in / rate_out > 1000)
        return error_set(error, PCLR_E_ARGUMENT, "resampling from %g Hz to %g Hz: rates from 1 Hz to 1 MHz, at most 1000 apart, are possible", rate_in, rate_out);
    resampler *r = NULL;
    TRY(mem_alloc(&r, 1, sizeof *r, error));
    r->rate_in = rate_in;
    r->rate_out = rate_out;
    r->cutoff = 0.5 * PASS * fmin(1, rate_out / rate_in);
    r->half = ZERO_CROSSINGS / (2 * r->cutoff);
    r->taps = 2 * (int64_t)ceil(r->half) + 2;
    find_ratio(r);
    pclr_status status = PCLR_OK;
    if (r->up > 0 && !(r->up == 1 && r->down == 1)) status = mem_alloc(&r->phase, (size_t)(r->up * r->taps), sizeof *r->phase, error);
    if (status != PCLR_OK) {
        resampler_destroy(&r);
        return status;
    }
    for (int64_t p = 0; r->phase && p < r->up; p++) fill_phase(r, (double)p / (double)r->up, r->phase + p * r->taps);
    *out = r;
    return PCLR_OK;
}

void resampler_destroy(resampler **r)
{
    if (!r || !*r) return;
    mem_free((*r)->phase);
    mem_free(*r);
    *r = NULL;
}

int64_t resampler_length(const resampler *r, int64_t n)
{
    if (n <= 0) return 0;
    if (r->up > 0) return (n * r->up + r->down - 1) / r->down;
    return (int64_t)ceil((double)n * r->rate_out / r->rate_in - 1e-9);
}

/* Sum of products in several independent parts, so that it can be computed in vectors. */
static double dot(const double *a, const float *b, int64_t n)
{
    enum { PARTS = 16 };
    double part[PARTS] = {0}, sum = 0;
    int64_t k = 0;
    for (; k + PARTS <= n; k += PARTS)
        for (int64_t j = 0; j < PARTS; j++) part[j] += a[k + j] * (double)b[k + j];
    for (; k < n; k++) sum += a[k] * (double)b[k];
    for (int64_t j = 0; j < PARTS; j++) sum += part[j];
    return sum;
}

static float filter_at(const resampler *r, const double *coefficient, int64_t centre, const float *x, int64_t n, int64_t stride)
{
    int64_t first = centre - r->taps / 2 + 1;
    double sum = 0;
    if (first >= 0 && first + r->taps <= n) {
        const float *p = x + first * stride;
        if (stride == 1) return (float)dot(coefficient, p, r->taps);
        for (int64_t j = 0; j < r->taps; j++) sum += coefficient[j] * (double)p[j * stride];
        return (float)sum;
    }
    for (int64_t j = 0; j < r->taps; j++) {
        int64_t k = first + j;
        k = k < 0 ? 0 : k >= n ? n - 1 : k;
        sum += coefficient[j] * (double)x[k * stride];
    }
    return (float)sum;
}

/* Ratios without a small fraction: the coefficients of every output sample are computed afresh. */
static void apply_free(const resampler *r, const float *x, int64_t n, int64_t x_stride, float *y, int64_t y_stride)
{
    int64_t length = resampler_length(r, n);
    for (int64_t k = 0; k < length; k++) {
        double position = (double)k * r->rate_in / r->rate_out, weight = 0, sum = 0;
        int64_t centre = (int64_t)floor(position);
        for (int64_t j = 0; j < r->taps; j++) {
            int64_t at = centre - r->taps / 2 + 1 + j;
            double c = kernel(r, (double)at - position);
            at = at < 0 ? 0 : at >= n ? n - 1 : at;
            sum += c * (double)x[at * x_stride];
            weight += c;
        }
        y[k * y_stride] = (float)(sum / weight);
    }
}

void resampler_apply(const resampler *r, const float *x, int64_t n, int64_t x_stride, float *y, int64_t y_stride)
{
    int64_t length = resampler_length(r, n);
    if (r->up == 0) {
        apply_free(r, x, n, x_stride, y, y_stride);
    } else if (!r->phase) {
        for (int64_t k = 0; k < n; k++) y[k * y_stride] = x[k * x_stride];
    } else {
        for (int64_t k = 0; k < length; k++) {
            int64_t at = k * r->down;
            y[k * y_stride] = filter_at(r, r->phase + (at % r->up) * r->taps, at / r->up, x, n, x_stride);
        }
    }
}
