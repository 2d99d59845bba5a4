/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change of sampling rate: polyphase windowed sinc, linear phase, double accumulators. Rates whose ratio is L / M with L <= 1000
 * are exact; others are taken as they are, their coefficients computed sample by sample.
 */
#ifndef PCLR_SIGNAL_RESAMPLE_H
#define PCLR_SIGNAL_RESAMPLE_H

#include "base/error.h"

typedef struct resampler resampler; /* read-only after creation: any number of threads may use one */

/* Rates in Hz, 1 to 1e6, ratio 1/1000 to 1000. */
pclr_status resampler_create(resampler **r, double rate_in, double rate_out, pclr_error *error);
void resampler_destroy(resampler **r);
/* Samples that n input samples give: sample k of the output lies at k / rate_out, as long as that is before n / rate_in. */
int64_t resampler_length(const resampler *r, int64_t n);
/* x[n] with distance x_stride between samples -> y[resampler_length(n)] with distance y_stride. The ends are continued by their values. */
void resampler_apply(const resampler *r, const float *x, int64_t n, int64_t x_stride, float *y, int64_t y_stride);

#endif
