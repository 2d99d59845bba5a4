/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the nominal 95 % intervals hold the truth, on sets drawn from known distributions. PCLR_COVERAGE_SETS=1500 in the environment
 * draws that many sets instead of 60 and prints the table of docs/evaluation.md.
 */
#include "eval/oracle.h"

#include "base/rng.h"
#include "eval/delong.h"
#include "eval/resample.h"

/* Scores of negatives are N(0, 1), of positives N(distance, 1): AUROC = Phi(distance / sqrt 2). Records of a patient have one label and
 * share 64 % of the variance. */
static const struct scenario {
    const char *name;
    size_t patients, per_patient;
    double prevalence, distance;
} scenarios[] = {{"100 patients x 2, prevalence 0.3, AUROC 0.76", 100, 2, 0.3, 1},
                 {"200 patients, prevalence 0.1, AUROC 0.86", 200, 1, 0.1, 1.5},
                 {"400 patients, prevalence 0.05, AUROC 0.95", 400, 1, 0.05, 2.3},
                 {"60 patients x 3, prevalence 0.2, AUROC 0.92", 60, 3, 0.2, 2}};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios, AREA = 0, PRECISION = 1 };

static size_t how_many(void)
{
    const char *wanted = getenv("PCLR_COVERAGE_SETS");
    return wanted ? strtoul(wanted, NULL, 10) : 60;
}

static void draw_set(eval_set *set, const struct scenario *s, uint64_t index)
{
    rng random = rng_make(5, s->name, index);
    size_t records = s->patients * s->per_patient;
    *set = (eval_set){0};
    assert_int_equal(arena_create(&set->memory, NULL), PCLR_OK);
    assert_int_equal(eval_set_allocate(set, records, 1, NULL), PCLR_OK);
    set->patients = s->patients;
    for (size_t p = 0; p < s->patients; p++) {
        double shared = rng_normal(&random);
        uint8_t label = rng_uniform(&random) < s->prevalence;
        for (size_t r = p * s->per_patient; r < (p + 1) * s->per_patient; r++) {
            set->label[r] = label;
            set->score[r] = 0.8 * shared + 0.6 * rng_normal(&random) + s->distance * label;
            set->patient[r] = (uint32_t)p;
        }
    }
}

/* Average precision of the distributions: the integral over recall of precision, prevalence p. */
static double true_precision(const struct scenario *s)
{
    enum { STEPS = 200000 };
    double sum = 0;
    for (size_t k = 0; k < STEPS; k++) {
        double recall = ((double)k + 0.5) / STEPS, cut = s->distance - normal_quantile(recall);
        double hit = s->prevalence * recall, alarm = (1 - s->prevalence) * normal_cdf(-cut);
        sum += hit / (hit + alarm) / STEPS;
    }
    return sum;
}

typedef struct tally {
    size_t sets, bootstrap[2][2], delong; /* [BCa][measure] */
} tally;

static void count_bootstrap(tally *t, const eval_set *set, uint64_t seed, const double truth[2])
{
    eval_choices choices = {.areas_only = true};
    scoring s;
    assert_int_equal(scoring_create(&s, set, &choices, NULL), PCLR_OK);
    for (int kind = 0; kind < 2; kind++) {
        static const char *const name[] = {"auroc", "auprc"};
        resample_options options = {.count = 500, .seed = seed, .kind = kind ? INTERVAL_BCA : INTERVAL_PERCENTILE, .threads = 1};
        resample draws;
        assert_int_equal(resample_create(&draws, &(const scoring *){&s}, 1, &options, NULL), PCLR_OK);
        for (int m = 0; m < 2; m++) {
            pclr_estimate e = resample_estimate(&draws, 0, measure_of_class(name[m]));
            t->bootstrap[kind][m] += e.low <= truth[m] && truth[m] <= e.high;
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
    if (delong_create(&d, &score, 1, set->label, set->patient, set->patients, set->records, NULL) != PCLR_OK) return;
    delong_interval(&d, 0, 0.05, &low, &high);
    t->delong += low <= truth && truth <= high;
    delong_free(&d);
}

static void intervals_over_patients_cover(void **state)
{
    (void)state;
    size_t sets = how_many();
    double percentile = 0, bca = 0;
    for (size_t k = 0; k < SCENARIOS; k++) {
        const struct scenario *s = &scenarios[k];
        const double truth[2] = {normal_cdf(s->distance / sqrt(2)), true_precision(s)};
        tally t = {.sets = sets};
        for (size_t i = 0; i < sets; i++) {
            eval_set set;
            size_t positives, negatives;
            draw_set(&set, s, i);
            eval_set_count(&set, 0, &positives, &negatives);
            assert_true(positives > 0 && negatives > 0);
            count_bootstrap(&t, &set, i, truth);
            count_delong(&t, &set, truth[AREA]);
            eval_set_free(&set);
        }
        double n = (double)sets, share[5] = {(double)t.bootstrap[0][AREA] / n, (double)t.bootstrap[1][AREA] / n, (double)t.delong / n,
                                             (double)t.bootstrap[0][PRECISION] / n, (double)t.bootstrap[1][PRECISION] / n};
        print_message("%-46s AUROC: percentile %.3f BCa %.3f DeLong %.3f  AUPRC: percentile %.3f BCa %.3f\n", s->name, share[0], share[1],
                      share[2], share[3], share[4]);
        for (size_t m = 0; m < 5; m++) {
            if (share[m] < 0.75 || share[m] > 1) fail_msg("coverage %.3f", share[m]);
        }
        percentile += share[0] + share[3];
        bca += share[1] + share[4];
    }
    assert_true(bca >= percentile);
    assert_true(bca / (2 * SCENARIOS) > 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_over_patients_cover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
