/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout rich: what a cardiologist reads from a twelve-lead recording. Rhythm from all beats; shape from the average beat of every
 * lead (beat_average.h). Amplitudes are against the level before QRS, intervals from the fused marks. Made for whole recordings.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "physio/atrial_measures.h"
#include "physio/beat_average.h"
#include "physio/rhythm_measures.h"

/* Measures of one lead, in the order of the table. */
enum {
    LEAD_Q,
    LEAD_Q_DURATION,
    LEAD_R,
    LEAD_S,
    LEAD_R2,
    LEAD_QRS_AREA,
    LEAD_QRS_SPAN,
    LEAD_NOTCHES,
    LEAD_R_TIME,
    LEAD_J,
    LEAD_ST60,
    LEAD_ST_SLOPE,
    LEAD_T,
    LEAD_T_OTHER,
    LEAD_T_AREA,
    LEAD_T_TO_R,
    LEAD_P_MAX,
    LEAD_P_MIN,
    LEAD_MEASURES
};
enum {
    GLOBAL_PR,
    GLOBAL_P_DURATION,
    GLOBAL_QRS,
    GLOBAL_QT,
    GLOBAL_QTC_BAZETT,
    GLOBAL_QTC_FRIDERICIA,
    GLOBAL_T_PEAK_END,
    GLOBAL_PR_SD,
    GLOBAL_P_PRESENT,
    GLOBAL_P_CORRELATION,
    GLOBAL_P_CORRELATION_BEST,
    GLOBAL_NOISE,
    GLOBAL_QRS_AXIS,
    GLOBAL_QRS_AXIS_SIN,
    GLOBAL_QRS_AXIS_COS,
    GLOBAL_T_AXIS_SIN,
    GLOBAL_T_AXIS_COS,
    GLOBAL_P_AXIS_SIN,
    GLOBAL_P_AXIS_COS,
    GLOBAL_QRS_T_ANGLE,
    GLOBAL_SOKOLOW,
    GLOBAL_CORNELL,
    GLOBAL_CORNELL_PRODUCT,
    GLOBAL_LEWIS,
    GLOBAL_PEGUERO,
    GLOBAL_LIMB_SPAN,
    GLOBAL_CHEST_SPAN,
    GLOBAL_TRANSITION,
    GLOBAL_R_PROGRESSION,
    GLOBAL_R_SHARE_V1,
    GLOBAL_TERMINAL_FORCE,
    GLOBAL_Q_LEADS,
    GLOBAL_ST_UP_LEADS,
    GLOBAL_ST_DOWN_LEADS,
    GLOBAL_T_INVERTED_LEADS,
    GLOBAL_MEASURES
};
enum {
    AT_RHYTHM = 0,
    AT_GLOBAL = AT_RHYTHM + RHYTHM_MEASURES,
    AT_ATRIAL = AT_GLOBAL + GLOBAL_MEASURES,
    AT_LEADS = AT_ATRIAL + 2 * ATRIAL_MEASURES,
    COUNT = AT_LEADS + LEAD_MEASURES * PCLR_LEAD_STANDARD
};

#define LEAD(name, lead, unit, text)                                                                                                       \
    {                                                                                                                                      \
        name "_" lead, unit, text ", lead " lead                                                                                           \
    }
#define TWELVE(name, unit, text)                                                                                                           \
    LEAD(name, "I", unit, text), LEAD(name, "II", unit, text), LEAD(name, "III", unit, text), LEAD(name, "aVR", unit, text),               \
        LEAD(name, "aVL", unit, text), LEAD(name, "aVF", unit, text), LEAD(name, "V1", unit, text), LEAD(name, "V2", unit, text),          \
        LEAD(name, "V3", unit, text), LEAD(name, "V4", unit, text), LEAD(name, "V5", unit, text), LEAD(name, "V6", unit, text)
#define ATRIAL(lead)                                                                                                                       \
    {"f_rms_" lead, "mV", "root mean square between T end and QRS after the average beat is taken away, lead " lead},                      \
        {"f_band_" lead, "1", "share of that energy between 4 and 9 Hz, lead " lead},                                                      \
        {"f_peak_" lead, "1", "share of the strongest frequency in the power from 3.5 to 10 Hz, lead " lead},                              \
    {                                                                                                                                      \
        "f_frequency_" lead, "Hz", "strongest frequency from 3.5 to 10 Hz, lead " lead                                                     \
    }

