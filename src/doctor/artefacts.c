/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leads that cannot be read: noise out of which no QRS stands, a baseline that swings, a disturbance of a second or more. Slopes are over
 * 4 ms, in windows of a second, each half a second after the last. The limits lie between those of every second recording of LUDB and 250
 * of PTB-XL (folds 1-7), and those of some of these with planted faults; the least noise was raised once more after false alarms in
 * simulated recordings (docs/physiology.md, "One bad lead, one bad stretch").
 */
#include <math.h>

#include "base/memory.h"
#include "base/select.h"
#include "doctor/findings.h"

enum { PIECE = 20 };                        /* half seconds in which the baseline is followed */
static const double LEAST_PEAKEDNESS = 4.7; /* largest over mean slope: white noise has 3.8 to 4.5, an ECG from 5 on */
static const double QUIET = 0.03;           /* mV: mean slope of white noise of 27 uV; less is not worth telling */
static const double MOST_WANDER = 3;        /* mV from the lowest to the highest mean of half a second within 10 s */
static const double SWING_SHARE = 0.1;      /* of the pieces */
static const double MOST_SLOPE = 1e9;       /* mV; what is beyond is as bad */
static const double BURST = 4;              /* times the median of mean slopes */
static const double LEAST_BURST = 0.04;     /* mV */
static const double BURST_SHARE = 0.02;     /* of all windows */

typedef struct lead_measures {
    double mean, peakedness; /* medians over the windows of the mean slope in mV, and of largest over mean */
    double swings;           /* share of the 10-s pieces whose baseline moves too far */
    double bursts;           /* share of the windows */
} lead_measures;

static float median(float *v, size_t n)
{
    return select_smallest(v, n, n / 2);
}

static void window_slopes(const float *x, size_t n, size_t step, float *mean, float *peakedness)
{
    double sum = 0, largest = 0;
    for (size_t i = 0; i + step < n; i++) {
        double slope = fabs((double)x[i + step] - (double)x[i]);
        sum += slope;
        largest = fmax(largest, slope);
    }
    sum /= (double)(n - step);
    *mean = (float)fmin(sum, MOST_SLOPE);
    *peakedness = sum > 0 ? (float)(largest / sum) : 0;
}

static double half_second_mean(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    return sum / (double)n;
}

static double swinging_share(const float *x, size_t half, size_t blocks)
{
    size_t pieces = (blocks + PIECE - 1) / PIECE, swinging = 0;
    for (size_t p = 0; p < pieces; p++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t k = p * PIECE; k < (p + 1) * PIECE && k < blocks; k++) {
            double level = half_second_mean(x + k * half, half);
            low = fmin(low, level);
            high = fmax(high, level);
        }
        swinging += high - low > MOST_WANDER;
    }
    return (double)swinging / (double)pieces;
}

/* work[3 * windows]; the recording holds at least one window. */
static lead_measures measure(const float *x, double rate, size_t half, size_t windows, float *work)
{
    lead_measures m = {0};
    float *mean = work, *peakedness = work + windows, *sorted = work + 2 * windows;
    size_t step = (size_t)fmax(1, round(0.004 * rate)), bursts = 0;
    for (size_t k = 0; k < windows; k++) window_slopes(x + k * half, 2 * half, step, &mean[k], &peakedness[k]);
    for (size_t k = 0; k < windows; k++) sorted[k] = mean[k];
    m.mean = (double)median(sorted, windows);
    m.peakedness = (double)median(peakedness, windows);
    m.swings = swinging_share(x, half, windows + 1);
    for (size_t k = 0; k < windows; k++) bursts += (double)mean[k] > fmax(BURST * m.mean, LEAST_BURST);
    m.bursts = (double)bursts / (double)windows;
    return m;
}

static const char *fault_of(const lead_measures *m, bool hums)
{
    if (!hums && m->mean > QUIET && m->peakedness < LEAST_PEAKEDNESS) return "noise";
    if (m->swings > SWING_SHARE) return "wander";
    return m->bursts > BURST_SHARE ? "burst" : NULL;
}

void artefacts_check(findings *f, const pclr_record *r, const bool *hums)
{
    text words = {0};
    float *work = NULL;
    size_t half = (size_t)(r->rate / 2), windows = half > 24 ? r->samples / half : 0; /* at 50 Hz and more */
    if (windows < 4 || f->kinds >> FINDING_SCALE & 1) return;                         /* 2 s; limits in mV say nothing about a wrong unit */
    windows--;
    if (mem_alloc(&work, 3 * windows, sizeof *work, NULL) != PCLR_OK) return;
    for (size_t lead = 0; lead < r->leads; lead++) {
        lead_measures m = measure(r->signal + lead * r->samples, r->rate, half, windows, work);
        const char *fault = fault_of(&m, hums[lead]);
        if (fault) text_add(&words, "%s%s %s", words.length ? ", " : "", r->channel[lead].name, fault);
    }
    if (words.length) findings_add(f, FINDING_ARTEFACT, "%s", words.data);
    text_free(&words);
    mem_free(work);
}
