/* SPDX-License-Identifier: Apache-2.0 */
/* Who is whose positive; diagnostics with known answers; the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "objective/diagnostics.h"
#include "objective/masks.h"
#include "objective/pairs.h"
#include "objective/queue.h"

enum { B = 4, Q = 2, N = 1 + B + Q };

static const float similarity[B][B + Q] = {
    {1, 0.9f, 0.2f, 0.1f, 0.5f, 0.3f}, {0.9f, 1, 0.3f, 0, 0.6f, 0.1f}, {0.2f, 0.3f, 1, 0.8f, 0.9f, 0}, {0.1f, 0, 0.8f, 1, 0.4f, 0}};
static const int32_t pair[B] = {2, 3, 0, 1};
static const int64_t record[B] = {7, 8, 7, 8}, queue_record[Q] = {8, -1};
static const pairs_batch batch = {
    .items = B, .queue = Q, .similarity = &similarity[0][0], .pair = pair, .record = record, .queue_record = queue_record};

/* delta .5: anchor 0: own, partner 2, neighbour 1, queue place 0; negative 3. */
static void threshold_by_hand(void **state)
{
    pairs_options o = {.rule = PAIRS_THRESHOLD, .delta = 0.5, .own_view = true, .partner = true, .neighbours = true};
    float weight[B][N], negative[B][N], scratch[B * (B + Q)];
    pairs_counts counts;
    (void)state;
    pairs_make(&o, &batch, &weight[0][0], &negative[0][0], scratch, &counts);
    const float w0[N] = {1, 0, 1, 1, 0, 1, 0}, n0[N] = {0, 0, 0, 0, 1, 0, 0};
    for (int c = 0; c < N; c++) {
        assert_true(fabs((double)weight[0][c] - (double)w0[c] / 16) < 1e-7);
        assert_true(negative[0][c] == n0[c]);
    }
    assert_int_equal(counts.left_out, 0);
    /* anchor 1: own, partner 3, neighbour 0, queue (same record); anchor 2: own, partner 0, 3, queue; anchor 3: own, partner 1, 2, queue
     * (record) */
    assert_true(fabs(counts.positives - 4) < 1e-12);
    assert_true(fabs(counts.negatives - 1) < 1e-12);
}

static void anchors_without_negatives_are_left_out(void **state)
{
    pairs_options o = {.rule = PAIRS_THRESHOLD, .delta = -1, .own_view = true, .partner = true, .neighbours = true};
    float weight[B][N], negative[B][N], scratch[B * (B + Q)];
    pairs_counts counts;
    (void)state;
    pairs_make(&o, &batch, &weight[0][0], &negative[0][0], scratch, &counts);
    assert_int_equal(counts.left_out, B);
    for (int i = 0; i < B; i++)
        for (int c = 0; c < N; c++) assert_true(weight[i][c] == 0);
    o = (pairs_options){.rule = PAIRS_THRESHOLD, .delta = 0.95, .neighbours = true};
    pairs_make(&o, &batch, &weight[0][0], &negative[0][0], scratch, &counts);
    assert_int_equal(counts.left_out, B); /* nobody is that near: no positives */
}

/* The weights of all kinds and rules sum to 1 and never touch the anchor itself or an empty place. */
static void weights_are_a_distribution(void **state)
{
    (void)state;
    for (int rule = PAIRS_THRESHOLD; rule <= PAIRS_SOFT; rule++)
        for (int kinds = 1; kinds < 8; kinds++) {
            pairs_options o = {(pairs_rule)rule, 0.25, 0.3, 0.25, kinds & 1, kinds & 2, kinds & 4, kinds == 5};
            float weight[B][N], contrasted[B][N], scratch[B * (B + Q)];
            pairs_counts counts;
            double sum = 0;
            pairs_make(&o, &batch, &weight[0][0], &contrasted[0][0], scratch, &counts);
            for (int i = 0; i < B; i++) {
                assert_true(weight[i][1 + i] == 0 && contrasted[i][1 + i] == 0);
                assert_true(weight[i][1 + B + 1] == 0 && contrasted[i][1 + B + 1] == 0);
                for (int c = 0; c < N; c++) sum += (double)weight[i][c];
            }
            assert_true(counts.left_out == B || fabs(sum - 1) < 1e-6);
        }
}

