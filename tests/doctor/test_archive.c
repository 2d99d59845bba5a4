/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated archive in which every kind of fault is planted: how many of each are found, and how many recordings without the fault
 * are said to have it. The table is that of docs/doctor.md.
 */
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

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "doctor/findings.h"
#include "folder.h"
#include "record/record.h"

enum { EACH = 8, CLEAN = 80 };

#define LABEL_OF_COPIED "10370003"

/* ---- faults: each changes a recording in memory, or its files ---- */

static float *lead(pclr_record *r, pclr_lead which)
{
    return r->signal + (size_t)pclr_record_find_lead(r, which) * r->samples;
}

static void swap_leads(pclr_record *r, pclr_lead a, pclr_lead b)
{
    float *x = lead(r, a), *y = lead(r, b);
    for (size_t i = 0; i < r->samples; i++) {
        float v = x[i];
        x[i] = y[i];
        y[i] = v;
    }
}

static void multiply(pclr_record *r, float factor)
{
    for (size_t i = 0; i < r->leads * r->samples; i++) r->signal[i] *= factor;
}

static void gain_too_large(pclr_record *r, rng *g)
{
    (void)g;
    multiply(r, 200);
}

static void volts_for_millivolts(pclr_record *r, rng *g)
{
    (void)g;
    multiply(r, 1e-2f);
}

static void one_lead_flat(pclr_record *r, rng *g)
{
    float *x = lead(r, (pclr_lead)(PCLR_LEAD_V1 + (int)rng_below(g, 6)));
    for (size_t i = 0; i < r->samples; i++) x[i] = 0.02f;
}

/* The recorder's range ends at 40 % of the lead's height. */
static void one_lead_clipped(pclr_record *r, rng *g)
{
    float *x = lead(r, (pclr_lead)(PCLR_LEAD_V1 + (int)rng_below(g, 6))), high = 0, low = 0;
    for (size_t i = 0; i < r->samples; i++) high = fmaxf(high, x[i]), low = fminf(low, x[i]);
    for (size_t i = 0; i < r->samples; i++) x[i] = fminf(fmaxf(x[i], 0.4f * low), 0.4f * high);
}

static void samples_missing(pclr_record *r, rng *g)
{
    size_t from = rng_below(g, r->samples / 2);
    for (size_t k = 0; k < r->leads; k++) {
        for (size_t i = from; i < from + r->samples / 4; i++) r->signal[k * r->samples + i] = NAN;
    }
    assert_int_equal(record_settle(r, NULL), PCLR_OK);
}

/* Hum enters by the arms' electrodes, so that the limb leads still follow from each other. */
static void mains(pclr_record *r, rng *g)
{
    double hz = rng_below(g, 2) ? 50 : 60, one = 0.1, two = 0.15, turn = 2 * acos(-1);
    const double share[12] = {one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, .1, .1, .1, .1, .1, .1};
    for (int k = 0; k < 12; k++) {
        float *x = lead(r, (pclr_lead)k);
        for (size_t i = 0; i < r->samples; i++) x[i] += (float)(share[k] * sin(turn * hz * (double)i / r->rate));
    }
}

static void limb_leads_mislabelled(pclr_record *r, rng *g)
{
    static const pclr_lead pair[3][2] = {{PCLR_LEAD_I, PCLR_LEAD_III}, {PCLR_LEAD_AVR, PCLR_LEAD_AVL}, {PCLR_LEAD_AVL, PCLR_LEAD_AVF}};
    size_t k = rng_below(g, 3);
    swap_leads(r, pair[k][0], pair[k][1]);
}

/* Lead I, II or III is written at 0.5 or 1.8 times its height. */
static void one_limb_lead_scaled(pclr_record *r, rng *g)
{
    float *x = lead(r, (pclr_lead)rng_below(g, 3)), factor = rng_below(g, 2) ? 0.5f : 1.8f;
    for (size_t i = 0; i < r->samples; i++) x[i] *= factor;
}

static void arms_exchanged(pclr_record *r, rng *g)
{
    float *one = lead(r, PCLR_LEAD_I);
    (void)g;
    for (size_t i = 0; i < r->samples; i++) one[i] = -one[i];
    swap_leads(r, PCLR_LEAD_II, PCLR_LEAD_III);
    swap_leads(r, PCLR_LEAD_AVR, PCLR_LEAD_AVL);
}

