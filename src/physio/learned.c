/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/learned.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "physio/window.h"
#include "signal/extremes.h"
#include "signal/vector.h"

enum {
    HALF = 15, /* samples to either side that a point network sees */
    SPAN = 2 * HALF + 1,
    POINT_INPUTS = 2 * SPAN + 2 + POINTS + 2 + 1,
    ROUNDS = 2 /* of moving the points */
};
/* Spacing of what a point network sees, in working samples: +-120 ms for P, +-60 ms for QRS, +-180 ms for T. */
static const int STEP[POINTS] = {2, 2, 2, 1, 1, 3, 3, 3};
static const float REACH = 120.0F, REACH_AFTER = 190.0F; /* points stay within this of the centre of the beat */
static const float MIN_SHARE = 0.04F;                    /* of the lead's QRS height, below which a beat is not seen in the lead */

typedef struct learner {
    network beat, presence, point[POINTS];
    window_source source;
    bool plain;
} learner;

static void learner_free(learner *l)
{
    network_free(&l->beat);
    network_free(&l->presence);
    for (size_t p = 0; p < POINTS; p++) network_free(&l->point[p]);
    window_source_free(&l->source);
}

static pclr_status learner_create(learner *l, const working *w, const beat_list *beats, bool plain, pclr_error *error)
{
    memset(l, 0, sizeof *l);
    l->plain = plain;
    TRY(network_create(&l->beat, delineator_beat, error));
    TRY(network_create(&l->presence, delineator_presence, error));
    for (size_t p = 0; p < POINTS; p++) TRY(network_create(&l->point[p], delineator_point[p], error));
    return window_source_create(&l->source, w, beats, error);
}

/* What one beat in one lead is known to be: points relative to the centre, and whether P and T are there. */
typedef struct estimate {
    float point[POINTS];
    bool p, t;
} estimate;

