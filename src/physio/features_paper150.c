/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout paper150: ten measures of each of the first ten beats of a segment, their statistics over all its beats, and ten rhythm and
 * abnormality measures. Intervals come from the fused marks; amplitudes and slope from one lead (feature_amplitude_lead), measured
 * against the level before QRS onset.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "physio/features.h"

enum { RR, PR, QRS, QTC, P_DURATION, T_DURATION, R_AMPLITUDE, T_AMPLITUDE, P_AMPLITUDE, SLOPE, MEASURES };
enum { BEATS = 10, STATISTICS_AT = MEASURES * BEATS, RHYTHM_AT = STATISTICS_AT + 4 * MEASURES, COUNT = RHYTHM_AT + 10 };

#define BEAT(name, k, unit, text) {name "_" #k, unit, text " of beat " #k " of the segment (counted from 0)"}
#define TEN(name, unit, text)                                                                                                              \
    BEAT(name, 0, unit, text), BEAT(name, 1, unit, text), BEAT(name, 2, unit, text), BEAT(name, 3, unit, text), BEAT(name, 4, unit, text), \
        BEAT(name, 5, unit, text), BEAT(name, 6, unit, text), BEAT(name, 7, unit, text), BEAT(name, 8, unit, text), BEAT(name, 9, unit, text)
#define FOUR(name, unit, text)                                                                                       \
    {name "_mean", unit, "mean over the segment's beats: " text}, {name "_sd", unit, "population standard deviation over the segment's beats: " text}, \
        {name "_median", unit, "median over the segment's beats: " text}, {name "_iqr", unit, "interquartile range over the segment's beats: " text}

#define TEXT_RR "time from the preceding R to this R"
#define TEXT_PR "time from P onset to QRS onset"
#define TEXT_QRS "time from QRS onset to QRS end"
#define TEXT_QTC "time from QRS onset to T end, divided by the square root of RR in s (Bazett)"
#define TEXT_P "time from P onset to P end"
#define TEXT_T "time from T onset to T end"
#define TEXT_RA "amplitude at R against the level before QRS onset"
#define TEXT_TA "signed amplitude at the T peak against the level before QRS onset"
#define TEXT_PA "signed amplitude at the P peak against the level before QRS onset"
#define TEXT_SLOPE "largest absolute slope from QRS onset to R"

static const feature_definition definitions[COUNT] = {
    TEN("rr", "ms", TEXT_RR),
    TEN("pr", "ms", TEXT_PR),
    TEN("qrs", "ms", TEXT_QRS),
    TEN("qtc", "ms", TEXT_QTC),
    TEN("p_duration", "ms", TEXT_P),
    TEN("t_duration", "ms", TEXT_T),
    TEN("r_amplitude", "mV", TEXT_RA),
    TEN("t_amplitude", "mV", TEXT_TA),
    TEN("p_amplitude", "mV", TEXT_PA),
    TEN("qrs_slope", "mV/ms", TEXT_SLOPE),
    FOUR("rr", "ms", TEXT_RR),
    FOUR("pr", "ms", TEXT_PR),
    FOUR("qrs", "ms", TEXT_QRS),
    FOUR("qtc", "ms", TEXT_QTC),
    FOUR("p_duration", "ms", TEXT_P),
    FOUR("t_duration", "ms", TEXT_T),
    FOUR("r_amplitude", "mV", TEXT_RA),
    FOUR("t_amplitude", "mV", TEXT_TA),
    FOUR("p_amplitude", "mV", TEXT_PA),
    FOUR("qrs_slope", "mV/ms", TEXT_SLOPE),
    {"rmssd", "ms", "root mean square of the differences of successive RR"},
    {"pnn50", "%", "share of successive RR that differ by more than 50 ms"},
    {"rr_cv", "1", "standard deviation of RR divided by its mean"},
    {"pr_long", "%", "share of beats with PR > 200 ms among those with a PR"},
    {"qrs_wide", "%", "share of beats with QRS >= 120 ms among those with a QRS duration"},
    {"qrs_borderline", "%", "share of beats with 100 <= QRS < 120 ms among those with a QRS duration"},
    {"qtc_long", "%", "share of beats with QTc >= 500 ms among those with a QTc"},
    {"p_absent", "%", "share of beats without a P wave"},
    {"beat_correlation_mean", "1", "mean correlation of adjacent beats"},
    {"beat_correlation_sd", "1", "standard deviation of the correlation of adjacent beats"},
};

