/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that tell how a contrastive run is doing. Arrays in, numbers out. Private to objective/. */
#ifndef PCLR_OBJECTIVE_DIAGNOSTICS_H
#define PCLR_OBJECTIVE_DIAGNOSTICS_H

#include <stdint.h>

/* Mean |a_i - b_i|^2 over rows of two views [rows][columns] of unit length: 0 when the views agree (Wang & Isola 2020, eq. 3). */
double diagnostics_alignment(const float *a, const float *b, int64_t rows, int64_t columns);
/* log of the mean of exp(-2 |a_i - a_j|^2) over pairs: the more negative, the more evenly spread (ibid., eq. 4). 0 for one row. */
double diagnostics_uniformity(const float *a, int64_t rows, int64_t columns);
/* Effective rank of the embedding, (sum of eigenvalues)^2 / sum of their squares of its covariance: 1 (collapsed) to columns.
 * scratch[columns * (columns + 1)] doubles. */
double diagnostics_rank(const float *a, int64_t rows, int64_t columns, double *scratch);
/* Among ordered pairs i != j of the batch's items, weight[i * stride + j] > 0 marking positives: share of positives that have a
 * label in common, and the same share over all pairs. label [rows][classes] 0, 1, 255 unknown; items without any known positive label are
 * not counted. NaN when there is no such pair. */
void diagnostics_label_agreement(const float *weight, int64_t stride, const uint8_t *label, int64_t rows, int64_t classes,
                                 double *positives, double *chance);

#endif
