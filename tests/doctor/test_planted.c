/* SPDX-License-Identifier: Apache-2.0 */
/* Planted faults: every kind is found in the record that has it, and a clean record has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "doctor/findings.h"
#include "folder.h"

enum { RATE = 500, SAMPLES = 5000 };

static double bump(double t, double centre, double width, double height)
{
    return height * exp(-(t - centre) * (t - centre) / (2 * width * width));
}

/* One beat a 0.8 s: P, Q, R, S, T; and a little reproducible noise of 5 uV. */
static double wave(double t, unsigned *state)
{
    double phase = fmod(t, 0.8);
    *state = *state * 1664525u + 1013904223u;
    double noise = ((double)(*state >> 8) / 16777216.0 - 0.5) * 0.01;
    return bump(phase, 0.18, 0.022, 0.12) + bump(phase, 0.325, 0.009, -0.1) + bump(phase, 0.35, 0.011, 1.0) +
           bump(phase, 0.375, 0.009, -0.2) + bump(phase, 0.6, 0.045, 0.3) + noise;
}

/* 12 leads that obey Einthoven and Goldberger. */
static pclr_record *clean_record(void)
{
    static const double of_v[6] = {-0.6, 0.5, 0.8, 1.2, 1.1, 0.9};
    pclr_record *r = NULL;
    unsigned state = 7;
    assert_int_equal(mem_alloc(&r, 1, sizeof *r, NULL), PCLR_OK);
    *r = (pclr_record){.rate = RATE, .leads = 12, .samples = SAMPLES, .age = 50, .sex = PCLR_SEX_UNKNOWN};
    assert_int_equal(mem_strdup(&r->id, "planted", NULL), PCLR_OK);
    assert_int_equal(mem_alloc(&r->channel, 12, sizeof *r->channel, NULL), PCLR_OK);
    assert_int_equal(mem_alloc(&r->signal, 12 * SAMPLES, sizeof *r->signal, NULL), PCLR_OK);
    for (int lead = 0; lead < 12; lead++) {
        r->channel[lead].lead = (pclr_lead)lead;
        snprintf(r->channel[lead].name, sizeof r->channel[lead].name, "%s", pclr_lead_name((pclr_lead)lead));
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        double t = (double)i / RATE, one = 0.7 * wave(t, &state), two = 1.0 * wave(t, &state);
        double limb[6] = {one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2};
        for (size_t k = 0; k < 6; k++) {
            r->signal[k * SAMPLES + i] = (float)limb[k];
            r->signal[(6 + k) * SAMPLES + i] = (float)(of_v[k] * wave(t, &state));
        }
    }
    return r;
}

static uint32_t kinds_of(pclr_record *r, char *words, size_t size)
{
    findings f = {0};
    pclr_fiducials *marks = NULL;
    assert_int_equal(pclr_fiducials_compute(&marks, r, NULL, NULL), PCLR_OK);
    checks_run(&f, r, marks);
    snprintf(words, size, "%s", f.words.data ? f.words.data : "");
    uint32_t kinds = f.kinds;
    findings_free(&f);
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&r);
    return kinds;
}

static void assert_only(pclr_record *r, uint32_t expected)
{
    char words[512];
    uint32_t kinds = kinds_of(r, words, sizeof words);
    if (kinds != expected) fail_msg("kinds %x, expected %x: %s", kinds, expected, words);
}

static void clean_has_none(void **state)
{
    (void)state;
    assert_only(clean_record(), 0);
}

static void wrong_scale(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    for (size_t i = 0; i < 12 * SAMPLES; i++) r->signal[i] *= 1000;
    assert_only(r, 1u << FINDING_SCALE);
}

static void flat_lead(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    for (size_t i = 0; i < SAMPLES; i++) r->signal[8 * SAMPLES + i] = 0.1f;
    char words[512];
    assert_int_equal(kinds_of(r, words, sizeof words), 1u << FINDING_FLAT);
    assert_string_equal(words, "flat(V3)");
}

