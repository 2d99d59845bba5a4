/* SPDX-License-Identifier: Apache-2.0 */
/* Beats and waves of hand-made recordings with known marks, and of input that no recorder would write. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <physioclr.h>

/* One heart: amplitudes in mV, times in s from R, sigma the spread of a bump. */
typedef struct heart {
    double interval, first, p, q, r, r_width, s, t, t_at, t_width, spike;
} heart;
static const heart SINUS = {
    .interval = 0.9, .first = 0.7, .p = 0.12, .q = 0.08, .r = 1.0, .r_width = 0.012, .s = 0.2, .t = 0.3, .t_at = 0.29, .t_width = 0.045};

static double bump(double t, double sigma)
{
    return exp(-0.5 * t * t / (sigma * sigma));
}

static double heart_value(const heart *h, double t)
{
    double x = h->r * bump(t, h->r_width) - h->q * bump(t + 0.03, 0.008) - h->s * bump(t - 0.03, 0.010);
    x += h->p * bump(t + 0.16, 0.02) + h->t * bump(t - h->t_at, h->t_width);
    return x + (fabs(t + 0.06) < 0.002 ? h->spike : 0.0);
}

/* The beats of h in every lead, one lead after the other a tenth weaker. */
static pclr_record *beats_of(const heart *h, size_t leads, double rate, double seconds)
{
    pclr_record *record = NULL;
    pclr_error error = {0};
    size_t samples = (size_t)(rate * seconds);
    assert_int_equal(pclr_record_create(&record, "hand", rate, leads, samples, &error), PCLR_OK);
    for (size_t l = 0; l < leads; l++)
        for (size_t i = 0; i < samples; i++) {
            double at = (double)i / rate, sum = 0.0;
            for (double beat = h->first; beat < seconds; beat += h->interval)
                if (fabs(at - beat) < 0.7) sum += heart_value(h, at - beat);
            record->signal[l * samples + i] = (float)(sum * (1.0 - 0.1 * (double)l));
        }
    return record;
}

static pclr_fiducials *marks_of(const pclr_record *record, const pclr_fiducial_options *options)
{
    pclr_fiducials *marks = NULL;
    pclr_error error = {0};
    if (pclr_fiducials_compute(&marks, record, options, &error) != PCLR_OK) fail_msg("%s", error.message);
    return marks;
}

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%g; expected %g within %g", value, expected, tolerance);
}

/* Every beat of h is found once, in its place, whatever the rate; an expert's bounds of the bumps lie about 2.2 spreads out. */
static void check_sinus(const heart *h, size_t leads, double rate)
{
    pclr_record *record = beats_of(h, leads, rate, 10.0);
    pclr_fiducials *marks = marks_of(record, NULL);
    size_t expected = (size_t)((10.0 - h->first) / h->interval) + 1;
    assert_int_equal(marks->beats, expected);
    for (size_t k = 1; k + 1 < marks->beats; k++) {
        const pclr_beat *beat = pclr_fiducials_beat(marks, PCLR_FUSED, k);
        double r = h->first + (double)k * h->interval;
        near(beat->qrs.peak / rate, r, 0.004);
        near(beat->qrs.onset / rate, r - 0.045, 0.025);
        near(beat->qrs.offset / rate, r + 0.05, 0.025);
        assert_true(beat->p.has && beat->t.has);
        near(beat->p.peak / rate, r - 0.16, 0.02);
        near(beat->t.peak / rate, r + h->t_at, 0.03);
        assert_true(beat->p.onset <= beat->p.peak && beat->p.peak <= beat->p.offset && beat->p.offset <= beat->qrs.onset);
        assert_true(beat->qrs.offset <= beat->t.onset && beat->t.onset <= beat->t.peak && beat->t.peak <= beat->t.offset);
    }
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
}

static void test_sinus(void **state)
{
    (void)state;
    static const double RATE[] = {100.0, 250.0, 360.0, 500.0, 1000.0};
    for (size_t k = 0; k < sizeof RATE / sizeof *RATE; k++) check_sinus(&SINUS, 3, RATE[k]);
    check_sinus(&SINUS, 1, 500.0);
    check_sinus(&SINUS, 8, 500.0);
}

