/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/pair_contrast.h"

#include "objective/contrast.h"
#include "objective/masks.h"

nn_id pair_contrast_build(pair_contrast *p, nn_graph *g, nn_id z, double tau)
{
    if (z == NN_NONE) return NN_NONE;
    int64_t pairs = nn_shape_of(g, z).n[0] / 2;
    p->first = nn_input(g, "first", NN_I32, nn_shape1(pairs));
    p->second = nn_input(g, "second", NN_I32, nn_shape1(pairs));
    p->weight = nn_input(g, "pair_weight", NN_F32, nn_shape2(pairs, pairs));
    p->candidate = nn_input(g, "pair_candidate", NN_F32, nn_shape2(pairs, pairs));
    nn_id a = nn_gather(g, z, p->first), b = nn_gather(g, z, p->second);
    nn_id rows = contrast_all(g, contrast_logits(g, a, b, tau), p->weight, p->candidate);
    nn_id columns = contrast_all(g, contrast_logits(g, b, a, tau), p->weight, p->candidate);
    return objective_all_mean(g, nn_affine(g, nn_add(g, rows, columns), 0.5, 0), NN_NONE);
}

void pair_contrast_feed(const pair_contrast *p, nn_graph *g, const objective_batch *b)
{
    masks_pairs(objective_batch_all(b), b->pair, b->patient, nn_data(g, p->first), nn_data(g, p->second), nn_data(g, p->weight),
                nn_data(g, p->candidate));
}
