/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the sampling rate told rightly? A rate k times too high makes the heart beat k times as fast and its waves k times as short, while
 * a heart that really is fast has its T wave nearer by the root of that and its QRS as wide as ever. So three numbers - heart rate,
 * width of the QRS core, time from R to the T peak - are held against what they are in 434 recordings of PTB-XL, LUDB, CODE-15 % and
 * the Challenge archives, under the told rate and under others.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "doctor/findings.h"

typedef struct tempo {
    double heart;    /* beats a minute; NaN: fewer than four beats */
    double core, rt; /* ms; NaN: not measurable */
} tempo;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t r_position(const pclr_fiducials *marks, size_t beat)
{
    return llround(pclr_fiducials_beat(marks, PCLR_FUSED, beat)->qrs.peak);
}

/* ms within which 70 % of a beat's slope energy of all leads lies, the narrowest such window within 120 ms of R; work[2 * half + 1]. */
static double core_width(const pclr_record *r, int64_t at, int64_t half, double *work)
{
    double sum = 0, inside = 0;
    int64_t n = 2 * half + 1, best = n;

    for (int64_t i = 0; i < n; i++) {
        work[i] = 0;
        for (size_t lead = 0; lead < r->leads; lead++) {
            const float *x = r->signal + lead * r->samples + at - half + i;
            work[i] += ((double)x[0] - (double)x[-1]) * ((double)x[0] - (double)x[-1]);
        }
        sum += work[i];
    }
    for (int64_t low = 0, high = 0; high < n; high++) {
        inside += work[high];
        while (inside - work[low] >= 0.7 * sum && low < high) inside -= work[low++];
        if (inside >= 0.7 * sum && high - low + 1 < best) best = high - low + 1;
    }
    return 1000 * (double)best / r->rate;
}

/* A core of three samples is a pacing spike, or noise: NaN. */
static double median_core_width(const pclr_record *r, const pclr_fiducials *marks)
{
    enum { SPIKE = 3 };
    double *width = NULL, *work = NULL, median = NAN;
    int64_t half = (int64_t)(0.12 * r->rate);
    size_t n = 0;

    if (mem_alloc(&width, marks->beats, sizeof *width, NULL) == PCLR_OK &&
        mem_alloc(&work, (size_t)(2 * half + 1), sizeof *work, NULL) == PCLR_OK) {
        for (size_t b = 0; b < marks->beats; b++) {
            int64_t at = r_position(marks, b);
            if (at - half >= 1 && at + half < (int64_t)r->samples) width[n++] = core_width(r, at, half, work);
        }
        qsort(width, n, sizeof *width, compare);
        if (n >= 3 && width[n / 2] > SPIKE * 1000 / r->rate) median = width[n / 2];
    }
    mem_free(width);
    mem_free(work);
    return median;
}

/* Adds to power[length] the square of the lead's averaged beat, from R on, against its median from `from` on; work[2 * length]. */
static void add_beat_power(const float *x, size_t samples, const pclr_fiducials *marks, size_t from, size_t length, double *power,
                           double *work)
{
    double *average = work, *sorted = work + length;
    size_t beats = 0;

    memset(average, 0, length * sizeof *average);
    for (size_t b = 0; b < marks->beats; b++) {
        int64_t at = r_position(marks, b);
        if (at < 0 || at + (int64_t)length > (int64_t)samples) continue;
        for (size_t i = 0; i < length; i++) average[i] += (double)x[at + (int64_t)i];
        beats++;
    }
    if (beats == 0) return;
    memcpy(sorted, average + from, (length - from) * sizeof *sorted);
    qsort(sorted, length - from, sizeof *sorted, compare);
    double level = sorted[(length - from) / 2];
    for (size_t i = 0; i < length; i++) power[i] += (average[i] - level) * (average[i] - level);
}

/* Where the power of 6 % of RR is largest between 15 and 62 % of it: a search that no wrong rate changes. At the search's ends: -1. */
static int64_t find_t_peak(const double *power, int64_t rr)
{
    int64_t half = rr * 3 / 100, first = rr * 15 / 100, last = rr * 62 / 100, peak = -1;
    double largest = -1;

    for (int64_t i = first; i < last; i++) {
        double sum = 0;
        for (int64_t j = i - half; j <= i + half; j++) sum += power[j];
        if (sum > largest) largest = sum, peak = i;
    }
    return peak > first + 1 && peak < last - 2 ? peak : -1;
}

