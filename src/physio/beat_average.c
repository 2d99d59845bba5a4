/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/beat_average.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { QRS_FIRST = AVERAGE_R - 25, QRS_END = AVERAGE_R + 35, QRS_STRIDE = 2, QRS_POINTS = (QRS_END - QRS_FIRST) / QRS_STRIDE };
static const float ALIKE = 0.85F;    /* correlation of a QRS with the typical one */
static const float PLAUSIBLE = 1e3F; /* mV: beyond, a sample is no measurement */

static const pclr_beat *fused(const feature_input *in, size_t b)
{
    return pclr_fiducials_beat(in->marks, PCLR_FUSED, b);
}

static bool sample_is_good(const pclr_record *r, int lead, size_t i)
{
    size_t at = (size_t)lead * r->samples + i;
    return (!r->valid || r->valid[at]) && fabsf(r->signal[at]) < PLAUSIBLE;
}

/* Mean over the 20 ms that end 6 ms before QRS onset (60 ms before R where that is unknown). */
static bool level_before_qrs(const feature_input *in, int lead, size_t b, double *level)
{
    const pclr_record *r = in->record;
    const pclr_wave *qrs = &fused(in, b)->qrs;
    double onset = (qrs->has & PCLR_HAS_ONSET) && qrs->onset < qrs->peak ? qrs->onset : qrs->peak - 0.060 * r->rate;
    double first = floor(onset - 0.026 * r->rate), end = fmax(floor(onset - 0.006 * r->rate), first + 1.0), sum = 0.0;
    if (!(first >= 0.0) || !(end < (double)r->samples)) return false;
    for (size_t i = (size_t)first; i < (size_t)end; i++) {
        if (!sample_is_good(r, lead, i)) return false;
        sum += (double)r->signal[(size_t)lead * r->samples + i];
    }
    *level = sum / (end - first);
    return true;
}

bool average_beat_window(const feature_input *in, int lead, size_t b, float *x)
{
    const pclr_record *r = in->record;
    const float *signal = r->signal + (size_t)lead * r->samples;
    double peak = fused(in, b)->qrs.peak, step = r->rate * AVERAGE_STEP_MS / 1000.0, level, other, before = 0.0, behind = 0.0;
    if (!level_before_qrs(in, lead, b, &level)) return false;
    if (b > 0 && level_before_qrs(in, lead, b - 1, &other)) before = (level - other) / fmax(peak - fused(in, b - 1)->qrs.peak, 1.0);
    if (b + 1 < in->marks->beats && level_before_qrs(in, lead, b + 1, &other))
        behind = (other - level) / fmax(fused(in, b + 1)->qrs.peak - peak, 1.0);
    for (int k = 0; k < AVERAGE_POINTS; k++) {
        double from_peak = (k - AVERAGE_R) * step, at = peak + from_peak, whole = floor(at);
        if (whole < 0.0 || whole + 1.0 >= (double)r->samples) return false;
        size_t i = (size_t)whole;
        if (!sample_is_good(r, lead, i) || !sample_is_good(r, lead, i + 1)) return false;
        double value = (double)signal[i] + (at - whole) * ((double)signal[i + 1] - (double)signal[i]);
        x[k] = (float)(value - level - from_peak * (from_peak < 0.0 ? before : behind));
    }
    return true;
}

static void choose_leads(average_beat *a, const feature_input *in)
{
    bool any = false;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) {
        int k = pclr_record_find_lead(in->record, (pclr_lead)l);
        a->source[l] = k >= 0 && in->marks->lead_quality[k] > 0.0F ? k : -1;
        any |= a->source[l] >= 0;
    }
    if (!any) a->source[PCLR_LEAD_II] = feature_amplitude_lead(in);
}