static void test_inverted_t(void **state)
{
    (void)state;
    heart h = SINUS;
    h.t = -0.3;
    check_sinus(&h, 3, 500.0);
}

/* A wide paced complex after its spike, and the T wave that comes late after it: one beat each. */
static void test_paced(void **state)
{
    (void)state;
    heart h = {.interval = 1.0, .first = 0.6, .r = -0.9, .r_width = 0.035, .t = 0.45, .t_at = 0.34, .t_width = 0.05, .spike = 1.5};
    pclr_record *record = beats_of(&h, 3, 500.0, 10.0);
    pclr_fiducials *marks = marks_of(record, NULL);
    assert_int_equal(marks->beats, 10);
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
}

/* Counts of a converter instead of millivolts change no mark; the plain routines give the same bits. */
static void test_unit_and_plain(void **state)
{
    (void)state;
    pclr_record *record = beats_of(&SINUS, 2, 500.0, 10.0);
    pclr_fiducial_options plain = {.plain = true};
    pclr_fiducials *marks = marks_of(record, NULL), *same = marks_of(record, &plain);
    for (size_t i = 0; i < 2 * record->samples; i++) record->signal[i] *= 1000.0F;
    pclr_fiducials *counts = marks_of(record, NULL);
    assert_int_equal(marks->beats, same->beats);
    assert_memory_equal(marks->beat, same->beat, 3 * marks->beats * sizeof *marks->beat);
    assert_int_equal(marks->beats, counts->beats);
    for (size_t k = 0; k < marks->beats; k++) {
        const pclr_beat *a = pclr_fiducials_beat(marks, PCLR_FUSED, k), *b = pclr_fiducials_beat(counts, PCLR_FUSED, k);
        near(a->qrs.peak, b->qrs.peak, 0.1);
        near(a->qrs.onset, b->qrs.onset, 8.0);
    }
    pclr_fiducials_destroy(&marks);
    pclr_fiducials_destroy(&same);
    pclr_fiducials_destroy(&counts);
    pclr_record_destroy(&record);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

static void test_no_heart(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int kind = 0; kind < 4; kind++) {
        pclr_record *record = beats_of(&SINUS, 2, 500.0, 10.0);
        for (size_t i = 0; i < 2 * record->samples; i++) {
            double sum = 0.0;
            for (int k = 0; k < 12; k++) sum += (double)next_random(&seed) / 16777216.0 - 0.5; /* near enough to a normal deviate */
            double wander = 0.02 * sin(2.0 * 3.14159265358979 * 0.2 * (double)(i % record->samples) / 500.0);
            record->signal[i] = kind == 0 ? 0.0F : kind == 1 ? 0.7F : kind == 2 ? (float)(0.1 * sum) : (float)(wander + 0.002 * sum);
        }
        pclr_fiducials *marks = marks_of(record, NULL);
        if (marks->beats != 0) fail_msg("kind %d: %zu beats where there is no heart", kind, marks->beats);
        pclr_fiducials_destroy(&marks);
        pclr_record_destroy(&record);
    }
}

static void check_finite(const pclr_fiducials *marks)
{
    for (size_t k = 0; k < (marks->leads + 1) * marks->beats; k++) {
        const pclr_wave *wave[] = {&marks->beat[k].p, &marks->beat[k].qrs, &marks->beat[k].t};
        for (size_t w = 0; w < 3; w++) assert_true(isfinite(wave[w]->onset) && isfinite(wave[w]->peak) && isfinite(wave[w]->offset));
    }
}

