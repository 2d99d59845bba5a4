/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/resample.h"

#include <math.h>

#include "base/memory.h"
#include "signal/vector.h"

#define ZERO_CROSSINGS 16 /* of the sinc on each side */
#define KAISER_BETA 8.0   /* stop band about -80 dB */
#define PASS 0.95         /* cut-off as a share of the lower Nyquist frequency */
#define MAX_PHASES 1000

struct resampler {
    double rate_in, rate_out;
    double cutoff;    /* cycles an input sample */
    double half;      /* half length of the filter in input samples */
    int64_t up, down; /* rate_out / rate_in = up / down; up 0: no small fraction */
    int64_t taps;     /* of one phase */
    double *phase;    /* [up][taps] */
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

/* Coefficients for an output sample that lies `fraction` behind input sample 0; tap j belongs to input sample j - taps / 2 + 1. Their sum
 * is 1. */
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
        return error_set(error, PCLR_E_ARGUMENT,
                         "resampling from %g Hz to %g Hz: rates from 1 Hz to 1 MHz, at most 1000 apart, are possible", rate_in, rate_out);
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

static float filter_at(const resampler *r, const double *coefficient, int64_t centre, const float *x, int64_t n, int64_t stride)
{
    int64_t first = centre - r->taps / 2 + 1;
    double sum = 0;
    if (first >= 0 && first + r->taps <= n) {
        const float *p = x + first * stride;
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

/* ---- many outputs at a time ---- */

/*
 * Outputs p, p + up, p + 2 up, ... share their coefficients and take inputs `down` apart. With the input dealt into `down` branches
 * (branch b holds samples b, b + down, b + 2 down, ...) these inputs lie side by side, and TILE outputs are summed at once, each in the
 * order of the taps: to the bit what filter_at gives.
 */
enum { TILE = 16, BRANCHES_ROOM = 6144 /* doubles on the stack, 48 KB */ };

typedef double vector_double __attribute__((vector_size(32)));
typedef double vector_double_unaligned __attribute__((vector_size(32), aligned(8), may_alias));

/* Deals input samples [first, first + n) into branches of `length` each; where there is no input the end's value stands. */
static void deal_branches(const float *x, int64_t total, int64_t stride, int64_t first, int64_t n, int64_t down, int64_t length,
                          double *branch)
{
    for (int64_t b = 0; b < down; b++) {
        double *out = branch + b * length;
        for (int64_t i = 0, k = first + b; k < first + n; i++, k += down) {
            int64_t at = k < 0 ? 0 : k >= total ? total - 1 : k;
            out[i] = (double)x[at * stride];
        }
    }
}

/* TILE outputs: input sample `start` + j of the dealt part belongs to tap j of the first of them. */
VECTOR_CLONES
static void filter_tile(const double *coefficient, int64_t taps, const double *branch, int64_t length, int64_t down, int64_t start,
                        double *out)
{
    vector_double sum[TILE / 4] = {0};
    int64_t b = start % down, i = start / down;

    for (int64_t j = 0; j < taps; j++) {
        const double *x = branch + b * length + i;
        for (int k = 0; k < TILE / 4; k++) sum[k] += coefficient[j] * *(const vector_double_unaligned *)(x + 4 * k);
        if (++b == down) b = 0, i++;
    }
    memcpy(out, sum, sizeof sum);
}

/* TILE outputs of each phase, from output `k` (a multiple of up) on. `first`: input sample at which the dealt part begins. */
static void apply_tile(const resampler *r, const double *branch, int64_t length, int64_t first, int64_t k, float *y, int64_t y_stride)
{
    double out[TILE];
    for (int64_t p = 0; p < r->up; p++) {
        int64_t centre = (k + p) * r->down / r->up, phase = (k + p) * r->down % r->up;
        filter_tile(r->phase + phase * r->taps, r->taps, branch, length, r->down, centre - r->taps / 2 + 1 - first, out);
        for (int m = 0; m < TILE; m++) y[(k + p + m * r->up) * y_stride] = (float)out[m];
    }
}

/* Returns how many outputs were made; the rest, less than a tile of each phase, is left. */
static int64_t apply_tiles(const resampler *r, const float *x, int64_t n, int64_t x_stride, int64_t outputs, float *y, int64_t y_stride)
{
    double branch[BRANCHES_ROOM];
    int64_t inputs = TILE * r->down + r->taps, length = (inputs + r->down - 1) / r->down, made = 0;

    if (length * r->down > BRANCHES_ROOM) return 0;
    for (; made + TILE * r->up <= outputs; made += TILE * r->up) {
        int64_t first = made / r->up * r->down - r->taps / 2 + 1;
        deal_branches(x, n, x_stride, first, length * r->down, r->down, length, branch);
        apply_tile(r, branch, length, first, made, y, y_stride);
    }
    return made;
}

void resampler_apply(const resampler *r, const float *x, int64_t n, int64_t x_stride, float *y, int64_t y_stride)
{
    int64_t length = resampler_length(r, n);
    if (r->up == 0) {
        apply_free(r, x, n, x_stride, y, y_stride);
    } else if (!r->phase) {
        for (int64_t k = 0; k < n; k++) y[k * y_stride] = x[k * x_stride];
    } else {
        for (int64_t k = apply_tiles(r, x, n, x_stride, length, y, y_stride); k < length; k++) {
            int64_t at = k * r->down;
            y[k * y_stride] = filter_at(r, r->phase + (at % r->up) * r->taps, at / r->up, x, n, x_stride);
        }
    }
}