static void clipped_lead(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    for (size_t i = 0; i < SAMPLES; i++) r->signal[9 * SAMPLES + i] = fminf(r->signal[9 * SAMPLES + i], 0.5f);
    assert_only(r, 1u << FINDING_CLIPPED);
}

static void missing_samples(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    assert_int_equal(mem_alloc(&r->valid, 12 * SAMPLES, 1, NULL), PCLR_OK);
    memset(r->valid, 1, 12 * SAMPLES);
    for (size_t i = 0; i < 3000; i++) r->valid[11 * SAMPLES + i] = 0, r->signal[11 * SAMPLES + i] = 0;
    assert_only(r, 1u << FINDING_MISSING);
}

static void mains_hum(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    for (size_t lead = 0; lead < 6; lead++) {
        /* Hum of one source obeys the lead equations as well: the same share as the heart's. */
        static const double share[6] = {0.7, 1.0, 0.3, -0.85, 0.2, 0.65};
        for (size_t i = 0; i < SAMPLES; i++)
            r->signal[lead * SAMPLES + i] += (float)(0.15 * share[lead] * sin(2 * acos(-1) * 50 * (double)i / RATE));
    }
    assert_only(r, 1u << FINDING_MAINS);
}

static void hum_in_one_lead(void **state)
{
    (void)state;
    char words[512];
    pclr_record *r = clean_record();
    for (size_t i = 0; i < SAMPLES; i++) r->signal[9 * SAMPLES + i] += (float)(0.2 * sin(2 * acos(-1) * 60 * (double)i / RATE));
    assert_int_equal(kinds_of(r, words, sizeof words), 1u << FINDING_MAINS);
    assert_string_equal(words, "mains(60 Hz in V4)");
}

/* Noise alone in V2, a baseline that swings in V3, a second and a half of artefact in V6. */
static void artefacts_by_lead(void **state)
{
    (void)state;
    char words[512];
    unsigned seed = 3;
    pclr_record *r = clean_record();
    for (size_t i = 0; i < SAMPLES; i++) {
        seed = seed * 1664525u + 1013904223u;
        double noise = (double)(seed >> 8) / 16777216.0 - 0.5;
        r->signal[7 * SAMPLES + i] = (float)(0.3 * noise);
        r->signal[8 * SAMPLES + i] += (float)(2 * sin(2 * acos(-1) * 0.3 * (double)i / RATE));
        if (i >= 2100 && i < 2850) r->signal[11 * SAMPLES + i] += (float)(2 * noise);
    }
    assert_int_equal(kinds_of(r, words, sizeof words), 1u << FINDING_ARTEFACT);
    assert_string_equal(words, "artefact(V2 noise, V3 wander, V6 burst)");
}

static void exchanged_leads(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    for (size_t i = 0; i < SAMPLES; i++) { /* aVL and aVF under each other's name */
        float x = r->signal[4 * SAMPLES + i];
        r->signal[4 * SAMPLES + i] = r->signal[5 * SAMPLES + i];
        r->signal[5 * SAMPLES + i] = x;
    }
    assert_only(r, 1u << FINDING_LEADS);
}

static void reversed_arms(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    for (size_t i = 0; i < SAMPLES; i++) { /* I' = -I, II' = III, III' = II, aVR' = aVL, aVL' = aVR */
        float one = r->signal[i], two = r->signal[SAMPLES + i], three = r->signal[2 * SAMPLES + i];
        float right = r->signal[3 * SAMPLES + i], left = r->signal[4 * SAMPLES + i];
        r->signal[i] = -one, r->signal[SAMPLES + i] = three, r->signal[2 * SAMPLES + i] = two;
        r->signal[3 * SAMPLES + i] = left, r->signal[4 * SAMPLES + i] = right;
    }
    assert_only(r, 1u << FINDING_REVERSED);
}

