/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/window.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "signal/extremes.h"
#include "signal/spline.h"

enum { NEIGHBOURS = 8 /* beats to either side that are averaged */, QRS_REACH = 20 };
static const float COMPRESSION = 0.3F;
static const float MIN_HEIGHT = 1e-3F; /* mV */

static size_t clamp_index(ptrdiff_t i, size_t n)
{
    return i < 0 ? 0 : (size_t)i >= n ? n - 1 : (size_t)i;
}

static float compress(float x)
{
    return x / (COMPRESSION + fabsf(x));
}

/* Square of the mean root of the heights of all complexes: a few giant artefacts do not move it far. */
static float typical_height(const float *x, size_t n, const beat_list *beats)
{
    double sum = 0.0;
    for (size_t k = 0; k < beats->count; k++) {
        size_t first = clamp_index((ptrdiff_t)beats->centre[k] - QRS_REACH, n),
               last = clamp_index((ptrdiff_t)beats->centre[k] + QRS_REACH, n);
        float low, high;
        extremes(x + first, last - first + 1, &low, &high);
        sum += sqrt((double)(high - low));
    }
    double mean = beats->count ? sum / (double)beats->count : 0.0;
    return fmaxf((float)(mean * mean), MIN_HEIGHT);
}

static size_t block_end(size_t block, size_t n)
{
    return (block + 1) * RPEAKS_BLOCK < n ? (block + 1) * RPEAKS_BLOCK : n;
}

/* Adds weight[block] * (slope / height)^2 to pool. */
static void add_slope(const float *x, size_t n, size_t hole, const float *weight, float height, float *pool, float *scratch)
{
    spline_slope(x, n, hole, scratch);
    for (size_t block = 0, i = 0; i < n; block++) {
        const float scale = weight[block] / (height * height);
        for (const size_t end = block_end(block, n); i < end; i++) pool[i] += scale * scratch[i] * scratch[i];
    }
}

static void divide_roots(float *x, size_t n, const float *total)
{
    for (size_t block = 0, i = 0; i < n; block++) {
        const float share = total[block] > 0.0F ? 1.0F / total[block] : 0.0F;
        for (const size_t end = block_end(block, n); i < end; i++) x[i] = sqrtf(x[i] * share);
    }
}

/* total[blocks]: zeros */
static void pool_leads(window_source *s, float *a, float *b, float *total)
{
    size_t n = s->w->samples;
    for (size_t l = 0; l < s->w->leads; l++) {
        const float *x = working_lead(s->w, l), *weight = s->beats->trust + l * s->beats->blocks;
        float *smooth = s->smooth + l * n;
        s->height[l] = typical_height(x, n, s->beats);
        spline_smooth(x, n, 1, a);
        add_slope(a, n, 1, weight, s->height[l], s->fine, b);
        spline_smooth(a, n, 2, b);
        spline_smooth(b, n, 4, smooth);
        add_slope(smooth, n, 3, weight, s->height[l], s->coarse, b);
        for (size_t k = 0; k < s->beats->blocks; k++) total[k] += weight[k];
    }
    divide_roots(s->fine, n, total);
    divide_roots(s->coarse, n, total);
}

/* window[beats][WINDOW_WAVE] of x around every beat, less the level before the complex when `level` is set, times scale, compressed. */
static void cut_windows(const window_source *s, const float *x, bool level, float scale, float *window)
{
    size_t n = s->w->samples;
    for (size_t k = 0; k < s->beats->count; k++) {
        ptrdiff_t centre = (ptrdiff_t)s->beats->centre[k];
        float base = 0.0F;
        if (level)
            for (ptrdiff_t j = 15; j <= 25; j += 2) base += x[clamp_index(centre - j, n)] / 6.0F;
        for (ptrdiff_t j = 0; j < WINDOW_WAVE; j++)
            window[k * WINDOW_WAVE + (size_t)j] = compress((x[clamp_index(centre + (j - WINDOW_BEFORE) * WINDOW_STEP, n)] - base) * scale);
    }
}

