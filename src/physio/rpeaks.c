/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/rpeaks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "physio/trust.h"
#include "signal/extremes.h"
#include "signal/spline.h"
#include "signal/vector.h"

enum {
    BLOCK = RPEAKS_BLOCK,
    LEVEL_REACH = 7,  /* blocks to either side that give the running level */
    SLOPE_LEVELS = 2, /* smoothing before the slope: sd 1.6 samples = 6 ms */
    SLOPE_HOLE = 3,   /* slope over +-12 ms */
    ENERGY_LEVELS = 4 /* smoothing of the energy: sd 26 ms */
};
static const float LEVEL_QUANTILE = 0.65F; /* of block maxima: a beat even at 45/min, and no lone artefact */
static const float CLIP = 4.0F;            /* one lead's energy, in beats, at most */
static const float MIN_PEAKEDNESS = 3.3F;  /* level over mean slope: white noise has 3.5, an ECG 6 to 20 */
static const float FLAT = 2e-3F;           /* mV: slope level below which a lead counts as flat */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Quantile of the values of the blocks around `block`; at most 2 * LEVEL_REACH + 1 of them, sorted by insertion. */
static float block_quantile(const float *value, size_t blocks, size_t block, float quantile)
{
    float sorted[2 * LEVEL_REACH + 1] = {0};
    size_t first = block > LEVEL_REACH ? block - LEVEL_REACH : 0;
    size_t last = block + LEVEL_REACH < blocks ? block + LEVEL_REACH : blocks - 1;
    size_t n = 0;
    for (size_t b = first; b <= last; b++) {
        size_t k = n++;
        for (; k > 0 && sorted[k - 1] > value[b]; k--) sorted[k] = sorted[k - 1];
        sorted[k] = value[b];
    }
    return sorted[(size_t)(quantile * (float)(n - 1) + 0.5F)];
}

typedef struct detector {
    const working *w;
    size_t blocks;
    float *slope, *scratch, *energy; /* [samples] */
    float *maximum, *mean;           /* [blocks] of |slope| of the lead in hand, later of the energy */
    float *gain, *weight, *total;    /* [blocks] */
    float *half;                     /* [2 * blocks] means of half seconds of the lead in hand */
    float *trust;                    /* [leads][blocks], the list's */
} detector;

static pclr_status detector_create(detector *d, const working *w, pclr_error *error)
{
    memset(d, 0, sizeof *d);
    d->w = w;
    d->blocks = (w->samples + BLOCK - 1) / BLOCK;
    float **sized[] = {&d->slope, &d->scratch, &d->energy};
    float **blocked[] = {&d->maximum, &d->mean, &d->gain, &d->weight, &d->total};
    for (size_t k = 0; k < sizeof sized / sizeof *sized; k++) TRY(mem_alloc(sized[k], w->samples, sizeof(float), error));
    for (size_t k = 0; k < sizeof blocked / sizeof *blocked; k++) TRY(mem_alloc(blocked[k], d->blocks, sizeof(float), error));
    TRY(mem_alloc(&d->half, 2 * d->blocks, sizeof(float), error));
    return PCLR_OK;
}

static void detector_free(detector *d)
{
    float **all[] = {&d->slope, &d->scratch, &d->energy, &d->maximum, &d->mean, &d->gain, &d->weight, &d->total, &d->half};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) mem_release(all[k]);
}

/* In VECTOR_FLOATS interleaved parts, which the compiler can hold in a register. */
VECTOR_CLONES static void magnitude_statistics(const float *x, size_t n, float *maximum, float *mean)
{
    float part_maximum[VECTOR_FLOATS] = {0}, part_sum[VECTOR_FLOATS] = {0}, largest = 0.0F, sum = 0.0F;
    for (size_t i = 0; i < n; i += VECTOR_FLOATS)
        for (size_t k = 0; k < VECTOR_FLOATS && i + k < n; k++) {
            float magnitude = fabsf(x[i + k]);
            part_maximum[k] = magnitude > part_maximum[k] ? magnitude : part_maximum[k];
            part_sum[k] += magnitude;
        }
    for (size_t k = 0; k < VECTOR_FLOATS; k++) {
        largest = part_maximum[k] > largest ? part_maximum[k] : largest;
        sum += part_sum[k];
    }
    *maximum = largest;
    *mean = sum / (float)n;
}

