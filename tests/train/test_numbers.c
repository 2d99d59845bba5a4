/* SPDX-License-Identifier: Apache-2.0 */
/* Learning rates, logistic regression and calibration against PyTorch, scikit-learn and SciPy (tests/oracles/training.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/calibrate.h"
#include "train/logistic.h"
#include "train/schedule.h"
#include "waves.h"

enum { N = 60, D = 7, CLASSES = 3 };

typedef struct problem {
    double x[N * D], score[N];
    uint8_t label[N * CLASSES];
} problem;

static void make_waves(double *out, int64_t count, double seed)
{
    float wave[N * D];
    waves_fill(wave, count, seed, 1.0);
    for (int64_t k = 0; k < count; k++) out[k] = wave[k];
}

/* The same records as in the script: 255 marks an unknown label. */
static void make_problem(problem *p)
{
    double direction[D], noise[N], second[N];
    make_waves(p->x, (int64_t)N * D, 1.0);
    make_waves(direction, D, 5.0);
    make_waves(noise, N, 9.0);
    make_waves(second, N, 3.0);
    for (int i = 0; i < N; i++) {
        p->score[i] = 0.5 * noise[i];
        for (int k = 0; k < D; k++) p->score[i] += p->x[i * D + k] * direction[k];
        p->label[i * CLASSES] = p->score[i] > 0.2;
        p->label[i * CLASSES + 1] = i % 5 == 0 ? 255 : second[i] + p->x[i * D] > 0.4;
        p->label[i * CLASSES + 2] = 0;
    }
}

static void read_stored(const char *name, double *out, int count)
{
    char *line = waves_stored("training.txt", name), *at = line;
    assert_non_null(line);
    for (int k = 0; k < count; k++) out[k] = strtod(at, &at);
    free(line);
}

static void near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) fail_msg("found %.12g, expected %.12g", found, expected);
}

static void test_one_cycle_is_pytorchs(void **state)
{
    double rate[40];
    (void)state;
    read_stored("one_cycle", rate, 40);
    for (int k = 0; k < 40; k++) near(schedule_rate("one_cycle", 1.0, 0.25, k, 40), rate[k], 1e-10);
}

static void test_warm_up_rises_and_cosine_falls(void **state)
{
    (void)state;
    near(schedule_rate("cosine", 2.0, 0.1, 0, 100), 2.0 / 11.0, 1e-12);
    near(schedule_rate("cosine", 2.0, 0.1, 10, 100), 2.0, 1e-12);
    near(schedule_rate("cosine", 2.0, 0.1, 55, 100), 1.0, 1e-12);
    near(schedule_rate("constant", 2.0, 0.1, 55, 100), 2.0, 1e-12);
    for (int k = 11; k < 100; k++) assert_true(schedule_rate("cosine", 2.0, 0.1, k, 100) < schedule_rate("cosine", 2.0, 0.1, k - 1, 100));
}

