/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/fuse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double ONSET_QUANTILE = 0.2, PEAK_QUANTILE = 0.5, OFFSET_QUANTILE = 0.8;
static const double PRESENT_SHARE = 0.4; /* of the weight of all leads */
static const float WELL = 0.5F;          /* trust in a lead's second from which on R is read there */

typedef struct vote {
    double position, weight;
} vote;

static int compare_votes(const void *a, const void *b)
{
    double x = ((const vote *)a)->position, y = ((const vote *)b)->position;
    return (x > y) - (x < y);
}

/* Smallest position below which `quantile` of the weight lies. */
static double weighted_quantile(vote *votes, size_t n, double quantile)
{
    double total = 0.0, sum = 0.0;
    qsort(votes, n, sizeof *votes, compare_votes);
    for (size_t k = 0; k < n; k++) total += votes[k].weight;
    for (size_t k = 0; k < n; k++) {
        sum += votes[k].weight;
        if (sum >= quantile * total) return votes[k].position;
    }
    return votes[n - 1].position;
}

static const pclr_wave *wave_of(const pclr_beat *beat, int wave)
{
    return wave == 0 ? &beat->p : wave == 1 ? &beat->qrs : &beat->t;
}

static double position_of(const pclr_wave *wave, int point)
{
    return point == PCLR_HAS_ONSET ? wave->onset : point == PCLR_HAS_PEAK ? wave->peak : wave->offset;
}

static void set_position(pclr_wave *wave, int point, double position)
{
    if (point == PCLR_HAS_ONSET) wave->onset = position;
    if (point == PCLR_HAS_PEAK) wave->peak = position;
    if (point == PCLR_HAS_OFFSET) wave->offset = position;
    wave->has |= (uint8_t)point;
}

/* What is fused: the rows of the leads, and of each beat what its leads are worth. */
typedef struct fusion {
    const pclr_beat *beat; /* [leads][beats] */
    size_t leads, beats, r_lead;
    const beat_list *list;
    float *weight; /* [leads] of the beat in hand */
    double *later; /* [leads] working samples that R of a lead is usually behind that of r_lead */
    vote *votes;   /* [leads] */
} fusion;

static const pclr_beat *beat_at(const fusion *f, size_t lead, size_t b)
{
    return &f->beat[lead * f->beats + b];
}

static void fuse_wave(const fusion *f, size_t b, int wave, pclr_wave *out)
{
    static const struct {
        int point;
        const double *quantile;
    } points[] = {{PCLR_HAS_ONSET, &ONSET_QUANTILE}, {PCLR_HAS_PEAK, &PEAK_QUANTILE}, {PCLR_HAS_OFFSET, &OFFSET_QUANTILE}};
    double total = 0.0, present = 0.0;
    memset(out, 0, sizeof *out);
    for (size_t l = 0; l < f->leads; l++) {
        total += (double)f->weight[l];
        if (wave_of(beat_at(f, l, b), wave)->has) present += (double)f->weight[l];
    }
    if (present <= 0.0 || present < PRESENT_SHARE * total) return;
    for (size_t p = 0; p < 3; p++) {
        size_t n = 0;
        for (size_t l = 0; l < f->leads; l++) {
            const pclr_wave *one = wave_of(beat_at(f, l, b), wave);
            if ((one->has & points[p].point) && f->weight[l] > 0.0F)
                f->votes[n++] = (vote){position_of(one, points[p].point), (double)f->weight[l]};
        }
        if (n > 0) set_position(out, points[p].point, weighted_quantile(f->votes, n, *points[p].quantile));
    }
}

/* Whether the lead shows R of this beat, and well. */
static bool shows_r(const fusion *f, size_t lead, size_t b)
{
    return (beat_at(f, lead, b)->qrs.has & PCLR_HAS_PEAK) && beat_list_trust(f->list, lead, f->list->centre[b]) >= WELL;
}

/* Mean of what R of each lead is behind that of r_lead, over the beats that both show well. */
static void compare_leads(fusion *f)
{
    for (size_t l = 0; l < f->leads; l++) {
        double sum = 0.0, n = 0.0;
        for (size_t b = 0; b < f->beats; b++) {
            if (!shows_r(f, l, b) || !shows_r(f, f->r_lead, b)) continue;
            sum += beat_at(f, l, b)->qrs.peak - beat_at(f, f->r_lead, b)->qrs.peak;
            n += 1.0;
        }
        f->later[l] = n > 0.0 ? sum / n : 0.0;
    }
}

static double r_of(const fusion *f, size_t b)
{
    if (shows_r(f, f->r_lead, b)) return beat_at(f, f->r_lead, b)->qrs.peak;
    size_t n = 0;
    for (size_t l = 0; l < f->leads; l++) {
        const pclr_wave *qrs = &beat_at(f, l, b)->qrs;
        if ((qrs->has & PCLR_HAS_PEAK) && f->weight[l] > 0.0F) f->votes[n++] = (vote){fmax(qrs->peak - f->later[l], 0.0), (double)f->weight[l]};
    }
    return n > 0 ? weighted_quantile(f->votes, n, PEAK_QUANTILE) : (double)f->list->centre[b];
}

pclr_status fuse_beats(pclr_beat *beat, size_t leads, const beat_list *beats, size_t r_lead, pclr_error *error)
{
    fusion f = {.beat = beat, .leads = leads, .beats = beats->count, .r_lead = r_lead, .list = beats};
    pclr_status status;
    TRY_GOTO(mem_alloc(&f.votes, leads, sizeof *f.votes, error));
    TRY_GOTO(mem_alloc(&f.weight, leads, sizeof *f.weight, error));
    TRY_GOTO(mem_alloc(&f.later, leads, sizeof *f.later, error));
    compare_leads(&f);
    for (size_t b = 0; b < f.beats; b++) {
        pclr_beat *fused = &beat[leads * f.beats + b];
        for (size_t l = 0; l < leads; l++) f.weight[l] = beat_list_trust(beats, l, beats->centre[b]);
        fuse_wave(&f, b, 0, &fused->p);
        fuse_wave(&f, b, 1, &fused->qrs);
        fuse_wave(&f, b, 2, &fused->t);
        set_position(&fused->qrs, PCLR_HAS_PEAK, r_of(&f, b));
    }
done:
    mem_free(f.votes);
    mem_free(f.weight);
    mem_free(f.later);
    return status;
}