/* ms from R to the peak of T in the averaged beat of all leads. rr: median, samples. */
static double t_peak_time(const pclr_record *r, const pclr_fiducials *marks, int64_t rr)
{
    double *power = NULL, *work = NULL;
    size_t length = (size_t)(rr * 9 / 10), from = (size_t)(rr * 15 / 100);
    int64_t peak = -1;

    if (rr < 40) return NAN;
    if (mem_alloc(&power, length, sizeof *power, NULL) == PCLR_OK && mem_alloc(&work, 2 * length, sizeof *work, NULL) == PCLR_OK) {
        for (size_t k = 0; k < r->leads; k++) add_beat_power(r->signal + k * r->samples, r->samples, marks, from, length, power, work);
        peak = find_t_peak(power, rr);
    }
    mem_free(power);
    mem_free(work);
    return peak > 0 ? 1000 * (double)peak / r->rate : NAN;
}

static tempo measure(const pclr_record *r, const pclr_fiducials *marks)
{
    tempo t = {.heart = checks_heart_rate(marks), .core = NAN, .rt = NAN};

    if (!isfinite(t.heart)) return t;
    t.core = median_core_width(r, marks);
    t.rt = t_peak_time(r, marks, llround(60 * r->rate / t.heart));
    return t;
}

/*
 * Sum of the squared deviations in standard deviations, in logarithms: heart rate 70/min (sd 0.22), core 28 ms (0.23), R to T peak 254 ms
 * at 70/min, falling with the heart rate to the power 0.41 (0.10 about that line). A core or T that cannot be measured counts as 2.4
 * of them, no beats as farther than anything.
 */
static double implausibility(tempo t)
{
    enum { FARTHEST = 60, UNKNOWN = 6 };
    double heart = log(t.heart / 69.8) / 0.221, core = log(t.core / 28.2) / 0.231;
    double rt = log(t.rt / 253.5 * pow(t.heart / 69.8, 0.41)) / 0.104;
    double sum = heart * heart + (isfinite(core) ? core * core : UNKNOWN) + (isfinite(rt) ? rt * rt : UNKNOWN);

    return isfinite(sum) ? fmin(sum, FARTHEST) : FARTHEST;
}

static double implausibility_at(const pclr_record *r, double rate)
{
    static const pclr_fiducial_options beats_only = {.r_only = true};
    pclr_record other = *r;
    pclr_fiducials *marks = NULL;
    double sum = INFINITY;

    other.rate = rate;
    if (pclr_fiducials_compute(&marks, &other, &beats_only, NULL) == PCLR_OK) sum = implausibility(measure(&other, marks));
    pclr_fiducials_destroy(&marks);
    return sum;
}

static void tell(findings *f, tempo told, double better)
{
    char heart[48] = "too few beats", core[48] = "", rt[48] = "";

    if (isfinite(told.heart)) snprintf(heart, sizeof heart, "%.0f/min", told.heart);
    if (isfinite(told.core)) snprintf(core, sizeof core, ", QRS core of %.0f ms", told.core);
    if (isfinite(told.rt)) snprintf(rt, sizeof rt, ", T after %.0f ms", told.rt);
    findings_add(f, FINDING_RATE, "%s%s%s: %g Hz would fit", heart, core, rt, better);
}

/* The told rate is doubted where another, 2 or 2.5 times higher or lower, is three times as plausible; 4 is added to either so that two
 * good ones are not weighed against each other. Beats are found anew under each rate, for finding them depends on it too. */
void rate_check(findings *f, const pclr_record *r, const pclr_fiducials *marks)
{
    static const double factors[] = {0.4, 0.5, 2, 2.5};
    enum { ADDED = 4, RATIO = 3 };
    tempo told = measure(r, marks);
    double here = implausibility(told), best = INFINITY, better = 0;

    if (here + ADDED <= RATIO * ADDED) return;
    for (size_t k = 0; k < sizeof factors / sizeof *factors; k++) {
        double there = implausibility_at(r, r->rate * factors[k]);
        if (there < best) best = there, better = r->rate * factors[k];
    }
    if (here + ADDED <= RATIO * (best + ADDED)) return;
    tell(f, told, better);
}
