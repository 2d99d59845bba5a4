/* SPDX-License-Identifier: Apache-2.0 */
/* Measures, variances and intervals against scikit-learn and direct definitions. */
#include "eval/oracle.h"

#include "eval/auroc.h"
#include "eval/calibration.h"
#include "eval/challenge.h"
#include "eval/delong.h"
#include "eval/share_interval.h"
#include "eval/resample.h"

static void auroc_equals_scikit_learn(void **state)
{
    (void)state;
    oracle score, label, auroc, auprc;
    size_t cases = 0;
    oracle_open(&score), oracle_open(&label), oracle_open(&auroc), oracle_open(&auprc);
    while (oracle_next(&score, "case_score")) {
        size_t n = oracle_next(&label, "case_label");
        uint8_t *y = malloc(n);
        double value;
        ranking r;
        for (size_t i = 0; i < n; i++) y[i] = (uint8_t)label.value[i];
        assert_true(oracle_next(&auroc, "case_auroc") && oracle_next(&auprc, "case_auprc"));
        assert_int_equal(pclr_auroc(score.value, y, n, &value, NULL), PCLR_OK);
        assert_near(value, auroc.value[0], 1e-12);
        assert_int_equal(ranking_create(&r, score.value, y, n, 1, 1, NULL), PCLR_OK);
        assert_near(ranking_measure(&r, NULL, 0).average_precision, auprc.value[0], 1e-12);
        ranking_free(&r);
        free(y);
        cases++;
    }
    assert_int_equal(cases, 40);
    oracle_close(&score), oracle_close(&label), oracle_close(&auroc), oracle_close(&auprc);
}

static void undefined_classes_are_named_not_scored(void **state)
{
    (void)state;
    const float score[] = {0.1f, 0.9f, 0.5f, 0.2f, 0.8f, 0.5f};
    const uint8_t label[] = {0, 0, 255, 1, 0, 0}; /* class 0: 0 255 0; class 1: 0 1 0 */
    double per_class[2], value;
    auroc_average average;
    pclr_error error = {0};
    assert_int_equal(auroc_macro_float(score, label, 3, 2, &average, per_class, &error), PCLR_OK);
    assert_int_equal(average.defined, 1);
    assert_true(isnan(per_class[0]));
    assert_near(average.macro, 0, 0);
    assert_int_equal(pclr_auroc((const double[]){1, 2}, (const uint8_t[]){1, 1}, 2, &value, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "undefined"));
    assert_int_equal(pclr_auroc((const double[]){1, NAN}, (const uint8_t[]){1, 0}, 2, &value, &error), PCLR_E_NUMERIC);
}

/* The stored multi-label set as an eval_set whose patients are the records. */
static void load_set(eval_set *set)
{
    size_t count;
    double *score = oracle_find("set_score", &count);
    uint8_t *label = oracle_labels("set_label", &count);
    *set = (eval_set){0};
    assert_int_equal(arena_create(&set->memory, NULL), PCLR_OK);
    assert_int_equal(eval_set_allocate(set, count / 5, 5, NULL), PCLR_OK);
    memcpy(set->score, score, count * sizeof *score);
    memcpy(set->label, label, count);
    for (size_t c = 0; c < 5; c++) set->class_name[c] = arena_strdup(set->memory, "c");
    for (size_t r = 0; r < set->records; r++) {
        set->id[r] = arena_strdup(set->memory, "r");
        set->patient[r] = (uint32_t)r;
    }
    set->patients = set->records;
    set->sources = 1;
    set->source_name = arena_alloc(set->memory, sizeof *set->source_name);
    set->source_name[0] = arena_strdup(set->memory, "");
    free(score);
    free(label);
}

static void expect(const char *oracle_name, const double *value, size_t n)
{
    size_t count;
    double *expected = oracle_find(oracle_name, &count);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++) assert_near(value[i], expected[i], 1e-12);
    free(expected);
}

