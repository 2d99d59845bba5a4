/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the 95 % intervals of an AUROC and of a paired difference hold the truth with few positives, beside the usual ones, on scores
 * of several shapes. PCLR_COVERAGE_SETS=4000 in the environment draws that many sets a row and prints the tables of docs/evaluation.md.
 */
#include "eval/oracle.h"

#include "base/rng.h"
#include "eval/delong.h"
#include "eval/interval.h"
#include "eval/share_interval.h"

enum { MOST = 500 };

/* Scores of negatives are N(0, 1). Positives: N(distance, spread); MIXED: a share of them is like the negatives, which is what an AUROC
 * below that of the others, 0.995, is made of. */
typedef enum shape { EVEN, NARROW, WIDE, MIXED } shape;
static const char *const shape_names[] = {"equal spread", "narrow positives", "wide positives", "two kinds of positives"};
enum { OTHERS_PERMILLE = 995 };

static double spread_of(shape s)
{
    return s == NARROW ? 0.5 : s == WIDE ? 2 : 1;
}

static double distance_of(shape s, double auroc)
{
    double a = s == MIXED ? OTHERS_PERMILLE / 1000.0 : auroc;
    return normal_quantile(a) * sqrt(1 + spread_of(s) * spread_of(s));
}

static double share_like_negatives(shape s, double auroc)
{
    double others = OTHERS_PERMILLE / 1000.0;
    return s == MIXED ? (others - auroc) / (others - 0.5) : 0;
}

static size_t sets_wanted(void)
{
    const char *value = getenv("PCLR_COVERAGE_SETS");
    return value ? strtoul(value, NULL, 10) : 400;
}

/* Two systems whose scores have correlation r; score[2][n], the first `positives` are positive. */
static void draw(rng *random, shape s, const double auroc[2], double r, size_t positives, size_t n, double *score)
{
    for (size_t i = 0; i < n; i++) {
        double first = rng_normal(random), second = r * first + sqrt(1 - r * r) * rng_normal(random), kind = rng_uniform(random);
        const double own[2] = {first, second};
        for (int k = 0; k < 2; k++) {
            bool moved = i < positives && kind >= share_like_negatives(s, auroc[k]);
            score[(size_t)k * n + i] = (i < positives ? spread_of(s) : 1) * own[k] + (moved ? distance_of(s, auroc[k]) : 0);
        }
    }
}

typedef struct tally {
    double held, width, rejected;
} tally;

static void count(tally *t, double low, double high, double truth)
{
    t->held += low <= truth && truth <= high;
    t->width += high - low;
    t->rejected += low > 0 || high < 0;
}

static void label_first(uint8_t *label, size_t positives, size_t n)
{
    for (size_t i = 0; i < n; i++) label[i] = i < positives;
}

static const struct one_row {
    shape shape;
    size_t positives, n;
    double auroc;
} one_rows[] = {
    {EVEN, 5, 100, 0.86},    {EVEN, 10, 200, 0.86},  {EVEN, 20, 200, 0.86},  {EVEN, 50, 400, 0.86},  {EVEN, 5, 100, 0.95},
    {EVEN, 10, 200, 0.95},   {EVEN, 20, 400, 0.95},  {EVEN, 50, 400, 0.95},  {EVEN, 20, 400, 0.98},  {NARROW, 10, 200, 0.95},
    {NARROW, 50, 400, 0.95}, {WIDE, 10, 200, 0.86},  {WIDE, 10, 200, 0.95},  {WIDE, 20, 400, 0.95},  {WIDE, 50, 400, 0.95},
    {MIXED, 10, 200, 0.86},  {MIXED, 10, 200, 0.95}, {MIXED, 20, 400, 0.95}, {MIXED, 50, 400, 0.95}, {MIXED, 100, 500, 0.98},
};
enum { WALD, LOG_ODDS, OURS, KINDS };