static float limited(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static inline void cut_each(const float *x, int step, float *restrict out)
{
    for (ptrdiff_t j = 0; j < SPAN; j++) out[j] = x[j * step];
}

/* SPAN samples of x around `at`, and a 0 that fills up the last vector. */
static void cut_span(const float *x, size_t n, ptrdiff_t at, int step, float *restrict out)
{
    ptrdiff_t first = at - HALF * step, last = at + HALF * step;
    out[SPAN] = 0.0F;
    if (first >= 0 && (size_t)last < n) {
        if (step == 1) memcpy(out, x + first, SPAN * sizeof *out);
        if (step == 2) cut_each(x + first, 2, out); /* constants, so that the compiler can unroll */
        if (step == 3) cut_each(x + first, 3, out);
        return;
    }
    for (ptrdiff_t j = 0; j < SPAN; j++) {
        ptrdiff_t i = first + j * step;
        out[j] = x[i < 0 ? 0 : (size_t)i >= n ? n - 1 : (size_t)i];
    }
}

typedef int32_t vector_mask __attribute__((vector_size(32)));
typedef union span {
    float value[SPAN + 1]; /* the last one only fills up */
    vector part[(SPAN + 1) / VECTOR_FLOATS];
} span;

static inline float sum_of(const vector *v)
{
    return (((*v)[0] + (*v)[4]) + ((*v)[2] + (*v)[6])) + (((*v)[1] + (*v)[5]) + ((*v)[3] + (*v)[7]));
}

static inline void limit(vector *x, float low, float high)
{
    const vector none = {0}, lowest = none + low, highest = none + high;
    vector_mask under = *x<lowest, over = *x> highest;
    *x = (vector)(((vector_mask)lowest & under) | ((vector_mask)highest & over) | ((vector_mask)*x & ~(under | over)));
}

/* What the networks see around `rows` points. own: in, the lead; out, its deviations from its mean in standard deviations. pool: in, the
 * slopes of all leads; out, shares of their mean, less 1. Sums run over the parts of a vector, so that every processor rounds alike; the
 * rows go step by step together, since each waits long for its sums. */
VECTOR_CLONES static void normalise_spans(span *restrict own, span *restrict pool, size_t rows, const float *restrict scale,
                                          float *restrict deviation, float *restrict level)
{
    enum { PARTS = (SPAN + 1) / VECTOR_FLOATS };
    float mean[NETWORK_ROWS];
    for (size_t r = 0; r < rows; r++) {
        vector sum = {0}, pool_sum = {0};
        for (size_t k = 0; k < PARTS; k++) {
            own[r].part[k] *= scale[r];
            sum += own[r].part[k];
            pool_sum += pool[r].part[k];
        }
        mean[r] = sum_of(&sum) / SPAN;
        level[r] = sum_of(&pool_sum) / SPAN + 0.002F;
        own[r].value[SPAN] = mean[r];
    }
    for (size_t r = 0; r < rows; r++) {
        vector square = {0};
        for (size_t k = 0; k < PARTS; k++) {
            vector from_mean = own[r].part[k] - mean[r];
            square += from_mean * from_mean;
        }
        deviation[r] = sqrtf(sum_of(&square) / (SPAN - 1)) + 0.01F;
    }
    for (size_t r = 0; r < rows; r++) {
        float per_deviation = 1.0F / deviation[r], per_level = 1.0F / level[r];
        for (size_t k = 0; k < PARTS; k++) {
            own[r].part[k] = (own[r].part[k] - mean[r]) * per_deviation;
            limit(&own[r].part[k], -4.0F, 4.0F);
            pool[r].part[k] *= per_level;
            limit(&pool[r].part[k], 0.0F, 4.0F);
            pool[r].part[k] -= 1.0F;
        }
    }
}

/* Beats worked on at once, of one lead or of several: the networks take as long for one as for NETWORK_ROWS. */
typedef struct batch {
    size_t rows, lead[NETWORK_ROWS], beat[NETWORK_ROWS];
    float input[NETWORK_ROWS * WINDOW_INPUTS], presence[NETWORK_ROWS * WINDOW_PRESENCE];
} batch;

/* input[rows][POINT_INPUTS] of the network of point p, from where the points stand. */
static void point_inputs(const window_source *s, const batch *b, const estimate *e, size_t p, float *input)
{
    const working *w = s->w;
    bool qrs = p == POINT_QRS_ONSET || p == POINT_QRS_OFFSET;
    size_t n = w->samples;
    span own[NETWORK_ROWS], pool[NETWORK_ROWS];
    float nearest[NETWORK_ROWS], scale[NETWORK_ROWS], deviation[NETWORK_ROWS], level[NETWORK_ROWS];
    for (size_t r = 0; r < b->rows; r++) {
        nearest[r] = nearbyintf(e[r].point[p]);
        ptrdiff_t at = (ptrdiff_t)s->beats->centre[b->beat[r]] + (ptrdiff_t)nearest[r];
        cut_span(qrs ? working_lead(w, b->lead[r]) : s->smooth + b->lead[r] * n, n, at, STEP[p], own[r].value);
        cut_span(qrs ? s->fine : s->coarse, n, at, STEP[p], pool[r].value);
        scale[r] = 1.0F / s->height[b->lead[r]];
    }
    normalise_spans(own, pool, b->rows, scale, deviation, level);
    for (size_t r = 0; r < b->rows; r++, input += POINT_INPUTS) {
        const float *intervals = b->input + (r + 1) * WINDOW_INPUTS - WINDOW_SCALARS;
        memcpy(input, own[r].value, SPAN * sizeof *input);
        memcpy(input + SPAN, pool[r].value, SPAN * sizeof *input);
        float *rest = input + 2 * SPAN;
        *rest++ = deviation[r] / (deviation[r] + 0.1F);
        *rest++ = level[r] / (level[r] + 0.02F);
        for (size_t q = 0; q < POINTS; q++) *rest++ = (e[r].point[q] - e[r].point[p]) / delineator_spread[q] / 3.0F;
        *rest++ = intervals[0];
        *rest++ = intervals[1];
        *rest = e[r].point[p] - nearest[r];
    }
}

/* Top of the parabola through the best score and its two neighbours; near it the logarithm of a normal density is one. */
static float best_place(const delineator_grid *grid, const float *score)
{
    size_t best = 1;
    for (size_t k = 2; k + 1 < grid->count; k++) best = score[k] > score[best] ? k : best;
    float left = score[best - 1], right = score[best + 1], curvature = fminf(left - 2.0F * score[best] + right, -1e-6F);
    float shift = limited(0.5F * (left - right) / curvature, -0.5F, 0.5F);
    return (float)grid->first + (float)PLACE_STEP * ((float)best + shift);
}

static void first_estimates(const learner *l, const batch *b, estimate *e)
{
    float output[NETWORK_ROWS * NETWORK_WIDEST], present[NETWORK_ROWS];
    size_t outputs = delineator_beat[NETWORK_LAYERS - 1].outputs;
    network_apply(&l->beat, b->input, b->rows, output, l->plain);
    network_apply(&l->presence, b->presence, b->rows, present, l->plain);
    for (size_t r = 0; r < b->rows; r++) {
        const float *score = output + r * outputs;
        for (size_t p = 0; p < POINTS; score += delineator_place[p++].count) e[r].point[p] = best_place(&delineator_place[p], score);
        e[r].p = present[r] > 0.0F;
        e[r].t = score[1] > 0.0F;
    }
}

/* All points move at once, each by what its network sees from where the points stood. */
static void move_points(const learner *l, const batch *b, estimate *e)
{
    estimate moved[NETWORK_ROWS];
    float local[NETWORK_ROWS * POINT_INPUTS], shift[NETWORK_ROWS];
    memcpy(moved, e, b->rows * sizeof *e);
    for (size_t p = 0; p < POINTS; p++) {
        point_inputs(&l->source, b, e, p, local);
        network_apply(&l->point[p], local, b->rows, shift, l->plain);
        for (size_t r = 0; r < b->rows; r++)
            moved[r].point[p] = limited(e[r].point[p] + shift[r] * delineator_spread[p], -REACH, REACH_AFTER);
    }
    memcpy(e, moved, b->rows * sizeof *e);
}

/* ---- from estimates to marks ------------------------------------------------------------------------------ */

static void set_wave(pclr_wave *wave, double centre, const float point[3], double lowest, double highest)
{
    wave->onset = fmin(fmax(centre + (double)point[0], lowest), highest);
    wave->peak = fmin(fmax(centre + (double)point[1], wave->onset), highest);
    wave->offset = fmin(fmax(centre + (double)point[2], wave->peak), highest);
    wave->has = PCLR_HAS_ONSET | PCLR_HAS_PEAK | PCLR_HAS_OFFSET;
}

/* Whether the lead shows this beat at all: a loose electrode does not. */
static bool beat_seen(const window_source *s, size_t lead, size_t centre)
{
    const float *x = working_lead(s->w, lead);
    size_t reach = working_ms(80.0), first = centre > reach ? centre - reach : 0;
    size_t last = centre + reach < s->w->samples ? centre + reach : s->w->samples - 1;
    float low, high;
    extremes(x + first, last - first + 1, &low, &high);
    return high - low > MIN_SHARE * s->height[lead];
}

/* R near the centre; within the complex where that lies outside it: a wide complex has its centre far from its peak. */
static double r_position(const float *x, size_t n, size_t centre, double onset, double offset)
{
    const double MARGIN = 5.0; /* working samples: 20 ms, the level around the complex */
    double r = rpeaks_position(x, n, centre);
    if (r >= onset - MARGIN && r <= offset + MARGIN) return r;
    size_t first = (size_t)fmax(onset - MARGIN, 0.0), last = (size_t)fmin(offset + MARGIN, (double)(n - 1));
    return rpeaks_position_within(x, n, first, last);
}

static void set_beat(const window_source *s, size_t lead, size_t k, const estimate *e, pclr_beat *beat)
{
    size_t n = s->w->samples, at = s->beats->centre[k];
    double centre = (double)at, end = (double)(n - 1);
    memset(beat, 0, sizeof *beat);
    if (!beat_seen(s, lead, at)) return;
    double onset = fmin(fmax(centre + (double)e->point[POINT_QRS_ONSET], 0.0), end);
    double offset = fmin(fmax(centre + (double)e->point[POINT_QRS_OFFSET], onset), end);
    double r = r_position(working_lead(s->w, lead), n, at, onset, offset);
    beat->qrs.onset = fmin(onset, r);
    beat->qrs.peak = r;
    beat->qrs.offset = fmax(offset, r);
    beat->qrs.has = PCLR_HAS_ONSET | PCLR_HAS_PEAK | PCLR_HAS_OFFSET;
    /* A wave whose peak lies outside the recording was not recorded. */
    if (e->p && centre + (double)e->point[POINT_P_PEAK] >= 0.0) set_wave(&beat->p, centre, e->point + POINT_P_ONSET, 0.0, beat->qrs.onset);
    if (e->t && centre + (double)e->point[POINT_T_PEAK] <= end) set_wave(&beat->t, centre, e->point + POINT_T_ONSET, beat->qrs.offset, end);
}

/* beat[leads][beats] */
static void delineate_batch(const learner *l, batch *b, pclr_beat *beat)
{
    estimate e[NETWORK_ROWS];
    first_estimates(l, b, e);
    for (int round = 0; round < ROUNDS; round++) move_points(l, b, e);
    for (size_t r = 0; r < b->rows; r++)
        set_beat(&l->source, b->lead[r], b->beat[r], &e[r], &beat[b->lead[r] * l->source.beats->count + b->beat[r]]);
    b->rows = 0;
}

pclr_status learned_delineate(const working *w, const beat_list *beats, bool plain, pclr_beat *beat, pclr_error *error)
{
    learner l;
    batch b = {0};
    pclr_status status = learner_create(&l, w, beats, plain, error);
    for (size_t lead = 0; status == PCLR_OK && lead < w->leads; lead++) {
        if (w->quality[lead] <= 0.0F) continue;
        window_lead(&l.source, lead);
        for (size_t k = 0; k < beats->count; k++) {
            float *input = b.input + b.rows * WINDOW_INPUTS;
            b.lead[b.rows] = lead;
            b.beat[b.rows] = k;
            window_fill(&l.source, k, input);
            window_presence(&l.source, k, input, b.presence + b.rows * WINDOW_PRESENCE);
            if (++b.rows == NETWORK_ROWS) delineate_batch(&l, &b, beat);
        }
    }
    if (b.rows > 0) delineate_batch(&l, &b, beat);
    learner_free(&l);
    return status;
}