/* mean[k] = average of window[k - NEIGHBOURS .. k + NEIGHBOURS], by a sum that slides along. */
static void average_windows(const float *window, size_t beats, float *mean)
{
    double sum[WINDOW_WAVE] = {0};
    size_t first = 0, last = 0; /* [first, last) is in the sum */
    for (size_t k = 0; k < beats; k++) {
        for (; last < beats && last <= k + NEIGHBOURS; last++)
            for (size_t j = 0; j < WINDOW_WAVE; j++) sum[j] += (double)window[last * WINDOW_WAVE + j];
        for (; first + NEIGHBOURS < k; first++)
            for (size_t j = 0; j < WINDOW_WAVE; j++) sum[j] -= (double)window[first * WINDOW_WAVE + j];
        for (size_t j = 0; j < WINDOW_WAVE; j++) mean[k * WINDOW_WAVE + j] = (float)(sum[j] / (double)(last - first));
    }
}

/* What comes before the complex, its mean taken away, brought to length 1. */
static void unit_atrial(const float *window, float *unit)
{
    float mean = 0.0F, square = 1e-6F;
    for (size_t j = 0; j < WINDOW_ATRIAL; j++) mean += window[j] / (float)WINDOW_ATRIAL;
    for (size_t j = 0; j < WINDOW_ATRIAL; j++) square += (window[j] - mean) * (window[j] - mean);
    for (size_t j = 0; j < WINDOW_ATRIAL; j++) unit[j] = (window[j] - mean) / sqrtf(square);
}

static void slide(const float *window, size_t beat, double sign, double *sum, double *squares)
{
    float unit[WINDOW_ATRIAL];
    unit_atrial(window + beat * WINDOW_WAVE, unit);
    for (size_t j = 0; j < WINDOW_ATRIAL; j++) {
        sum[j] += sign * (double)unit[j];
        *squares += sign * (double)(unit[j] * unit[j]);
    }
}

/* alike[k][0]: mean correlation of the beat k with its neighbours before the complex; [1]: of all pairs of these. P waves keep their
 * place before the complex, fibrillation and noise do not. */
static void measure_likeness(const float *window, size_t beats, float *alike)
{
    double sum[WINDOW_ATRIAL] = {0}, squares = 0.0;
    size_t first = 0, last = 0;
    for (size_t k = 0; k < beats; k++) {
        for (; last < beats && last <= k + NEIGHBOURS; last++) slide(window, last, 1.0, sum, &squares);
        for (; first + NEIGHBOURS < k; first++) slide(window, first, -1.0, sum, &squares);
        float unit[WINDOW_ATRIAL];
        double own = 0.0, all = 0.0, n = (double)(last - first), length = 0.0;
        unit_atrial(window + k * WINDOW_WAVE, unit);
        for (size_t j = 0; j < WINDOW_ATRIAL; j++) {
            own += (double)unit[j] * sum[j];
            all += sum[j] * sum[j];
            length += (double)(unit[j] * unit[j]);
        }
        alike[2 * k] = n > 1.0 ? (float)((own - length) / (n - 1.0)) : 0.0F;
        alike[2 * k + 1] = n > 1.0 ? (float)((all - squares) / (n * (n - 1.0))) : 0.0F;
    }
}

pclr_status window_source_create(window_source *s, const working *w, const beat_list *beats, pclr_error *error)
{
    float *a = NULL, *b = NULL, *total = NULL;
    float **windows[] = {&s->pool, &s->pool_mean, &s->wave, &s->wave_mean};
    pclr_status status = PCLR_OK;
    memset(s, 0, sizeof *s);
    s->w = w;
    s->beats = beats;
    TRY_GOTO(mem_alloc(&s->smooth, w->leads * w->samples, sizeof(float), error));
    TRY_GOTO(mem_alloc(&s->height, w->leads, sizeof(float), error));
    TRY_GOTO(mem_alloc(&s->fine, w->samples, sizeof(float), error));
    TRY_GOTO(mem_alloc(&s->coarse, w->samples, sizeof(float), error));
    TRY_GOTO(mem_alloc(&a, w->samples, sizeof(float), error));
    TRY_GOTO(mem_alloc(&b, w->samples, sizeof(float), error));
    TRY_GOTO(mem_alloc(&total, beats->blocks, sizeof(float), error));
    for (size_t k = 0; k < 4; k++) TRY_GOTO(mem_alloc(windows[k], beats->count * WINDOW_WAVE, sizeof(float), error));
    TRY_GOTO(mem_alloc(&s->pool_alike, beats->count * 2, sizeof(float), error));
    TRY_GOTO(mem_alloc(&s->wave_alike, beats->count * 2, sizeof(float), error));
    pool_leads(s, a, b, total);
    cut_windows(s, s->coarse, false, 2.0F, s->pool);
    average_windows(s->pool, beats->count, s->pool_mean);
    measure_likeness(s->pool, beats->count, s->pool_alike);
done:
    mem_free(a);
    mem_free(b);
    mem_free(total);
    if (status != PCLR_OK) window_source_free(s);
    return status;
}

