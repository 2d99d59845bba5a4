/* SPDX-License-Identifier: Apache-2.0 */
/* Feature layouts: names, a hand-made recording whose values are known, and input that no measure may turn into a non-finite number. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <physioclr.h>

enum { MAX_FEATURES = 512, RATE = 500, LENGTH = 5000 };

static const pclr_feature_layout *layout_of(const char *name)
{
    const pclr_feature_layout *layout = pclr_feature_layout_find(name);
    assert_non_null(layout);
    assert_true(layout->count <= MAX_FEATURES);
    return layout;
}

static void test_tables(void **state)
{
    (void)state;
    static const char *const LAYOUT[] = {"paper150", "rich"};
    assert_int_equal(layout_of("paper150")->count, 150);
    assert_ptr_equal(layout_of(NULL), layout_of("paper150"));
    assert_null(pclr_feature_layout_find("poor"));
    for (size_t n = 0; n < 2; n++) {
        const pclr_feature_layout *layout = layout_of(LAYOUT[n]);
        for (size_t k = 0; k < layout->count; k++) {
            assert_true(pclr_feature_name(layout, k) && pclr_feature_name(layout, k)[0]);
            assert_true(pclr_feature_unit(layout, k) && pclr_feature_unit(layout, k)[0]);
            assert_true(pclr_feature_definition(layout, k) && pclr_feature_definition(layout, k)[0]);
            for (size_t j = 0; j < k; j++) assert_string_not_equal(pclr_feature_name(layout, j), pclr_feature_name(layout, k));
        }
        assert_string_equal(pclr_feature_name(layout, layout->count), "");
    }
}

static float feature(const pclr_feature_layout *layout, const float *value, const uint8_t *valid, const char *name)
{
    for (size_t k = 0; k < layout->count; k++)
        if (strcmp(pclr_feature_name(layout, k), name) == 0) {
            if (!valid[k]) fail_msg("%s is not valid", name);
            return value[k];
        }
    fail_msg("no feature %s", name);
    return 0.0F;
}

static double bump(double t, double centre, double sigma)
{
    return exp(-0.5 * (t - centre) * (t - centre) / (sigma * sigma));
}

/* Twelve leads of one shape: beats at 0.5, 1.5, ... s, P 160 ms and T 300 ms from R, lead l of R height r[l] and S depth s[l]. */
static pclr_record *hand_made(const double *r, const double *s)
{
    pclr_record *record = NULL;
    pclr_error error = {0};
    assert_int_equal(pclr_record_create(&record, "hand", RATE, 12, LENGTH, &error), PCLR_OK);
    for (size_t l = 0; l < 12; l++) {
        record->channel[l].lead = (pclr_lead)l;
        for (size_t i = 0; i < LENGTH; i++) {
            double t = fmod((double)i / RATE, 1.0) - 0.5;
            record->signal[l * LENGTH + i] = (float)(r[l] * bump(t, 0.0, 0.010) - s[l] * bump(t, 0.030, 0.008) +
                                                     0.12 * bump(t, -0.16, 0.02) + 0.3 * bump(t, 0.30, 0.04));
        }
    }
    return record;
}

/* The marks of the same recording, set by hand in every lead: nothing here depends on a detector. */
static pclr_fiducials *hand_marks(void)
{
    pclr_fiducials *f = calloc(1, sizeof *f);
    f->rate = RATE;
    f->leads = 12;
    f->beats = 10;
    f->quality = 1.0F;
    f->beat = calloc(13 * f->beats, sizeof *f->beat);
    f->lead_quality = calloc(12, sizeof *f->lead_quality);
    for (size_t l = 0; l < 12; l++) f->lead_quality[l] = 1.0F;
    for (size_t k = 0; k < 13 * f->beats; k++) {
        double peak = ((double)(k % f->beats) + 0.5) * RATE;
        f->beat[k].p = (pclr_wave){peak - 0.20 * RATE, peak - 0.16 * RATE, peak - 0.12 * RATE, 7};
        f->beat[k].qrs = (pclr_wave){peak - 0.04 * RATE, peak, peak + 0.06 * RATE, 7};
        f->beat[k].t = (pclr_wave){peak + 0.20 * RATE, peak + 0.30 * RATE, peak + 0.40 * RATE, 7};
    }
    return f;
}

static void free_marks(pclr_fiducials *f)
{
    free(f->beat);
    free(f->lead_quality);
    free(f);
}

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%g; expected %g within %g", value, expected, tolerance);
}

