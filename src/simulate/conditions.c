/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/conditions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const condition_info TABLE[CONDITIONS] = {
    [COND_NSR] = {"NSR", "426783006", "sinus rhythm", 0.0, 0.0, 0.75},
    [COND_SB] = {"SB", "426177001", "sinus bradycardia", 0.11, 0.0, 0.75},
    [COND_STACH] = {"STach", "427084000", "sinus tachycardia", 0.09, -0.1, 0.5},
    [COND_SA] = {"SA", "427393009", "sinus arrhythmia", 0.08, -0.3, 0.6},
    [COND_AF] = {"AF", "164889003", "atrial fibrillation", 0.10, 0.6, 0.8},
    [COND_AFL] = {"AFL", "164890007", "atrial flutter", 0.04, 0.4, 0.7},
    [COND_PACED] = {"PR", "10370003", "pacing rhythm", 0.03, 0.5, 1.0},
    [COND_PAC] = {"PAC", "284470004", "premature atrial contraction", 0.08, 0.3, 0.5},
    [COND_PVC] = {"PVC", "427172004", "premature ventricular contractions", 0.09, 0.2, 0.5},
    [COND_IAVB] = {"IAVB", "270492004", "first-degree atrioventricular block", 0.08, 0.3, 0.9},
    [COND_LBBB] = {"LBBB", "164909002", "left bundle branch block", 0.05, 0.4, 1.0},
    [COND_RBBB] = {"RBBB", "59118001", "right bundle branch block", 0.07, 0.3, 1.0},
    [COND_LAFB] = {"LAnFB", "445118002", "left anterior fascicular block", 0.06, 0.3, 1.0},
    [COND_LAD] = {"LAD", "39732003", "left axis deviation", 0.06, 0.2, 1.0},
    [COND_RAD] = {"RAD", "47665007", "right axis deviation", 0.04, -0.2, 1.0},
    [COND_LQT] = {"LQT", "111975006", "prolonged QT interval", 0.05, 0.1, 0.9},
    [COND_TINV] = {"TInv", "59931005", "T wave inversion", 0.09, 0.2, 0.8},
    [COND_STE] = {"STE", "164931005", "ST elevation", 0.05, 0.1, 0.4},
    [COND_STD] = {"STD", "429622005", "ST depression", 0.07, 0.2, 0.5},
    [COND_LOWV] = {"LQRSV", "251146004", "low QRS voltages", 0.05, 0.1, 0.9},
};

const condition_info *condition_get(condition c)
{
    return &TABLE[c];
}

static int find_condition(const char *name)
{
    for (int k = 0; k < CONDITIONS; k++)
        if (text_compare_nocase(TABLE[k].name, name) == 0) return k;
    return -1;
}

static pclr_status parse_one(double *prevalence, char *piece, pclr_error *error)
{
    const char *names[CONDITIONS];
    double value = -1.0;
    char *equals = strchr(piece, '=');
    if (equals) {
        *equals = '\0';
        if (!parse_double(equals + 1, &value) || !(value >= 0.0 && value <= 1.0))
            return error_set(error, PCLR_E_ARGUMENT, "condition %s: prevalence \"%s\"; expected a number from 0 to 1; write e.g. AF=0.5",
                             piece, equals + 1);
    }
    int k = find_condition(piece);
    if (k < 0) {
        for (int j = 0; j < CONDITIONS; j++) names[j] = TABLE[j].name;
        const char *nearest = text_nearest(piece, names, CONDITIONS);
        return error_set(error, PCLR_E_ARGUMENT,
                         "condition \"%s\" is not known; expected names such as NSR, AF, LBBB%s%s; `physioclr simulate --help` lists them",
                         piece, nearest ? "; did you mean " : "", nearest ? nearest : "");
    }
    prevalence[k] = value >= 0.0 ? value : TABLE[k].prevalence;
    return PCLR_OK;
}

pclr_status conditions_parse(double *prevalence, const char *list, pclr_error *error)
{
    char **piece = NULL;
    size_t count = 0;
    pclr_status status = PCLR_OK;
    for (int k = 0; k < CONDITIONS; k++) prevalence[k] = list ? 0.0 : TABLE[k].prevalence;
    if (!list) return PCLR_OK;
    TRY(text_split(list, ',', &piece, &count, error));
    for (size_t k = 0; k < count && status == PCLR_OK; k++)
        if (piece[k][0]) status = parse_one(prevalence, piece[k], error);
    mem_free(piece);
    return status;
}

