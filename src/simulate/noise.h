/* SPDX-License-Identifier: Apache-2.0 */
/* Noise as it arises at the electrodes: wander, muscle, mains, electrode motion. */
#ifndef PCLR_SIMULATE_NOISE_H
#define PCLR_SIMULATE_NOISE_H

#include "simulate/torso.h"

/* Adds noise to signal[12][samples] so that 10 log10(mean over leads of the signal's variance / the same of the noise) = snr. */
pclr_status noise_add(float *signal, size_t samples, double rate, double snr, rng *random, pclr_error *error);

#endif