static void test_paper150_values(void **state)
{
    (void)state;
    const double r[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, s[12] = {0};
    const pclr_feature_layout *layout = layout_of("paper150");
    float value[MAX_FEATURES];
    uint8_t valid[MAX_FEATURES];
    int lead = -1;
    pclr_error error = {0};
    pclr_record *record = hand_made(r, s);
    pclr_fiducials *marks = hand_marks();
    assert_int_equal(pclr_features_compute(layout, record, marks, 2500, 2500, value, valid, &lead, &error), PCLR_OK);
    assert_int_equal(lead, PCLR_LEAD_II);
    near((double)value[0], 1000.0, 1e-3);            /* beat 0 uses the beat before the segment */
    assert_true(valid[4] && !valid[5]);              /* five beats */
    near((double)value[10], 160.0, 1e-3);            /* PR */
    near((double)value[20], 100.0, 1e-3);            /* QRS */
    near((double)value[30], 440.0, 1e-3);            /* QTc at 60/min = QT */
    near((double)value[40], 80.0, 1e-3);             /* P */
    near((double)value[50], 200.0, 1e-3);            /* T */
    near((double)value[60], 1.0, 0.01);              /* R */
    near((double)value[70], 0.3, 0.01);              /* T */
    near((double)value[80], 0.12, 0.01);             /* P */
    near((double)value[90], exp(-0.5) / 10.0, 3e-3); /* steepest point of a Gaussian of 10 ms, mV/ms */
    near((double)feature(layout, value, valid, "rr_sd"), 0.0, 1e-3);
    near((double)feature(layout, value, valid, "qrs_borderline"), 100.0, 1e-3);
    near((double)feature(layout, value, valid, "p_absent"), 0.0, 1e-3);
    near((double)feature(layout, value, valid, "beat_correlation_mean"), 1.0, 1e-3);
    assert_int_equal(pclr_features_compute(layout, record, marks, 0, 2500, value, valid, NULL, &error), PCLR_OK);
    assert_false(valid[0]); /* no beat before the first */
    free_marks(marks);
    pclr_record_destroy(&record);
}

static void test_rich_values(void **state)
{
    (void)state;
    double r[12], s[12];
    for (size_t l = 0; l < 12; l++) {
        r[l] = l < 6 ? 0.8 : 0.2 + 0.2 * (double)(l - 6); /* V1 0.2 ... V6 1.2 */
        s[l] = l < 6 ? 0.0 : 1.0 - 0.2 * (double)(l - 6); /* V1 1.0 ... V6 0 */
    }
    const pclr_feature_layout *layout = layout_of("rich");
    float value[MAX_FEATURES];
    uint8_t valid[MAX_FEATURES];
    pclr_error error = {0};
    pclr_record *record = hand_made(r, s);
    pclr_fiducials *marks = hand_marks();
    assert_int_equal(pclr_features_compute(layout, record, marks, 0, LENGTH, value, valid, NULL, &error), PCLR_OK);
    near((double)feature(layout, value, valid, "heart_rate"), 60.0, 1e-3);
    near((double)feature(layout, value, valid, "qtc_fridericia"), 440.0, 4.0); /* points are 4 ms apart */
    near((double)feature(layout, value, valid, "qrs_duration"), 100.0, 4.0);
    near((double)feature(layout, value, valid, "pr"), 160.0, 1e-3);
    near((double)feature(layout, value, valid, "r_amplitude_V6"), 1.2, 0.02);
    near((double)feature(layout, value, valid, "s_amplitude_V1"), 1.0, 0.04); /* 30 ms lies between two points */
    near((double)feature(layout, value, valid, "t_amplitude_V2"), 0.3, 0.01);
    near((double)feature(layout, value, valid, "p_max_II"), 0.12, 0.01);
    near((double)feature(layout, value, valid, "sokolow_lyon"), 2.2, 0.05);
    near((double)feature(layout, value, valid, "transition"), 3.0, 0.1); /* R = S = 0.6 mV in V3, by construction */
    near((double)feature(layout, value, valid, "qrs_axis"), 180.0 / M_PI * atan2(2.0 / sqrt(3.0), 1.0), 0.5);
    near((double)feature(layout, value, valid, "qrs_t_angle"), 0.0, 0.5);
    near((double)feature(layout, value, valid, "p_present"), 100.0, 1e-3);
    near((double)feature(layout, value, valid, "p_correlation_best"), 1.0, 0.01);
    near((double)feature(layout, value, valid, "premature_atrial"), 0.0, 1e-6);
    near((double)feature(layout, value, valid, "rr_near_equal"), 100.0, 1e-6);
    near((double)feature(layout, value, valid, "f_rms_II"), 0.0, 1e-3);
    free_marks(marks);
    pclr_record_destroy(&record);
}

/* A sinus of 6 Hz in place of P must be found again as strength and frequency of the atria. */
static void test_fibrillation_waves(void **state)
{
    (void)state;
    const double r[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, s[12] = {0};
    const pclr_feature_layout *layout = layout_of("rich");
    float value[MAX_FEATURES];
    uint8_t valid[MAX_FEATURES];
    pclr_error error = {0};
    pclr_record *record = hand_made(r, s);
    pclr_fiducials *marks = hand_marks();
    for (size_t i = 0; i < 12 * LENGTH; i++) record->signal[i] += (float)(0.1 * sin(2.0 * M_PI * 6.3 * (double)(i % LENGTH) / RATE));
    assert_int_equal(pclr_features_compute(layout, record, marks, 0, LENGTH, value, valid, NULL, &error), PCLR_OK);
    near((double)feature(layout, value, valid, "f_frequency_II"), 6.3, 1.01); /* stretches recur each second: +-1 Hz */
    assert_true(feature(layout, value, valid, "f_rms_II") > 0.03F);
    assert_true(feature(layout, value, valid, "p_correlation_best") < 0.95F);
    free_marks(marks);
    pclr_record_destroy(&record);
}

static void spoil(pclr_record *r, int kind)
{
    for (size_t i = 0; i < r->leads * r->samples; i++) {
        float *x = &r->signal[i];
        if (kind == 0) *x = 0.0F;
        if (kind == 1 && i % 97 == 0) *x = NAN;
        if (kind == 2 && i % 1009 == 0) *x = INFINITY;
        if (kind == 3) *x = 1e30F;
        if (kind == 4 && i % 501 == 0) *x = -1e30F;
        if (kind == 5) *x *= 1e3F;
        if (kind == 6 && i < 6 * r->samples) *x = NAN;
        if (kind == 7) *x = (float)(i * 2654435761U % 1000U) * 1e-3F;
        if (kind == 8 && i % r->samples > r->samples / 8) *x = 0.0F;
    }
}

static void test_never_not_finite(void **state)
{
    (void)state;
    static const char *const LAYOUT[] = {"paper150", "rich"};
    const double r[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, s[12] = {0};
    for (int kind = 0; kind < 9; kind++)
        for (size_t n = 0; n < 2; n++) {
            const pclr_feature_layout *layout = layout_of(LAYOUT[n]);
            float value[MAX_FEATURES];
            uint8_t valid[MAX_FEATURES];
            pclr_error error = {0};
            pclr_fiducials *marks = NULL;
            pclr_record *record = hand_made(r, s);
            spoil(record, kind);
            if (pclr_fiducials_compute(&marks, record, NULL, &error) != PCLR_OK) fail_msg("%d: %s", kind, error.message);
            assert_true(marks->quality >= 0.0F && marks->quality <= 1.0F);
            const double PART[][2] = {{0, LENGTH}, {0, 1}, {LENGTH - 3, 100}, {-50, 60}, {700, 400}};
            for (size_t p = 0; p < sizeof PART / sizeof *PART; p++) {
                assert_int_equal(pclr_features_compute(layout, record, marks, PART[p][0], PART[p][1], value, valid, NULL, &error), PCLR_OK);
                for (size_t k = 0; k < layout->count; k++) assert_true(isfinite(value[k]));
            }
            if (kind == 0) /* a flat line has no features */
                for (size_t k = 0; k < layout->count; k++) assert_false(valid[k]);
            pclr_fiducials_destroy(&marks);
            pclr_record_destroy(&record);
        }
}

static void test_bad_calls(void **state)
{
    (void)state;
    float value[MAX_FEATURES];
    uint8_t valid[MAX_FEATURES];
    const double r[12] = {1}, s[12] = {0};
    pclr_error error = {0};
    pclr_record *record = hand_made(r, s);
    pclr_fiducials *marks = hand_marks();
    assert_int_equal(pclr_features_compute(NULL, record, marks, 0, 10, value, valid, NULL, &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_features_compute(layout_of("rich"), record, marks, NAN, 10, value, valid, NULL, &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_features_compute(layout_of("rich"), record, marks, 0, 0, value, valid, NULL, &error), PCLR_E_ARGUMENT);
    marks->leads = 11;
    assert_int_equal(pclr_features_compute(layout_of("rich"), record, marks, 0, 10, value, valid, NULL, &error), PCLR_E_ARGUMENT);
    free_marks(marks);
    pclr_record_destroy(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),           cmocka_unit_test(test_paper150_values),
        cmocka_unit_test(test_rich_values),      cmocka_unit_test(test_fibrillation_waves),
        cmocka_unit_test(test_never_not_finite), cmocka_unit_test(test_bad_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