/* A prevalence at 60 moved to another age, on the scale of odds so that it stays a probability. */
static double at_age(const double *prevalence, condition c, double age)
{
    double p = prevalence[c];
    if (p <= 0.0 || p >= 1.0) return p;
    double odds = p / (1.0 - p) * exp(TABLE[c].age_slope * (age - 60.0) / 10.0);
    return odds / (1.0 + odds);
}

static condition draw_rhythm(const double *prevalence, double age, rng *random)
{
    double p[CONDITION_RHYTHMS], total = 0.0;
    for (int k = COND_SB; k < CONDITION_RHYTHMS; k++) total += p[k] = at_age(prevalence, (condition)k, age);
    double u = rng_uniform(random) * fmax(total, 1.0);
    for (int k = COND_SB; k < CONDITION_RHYTHMS; k++) {
        u -= p[k];
        if (u < 0.0) return (condition)k;
    }
    return COND_NSR;
}

condition_set conditions_draw(const double *prevalence, double age, rng *random)
{
    condition_set set = 1U << draw_rhythm(prevalence, age, random);
    for (int k = CONDITION_RHYTHMS; k < CONDITIONS; k++)
        if (rng_uniform(random) < at_age(prevalence, (condition)k, age)) set |= 1U << k;
    return set;
}

static condition_set without(condition_set set, condition_set others)
{
    return set & ~others;
}

#define BIT(c) (1U << (c))

/* Takes away what cannot be there, or cannot be read, together with something else. */
static condition_set make_possible(condition_set set, const double *prevalence)
{
    const condition_set CONDUCTION = BIT(COND_LBBB) | BIT(COND_RBBB) | BIT(COND_LAFB), AXIS = BIT(COND_LAD) | BIT(COND_RAD);
    const condition_set REPOLARISATION = BIT(COND_TINV) | BIT(COND_STE) | BIT(COND_STD);
    if (set & (BIT(COND_AF) | BIT(COND_AFL))) set = without(set, BIT(COND_PAC) | BIT(COND_IAVB));
    if (set & BIT(COND_PACED)) set = without(set, CONDUCTION | AXIS | REPOLARISATION | BIT(COND_PAC) | BIT(COND_IAVB) | BIT(COND_LQT));
    if (set & BIT(COND_LBBB)) set = without(set, BIT(COND_RBBB) | BIT(COND_LAFB) | AXIS | REPOLARISATION);
    if (set & BIT(COND_LAFB)) {
        set = without(set, AXIS);
        if (prevalence[COND_LAD] > 0.0) set |= BIT(COND_LAD); /* its axis is beyond -45 degrees: both statements are right */
    }
    if (set & BIT(COND_LAD)) set = without(set, BIT(COND_RAD));
    if (set & BIT(COND_STE)) set = without(set, BIT(COND_STD));
    return set;
}

condition_set conditions_of_record(const double *prevalence, double age, condition_set inclination, rng *random)
{
    condition_set fresh = conditions_draw(prevalence, age, random), set = 0;
    const condition_set RHYTHMS = BIT(CONDITION_RHYTHMS) - 1U;
    int home = 0;
    while (!(inclination >> home & 1U)) home++;
    set |= (rng_uniform(random) < TABLE[home].constancy ? inclination : fresh) & RHYTHMS;
    for (int k = CONDITION_RHYTHMS; k < CONDITIONS; k++) {
        condition_set from = rng_uniform(random) < TABLE[k].constancy ? inclination : fresh;
        set |= from & BIT(k);
    }
    return make_possible(set, prevalence);
}

void conditions_codes(condition_set set, char *codes, size_t size)
{
    size_t used = 0;
    codes[0] = '\0';
    for (int k = 0; k < CONDITIONS; k++) {
        if (!has_condition(set, (condition)k)) continue;
        int n = snprintf(codes + used, size - used, "%s%s", used ? "," : "", TABLE[k].snomed);
        if (n < 0 || (size_t)n >= size - used) return;
        used += (size_t)n;
    }
}