typedef struct beat_measures {
    double value[MEASURES];
    bool valid[MEASURES];
} beat_measures;

static void set(beat_measures *m, int k, double value)
{
    m->value[k] = value;
    m->valid[k] = isfinite(value);
}

/* Samples a, b, both measured? Positions outside the record are not. */
static bool measured(const pclr_record *record, int lead, double position)
{
    if (!(position >= 0 && position < (double)record->samples)) return false;
    return !record->valid || record->valid[(size_t)lead * record->samples + (size_t)position];
}

static double sample_at(const float *x, size_t n, double position)
{
    size_t k = (size_t)position, next = k + 1 < n ? k + 1 : k;
    double part = position - (double)k;
    return (1 - part) * (double)x[k] + part * (double)x[next];
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the 20 ms before QRS onset: the level that amplitudes are measured against. */
static bool level_before(const pclr_record *record, int lead, double onset, double *level)
{
    double window[256], width = 0.020 * record->rate;
    int64_t begin = (int64_t)(onset - width), end = (int64_t)onset, step = 1 + (end - begin) / 256;
    size_t n = 0;
    for (int64_t t = begin; t < end || n == 0; t += step) {
        if (!measured(record, lead, (double)t)) return false;
        window[n++] = (double)record->signal[(size_t)lead * record->samples + (size_t)t];
        if (n == 256) break;
    }
    qsort(window, n, sizeof *window, compare_double);
    *level = n % 2 ? window[n / 2] : 0.5 * (window[n / 2 - 1] + window[n / 2]);
    return true;
}

static void intervals(const feature_input *in, size_t b, beat_measures *m)
{
    const pclr_beat *beat = pclr_fiducials_beat(in->marks, PCLR_FUSED, b);
    double ms = 1000 / in->record->rate;
    bool p = beat->p.has & PCLR_HAS_ONSET, q = beat->qrs.has & PCLR_HAS_ONSET, t = beat->t.has & PCLR_HAS_OFFSET;
    if (b > 0) set(m, RR, (beat->qrs.peak - pclr_fiducials_beat(in->marks, PCLR_FUSED, b - 1)->qrs.peak) * ms);
    if (p && q) set(m, PR, (beat->qrs.onset - beat->p.onset) * ms);
    if (q && (beat->qrs.has & PCLR_HAS_OFFSET)) set(m, QRS, (beat->qrs.offset - beat->qrs.onset) * ms);
    if (q && t && m->valid[RR] && m->value[RR] > 0) set(m, QTC, (beat->t.offset - beat->qrs.onset) * ms / sqrt(m->value[RR] / 1000));
    if (p && (beat->p.has & PCLR_HAS_OFFSET)) set(m, P_DURATION, (beat->p.offset - beat->p.onset) * ms);
    if (t && (beat->t.has & PCLR_HAS_ONSET)) set(m, T_DURATION, (beat->t.offset - beat->t.onset) * ms);
}

/* Peak of a wave in the amplitude lead where that lead shows it, else the fused peak. */
static bool peak_of(const pclr_wave *own, const pclr_wave *fused, double *position)
{
    const pclr_wave *wave = own->has & PCLR_HAS_PEAK ? own : fused;
    *position = wave->peak;
    return wave->has & PCLR_HAS_PEAK;
}

static void amplitude(const feature_input *in, int lead, int k, const pclr_wave *own, const pclr_wave *fused, double level, beat_measures *m)
{
    const pclr_record *r = in->record;
    double at;
    if (!peak_of(own, fused, &at) || !measured(r, lead, at)) return;
    set(m, k, sample_at(r->signal + (size_t)lead * r->samples, r->samples, at) - level);
}

/* Largest |dx/dt| between QRS onset and R, mV/ms. */
static void slope(const feature_input *in, int lead, double onset, double peak, beat_measures *m)
{
    const pclr_record *r = in->record;
    const float *x = r->signal + (size_t)lead * r->samples;
    double best = -1;
    for (int64_t t = (int64_t)onset; (double)t < peak; t++) {
        if (!measured(r, lead, (double)t) || !measured(r, lead, (double)(t + 1))) return;
        best = fmax(best, fabs((double)x[t + 1] - (double)x[t]));
    }
    if (best >= 0) set(m, SLOPE, best * r->rate / 1000);
}

static void amplitudes(const feature_input *in, int lead, size_t b, beat_measures *m)
{
    const pclr_beat *own = pclr_fiducials_beat(in->marks, (size_t)lead, b), *fused = pclr_fiducials_beat(in->marks, PCLR_FUSED, b);
    const pclr_wave *qrs = own->qrs.has & PCLR_HAS_ONSET ? &own->qrs : &fused->qrs;
    double level, peak;
    if (!(qrs->has & PCLR_HAS_ONSET) || !level_before(in->record, lead, qrs->onset, &level)) return;
    amplitude(in, lead, R_AMPLITUDE, &own->qrs, &fused->qrs, level, m);
    amplitude(in, lead, T_AMPLITUDE, &own->t, &fused->t, level, m);
    amplitude(in, lead, P_AMPLITUDE, &own->p, &fused->p, level, m);
    if (peak_of(&own->qrs, &fused->qrs, &peak)) slope(in, lead, qrs->onset, peak, m);
}

static void put(float *value, uint8_t *valid, int k, double v)
{
    value[k] = (float)v;
    valid[k] = 1;
}

static void first_beats(const beat_measures *m, size_t beats, float *value, uint8_t *valid)
{
    for (int k = 0; k < MEASURES; k++)
        for (size_t b = 0; b < BEATS && b < beats; b++)
            if (m[b].valid[k]) put(value, valid, k * BEATS + (int)b, m[b].value[k]);
}

static void statistics(const beat_measures *m, size_t beats, double *work, float *value, uint8_t *valid)
{
    for (int k = 0; k < MEASURES; k++) {
        size_t n = 0;
        double four[4];
        for (size_t b = 0; b < beats; b++)
            if (m[b].valid[k]) work[n++] = m[b].value[k];
        if (n == 0) continue;
        feature_statistics(work, n, four);
        for (int j = 0; j < 4; j++) put(value, valid, STATISTICS_AT + 4 * k + j, four[j]);
    }
}

static void rhythm(const beat_measures *m, size_t beats, float *value, uint8_t *valid)
{
    double squares = 0, over = 0;
    size_t differences = 0, intervals_n = 0;
    for (size_t b = 0; b < beats; b++) {
        intervals_n += m[b].valid[RR];
        if (b == 0 || !m[b].valid[RR] || !m[b - 1].valid[RR]) continue;
        double d = m[b].value[RR] - m[b - 1].value[RR];
        squares += d * d;
        over += fabs(d) > 50;
        differences++;
    }
    if (differences > 0) {
        put(value, valid, RHYTHM_AT, sqrt(squares / (double)differences));
        put(value, valid, RHYTHM_AT + 1, 100 * over / (double)differences);
    }
    double mean = (double)value[STATISTICS_AT], sd = (double)value[STATISTICS_AT + 1];
    if (intervals_n >= 2 && mean > 0) put(value, valid, RHYTHM_AT + 2, sd / mean);
}

/* Share in percent of the beats with low <= measure < high (or > low when `above`) among those that have the measure. */
static void share(const beat_measures *m, size_t beats, int k, double low, double high, bool above, float *value, uint8_t *valid, int at)
{
    size_t have = 0, hits = 0;
    for (size_t b = 0; b < beats; b++) {
        if (!m[b].valid[k]) continue;
        have++;
        hits += (above ? m[b].value[k] > low : m[b].value[k] >= low) && m[b].value[k] < high;
    }
    if (have > 0) put(value, valid, at, 100 * (double)hits / (double)have);
}

static void shares(const feature_input *in, const beat_measures *m, size_t beats, float *value, uint8_t *valid)
{
    share(m, beats, PR, 200, INFINITY, true, value, valid, RHYTHM_AT + 3);
    share(m, beats, QRS, 120, INFINITY, false, value, valid, RHYTHM_AT + 4);
    share(m, beats, QRS, 100, 120, false, value, valid, RHYTHM_AT + 5);
    share(m, beats, QTC, 500, INFINITY, false, value, valid, RHYTHM_AT + 6);
    size_t absent = 0;
    for (size_t b = 0; b < beats; b++) absent += pclr_fiducials_beat(in->marks, PCLR_FUSED, in->beat_first + b)->p.has == 0;
    if (beats > 0) put(value, valid, RHYTHM_AT + 7, 100 * (double)absent / (double)beats);
}

/* Reach of beat b before and behind its R, samples: half way to its neighbours, at most to the record's ends. */
static void reach(const feature_input *in, size_t b, double *before, double *behind)
{
    const pclr_fiducials *marks = in->marks;
    double r = pclr_fiducials_beat(marks, PCLR_FUSED, b)->qrs.peak;
    *before = b > 0 ? 0.5 * (r - pclr_fiducials_beat(marks, PCLR_FUSED, b - 1)->qrs.peak) : r;
    *behind = b + 1 < marks->beats ? 0.5 * (pclr_fiducials_beat(marks, PCLR_FUSED, b + 1)->qrs.peak - r) : (double)in->record->samples - 1 - r;
    double longest = in->record->rate; /* 1 s to each side is enough at any rate of the heart */
    *before = fmin(*before, longest);
    *behind = fmin(*behind, longest);
}

/* Pearson correlation of beats b and b + 1, aligned at R, over what both reach; false when shorter than 60 ms or flat. */
static bool correlation(const feature_input *in, int lead, size_t b, double *out)
{
    const pclr_record *record = in->record;
    const float *x = record->signal + (size_t)lead * record->samples;
    double before[2], behind[2], sums[2] = {0, 0}, xx = 0, yy = 0, xy = 0;
    int64_t r[2];
    for (size_t s = 0; s < 2; s++) {
        reach(in, b + s, &before[s], &behind[s]);
        r[s] = (int64_t)llround(pclr_fiducials_beat(in->marks, PCLR_FUSED, b + s)->qrs.peak);
    }
    int64_t left = (int64_t)fmin(before[0], before[1]), right = (int64_t)fmin(behind[0], behind[1]), n = left + right + 1;
    if ((double)n < 0.060 * record->rate || r[0] < left || r[1] + right >= (int64_t)record->samples) return false;
    for (int64_t t = -left; t <= right; t++)
        for (size_t s = 0; s < 2; s++) {
            if (!measured(record, lead, (double)(r[s] + t))) return false;
            sums[s] += (double)x[r[s] + t];
        }
    for (int64_t t = -left; t <= right; t++) {
        double u = (double)x[r[0] + t] - sums[0] / (double)n, v = (double)x[r[1] + t] - sums[1] / (double)n;
        xx += u * u;
        yy += v * v;
        xy += u * v;
    }
    if (!(xx > 0 && yy > 0)) return false;
    *out = xy / sqrt(xx * yy);
    return true;
}

static void adjacent(const feature_input *in, int lead, double *work, float *value, uint8_t *valid)
{
    size_t n = 0;
    double four[4];
    for (size_t b = in->beat_first; b + 1 < in->beat_end; b++)
        if (correlation(in, lead, b, &work[n])) n++;
    if (n == 0) return;
    feature_statistics(work, n, four);
    put(value, valid, RHYTHM_AT + 8, four[0]);
    put(value, valid, RHYTHM_AT + 9, four[1]);
}

static pclr_status compute(const feature_input *in, float *value, uint8_t *valid, int *amplitude_lead, pclr_error *error)
{
    size_t beats = in->beat_end - in->beat_first;
    beat_measures *m = NULL;
    double *work = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&m, beats, sizeof *m, error));
    TRY_GOTO(mem_alloc(&work, beats, sizeof *work, error));
    int lead = feature_amplitude_lead(in);
    *amplitude_lead = lead;
    for (size_t b = 0; b < beats; b++) {
        intervals(in, in->beat_first + b, &m[b]);
        if (lead >= 0) amplitudes(in, lead, in->beat_first + b, &m[b]);
    }
    first_beats(m, beats, value, valid);
    statistics(m, beats, work, value, valid);
    rhythm(m, beats, value, valid);
    shares(in, m, beats, value, valid);
    if (lead >= 0) adjacent(in, lead, work, value, valid);
done:
    mem_free(work);
    mem_free(m);
    return status;
}

const feature_layout feature_layout_paper150 = {{"paper150", COUNT}, definitions, compute};
