/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far one second of a lead is to be trusted when all leads speak together: 1 for a lead as it should be, nearly 0 for one that
 * shows noise, a burst or wander. A lead's own marks do not depend on it; what others take from all leads does.
 */
#ifndef PCLR_PHYSIO_TRUST_H
#define PCLR_PHYSIO_TRUST_H

#include <stddef.h>

/* `level`: slope of the lead's beats, mV in 24 ms; `mean`: its mean slope. White noise has a level of 3.5 means, an ECG of 6 to 20. */
float trust_against_noise(float level, float mean);
/* `steepest`: slope of this second. */
float trust_against_burst(float steepest, float level);
/* mean[2 * seconds] of a lead's half seconds; returns how many are whole. */
size_t trust_half_seconds(const float *x, size_t samples, float *mean);
/* `halves` means of half seconds of the lead; `second` counts from 0. */
float trust_against_wander(const float *mean, size_t halves, size_t second, float level);

#endif
