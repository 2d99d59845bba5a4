/* SPDX-License-Identifier: Apache-2.0 */
/* Faults planted in one lead of simulated recordings: what becomes of the marks elsewhere. Limits are a little above what is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include <physioclr.h>

#include "base/rng.h"

enum { RECORDS = 24, BURST_SECONDS = 2 };

typedef struct stretch {
    double first, last; /* samples that the fault touches */
} stretch;

static float *lead_of(pclr_record *r, size_t lead)
{
    return r->signal + lead * r->samples;
}

static stretch whole(const pclr_record *r)
{
    return (stretch){0, (double)r->samples};
}

static stretch flat(pclr_record *r, size_t lead, rng *g)
{
    (void)g;
    for (size_t i = 0; i < r->samples; i++) lead_of(r, lead)[i] = 0.1f;
    return whole(r);
}

static stretch off(pclr_record *r, size_t lead, rng *g)
{
    for (size_t i = 0; i < r->samples; i++) lead_of(r, lead)[i] = (float)(0.1 * rng_normal(g));
    return whole(r);
}

static stretch hum(pclr_record *r, size_t lead, rng *g)
{
    double phase = rng_uniform(g);
    for (size_t i = 0; i < r->samples; i++) lead_of(r, lead)[i] += (float)(0.2 * sin(2 * acos(-1) * (50 * (double)i / r->rate + phase)));
    return whole(r);
}

static stretch wander(pclr_record *r, size_t lead, rng *g)
{
    double phase = rng_uniform(g);
    for (size_t i = 0; i < r->samples; i++) lead_of(r, lead)[i] += (float)(2 * sin(2 * acos(-1) * (0.3 * (double)i / r->rate + phase)));
    return whole(r);
}

static stretch burst(pclr_record *r, size_t lead, rng *g)
{
    size_t length = (size_t)(BURST_SECONDS * r->rate), first = (size_t)(2 * r->rate) + rng_below(g, (uint32_t)(4 * r->rate));
    for (size_t i = first; i < first + length; i++) lead_of(r, lead)[i] += (float)(1.5 * rng_normal(g));
    return (stretch){(double)first, (double)(first + length)};
}

static pclr_record *simulated(size_t k)
{
    pclr_simulate_options options = {.seed = 6, .records = RECORDS, .snr = 24, .snr_set = true};
    pclr_record *r = NULL;
    pclr_error error = {0};
    if (pclr_simulate_record(&r, k, &options, &error) != PCLR_OK) fail_msg("%s", error.message);
    return r;
}

