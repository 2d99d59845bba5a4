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

/* Measures of calls from their counts; NaN where the denominator is 0. */
static double sensitivity_of(const ranking_areas *a)
{
    return ratio(a->true_positives, a->positives);
}

static double specificity_of(const ranking_areas *a)
{
    return ratio(a->negatives - a->false_positives, a->negatives);
}

static double precision_of(const ranking_areas *a)
{
    return ratio(a->true_positives, a->true_positives + a->false_positives);
}

static double f1_of(const ranking_areas *a)
{
    return a->positives > 0 ? ratio(2 * a->true_positives, a->positives + a->true_positives + a->false_positives) : NAN;
}

static double sensitivity(const scoring *s, const scoring_sums *sums, size_t c)
{
    return called(s, c) ? sensitivity_of(&sums->area[c]) : NAN;
}

static double specificity(const scoring *s, const scoring_sums *sums, size_t c)
{
    return called(s, c) ? specificity_of(&sums->area[c]) : NAN;
}

static double precision(const scoring *s, const scoring_sums *sums, size_t c)
{
    return called(s, c) ? precision_of(&sums->area[c]) : NAN;
}

static double f1(const scoring *s, const scoring_sums *sums, size_t c)
{
    return called(s, c) ? f1_of(&sums->area[c]) : NAN;
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
    {"sensitivity_at", "sens. at spec.", "largest sensitivity at the stated specificity, over all thresholds", false, false,
     sensitivity_at},
    {"ppv_at", "PPV at prev.", "predictive value at the threshold, were the prevalence as stated", false, false, predictive_value_at},
    {"brier", "Brier", "mean square difference of probability and label", true, false, brier},
};

/* ---- over the classes ---- */

typedef double (*class_value)(const scoring *, const scoring_sums *, size_t);

/* Mean over the classes that have positives and negatives; by_positives: weighted by their positives. NaN where one of them has no value
 * (no threshold, or a jackknife group took its last positive). */
static double average(const scoring *s, const scoring_sums *sums, class_value value, bool by_positives)
{
    double sum = 0, weight = 0;
    for (size_t c = 0; c < s->set->classes; c++) {
        if (s->rank[c].positives == 0 || s->rank[c].negatives == 0) continue;
        double w = by_positives ? sums->area[c].positives : 1;
        sum += w * value(s, sums, c);
        weight += w;
    }
    return ratio(sum, weight);
}

/* In averages a class that is never called has precision 0, as in scikit-learn; on its own it has none. */
static double precision_or_zero(const scoring *s, const scoring_sums *sums, size_t c)
{
    const ranking_areas *a = &sums->area[c];
    return called(s, c) && a->true_positives + a->false_positives <= 0 ? 0 : precision(s, sums, c);
}

/* Counts of all classes together; NaN unless every class is called somewhere. */
static ranking_areas pooled(const scoring *s, const scoring_sums *sums)
{
    ranking_areas all = {0};
    for (size_t c = 0; c < s->set->classes; c++) {
        const ranking_areas *a = &sums->area[c];
        all.positives += a->positives;
        all.negatives += a->negatives;
        all.true_positives += called(s, c) ? a->true_positives : NAN;
        all.false_positives += called(s, c) ? a->false_positives : NAN;
    }
    return all;
}

/* Macro and weighted average of a measure of classes. */
#define AVERAGES(name, value)                                                                                                              \
    static double macro_##name(const scoring *s, const scoring_sums *sums, size_t c)                                                       \
    {                                                                                                                                      \
        (void)c;                                                                                                                           \
        return average(s, sums, value, false);                                                                                             \
    }                                                                                                                                      \
    static double weighted_##name(const scoring *s, const scoring_sums *sums, size_t c)                                                    \
    {                                                                                                                                      \
        (void)c;                                                                                                                           \
        return average(s, sums, value, true);                                                                                              \
    }
/* Micro average of a measure that is told by counts. */
#define MICRO_OF_CALLS(name)                                                                                                               \
    static double micro_##name(const scoring *s, const scoring_sums *sums, size_t c)                                                       \
    {                                                                                                                                      \
        ranking_areas all = pooled(s, sums);                                                                                               \
        (void)c;                                                                                                                           \
        return name##_of(&all);                                                                                                            \
    }
AVERAGES(auroc, auroc)
AVERAGES(auprc, auprc)
AVERAGES(brier, brier)
AVERAGES(f1, f1)
AVERAGES(precision, precision_or_zero)
AVERAGES(sensitivity, sensitivity)
AVERAGES(specificity, specificity)
MICRO_OF_CALLS(f1)
MICRO_OF_CALLS(precision)
MICRO_OF_CALLS(sensitivity)
MICRO_OF_CALLS(specificity)

static double micro_auroc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s, (void)c;
    return sums->micro.auroc;
}

static double micro_auprc(const scoring *s, const scoring_sums *sums, size_t c)
{
    (void)s, (void)c;
    return sums->micro.average_precision;
}

static double micro_brier(const scoring *s, const scoring_sums *sums, size_t c)
{
    double sum = 0, pairs = 0;
    (void)c;
    for (size_t k = 0; s->squared_error && k < s->set->classes; k++) {
        sum += sums->squared_error[k];
        pairs += sums->area[k].positives + sums->area[k].negatives;
    }
    return ratio(sum, pairs);
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
    {"macro_f1", "macro F1", "mean over the classes, each at its threshold", false, false, macro_f1},
    {"weighted_f1", "weighted F1", "mean weighted by the classes' positives", false, false, weighted_f1},
    {"micro_f1", "micro F1", "of all pairs of record and class", false, false, micro_f1},
    {"macro_precision", "macro precision", "mean over the classes, each at its threshold", false, false, macro_precision},
    {"weighted_precision", "weighted precision", "mean weighted by the classes' positives", false, false, weighted_precision},
    {"micro_precision", "micro precision", "of all pairs of record and class", false, false, micro_precision},
    {"macro_sensitivity", "macro sensitivity", "mean over the classes, each at its threshold", false, false, macro_sensitivity},
    {"weighted_sensitivity", "weighted sensitivity", "mean weighted by the classes' positives", false, false, weighted_sensitivity},
    {"micro_sensitivity", "micro sensitivity", "of all pairs of record and class", false, false, micro_sensitivity},
    {"macro_specificity", "macro specificity", "mean over the classes, each at its threshold", false, false, macro_specificity},
    {"weighted_specificity", "weighted specificity", "mean weighted by the classes' positives", false, false, weighted_specificity},
    {"micro_specificity", "micro specificity", "of all pairs of record and class", false, false, micro_specificity},
    {"macro_brier", "macro Brier", "mean over the classes", true, false, macro_brier},
    {"weighted_brier", "weighted Brier", "mean weighted by the classes' positives", true, false, weighted_brier},
    {"micro_brier", "micro Brier", "of all pairs of record and class", true, false, micro_brier},
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

const char *measure_title(const measure *m, size_t classes)
{
    static const char macro[] = "macro ", weighted[] = "weighted ", micro[] = "micro ";
    if (classes > 1) return m->title;
    if (strncmp(m->title, weighted, sizeof weighted - 1) == 0 || strncmp(m->title, micro, sizeof micro - 1) == 0) return NULL;
    return strncmp(m->title, macro, sizeof macro - 1) == 0 ? m->title + sizeof macro - 1 : m->title;
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