static void kth_largest_of_random_lists(void **state)
{
    rng r = rng_make(3, "test", 0);
    (void)state;
    for (int round = 0; round < 300; round++) {
        float x[40] = {0}, copy[40];
        int64_t n = 1 + (int64_t)rng_below(&r, 40), k = 1 + (int64_t)rng_below(&r, (uint64_t)n), larger = 0, equal = 0;
        for (int64_t i = 0; i < n; i++) x[i] = (float)rng_below(&r, 12);
        memcpy(copy, x, sizeof x);
        float found = pairs_kth_largest(copy, n, k);
        for (int64_t i = 0; i < n; i++) {
            larger += x[i] > found;
            equal += x[i] == found;
        }
        assert_true(larger < k && larger + equal >= k);
    }
}

static void cosine_of_nothing_is_zero(void **state)
{
    const float a[4] = {0, 0, 3, 4}, b[2] = {6, 8};
    float out[2];
    (void)state;
    pairs_cosines(a, 2, b, 1, 2, out, 1);
    assert_true(out[0] == 0 && fabs((double)out[1] - 1) < 1e-7);
}

static void pairs_become_two_lists(void **state)
{
    static const int32_t partner[6] = {3, -1, 4, 0, 2, -1};
    static const int64_t patient[6] = {1, 2, 3, 1, 3, 4};
    int32_t first[3], second[3];
    float weight[9], candidate[9];
    (void)state;
    assert_int_equal(masks_pairs(6, partner, patient, first, second, weight, candidate), 2);
    assert_true(first[0] == 0 && second[0] == 3 && first[1] == 2 && second[1] == 4);
    const float want[9] = {0.5f, 0, 0, 0, 0.5f, 0, 0, 0, 0}, allowed[9] = {1, 1, 0, 1, 1, 0, 0, 0, 0};
    assert_memory_equal(weight, want, sizeof want);
    assert_memory_equal(candidate, allowed, sizeof allowed);
}

static void diagnostics_of_known_clouds(void **state)
{
    const float corners[8] = {1, 0, -1, 0, 0, 1, 0, -1}, same[8] = {1, 0, 1, 0, 1, 0, 1, 0}, line[8] = {1, 0, -1, 0, 1, 0, -1, 0};
    double scratch[6];
    (void)state;
    assert_true(diagnostics_alignment(corners, corners, 4, 2) == 0);
    assert_true(fabs(diagnostics_alignment(corners, same, 4, 2) - (0 + 4 + 2 + 2) / 4.0) < 1e-12);
    /* six pairs: two opposite (distance^2 4), four at right angles (2) */
    assert_true(fabs(diagnostics_uniformity(corners, 4, 2) - log((2 * exp(-8) + 4 * exp(-4)) / 6)) < 1e-12);
    assert_true(fabs(diagnostics_rank(corners, 4, 2, scratch) - 2) < 1e-12);
    assert_true(fabs(diagnostics_rank(line, 4, 2, scratch) - 1) < 1e-12);
    assert_true(diagnostics_rank(same, 4, 2, scratch) == 0);
}

static void label_agreement_by_hand(void **state)
{
    /* items: A, A, B, unknown; positives 0-1 and 0-2 (one of them agrees) */
    const uint8_t label[8] = {1, 0, 1, 0, 0, 1, 255, 255};
    const float weight[16] = {0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    double positives, chance;
    (void)state;
    diagnostics_label_agreement(weight, 4, label, 4, 2, &positives, &chance);
    assert_true(fabs(positives - 0.5) < 1e-12);
    assert_true(fabs(chance - 2.0 / 6) < 1e-12);
}

static void queue_overwrites_the_oldest(void **state)
{
    queue q;
    const float embedding[6] = {1, 2, 3, 4, 5, 6}, component[3] = {7, 8, 9};
    const int64_t records[3] = {10, 11, 12};
    (void)state;
    assert_int_equal(queue_create(&q, 2, 2, 1, NULL), PCLR_OK);
    assert_int_equal(queue_filled(&q), 0);
    queue_push(&q, embedding, component, records, 1);
    assert_int_equal(queue_filled(&q), 1);
    queue_push(&q, embedding, component, records, 3);
    assert_int_equal(queue_filled(&q), 2);
    assert_true(q.record[0] == 11 && q.record[1] == 12 && q.embedding[0] == 3 && q.embedding[3] == 6 && q.component[1] == 9 && q.next == 0);
    queue_destroy(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threshold_by_hand),           cmocka_unit_test(anchors_without_negatives_are_left_out),
        cmocka_unit_test(weights_are_a_distribution),  cmocka_unit_test(kth_largest_of_random_lists),
        cmocka_unit_test(cosine_of_nothing_is_zero),   cmocka_unit_test(pairs_become_two_lists),
        cmocka_unit_test(diagnostics_of_known_clouds), cmocka_unit_test(label_agreement_by_hand),
        cmocka_unit_test(queue_overwrites_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
