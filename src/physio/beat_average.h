/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The average beat of a segment in the twelve standard leads: the beats that look alike, each on its own line between the levels
 * before neighbouring QRS complexes, averaged around R. Measures of shape are taken from it, where noise is small.
 */
#ifndef PCLR_PHYSIO_BEAT_AVERAGE_H
#define PCLR_PHYSIO_BEAT_AVERAGE_H

#include "base/error.h"
#include "physio/features.h"

enum {
    AVERAGE_STEP_MS = 4,
    AVERAGE_R = 100,        /* index of R */
    AVERAGE_POINTS = 251,   /* 400 ms before R to 600 ms behind it */
    AVERAGE_BEATS_MAX = 256 /* beats taken from a long segment, evenly spread */
};

/* Marks of the average beat in points; -1: absent. */
typedef struct average_marks {
    int p_onset, p_offset, qrs_onset, qrs_offset, t_onset, t_peak, t_offset;
} average_marks;

typedef struct average_beat {
    float x[PCLR_LEAD_STANDARD][AVERAGE_POINTS]; /* mV against the level before QRS */
    bool has[PCLR_LEAD_STANDARD];
    int source[PCLR_LEAD_STANDARD];          /* lead of the record; -1: none */
    float p_correlation[PCLR_LEAD_STANDARD]; /* mean correlation of the beats' P regions with their average; -2: none */
    float noise[PCLR_LEAD_STANDARD];         /* mV: standard deviation of the beats about their average, before QRS */
    average_marks mark;                      /* medians of the fused marks */
    float *correlation;                      /* [beats of the segment] QRS against the typical QRS, -1..1; 0 where not measured */
    size_t beats, alike;                     /* all, and those that were averaged */
} average_beat;

/* A segment without usable beats gives alike == 0. A record without standard leads has its best lead taken for II. */
pclr_status average_beat_make(average_beat *a, const feature_input *in, pclr_error *error);
void average_beat_free(average_beat *a);

/* Window of one beat in one lead at the average's points against the level before QRS; false: part of it was not measured. */
bool average_beat_window(const feature_input *in, int lead, size_t beat, float *x);

#endif