static const feature_definition definitions[COUNT] = {
    {"heart_rate", "1/min", "60 s divided by the median RR"},
    {"rr_mean", "ms", "mean RR"},
    {"rr_median", "ms", "median RR"},
    {"rr_sd", "ms", "population standard deviation of RR"},
    {"rr_min", "ms", "shortest RR"},
    {"rr_max", "ms", "longest RR"},
    {"rr_cv", "1", "standard deviation of RR divided by its mean"},
    {"rmssd", "ms", "root mean square of the differences of successive RR"},
    {"rmssd_ratio", "1", "RMSSD divided by the mean RR"},
    {"rr_difference_median", "1", "median absolute difference of successive RR divided by the mean RR"},
    {"pnn50", "%", "share of successive RR that differ by more than 50 ms"},
    {"rr_near_equal", "%", "share of successive RR that differ by less than 5 % of the mean RR"},
    {"sd1_sd2", "1", "width over length of the Poincare plot, at most 20"},
    {"turning_points", "1", "share of inner RR that are longer or shorter than both neighbours"},
    {"sample_entropy", "1", "sample entropy of RR, m = 1, r = 30 ms"},
    {"cosen", "1", "coefficient of sample entropy: sample entropy corrected for r and for the mean RR"},
    {"rr_difference_entropy", "bit", "Shannon entropy of the differences of successive RR in steps of 4 % of the mean RR"},
    {"rr_iqr_ratio", "1", "interquartile range of RR divided by its median"},
    {"rr_skewness", "1", "cube root of the third central moment of RR divided by the mean RR"},
    {"rr_autocorrelation", "1", "correlation of successive RR"},
    {"premature_atrial", "%", "share of beats that come before 82 % of the median RR with the typical QRS"},
    {"premature_ventricular", "%", "share of beats that come before 95 % of the median RR with another QRS"},
    {"aberrant", "%", "share of beats whose QRS correlates less than 0.75 with the typical QRS"},
    {"pause", "1", "longest RR divided by the median RR"},
    {"earliest", "1", "shortest RR divided by the median RR"},
    {"qrs_correlation_mean", "1", "mean correlation of the beats' QRS with the typical QRS"},
    {"qrs_correlation_min", "1", "least correlation of a beat's QRS with the typical QRS"},
    {"normal_rmssd_ratio", "1", "RMSSD over intervals between typical, timely beats, divided by the median RR"},
    {"pr", "ms", "median PR"},
    {"p_duration", "ms", "median P duration"},
    {"qrs_duration", "ms", "QRS duration of the average beat"},
    {"qt", "ms", "QT of the average beat"},
    {"qtc_bazett", "ms", "QT divided by the square root of the mean RR in s"},
    {"qtc_fridericia", "ms", "QT divided by the cube root of the mean RR in s"},
    {"t_peak_end", "ms", "time from T peak to T end of the average beat"},
    {"pr_sd", "ms", "population standard deviation of PR"},
    {"p_present", "%", "share of beats with a P wave"},
    {"p_correlation", "1", "mean correlation of the beats' P regions with their average, mean over the leads"},
    {"p_correlation_best", "1", "the same in the lead where it is largest"},
    {"noise", "mV", "standard deviation of the beats about their average before QRS, mean over the leads"},
    {"qrs_axis", "degree", "frontal QRS axis from the areas in I and aVF"},
    {"qrs_axis_sin", "1", "its sine"},
    {"qrs_axis_cos", "1", "its cosine"},
    {"t_axis_sin", "1", "sine of the frontal T axis"},
    {"t_axis_cos", "1", "cosine of the frontal T axis"},
    {"p_axis_sin", "1", "sine of the frontal P axis"},
    {"p_axis_cos", "1", "cosine of the frontal P axis"},
    {"qrs_t_angle", "degree", "angle between the frontal QRS and T axes"},
    {"sokolow_lyon", "mV", "S in V1 plus the larger R of V5 and V6"},
    {"cornell", "mV", "R in aVL plus S in V3"},
    {"cornell_product", "mV ms", "Cornell voltage times QRS duration"},
    {"lewis", "mV", "R in I plus S in III minus R in III minus S in I"},
    {"peguero", "mV", "deepest S of all leads plus S in V4"},
    {"limb_span", "mV", "largest QRS peak-to-peak amplitude of the limb leads"},
    {"chest_span", "mV", "largest QRS peak-to-peak amplitude of V1 to V6"},
    {"transition", "lead", "chest lead (1 to 6, between leads by interpolation) from which on R exceeds S; 7: none"},
    {"r_progression", "mV", "R in V3 minus R in V1"},
    {"r_share_v1", "1", "R divided by R plus S in V1"},
    {"p_terminal_force", "mV ms", "depth of the negative end of P in V1 times its duration"},
    {"q_leads", "leads", "leads other than aVR and V1 with a Q of 40 ms or of a quarter of R, at least 0.1 mV deep"},
    {"st_up_leads", "leads", "leads with an ST level of 0.1 mV or more 60 ms behind J"},
    {"st_down_leads", "leads", "leads other than aVR with an ST level of -0.05 mV or less 60 ms behind J"},
    {"t_inverted_leads", "leads", "leads other than III, aVR and V1 with T of -0.1 mV or less"},
    ATRIAL("II"),
    ATRIAL("V1"),
    TWELVE("q_amplitude", "mV", "depth of the Q wave"),
    TWELVE("q_duration", "ms", "duration of the Q wave"),
    TWELVE("r_amplitude", "mV", "height of R"),
    TWELVE("s_amplitude", "mV", "depth of S"),
    TWELVE("r2_amplitude", "mV", "height of a second R (R') over the level before QRS"),
    TWELVE("qrs_area", "mV ms", "signed area of QRS"),
    TWELVE("qrs_span", "mV", "peak-to-peak amplitude of QRS"),
    TWELVE("notches", "1", "turning points of QRS that stand out by 6 % of its span"),
    TWELVE("r_time", "ms", "time from QRS onset to the peak of R"),
    TWELVE("j_level", "mV", "level at the end of QRS"),
    TWELVE("st60_level", "mV", "level 60 ms behind the end of QRS"),
    TWELVE("st_slope", "mV/s", "slope from 20 to 80 ms behind the end of QRS"),
    TWELVE("t_amplitude", "mV", "signed amplitude of the larger deflection of T"),
    TWELVE("t_other", "mV", "signed amplitude of the opposite deflection of T"),
    TWELVE("t_area", "mV ms", "signed area of T"),
    TWELVE("t_to_r", "1", "T amplitude divided by the QRS span"),
    TWELVE("p_max", "mV", "largest level in P"),
    TWELVE("p_min", "mV", "smallest level in P"),
};