static void every_measure_of_a_set(void **state)
{
    (void)state;
    static const double half[] = {0.5, 0.5, 0.5, 0.5, 0.5};
    eval_set set;
    scoring scores;
    scoring_sums sums;
    eval_choices choices = {.threshold = half, .specificity = 0.9};
    load_set(&set);
    assert_int_equal(scoring_create(&scores, &set, &choices, NULL), PCLR_OK);
    assert_int_equal(scoring_sums_create(&sums, &scores, NULL), PCLR_OK);
    scoring_measure(&scores, NULL, &sums);
    double *value = calloc(measures_total(&scores), sizeof *value);
    measures_evaluate(&scores, &sums, value);
    size_t of_class;
    measures_of_class(&of_class);
    expect("set_auroc", value + 5 * measure_of_class("auroc"), 5);
    expect("set_f1", value + 5 * measure_of_class("f1"), 5);
    expect("set_precision", value + 5 * measure_of_class("precision"), 5);
    expect("set_sensitivity", value + 5 * measure_of_class("sensitivity"), 5);
    expect("set_brier", value + 5 * measure_of_class("brier"), 5);
    const double *overall = value + 5 * of_class;
    expect("set_macro_auroc", overall + measure_overall("macro_auroc"), 1);
    expect("set_weighted_auroc", overall + measure_overall("weighted_auroc"), 1);
    expect("set_micro_auroc", overall + measure_overall("micro_auroc"), 1);
    expect("set_macro_auprc", overall + measure_overall("macro_auprc"), 1);
    expect("set_weighted_auprc", overall + measure_overall("weighted_auprc"), 1);
    expect("set_micro_auprc", overall + measure_overall("micro_auprc"), 1);
    static const char *const averaged[] = {"f1", "precision", "sensitivity", "specificity", "brier"};
    for (size_t m = 0; m < 5; m++) {
        static const char *const average[] = {"macro", "weighted", "micro"};
        for (size_t k = 0; k < 3; k++) {
            char name[64], stored[80];
            snprintf(name, sizeof name, "%s_%s", average[k], averaged[m]);
            snprintf(stored, sizeof stored, "set_%s", name);
            expect(stored, overall + measure_overall(name), 1);
        }
    }
    size_t count;
    double *fmax = oracle_find("set_fmax", &count);
    assert_near(overall[measure_overall("fmax")], fmax[0], 1e-7); /* steps are stored as float */
    double *temperature = oracle_find("temperature", &count);
    assert_near(calibration_temperature(set.score, set.label, set.records * 5), temperature[0], 1e-6);
    free(fmax), free(temperature), free(value);
    scoring_sums_free(&sums);
    scoring_free(&scores);
    eval_set_free(&set);
}

/* A record with weight 2 counts like the record twice; weight 0 like its absence. */
static void weights_repeat_records(void **state)
{
    (void)state;
    static const double score[] = {0.3, 0.3, 0.9, 0.1, 0.5, 0.5, 0.3};
    static const uint8_t label[] = {1, 0, 1, 0, 0, 1, 0};
    static const uint16_t weight[] = {2, 1, 1, 0, 3, 1, 1};
    double repeated[16];
    uint8_t repeated_label[16];
    size_t n = 0;
    for (size_t i = 0; i < 7; i++) {
        for (int k = 0; k < weight[i]; k++) {
            repeated[n] = score[i];
            repeated_label[n++] = label[i];
        }
    }
    ranking weighted, plain;
    assert_int_equal(ranking_create(&weighted, score, label, 7, 1, 1, NULL), PCLR_OK);
    assert_int_equal(ranking_create(&plain, repeated, repeated_label, n, 1, 1, NULL), PCLR_OK);
    ranking_areas a = ranking_measure(&weighted, weight, ranking_cut(&weighted, 0.4)),
                  b = ranking_measure(&plain, NULL, ranking_cut(&plain, 0.4));
    assert_near(a.auroc, b.auroc, 0);
    assert_near(a.average_precision, b.average_precision, 0);
    assert_near(a.true_positives, b.true_positives, 0);
    assert_near(ranking_sensitivity_at(&weighted, weight, &a, 0.6), ranking_sensitivity_at(&plain, NULL, &b, 0.6), 0);
    ranking_free(&weighted);
    ranking_free(&plain);
}

static void variances_equal_the_double_sums(void **state)
{
    (void)state;
    size_t n, count;
    eval_set set;
    load_set(&set);
    n = set.records;
    double *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b), *cluster = oracle_find("cluster", &count);
    uint8_t *label = calloc(n, 1);
    uint32_t *patient = calloc(n, sizeof *patient);
    for (size_t r = 0; r < n; r++) {
        a[r] = set.score[5 * r];
        b[r] = set.score[5 * r + 1];
        label[r] = set.label[5 * r];
        patient[r] = (uint32_t)cluster[r];
    }
    const double *scores[] = {a, b};
    delong d;
    assert_int_equal(delong_create(&d, scores, 2, label, NULL, 0, n, NULL), PCLR_OK);
    expect("delong_auroc", d.auroc, 2);
    expect("delong_covariance", d.covariance, 4);
    delong_free(&d);
    assert_int_equal(delong_create(&d, scores, 2, label, patient, 120, n, NULL), PCLR_OK);
    expect("cluster_covariance", d.covariance, 4);
    delong_free(&d);
    free(a), free(b), free(cluster), free(label), free(patient);
    eval_set_free(&set);
}

