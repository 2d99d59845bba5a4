/* SPDX-License-Identifier: Apache-2.0 */
/* The feature space against its definition: z-scores of valid values, missing at the mean, orthonormal axes that hold the variance. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/rng.h"
#include "physio/features.h"
#include "physio/standardise.h"

enum { N = 500, F = 12, C = 5 };

static float value[N * F];
static uint8_t valid[N * F];

/* Three hidden factors, offsets, one constant column, one column never valid, some values missing. */
static int fill(void **state)
{
    (void)state;
    rng r = rng_make(7, "standardise test", 0);
    for (int i = 0; i < N; i++) {
        double h[3] = {3 * rng_normal(&r), 2 * rng_normal(&r), rng_normal(&r)};
        for (int k = 0; k < F; k++) {
            value[i * F + k] = (float)(1000.0 * k + h[k % 3] * (k + 1) + 0.1 * rng_normal(&r));
            valid[i * F + k] = rng_uniform(&r) > 0.1;
        }
        value[i * F + 10] = 4.0f;
        valid[i * F + 11] = 0;
        value[i * F + 11] = NAN;
        if (i % 50 == 0) value[i * F] = INFINITY;
    }
    return 0;
}

static void standard_values(void **state)
{
    (void)state;
    feature_space s;
    pclr_error error = {0};
    assert_int_equal(feature_space_fit(&s, value, valid, N, F, C, NULL, 0, &error), PCLR_OK);
    float *z = calloc(N * F, sizeof *z), *p = calloc(N * C, sizeof *p);
    feature_space_apply(&s, value, valid, N, z, p);
    for (int k = 0; k < 10; k++) {
        double sum = 0, squares = 0;
        int n = 0;
        for (int i = 0; i < N; i++) {
            if (!valid[i * F + k] || !isfinite(value[i * F + k])) {
                assert_true(z[i * F + k] == 0.0f);
                continue;
            }
            sum += (double)z[i * F + k];
            squares += (double)z[i * F + k] * (double)z[i * F + k];
            n++;
        }
        assert_true(fabs(sum / n) < 1e-3);
        assert_true(fabs(squares / n - 1) < 1e-3);
    }
    for (int i = 0; i < N; i++) assert_true(z[i * F + 10] == 0.0f && z[i * F + 11] == 0.0f);
    for (int a = 0; a < C; a++) {
        for (int b = 0; b <= a; b++) {
            double dot = 0;
            for (int k = 0; k < F; k++) dot += (double)s.axis[a * F + k] * (double)s.axis[b * F + k];
            assert_true(fabs(dot - (a == b)) < 1e-5);
        }
        double mean = 0, variance = 0;
        for (int i = 0; i < N; i++) mean += (double)p[i * C + a] / N;
        for (int i = 0; i < N; i++) variance += ((double)p[i * C + a] - mean) * ((double)p[i * C + a] - mean) / N;
        assert_true(fabs(variance - (double)s.variance[a]) < 1e-3 * variance + 1e-5);
        if (a > 0) assert_true(s.variance[a] <= s.variance[a - 1]);
    }
    double three = (double)(s.variance[0] + s.variance[1] + s.variance[2]);
    assert_true(three > 8); /* three factors make ten columns of variance 1, less what is missing */
    free(z);
    free(p);
    feature_space_free(&s);
    assert_null(s.mean);
}

static void limits_and_faults(void **state)
{
    (void)state;
    feature_space s;
    pclr_error error = {0};
    assert_int_equal(feature_space_fit(&s, value, valid, 0, F, C, NULL, 0, &error), PCLR_E_DATA);
    assert_int_equal(feature_space_fit(&s, value, valid, N, F, F + 1, NULL, 0, &error), PCLR_E_ARGUMENT);
    assert_int_equal(feature_space_fit(&s, value, valid, 1, F, 2, NULL, 3, &error), PCLR_OK); /* one row: every scale is 1 */
    float far[F], z[F];
    uint8_t all[F];
    for (int k = 0; k < F; k++) far[k] = k % 2 ? 1e30f : -1e30f, all[k] = 1;
    feature_space_apply(&s, far, all, 1, z, NULL);
    for (int k = 0; k < F; k++) assert_true(fabs((double)z[k]) == 3);
    feature_space_free(&s);
}

/* Weights stretch the clipped z-scores, and the axes follow them. */
static void weights(void **state)
{
    (void)state;
    feature_space plain, s;
    pclr_error error = {0};
    float weight[F], a[F], b[F];
    for (int k = 0; k < F; k++) weight[k] = k == 4 ? 20.0f : 0.5f;
    assert_int_equal(feature_space_fit(&plain, value, valid, N, F, 1, NULL, 3, &error), PCLR_OK);
    assert_int_equal(feature_space_fit(&s, value, valid, N, F, 1, weight, 3, &error), PCLR_OK);
    for (int i = 0; i < 20; i++) {
        feature_space_apply(&plain, value + i * F, valid + i * F, 1, a, NULL);
        feature_space_apply(&s, value + i * F, valid + i * F, 1, b, NULL);
        for (int k = 0; k < F; k++) assert_true(b[k] == a[k] * weight[k]);
    }
    assert_true(s.axis[4] > 0.99f);
    feature_space_free(&plain);
    feature_space_free(&s);
}

/* Every group has the same share of the squares, in every layout. */
static void balance(void **state)
{
    (void)state;
    static const char *const layouts[] = {"paper150", "rich"};
    for (int l = 0; l < 2; l++) {
        const pclr_feature_layout *layout = pclr_feature_layout_find(layouts[l]);
        double share[FEATURE_GROUPS] = {0};
        float *weight = calloc(layout->count, sizeof *weight);
        feature_balance(layout, weight);
        for (size_t k = 0; k < layout->count; k++)
            share[feature_group_of(pclr_feature_name(layout, k))] += (double)weight[k] * (double)weight[k] / (double)layout->count;
        for (int g = 0; g < FEATURE_GROUPS; g++) assert_true(fabs(share[g] - 1.0 / FEATURE_GROUPS) < 1e-6);
        free(weight);
    }
    assert_int_equal(feature_group_of("rr_3"), FEATURE_RHYTHM);
    assert_int_equal(feature_group_of("premature_atrial"), FEATURE_RHYTHM);
    assert_int_equal(feature_group_of("pr_mean"), FEATURE_INTERVALS);
    assert_int_equal(feature_group_of("qrs_7"), FEATURE_INTERVALS);
    assert_int_equal(feature_group_of("qrs_slope_7"), FEATURE_QRS);
    assert_int_equal(feature_group_of("f_band_II"), FEATURE_ATRIA);
    assert_int_equal(feature_group_of("t_amplitude_V3"), FEATURE_REPOLARISATION);
    assert_int_equal(feature_group_of("r_amplitude_V3"), FEATURE_QRS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(standard_values), cmocka_unit_test(limits_and_faults), cmocka_unit_test(weights),
                                       cmocka_unit_test(balance)};
    return cmocka_run_group_tests(tests, fill, NULL);
}