/* Largest and mean magnitude of x in every block. */
static void block_statistics(const detector *d, const float *x)
{
    for (size_t b = 0; b < d->blocks; b++) {
        size_t first = b * BLOCK, last = first + BLOCK < d->w->samples ? first + BLOCK : d->w->samples;
        magnitude_statistics(x + first, last - first, &d->maximum[b], &d->mean[b]);
    }
    if (d->blocks > 1 && d->w->samples % BLOCK != 0 && d->w->samples % BLOCK < BLOCK / 2) /* too short to hold a beat */
        d->maximum[d->blocks - 1] = fmaxf(d->maximum[d->blocks - 1], d->maximum[d->blocks - 2]);
}

/* Weight of a lead by how far its beats stand out of its mean slope. */
static float peakedness_weight(float level, float mean)
{
    float peakedness = level / fmaxf(mean, 1e-12F) - MIN_PEAKEDNESS;
    float weight = fminf(fmaxf(peakedness / 6.0F, 0.02F), 1.0F);
    return weight * weight;
}

/* gain[b] = weight / level^2, so that gain * slope^2 is the lead's weighted energy in beats. */
static void lead_gains(detector *d, size_t lead)
{
    block_statistics(d, d->slope);
    size_t halves = trust_half_seconds(working_lead(d->w, lead), d->w->samples, d->half);
    for (size_t b = 0; b < d->blocks; b++) {
        float level = block_quantile(d->maximum, d->blocks, b, LEVEL_QUANTILE);
        float mean = block_quantile(d->mean, d->blocks, b, 0.5F);
        bool flat = level < FLAT;
        float usable = flat ? 0.0F : d->w->quality[lead] * trust_against_burst(d->maximum[b], level);
        d->weight[b] = usable * peakedness_weight(level, mean);
        d->gain[b] = flat ? 0.0F : 1.0F / (level * level);
        d->trust[lead * d->blocks + b] = usable * trust_against_noise(level, mean) * trust_against_wander(d->half, halves, b, level);
    }
}

VECTOR_CLONES static void add_clipped_squares(const float *x, size_t n, float gain, float weight, float *restrict sum)
{
    for (size_t i = 0; i < n; i++) {
        float energy = gain * x[i] * x[i];
        sum[i] += weight * (energy < CLIP ? energy : CLIP);
    }
}

static void add_lead_energy(detector *d, size_t lead)
{
    const float *x = working_lead(d->w, lead);
    size_t n = d->w->samples;
    spline_smooth_levels(x, n, SLOPE_LEVELS, d->slope, d->scratch);
    spline_slope(d->slope, n, SLOPE_HOLE, d->scratch);
    float *swap = d->slope;
    d->slope = d->scratch;
    d->scratch = swap;
    lead_gains(d, lead);
    for (size_t b = 0; b < d->blocks; b++) {
        size_t first = b * BLOCK, last = first + BLOCK < n ? first + BLOCK : n;
        float gain = d->gain[b], weight = d->weight[b];
        add_clipped_squares(d->slope + first, last - first, gain, weight, d->energy + first);
        d->total[b] += weight;
    }
}

VECTOR_CLONES static void take_roots(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = sqrtf(x[i]);
}

/* energy := square root of the smoothed, weighted mean energy of the leads; about 1 on a beat. */
static void detection_function(detector *d)
{
    size_t n = d->w->samples;
    for (size_t l = 0; l < d->w->leads; l++)
        if (d->w->quality[l] > 0.0F) add_lead_energy(d, l);
    for (size_t b = 0; b < d->blocks; b++) {
        size_t first = b * BLOCK, last = first + BLOCK < n ? first + BLOCK : n;
        float scale = d->total[b] > 0.0F ? 1.0F / d->total[b] : 0.0F;
        for (size_t i = first; i < last; i++) d->energy[i] *= scale;
    }
    spline_smooth_levels(d->energy, n, ENERGY_LEVELS, d->energy, d->scratch);
    take_roots(d->energy, n);
}