typedef struct output {
    float *value;
    uint8_t *valid;
} output;

static void put(const output *o, int k, double v)
{
    o->value[k] = (float)v;
    o->valid[k] = isfinite(v) != 0;
}

/* ---- one lead ------------------------------------------------------------------------------------------ */

/* First points of highest and lowest level in [first, last]. */
static void extremes(const float *x, int first, int last, int *high, int *low)
{
    *high = *low = first;
    for (int k = first; k <= last; k++) {
        if (x[k] > x[*high]) *high = k;
        if (x[k] < x[*low]) *low = k;
    }
}

static double area(const float *x, int first, int last)
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

typedef struct complex_shape {
    double q, q_duration, r, s, r2;
    int r_at;
} complex_shape;

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

static void read_t(const average_beat *a, int lead, double span, const output *o)
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
    int at = AT_LEADS + lead;
    put(o, at + LEAD_T * PCLR_LEAD_STANDARD, t);
    put(o, at + LEAD_T_OTHER * PCLR_LEAD_STANDARD, other);
    put(o, at + LEAD_T_AREA * PCLR_LEAD_STANDARD, area(x, first, last));
    if (span > 0.02) put(o, at + LEAD_T_TO_R * PCLR_LEAD_STANDARD, t / span);
}

/* Where P stands, or where it would stand. */
static void p_region(const average_marks *m, int *first, int *last)
{
    bool known = m->p_onset >= 0 && m->p_offset > m->p_onset;
    *first = known ? m->p_onset : m->qrs_onset - 50;
    *last = known ? m->p_offset : m->qrs_onset - 10;
    if (*first < 0) *first = 0;
    if (*last <= *first) *last = *first + 1;
}

