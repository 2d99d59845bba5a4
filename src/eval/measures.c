/* SPDX-License-Identifier: Apache-2.0 */
/* The table of measures: a new one is a function and a line here. */
#include <math.h>
#include <string.h>

#include "eval/scoring.h"

/* ---- of one class ---- */

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static bool called(const scoring *s, size_t c)
{
    return !isnan(s->threshold[c]);
}

static double auroc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s;
    return sums->area[c].auroc;
}

static double auprc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s;
    return sums->area[c].negatives > 0 ? sums->area[c].average_precision : NAN;
}

static double sensitivity(const scoring *s, const scoring_sums *sums, size_t c)
{
    return called(s, c) ? ratio(sums->area[c].true_positives, sums->area[c].positives) : NAN;
}

static double specificity(const scoring *s, const scoring_sums *sums, size_t c)
{
    const ranking_areas *a = &sums->area[c];
    return called(s, c) ? ratio(a->negatives - a->false_positives, a->negatives) : NAN;
}

static double precision(const scoring *s, const scoring_sums *sums, size_t c)
{
    const ranking_areas *a = &sums->area[c];
    return called(s, c) ? ratio(a->true_positives, a->true_positives + a->false_positives) : NAN;
}

static double f1(const scoring *s, const scoring_sums *sums, size_t c)
{
    const ranking_areas *a = &sums->area[c];
    return called(s, c) && a->positives > 0 ? ratio(2 * a->true_positives, a->positives + a->true_positives + a->false_positives) : NAN;
}

static double sensitivity_at(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s;
    return sums->sensitivity_at[c];
}

/* Bayes: the predictive value where the disease is as frequent as stated. */
static double predictive_value_at(const scoring *s, const scoring_sums *sums, size_t c)
{
    double p = s->choices.prevalence;
    double hit = sensitivity(s, sums, c) * p, false_alarm = (1 - specificity(s, sums, c)) * (1 - p);
    return p > 0 ? ratio(hit, hit + false_alarm) : NAN;
}

static double brier(const scoring *s, const scoring_sums *sums, size_t c)
{
    return s->squared_error ? ratio(sums->squared_error[c], sums->area[c].positives + sums->area[c].negatives) : NAN;
}

static const measure of_class[] = {
    {"auroc", "AUROC", "area under the ROC curve, ties at 1/2", false, true, auroc},
    {"auprc", "AUPRC", "average precision; chance level is the prevalence", false, true, auprc},
    {"f1", "F1", "harmonic mean of precision and sensitivity at the threshold", false, false, f1},
    {"precision", "precision", "share of calls that are right (predictive value) at the threshold", false, false, precision},
    {"sensitivity", "sensitivity", "share of positives that are called (recall) at the threshold", false, false, sensitivity},
    {"specificity", "specificity", "share of negatives that are not called at the threshold", false, false, specificity},
    {"sensitivity_at", "sens. at spec.", "largest sensitivity at the stated specificity, over all thresholds", false, false, sensitivity_at},
    {"ppv_at", "PPV at prev.", "predictive value at the threshold, were the prevalence as stated", false, false, predictive_value_at},
    {"brier", "Brier", "mean square difference of probability and label", true, false, brier},
};

/* ---- over the classes ---- */

typedef double (*class_value)(const scoring *, const scoring_sums *, size_t);

/* Mean over the classes where the value exists; by_positives: weighted by their positives. */
static double average(const scoring *s, const scoring_sums *sums, class_value value, bool by_positives)
{
    double sum = 0, weight = 0;
    for (size_t c = 0; c < s->set->classes; c++) {
        double v = value(s, sums, c), w = by_positives ? sums->area[c].positives : 1;
        if (isnan(v)) continue;
        sum += w * v;
        weight += w;
    }
    return ratio(sum, weight);
}

static double macro_auroc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, auroc, false);
}

static double weighted_auroc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, auroc, true);
}

static double micro_auroc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s, (void)c;
    return sums->micro.auroc;
}

