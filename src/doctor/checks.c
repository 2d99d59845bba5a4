/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one recording. Limits are stated with each check; they were chosen on simulated faults and clean public records. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "doctor/findings.h"

enum { NAMES = 200 };

static const float *lead_signal(const pclr_record *r, size_t lead)
{
    return r->signal + lead * r->samples;
}

static void add_name(char *list, const pclr_channel *channel)
{
    size_t used = strlen(list);
    snprintf(list + used, NAMES - used, "%s%s", used ? " " : "", channel->name);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Range of a lead without its 0.5 % highest and lowest samples, mV. work[n]. */
static double robust_range(const float *x, size_t n, float *work)
{
    memcpy(work, x, n * sizeof *x);
    qsort(work, n, sizeof *work, compare_floats);
    return (double)work[n - 1 - n / 200] - (double)work[n / 200];
}

/* A lead is flat when it stays within 10 uV; amplitudes are implausible when the geometric mean of the leads' spans is over 20 mV or under
 * 0.05 mV. */
static void check_amplitudes(findings *f, const pclr_record *r, float *work)
{
    char flat[NAMES] = "";
    float *range = NULL;
    size_t live = 0;
    if (mem_alloc(&range, r->leads, sizeof *range, NULL) != PCLR_OK) return;
    for (size_t lead = 0; lead < r->leads; lead++) {
        double span = robust_range(lead_signal(r, lead), r->samples, work);
        if (span < 0.01)
            add_name(flat, &r->channel[lead]);
        else
            range[live++] = (float)span;
    }
    if (flat[0]) findings_add(f, FINDING_FLAT, "%s", flat);
    if (live) {
        double sum = 0;
        for (size_t k = 0; k < live; k++) sum += log((double)range[k]);
        double typical = exp(sum / (double)live);
        if (typical > 20 || typical < 0.05) findings_add(f, FINDING_SCALE, "%.3g mV", typical);
    }
    mem_free(range);
}

/* At least three runs of 10 ms or more at the very highest (or lowest) value. */
static bool clipped_at(const float *x, size_t n, float limit, size_t run_needed)
{
    size_t runs = 0, run = 0;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && x[i] == limit)
            run++;
        else {
            runs += run >= run_needed;
            run = 0;
        }
    }
    return runs >= 3;
}

static void check_clipping(findings *f, const pclr_record *r)
{
    char names[NAMES] = "";
    size_t needed = (size_t)fmax(4, 0.01 * r->rate);
    for (size_t lead = 0; lead < r->leads; lead++) {
        const float *x = lead_signal(r, lead);
        float low = x[0], high = x[0];
        for (size_t i = 1; i < r->samples; i++) low = x[i] < low ? x[i] : low, high = x[i] > high ? x[i] : high;
        if (high - low < 0.3f) continue;
        if (clipped_at(x, r->samples, high, needed) || clipped_at(x, r->samples, low, needed)) add_name(names, &r->channel[lead]);
    }
    if (names[0]) findings_add(f, FINDING_CLIPPED, "%s", names);
}

/* Over 1 % of all samples. */
static void check_missing(findings *f, const pclr_record *r)
{
    size_t missing = 0, total = r->leads * r->samples;
    for (size_t i = 0; r->valid && i < total; i++) missing += !r->valid[i];
    if (missing * 100 > total) findings_add(f, FINDING_MISSING, "%.0f %%", 100 * (double)missing / (double)total);
}

/* Amplitude of a sine of frequency hz in x, by its Fourier sum with a Hann window. */
static double amplitude_at(const float *x, size_t n, double rate, double hz)
{
    double re = 0, im = 0, turn = 2 * acos(-1);
    for (size_t i = 0; i < n; i++) {
        double window = 1 - cos(turn * (double)i / (double)n), phase = turn * hz * (double)i / rate;
        re += window * (double)x[i] * cos(phase);
        im += window * (double)x[i] * sin(phase);
    }
    return 2 * hypot(re, im) / (double)n;
}

/* 50 or 60 Hz of 0.04 mV and more, and five times what is 3 and 5 Hz beside it, in a third of the leads; of 0.1 mV, in one.
 * hums[leads] is set in leads that have it. */
static void check_mains(findings *f, const pclr_record *r, bool *hums)
{
    size_t n = r->samples < 5 * (size_t)r->rate ? r->samples : 5 * (size_t)r->rate;
    for (double hz = 50; hz <= 60; hz += 10) {
        size_t humming = 0;
        bool loud = false;
        char names[NAMES] = "";
        if (hz * 2.2 > r->rate) continue;
        for (size_t lead = 0; lead < r->leads; lead++) {
            const float *x = lead_signal(r, lead);
            double here = amplitude_at(x, n, r->rate, hz);
            if (here < 0.04) continue;
            double beside = 0;
            for (int side = -5; side <= 5; side += side == -3 ? 6 : 2) beside = fmax(beside, amplitude_at(x, n, r->rate, hz + side));
            if (here <= 5 * beside) continue;
            humming++;
            hums[lead] = true;
            loud |= here >= 0.1;
            add_name(names, &r->channel[lead]);
        }
        if (loud || (humming * 3 >= r->leads && humming > 0)) findings_add(f, FINDING_MAINS, "%g Hz in %s", hz, names);
    }
}