static void check_logistic(double strength)
{
    problem p;
    double weight[CLASSES * D] = {0}, bias[CLASSES] = {0}, expected[D + 1];
    pclr_error error = {0};
    logistic_design design;
    make_problem(&p);
    if (logistic_design_create(&design, p.x, N, D, &error) != PCLR_OK) fail_msg("%s", error.message);
    if (logistic_fit(&design, p.label, CLASSES, strength, weight, bias, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    logistic_design_free(&design);
    for (int c = 0; c < 2; c++) {
        char name[32];
        (void)snprintf(name, sizeof name, "logistic.%g.%d", strength, c);
        read_stored(name, expected, D + 1);
        for (int k = 0; k < D; k++) near(weight[c * D + k], expected[k], 1e-4 * (1 + fabs(expected[k])));
        near(bias[c], expected[D], 1e-4 * (1 + fabs(expected[D])));
    }
    /* no positives: no slope, and the log odds of (0 + 1/2) / (60 + 1/2) */
    for (int k = 0; k < D; k++) near(weight[2 * D + k], 0.0, 0.0);
    near(bias[2], log(0.5 / 60.5), 1e-12);
}

static void test_logistic_is_scikit_learns(void **state)
{
    (void)state;
    check_logistic(1e-3);
    check_logistic(1e-1);
}

/* Fewer records than inputs: at the solution every weight is -1/lambda times the derivative of the data's loss by it. */
static void test_logistic_with_few_records(void **state)
{
    enum { RECORDS = 12, INPUTS = 35 };
    const double strength = 0.01;
    double x[RECORDS * INPUTS], weight[INPUTS] = {0}, bias = 0.0, logit[RECORDS], intercept = 0.0;
    uint8_t label[RECORDS];
    logistic_design design;
    pclr_error error = {0};
    (void)state;
    make_waves(x, (int64_t)RECORDS * INPUTS, 2.0);
    for (int i = 0; i < RECORDS; i++) label[i] = x[i * INPUTS + 3] > 0.0;
    if (logistic_design_create(&design, x, RECORDS, INPUTS, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_true(design.axes <= RECORDS);
    if (logistic_fit(&design, label, 1, strength, weight, &bias, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    logistic_apply(x, RECORDS, INPUTS, weight, &bias, 1, logit);
    for (int i = 0; i < RECORDS; i++) logit[i] = (1.0 / (1.0 + exp(-logit[i])) - label[i]) / RECORDS;
    for (int k = 0; k < INPUTS; k++) {
        double slope = strength * weight[k];
        for (int i = 0; i < RECORDS; i++) slope += logit[i] * x[i * INPUTS + k];
        near(slope, 0.0, 1e-5);
    }
    for (int i = 0; i < RECORDS; i++) intercept += logit[i];
    near(intercept, 0.0, 1e-5);
    logistic_design_free(&design);
}

static void test_temperature_is_scipys(void **state)
{
    problem p;
    double logit[2 * N], expected;
    uint8_t label[2 * N];
    (void)state;
    make_problem(&p);
    for (int i = 0; i < N; i++) {
        logit[2 * i] = 3 * p.score[i];
        logit[2 * i + 1] = 3 * p.x[i * D + 1];
        label[2 * i] = p.label[i * CLASSES];
        label[2 * i + 1] = p.label[i * CLASSES + 1];
    }
    read_stored("temperature", &expected, 1);
    near(calibrate_temperature(logit, label, N, 2), expected, 1e-6 * expected);
}

static void test_threshold_separates(void **state)
{
    /* class 0: perfectly separated between logits 0 and 1; class 1: undefined, so one half */
    double logit[] = {-2, 0, 0, 0, 1, 0, 3, 0}, threshold[2];
    uint8_t label[] = {0, 0, 0, 0, 1, 0, 1, 0};
    /* positives on ranks 1, 2 and 5 of 30: two calls have F1 4/5, five calls 3/4 (though sensitivity + specificity is larger) */
    double falling[30], cut;
    uint8_t rare[30] = {1, 1, 0, 0, 1};
    for (int i = 0; i < 30; i++) falling[i] = 30 - i;
    (void)state;
    assert_int_equal(calibrate_thresholds(logit, label, 4, 2, 1.0, threshold, NULL), PCLR_OK);
    near(threshold[0], 0.5 * (0.5 + 1 / (1 + exp(-1.0))), 1e-12);
    near(threshold[1], 0.5, 0.0);
    assert_int_equal(calibrate_thresholds(falling, rare, 30, 1, 10.0, &cut, NULL), PCLR_OK);
    near(cut, 0.5 / (1 + exp(-2.9)) + 0.5 / (1 + exp(-2.8)), 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_cycle_is_pytorchs),     cmocka_unit_test(test_warm_up_rises_and_cosine_falls),
        cmocka_unit_test(test_logistic_is_scikit_learns),
        cmocka_unit_test(test_logistic_with_few_records), cmocka_unit_test(test_temperature_is_scipys),
        cmocka_unit_test(test_threshold_separates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