static complex_shape read_lead(const average_beat *a, int lead, const output *o)
{
    const float *x = a->x[lead];
    const average_marks *m = &a->mark;
    int high, low, first, last, j = m->qrs_offset;
    complex_shape c = read_complex(x, m->qrs_onset, j);
    extremes(x, m->qrs_onset, j, &high, &low);
    double span = (double)x[high] - (double)x[low];
    const double value[] = {c.q,
                            c.q_duration,
                            c.r,
                            c.s,
                            c.r2,
                            area(x, m->qrs_onset, j),
                            span,
                            count_turns(x, m->qrs_onset, j, fmaxf(0.06F * (float)span, 0.02F)),
                            (c.r_at - m->qrs_onset) * AVERAGE_STEP_MS,
                            (double)x[j],
                            (double)x[j + 15],
                            ((double)x[j + 20] - (double)x[j + 5]) / 0.060};
    for (int k = 0; k < LEAD_T; k++) put(o, AT_LEADS + k * PCLR_LEAD_STANDARD + lead, value[k]);
    read_t(a, lead, span, o);
    p_region(m, &first, &last);
    extremes(x, first, last, &high, &low);
    put(o, AT_LEADS + LEAD_P_MAX * PCLR_LEAD_STANDARD + lead, (double)x[high]);
    put(o, AT_LEADS + LEAD_P_MIN * PCLR_LEAD_STANDARD + lead, (double)x[low]);
    return c;
}

/* ---- all leads together ---------------------------------------------------------------------------------- */

static void set_global(const output *o, int k, double v)
{
    put(o, AT_GLOBAL + k, v);
}

static double lead_value(const output *o, int measure, pclr_lead lead)
{
    return (double)o->value[AT_LEADS + measure * PCLR_LEAD_STANDARD + (int)lead];
}

/* Frontal axis in radians from a measure of I and aVF (aVF is weaker by sqrt(3)/2); false: no amplitude. */
static bool frontal_axis(double lead_i, double avf, double *axis)
{
    *axis = atan2(avf * 2.0 / sqrt(3.0), lead_i);
    return hypot(lead_i, avf) > 1e-3;
}