static float correlate(const float *x, const float *y, size_t n)
{
    double mx = 0.0, my = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
    for (size_t k = 0; k < n; k++) {
        mx += (double)x[k] / (double)n;
        my += (double)y[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++) {
        double u = (double)x[k] - mx, v = (double)y[k] - my;
        xx += u * u;
        yy += v * v;
        xy += u * v;
    }
    return xx > 0.0 && yy > 0.0 ? (float)(xy / sqrt(xx * yy)) : 0.0F;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Windows [chosen][leads][points] of the beats that are looked at. */
typedef struct windows {
    size_t chosen, leads;
    size_t *beat; /* [chosen] */
    float *x;
    uint8_t *good; /* [chosen][leads] */
    int slot[PCLR_LEAD_STANDARD];
} windows;

static float *window_at(const windows *w, size_t k, size_t l)
{
    return w->x + (k * w->leads + l) * AVERAGE_POINTS;
}

static pclr_status windows_make(windows *w, const average_beat *a, const feature_input *in, pclr_error *error)
{
    memset(w, 0, sizeof *w);
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++)
        if (a->source[l] >= 0) w->slot[w->leads++] = l;
    w->chosen = a->beats < AVERAGE_BEATS_MAX ? a->beats : AVERAGE_BEATS_MAX;
    TRY(mem_alloc(&w->beat, w->chosen, sizeof *w->beat, error));
    TRY(mem_alloc(&w->x, w->chosen * w->leads * AVERAGE_POINTS, sizeof *w->x, error));
    TRY(mem_alloc(&w->good, w->chosen * w->leads, 1, error));
    for (size_t k = 0; k < w->chosen; k++) {
        w->beat[k] = k * a->beats / w->chosen;
        for (size_t l = 0; l < w->leads; l++)
            w->good[k * w->leads + l] = average_beat_window(in, a->source[w->slot[l]], in->beat_first + w->beat[k], window_at(w, k, l));
    }
    return PCLR_OK;
}

static void windows_free(windows *w)
{
    mem_release(&w->beat);
    mem_release(&w->x);
    mem_release(&w->good);
}

/* The typical QRS of a lead: median over at most 15 beats, point by point. */
static bool typical_qrs(const windows *w, size_t l, float *typical)
{
    enum { MOST = 15 };
    float column[MOST];
    size_t from[MOST], n = 0, step = w->chosen / MOST + 1;
    for (size_t k = 0; k < w->chosen && n < MOST; k += step)
        if (w->good[k * w->leads + l]) from[n++] = k;
    if (n == 0) return false;
    for (size_t p = 0; p < QRS_POINTS; p++) {
        for (size_t j = 0; j < n; j++) column[j] = window_at(w, from[j], l)[QRS_FIRST + p * QRS_STRIDE];
        qsort(column, n, sizeof *column, compare_floats);
        typical[p] = column[n / 2];
    }
    return true;
}

/* Mean correlation over the leads, weighted by the size of the typical QRS. */
static pclr_status compare_beats(average_beat *a, const windows *w, pclr_error *error)
{
    float *weight = NULL, typical[QRS_POINTS], own[QRS_POINTS];
    TRY(mem_alloc(&weight, a->beats, sizeof *weight, error));
    for (size_t l = 0; l < w->leads; l++) {
        float size = 0.0F;
        if (!typical_qrs(w, l, typical)) continue;
        for (size_t p = 0; p < QRS_POINTS; p++) size = fmaxf(size, fabsf(typical[p]));
        for (size_t k = 0; k < w->chosen; k++) {
            if (!w->good[k * w->leads + l]) continue;
            for (size_t p = 0; p < QRS_POINTS; p++) own[p] = window_at(w, k, l)[QRS_FIRST + p * QRS_STRIDE];
            a->correlation[w->beat[k]] += size * correlate(own, typical, QRS_POINTS);
            weight[w->beat[k]] += size;
        }
    }
    for (size_t b = 0; b < a->beats; b++)
        if (weight[b] > 0.0F) a->correlation[b] /= weight[b];
    mem_free(weight);
    return PCLR_OK;
}

static void average_lead(average_beat *a, const windows *w, size_t l)
{
    int slot = w->slot[l];
    size_t n = 0;
    double square = 0.0;
    float *mean = a->x[slot];
    for (size_t k = 0; k < w->chosen; k++) {
        if (!w->good[k * w->leads + l] || a->correlation[w->beat[k]] < ALIKE) continue;
        const float *x = window_at(w, k, l);
        for (int p = 0; p < AVERAGE_POINTS; p++) mean[p] += x[p];
        n++;
    }
    if (n == 0) return;
    for (int p = 0; p < AVERAGE_POINTS; p++) mean[p] /= (float)n;
    a->has[slot] = true;
    int end = a->mark.qrs_onset - 3, first = end - 50 > 0 ? end - 50 : 0; /* the 200 ms in which a P wave stands */
    double sum = 0.0;
    for (size_t k = 0; k < w->chosen; k++) {
        if (!w->good[k * w->leads + l] || a->correlation[w->beat[k]] < ALIKE) continue;
        const float *x = window_at(w, k, l);
        sum += (double)correlate(x + first, mean + first, (size_t)(end - first));
        for (int p = first; p < end; p++) square += (double)(x[p] - mean[p]) * (double)(x[p] - mean[p]) / (double)(end - first);
    }
    a->p_correlation[slot] = n > 1 ? (float)(sum / (double)n) : -2.0F;
    a->noise[slot] = (float)sqrt(square / (double)n);
}

/* Median of one mark relative to R over the beats that are alike; -1 when fewer than half of them have it. */
static int median_mark(const average_beat *a, const feature_input *in, float *work, int wave, int point)
{
    size_t n = 0, alike = 0;
    for (size_t b = 0; b < a->beats; b++) {
        const pclr_beat *beat = fused(in, in->beat_first + b);
        const pclr_wave *w = wave == 0 ? &beat->p : wave == 1 ? &beat->qrs : &beat->t;
        if (a->correlation[b] < ALIKE) continue;
        alike++;
        double at = point == PCLR_HAS_ONSET ? w->onset : point == PCLR_HAS_PEAK ? w->peak : w->offset;
        if (w->has & point) work[n++] = (float)((at - beat->qrs.peak) / in->record->rate * 1000.0 / AVERAGE_STEP_MS);
    }
    if (n == 0 || 2 * n < alike) return -1;
    qsort(work, n, sizeof *work, compare_floats);
    float position = roundf(work[n / 2]) + (float)AVERAGE_R;
    return position >= 0.0F && position < (float)AVERAGE_POINTS ? (int)position : -1;
}

static int within(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void find_marks(average_beat *a, const feature_input *in, float *work)
{
    average_marks *m = &a->mark;
    m->p_onset = median_mark(a, in, work, 0, PCLR_HAS_ONSET);
    m->p_offset = median_mark(a, in, work, 0, PCLR_HAS_OFFSET);
    m->qrs_onset = median_mark(a, in, work, 1, PCLR_HAS_ONSET);
    m->qrs_offset = median_mark(a, in, work, 1, PCLR_HAS_OFFSET);
    m->t_onset = median_mark(a, in, work, 2, PCLR_HAS_ONSET);
    m->t_peak = median_mark(a, in, work, 2, PCLR_HAS_PEAK);
    m->t_offset = median_mark(a, in, work, 2, PCLR_HAS_OFFSET);
    if (m->qrs_onset < 0) m->qrs_onset = AVERAGE_R - 12;
    if (m->qrs_offset < 0) m->qrs_offset = AVERAGE_R + 14;
    m->qrs_onset = within(m->qrs_onset, AVERAGE_R - 40, AVERAGE_R - 2); /* the average has no use for a stray mark */
    m->qrs_offset = within(m->qrs_offset, AVERAGE_R + 2, AVERAGE_R + 50);
    if (m->p_offset >= m->qrs_onset) m->p_offset = m->qrs_onset - 1;
    if (m->p_onset >= m->p_offset) m->p_onset = m->p_offset = -1;
    if (m->t_offset <= m->qrs_offset + 10) m->t_onset = m->t_peak = m->t_offset = -1;
}

pclr_status average_beat_make(average_beat *a, const feature_input *in, pclr_error *error)
{
    windows w = {0};
    float *work = NULL;
    pclr_status status;
    memset(a, 0, sizeof *a);
    a->beats = in->beat_end - in->beat_first;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) a->p_correlation[l] = -2.0F;
    choose_leads(a, in);
    TRY_GOTO(mem_alloc(&a->correlation, a->beats, sizeof *a->correlation, error));
    TRY_GOTO(mem_alloc(&work, a->beats, sizeof *work, error));
    TRY_GOTO(windows_make(&w, a, in, error));
    TRY_GOTO(compare_beats(a, &w, error));
    for (size_t b = 0; b < a->beats; b++) a->alike += a->correlation[b] >= ALIKE;
    if (a->alike == 0) goto done;
    find_marks(a, in, work);
    for (size_t l = 0; l < w.leads; l++) average_lead(a, &w, l);
done:
    windows_free(&w);
    mem_free(work);
    if (status != PCLR_OK) average_beat_free(a);
    return status;
}

void average_beat_free(average_beat *a)
{
    mem_release(&a->correlation);
}
