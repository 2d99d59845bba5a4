/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of physiology a feature speaks of. Layouts have many features of one part (twelve leads of a QRS amplitude) and few of
 * another (rhythm); a similarity over plain z-scores is a similarity of the many. Groups let each part count the same.
 */
#include <math.h>
#include <string.h>

#include "physio/features.h"

typedef struct rule {
    const char *start; /* of the feature's name */
    feature_group group;
} rule;

/* The first that fits counts; what none fits speaks of QRS. */
static const rule rules[] = {
    {"heart_rate", FEATURE_RHYTHM},
    {"rr_", FEATURE_RHYTHM},
    {"rmssd", FEATURE_RHYTHM},
    {"pnn50", FEATURE_RHYTHM},
    {"sd1_sd2", FEATURE_RHYTHM},
    {"turning_points", FEATURE_RHYTHM},
    {"sample_entropy", FEATURE_RHYTHM},
    {"cosen", FEATURE_RHYTHM},
    {"premature_", FEATURE_RHYTHM},
    {"aberrant", FEATURE_RHYTHM},
    {"pause", FEATURE_RHYTHM},
    {"earliest", FEATURE_RHYTHM},
    {"qrs_correlation_", FEATURE_RHYTHM},
    {"beat_correlation_", FEATURE_RHYTHM},
    {"normal_rmssd", FEATURE_RHYTHM},
    {"p_amplitude", FEATURE_ATRIA},
    {"p_absent", FEATURE_ATRIA},
    {"p_present", FEATURE_ATRIA},
    {"p_correlation", FEATURE_ATRIA},
    {"p_axis", FEATURE_ATRIA},
    {"p_terminal", FEATURE_ATRIA},
    {"p_max", FEATURE_ATRIA},
    {"p_min", FEATURE_ATRIA},
    {"f_", FEATURE_ATRIA},
    {"pr", FEATURE_INTERVALS},
    {"p_duration", FEATURE_INTERVALS},
    {"qrs_duration", FEATURE_INTERVALS},
    {"qrs_wide", FEATURE_INTERVALS},
    {"qrs_borderline", FEATURE_INTERVALS},
    {"qt", FEATURE_INTERVALS},
    {"t_duration", FEATURE_INTERVALS},
    {"t_peak_end", FEATURE_INTERVALS},
    {"t_", FEATURE_REPOLARISATION},
    {"st", FEATURE_REPOLARISATION},
    {"j_level", FEATURE_REPOLARISATION},
    {"qrs_t_angle", FEATURE_REPOLARISATION},
};

/* paper150 calls durations of QRS "qrs_0" .. "qrs_9" and "qrs_mean", ...: a number or a statistic behind "qrs_". */
static bool is_duration(const char *name)
{
    static const char *const tails[] = {"mean", "sd", "median", "iqr"};
    if (strncmp(name, "qrs_", 4) != 0) return false;
    if (name[4] >= '0' && name[4] <= '9') return true;
    for (size_t k = 0; k < sizeof tails / sizeof *tails; k++)
        if (strcmp(name + 4, tails[k]) == 0) return true;
    return false;
}

feature_group feature_group_of(const char *name)
{
    if (is_duration(name)) return FEATURE_INTERVALS;
    for (size_t k = 0; k < sizeof rules / sizeof *rules; k++)
        if (strncmp(name, rules[k].start, strlen(rules[k].start)) == 0) return rules[k].group;
    return FEATURE_QRS;
}

void feature_balance(const pclr_feature_layout *layout, float *weight)
{
    size_t size[FEATURE_GROUPS] = {0}, groups = 0, features = layout->count;
    for (size_t k = 0; k < features; k++) size[feature_group_of(pclr_feature_name(layout, k))]++;
    for (int g = 0; g < FEATURE_GROUPS; g++) groups += size[g] > 0;
    for (size_t k = 0; k < features; k++)
        weight[k] = (float)sqrt((double)features / (double)(groups * size[feature_group_of(pclr_feature_name(layout, k))]));
}
