/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dyadic B-spline analysis without decimation ("a trous"): smoothing with the centred mask [1 2 1]/4 whose holes double at each
 * level, and central differences of the result. Smoothing then differencing is the quadratic-spline wavelet of Mallat used for
 * ECG by Martinez et al., IEEE TBME 51:570 (2004), written with centred masks so that nothing is delayed.
 * Ends: the first and last sample are held.
 */
#ifndef PCLR_SIGNAL_SPLINE_H
#define PCLR_SIGNAL_SPLINE_H

#include <stdbool.h>
#include <stddef.h>

/* y[i] = (x[i - hole] + 2 x[i] + x[i + hole]) / 4. x and y must not overlap. After levels hole = 1, 2, 4, ..., 2^(k-1) the standard
 * deviation of the combined mask is sqrt((4^k - 1) / 6) samples. */
void spline_smooth(const float *x, size_t n, size_t hole, float *y);

/* y[i] = x[i + hole] - x[i - hole]. x and y must not overlap. */
void spline_slope(const float *x, size_t n, size_t hole, float *y);

/* Smooths x with the levels 1, 2, ..., 2^(levels - 1) into y; scratch[n]. y may be x. */
void spline_smooth_levels(const float *x, size_t n, int levels, float *y, float *scratch);

#endif
