/* SPDX-License-Identifier: Apache-2.0 */
/* When the heart beats, and from where. */
#ifndef PCLR_SIMULATE_RHYTHM_H
#define PCLR_SIMULATE_RHYTHM_H

#include "simulate/patient.h"

typedef enum beat_origin { BEAT_SINUS, BEAT_ATRIAL, BEAT_VENTRICULAR, BEAT_CONDUCTED, BEAT_PACED } beat_origin;

typedef struct sim_beat {
    double time;        /* s from the start of the recording; middle of the QRS complex */
    double rr;          /* s to the beat before */
    beat_origin origin; /* BEAT_CONDUCTED: led down from fibrillating or fluttering atria */
    bool p_wave;
} sim_beat;

/* What fills the atria between the beats in fibrillation and flutter. */
typedef struct atrial_activity {
    bool present;
    bool flutter;
    double rate;      /* Hz */
    double amplitude; /* mV of dipole */
    double phase;     /* radians */
} atrial_activity;

enum { RHYTHM_MAX_RATE = 4 }; /* beats a second that the list must hold */

typedef struct sim_rhythm {
    sim_beat *beat;
    size_t count, capacity;
    atrial_activity atria;
    double respiration;       /* Hz */
    double respiration_phase; /* radians */
} sim_rhythm;

/* Beats from 4 s before the recording to 2 s after its end, so that nothing starts or stops at its edges. */
pclr_status rhythm_make(sim_rhythm *rhythm, const sim_patient *patient, condition_set set, double seconds, rng *random, pclr_error *error);
void rhythm_free(sim_rhythm *rhythm);

#endif