static void one_set(const struct one_row *row, size_t index, const uint8_t *label, tally *t)
{
    rng random = rng_make(11, "few patients", index);
    double score[2 * MOST], low, high;
    delong d;
    draw(&random, row->shape, (const double[2]){row->auroc, row->auroc}, 0, row->positives, row->n, score);
    assert_int_equal(delong_create(&d, &(const double *){score}, 1, label, NULL, 0, row->n, NULL), PCLR_OK);
    double a = d.auroc[0], half = 1.959963984540054 * sqrt(d.covariance[0]), odds = a * (1 - a) > 0 ? half / (a * (1 - a)) : 0;
    count(&t[WALD], a - half, a + half, row->auroc);
    count(&t[LOG_ODDS], 1 / (1 + (1 - a) / a * exp(odds)), 1 / (1 + (1 - a) / a * exp(-odds)), row->auroc);
    auroc_spread s = delong_spread(&d, 0);
    auroc_interval(&s, 0.05, &low, &high);
    count(&t[OURS], low, high, row->auroc);
    delong_free(&d);
}

static void intervals_hold_with_few_positives(void **state)
{
    (void)state;
    size_t sets = sets_wanted();
    double worst[KINDS] = {1, 1, 1};
    uint8_t label[MOST];
    for (size_t k = 0; k < sizeof one_rows / sizeof *one_rows; k++) {
        const struct one_row *row = &one_rows[k];
        tally t[KINDS] = {0};
        label_first(label, row->positives, row->n);
        for (size_t i = 0; i < sets; i++) one_set(row, i, label, t);
        print_message("| %s, %zu of %zu, %.2f |", shape_names[row->shape], row->positives, row->n, row->auroc);
        for (int m = 0; m < KINDS; m++) {
            double held = t[m].held / (double)sets;
            print_message(" %.1f (%.3f) |", 100 * held, t[m].width / (double)sets);
            worst[m] = fmin(worst[m], held);
        }
        print_message("\n");
    }
    assert_true(worst[OURS] > 0.88);
    assert_true(worst[OURS] > worst[LOG_ODDS] && worst[OURS] > worst[WALD]);
}

static const struct two_row {
    shape shape;
    size_t positives, n;
    double auroc[2], r;
} two_rows[] = {
    {EVEN, 5, 100, {0.86, 0.86}, 0.8},  {EVEN, 10, 200, {0.95, 0.95}, 0.8},  {EVEN, 20, 200, {0.86, 0.86}, 0.8},
    {WIDE, 20, 200, {0.86, 0.86}, 0.8}, {MIXED, 20, 200, {0.86, 0.86}, 0.8}, {EVEN, 10, 200, {0.9, 0.8}, 0.8},
    {EVEN, 10, 200, {0.97, 0.9}, 0.8},  {EVEN, 20, 400, {0.95, 0.9}, 0.5},   {EVEN, 20, 400, {0.95, 0.9}, 0.95},
    {EVEN, 50, 400, {0.95, 0.93}, 0.8}, {WIDE, 10, 200, {0.97, 0.9}, 0.8},   {WIDE, 50, 400, {0.95, 0.93}, 0.8},
    {MIXED, 10, 200, {0.97, 0.9}, 0.8}, {MIXED, 50, 400, {0.95, 0.93}, 0.8},
};

static void two_set(const struct two_row *row, size_t index, const uint8_t *label, tally *wald, tally *ours)
{
    rng random = rng_make(12, "few patients", index);
    double score[2 * MOST], truth = row->auroc[0] - row->auroc[1];
    delong d;
    draw(&random, row->shape, row->auroc, row->r, row->positives, row->n, score);
    assert_int_equal(delong_create(&d, (const double *[]){score, score + row->n}, 2, label, NULL, 0, row->n, NULL), PCLR_OK);
    delong_difference x = delong_compare(&d, 0, 1, 0.05);
    double half = 1.959963984540054 * x.error;
    count(wald, x.value - half, x.value + half, truth);
    count(ours, x.low, x.high, truth);
    delong_free(&d);
}