/* Albumin, total protein and K-G score of 43 patients with ovarian cancer, the data of DeLong et al. 1988 as listed in the SAS/STAT User's
 * Guide (LOGISTIC procedure, Example 8, "Comparing Receiver Operating Characteristic Curves"). The expected figures are computed from the
 * listed data by the double sums of the paper in tests/oracles/make_evaluation.py. */
static void delong_example_equals_the_double_sums(void **state)
{
    (void)state;
    enum { PATIENTS = 43, TESTS = 3 };
    size_t count;
    double *data = oracle_find("ovarian_data", &count);
    assert_int_equal(count, PATIENTS * (TESTS + 1));
    const double *models[TESTS] = {data, data + PATIENTS, data + 2 * PATIENTS};
    uint8_t label[PATIENTS];
    for (size_t i = 0; i < PATIENTS; i++) label[i] = data[3 * PATIENTS + i] == 1;
    delong d;
    assert_int_equal(delong_create(&d, models, TESTS, label, NULL, 0, PATIENTS, NULL), PCLR_OK);
    expect("ovarian_auroc", d.auroc, TESTS);
    expect("ovarian_covariance", d.covariance, TESTS * TESTS);
    for (size_t m = 0; m < 2; m++) { /* each of the others against the K-G score: difference, error, z, p */
        delong_difference x = delong_compare(&d, m, 2, 0.05);
        const double test[] = {x.value, x.error, x.z, x.p_wald}, interval[] = {x.low, x.high, x.p};
        expect(m == 0 ? "ovarian_albumin" : "ovarian_protein", test, 4);
        if (m == 0) expect("ovarian_difference", interval, 3);
    }
    delong_free(&d);
    free(data);
}

static void student_quantiles_equal_scipys(void **state)
{
    (void)state;
    static const double degrees[] = {1, 2, 3, 4, 9, 30, 1001};
    double quantile[7];
    for (size_t k = 0; k < 7; k++) quantile[k] = student_quantile(0.975, degrees[k]);
    expect("student_quantile", quantile, 7);
    assert_near(student_quantile(0.025, 9), -quantile[4], 0);
}

static void interval_of(const double *score, const uint8_t *label, const uint32_t *patient, size_t n, double ends[2])
{
    delong d;
    assert_int_equal(delong_create(&d, &score, 1, label, patient, n, n, NULL), PCLR_OK);
    auroc_spread s = delong_spread(&d, 0);
    auroc_interval(&s, 0.05, &ends[0], &ends[1]);
    delong_free(&d);
}

static void auroc_intervals_equal_roots_found_by_scipy(void **state)
{
    (void)state;
    enum { PATIENTS = 43, POSITIVES = 5, RECORDS = 100 };
    double ends[2], turned[2], close[RECORDS], apart[RECORDS];
    uint8_t benefits[PATIENTS], label[RECORDS];
    uint32_t pairs[RECORDS];
    size_t n;
    double *albumin = oracle_find("ovarian_data", &n);
    for (size_t i = 0; i < PATIENTS; i++) benefits[i] = (uint8_t)albumin[3 * PATIENTS + i];
    for (size_t i = 0; i < RECORDS; i++) {
        label[i] = i < POSITIVES;
        apart[i] = label[i];
        close[i] = label[i] ? 96 - 3 * (double)i : (double)i - 5.5;
        pairs[i] = (uint32_t)i / 2;
    }
    interval_of(albumin, benefits, NULL, PATIENTS, ends);
    expect("ovarian_interval", ends, 2);
    interval_of(close, label, NULL, RECORDS, ends);
    expect("close_interval", ends, 2);
    interval_of(close, label, pairs, RECORDS, ends);
    expect("patients_interval", ends, 2);

    /* Without overlap DeLong's variance is 0, the interval is not; with the order turned round it is the mirror image. */
    interval_of(apart, label, NULL, RECORDS, ends);
    expect("separated_interval", ends, 2);
    for (size_t i = 0; i < RECORDS; i++) apart[i] = -apart[i];
    interval_of(apart, label, NULL, RECORDS, turned);
    assert_near(turned[0], 1 - ends[1], 1e-12);
    assert_near(turned[1], 1 - ends[0], 1e-12);

    /* One positive has no variance; Hanley & McNeil's stands alone. A constant score has AUROC 0.5 and nothing that could vary. */
    auroc_spread single = {.auroc = 0, .variance = NAN, .positive = NAN, .negative = NAN, .with_positive = 1, .with_negative = 95};
    for (size_t i = POSITIVES; i < RECORDS; i++) single.auroc += (close[i] < close[POSITIVES - 1]) / 95.0;
    auroc_interval(&single, 0.05, &ends[0], &ends[1]);
    expect("single_interval", ends, 2);
    for (size_t i = 0; i < RECORDS; i++) apart[i] = 7;
    interval_of(apart, label, NULL, RECORDS, ends);
    assert_true(ends[0] == 0.5 && ends[1] == 0.5);
    free(albumin);
}

/* Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3; then three alike records of each patient, which say no more than one.
 */
static void shares_have_wilsons_interval(void **state)
{
    (void)state;
    static const struct {
        size_t hits, records;
        double low, high;
    } known[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
    double hit[263], records[263], low, high;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        for (int alike = 1; alike <= 3; alike += 2) {
            for (size_t p = 0; p < known[k].records; p++) {
                hit[p] = p < known[k].hits ? alike : 0;
                records[p] = alike;
            }
            assert_true(share_interval(hit, records, known[k].records, 0.05, &low, &high));
            assert_near(low, known[k].low, 5e-5);
            assert_near(high, known[k].high, 5e-5);
        }
    }
    for (size_t p = 0; p < 20; p++) hit[p] = records[p] = 4;
    assert_true(share_interval(hit, records, 20, 0.05, &low, &high));
    assert_near(low, 1 - 0.1611, 5e-5);
    assert_near(high, 1, 0);
    for (size_t p = 0; p < 20; p++) records[p] = 0;
    assert_false(share_interval(hit, records, 20, 0.05, &low, &high));
}

/* The same scores twice differ by 0 without doubt; two separations of the same records differ by 0 with an interval; the p is 0.05 where
 * an end of the interval is 0. */
static void differences_know_their_extremes(void **state)
{
    (void)state;
    enum { RECORDS = 40 };
    double one[RECORDS], other[RECORDS];
    uint8_t label[RECORDS];
    for (size_t i = 0; i < RECORDS; i++) {
        label[i] = i % 4 == 0;
        one[i] = (double)((i * 7) % RECORDS) + (label[i] ? 9 : 0);
        other[i] = (double)((i * 11) % RECORDS);
    }
    const double *models[] = {one, one, other};
    delong d;
    assert_int_equal(delong_create(&d, models, 3, label, NULL, 0, RECORDS, NULL), PCLR_OK);
    delong_difference same = delong_compare(&d, 0, 1, 0.05), apart = delong_compare(&d, 0, 2, 0.05);
    assert_true(same.value == 0 && same.p == 1 && same.high - same.low < 1e-6);
    double z = apart.value / ((apart.high - apart.low) / 2);
    assert_near(apart.p, 2 * normal_cdf(-fabs(z) * 1.959963984540054), 1e-12);
    assert_true(apart.p >= apart.p_wald);
    delong_free(&d);

    for (size_t i = 0; i < RECORDS; i++) one[i] = label[i] + 0.1 * (double)(i % 3), other[i] = label[i] + 0.1 * (double)(i % 5);
    assert_int_equal(delong_create(&d, (const double *[]){one, other}, 2, label, NULL, 0, RECORDS, NULL), PCLR_OK);
    same = delong_compare(&d, 0, 1, 0.05);
    assert_true(same.value == 0 && same.error == 0 && same.p == 1 && same.low < -0.05 && same.high > 0.05);
    delong_free(&d);
}

