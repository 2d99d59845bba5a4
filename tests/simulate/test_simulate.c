/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator: same bytes whatever the threads, marks that fit the truth asked for, leads that obey Einthoven, noise as ordered. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <physioclr.h>

#include "folder.h"

static pclr_record *make(size_t index, const char *conditions, double snr)
{
    pclr_error error = {0};
    pclr_record *record = NULL;
    pclr_simulate_options options = {.seed = 5, .snr = snr, .snr_set = true, .conditions = conditions};
    if (pclr_simulate_record(&record, index, &options, &error) != PCLR_OK) fail_msg("%s", error.message);
    return record;
}

/* Onset and end (samples) of the waves of one kind, in order; num tells the wave. */
static size_t waves_of(const pclr_record *r, int num, int64_t *onset, int64_t *peak, int64_t *offset)
{
    size_t n = 0, ends = 0, peaks = 0;
    for (size_t k = 0; k < r->annotations; k++) {
        if (r->annotation[k].num != num) continue;
        if (r->annotation[k].code == 39)
            onset[n++] = r->annotation[k].sample;
        else if (r->annotation[k].code == 40)
            offset[ends++] = r->annotation[k].sample;
        else
            peak[peaks++] = r->annotation[k].sample;
    }
    assert_int_equal(n, ends);
    assert_int_equal(n, peaks);
    return n;
}

static void test_marks_are_ordered_and_inside(void **state)
{
    (void)state;
    for (size_t k = 0; k < 40; k++) {
        pclr_record *r = make(k, NULL, 20.0);
        int64_t on[64], peak[64], off[64];
        for (size_t a = 1; a < r->annotations; a++) assert_true(r->annotation[a - 1].sample <= r->annotation[a].sample);
        for (int wave = 0; wave < 3; wave++) {
            size_t n = waves_of(r, wave, on, peak, off);
            for (size_t i = 0; i < n; i++) assert_true(0 <= on[i] && on[i] < peak[i] && peak[i] < off[i] && off[i] < (int64_t)r->samples);
        }
        assert_true(waves_of(r, 1, on, peak, off) >= 4);
        pclr_record_destroy(&r);
    }
}

static void test_limb_leads(void **state)
{
    (void)state;
    pclr_record *r = make(3, NULL, 12.0);
    size_t n = r->samples;
    for (size_t i = 0; i < n; i++) {
        const float *x = r->signal + i;
        assert_true(fabsf(x[2 * n] - (x[n] - x[0])) < 1e-5F);
        assert_true(fabsf(x[3 * n] + x[4 * n] + x[5 * n]) < 1e-5F);
    }
    pclr_record_destroy(&r);
}

static void test_intervals_follow_conditions(void **state)
{
    (void)state;
    for (size_t k = 0; k < 20; k++) {
        int64_t on[64], peak[64], off[64], p_on[64];
        pclr_record *r = make(k, "IAVB=1,LBBB=1", INFINITY);
        size_t beats = waves_of(r, 1, on, peak, off), b = 0;
        for (size_t i = 0; i < beats; i++) assert_true((double)(off[i] - on[i]) * 2.0 >= 118.0); /* ms at 500 Hz */
        size_t p_waves = waves_of(r, 0, p_on, peak, off);
        for (size_t i = 0; i < p_waves; i++) {
            while (b < beats && on[b] <= p_on[i]) b++;
            if (b < beats) assert_true((double)(on[b] - p_on[i]) * 2.0 >= 180.0);
        }
        assert_non_null(strstr(r->diagnoses, "270492004"));
        assert_non_null(strstr(r->diagnoses, "164909002"));
        pclr_record_destroy(&r);
    }
}

static void test_fibrillation(void **state)
{
    (void)state;
    for (size_t k = 0; k < 10; k++) {
        int64_t on[64], peak[64], off[64];
        double mean = 0.0, spread = 0.0;
        pclr_record *r = make(k, "AF=1", INFINITY);
        assert_int_equal(waves_of(r, 0, on, peak, off), 0);
        size_t n = waves_of(r, 1, on, peak, off);
        assert_true(n > 5);
        for (size_t i = 1; i < n; i++) mean += (double)(peak[i] - peak[i - 1]) / (double)(n - 1);
        for (size_t i = 1; i < n; i++) spread += pow((double)(peak[i] - peak[i - 1]) - mean, 2.0) / (double)(n - 1);
        assert_true(sqrt(spread) / mean > 0.04);
        assert_string_equal(r->diagnoses, "164889003");
        pclr_record_destroy(&r);
    }
}

