/* SPDX-License-Identifier: Apache-2.0 */
/* The contrastive term of CLOCS' CMSC on the rows of a projected batch, used by cmsc and wav2vec2_cmsc. Private to objective/. */
#ifndef PCLR_OBJECTIVE_PAIR_CONTRAST_H
#define PCLR_OBJECTIVE_PAIR_CONTRAST_H

#include "objective/common.h"

typedef struct pair_contrast {
    nn_id first, second, weight, candidate; /* inputs [M], [M], [M][M], [M][M]; M = B / 2 */
} pair_contrast;

/* z [B][P] of unit length, rows of all processes -> L = 1/2 (L_rows + L_columns) on s = z_first z_second^T / tau:
 * L_rows = mean_i -1/|P(i)| sum_{p: same patient} log[ e^{s_ip} / sum_j e^{s_ij} ]; L_columns the same on s^T. */
nn_id pair_contrast_build(pair_contrast *p, nn_graph *g, nn_id z, double tau);
void pair_contrast_feed(const pair_contrast *p, nn_graph *g, const objective_batch *b);

#endif