/* Samples of a standard lead that the file itself holds, or NULL. */
static const float *measured(const pclr_record *r, pclr_lead lead)
{
    for (size_t k = 0; k < r->leads; k++) {
        if (r->channel[k].lead == lead && !r->channel[k].derived) return lead_signal(r, k);
    }
    return NULL;
}

/* Sum of x[i] * y[i] about their means. */
static double covariance(const float *x, const float *y, size_t n)
{
    double mean_x = 0, mean_y = 0, sum = 0;
    for (size_t i = 0; i < n; i++) mean_x += (double)x[i], mean_y += (double)y[i];
    mean_x /= (double)n, mean_y /= (double)n;
    for (size_t i = 0; i < n; i++) sum += ((double)x[i] - mean_x) * ((double)y[i] - mean_y);
    return sum;
}

typedef struct lead_equation {
    pclr_lead lead;
    double of_one, of_two;
} lead_equation;

/* Whether x = a * one + b * two up to an offset: residual sd at most 15 % of the sd of x plus 0.03 mV. */
static bool fits(const float *x, const float *one, double a, const float *two, double b, size_t n)
{
    double mean = 0, residual = 0;
    for (size_t i = 0; i < n; i++) mean += ((double)x[i] - a * (double)one[i] - b * (double)two[i]) / (double)n;
    for (size_t i = 0; i < n; i++) {
        double e = (double)x[i] - a * (double)one[i] - b * (double)two[i] - mean;
        residual += e * e;
    }
    return sqrt(residual / (double)n) <= 0.15 * sqrt(covariance(x, x, n) / (double)n) + 0.03;
}

/* In at least half of the stretches of 2 s: a calibration pulse, which all leads have alike, or a disturbance is not the whole. */
static bool mostly_fits(const float *x, const float *one, double a, const float *two, double b, const pclr_record *r)
{
    size_t length = (size_t)ceil(2 * r->rate), stretches = r->samples / length, fitting = 0;
    if (stretches == 0) return fits(x, one, a, two, b, r->samples);
    for (size_t k = 0; k < stretches; k++) {
        size_t from = k * length;
        fitting += fits(x + from, one + from, a, two + from, b, length);
    }
    return 2 * fitting >= stretches;
}

/* Whether the equation holds once each of the three leads may have a gain of its own, of one sign: least squares for the two weights. */
static bool fits_scaled(const float *x, const float *one, const float *two, const lead_equation *e, const pclr_record *r)
{
    size_t n = r->samples;
    double aa = covariance(one, one, n), bb = covariance(two, two, n), ab = covariance(one, two, n);
    double xa = covariance(x, one, n), xb = covariance(x, two, n), determinant = aa * bb - ab * ab;
    if (determinant <= 1e-9 * aa * bb) return false;
    double a = (xa * bb - xb * ab) / determinant, b = (xb * aa - xa * ab) / determinant;
    return a * e->of_one > 0 && b * e->of_two > 0 && mostly_fits(x, one, a, two, b, r);
}

/* III = II - I (Einthoven); aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2 (Goldberger). Where all that contradict fit with
 * other gains, the gains are wrong and the names are right. */
static void check_limb_leads(findings *f, const pclr_record *r)
{
    static const lead_equation equations[] = {
        {PCLR_LEAD_III, -1, 1}, {PCLR_LEAD_AVR, -0.5, -0.5}, {PCLR_LEAD_AVL, 1, -0.5}, {PCLR_LEAD_AVF, -0.5, 1}};
    const float *one = measured(r, PCLR_LEAD_I), *two = measured(r, PCLR_LEAD_II);
    char names[NAMES] = "";
    bool gains = true;
    if (one == NULL || two == NULL) return;
    for (size_t k = 0; k < sizeof equations / sizeof *equations; k++) {
        const lead_equation *e = &equations[k];
        const float *x = measured(r, e->lead);
        if (x == NULL || mostly_fits(x, one, e->of_one, two, e->of_two, r)) continue;
        size_t used = strlen(names);
        snprintf(names + used, NAMES - used, "%s%s", used ? " " : "", pclr_lead_name(e->lead));
        gains = gains && fits_scaled(x, one, two, e, r);
    }
    if (names[0]) findings_add(f, gains ? FINDING_GAINS : FINDING_LEADS, "%s", names);
}

