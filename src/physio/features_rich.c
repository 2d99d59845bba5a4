/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout rich: what a cardiologist reads from a twelve-lead recording. Rhythm from all beats; shape from the average beat of every
 * lead (beat_average.h). Amplitudes are against the level before QRS, intervals from the fused marks. Made for whole recordings.
 */
#include "base/memory.h"
#include "physio/atrial_measures.h"
#include "physio/global_measures.h"
#include "physio/rhythm_measures.h"

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

/* Measures of the average beat; those of rhythm are known already. */
static pclr_status shapes(const feature_input *in, const average_beat *a, float *value, uint8_t *valid, pclr_error *error)
{
    static const int ATRIAL_LEAD[2] = {PCLR_LEAD_II, PCLR_LEAD_V1};
    const measures of_leads = {value + AT_LEADS, valid + AT_LEADS}, of_all = {value + AT_GLOBAL, valid + AT_GLOBAL};
    complex_shape shape[PCLR_LEAD_STANDARD] = {0};
    for (int l = 0; l < PCLR_LEAD_STANDARD; l++)
        if (a->has[l]) shape[l] = lead_measures(a, l, &of_leads);
    const global_input g = {.in = in,
                            .average = a,
                            .shape = shape,
                            .lead_value = of_leads.value,
                            .rr = (double)value[AT_RHYTHM + RHYTHM_RR_MEAN] / 1000.0};
    TRY(global_measures(&g, &of_all, error));
    for (int k = 0; k < 2; k++) {
        int at = AT_ATRIAL + k * ATRIAL_MEASURES;
        TRY(atrial_measures(in, a, ATRIAL_LEAD[k], value + at, valid + at, error));
    }
    return PCLR_OK;
}

static pclr_status compute(const feature_input *in, float *value, uint8_t *valid, int *amplitude_lead, pclr_error *error)
{
    average_beat *a = NULL;
    pclr_status status;
    *amplitude_lead = feature_amplitude_lead(in);
    if (in->beat_end == in->beat_first || *amplitude_lead < 0) return PCLR_OK;
    TRY_GOTO(mem_alloc(&a, 1, sizeof *a, error));
    TRY_GOTO(average_beat_make(a, in, error));
    TRY_GOTO(rhythm_measures(in, a, value + AT_RHYTHM, valid + AT_RHYTHM, error));
    if (a->alike > 0) TRY_GOTO(shapes(in, a, value, valid, error));
done:
    if (a) average_beat_free(a);
    mem_free(a);
    return status;
}

const feature_layout feature_layout_rich = {{"rich", COUNT}, definitions, compute};
