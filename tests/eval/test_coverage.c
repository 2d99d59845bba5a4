/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the nominal 95 % intervals hold the truth, on sets drawn from known distributions. PCLR_COVERAGE_SETS=1000 in the environment
 * draws that many sets a row instead of 40 and prints the table of docs/evaluation.md; PCLR_COVERAGE_ROW=k draws row k alone.
 */
#include "eval/oracle.h"

#include "base/rng.h"
#include "eval/delong.h"
#include "eval/resample.h"

/* Scores of negatives are N(0, 1), of positives N(distance, 1): AUROC = Phi(distance / sqrt 2). Records of a patient have one label and
 * share 64 % of the variance. Of several classes each has the same numbers and the macro average is measured. */
static const struct scenario {
    const char *name;
    size_t patients, positives, per_patient, classes;
    double distance;
} scenarios[] = {
    {"5 of 100, AUROC 0.86", 100, 5, 1, 1, 1.5},
    {"10 of 200, AUROC 0.86", 200, 10, 1, 1, 1.5},
    {"20 of 200, AUROC 0.86", 200, 20, 1, 1, 1.5},
    {"50 of 400, AUROC 0.86", 400, 50, 1, 1, 1.5},
    {"5 of 100, AUROC 0.95", 100, 5, 1, 1, 2.3},
    {"10 of 200, AUROC 0.95", 200, 10, 1, 1, 2.3},
    {"20 of 400, AUROC 0.95", 400, 20, 1, 1, 2.3},
    {"50 of 400, AUROC 0.95", 400, 50, 1, 1, 2.3},
    {"12 of 60, 3 records each, AUROC 0.92", 60, 12, 3, 1, 2},
    {"30 of 100, 2 records each, AUROC 0.76", 100, 30, 2, 1, 1},
    {"macro of 5 classes, 10 of 200, AUROC 0.92", 200, 10, 1, 5, 2},
    {"macro of 20 classes, 5 of 400, AUROC 0.86", 400, 5, 1, 20, 1.5},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, AREA = 0, PRECISION = 1, KINDS = 3 };
static const char *const kinds[KINDS] = {"percentile", "BCa", "stratified BCa"};

static size_t from_environment(const char *name, size_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoul(value, NULL, 10) : otherwise;
}

/* Which patients are positive: the first of a random order. */
static void draw_labels(rng *random, const struct scenario *s, size_t *order)
{
    for (size_t p = 0; p < s->patients; p++) order[p] = p;
    for (size_t p = 0; p < s->positives; p++) {
        size_t other = p + (size_t)rng_below(random, s->patients - p), kept = order[p];
        order[p] = order[other];
        order[other] = kept;
    }
}

static void draw_set(eval_set *set, const struct scenario *s, uint64_t index)
{
    rng random = rng_make(5, s->name, index);
    size_t records = s->patients * s->per_patient, order[400];
    *set = (eval_set){0};
    assert_int_equal(arena_create(&set->memory, NULL), PCLR_OK);
    assert_int_equal(eval_set_allocate(set, records, s->classes, NULL), PCLR_OK);
    set->patients = s->patients;
    for (size_t r = 0; r < records; r++) set->patient[r] = (uint32_t)(r / s->per_patient);
    for (size_t c = 0; c < s->classes; c++) {
        draw_labels(&random, s, order);
        for (size_t k = 0; k < s->patients; k++) {
            double shared = s->per_patient > 1 ? 0.8 * rng_normal(&random) : 0, own = s->per_patient > 1 ? 0.6 : 1;
            for (size_t r = order[k] * s->per_patient; r < (order[k] + 1) * s->per_patient; r++) {
                set->label[r * s->classes + c] = k < s->positives;
                set->score[r * s->classes + c] = shared + own * rng_normal(&random) + (k < s->positives ? s->distance : 0);
            }
        }
    }
}

/* Average precision of the distributions: the integral over recall of precision, prevalence p. */
static double true_precision(const struct scenario *s)
{
    enum { STEPS = 200000 };
    double sum = 0, prevalence = (double)s->positives / (double)s->patients;
    for (size_t k = 0; k < STEPS; k++) {
        double recall = ((double)k + 0.5) / STEPS, cut = s->distance - normal_quantile(recall);
        double hit = prevalence * recall, alarm = (1 - prevalence) * normal_cdf(-cut);
        sum += hit / (hit + alarm) / STEPS;
    }
    return sum;
}

