/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/delineate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "signal/spline.h"

static const float QRS_SLOPE = 0.11F;          /* share of the steepest slope that still belongs to the complex */
static const double QRS_REACH_MS = 130.0;      /* onset and end lie within this of the middle of the complex */
static const double QRS_BRIDGE_MS = 32.0;      /* flat stretches inside a complex (notches) */
static const double ST_MS = 60.0;              /* from QRS end to the earliest T onset */
static const float MIN_T = 0.02F, MIN_P = 0.03F; /* share of the lead's QRS height below which there is no wave */
static const float MIN_WAVE_MV = 0.012F;
static const float MIN_WAVE_NOISE = 3.0F;      /* and over the roughness of the baseline */

typedef struct lead_view {
    const float *raw;
    float *fine;    /* slope at QRS scale */
    float *smooth;  /* for P and T: sd 3.2 samples = 13 ms */
    size_t n;
    float height;   /* typical QRS height */
    float noise;    /* typical roughness of `smooth` */
} lead_view;

static void qrs_marks(const lead_view *v, size_t centre, pclr_wave *qrs)
{
    size_t reach = working_ms(QRS_REACH_MS), bridge = working_ms(QRS_BRIDGE_MS);
    size_t first = centre > reach ? centre - reach : 0, last = centre + reach < v->n ? centre + reach : v->n - 1;
    float steepest = 0.0F;
    for (size_t i = first; i <= last; i++) steepest = fmaxf(steepest, fabsf(v->fine[i]));
    float limit = QRS_SLOPE * steepest;
    qrs->peak = rpeaks_position(v->raw, v->n, centre);
    size_t middle = (size_t)qrs->peak, on = middle, off = middle;
    if (middle < first || middle > last) on = off = centre;
    for (size_t i = on; i-- > first && on - i <= bridge;)
        if (fabsf(v->fine[i]) > limit) on = i;
    for (size_t i = off + 1; i <= last && i - off <= bridge; i++)
        if (fabsf(v->fine[i]) > limit) off = i;
    qrs->onset = (double)on;
    qrs->offset = (double)off;
    qrs->has = PCLR_HAS_ONSET | PCLR_HAS_PEAK | PCLR_HAS_OFFSET;
}

/* Index in (steep, far] that spans the largest trapezium with the steepest point: the end of the wave. direction +1 or -1. */
static size_t wave_end(const float *y, size_t peak, size_t far, int direction)
{
    size_t length = direction > 0 ? far - peak : peak - far, steep = 0, end = 0;
    float steepest = 0.0F, best = 0.0F;
    const float *at = y + peak;
    ptrdiff_t d = direction;
    float sign = 0.0F;
    for (size_t k = 1; k <= length; k++) sign += at[0] - at[d * (ptrdiff_t)k];
    sign = sign < 0.0F ? -1.0F : 1.0F;
    for (size_t k = 1; k + 1 <= length; k++) {
        float slope = sign * (at[d * ((ptrdiff_t)k - 1)] - at[d * ((ptrdiff_t)k + 1)]);
        if (slope > steepest) {
            steepest = slope;
            steep = k;
        }
    }
    for (size_t k = steep + 1; k <= length; k++) {
        float area = sign * (at[d * (ptrdiff_t)steep] - at[d * (ptrdiff_t)k]) * (2.0F * (float)length - (float)(k + steep) + 1.0F);
        if (area > best) {
            best = area;
            end = k;
        }
    }
    if (end == 0) end = length;
    return direction > 0 ? peak + end : peak - end;
}

/* The largest departure from the straight line between the window's ends; has 0 when it is no wave. */
static void find_wave(const lead_view *v, size_t first, size_t last, float min_share, size_t reach, pclr_wave *wave)
{
    memset(wave, 0, sizeof *wave);
    if (last < first + 8) return;
    const float *y = v->smooth;
    float from = y[first], step = (y[last] - y[first]) / (float)(last - first), largest = 0.0F;
    size_t peak = first;
    for (size_t i = first + 1; i < last; i++) {
        float departure = fabsf(y[i] - from - step * (float)(i - first));
        if (departure > largest) {
            largest = departure;
            peak = i;
        }
    }
    if (largest < fmaxf(fmaxf(min_share * v->height, MIN_WAVE_MV), MIN_WAVE_NOISE * v->noise)) return;
    size_t left = peak - first > reach ? peak - reach : first, right = last - peak > reach ? peak + reach : last;
    wave->peak = (double)peak;
    wave->onset = (double)wave_end(y, peak, left, -1);
    wave->offset = (double)wave_end(y, peak, right, +1);
    wave->has = PCLR_HAS_ONSET | PCLR_HAS_PEAK | PCLR_HAS_OFFSET;
}