static void short_and_old(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    r->age = 300;
    for (size_t lead = 1; lead < 12; lead++) memmove(r->signal + lead * 2000, r->signal + lead * SAMPLES, 2000 * sizeof *r->signal);
    r->samples = 2000;
    assert_only(r, 1u << FINDING_SHORT | 1u << FINDING_AGE);
}

static void wrong_rate(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    r->rate = 200; /* a 500-Hz record under a header of 200 Hz: 30/min, QRS 2.5 times as long */
    char words[512];
    uint32_t kinds = kinds_of(r, words, sizeof words);
    if (!(kinds >> FINDING_RATE & 1)) fail_msg("rate not found: %s", words);
}

static void rate_without_beats(void **state)
{
    (void)state;
    findings f = {0};
    pclr_record *r = clean_record();
    r->rate = 10;
    checks_run(&f, r, NULL);
    if (!(f.kinds >> FINDING_RATE & 1)) fail_msg("rate not found: %s", f.words.data ? f.words.data : "");
    findings_free(&f);
    pclr_record_destroy(&r);
}

static void flat_line_has_no_beats(void **state)
{
    (void)state;
    pclr_record *r = clean_record();
    memset(r->signal, 0, 12 * SAMPLES * sizeof *r->signal);
    char words[512];
    uint32_t kinds = kinds_of(r, words, sizeof words);
    assert_true(kinds >> FINDING_NO_BEATS & 1);
    assert_true(kinds >> FINDING_FLAT & 1);
}

/* Files: one clean, its copy under another name, one that is no ECG. */
static void archive_with_a_copy_and_a_broken_file(void **state)
{
    (void)state;
    char line[512], content[4096] = "";
    pclr_check_summary s;
    pclr_error error = {0};
    assert_int_equal(folder_make(), 0);
    pclr_record *r = clean_record();
    assert_int_equal(pclr_record_write_wfdb(r, folder_name(), NULL, &error), PCLR_OK);
    mem_release(&r->id);
    assert_int_equal(mem_strdup(&r->id, "zcopy", NULL), PCLR_OK);
    assert_int_equal(pclr_record_write_wfdb(r, folder_name(), NULL, &error), PCLR_OK);
    pclr_record_destroy(&r);
    FILE *broken = fopen(in_folder("broken.hea"), "w");
    assert_non_null(broken);
    fputs("broken 1 500 100\nnothere.dat 16 1000 16 0 0 0 0 I\n", broken);
    fclose(broken);
    const char *path = in_folder("findings.csv");
    const char *sources[] = {folder_name()};
    if (pclr_check(sources, 1, path, NULL, NULL, &s, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(s.found, 3);
    assert_int_equal(s.readable, 2);
    assert_int_equal(s.clean, 1);
    assert_int_equal(s.records[FINDING_DUPLICATE], 1);
    FILE *csv = fopen(path, "r");
    assert_non_null(csv);
    while (fgets(line, sizeof line, csv)) strncat(content, line, sizeof content - strlen(content) - 1);
    fclose(csv);
    assert_ptr_equal(strstr(content, "record_id,quality,findings\n"), content);
    assert_non_null(strstr(content, "broken,0.0000,"));
    assert_non_null(strstr(content, "duplicate(planted)"));
    assert_int_equal(folder_remove(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_has_none),
        cmocka_unit_test(wrong_scale),
        cmocka_unit_test(flat_lead),
        cmocka_unit_test(clipped_lead),
        cmocka_unit_test(missing_samples),
        cmocka_unit_test(mains_hum),
        cmocka_unit_test(hum_in_one_lead),
        cmocka_unit_test(artefacts_by_lead),
        cmocka_unit_test(exchanged_leads),
        cmocka_unit_test(reversed_arms),
        cmocka_unit_test(short_and_old),
        cmocka_unit_test(wrong_rate),
        cmocka_unit_test(rate_without_beats),
        cmocka_unit_test(flat_line_has_no_beats),
        cmocka_unit_test(archive_with_a_copy_and_a_broken_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