static pclr_fiducials *marks_of(const pclr_record *r)
{
    pclr_fiducials *marks = NULL;
    pclr_error error = {0};
    if (pclr_fiducials_compute(&marks, r, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    return marks;
}

typedef struct tally {
    size_t beats, lost, marks, moved;
} tally;

static void count_wave(tally *t, const pclr_wave *a, const pclr_wave *b, double reach)
{
    const double was[3] = {a->onset, a->peak, a->offset}, is[3] = {b->onset, b->peak, b->offset};
    for (int k = 0; k < 3; k++) {
        uint8_t bit = (uint8_t)(1 << k);
        if (!((a->has | b->has) & bit)) continue;
        t->marks++;
        t->moved += (a->has & bit) != (b->has & bit) || fabs(was[k] - is[k]) > reach;
    }
}

static size_t beat_near(const pclr_fiducials *f, double at, double reach)
{
    for (size_t k = 0; k < f->beats; k++)
        if (fabs(pclr_fiducials_beat(f, PCLR_FUSED, k)->qrs.peak - at) < reach) return k;
    return f->beats;
}

/* Beats of `was` that are kept away from the fault, and how their marks in the leads but `lead` (and fused) move; SIZE_MAX: all leads. */
static void compare(tally *t, const pclr_fiducials *was, const pclr_fiducials *is, size_t lead, stretch s, double away)
{
    for (size_t k = 0; k < was->beats; k++) {
        double at = pclr_fiducials_beat(was, PCLR_FUSED, k)->qrs.peak;
        if (at > s.first - away && at < s.last + away) continue;
        size_t same = beat_near(is, at, 0.1 * was->rate);
        t->beats++;
        t->lost += same == is->beats;
        for (size_t l = 0; l <= was->leads && same < is->beats; l++) {
            if (l == lead) continue;
            const pclr_beat *a = &was->beat[l * was->beats + k], *b = &is->beat[l * is->beats + same];
            count_wave(t, &a->p, &b->p, 0.01 * was->rate);
            count_wave(t, &a->qrs, &b->qrs, 0.01 * was->rate);
            count_wave(t, &a->t, &b->t, 0.01 * was->rate);
        }
    }
}

static const struct fault {
    const char *name;
    stretch (*plant)(pclr_record *r, size_t lead, rng *g);
    bool local;         /* looked at from 2 s away on, in all leads; else everywhere, in the other leads */
    double lost, moved; /* most that may be, % */
} faults[] = {
    {"flat", flat, false, 0, 0.6},     {"noise alone", off, false, 0, 1.2}, {"mains", hum, false, 0, 1.2},
    {"wander", wander, false, 0, 1.0}, {"burst", burst, true, 0, 1.6},
};

static void leaves_the_rest_alone(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        tally t = {0};
        for (size_t k = 0; k < RECORDS; k++) {
            rng g = rng_make(8, "bad lead", f * RECORDS + k);
            pclr_record *r = simulated(k);
            pclr_fiducials *was = marks_of(r);
            size_t lead = rng_below(&g, (uint32_t)r->leads);
            stretch s = faults[f].plant(r, lead, &g);
            pclr_fiducials *is = marks_of(r);
            if (faults[f].local)
                compare(&t, was, is, SIZE_MAX, s, 2 * r->rate);
            else
                compare(&t, was, is, lead, (stretch){INFINITY, -INFINITY}, 0);
            pclr_fiducials_destroy(&was);
            pclr_fiducials_destroy(&is);
            pclr_record_destroy(&r);
        }
        double lost = 100 * (double)t.lost / (double)t.beats, moved = 100 * (double)t.moved / (double)t.marks;
        print_message("%s: %.1f %% of %zu beats lost, %.1f %% of %zu marks elsewhere come, go or move by over 10 ms\n", faults[f].name,
                      lost, t.beats, moved, t.marks);
        if (lost > faults[f].lost || moved > faults[f].moved) fail_msg("%s changes too much elsewhere", faults[f].name);
    }
}

/* The lead that R is read from may miss a beat: R then comes from the leads that show it. */
static void a_beat_one_lead_misses(void **state)
{
    (void)state;
    for (size_t k = 0; k < RECORDS; k++) {
        pclr_record *r = simulated(k);
        pclr_fiducials *was = marks_of(r);
        size_t beat = was->beats / 2;
        if (was->beats < 3) goto next;
        const double at = pclr_fiducials_beat(was, PCLR_FUSED, beat)->qrs.peak, around = 0.2 * r->rate;
        for (size_t lead = 0; lead < r->leads; lead++) { /* whichever it is */
            pclr_record *copy = simulated(k);
            float *x = lead_of(copy, lead);
            for (size_t i = (size_t)(at - around); i < (size_t)(at + around); i++) x[i] = x[(size_t)(at - around)];
            pclr_fiducials *is = marks_of(copy);
            if (beat_near(is, at, 0.05 * r->rate) == is->beats) fail_msg("record %zu: without its beat in lead %zu R is not found at %.0f", k, lead, at);
            for (size_t b = 1; b < is->beats; b++)
                assert_true(pclr_fiducials_beat(is, PCLR_FUSED, b)->qrs.peak > pclr_fiducials_beat(is, PCLR_FUSED, b - 1)->qrs.peak);
            pclr_fiducials_destroy(&is);
            pclr_record_destroy(&copy);
        }
    next:
        pclr_fiducials_destroy(&was);
        pclr_record_destroy(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_the_rest_alone), cmocka_unit_test(a_beat_one_lead_misses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