/* sum over k of weight[k] * lead k at sample i */
static double mixed(const float *const *lead, const double *weight, size_t leads, int64_t i)
{
    double sum = 0;
    for (size_t k = 0; k < leads; k++) sum += weight[k] * (double)lead[k][i];
    return sum;
}

/* Of x with a mixture of leads. QRS only: 60 ms around each fused R, so that wander does not decide. */
static double qrs_correlation(const pclr_record *r, const pclr_fiducials *marks, const float *x, const float *const *lead,
                              const double *weight, size_t leads)
{
    double xx = 0, yy = 0, xy = 0;
    int64_t half = (int64_t)(0.06 * r->rate);
    for (size_t b = 0; b < marks->beats; b++) {
        int64_t at = llround(pclr_fiducials_beat(marks, PCLR_FUSED, b)->qrs.peak);
        if (at - half < 0 || at + half >= (int64_t)r->samples) continue;
        double mx = 0, my = 0, n = 2 * (double)half + 1;
        for (int64_t i = at - half; i <= at + half; i++) mx += (double)x[i] / n, my += mixed(lead, weight, leads, i) / n;
        for (int64_t i = at - half; i <= at + half; i++) {
            double dx = (double)x[i] - mx, dy = mixed(lead, weight, leads, i) - my;
            xx += dx * dx, yy += dy * dy, xy += dx * dy;
        }
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/*
 * Lead I against what V1 to V6, which no exchange of limb electrodes touches, make expect of it (after Kors and van Herpen, J
 * Electrocardiol 34 Suppl:113, 2001): the weights are least squares over the QRS complexes of 434 recordings of PTB-XL, LUDB, CODE-15 %
 * and the Challenge archives, each scaled to the same power. With fewer leads, against V6 alone.
 */
static void check_reversal(findings *f, const pclr_record *r, const pclr_fiducials *marks)
{
    static const double expected[6] = {-0.62, 0.30, 0.04, -0.11, 0.09, 0.34}, alone = 1;
    const float *one = measured(r, PCLR_LEAD_I), *chest[6];
    bool all = true;

    for (int k = 0; k < 6; k++) all &= (chest[k] = measured(r, (pclr_lead)(PCLR_LEAD_V1 + k))) != NULL;
    if (one == NULL || chest[5] == NULL || marks->beats < 3) return;
    double likeness = all ? qrs_correlation(r, marks, one, chest, expected, 6) : qrs_correlation(r, marks, one, chest + 5, &alone, 1);
    if (likeness < (all ? -0.5 : -0.8)) findings_add(f, FINDING_REVERSED, "correlation %.2f", likeness);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double checks_heart_rate(const pclr_fiducials *marks)
{
    double *rr = NULL, rate = NAN;
    size_t n = marks ? marks->beats : 0;

    if (n < 4 || mem_alloc(&rr, n, sizeof *rr, NULL) != PCLR_OK) return NAN;
    for (size_t b = 1; b < n; b++)
        rr[b - 1] = pclr_fiducials_beat(marks, PCLR_FUSED, b)->qrs.peak - pclr_fiducials_beat(marks, PCLR_FUSED, b - 1)->qrs.peak;
    qsort(rr, n - 1, sizeof *rr, compare);
    rate = 60 * marks->rate / rr[(n - 1) / 2];
    mem_free(rr);
    return rate;
}

void checks_run(findings *f, const pclr_record *r, const pclr_fiducials *marks)
{
    float *work = NULL;
    bool *hums = NULL;
    double seconds = (double)r->samples / r->rate;
    if (seconds < 5) findings_add(f, FINDING_SHORT, "%.1f s", seconds);
    if (r->age > 120) findings_add(f, FINDING_AGE, "%.0f", (double)r->age);
    if (r->samples == 0 || r->leads == 0) return;
    if (mem_alloc(&work, r->samples > r->leads ? r->samples : r->leads, sizeof *work, NULL) != PCLR_OK) return;
    if (mem_alloc(&hums, r->leads, sizeof *hums, NULL) == PCLR_OK) {
        check_amplitudes(f, r, work);
        check_clipping(f, r);
        check_missing(f, r);
        check_mains(f, r, hums);
        artefacts_check(f, r, hums);
        check_limb_leads(f, r);
    }
    mem_free(hums);
    mem_free(work);
    if (marks == NULL) findings_add(f, FINDING_RATE, "%g Hz: too few or too many to find beats", r->rate);
    if (marks == NULL) return;
    check_reversal(f, r, marks);
    rate_check(f, r, marks);
    if (marks->beats == 0) findings_add(f, FINDING_NO_BEATS, "%s", "");
    if (marks->quality < 0.25f) findings_add(f, FINDING_NOISE, "%.2f", (double)marks->quality);
}