void window_source_free(window_source *s)
{
    float **all[] = {&s->smooth,    &s->height, &s->fine,      &s->coarse,     &s->pool,
                     &s->pool_mean, &s->wave,   &s->wave_mean, &s->pool_alike, &s->wave_alike};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) mem_release(all[k]);
}

void window_lead(window_source *s, size_t lead)
{
    s->lead = lead;
    cut_windows(s, s->smooth + lead * s->w->samples, true, 1.0F / s->height[lead], s->wave);
    average_windows(s->wave, s->beats->count, s->wave_mean);
    measure_likeness(s->wave, s->beats->count, s->wave_alike);
}

static float *fill_complex(const window_source *s, size_t centre, float *input)
{
    size_t n = s->w->samples;
    const float *x = working_lead(s->w, s->lead);
    float scale = 1.0F / s->height[s->lead], base = 0.0F;
    for (ptrdiff_t j = 15; j <= 25; j += 2) base += x[clamp_index((ptrdiff_t)centre - j, n)] / 6.0F;
    for (ptrdiff_t j = -WINDOW_QRS_BEFORE; j <= WINDOW_QRS_AFTER; j++)
        *input++ = compress((x[clamp_index((ptrdiff_t)centre + j, n)] - base) * scale);
    for (ptrdiff_t j = -WINDOW_QRS_BEFORE; j <= WINDOW_QRS_AFTER; j += 2)
        *input++ = compress(2.0F * s->fine[clamp_index((ptrdiff_t)centre + j, n)]);
    return input;
}

static float interval(const beat_list *beats, size_t from, size_t to)
{
    return to < beats->count && from < to ? fminf((float)(beats->centre[to] - beats->centre[from]) / (float)WORKING_RATE, 2.0F) : 1.0F;
}

/* Mean difference of successive intervals around a beat over the mean interval, compressed; premature beats raise it less than
 * fibrillation, in which every interval differs. */
static float irregularity(const beat_list *beats, size_t beat)
{
    size_t first = beat > NEIGHBOURS ? beat - NEIGHBOURS : 0,
           last = beat + NEIGHBOURS < beats->count ? beat + NEIGHBOURS : beats->count - 1;
    float differences[2 * NEIGHBOURS + 1], mean = 0.0F;
    size_t n = 0;
    for (size_t k = first; k + 2 <= last; k++) {
        float a = interval(beats, k, k + 1), b = interval(beats, k + 1, k + 2);
        differences[n++] = fabsf(a - b) / (a + b);
    }
    if (n == 0) return 0.2F;
    /* Mean of the roots, squared: a few premature beats weigh less. */
    for (size_t k = 0; k < n; k++) mean += sqrtf(differences[k]) / (float)n;
    return compress(4.0F * mean * mean);
}

void window_fill(const window_source *s, size_t beat, float *input)
{
    const float *waves[] = {s->wave, s->wave_mean, s->pool, s->pool_mean};
    const beat_list *beats = s->beats;
    input = fill_complex(s, beats->centre[beat], input);
    for (size_t k = 0; k < 4; k++, input += WINDOW_WAVE) memcpy(input, waves[k] + beat * WINDOW_WAVE, WINDOW_WAVE * sizeof *input);
    input[0] = beat > 0 ? interval(beats, beat - 1, beat) : 1.0F;
    input[1] = interval(beats, beat, beat + 1);
    input[2] = beat > 1 ? interval(beats, beat - 2, beat - 1) : 1.0F;
    input[3] = interval(beats, beat + 1, beat + 2);
    input[4] = compress(s->height[s->lead]);
}

void window_context(const window_source *s, size_t beat, float *context)
{
    context[0] = irregularity(s->beats, beat);
    memcpy(context + 1, s->pool_alike + 2 * beat, 2 * sizeof *context);
    memcpy(context + 3, s->wave_alike + 2 * beat, 2 * sizeof *context);
}

void window_presence(const window_source *s, size_t beat, const float *input, float *presence)
{
    size_t taken = WINDOW_PRESENCE - WINDOW_CONTEXT;
    memcpy(presence, input + WINDOW_INPUTS - taken, taken * sizeof *presence);
    window_context(s, beat, presence + taken);
}
