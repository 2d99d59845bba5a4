/* SPDX-License-Identifier: Apache-2.0 */
/* Heads: the projection of contrastive objectives, and the classifier. */
#include "model/layers.h"

nn_id model_project(nn_graph *g, nn_id x, const char *scope, int64_t hidden, int64_t out)
{
    nn_scope_push(g, "%s", scope);
    if (hidden > 0) x = nn_relu(g, layer_linear(g, x, "hidden", hidden));
    x = layer_linear(g, x, "output", out);
    nn_scope_pop(g);
    return x;
}

nn_id model_classify(nn_graph *g, nn_id x, int64_t hidden, int64_t classes, double dropout)
{
    nn_scope_push(g, "head");
    x = nn_dropout(g, x, dropout);
    if (hidden > 0) x = nn_dropout(g, nn_relu(g, layer_linear(g, x, "hidden", hidden)), dropout);
    x = layer_linear(g, x, "output", classes);
    nn_scope_pop(g);
    return x;
}
