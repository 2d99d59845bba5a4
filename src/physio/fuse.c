/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/fuse.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double ONSET_QUANTILE = 0.2, PEAK_QUANTILE = 0.5, OFFSET_QUANTILE = 0.8;
static const double PRESENT_SHARE = 0.4; /* of the weight of all leads */

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

static void fuse_wave(const pclr_beat *beat, size_t leads, size_t beats, size_t b, int wave, const float *weight, vote *votes, pclr_wave *out)
{
    static const struct {
        int point;
        const double *quantile;
    } points[] = {{PCLR_HAS_ONSET, &ONSET_QUANTILE}, {PCLR_HAS_PEAK, &PEAK_QUANTILE}, {PCLR_HAS_OFFSET, &OFFSET_QUANTILE}};
    double total = 0.0, present = 0.0;
    memset(out, 0, sizeof *out);
    for (size_t l = 0; l < leads; l++) {
        total += weight[l];
        if (wave_of(&beat[l * beats + b], wave)->has) present += weight[l];
    }
    if (present <= 0.0 || present < PRESENT_SHARE * total) return;
    for (size_t p = 0; p < 3; p++) {
        size_t n = 0;
        for (size_t l = 0; l < leads; l++) {
            const pclr_wave *one = wave_of(&beat[l * beats + b], wave);
            if ((one->has & points[p].point) && weight[l] > 0.0F) votes[n++] = (vote){position_of(one, points[p].point), weight[l]};
        }
        if (n > 0) set_position(out, points[p].point, weighted_quantile(votes, n, *points[p].quantile));
    }
}

pclr_status fuse_beats(pclr_beat *beat, size_t leads, size_t beats, const float *weight, size_t r_lead, pclr_error *error)
{
    vote *votes = NULL;
    TRY(mem_alloc(&votes, leads, sizeof *votes, error));
    for (size_t b = 0; b < beats; b++) {
        pclr_beat *fused = &beat[leads * beats + b];
        fuse_wave(beat, leads, beats, b, 0, weight, votes, &fused->p);
        fuse_wave(beat, leads, beats, b, 1, weight, votes, &fused->qrs);
        fuse_wave(beat, leads, beats, b, 2, weight, votes, &fused->t);
        set_position(&fused->qrs, PCLR_HAS_PEAK, beat[r_lead * beats + b].qrs.peak);
    }
    mem_free(votes);
    return PCLR_OK;
}
