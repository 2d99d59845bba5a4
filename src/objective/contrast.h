/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contrastive losses on a table of logits s [R][N] (anchor, candidate), all of which are cosines over a temperature. Which candidate
 * is a positive or a negative of which anchor is told by weights that are written anew for every batch. Private to objective/.
 */
#ifndef PCLR_OBJECTIVE_CONTRAST_H
#define PCLR_OBJECTIVE_CONTRAST_H

#include "nn/nn.h"

/* a b^T / tau for unit vectors a [R][P], b [N][P]. */
nn_id contrast_logits(nn_graph *g, nn_id a, nn_id b, double tau);
/* Row by row a_i . b_i / tau as a column [R][1]. */
nn_id contrast_own_logit(nn_graph *g, nn_id a, nn_id b, double tau);

/* Each positive against itself and the negatives: sum_ip weight_ip log(1 + sum_n negative_in e^{s_in - s_ip}).
 * weight, negative [R][N]; weights of all anchors sum to 1 for a mean. */
nn_id contrast_each(nn_graph *g, nn_id logits, nn_id weight, nn_id negative);
/* Each positive against all candidates (the positives too): sum_ip weight_ip (log sum_a candidate_ia e^{s_ia} - s_ip). */
nn_id contrast_all(nn_graph *g, nn_id logits, nn_id weight, nn_id candidate);

#endif