static void t_marks(const lead_view *v, const pclr_beat *beat, const beat_list *beats, size_t k, pclr_wave *t)
{
    size_t end = (size_t)beat->qrs.offset, first = end + working_ms(ST_MS);
    size_t next = k + 1 < beats->count ? beats->centre[k + 1] : v->n - 1 + working_ms(80.0);
    size_t interval = k + 1 < beats->count ? next - beats->centre[k] : working_ms(900.0);
    size_t span = (size_t)(0.62 * (double)interval);
    if (span < working_ms(280.0)) span = working_ms(280.0);
    if (span > working_ms(580.0)) span = working_ms(580.0);
    size_t last = beats->centre[k] + span, limit = next - working_ms(80.0);
    if (last > limit) last = limit;
    if (last >= v->n) last = v->n - 1;
    if (first >= last) first = last;
    find_wave(v, first, last, MIN_T, working_ms(180.0), t);
}

static void p_marks(const lead_view *v, const pclr_beat *beat, const pclr_beat *before, pclr_wave *p)
{
    size_t last = (size_t)beat->qrs.onset, span = working_ms(280.0);
    last = last > 2 ? last - 2 : 0;
    size_t first = last > span ? last - span : 0;
    if (before) {
        size_t free = (size_t)(before->t.has ? before->t.offset : before->qrs.offset);
        if (free > first) first = free < last ? free : last;
    }
    find_wave(v, first, last, MIN_P, working_ms(80.0), p);
}

static float typical(float *value, size_t n)
{
    double sum = 0.0; /* the mean of roots: large outliers count little */
    for (size_t i = 0; i < n; i++) sum += sqrt((double)value[i]);
    return n ? (float)(sum / (double)n * sum / (double)n) : 0.0F;
}

/* Heights of all complexes and roughness of the signal before them. */
static void measure_lead(lead_view *v, const beat_list *beats, float *scratch)
{
    size_t reach = working_ms(80.0);
    for (size_t k = 0; k < beats->count; k++) {
        size_t first = beats->centre[k] > reach ? beats->centre[k] - reach : 0;
        size_t last = beats->centre[k] + reach < v->n ? beats->centre[k] + reach : v->n - 1;
        float low = v->raw[first], high = low;
        for (size_t i = first; i <= last; i++) {
            low = fminf(low, v->raw[i]);
            high = fmaxf(high, v->raw[i]);
        }
        scratch[k] = high - low;
    }
    v->height = typical(scratch, beats->count);
    for (size_t k = 0; k < beats->count; k++) {
        size_t last = beats->centre[k] > 2 * reach ? beats->centre[k] - reach : 0, first = last > reach ? last - reach : 0;
        float sum = 0.0F;
        for (size_t i = first; i < last; i++) sum += fabsf(v->raw[i] - v->smooth[i]);
        scratch[k] = last > first ? sum / (float)(last - first) : 0.0F;
    }
    v->noise = typical(scratch, beats->count) * 0.5F;
}

pclr_status delineate_lead(const working *w, size_t lead, const beat_list *beats, pclr_beat *beat, pclr_error *error)
{
    lead_view v = {.raw = working_lead(w, lead), .n = w->samples};
    float *scratch = NULL;
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&v.fine, v.n, sizeof(float), error));
    TRY_GOTO(mem_alloc(&v.smooth, v.n, sizeof(float), error));
    TRY_GOTO(mem_alloc(&scratch, v.n, sizeof(float), error));
    spline_smooth_levels(v.raw, v.n, 1, v.smooth, scratch);
    spline_slope(v.smooth, v.n, 1, v.fine);
    spline_smooth_levels(v.raw, v.n, 3, v.smooth, scratch);
    measure_lead(&v, beats, scratch);
    for (size_t k = 0; k < beats->count; k++) {
        qrs_marks(&v, beats->centre[k], &beat[k].qrs);
        t_marks(&v, &beat[k], beats, k, &beat[k].t);
        p_marks(&v, &beat[k], k ? &beat[k - 1] : NULL, &beat[k].p);
    }
done:
    mem_free(v.fine);
    mem_free(v.smooth);
    mem_free(scratch);
    return status;
}