typedef struct tally {
    size_t bootstrap[KINDS][2], delong;
    double width[KINDS][2], delong_width;
} tally;

static void count(tally *t, int kind, int which, double low, double high, double truth)
{
    t->bootstrap[kind][which] += low <= truth && truth <= high;
    t->width[kind][which] += high - low;
}

static void count_bootstraps(tally *t, const eval_set *set, uint64_t seed, size_t resamples, const double truth[2])
{
    eval_choices choices = {.areas_only = true};
    scoring s;
    size_t of_class;
    measures_of_class(&of_class);
    const size_t at[2] = {of_class * set->classes + measure_overall("macro_auroc"),
                          of_class * set->classes + measure_overall("macro_auprc")};
    assert_int_equal(scoring_create(&s, set, &choices, NULL), PCLR_OK);
    for (int stratified = 0; stratified < 2; stratified++) {
        resample_options options = {.count = resamples, .seed = seed, .kind = INTERVAL_BCA, .stratified = stratified, .threads = 1};
        resample draws;
        double low, high;
        assert_int_equal(resample_create(&draws, &(const scoring *){&s}, 1, &options, NULL), PCLR_OK);
        for (int m = 0; m < 2; m++) {
            pclr_estimate e = resample_estimate(&draws, 0, at[m]);
            count(t, stratified ? 2 : 1, m, e.low, e.high, truth[m]);
            if (stratified) continue;
            assert_true(
                interval_bootstrap(INTERVAL_PERCENTILE, draws.value + at[m] * resamples, resamples, e.value, NULL, 0, 0.05, &low, &high));
            count(t, 0, m, low, high, truth[m]);
        }
        resample_free(&draws);
    }
    scoring_free(&s);
}

static void count_delong(tally *t, const eval_set *set, double truth)
{
    const double *score = set->score;
    delong d;
    double low, high;
    if (set->classes > 1) return;
    assert_int_equal(delong_create(&d, &score, 1, set->label, set->patient, set->patients, set->records, NULL), PCLR_OK);
    auroc_spread spread = delong_spread(&d, 0);
    auroc_interval(&spread, 0.05, &low, &high);
    t->delong += low <= truth && truth <= high;
    t->delong_width += high - low;
    delong_free(&d);
}

static void print_row(const struct scenario *s, const tally *t, double n)
{
    print_message("%-42s", s->name);
    for (int m = 0; m < 2; m++) {
        print_message("%s", m == AREA ? "AUROC:" : "  AUPRC:");
        for (int k = 0; k < KINDS; k++)
            print_message(" %s %.1f (%.3f)", kinds[k], 100 * (double)t->bootstrap[k][m] / n, t->width[k][m] / n);
        if (m == AREA && s->classes == 1) print_message(" physioclr %.1f (%.3f)", 100 * (double)t->delong / n, t->delong_width / n);
    }
    print_message("\n");
}

static void intervals_over_patients_cover(void **state)
{
    (void)state;
    size_t sets = from_environment("PCLR_COVERAGE_SETS", 40), resamples = getenv("PCLR_COVERAGE_SETS") ? 500 : 200;
    size_t only = from_environment("PCLR_COVERAGE_ROW", SCENARIOS);
    double percentile = 0, bca = 0, by_delong = 0, of_classes = 0, rows = 0, n = (double)sets;
    for (size_t k = 0; k < SCENARIOS; k++) {
        const struct scenario *s = &scenarios[k];
        const double truth[2] = {normal_cdf(s->distance / sqrt(2)), true_precision(s)};
        tally t = {0};
        if (only < SCENARIOS && only != k) continue;
        for (size_t i = 0; i < sets; i++) {
            eval_set set;
            draw_set(&set, s, i);
            count_bootstraps(&t, &set, i, resamples, truth);
            count_delong(&t, &set, truth[AREA]);
            eval_set_free(&set);
        }
        print_row(s, &t, n);
        percentile += (double)(t.bootstrap[0][AREA] + t.bootstrap[0][PRECISION]) / n;
        bca += (double)(t.bootstrap[1][AREA] + t.bootstrap[1][PRECISION]) / n;
        by_delong += (double)t.delong / n;
        of_classes += s->classes == 1;
        rows += 1;
    }
    assert_true(bca >= percentile);
    assert_true(bca / (2 * rows) > 0.87);
    assert_true(of_classes == 0 || by_delong / of_classes > 0.92);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_over_patients_cover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