static void axes(const average_beat *a, const output *o)
{
    const average_marks *m = &a->mark;
    double qrs, t, p;
    int first, last;
    if (!a->has[PCLR_LEAD_I] || !a->has[PCLR_LEAD_AVF]) return;
    const float *one = a->x[PCLR_LEAD_I], *avf = a->x[PCLR_LEAD_AVF];
    bool has_qrs = frontal_axis(area(one, m->qrs_onset, m->qrs_offset), area(avf, m->qrs_onset, m->qrs_offset), &qrs);
    bool has_t = frontal_axis(lead_value(o, LEAD_T_AREA, PCLR_LEAD_I), lead_value(o, LEAD_T_AREA, PCLR_LEAD_AVF), &t);
    p_region(m, &first, &last);
    if (has_qrs) {
        set_global(o, GLOBAL_QRS_AXIS, qrs * 180.0 / M_PI);
        set_global(o, GLOBAL_QRS_AXIS_SIN, sin(qrs));
        set_global(o, GLOBAL_QRS_AXIS_COS, cos(qrs));
    }
    if (has_t) {
        set_global(o, GLOBAL_T_AXIS_SIN, sin(t));
        set_global(o, GLOBAL_T_AXIS_COS, cos(t));
    }
    if (has_qrs && has_t) set_global(o, GLOBAL_QRS_T_ANGLE, acos(cos(qrs - t)) * 180.0 / M_PI);
    if (m->p_onset >= 0 && frontal_axis(area(one, first, last), area(avf, first, last), &p)) {
        set_global(o, GLOBAL_P_AXIS_SIN, sin(p));
        set_global(o, GLOBAL_P_AXIS_COS, cos(p));
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

static void voltages(const average_beat *a, const complex_shape *c, const output *o)
{
    double limb = 0.0, chest = 0.0, deepest = 0.0;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) {
        if (!a->has[l]) continue;
        double span = lead_value(o, LEAD_QRS_SPAN, (pclr_lead)l);
        if (l < PCLR_LEAD_V1)
            limb = fmax(limb, span);
        else
            chest = fmax(chest, span);
        deepest = fmax(deepest, s_depth(&c[l]));
    }
    if (limb > 0.0) set_global(o, GLOBAL_LIMB_SPAN, limb);
    if (chest > 0.0) set_global(o, GLOBAL_CHEST_SPAN, chest);
    if (has_all(a, BIT(PCLR_LEAD_V1) | BIT(PCLR_LEAD_V5) | BIT(PCLR_LEAD_V6)))
        set_global(o, GLOBAL_SOKOLOW, s_depth(&c[PCLR_LEAD_V1]) + fmax(c[PCLR_LEAD_V5].r, c[PCLR_LEAD_V6].r));
    if (has_all(a, BIT(PCLR_LEAD_AVL) | BIT(PCLR_LEAD_V3))) {
        double cornell = c[PCLR_LEAD_AVL].r + s_depth(&c[PCLR_LEAD_V3]);
        set_global(o, GLOBAL_CORNELL, cornell);
        set_global(o, GLOBAL_CORNELL_PRODUCT, cornell * (a->mark.qrs_offset - a->mark.qrs_onset) * AVERAGE_STEP_MS);
    }
    if (has_all(a, BIT(PCLR_LEAD_I) | BIT(PCLR_LEAD_III)))
        set_global(o, GLOBAL_LEWIS, c[PCLR_LEAD_I].r + s_depth(&c[PCLR_LEAD_III]) - c[PCLR_LEAD_III].r - s_depth(&c[PCLR_LEAD_I]));
    if (has_all(a, CHEST)) set_global(o, GLOBAL_PEGUERO, deepest + s_depth(&c[PCLR_LEAD_V4]));
}

static void progression(const average_beat *a, const complex_shape *c, const output *o)
{
    if (has_all(a, BIT(PCLR_LEAD_V1))) {
        double r = c[PCLR_LEAD_V1].r, s = s_depth(&c[PCLR_LEAD_V1]);
        if (r + s > 0.0) set_global(o, GLOBAL_R_SHARE_V1, r / (r + s));
    }
    if (!has_all(a, CHEST)) return;
    double before = 0.0, transition = 7.0;
    for (int v = 0; v < 6 && transition > 6.5; v++) {
        double excess = c[PCLR_LEAD_V1 + v].r - s_depth(&c[PCLR_LEAD_V1 + v]);
        if (excess > 0.0) transition = v == 0 ? 1.0 : v + 1 - excess / (excess - before);
        before = excess;
    }
    set_global(o, GLOBAL_TRANSITION, transition);
    set_global(o, GLOBAL_R_PROGRESSION, c[PCLR_LEAD_V3].r - c[PCLR_LEAD_V1].r);
}

/* Morris: depth times duration of the negative end of P in V1. */
static void terminal_force(const average_beat *a, const output *o)
{
    const average_marks *m = &a->mark;
    if (!a->has[PCLR_LEAD_V1] || m->p_onset < 0) return;
    const float *x = a->x[PCLR_LEAD_V1];
    double depth = 0.0, duration = 0.0;
    float level = x[m->p_onset];
    for (int k = (m->p_onset + m->p_offset) / 2; k <= m->p_offset; k++) {
        if (x[k] >= level) continue;
        depth = fmax(depth, (double)(level - x[k]));
        duration += AVERAGE_STEP_MS;
    }
    set_global(o, GLOBAL_TERMINAL_FORCE, depth * duration);
}

static void count_leads(const average_beat *a, const complex_shape *c, const output *o)
{
    const uint32_t NO_Q = BIT(PCLR_LEAD_AVR) | BIT(PCLR_LEAD_V1), NO_T = NO_Q | BIT(PCLR_LEAD_III);
    double q = 0.0, up = 0.0, down = 0.0, inverted = 0.0;
    bool any = false;
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++) {
        if (!a->has[l]) continue;
        any = true;
        double st = lead_value(o, LEAD_ST60, (pclr_lead)l);
        q += !(NO_Q >> l & 1U) && c[l].q >= 0.1 && (c[l].q_duration >= 40.0 || c[l].q >= 0.25 * c[l].r);
        up += st >= 0.1;
        down += l != PCLR_LEAD_AVR && st <= -0.05;
        inverted += !(NO_T >> l & 1U) && lead_value(o, LEAD_T, (pclr_lead)l) <= -0.1;
    }
    if (!any) return;
    set_global(o, GLOBAL_Q_LEADS, q);
    set_global(o, GLOBAL_ST_UP_LEADS, up);
    set_global(o, GLOBAL_ST_DOWN_LEADS, down);
    set_global(o, GLOBAL_T_INVERTED_LEADS, inverted);
}