static void too_short(pclr_record *r, rng *g)
{
    size_t n = (size_t)(3 * r->rate);
    (void)g;
    for (size_t k = 0; k < r->leads; k++) memmove(r->signal + k * n, r->signal + k * r->samples, n * sizeof *r->signal);
    r->samples = n;
}

static void rate_too_high(pclr_record *r, rng *g)
{
    (void)g;
    r->rate *= 2.5;
}

static void rate_too_low(pclr_record *r, rng *g)
{
    (void)g;
    r->rate *= 0.4;
}

static void asystole(pclr_record *r, rng *g)
{
    for (size_t i = 0; i < r->leads * r->samples; i++) r->signal[i] = (float)(0.004 * rng_normal(g));
}

/* White noise of 1.5 mV: no beat can be told. */
static void drowned_in_noise(pclr_record *r, rng *g)
{
    for (size_t i = 0; i < r->leads * r->samples; i++) r->signal[i] += (float)(1.5 * rng_normal(g));
}

/* An electrode that hangs loose: noise of 1.5 mV on a baseline that swings by 10 mV. */
static void electrodes_loose(pclr_record *r, rng *g)
{
    double turn = 2 * acos(-1), phase = rng_uniform(g);
    drowned_in_noise(r, g);
    for (size_t k = 0; k < r->leads; k++) {
        for (size_t i = 0; i < r->samples; i++) {
            double swing = 10 * sin(turn * (0.15 * (double)i / r->rate + phase));
            r->signal[k * r->samples + i] += (float)swing;
        }
    }
}

/* The electrode of one chest lead is off: noise instead of a heart. */
static void one_lead_off(pclr_record *r, rng *g)
{
    float *x = lead(r, (pclr_lead)(PCLR_LEAD_V1 + (int)rng_below(g, 6)));
    for (size_t i = 0; i < r->samples; i++) x[i] = (float)(0.1 * rng_normal(g));
}

/* ---- faults of headers, written after the recording ---- */

static void add_line(const char *id, const char *line)
{
    char name[64];
    snprintf(name, sizeof name, "%s.hea", id);
    FILE *f = fopen(in_folder(name), "a");
    assert_non_null(f);
    fprintf(f, "%s\n", line);
    fclose(f);
}

static void age_of_300(const char *id)
{
    add_line(id, "# Age: 300");
}

static void two_rhythms(const char *id)
{
    add_line(id, "# Dx: 426783006,164889003");
}

static void cut_off(const char *id)
{
    char name[64];
    snprintf(name, sizeof name, "%s.dat", id);
    assert_int_equal(truncate(in_folder(name), 50000), 0);
}

static void changed_on_disk(const char *id)
{
    char name[64];
    snprintf(name, sizeof name, "%s.dat", id);
    FILE *f = fopen(in_folder(name), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 1000, SEEK_SET), 0);
    fputs("bits", f);
    fclose(f);
}

static const struct fault {
    const char *name;
    finding_kind kind;
    void (*change)(pclr_record *r, rng *g);
    void (*spoil)(const char *id);
    bool copy_of_clean, other_patient, other_label; /* a copy of an untouched recording, told otherwise */
    double recall;                                  /* least share that must be found */
} faults[] = {
    {"gain 200 times too large", FINDING_SCALE, gain_too_large, NULL, false, false, false, 1},
    {"unit 100 times too small", FINDING_SCALE, volts_for_millivolts, NULL, false, false, false, 1},
    {"one lead flat", FINDING_FLAT, one_lead_flat, NULL, false, false, false, 1},
    {"one lead clipped", FINDING_CLIPPED, one_lead_clipped, NULL, false, false, false, 0.75},
    {"a quarter missing (NaN)", FINDING_MISSING, samples_missing, NULL, false, false, false, 1},
    {"50 or 60 Hz of 0.1 mV", FINDING_MAINS, mains, NULL, false, false, false, 1},
    {"limb leads mislabelled", FINDING_LEADS, limb_leads_mislabelled, NULL, false, false, false, 1},
    {"a limb lead at 0.5 or 1.8 times its gain", FINDING_GAINS, one_limb_lead_scaled, NULL, false, false, false, 0.75},
    {"arm electrodes exchanged", FINDING_REVERSED, arms_exchanged, NULL, false, false, false, 0.9},
    {"3 s long", FINDING_SHORT, too_short, NULL, false, false, false, 1},
    {"rate 2.5 times too high", FINDING_RATE, rate_too_high, NULL, false, false, false, 0.75},
    {"rate 2.5 times too low", FINDING_RATE, rate_too_low, NULL, false, false, false, 0.75},
    {"no heart", FINDING_NO_BEATS, asystole, NULL, false, false, false, 1},
    {"drowned in noise", FINDING_NO_BEATS, drowned_in_noise, NULL, false, false, false, 0.75},
    {"loose electrodes", FINDING_NOISE, electrodes_loose, NULL, false, false, false, 0.75},
    {"file cut off", FINDING_UNREADABLE, NULL, cut_off, false, false, false, 1},
    {"bytes changed on disk", FINDING_HEADER, NULL, changed_on_disk, false, false, false, 1},
    {"age 300", FINDING_AGE, NULL, age_of_300, false, false, false, 1},
    {"two rhythms at once", FINDING_LABELS, NULL, two_rhythms, false, false, false, 1},
    {"copy", FINDING_DUPLICATE, NULL, NULL, true, false, false, 1},
    {"copy under another patient", FINDING_PATIENT, NULL, NULL, true, true, false, 1},
    {"copy with another label", FINDING_LABELS, NULL, NULL, true, false, true, 1},
    {"patient of two sexes", FINDING_PATIENT, NULL, NULL, false, false, false, 1},
    {"noise alone in one lead", FINDING_ARTEFACT, one_lead_off, NULL, false, false, false, 1},
};
enum { FAULTS = sizeof faults / sizeof *faults };

