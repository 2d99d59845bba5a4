/* SPDX-License-Identifier: Apache-2.0 */
/* Smallest and largest value. */
#ifndef PCLR_SIGNAL_EXTREMES_H
#define PCLR_SIGNAL_EXTREMES_H

#include <stddef.h>

/* Of x[n], n > 0, all finite. */
void extremes(const float *x, size_t n, float *lowest, float *highest);

#endif