static void p_and_noise(const average_beat *a, const output *o)
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
    if (leads > 0.0) set_global(o, GLOBAL_NOISE, noise / leads);
    if (n == 0.0) return;
    set_global(o, GLOBAL_P_CORRELATION, sum / n);
    set_global(o, GLOBAL_P_CORRELATION_BEST, best);
}

static pclr_status intervals(const feature_input *in, const average_beat *a, const output *o, pclr_error *error)
{
    const average_marks *m = &a->mark;
    double *pr = NULL, four[4], present = 0.0, rr = (double)o->value[AT_RHYTHM + RHYTHM_RR_MEAN] / 1000.0;
    size_t n = 0;
    TRY(mem_alloc(&pr, a->beats, sizeof *pr, error));
    for (size_t b = in->beat_first; b < in->beat_end; b++) {
        const pclr_beat *beat = pclr_fiducials_beat(in->marks, PCLR_FUSED, b);
        present += beat->p.has != 0;
        if ((beat->p.has & PCLR_HAS_ONSET) && (beat->qrs.has & PCLR_HAS_ONSET))
            pr[n++] = (beat->qrs.onset - beat->p.onset) * 1000.0 / in->record->rate;
    }
    set_global(o, GLOBAL_P_PRESENT, 100.0 * present / (double)a->beats);
    if (n > 0) {
        feature_statistics(pr, n, four);
        set_global(o, GLOBAL_PR, four[2]);
        set_global(o, GLOBAL_PR_SD, four[1]);
    }
    mem_free(pr);
    if (m->p_onset >= 0) set_global(o, GLOBAL_P_DURATION, (m->p_offset - m->p_onset) * AVERAGE_STEP_MS);
    set_global(o, GLOBAL_QRS, (m->qrs_offset - m->qrs_onset) * AVERAGE_STEP_MS);
    if (m->t_offset < 0) return PCLR_OK;
    double qt = (m->t_offset - m->qrs_onset) * AVERAGE_STEP_MS;
    set_global(o, GLOBAL_QT, qt);
    if (m->t_peak >= 0) set_global(o, GLOBAL_T_PEAK_END, (m->t_offset - m->t_peak) * AVERAGE_STEP_MS);
    if (rr <= 0.0) return PCLR_OK;
    set_global(o, GLOBAL_QTC_BAZETT, qt / sqrt(rr));
    set_global(o, GLOBAL_QTC_FRIDERICIA, qt / cbrt(rr));
    return PCLR_OK;
}

static pclr_status shapes(const feature_input *in, const average_beat *a, const output *o, pclr_error *error)
{
    static const int ATRIAL_LEAD[2] = {PCLR_LEAD_II, PCLR_LEAD_V1};
    complex_shape c[PCLR_LEAD_STANDARD] = {0};
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++)
        if (a->has[l]) c[l] = read_lead(a, l, o);
    TRY(intervals(in, a, o, error));
    axes(a, o);
    voltages(a, c, o);
    progression(a, c, o);
    terminal_force(a, o);
    count_leads(a, c, o);
    p_and_noise(a, o);
    for (int k = 0; k < 2; k++) {
        int at = AT_ATRIAL + k * ATRIAL_MEASURES;
        TRY(atrial_measures(in, a, ATRIAL_LEAD[k], o->value + at, o->valid + at, error));
    }
    return PCLR_OK;
}

static pclr_status compute(const feature_input *in, float *value, uint8_t *valid, int *amplitude_lead, pclr_error *error)
{
    average_beat *a = NULL;
    output o = {value, valid};
    pclr_status status;
    *amplitude_lead = feature_amplitude_lead(in);
    if (in->beat_end == in->beat_first || *amplitude_lead < 0) return PCLR_OK;
    TRY_GOTO(mem_alloc(&a, 1, sizeof *a, error));
    TRY_GOTO(average_beat_make(a, in, error));
    TRY_GOTO(rhythm_measures(in, a, value + AT_RHYTHM, valid + AT_RHYTHM, error));
    if (a->alike > 0) TRY_GOTO(shapes(in, a, &o, error));
done:
    if (a) average_beat_free(a);
    mem_free(a);
    return status;
}

const feature_layout feature_layout_rich = {{"rich", COUNT}, definitions, compute};
