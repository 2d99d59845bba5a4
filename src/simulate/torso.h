/* SPDX-License-Identifier: Apache-2.0 */
/* From the dipole to the twelve leads of a body with nine electrodes. */
#ifndef PCLR_SIMULATE_TORSO_H
#define PCLR_SIMULATE_TORSO_H

#include "simulate/waves.h"

typedef struct dipole_track {
    double *x, *y, *z; /* [samples] mV */
    size_t samples;
    double rate; /* Hz */
} dipole_track;

pclr_status dipole_create(dipole_track *d, size_t samples, double rate, pclr_error *error);
void dipole_free(dipole_track *d);
void dipole_add_beat(dipole_track *d, const beat_shape *shape);
/* Fibrillating or fluttering atria, all along. */
void dipole_add_atria(dipole_track *d, const atrial_activity *atria);

/* signal[12][samples], in the order I II III aVR aVL aVF V1..V6. */
void torso_project(const dipole_track *d, const sim_patient *patient, float *signal);

/* The electrodes noise arises at: RA, LA, LL, V1..V6 (the right leg is the amplifier's reference). */
enum { ELECTRODES = 9 };
/* Adds gain * potential[electrode][samples] (mV) to the leads each electrode has a part in. */
void torso_add_electrodes(float *signal, const double *potential, size_t samples, double gain);

#endif
