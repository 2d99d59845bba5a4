/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From frames to one vector. mean: average over time. max_mean: maximum and average side by side (Strodthoff et al. 2021).
 * attention: sum_t a_t h_t, a = softmax_t(v . tanh(W h_t)) (Ilse et al. 2018, arXiv 1802.04712).
 */
#include <string.h>

#include "model/layers.h"

static nn_id attention(nn_graph *g, nn_id h)
{
    nn_shape s = nn_shape_of(g, h);
    int64_t batch = s.n[0], frames = s.n[1], channels = s.n[2];
    nn_scope_push(g, "pool");
    nn_id score = nn_tanh(g, layer_linear(g, h, "hidden", channels < 128 ? channels : 128));
    score = layer_linear(g, score, "score", 1);
    nn_scope_pop(g);
    nn_id weight = nn_softmax(g, nn_reshape(g, score, nn_shape3(batch, 1, frames)));
    return nn_reshape(g, nn_matmul(g, weight, h, false, false), nn_shape2(batch, channels));
}

nn_id model_pool(nn_graph *g, nn_id h, const char *kind)
{
    if (h == NN_NONE) return NN_NONE;
    if (strcmp(kind, "mean") == 0) return nn_mean(g, h, 1);
    if (strcmp(kind, "attention") == 0) return attention(g, h);
    if (strcmp(kind, "max_mean") == 0) {
        nn_id both[2] = {nn_max(g, h, 1), nn_mean(g, h, 1)};
        return nn_concat(g, both, 2, 1);
    }
    return nn_fail(g, "pooling \"%s\": must be mean, max_mean or attention", kind);
}

int64_t model_pool_dimensions(const char *kind, int64_t dimensions)
{
    return strcmp(kind, "max_mean") == 0 ? 2 * dimensions : dimensions;
}