static double macro_auprc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, auprc, false);
}

static double weighted_auprc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, auprc, true);
}

static double micro_auprc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s, (void)c;
    return sums->micro.average_precision;
}

static double macro_f1(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, f1, false);
}

static double micro_f1(const scoring *s, const scoring_sums *sums, size_t c)
{
    double right = 0, all = 0;
    (void)c;
    for (size_t k = 0; k < s->set->classes; k++) {
        if (!called(s, k)) return NAN;
        right += 2 * sums->area[k].true_positives;
        all += sums->area[k].positives + sums->area[k].true_positives + sums->area[k].false_positives;
    }
    return ratio(right, all);
}

static double macro_sensitivity(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, sensitivity, false);
}

static double macro_specificity(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, specificity, false);
}

static double macro_brier(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)c;
    return average(s, sums, brier, false);
}

static double fmax_of(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s, (void)c;
    return sums->fmax;
}

static double challenge(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s, (void)c;
    return sums->challenge;
}

static const measure overall[] = {
    {"macro_auroc", "macro AUROC", "mean of the defined classes' AUROC", false, true, macro_auroc},
    {"weighted_auroc", "weighted AUROC", "mean weighted by the classes' positives", false, true, weighted_auroc},
    {"micro_auroc", "micro AUROC", "AUROC of all pairs of record and class", false, true, micro_auroc},
    {"macro_auprc", "macro AUPRC", "mean of the defined classes' average precision", false, true, macro_auprc},
    {"weighted_auprc", "weighted AUPRC", "mean weighted by the classes' positives", false, true, weighted_auprc},
    {"micro_auprc", "micro AUPRC", "average precision of all pairs of record and class", false, true, micro_auprc},
    {"macro_f1", "macro F1", "mean of the classes' F1 at their thresholds", false, false, macro_f1},
    {"micro_f1", "micro F1", "F1 of all pairs of record and class", false, false, micro_f1},
    {"macro_sensitivity", "macro sensitivity", "mean over the classes", false, false, macro_sensitivity},
    {"macro_specificity", "macro specificity", "mean over the classes", false, false, macro_specificity},
    {"macro_brier", "macro Brier", "mean over the classes", true, false, macro_brier},
    {"fmax", "Fmax", "largest sample-centric F over thresholds 0, 0.01 ... 1", false, false, fmax_of},
    {"challenge2021", "Challenge 2021", "score of the PhysioNet/CinC Challenge 2021", false, false, challenge},
};

const measure *measures_of_class(size_t *count)
{
    *count = sizeof of_class / sizeof *of_class;
    return of_class;
}

const measure *measures_overall(size_t *count)
{
    *count = sizeof overall / sizeof *overall;
    return overall;
}

static size_t find(const measure *table, size_t count, const char *name)
{
    for (size_t k = 0; k < count; k++) {
        if (strcmp(table[k].name, name) == 0) return k;
    }
    return SIZE_MAX;
}

size_t measure_of_class(const char *name)
{
    return find(of_class, sizeof of_class / sizeof *of_class, name);
}

size_t measure_overall(const char *name)
{
    return find(overall, sizeof overall / sizeof *overall, name);
}

size_t measures_total(const scoring *s)
{
    return sizeof of_class / sizeof *of_class * s->set->classes + sizeof overall / sizeof *overall;
}

void measures_evaluate(const scoring *s, const scoring_sums *sums, double *value)
{
    for (size_t m = 0; m < sizeof of_class / sizeof *of_class; m++) {
        bool exists = of_class[m].areas || !s->choices.areas_only;
        for (size_t c = 0; c < s->set->classes; c++) *value++ = exists ? of_class[m].value(s, sums, c) : NAN;
    }
    for (size_t m = 0; m < sizeof overall / sizeof *overall; m++)
        *value++ = overall[m].areas || !s->choices.areas_only ? overall[m].value(s, sums, 0) : NAN;
}