/* ---- candidates ------------------------------------------------------------------------------------ */

typedef struct candidate {
    size_t at;
    float height; /* of the detection function over the running level there */
    bool taken;
} candidate;

static bool is_maximum(const float *x, size_t n, size_t i)
{
    return x[i] > 0.0F && (i == 0 || x[i] > x[i - 1]) && (i + 1 == n || x[i] >= x[i + 1]);
}

/* All maxima that are the largest within +-reach of themselves. list holds samples / reach + 2. */
static size_t find_candidates(const detector *d, size_t reach, candidate *list)
{
    const float *x = d->energy;
    size_t n = d->w->samples, count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_maximum(x, n, i)) continue;
        if (count > 0 && i - list[count - 1].at < reach) {
            if (x[i] > x[list[count - 1].at]) list[count - 1].at = i;
        } else {
            list[count++].at = i;
        }
    }
    return count;
}

/*
 * How far the level must stand out of the mean of the detection function for there to be beats. Smoothed white noise reaches 2.1 in one
 * lead and 1.5 in twelve; its leads have a mean weight of at most 0.04, those of an ECG mostly more than 0.3.
 */
static float least_contrast(const detector *d, size_t block)
{
    const float NOISE_WEIGHT = 0.04F, SURE_WEIGHT = 0.08F, AT_NOISE = 2.15F, AT_SURE = 1.5F;
    float leads = 0.0F;
    for (size_t l = 0; l < d->w->leads; l++) leads += d->w->quality[l];
    float weight = leads > 0.0F ? d->total[block] / leads : 0.0F;
    float sureness = fminf(fmaxf((weight - NOISE_WEIGHT) / (SURE_WEIGHT - NOISE_WEIGHT), 0.0F), 1.0F);
    return AT_NOISE + sureness * (AT_SURE - AT_NOISE);
}

static void scale_heights(detector *d, candidate *list, size_t count)
{
    block_statistics(d, d->energy);
    for (size_t b = 0; b < d->blocks; b++) {
        float level = block_quantile(d->maximum, d->blocks, b, LEVEL_QUANTILE);
        float mean = block_quantile(d->mean, d->blocks, b, 0.5F);
        d->gain[b] = level > least_contrast(d, b) * mean ? 1.0F / level : 0.0F; /* nothing stands out: no beats here */
    }
    for (size_t k = 0; k < count; k++) list[k].height = d->energy[list[k].at] * d->gain[list[k].at / BLOCK];
}

static const float ACCEPT = 0.42F;        /* height of a sure beat */
static const float ACCEPT_IN_GAP = 0.18F; /* height that is enough where a beat is overdue */
static const float T_WAVE = 0.72F;        /* within T_WAVE_MS of a beat, the share of its height below which it is a T wave */
static const float LATE_T_WAVE = 0.55F;   /* the same within LATE_T_WAVE_MS: T after a wide or paced complex comes late */
static const double REFRACTORY_MS = 200.0, T_WAVE_MS = 360.0, LATE_T_WAVE_MS = 460.0;

static const candidate *previous_taken(const candidate *list, size_t k)
{
    while (k-- > 0)
        if (list[k].taken) return &list[k];
    return NULL;
}

static void take_sure_beats(candidate *list, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (list[k].height < ACCEPT) continue;
        const candidate *before = previous_taken(list, k);
        size_t distance = before ? list[k].at - before->at : SIZE_MAX;
        if (distance < working_ms(LATE_T_WAVE_MS)) {
            float share = distance < working_ms(T_WAVE_MS) ? T_WAVE : LATE_T_WAVE;
            if (list[k].height < share * fminf(before->height, 1.2F)) continue;
        }
        list[k].taken = true;
    }
}

/* Median of the last RR intervals before index k, in samples (0: none). */
static size_t recent_interval(const candidate *list, size_t k)
{
    enum { MAX = 8 };
    float rr[MAX];
    size_t n = 0;
    const candidate *later = NULL;
    for (size_t j = k + 1; j-- > 0 && n < MAX;) {
        if (!list[j].taken) continue;
        if (later) rr[n++] = (float)(later->at - list[j].at);
        later = &list[j];
    }
    if (n == 0) return 0;
    qsort(rr, n, sizeof *rr, compare_floats);
    return (size_t)rr[n / 2];
}