/* ---- the archive: recordings c000.. without fault, then fNN_KKK with fault NN ---- */

static pclr_record *simulate(size_t index)
{
    pclr_simulate_options options = {.seed = 4, .records = CLEAN + FAULTS * EACH, .snr = 24, .snr_set = true};
    pclr_record *r = NULL;
    pclr_error error = {0};

    if (pclr_simulate_record(&r, index, &options, &error) != PCLR_OK) fail_msg("%s", error.message);
    for (size_t k = 0; k < r->annotations; k++) mem_release(&r->annotation[k].aux);
    r->annotations = 0;
    return r;
}

static void name_record(pclr_record *r, const char *id, const char *patient)
{
    assert_int_equal(record_set_text(&r->id, id, NULL), PCLR_OK);
    assert_int_equal(record_set_text(&r->patient, patient, NULL), PCLR_OK);
    assert_int_equal(record_set_text(&r->comments, NULL, NULL), PCLR_OK);
    r->age = -1;
    r->sex = PCLR_SEX_UNKNOWN;
}

static void put(pclr_record *r)
{
    pclr_error error = {0};
    if (pclr_record_write_wfdb(r, folder_name(), NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
}

static void plant(size_t fault, size_t k)
{
    const struct fault *f = &faults[fault];
    char id[32], patient[32];
    rng g = rng_make(9, "plant", fault * EACH + k);
    pclr_record *r = simulate(f->copy_of_clean ? k : CLEAN + fault * EACH + k);

    snprintf(id, sizeof id, "f%02zu_%03zu", fault, k);
    snprintf(patient, sizeof patient, f->copy_of_clean && !f->other_patient ? "clean%zu" : "planted%zu",
             f->copy_of_clean ? k : fault * EACH + k);
    bool second_sex = f->kind == FINDING_PATIENT && !f->copy_of_clean; /* a clean recording's patient, who is a man there */
    if (second_sex) snprintf(patient, sizeof patient, "clean%zu", k);
    name_record(r, id, patient);
    if (second_sex) r->sex = PCLR_SEX_FEMALE;
    if (f->other_label) assert_int_equal(record_set_text(&r->diagnoses, "59118001", NULL), PCLR_OK);
    if (f->copy_of_clean && !f->other_label) assert_int_equal(record_set_text(&r->diagnoses, LABEL_OF_COPIED, NULL), PCLR_OK);
    if (f->spoil) assert_int_equal(record_set_text(&r->diagnoses, NULL, NULL), PCLR_OK);
    if (f->change) f->change(r, &g);
    put(r);
    if (f->spoil) f->spoil(id);
    pclr_record_destroy(&r);
}

static int make_archive(void **state)
{
    char id[32], patient[32];
    (void)state;
    if (folder_make() != 0) return -1;
    for (size_t k = 0; k < CLEAN; k++) {
        pclr_record *r = simulate(k);
        snprintf(id, sizeof id, "c%03zu", k);
        snprintf(patient, sizeof patient, "clean%zu", k);
        name_record(r, id, patient);
        if (k < EACH) r->sex = PCLR_SEX_MALE;
        if (k < EACH) assert_int_equal(record_set_text(&r->diagnoses, LABEL_OF_COPIED, NULL), PCLR_OK);
        put(r);
        pclr_record_destroy(&r);
    }
    for (size_t f = 0; f < FAULTS; f++) {
        for (size_t k = 0; k < EACH; k++) plant(f, k);
    }
    return 0;
}

/* Findings that follow from a fault besides its own: a copy is a copy under whatever name, silence has no amplitude, noise of each lead
 * its own obeys no equation. */
static uint32_t allowed(const struct fault *f)
{
    uint32_t kinds = 1u << f->kind;
    if (f->copy_of_clean) kinds |= 1u << FINDING_DUPLICATE;
    if (f->kind == FINDING_NO_BEATS || f->kind == FINDING_NOISE)
        kinds |= 1u << FINDING_SCALE | 1u << FINDING_NOISE | 1u << FINDING_FLAT | 1u << FINDING_LEADS | 1u << FINDING_ARTEFACT;
    if (f->kind == FINDING_SCALE)
        kinds |= 1u << FINDING_MAINS | 1u << FINDING_FLAT | 1u << FINDING_NO_BEATS | 1u << FINDING_NOISE | 1u << FINDING_CLIPPED;
    if (f->kind == FINDING_HEADER) kinds |= 1u << FINDING_ARTEFACT; /* samples changed on disk */
    if (f->kind == FINDING_RATE)
        kinds |= 1u << FINDING_ARTEFACT | 1u << FINDING_SHORT | 1u << FINDING_LABELS | 1u << FINDING_MAINS | 1u << FINDING_NOISE;
    if (f->kind == FINDING_MISSING || f->kind == FINDING_FLAT || f->kind == FINDING_NOISE || f->kind == FINDING_SHORT)
        kinds |= 1u << FINDING_NOISE | 1u << FINDING_LEADS | 1u << FINDING_NO_BEATS;
    return kinds;
}

static const struct fault *fault_of(const pclr_checked *r)
{
    size_t f;
    return sscanf(r->id, "f%02zu_", &f) == 1 ? &faults[f] : NULL;
}

static void finds_what_was_planted(void **state)
{
    const char *source = folder_name();
    pclr_checkup *c = NULL;
    pclr_error error = {0};
    size_t found[FAULTS] = {0}, alarms[PCLR_FINDINGS] = {0}, without[PCLR_FINDINGS] = {0}, spotless = 0;

    (void)state;
    if (pclr_check_run(&c, &source, 1, NULL, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(c->count, CLEAN + FAULTS * EACH);
    for (size_t i = 0; i < c->count; i++) {
        const pclr_checked *r = &c->record[i];
        const struct fault *f = fault_of(r);
        uint32_t expected = f ? allowed(f) : 0;
        if (f)
            found[f - faults] += r->kinds >> f->kind & 1;
        else
            spotless += r->kinds == 0;
        for (size_t k = 0; k < PCLR_FINDINGS; k++) {
            if (expected >> k & 1) continue;
            without[k]++;
            if (r->kinds >> k & 1) {
                alarms[k]++;
                print_message("false %s: %s %s\n", pclr_finding_name(k), r->id, r->findings);
            }
        }
    }
    print_message("| planted | finding | found | false alarms |\n|---|---|---|---|\n");
    for (size_t f = 0; f < FAULTS; f++) {
        size_t k = faults[f].kind;
        print_message("| %s | %s | %zu of %d | %zu of %zu |\n", faults[f].name, pclr_finding_name(k), found[f], EACH, alarms[k],
                      without[k]);
    }
    print_message("clean recordings without any finding: %zu of %d\n", spotless, CLEAN);
    uint32_t planted = 0;
    for (size_t f = 0; f < FAULTS; f++) planted |= 1u << faults[f].kind;
    assert_int_equal(planted, (1u << PCLR_FINDINGS) - 1); /* every kind of finding has a row */
    for (size_t f = 0; f < FAULTS; f++) {
        if ((double)found[f] < faults[f].recall * EACH) fail_msg("%s: %zu of %d found", faults[f].name, found[f], EACH);
    }
    for (size_t k = 0; k < PCLR_FINDINGS; k++) {
        if ((double)alarms[k] > 0.05 * (double)without[k])
            fail_msg("%s: %zu false alarms in %zu", pclr_finding_name(k), alarms[k], without[k]);
    }
    pclr_checkup_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_was_planted)};
    return cmocka_run_group_tests(tests, make_archive, folder_tear_down);
}
