/* SPDX-License-Identifier: Apache-2.0 */
/* A value by its rank, without sorting the rest. */
#ifndef PCLR_BASE_SELECT_H
#define PCLR_BASE_SELECT_H

#include <stddef.h>

/* The k-th smallest of value[n], counted from 0, k < n; in linear time on average. The values are finite and are reordered. */
float select_smallest(float *value, size_t n, size_t k);

#endif