static void differences_hold_with_few_positives(void **state)
{
    (void)state;
    size_t sets = sets_wanted();
    double n = (double)sets;
    uint8_t label[MOST];
    for (size_t k = 0; k < sizeof two_rows / sizeof *two_rows; k++) {
        const struct two_row *row = &two_rows[k];
        bool none = row->auroc[0] == row->auroc[1];
        tally wald = {0}, ours = {0};
        label_first(label, row->positives, row->n);
        for (size_t i = 0; i < sets; i++) two_set(row, i, label, &wald, &ours);
        print_message("| %s, %zu of %zu, %.2f and %.2f, r %.2f | %.1f (%.3f) | %.1f (%.3f) | %.1f | %.1f |\n", shape_names[row->shape],
                      row->positives, row->n, row->auroc[0], row->auroc[1], row->r, 100 * wald.held / n, wald.width / n,
                      100 * ours.held / n, ours.width / n, 100 * wald.rejected / n, 100 * ours.rejected / n);
        assert_true(ours.held / n > (row->shape == EVEN ? 0.92 : none ? 0.90 : 0.75));
        assert_true(none || ours.held >= wald.held);
        assert_true(!none || ours.rejected / n < 0.1);
    }
}

/* A share of records; a record of a patient hits like the first of them with probability `alike`, else by itself. */
static const struct share_row {
    size_t patients, per_patient;
    double share, alike;
} share_rows[] = {{5, 1, 0.8, 0},    {10, 1, 0.8, 0},   {10, 1, 0.95, 0}, {20, 1, 0.95, 0},  {50, 1, 0.95, 0},
                  {10, 3, 0.8, 0.7}, {30, 3, 0.8, 0.7}, {30, 3, 0.8, 0},  {50, 3, 0.95, 0.7}};

static void draw_share(rng *random, const struct share_row *row, double *hits, double *records)
{
    for (size_t p = 0; p < row->patients; p++) {
        bool first = rng_uniform(random) < row->share;
        hits[p] = first;
        records[p] = (double)row->per_patient;
        for (size_t i = 1; i < row->per_patient; i++) {
            bool follows = rng_uniform(random) < row->alike, own = rng_uniform(random) < row->share;
            hits[p] += follows ? first : own;
        }
    }
}

static void shares_hold_with_few_patients(void **state)
{
    (void)state;
    size_t sets = sets_wanted();
    double hits[50], records[50], low, high, n = (double)sets;
    for (size_t k = 0; k < sizeof share_rows / sizeof *share_rows; k++) {
        const struct share_row *row = &share_rows[k];
        tally wald = {0}, ours = {0};
        for (size_t i = 0; i < sets; i++) {
            rng random = rng_make(13 + k, "few patients", i);
            double sum = 0, squares = 0, all = (double)(row->patients * row->per_patient);
            draw_share(&random, row, hits, records);
            for (size_t p = 0; p < row->patients; p++) sum += hits[p];
            for (size_t p = 0; p < row->patients; p++) squares += pow(hits[p] - sum / all * records[p], 2);
            double half = 1.959963984540054 * sqrt(squares) / all;
            count(&wald, sum / all - half, sum / all + half, row->share);
            assert_true(share_interval(hits, records, row->patients, 0.05, &low, &high));
            count(&ours, low, high, row->share);
        }
        print_message("| %.2f of %zu patients, %zu record%s | %.1f (%.3f) | %.1f (%.3f) |\n", row->share, row->patients, row->per_patient,
                      row->per_patient > 1 ? row->alike > 0 ? "s each, alike" : "s each, unlike" : " each", 100 * wald.held / n,
                      wald.width / n, 100 * ours.held / n, ours.width / n);
        assert_true(ours.held / n > 0.87 && ours.held >= wald.held);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_hold_with_few_positives),
                                       cmocka_unit_test(differences_hold_with_few_positives),
                                       cmocka_unit_test(shares_hold_with_few_patients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
