/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of the augmentations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "augment/augment.h"

enum { T = 1000, C = 12, BEATS = 8 };

static const char *const names12[C] = {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"};

typedef struct fixture {
    float signal[T * C], before[T * C], scratch[T * C];
    double peak[BEATS + 2], cut[BEATS + 1];
    augment_segment segment;
    pclr_config *config;
} fixture;

static pclr_config *make_config(void)
{
    const config_key *tables[32];
    size_t sizes[32];
    pclr_config *config = NULL;
    for (size_t k = 0; k < augment_count(); k++) {
        tables[k] = augment_at(k)->keys;
        sizes[k] = augment_at(k)->keys_count;
    }
    assert_int_equal(config_create(&config, tables, sizes, augment_count(), NULL), PCLR_OK);
    return config;
}

static void set_key(fixture *f, const char *key, const char *value)
{
    assert_int_equal(pclr_config_set(f->config, key, value, NULL), PCLR_OK);
}

/* Random samples; BEATS + 1 cuts at uneven distances; an R peak in each inner beat, one in head and tail. Samples are marked: the
 * limb leads obey Einthoven's law. */
static void fill(fixture *f, uint64_t seed)
{
    rng r = rng_make(seed, "test", 0);
    for (int t = 0; t < T; t++) {
        float *x = f->signal + t * C;
        for (int c = 0; c < C; c++) x[c] = (float)rng_normal(&r);
        x[2] = x[1] - x[0];
        x[3] = -(x[0] + x[1]) / 2;
        x[4] = x[0] - x[1] / 2;
        x[5] = x[1] - x[0] / 2;
    }
    double position = 60;
    for (int k = 0; k <= BEATS; k++) {
        f->cut[k] = position;
        position += 80 + 5 * k;
    }
    f->peak[0] = 20;
    for (int k = 0; k < BEATS; k++) f->peak[k + 1] = f->cut[k] + 30.25 + k;
    f->peak[BEATS + 1] = T - 5;
    memcpy(f->before, f->signal, sizeof f->before);
    f->segment = (augment_segment){.signal = f->signal,
                                   .samples = T,
                                   .leads = C,
                                   .rate = 100,
                                   .lead_name = names12,
                                   .peak = f->peak,
                                   .peaks = BEATS + 2,
                                   .cut = f->cut,
                                   .cuts = BEATS + 1,
                                   .scratch = f->scratch};
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->config = make_config();
    fill(f, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    pclr_config_destroy(&f->config);
    free(f);
    return 0;
}

static bool apply(fixture *f, const char *name, uint64_t seed)
{
    rng r = rng_make(seed, "augment", 0);
    const augment_type *type = augment_find(name);
    assert_non_null(type);
    return type->apply(&f->segment, f->config, &r);
}

/* Index of the original beat whose first sample (all leads) now stands at `t`; -1 none. */
static int beat_at(const fixture *f, const double *old_cut, int t)
{
    for (int k = 0; k < BEATS; k++)
        if (memcmp(f->signal + t * C, f->before + (int)old_cut[k] * C, C * sizeof(float)) == 0) return k;
    return -1;
}

/* Every beat appears once, whole, in all leads alike; peaks and cuts moved with their beats; head and tail untouched; not identity. */
static void shuffle_keeps_beats(void **state)
{
    fixture *f = *state;
    set_key(f, "augment.heartbeat_shuffle.cross_fade", "0");
    for (uint64_t seed = 0; seed < 200; seed++) {
        double old_cut[BEATS + 1], old_peak[BEATS + 2];
        bool seen[BEATS] = {false}, moved = false;
        fill(f, seed);
        memcpy(old_cut, f->cut, sizeof old_cut);
        memcpy(old_peak, f->peak, sizeof old_peak);
        assert_true(apply(f, "heartbeat_shuffle", seed));
        int t = (int)old_cut[0];
        assert_memory_equal(f->signal, f->before, (size_t)(t * C) * sizeof(float));
        for (int k = 0; k < BEATS; k++) {
            int b = beat_at(f, old_cut, t), length;
            assert_in_range(b, 0, BEATS - 1);
            assert_false(seen[b]);
            seen[b] = true;
            moved = moved || b != k;
            length = (int)(old_cut[b + 1] - old_cut[b]);
            assert_memory_equal(f->signal + t * C, f->before + (int)old_cut[b] * C, (size_t)(length * C) * sizeof(float));
            assert_true(f->cut[k] == (double)t);
            assert_true(fabs(f->peak[k + 1] - (t + old_peak[b + 1] - old_cut[b])) < 1e-9);
            t += length;
        }
        assert_true(moved);
        assert_int_equal(t, (int)old_cut[BEATS]);
        assert_memory_equal(f->signal + t * C, f->before + t * C, (size_t)((T - t) * C) * sizeof(float));
        assert_true(f->peak[0] == 20 && f->peak[BEATS + 1] == T - 5 && f->cut[BEATS] == old_cut[BEATS]);
    }
}

/* With a cross-fade only samples within 10 ms of a seam differ from the hard cuts, and no jump exceeds what the sides have. */
static void shuffle_fades_seams(void **state)
{
    fixture *f = *state;
    float hard[T * C];
    fill(f, 3);
    for (int t = 0; t < T; t++)
        for (int c = 0; c < C; c++) f->signal[t * C + c] = (float)t; /* a ramp: hard cuts jump by whole beats */
    memcpy(f->before, f->signal, sizeof f->before);
    set_key(f, "augment.heartbeat_shuffle.cross_fade", "0");
    assert_true(apply(f, "heartbeat_shuffle", 5));
    memcpy(hard, f->signal, sizeof hard);
    double new_cut[BEATS + 1];
    memcpy(new_cut, f->cut, sizeof new_cut);
    fill(f, 3);
    memcpy(f->signal, f->before, sizeof f->before);
    for (int t = 0; t < T; t++)
        for (int c = 0; c < C; c++) f->signal[t * C + c] = (float)t;
    set_key(f, "augment.heartbeat_shuffle.cross_fade", "200");
    assert_true(apply(f, "heartbeat_shuffle", 5));
    int changed = 0;
    float hard_jump = 0, soft_jump = 0;
    for (int t = 0; t < T; t++) {
        double nearest = 1e9;
        for (int k = 0; k <= BEATS; k++) nearest = fmin(nearest, fabs(t + 0.5 - new_cut[k]));
        if (f->signal[t * C] != hard[t * C]) {
            changed++;
            assert_true(nearest <= 10);
        }
        if (t > 0) {
            hard_jump = fmaxf(hard_jump, fabsf(hard[t * C] - hard[(t - 1) * C]));
            soft_jump = fmaxf(soft_jump, fabsf(f->signal[t * C] - f->signal[(t - 1) * C]));
        }
    }
    assert_true(changed > 0);
    assert_true(soft_jump < hard_jump / 5);
}

/* Beats alike but one: whatever is drawn, the signal changes. */
static void shuffle_is_never_identity(void **state)
{
    fixture *f = *state;
    set_key(f, "augment.heartbeat_shuffle.cross_fade", "0");
    for (uint64_t seed = 0; seed < 200; seed++) {
        fill(f, 7);
        for (int k = 0; k < 4; k++) f->cut[k] = 100 + 50 * k;
        f->segment.cuts = 4;
        memcpy(f->signal + 150 * C, f->signal + 100 * C, 50 * C * sizeof(float)); /* beats A A B */
        memcpy(f->before, f->signal, sizeof f->before);
        assert_true(apply(f, "heartbeat_shuffle", seed));
        assert_memory_not_equal(f->signal, f->before, sizeof f->before);
    }
}

static void shuffle_needs_three_beats(void **state)
{
    fixture *f = *state;
    augment_chain chain;
    pclr_error error = {0};
    f->segment.cuts = 3; /* two inner beats */
    assert_false(apply(f, "heartbeat_shuffle", 1));
    assert_memory_equal(f->signal, f->before, sizeof f->before);
    assert_int_equal(augment_chain_parse(&chain, "heartbeat_shuffle", &error), PCLR_OK);
    rng r = rng_make(1, "augment", 0);
    assert_int_equal(augment_chain_apply(&chain, &f->segment, f->config, &r), 1);
    assert_memory_not_equal(f->signal, f->before, sizeof f->before);
}

static void lead_mask_keeps_a_lead(void **state)
{
    fixture *f = *state;
    int masked = 0;
    set_key(f, "augment.lead_mask.probability", "1");
    fill(f, 1);
    assert_true(apply(f, "lead_mask", 1));
    int left = 0;
    for (int c = 0; c < C; c++) left += f->signal[5 * C + c] != 0;
    assert_int_equal(left, 1);
    set_key(f, "augment.lead_mask.probability", "0.5");
    for (uint64_t seed = 0; seed < 400; seed++) {
        fill(f, 1);
        assert_true(apply(f, "lead_mask", seed));
        for (int c = 0; c < C; c++) {
            bool zero = f->signal[c] == 0;
            masked += zero;
            for (int t = 0; t < T; t++) assert_true(f->signal[t * C + c] == (zero ? 0 : f->before[t * C + c]));
        }
    }
    assert_true(abs(masked - 2400) < 150); /* 4800 draws at 1/2: sd 35 */
}

static void masks_have_their_share(void **state)
{
    fixture *f = *state;
    assert_true(apply(f, "time_mask", 4));
    int zero = 0;
    for (int t = 0; t < T; t++) {
        bool gone = f->signal[t * C] == 0;
        for (int c = 0; c < C; c++) assert_true((f->signal[t * C + c] == 0) == gone);
        zero += gone;
    }
    assert_in_range(zero, T / 5, 2 * T / 5);
    fill(f, 2);
    assert_true(apply(f, "lead_time_mask", 4));
    for (int c = 0; c < C; c++) {
        int gone = 0, edges = 0;
        for (int t = 0; t < T; t++) {
            gone += f->signal[t * C + c] == 0;
            edges += (f->signal[t * C + c] == 0) != (f->signal[((t + 1) % T) * C + c] == 0);
        }
        assert_int_equal(gone, T / 2);
        assert_int_equal(edges, 2);
    }
}

static void einthoven(const fixture *f, double tolerance)
{
    for (int t = 0; t < T; t++) {
        const float *x = f->signal + t * C;
        assert_true(fabs((double)(x[1] - x[0] - x[2])) < tolerance);
        assert_true(fabs((double)(x[3] + (x[0] + x[1]) / 2)) < tolerance);
        assert_true(fabs((double)(x[4] - (x[0] - x[1] / 2))) < tolerance);
        assert_true(fabs((double)(x[5] - (x[1] - x[0] / 2))) < tolerance);
    }
}

static void noise_keeps_limb_leads_consistent(void **state)
{
    static const char *const kinds[] = {"baseline_wander", "powerline", "muscle_noise", "vcg_rotation"};
    fixture *f = *state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        fill(f, 11);
        f->segment.rate = 500;
        assert_true(apply(f, kinds[k], 9));
        assert_memory_not_equal(f->signal, f->before, sizeof f->before);
        einthoven(f, 1e-4);
    }
}

/* Angle 0 and scale 1 are the projection onto the dipole: twice is the same as once. */
static void rotation_by_nothing_is_a_projection(void **state)
{
    fixture *f = *state;
    set_key(f, "augment.vcg_rotation.angle", "0");
    set_key(f, "augment.vcg_rotation.scale", "1");
    assert_true(apply(f, "vcg_rotation", 1));
    memcpy(f->before, f->signal, sizeof f->before);
    assert_true(apply(f, "vcg_rotation", 2));
    for (int k = 0; k < T * C; k++) assert_true(fabs((double)(f->signal[k] - f->before[k])) < 1e-4);
    f->segment.leads = 1;
    assert_false(apply(f, "vcg_rotation", 1));
}

static void powerline_needs_the_band(void **state)
{
    fixture *f = *state;
    f->segment.rate = 100;
    assert_false(apply(f, "powerline", 1));
    assert_memory_equal(f->signal, f->before, sizeof f->before);
}

static void crop_resize_moves_marks(void **state)
{
    fixture *f = *state;
    for (int t = 0; t < T; t++)
        for (int c = 0; c < C; c++) f->signal[t * C + c] = (float)t;
    double old[BEATS + 2];
    memcpy(old, f->peak, sizeof old);
    assert_true(apply(f, "crop_resize", 3));
    int64_t kept = f->segment.peaks, next = 0;
    assert_in_range(kept, 1, BEATS + 2);
    for (int64_t k = 0; k < kept; k++) {
        int64_t t = (int64_t)f->peak[k];
        if (t > T - 2) continue;
        double value = (double)f->signal[t * C] + (f->peak[k] - (double)t) * (double)(f->signal[(t + 1) * C] - f->signal[t * C]);
        while (next < BEATS + 2 && fabs(old[next] - value) > 0.01) next++; /* the ramp tells where the sample came from */
        assert_true(next < BEATS + 2);
    }
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void segment_permutation_keeps_samples(void **state)
{
    fixture *f = *state;
    assert_true(apply(f, "segment_permutation", 3));
    assert_memory_not_equal(f->signal, f->before, sizeof f->before);
    qsort(f->signal, T * C, sizeof(float), compare_floats);
    qsort(f->before, T * C, sizeof(float), compare_floats);
    assert_memory_equal(f->signal, f->before, sizeof f->before);
}

static void scale_is_a_factor(void **state)
{
    fixture *f = *state;
    assert_true(apply(f, "amplitude_scale", 2));
    double factor = (double)(f->signal[0] / f->before[0]);
    assert_true(factor > 1 / 1.3001 && factor < 1.3001 && fabs(factor - 1) > 1e-3);
    for (int k = 0; k < T * C; k++) assert_true(fabs((double)f->signal[k] - factor * (double)f->before[k]) < 1e-5);
}

static void every_one_repeats_and_stays_finite(void **state)
{
    fixture *f = *state;
    static float again[T * C];
    f->segment.rate = 500;
    for (size_t k = 0; k < augment_count(); k++) {
        for (int pass = 0; pass < 2; pass++) {
            fill(f, 5);
            f->segment.rate = 500;
            assert_true(apply(f, augment_at(k)->name, 77));
            if (pass == 0) memcpy(again, f->signal, sizeof again);
        }
        assert_memory_equal(again, f->signal, sizeof again);
        for (int i = 0; i < T * C; i++) assert_true(isfinite(f->signal[i]));
    }
}

static void chains_are_parsed(void **state)
{
    augment_chain chain;
    pclr_error error = {0};
    (void)state;
    assert_int_equal(augment_chain_parse(&chain, "heartbeat_shuffle, lead_mask", &error), PCLR_OK);
    assert_int_equal(chain.steps, 2);
    assert_string_equal(chain.step[1]->name, "lead_mask");
    assert_int_equal(augment_chain_parse(&chain, "", &error), PCLR_OK);
    assert_int_equal(chain.steps, 0);
    assert_int_equal(augment_chain_parse(&chain, "none", &error), PCLR_OK);
    assert_int_equal(chain.steps, 0);
    assert_int_equal(augment_chain_parse(&chain, "hartbeat_shuffle", &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "heartbeat_shuffle"));
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(shuffle_keeps_beats),
        EACH(shuffle_fades_seams),
        EACH(shuffle_is_never_identity),
        EACH(shuffle_needs_three_beats),
        EACH(lead_mask_keeps_a_lead),
        EACH(masks_have_their_share),
        EACH(noise_keeps_limb_leads_consistent),
        EACH(rotation_by_nothing_is_a_projection),
        EACH(powerline_needs_the_band),
        EACH(crop_resize_moves_marks),
        EACH(segment_permutation_keeps_samples),
        EACH(scale_is_a_factor),
        EACH(every_one_repeats_and_stays_finite),
        EACH(chains_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
