/* SPDX-License-Identifier: Apache-2.0 */
/* A patient: age, sex, the position of the heart in the chest, the shape of its waves, the ailments it is inclined to. */
#ifndef PCLR_SIMULATE_PATIENT_H
#define PCLR_SIMULATE_PATIENT_H

#include "simulate/conditions.h"

/* Body axes: x to the patient's left, y to the feet, z to the back (Frank). */
typedef struct vec3 {
    double x, y, z;
} vec3;

enum { TORSO_LEADS = 8 }; /* I, II, V1..V6; the other four limb leads follow from I and II */

typedef struct sim_patient {
    uint64_t number;
    double age; /* years */
    pclr_sex sex;
    condition_set inclination;
    double lead[TORSO_LEADS][3]; /* lead fields: mV in the lead a mV of dipole along x, y, z */
    double axis;                 /* degrees, frontal QRS axis as read from I and aVF */
    double rotation;             /* degrees about the long axis: moves the R transition */
    double amplitude;            /* of the QRS dipole, 1 = average */
    double p_amplitude, t_amplitude;
    double width;            /* of all QRS parts, 1 = average */
    double pr, qtc;          /* s; QTc by Fridericia */
    double terminal;         /* 0..1 a late rightward-anterior vector, rSr' without a block */
    double heart_rate;       /* beats a minute at rest, in sinus rhythm */
    double ventricular_site; /* radians: where premature ventricular beats come from */
    double territory;        /* 0..1: which wall suffers when ST or T change */
} sim_patient;

/* The k-th patient of an archive; the same whatever is drawn elsewhere. */
sim_patient patient_make(uint64_t seed, uint64_t number, const double *prevalence);

#endif
