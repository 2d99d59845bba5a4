/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/global_measures.h"

#include <math.h>

#include "base/memory.h"

static double lead_value(const global_input *g, int measure, pclr_lead lead)
{
    return (double)g->lead_value[measure * PCLR_LEAD_STANDARD + (int)lead];
}

/* Frontal axis in radians from a measure of I and aVF (aVF is weaker by sqrt(3)/2); false: no amplitude. */
static bool frontal_axis(double lead_i, double avf, double *axis)
{
    *axis = atan2(avf * 2.0 / sqrt(3.0), lead_i);
    return hypot(lead_i, avf) > 1e-3;
}

static void axes(const global_input *g, const measures *m)
{
    const average_beat *a = g->average;
    const average_marks *mark = &a->mark;
    double qrs, t, p;
    int first, last;
    if (!a->has[PCLR_LEAD_I] || !a->has[PCLR_LEAD_AVF]) return;
    const float *one = a->x[PCLR_LEAD_I], *avf = a->x[PCLR_LEAD_AVF];
    bool has_qrs = frontal_axis(lead_area(one, mark->qrs_onset, mark->qrs_offset), lead_area(avf, mark->qrs_onset, mark->qrs_offset), &qrs);
    bool has_t = frontal_axis(lead_value(g, LEAD_T_AREA, PCLR_LEAD_I), lead_value(g, LEAD_T_AREA, PCLR_LEAD_AVF), &t);
    lead_p_region(mark, &first, &last);
    if (has_qrs) {
        measures_put(m, GLOBAL_QRS_AXIS, qrs * 180.0 / M_PI);
        measures_put(m, GLOBAL_QRS_AXIS_SIN, sin(qrs));
        measures_put(m, GLOBAL_QRS_AXIS_COS, cos(qrs));
    }
    if (has_t) {
        measures_put(m, GLOBAL_T_AXIS_SIN, sin(t));
        measures_put(m, GLOBAL_T_AXIS_COS, cos(t));
    }
    if (has_qrs && has_t) measures_put(m, GLOBAL_QRS_T_ANGLE, acos(cos(qrs - t)) * 180.0 / M_PI);
    if (mark->p_onset >= 0 && frontal_axis(lead_area(one, first, last), lead_area(avf, first, last), &p)) {
        measures_put(m, GLOBAL_P_AXIS_SIN, sin(p));
        measures_put(m, GLOBAL_P_AXIS_COS, cos(p));
    }
}

static bool has_all(const average_beat *a, uint32_t leads)
{
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++)
        if ((leads >> l & 1U) && !a->has[l]) return false;
    return true;
}

#define BIT(lead) (1U << (lead))
#define CHEST (63U << PCLR_LEAD_V1)

/* Depth of S, or of the whole complex where it is a QS. */
static double s_depth(const complex_shape *c)
{
    return c->s > 0.0 ? c->s : c->r < 0.05 ? c->q : 0.0;
}

static void voltages(const global_input *g, const measures *m)
{
    const average_beat *a = g->average;
    const complex_shape *c = g->shape;
    double limb = 0.0, chest = 0.0, deepest = 0.0;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) {
        if (!a->has[l]) continue;
        double span = lead_value(g, LEAD_QRS_SPAN, (pclr_lead)l);
        if (l < PCLR_LEAD_V1)
            limb = fmax(limb, span);
        else
            chest = fmax(chest, span);
        deepest = fmax(deepest, s_depth(&c[l]));
    }
    if (limb > 0.0) measures_put(m, GLOBAL_LIMB_SPAN, limb);
    if (chest > 0.0) measures_put(m, GLOBAL_CHEST_SPAN, chest);
    if (has_all(a, BIT(PCLR_LEAD_V1) | BIT(PCLR_LEAD_V5) | BIT(PCLR_LEAD_V6)))
        measures_put(m, GLOBAL_SOKOLOW, s_depth(&c[PCLR_LEAD_V1]) + fmax(c[PCLR_LEAD_V5].r, c[PCLR_LEAD_V6].r));
    if (has_all(a, BIT(PCLR_LEAD_AVL) | BIT(PCLR_LEAD_V3))) {
        double cornell = c[PCLR_LEAD_AVL].r + s_depth(&c[PCLR_LEAD_V3]);
        measures_put(m, GLOBAL_CORNELL, cornell);
        measures_put(m, GLOBAL_CORNELL_PRODUCT, cornell * (a->mark.qrs_offset - a->mark.qrs_onset) * AVERAGE_STEP_MS);
    }
    if (has_all(a, BIT(PCLR_LEAD_I) | BIT(PCLR_LEAD_III)))
        measures_put(m, GLOBAL_LEWIS, c[PCLR_LEAD_I].r + s_depth(&c[PCLR_LEAD_III]) - c[PCLR_LEAD_III].r - s_depth(&c[PCLR_LEAD_I]));
    if (has_all(a, CHEST)) measures_put(m, GLOBAL_PEGUERO, deepest + s_depth(&c[PCLR_LEAD_V4]));
}

static void progression(const global_input *g, const measures *m)
{
    const average_beat *a = g->average;
    const complex_shape *c = g->shape;
    if (has_all(a, BIT(PCLR_LEAD_V1))) {
        double r = c[PCLR_LEAD_V1].r, s = s_depth(&c[PCLR_LEAD_V1]);
        if (r + s > 0.0) measures_put(m, GLOBAL_R_SHARE_V1, r / (r + s));
    }
    if (!has_all(a, CHEST)) return;
    double before = 0.0, transition = 7.0;
    for (int v = 0; v < 6 && transition > 6.5; v++) {
        double excess = c[PCLR_LEAD_V1 + v].r - s_depth(&c[PCLR_LEAD_V1 + v]);
        if (excess > 0.0) transition = v == 0 ? 1.0 : v + 1 - excess / (excess - before);
        before = excess;
    }
    measures_put(m, GLOBAL_TRANSITION, transition);
    measures_put(m, GLOBAL_R_PROGRESSION, c[PCLR_LEAD_V3].r - c[PCLR_LEAD_V1].r);
}

