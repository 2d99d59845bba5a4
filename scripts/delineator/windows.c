/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the delineator's networks see, handed to the training script: built as libdelineator_windows.so by
 * `cmake --build BUILD --target delineator_windows`, loaded by scripts/delineator/recordings.py. No part of the library.
 */
#include <stdint.h>

#include "physio/window.h"

enum {
    STRIP_BEFORE = 120,
    STRIP = 311, /* working samples around the centre: -480 to +760 ms */
    INPUTS = WINDOW_INPUTS + WINDOW_CONTEXT,
    STRIP_KINDS = 4 /* the lead raw, the lead smoothed, both in QRS heights; slopes of all leads, fine and coarse */
};

int delineator_inputs(void);
int delineator_strip(void);
long delineator_windows(const float *signal, long leads, long samples, double rate, const int32_t *shift, long most, double *centre,
                        double *step, float *input, float *strip);

int delineator_inputs(void)
{
    return INPUTS;
}

int delineator_strip(void)
{
    return STRIP_KINDS * STRIP;
}

static size_t inside(ptrdiff_t i, size_t n)
{
    return i < 0 ? 0 : (size_t)i >= n ? n - 1 : (size_t)i;
}

static void fill_strip(const window_source *s, size_t centre, float *strip)
{
    size_t n = s->w->samples;
    const float *raw = working_lead(s->w, s->lead), *smooth = s->smooth + s->lead * n;
    for (size_t j = 0; j < STRIP; j++) {
        size_t i = inside((ptrdiff_t)(centre + j) - STRIP_BEFORE, n);
        strip[j] = raw[i] / s->height[s->lead];
        strip[STRIP + j] = smooth[i] / s->height[s->lead];
        strip[2 * STRIP + j] = s->fine[i];
        strip[3 * STRIP + j] = s->coarse[i];
    }
}

static void fill_all(window_source *s, size_t leads, float *input, float *strip)
{
    size_t beats = s->beats->count;
    for (size_t l = 0; l < leads; l++) {
        window_lead(s, l);
        for (size_t k = 0; k < beats; k++) {
            float *row = input + (l * beats + k) * INPUTS;
            window_fill(s, k, row);
            window_context(s, k, row + WINDOW_INPUTS);
            fill_strip(s, s->beats->centre[k], strip + (l * beats + k) * STRIP_KINDS * STRIP);
        }
    }
}

/*
 * signal[leads][samples] in mV at `rate`; shift[most] working samples by which the centres are moved. Gives the number of beats (negative:
 * failure, or more than `most`), centre[beats] in working samples, step in samples of the record per working sample,
 * input[leads][beats][delineator_inputs()] and strip[leads][beats][delineator_strip()].
 */
long delineator_windows(const float *signal, long leads, long samples, double rate, const int32_t *shift, long most, double *centre,
                        double *step, float *input, float *strip)
{
    pclr_record record = {.rate = rate, .leads = (size_t)leads, .samples = (size_t)samples, .signal = (float *)(uintptr_t)signal};
    working w;
    beat_list beats = {0};
    window_source source;
    pclr_error error = {0};
    long count = -1;
    if (working_create(&w, &record, &error) != PCLR_OK) return -1;
    if (rpeaks_detect(&w, &beats, &error) != PCLR_OK || beats.count > (size_t)most) goto done;
    *step = w.step;
    for (size_t k = 0; k < beats.count; k++) {
        beats.centre[k] = inside((ptrdiff_t)beats.centre[k] + shift[k], w.samples);
        centre[k] = (double)beats.centre[k];
    }
    if (beats.count > 0 && window_source_create(&source, &w, &beats, &error) != PCLR_OK) goto done;
    if (beats.count > 0) {
        fill_all(&source, w.leads, input, strip);
        window_source_free(&source);
    }
    count = (long)beats.count;
done:
    beat_list_free(&beats);
    working_free(&w);
    return count;
}
