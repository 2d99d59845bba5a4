/* SPDX-License-Identifier: Apache-2.0 */
/* Second-order Butterworth filters run forward and backward: zero phase, fourth-order attenuation (-6 dB at the corner). */
#ifndef PCLR_SIGNAL_BIQUAD_H
#define PCLR_SIGNAL_BIQUAD_H

#include <stddef.h>

typedef struct biquad {
    double b[3], a[2]; /* y = b0 x + b1 x' + b2 x'' - a0 y' - a1 y'' */
} biquad;

/* Corner in Hz, 0 < corner < rate / 2 (bilinear transform). */
biquad biquad_high_pass(double corner, double rate);
biquad biquad_low_pass(double corner, double rate);
/* Filters x[n] (distance `stride` between samples) in place, forward and backward, started as if the first value had lasted for ever. */
void biquad_zero_phase(const biquad *filter, float *x, size_t n, size_t stride);

#endif
