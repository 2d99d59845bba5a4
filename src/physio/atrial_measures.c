/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/atrial_measures.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { RATE = 50, STRIDE = 1000 / RATE / AVERAGE_STEP_MS, SAMPLES_MAX = 60 * RATE };
static const double BAND_FIRST = 3.5, BAND_LAST = 10.0, BAND_STEP = 0.25; /* Hz */

/* The stretches between T end and the next QRS at 50 Hz, the average beat taken away, everything else 0. */
typedef struct residual {
    double x[SAMPLES_MAX];
    size_t n, kept;
} residual;

static double boxed(const float *x, const float *average, int k)
{
    double sum = 0.0;
    for (int j = k - STRIDE / 2; j <= k + STRIDE / 2; j++) sum += (double)x[j] - (double)average[j];
    return sum / (STRIDE / 2 * 2 + 1);
}

/* From the end of the T wave before (or 300 ms before R) to QRS onset of beat b. */
static void add_stretch(residual *out, const feature_input *in, const average_beat *a, int lead, size_t b)
{
    float x[AVERAGE_POINTS];
    double r = pclr_fiducials_beat(in->marks, PCLR_FUSED, b)->qrs.peak, rate = in->record->rate;
    if (!average_beat_window(in, a->source[lead], b, x)) return;
    int first = STRIDE, end = a->mark.qrs_onset - 4;
    if (b > 0) {
        double behind = pclr_fiducials_beat(in->marks, PCLR_FUSED, b - 1)->qrs.peak;
        int t_end = (a->mark.t_offset >= 0 ? a->mark.t_offset : AVERAGE_R + 90) - AVERAGE_R;
        int start = AVERAGE_R - (int)((r - behind) / rate * 1000.0 / AVERAGE_STEP_MS) + t_end;
        first = start > first ? start : first;
    }
    double mean = 0.0;
    size_t count = 0;
    for (int k = first; k < end; k += STRIDE, count++) mean += boxed(x, a->x[lead], k);
    if (count < 3) return;
    mean /= (double)count;
    for (int k = first; k < end; k += STRIDE) {
        double at = ((r - in->first) / rate + (k - AVERAGE_R) * AVERAGE_STEP_MS / 1000.0) * RATE;
        if (at < 0.0 || at >= (double)SAMPLES_MAX) continue;
        out->x[(size_t)at] = boxed(x, a->x[lead], k) - mean;
        out->kept++;
        if ((size_t)at >= out->n) out->n = (size_t)at + 1;
    }
}

/* Power of x at a frequency by a rotating phasor. */
static double power_at(const residual *s, double frequency)
{
    double c = cos(2.0 * M_PI * frequency / RATE), d = sin(2.0 * M_PI * frequency / RATE), u = 1.0, v = 0.0, re = 0.0, im = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        re += s->x[i] * u;
        im += s->x[i] * v;
        double next = u * c - v * d;
        v = u * d + v * c;
        u = next;
    }
    return re * re + im * im;
}

static void spectrum(const residual *s, float *value, uint8_t *valid)
{
    double energy = 0.0, band = 0.0, top = 0.0, top_frequency = 0.0, total = 0.0;
    for (size_t i = 0; i < s->n; i++) energy += s->x[i] * s->x[i];
    value[ATRIAL_RMS] = (float)sqrt(energy / (double)s->kept);
    valid[ATRIAL_RMS] = 1;
    if (!(energy > 0.0)) return;
    for (double f = BAND_FIRST; f <= BAND_LAST; f += BAND_STEP) {
        double p = power_at(s, f);
        total += p;
        if (f >= 4.0 && f <= 9.0) band += p;
        if (p > top) {
            top = p;
            top_frequency = f;
        }
    }
    /* Parseval: a frequency step of BAND_STEP holds 2 BAND_STEP / RATE of the energy of a real signal's power there. */
    value[ATRIAL_BAND] = (float)fmin(band * 2.0 * BAND_STEP / RATE / energy, 1.0);
    value[ATRIAL_PEAK] = total > 0.0 ? (float)(top / total) : 0.0F;
    value[ATRIAL_FREQUENCY] = (float)top_frequency;
    valid[ATRIAL_BAND] = valid[ATRIAL_PEAK] = valid[ATRIAL_FREQUENCY] = 1;
}

pclr_status atrial_measures(const feature_input *in, const average_beat *average, int lead, float *value, uint8_t *valid, pclr_error *error)
{
    residual *s = NULL;
    if (!average->has[lead]) return PCLR_OK;
    TRY(mem_alloc(&s, 1, sizeof *s, error));
    for (size_t b = in->beat_first; b < in->beat_end; b++) add_stretch(s, in, average, lead, b);
    if (s->kept >= 10) spectrum(s, value, valid);
    mem_free(s);
    return PCLR_OK;
}
