/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/lead_measures.h"

#include <math.h>

/* First points of highest and lowest level in [first, last]. */
static void extremes(const float *x, int first, int last, int *high, int *low)
{
    *high = *low = first;
    for (int k = first; k <= last; k++) {
        if (x[k] > x[*high]) *high = k;
        if (x[k] < x[*low]) *low = k;
    }
}

double lead_area(const float *x, int first, int last)
{
    double sum = 0.0;
    for (int k = first; k <= last; k++) sum += (double)x[k];
    return sum * AVERAGE_STEP_MS;
}

/* Turning points between first and last that differ from the one before by at least `least`. */
static int count_turns(const float *x, int first, int last, float least)
{
    int turns = 0, direction = 0;
    float extreme = x[first];
    for (int k = first + 1; k <= last; k++) {
        if (direction >= 0 && x[k] > extreme) extreme = x[k];
        if (direction <= 0 && x[k] < extreme) extreme = x[k];
        if (direction >= 0 && x[k] < extreme - least) {
            turns += direction > 0;
            direction = -1;
            extreme = x[k];
        } else if (direction <= 0 && x[k] > extreme + least) {
            turns += direction < 0;
            direction = 1;
            extreme = x[k];
        }
    }
    return turns;
}

/* Q before R, S behind it, a second R behind S. Without a positive wave the whole complex is a Q (QS). */
static complex_shape read_complex(const float *x, int onset, int end)
{
    const float SMALL = 0.03F; /* mV */
    complex_shape c = {0};
    int r, q, s, r2, unused;
    extremes(x, onset, end, &r, &unused);
    c.r_at = r;
    extremes(x, onset, r, &unused, &q);
    extremes(x, r, end, &unused, &s);
    extremes(x, s, end, &r2, &unused);
    if (x[r] < SMALL) q = s;
    c.r = fmax((double)x[r], 0.0);
    c.q = x[q] < -SMALL ? (double)-x[q] : 0.0;
    if (x[r] >= SMALL && x[s] < -SMALL) c.s = (double)-x[s];
    if (c.s > 0.0 && x[r2] > SMALL && r2 > s) c.r2 = (double)x[r2];
    for (int k = onset; k <= end && c.q > 0.0; k++)
        if (x[k] < -0.5F * SMALL && (k <= r || x[r] < SMALL)) c.q_duration += AVERAGE_STEP_MS;
    return c;
}

static void read_t(const average_beat *a, int lead, double span, const measures *m)
{
    const float *x = a->x[lead];
    int high, low, first = a->mark.t_onset > a->mark.qrs_offset ? a->mark.t_onset : a->mark.qrs_offset + 15, last = a->mark.t_offset;
    if (last < 0) { /* no mark: where T stands as a rule */
        first = a->mark.qrs_offset + 20;
        last = a->mark.qrs_offset + 80;
    }
    if (last > AVERAGE_POINTS - 1) last = AVERAGE_POINTS - 1;
    if (first >= last) return;
    extremes(x, first, last, &high, &low);
    bool up = x[high] >= -x[low];
    double t = (double)(up ? x[high] : x[low]), other = (double)(up ? fminf(x[low], 0.0F) : fmaxf(x[high], 0.0F));
    measures_put(m, LEAD_T * PCLR_LEAD_STANDARD + lead, t);
    measures_put(m, LEAD_T_OTHER * PCLR_LEAD_STANDARD + lead, other);
    measures_put(m, LEAD_T_AREA * PCLR_LEAD_STANDARD + lead, lead_area(x, first, last));
    if (span > 0.02) measures_put(m, LEAD_T_TO_R * PCLR_LEAD_STANDARD + lead, t / span);
}

void lead_p_region(const average_marks *m, int *first, int *last)
{
    bool known = m->p_onset >= 0 && m->p_offset > m->p_onset;
    *first = known ? m->p_onset : m->qrs_onset - 50;
    *last = known ? m->p_offset : m->qrs_onset - 10;
    if (*first < 0) *first = 0;
    if (*last <= *first) *last = *first + 1;
}

complex_shape lead_measures(const average_beat *a, int lead, const measures *m)
{
    const float *x = a->x[lead];
    const average_marks *mark = &a->mark;
    int high, low, first, last, j = mark->qrs_offset;
    complex_shape c = read_complex(x, mark->qrs_onset, j);
    extremes(x, mark->qrs_onset, j, &high, &low);
    double span = (double)x[high] - (double)x[low];
    const double value[] = {c.q,
                            c.q_duration,
                            c.r,
                            c.s,
                            c.r2,
                            lead_area(x, mark->qrs_onset, j),
                            span,
                            count_turns(x, mark->qrs_onset, j, fmaxf(0.06F * (float)span, 0.02F)),
                            (c.r_at - mark->qrs_onset) * AVERAGE_STEP_MS,
                            (double)x[j],
                            (double)x[j + 15],
                            ((double)x[j + 20] - (double)x[j + 5]) / 0.060};
    for (int k = 0; k < LEAD_T; k++) measures_put(m, k * PCLR_LEAD_STANDARD + lead, value[k]);
    read_t(a, lead, span, m);
    lead_p_region(mark, &first, &last);
    extremes(x, first, last, &high, &low);
    measures_put(m, LEAD_P_MAX * PCLR_LEAD_STANDARD + lead, (double)x[high]);
    measures_put(m, LEAD_P_MIN * PCLR_LEAD_STANDARD + lead, (double)x[low]);
    return c;
}
