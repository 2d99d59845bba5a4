/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling keeps sines where they are, constants what they are, and takes out what the new rate cannot hold. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "signal/biquad.h"
#include "signal/resample.h"

static const double pi = 3.14159265358979323846;

static double worst_error(double from, double to, double frequency)
{
    resampler *r = NULL;
    pclr_error error = {0};
    assert_int_equal(resampler_create(&r, from, to, &error), PCLR_OK);
    int64_t n = (int64_t)(4 * from), m = resampler_length(r, n);
    float *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)m, sizeof *y);
    for (int64_t k = 0; k < n; k++) x[k] = (float)sin(2 * pi * frequency * (double)k / from);
    resampler_apply(r, x, n, 1, y, 1);
    double worst = 0;
    for (int64_t k = m / 4; k < 3 * m / 4; k++) worst = fmax(worst, fabs((double)y[k] - sin(2 * pi * frequency * (double)k / to)));
    free(x);
    free(y);
    resampler_destroy(&r);
    return worst;
}

static void sines_keep_their_place(void **state)
{
    (void)state;
    static const double pairs[][2] = {{360, 500}, {500, 100}, {100, 500}, {1000, 500}, {257, 500}, {300, 100}, {128.5, 333.3}, {500, 500}, {400, 499.99}};
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
        for (double f = 1; f < 0.4 * fmin(pairs[k][0], pairs[k][1]); f *= 2) assert_true(worst_error(pairs[k][0], pairs[k][1], f) < 2e-4);
}

static void aliases_are_taken_out(void **state)
{
    (void)state;
    resampler *r = NULL;
    assert_int_equal(resampler_create(&r, 500, 100, NULL), PCLR_OK);
    float x[2000], y[400];
    for (int k = 0; k < 2000; k++) x[k] = (float)sin(2 * pi * 70 * k / 500.0);
    resampler_apply(r, x, 2000, 1, y, 1);
    for (int k = 100; k < 300; k++) assert_true(fabs((double)y[k]) < 1e-3);
    resampler_destroy(&r);
}

static void lengths_and_constants(void **state)
{
    (void)state;
    resampler *r = NULL;
    assert_int_equal(resampler_create(&r, 400, 500, NULL), PCLR_OK);
    assert_int_equal(resampler_length(r, 4000), 5000);
    assert_int_equal(resampler_length(r, 1), 2);
    float x[40 * 2], y[50 * 3];
    for (int k = 0; k < 80; k++) x[k] = 7.5f;
    resampler_apply(r, x, 40, 2, y, 3);
    for (int k = 0; k < 50; k++) assert_true(fabs((double)y[3 * k] - 7.5) < 1e-5);
    resampler_destroy(&r);
    pclr_error error = {0};
    assert_int_equal(resampler_create(&r, 0, 500, &error), PCLR_E_ARGUMENT);
    assert_int_equal(resampler_create(&r, NAN, 500, &error), PCLR_E_ARGUMENT);
    assert_null(r);
}

static void filters_do_what_they_say(void **state)
{
    (void)state;
    float x[4000];
    biquad high = biquad_high_pass(0.5, 500), low = biquad_low_pass(40, 500);
    for (int k = 0; k < 4000; k++) x[k] = 300.0f; /* an electrode offset */
    biquad_zero_phase(&high, x, 4000, 1);
    for (int k = 0; k < 4000; k++) assert_true(fabs((double)x[k]) < 1e-3);
    for (int k = 0; k < 4000; k++) x[k] = (float)sin(2 * pi * 10 * k / 500.0);
    biquad_zero_phase(&high, x, 4000, 1);
    biquad_zero_phase(&low, x, 4000, 1);
    for (int k = 1000; k < 3000; k++) assert_true(fabs((double)x[k] - sin(2 * pi * 10 * k / 500.0)) < 0.01); /* no delay */
    for (int k = 0; k < 4000; k++) x[k] = (float)sin(2 * pi * 150 * k / 500.0);
    biquad_zero_phase(&low, x, 4000, 1);
    for (int k = 1000; k < 3000; k++) assert_true(fabs((double)x[k]) < 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sines_keep_their_place), cmocka_unit_test(aliases_are_taken_out),
                                       cmocka_unit_test(lengths_and_constants), cmocka_unit_test(filters_do_what_they_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