/* Between two beats much further apart than usual, takes the best candidate, again and again. */
static void search_gap(candidate *list, size_t from, size_t to, size_t usual)
{
    size_t margin = working_ms(T_WAVE_MS);
    if (to - from < 2 || list[to].at - list[from].at < usual * 8 / 5) return;
    size_t best = 0;
    for (size_t k = from + 1; k < to; k++) {
        bool room = list[k].at - list[from].at >= margin && list[to].at - list[k].at >= working_ms(280.0);
        if (room && list[k].height >= ACCEPT_IN_GAP && (best == 0 || list[k].height > list[best].height)) best = k;
    }
    if (best == 0) return;
    list[best].taken = true;
    search_gap(list, from, best, usual);
    search_gap(list, best, to, usual);
}

static void fill_gaps(candidate *list, size_t count)
{
    size_t last = SIZE_MAX;
    for (size_t k = 0; k < count; k++) {
        if (!list[k].taken) continue;
        if (last != SIZE_MAX) {
            size_t usual = recent_interval(list, last);
            if (usual > 0) search_gap(list, last, k, usual);
        }
        last = k;
    }
}

pclr_status rpeaks_detect(const working *w, beat_list *beats, pclr_error *error)
{
    detector d;
    candidate *list = NULL;
    size_t reach = working_ms(REFRACTORY_MS), count;
    memset(beats, 0, sizeof *beats);
    if (w->samples == 0) return PCLR_OK;
    pclr_status status = detector_create(&d, w, error);
    if (status != PCLR_OK) goto done;
    TRY_GOTO(mem_alloc(&beats->trust, w->leads * d.blocks, sizeof *beats->trust, error));
    beats->blocks = d.blocks;
    d.trust = beats->trust;
    detection_function(&d);
    TRY_GOTO(mem_alloc(&list, w->samples / reach + 2, sizeof *list, error));
    count = find_candidates(&d, reach, list);
    scale_heights(&d, list, count);
    take_sure_beats(list, count);
    fill_gaps(list, count);
    TRY_GOTO(mem_alloc(&beats->centre, count, sizeof *beats->centre, error));
    for (size_t k = 0; k < count; k++)
        if (list[k].taken) beats->centre[beats->count++] = list[k].at;
done:
    mem_free(list);
    detector_free(&d);
    return status;
}

void beat_list_free(beat_list *beats)
{
    mem_release(&beats->centre);
    mem_release(&beats->trust);
    beats->count = 0;
}

/* ---- position of R ------------------------------------------------------------------------------------- */

static double parabola_top(const float *x, size_t n, size_t i)
{
    if (i == 0 || i + 1 >= n) return (double)i;
    double left = x[i - 1], top = x[i], right = x[i + 1], curvature = left - 2.0 * top + right;
    if (fabs(curvature) < 1e-12) return (double)i;
    double shift = 0.5 * (left - right) / curvature;
    return (double)i + fmin(fmax(shift, -0.5), 0.5);
}

double rpeaks_position_within(const float *x, size_t n, size_t first, size_t last)
{
    const float DOWNWARD = 1.8F; /* how much larger a downward deflection must be to count as the beat's position */
    float base = 0.0F;           /* mean of the ends: the level the complex stands on */
    size_t ends = (last - first + 1) / 6 + 1;
    for (size_t k = 0; k < ends; k++) base += x[first + k] + x[last - k];
    base /= (float)(2 * ends);
    float low, high;
    extremes(x + first, last - first + 1, &low, &high);
    float top = base - low > DOWNWARD * (high - base) ? low : high;
    while (x[first] != top) first++;
    return parabola_top(x, n, first);
}

double rpeaks_position(const float *x, size_t n, size_t centre)
{
    enum { REACH = 25 }; /* +-100 ms */
    return rpeaks_position_within(x, n, centre > REACH ? centre - REACH : 0, centre + REACH < n ? centre + REACH : n - 1);
}
