/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One heartbeat as a moving dipole: P, QRS and T are sums of Gaussians in three dimensions, shaped by the conditions.
 *
 * Exact marks. The size of a wave at an instant is the length of its dipole vector. Its peak is where the size is largest; its
 * onset and end are the first and last instants at which the size is a stated share of that: MARK_P, MARK_QRS, MARK_T.
 */
#ifndef PCLR_SIMULATE_WAVES_H
#define PCLR_SIMULATE_WAVES_H

#include "simulate/rhythm.h"

#define MARK_P 0.10
#define MARK_QRS 0.03
#define MARK_T 0.05

typedef enum wave_kind { WAVE_P, WAVE_QRS, WAVE_T, WAVES, WAVE_OTHER = WAVES /* ST level, pacing spike: not marked */ } wave_kind;

typedef struct gaussian {
    double centre, sigma; /* s; centre counted from the middle of the QRS complex, later from the start of the recording */
    vec3 dipole;          /* mV */
    wave_kind wave;
} gaussian;

enum { BEAT_GAUSSIANS = 20 };

typedef struct wave_mark {
    bool present;
    double onset, peak, offset; /* s */
} wave_mark;

typedef struct beat_shape {
    gaussian part[BEAT_GAUSSIANS];
    int parts;
    wave_mark mark[WAVES];
} beat_shape;

/* What is particular to one recording of a patient. */
typedef struct sim_state {
    condition_set set;
    double axis;        /* degrees; deviated where the recording shows it */
    double pr, qtc;     /* s */
    double block_width; /* how wide a bundle branch block is, 1 = average */
    double inversion;   /* 0..1 strength of T inversion */
    double st;          /* mV of ST dipole; negative: depression */
    double territory;   /* 0..1 */
    double qrs_scale;   /* low voltage */
    double spike;       /* mV of the pacing spike */
} sim_state;

sim_state state_make(const sim_patient *patient, condition_set set, rng *random);

/* Fills `shape`, times from the start of the recording. `breath` in -1..1 turns and scales the heart a little. */
void beat_make(beat_shape *shape, const sim_patient *patient, const sim_state *state, const sim_beat *beat, double breath, rng *random);

#endif
