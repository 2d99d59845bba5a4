/* SPDX-License-Identifier: Apache-2.0 */
/* The quality score: worse recordings score lower, and every recording has a score. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "physio/quality.h"

static double score(const pclr_record *record)
{
    pclr_error error = {0};
    working w = {0};
    double measure[QUALITY_MEASURES];
    assert_int_equal(working_create(&w, record, &error), PCLR_OK);
    assert_int_equal(quality_measure(&w, measure, &error), PCLR_OK);
    for (int k = 0; k < QUALITY_MEASURES; k++) assert_true(isfinite(measure[k]));
    working_free(&w);
    return quality_score(measure);
}

/* Twelve leads with a beat a second and some noise from a linear congruence. */
static pclr_record *beating(double noise)
{
    enum { RATE = 500, LENGTH = 5000 };
    pclr_record *r = NULL;
    pclr_error error = {0};
    uint32_t seed = 1;
    assert_int_equal(pclr_record_create(&r, "q", RATE, 12, LENGTH, &error), PCLR_OK);
    for (size_t i = 0; i < 12 * LENGTH; i++) {
        double t = fmod((double)(i % LENGTH) / RATE, 1.0) - 0.5;
        seed = seed * 1664525U + 1013904223U;
        r->signal[i] = (float)(exp(-0.5 * t * t / 1e-4) + noise * ((double)(seed >> 8) / 8388608.0 - 1.0));
    }
    return r;
}

static void test_faults_lower_the_score(void **state)
{
    (void)state;
    pclr_record *good = beating(0.01), *noisy = beating(0.5), *dead = beating(0.01), *drifting = beating(0.01);
    memset(dead->signal, 0, 6 * dead->samples * sizeof *dead->signal);
    for (size_t i = 0; i < drifting->samples; i++) drifting->signal[i] += (float)(8.0 * sin(2.0 * M_PI * 0.2 * (double)i / 500.0));
    double best = score(good);
    assert_true(best > 0.5);
    assert_true(score(noisy) < best - 0.2);
    assert_true(score(dead) < best - 0.2);
    assert_true(score(drifting) < best - 0.1);
    pclr_record_destroy(&good);
    pclr_record_destroy(&noisy);
    pclr_record_destroy(&dead);
    pclr_record_destroy(&drifting);
}

static void test_short_and_empty(void **state)
{
    (void)state;
    pclr_error error = {0};
    const size_t LENGTH[] = {1, 20, 200};
    for (size_t k = 0; k < 3; k++) {
        pclr_record *r = NULL;
        assert_int_equal(pclr_record_create(&r, "s", 500.0, 1, LENGTH[k], &error), PCLR_OK);
        double value = score(r);
        assert_true(value >= 0.0 && value < 0.2);
        pclr_record_destroy(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults_lower_the_score), cmocka_unit_test(test_short_and_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
