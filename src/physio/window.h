/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the learned delineator sees of one beat in one lead: the complex at full rate, the beat from before P to after T at a quarter
 * of it, the same averaged over the neighbouring beats, the slopes of all leads together, and the intervals to the neighbours.
 * Whether P is there is judged with more: how irregular the rhythm is, and how much what comes before the complex is alike from beat
 * to beat.
 *
 * Amplitudes are shares of the lead's QRS height, compressed by x / (0.3 + |x|), so that gain and unit do not matter.
 */
#ifndef PCLR_PHYSIO_WINDOW_H
#define PCLR_PHYSIO_WINDOW_H

#include "physio/rpeaks.h"

enum {
    WINDOW_QRS_BEFORE = 30,
    WINDOW_QRS_AFTER = 40, /* working samples around the centre: -120 to +160 ms */
    WINDOW_STEP = 4,       /* of the coarse grid: 16 ms */
    WINDOW_BEFORE = 25,
    WINDOW_AFTER = 40, /* coarse steps around the centre: -400 to +640 ms */
    WINDOW_QRS = WINDOW_QRS_BEFORE + WINDOW_QRS_AFTER + 1,
    WINDOW_WAVE = WINDOW_BEFORE + WINDOW_AFTER + 1,
    WINDOW_POOL_QRS = WINDOW_QRS / 2 + 1,
    WINDOW_SCALARS = 5,
    WINDOW_INPUTS = WINDOW_QRS + 2 * WINDOW_WAVE + WINDOW_POOL_QRS + 2 * WINDOW_WAVE + WINDOW_SCALARS,
    WINDOW_ATRIAL = 22, /* coarse steps before the complex: -400 to -64 ms */
    WINDOW_CONTEXT = 5,
    WINDOW_PRESENCE = 4 * WINDOW_WAVE + WINDOW_SCALARS + WINDOW_CONTEXT
};

typedef struct window_source {
    const working *w;
    const beat_list *beats;
    float *smooth;        /* [leads][samples]: sd 13 ms */
    float *fine, *coarse; /* [samples] root mean square over the leads of slopes at QRS and at P/T scale, in QRS heights */
    float *height;        /* [leads] typical QRS height, mV */
    float *pool;          /* [beats][WINDOW_WAVE] windows of `coarse` */
    float *pool_mean;     /* [beats][WINDOW_WAVE] averaged over neighbours */
    float *wave;          /* [beats][WINDOW_WAVE] of the lead in hand, from window_lead */
    float *wave_mean;     /* [beats][WINDOW_WAVE] */
    float *pool_alike;    /* [beats][2] of `pool`: likeness of a beat to its neighbours, and of these among themselves */
    float *wave_alike;    /* [beats][2] of `wave` */
    size_t lead;          /* in hand */
} window_source;

pclr_status window_source_create(window_source *s, const working *w, const beat_list *beats, pclr_error *error);
void window_source_free(window_source *s);
/* Takes a lead in hand; then window_fill gives input[WINDOW_INPUTS] of its beats. */
void window_lead(window_source *s, size_t lead);
void window_fill(const window_source *s, size_t beat, float *input);
/* context[WINDOW_CONTEXT]: irregularity of the intervals; likeness of the beat to its neighbours before the complex and of these among
 * themselves, first in the slopes of all leads, then in the lead. */
void window_context(const window_source *s, size_t beat, float *context);
/* presence[WINDOW_PRESENCE]: of input (from window_fill) all but the complex, then the context. */
void window_presence(const window_source *s, size_t beat, const float *input, float *presence);

#endif