static double mean_variance(const pclr_record *r, const pclr_record *minus)
{
    double total = 0.0;
    for (size_t l = 0; l < r->leads; l++) {
        double mean = 0.0, sum = 0.0;
        for (size_t i = l * r->samples; i < (l + 1) * r->samples; i++)
            mean += (double)(r->signal[i] - (minus ? minus->signal[i] : 0.0F)) / (double)r->samples;
        for (size_t i = l * r->samples; i < (l + 1) * r->samples; i++)
            sum += pow((double)(r->signal[i] - (minus ? minus->signal[i] : 0.0F)) - mean, 2.0);
        total += sum / (double)r->samples;
    }
    return total;
}

static void test_noise_is_as_ordered(void **state)
{
    (void)state;
    const double ORDERED[] = {0.0, 6.0, 24.0};
    pclr_record *clean = make(7, NULL, INFINITY);
    for (size_t k = 0; k < 3; k++) {
        pclr_record *noisy = make(7, NULL, ORDERED[k]);
        double snr = 10.0 * log10(mean_variance(clean, NULL) / mean_variance(noisy, clean));
        assert_true(fabs(snr - ORDERED[k]) < 0.01);
        pclr_record_destroy(&noisy);
    }
    pclr_record_destroy(&clean);
}

static size_t read_file(const char *folder, const char *name, char *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, size, f);
    fclose(f);
    remove(path);
    return n;
}

static void test_same_bytes_whatever_the_threads(void **state)
{
    (void)state;
    static char a[200000], b[200000];
    assert_int_equal(folder_make(), 0);
    const char *one = in_folder("one"), *two = in_folder("two");
    pclr_error error = {0};
    pclr_simulate_options options = {.records = 6, .seed = 9, .threads = 1};
    assert_int_equal(pclr_simulate(one, &options, NULL, &error), PCLR_OK);
    options.threads = 3;
    assert_int_equal(pclr_simulate(two, &options, NULL, &error), PCLR_OK);
    for (int k = 0; k < 6; k++) {
        static const char *const EXTENSION[] = {"hea", "dat", "atr"};
        for (size_t e = 0; e < 3; e++) {
            char name[64];
            snprintf(name, sizeof name, "sim%06d.%s", k, EXTENSION[e]);
            size_t n = read_file(one, name, a, sizeof a), m = read_file(two, name, b, sizeof b);
            assert_true(n > 0 && n == m);
            assert_memory_equal(a, b, n);
        }
    }
    assert_int_equal(folder_remove(), 0);
}

static void test_patients_repeat(void **state)
{
    (void)state;
    size_t patients = 0;
    char last[64] = "";
    for (size_t k = 0; k < 200; k++) {
        pclr_record *r = make(k, "NSR", INFINITY);
        if (strcmp(last, r->patient) != 0) patients++;
        snprintf(last, sizeof last, "%s", r->patient);
        pclr_record_destroy(&r);
    }
    assert_in_range(patients, 110, 160); /* 200 / 1.5 */
}

static void test_bad_options(void **state)
{
    (void)state;
    pclr_error error = {0};
    pclr_record *r = NULL;
    pclr_simulate_options options = {.conditions = "AFF"};
    assert_int_equal(pclr_simulate_record(&r, 0, &options, &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "AFF"));
    assert_null(r);
    options = (pclr_simulate_options){.conditions = "AF=2"};
    assert_int_equal(pclr_simulate_record(&r, 0, &options, &error), PCLR_E_ARGUMENT);
    options = (pclr_simulate_options){.rate = NAN};
    assert_int_equal(pclr_simulate_record(&r, 0, &options, &error), PCLR_E_ARGUMENT);
    options = (pclr_simulate_options){.seconds = -1.0};
    assert_int_equal(pclr_simulate_record(&r, 0, &options, &error), PCLR_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_are_ordered_and_inside),
        cmocka_unit_test(test_limb_leads),
        cmocka_unit_test(test_intervals_follow_conditions),
        cmocka_unit_test(test_fibrillation),
        cmocka_unit_test(test_noise_is_as_ordered),
        cmocka_unit_test(test_same_bytes_whatever_the_threads),
        cmocka_unit_test(test_patients_repeat),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