/* Morris: depth times duration of the negative end of P in V1. */
static void terminal_force(const average_beat *a, const measures *m)
{
    const average_marks *mark = &a->mark;
    if (!a->has[PCLR_LEAD_V1] || mark->p_onset < 0) return;
    const float *x = a->x[PCLR_LEAD_V1];
    double depth = 0.0, duration = 0.0;
    float level = x[mark->p_onset];
    for (int k = (mark->p_onset + mark->p_offset) / 2; k <= mark->p_offset; k++) {
        if (x[k] >= level) continue;
        depth = fmax(depth, (double)(level - x[k]));
        duration += AVERAGE_STEP_MS;
    }
    measures_put(m, GLOBAL_TERMINAL_FORCE, depth * duration);
}

static void count_leads(const global_input *g, const measures *m)
{
    const average_beat *a = g->average;
    const complex_shape *c = g->shape;
    const uint32_t NO_Q = BIT(PCLR_LEAD_AVR) | BIT(PCLR_LEAD_V1), NO_T = NO_Q | BIT(PCLR_LEAD_III);
    double q = 0.0, up = 0.0, down = 0.0, inverted = 0.0;
    bool any = false;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) {
        if (!a->has[l]) continue;
        any = true;
        double st = lead_value(g, LEAD_ST60, (pclr_lead)l);
        q += !(NO_Q >> l & 1U) && c[l].q >= 0.1 && (c[l].q_duration >= 40.0 || c[l].q >= 0.25 * c[l].r);
        up += st >= 0.1;
        down += l != PCLR_LEAD_AVR && st <= -0.05;
        inverted += !(NO_T >> l & 1U) && lead_value(g, LEAD_T, (pclr_lead)l) <= -0.1;
    }
    if (!any) return;
    measures_put(m, GLOBAL_Q_LEADS, q);
    measures_put(m, GLOBAL_ST_UP_LEADS, up);
    measures_put(m, GLOBAL_ST_DOWN_LEADS, down);
    measures_put(m, GLOBAL_T_INVERTED_LEADS, inverted);
}

static void p_and_noise(const average_beat *a, const measures *m)
{
    double sum = 0.0, best = -1.0, noise = 0.0, n = 0.0, leads = 0.0;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) {
        if (!a->has[l]) continue;
        noise += (double)a->noise[l];
        leads += 1.0;
        if (a->p_correlation[l] < -1.5F) continue;
        sum += (double)a->p_correlation[l];
        best = fmax(best, (double)a->p_correlation[l]);
        n += 1.0;
    }
    if (leads > 0.0) measures_put(m, GLOBAL_NOISE, noise / leads);
    if (n == 0.0) return;
    measures_put(m, GLOBAL_P_CORRELATION, sum / n);
    measures_put(m, GLOBAL_P_CORRELATION_BEST, best);
}

static pclr_status intervals(const global_input *g, const measures *m, pclr_error *error)
{
    const feature_input *in = g->in;
    const average_beat *a = g->average;
    const average_marks *mark = &a->mark;
    double *pr = NULL, four[4], present = 0.0;
    size_t n = 0;
    TRY(mem_alloc(&pr, a->beats, sizeof *pr, error));
    for (size_t b = in->beat_first; b < in->beat_end; b++) {
        const pclr_beat *beat = pclr_fiducials_beat(in->marks, PCLR_FUSED, b);
        present += beat->p.has != 0;
        if ((beat->p.has & PCLR_HAS_ONSET) && (beat->qrs.has & PCLR_HAS_ONSET))
            pr[n++] = (beat->qrs.onset - beat->p.onset) * 1000.0 / in->record->rate;
    }
    measures_put(m, GLOBAL_P_PRESENT, 100.0 * present / (double)a->beats);
    if (n > 0) {
        feature_statistics(pr, n, four);
        measures_put(m, GLOBAL_PR, four[2]);
        measures_put(m, GLOBAL_PR_SD, four[1]);
    }
    mem_free(pr);
    if (mark->p_onset >= 0) measures_put(m, GLOBAL_P_DURATION, (mark->p_offset - mark->p_onset) * AVERAGE_STEP_MS);
    measures_put(m, GLOBAL_QRS, (mark->qrs_offset - mark->qrs_onset) * AVERAGE_STEP_MS);
    if (mark->t_offset < 0) return PCLR_OK;
    double qt = (mark->t_offset - mark->qrs_onset) * AVERAGE_STEP_MS;
    measures_put(m, GLOBAL_QT, qt);
    if (mark->t_peak >= 0) measures_put(m, GLOBAL_T_PEAK_END, (mark->t_offset - mark->t_peak) * AVERAGE_STEP_MS);
    if (g->rr <= 0.0) return PCLR_OK;
    measures_put(m, GLOBAL_QTC_BAZETT, qt / sqrt(g->rr));
    measures_put(m, GLOBAL_QTC_FRIDERICIA, qt / cbrt(g->rr));
    return PCLR_OK;
}

pclr_status global_measures(const global_input *g, const measures *m, pclr_error *error)
{
    TRY(intervals(g, m, error));
    axes(g, m);
    voltages(g, m);
    progression(g, m);
    terminal_force(g->average, m);
    count_leads(g, m);
    p_and_noise(g->average, m);
    return PCLR_OK;
}
