/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From any rate to another by a windowed-sinc kernel (linear phase, no delay), for analysis. Sample k of the output stands at
 * position k * step of the input, so that positions convert by one multiplication. Missing samples are bridged by straight lines.
 */
#ifndef PCLR_SIGNAL_INTERPOLATE_H
#define PCLR_SIGNAL_INTERPOLATE_H

#include "base/error.h"

typedef struct interpolator {
    double step;            /* input samples an output sample: rate_in / rate_out */
    size_t phases, taps;    /* phases: fractional positions told apart */
    size_t before;          /* taps before the position */
    float *kernel;          /* [phases][taps]; NULL when step is 1 (copy) */
} interpolator;

/* Pass band up to 0.45 of the lower rate. */
pclr_status interpolator_create(interpolator *it, double rate_in, double rate_out, pclr_error *error);
void interpolator_free(interpolator *it);
/* Number of output samples of n input samples. */
size_t interpolator_length(const interpolator *it, size_t n);
/* x[n] finite -> y[interpolator_length(n)]; ends are held. */
void interpolator_apply(const interpolator *it, const float *x, size_t n, float *y);

/* Copies x[n] to y with samples that are not valid (valid[i] == 0; valid may be NULL), not finite or beyond +-limit replaced by
 * the straight line over the gap (held at the ends). Returns how many samples were good; with none, y is all zero. */
size_t bridge_gaps(const float *x, const unsigned char *valid, size_t n, float limit, float *y);

#endif
