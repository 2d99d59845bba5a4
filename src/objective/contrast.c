/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/contrast.h"

nn_id contrast_logits(nn_graph *g, nn_id a, nn_id b, double tau)
{
    return nn_affine(g, nn_matmul(g, a, b, false, true), 1 / tau, 0);
}

nn_id contrast_own_logit(nn_graph *g, nn_id a, nn_id b, double tau)
{
    if (a == NN_NONE) return NN_NONE;
    nn_id dot = nn_sum(g, nn_mul(g, a, b), 1);
    return nn_affine(g, nn_reshape(g, dot, nn_shape2(nn_shape_of(g, a).n[0], 1)), 1 / tau, 0);
}

/* s - log sum_n mask_in e^{s_in} */
static nn_id above(nn_graph *g, nn_id logits, nn_id mask)
{
    if (logits == NN_NONE) return NN_NONE;
    nn_id level = nn_masked_logsumexp(g, logits, mask);
    return nn_sub(g, logits, nn_reshape(g, level, nn_shape2(nn_shape_of(g, logits).n[0], 1)));
}

nn_id contrast_each(nn_graph *g, nn_id logits, nn_id weight, nn_id negative)
{
    nn_id loss = nn_softplus(g, nn_affine(g, above(g, logits, negative), -1, 0));
    return nn_sum_all(g, nn_mul(g, loss, weight));
}

nn_id contrast_all(nn_graph *g, nn_id logits, nn_id weight, nn_id candidate)
{
    return nn_affine(g, nn_sum_all(g, nn_mul(g, above(g, logits, candidate), weight)), -1, 0);
}