/* Where an end of the 95 % interval lies on 0, p is 0.05 but for the grain of the resamples; it falls as 0 moves away. */
static void p_agrees_with_the_interval(void **state)
{
    (void)state;
    size_t n, groups, count;
    double *drawn = oracle_find("bca_value", &n), *jackknife = oracle_find("bca_jackknife", &groups);
    double *estimate = oracle_find("bca_estimate", &count), *value = malloc(n * sizeof *value), both[2];
    static const interval_kind kinds[] = {INTERVAL_PERCENTILE, INTERVAL_BCA};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        interval_kind kind = kinds[k];
        memcpy(value, drawn, n * sizeof *value);
        assert_true(interval_bootstrap(kind, value, n, estimate[0], jackknife, groups, 0.05, &both[0], &both[1]));
        for (int end = 0; end < 2; end++) {
            for (size_t i = 0; i < n; i++) value[i] = drawn[i] - both[end];
            assert_near(interval_p(kind, value, n, estimate[0] - both[end], jackknife, groups), 0.05, 0.004);
            double off = end ? 0.1 : -0.1;
            for (size_t i = 0; i < n; i++) value[i] -= off;
            assert_true(interval_p(kind, value, n, estimate[0] - both[end] - off, jackknife, groups) < 0.025);
        }
        for (size_t i = 0; i < n; i++) value[i] = 1 + drawn[i];
        assert_near(interval_p(kind, value, n, 1 + estimate[0], jackknife, groups), 2 / ((double)n + 1), 1e-15);
        for (size_t i = 0; i < n; i++) value[i] = 0; /* the same system twice */
        assert_near(interval_p(kind, value, n, 0, NULL, 0), 1, 0);
    }
    free(drawn), free(jackknife), free(estimate), free(value);
}

static void challenge_score_equals_the_published_evaluators(void **state)
{
    (void)state;
    oracle label, call, score, weights;
    int place[CHALLENGE_CLASSES], cases = 0;
    oracle_open(&label), oracle_open(&call), oracle_open(&score), oracle_open(&weights);
    assert_int_equal(oracle_next(&weights, "challenge_weights"), 676);
    for (size_t k = 0; k < 676; k++) assert_near(challenge_weights[k / 26][k % 26] / 80.0, weights.value[k], 1e-12);
    for (int c = 0; c < CHALLENGE_CLASSES; c++) {
        place[c] = challenge_find(challenge_classes[c].codes);
        assert_int_equal(place[c], c);
        assert_int_equal(challenge_find(challenge_classes[c].abbreviations), c);
    }
    assert_int_equal(challenge_find("RBBB"), challenge_find("713427006"));
    assert_int_equal(challenge_find("none"), -1);
    while (oracle_next(&label, "challenge_label")) {
        uint8_t y[1300], x[1300];
        challenge_table table;
        assert_true(oracle_next(&call, "challenge_call") && oracle_next(&score, "challenge_score"));
        for (size_t i = 0; i < 1300; i++) y[i] = (uint8_t)label.value[i], x[i] = (uint8_t)call.value[i];
        assert_int_equal(challenge_create(&table, y, x, 50, 26, place, NULL), PCLR_OK);
        assert_near(challenge_value(&table, NULL), score.value[0], 1e-12);
        challenge_free(&table);
        cases++;
    }
    assert_int_equal(cases, 12);
    oracle_close(&label), oracle_close(&call), oracle_close(&score), oracle_close(&weights);
}

static void intervals(void **state)
{
    (void)state;
    size_t n, groups, count;
    double *value = oracle_find("bca_value", &n), *jackknife = oracle_find("bca_jackknife", &groups);
    double *estimate = oracle_find("bca_estimate", &count), both[2];
    assert_true(interval_bootstrap(INTERVAL_BCA, value, n, estimate[0], jackknife, groups, 0.05, &both[0], &both[1]));
    expect("bca_interval", both, 2);
    assert_true(interval_bootstrap(INTERVAL_PERCENTILE, value, n, estimate[0], NULL, 0, 0.05, &both[0], &both[1]));
    expect("percentile_interval", both, 2);
    static const double p[] = {1e-10, 0.001, 0.025, 0.3, 0.5, 0.9, 0.999999};
    double quantile[7];
    for (size_t k = 0; k < 7; k++) quantile[k] = normal_quantile(p[k]);
    double *expected = oracle_find("normal_quantile", &count);
    for (size_t k = 0; k < 7; k++) assert_near(quantile[k], expected[k], 1e-9);
    free(value), free(jackknife), free(estimate), free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auroc_equals_scikit_learn),
        cmocka_unit_test(undefined_classes_are_named_not_scored),
        cmocka_unit_test(every_measure_of_a_set),
        cmocka_unit_test(weights_repeat_records),
        cmocka_unit_test(variances_equal_the_double_sums),
        cmocka_unit_test(delong_example_equals_the_double_sums),
        cmocka_unit_test(student_quantiles_equal_scipys),
        cmocka_unit_test(auroc_intervals_equal_roots_found_by_scipy),
        cmocka_unit_test(shares_have_wilsons_interval),
        cmocka_unit_test(differences_know_their_extremes),
        cmocka_unit_test(p_agrees_with_the_interval),
        cmocka_unit_test(challenge_score_equals_the_published_evaluators),
        cmocka_unit_test(intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