/* Lengths from nothing to one beat, at several rates. */
static void test_short(void **state)
{
    (void)state;
    static const size_t LENGTH[] = {0, 1, 2, 3, 7, 50, 250, 500};
    static const double RATE[] = {100.0, 500.0, 10000.0};
    for (size_t r = 0; r < 3; r++)
        for (size_t n = 0; n < sizeof LENGTH / sizeof *LENGTH; n++)
            for (size_t leads = 1; leads <= 12; leads += 11) {
                pclr_record *record = beats_of(&SINUS, leads, RATE[r], 2.0);
                record->samples = LENGTH[n] < record->samples ? LENGTH[n] : record->samples;
                pclr_fiducials *marks = marks_of(record, NULL);
                check_finite(marks);
                assert_true(marks->beats <= record->samples);
                pclr_fiducials_destroy(&marks);
                pclr_record_destroy(&record);
            }
}

static void test_one_beat(void **state)
{
    (void)state;
    heart h = SINUS;
    h.first = 1.0;
    h.interval = 10.0;
    pclr_record *record = beats_of(&h, 2, 500.0, 2.0);
    pclr_fiducials *marks = marks_of(record, NULL);
    assert_int_equal(marks->beats, 1);
    near(pclr_fiducials_beat(marks, PCLR_FUSED, 0)->qrs.peak, 500.0, 2.0);
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
}

static void test_rates(void **state)
{
    (void)state;
    static const double REFUSED[] = {10.0, 0.0, -500.0, 1e9};
    pclr_record *record = beats_of(&SINUS, 1, 500.0, 10.0);
    for (size_t k = 0; k < sizeof REFUSED / sizeof *REFUSED; k++) {
        pclr_fiducials *marks = NULL;
        pclr_error error = {0};
        record->rate = REFUSED[k];
        assert_int_equal(pclr_fiducials_compute(&marks, record, NULL, &error), PCLR_E_DATA);
        assert_null(marks);
        assert_non_null(strstr(error.message, "sampling rate"));
    }
    record->rate = NAN;
    pclr_fiducials *marks = NULL;
    pclr_error error = {0};
    assert_int_equal(pclr_fiducials_compute(&marks, record, NULL, &error), PCLR_E_DATA);
    pclr_record_destroy(&record);
    check_sinus(&SINUS, 1, 10000.0);
}

/* NaN, Inf and 1e30 at every place of a beat, one at a time and in stretches: beats more than 2 s away keep their marks. */
static void test_bad_samples(void **state)
{
    (void)state;
    static const float BAD[] = {NAN, INFINITY, -INFINITY, 1e30F, -1e30F};
    pclr_record *clean = beats_of(&SINUS, 2, 500.0, 10.0);
    pclr_fiducials *expected = marks_of(clean, NULL);
    for (size_t b = 0; b < sizeof BAD / sizeof *BAD; b++)
        for (size_t at = 2000; at < 2450; at += 30) {
            pclr_record *record = beats_of(&SINUS, 2, 500.0, 10.0);
            for (size_t k = 0; k < (at % 60 ? 1U : 40U); k++) record->signal[at + k] = BAD[b];
            pclr_fiducials *marks = marks_of(record, NULL);
            check_finite(marks);
            size_t far = 0;
            for (size_t k = 0; k < marks->beats; k++) {
                double r = pclr_fiducials_beat(marks, PCLR_FUSED, k)->qrs.peak;
                if (fabs(r - (double)at) < 1000.0) continue;
                for (size_t j = 0; j < expected->beats; j++) far += fabs(pclr_fiducials_beat(expected, PCLR_FUSED, j)->qrs.peak - r) < 1.0;
            }
            size_t should = 0;
            for (size_t j = 0; j < expected->beats; j++)
                should += fabs(pclr_fiducials_beat(expected, PCLR_FUSED, j)->qrs.peak - (double)at) >= 1001.0;
            assert_true(far >= should);
            pclr_fiducials_destroy(&marks);
            pclr_record_destroy(&record);
        }
    pclr_fiducials_destroy(&expected);
    pclr_record_destroy(&clean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sinus),          cmocka_unit_test(test_inverted_t), cmocka_unit_test(test_paced),
        cmocka_unit_test(test_unit_and_plain), cmocka_unit_test(test_no_heart),   cmocka_unit_test(test_short),
        cmocka_unit_test(test_one_beat),       cmocka_unit_test(test_rates),      cmocka_unit_test(test_bad_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
