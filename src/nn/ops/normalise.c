/* SPDX-License-Identifier: Apache-2.0 */
/* Building normalisations. */
#include "nn/graph.h"

static bool channels_ok(nn_graph *g, const char *op, const nn_id *in, int inputs)
{
    char xs[96], vs[96];
    if (!nn_node_inputs_ok(g, op, in, inputs)) return false;
    nn_shape s = nn_node_shape(g, in[0]);
    for (int k = 1; k < inputs; k++) {
        nn_shape v = nn_node_shape(g, in[k]);
        if (s.rank < 1 || v.rank != 1 || v.n[0] != nn_shape_last(s)) {
            nn_fail(g, "%s: input %d has shape %s; expected one value a channel of x %s", op, k, nn_shape_text(v, vs), nn_shape_text(s, xs));
            return false;
        }
    }
    return true;
}

nn_id nn_layer_norm(nn_graph *g, nn_id x, nn_id gamma, nn_id beta, double eps)
{
    const nn_id in[3] = {x, gamma, beta};
    if (!channels_ok(g, "layer_norm", in, 3)) return NN_NONE;
    return nn_node_add(g, NN_OP_LAYER_NORM, nn_node_shape(g, x), in, 3, (nn_args){.eps = eps});
}

nn_id nn_group_norm(nn_graph *g, nn_id x, nn_id gamma, nn_id beta, int64_t groups, double eps)
{
    const nn_id in[3] = {x, gamma, beta};
    char text[96];
    if (!channels_ok(g, "group_norm", in, 3)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    if (s.rank != 3 || groups < 1 || s.n[2] % groups != 0)
        return nn_fail(g, "group_norm: x %s with %lld groups; expected [B][T][C] and C a multiple of the groups", nn_shape_text(s, text),
                       (long long)groups);
    return nn_node_add(g, NN_OP_GROUP_NORM, s, in, 3, (nn_args){.groups = groups, .eps = eps});
}

nn_id nn_batch_norm(nn_graph *g, nn_id x, nn_id gamma, nn_id beta, nn_id running_mean, nn_id running_var, double momentum, double eps)
{
    const nn_id in[5] = {x, gamma, beta, running_mean, running_var};
    if (!channels_ok(g, "batch_norm", in, 5)) return NN_NONE;
    for (int k = 3; k < 5; k++)
        if (!nn_node_at(g, in[k])->parameter || !nn_node_at(g, in[k])->parameter->init.buffer)
            return nn_fail(g, "batch_norm: running statistics must be parameters declared with init.buffer");
    nn_id id = nn_node_add(g, NN_OP_BATCH_NORM, nn_node_shape(g, x), in, 5, (nn_args){.momentum = momentum, .eps = eps});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 3 | 1u << 4;
    return id;
}

nn_id nn_weight_norm(nn_graph *g, nn_id v, nn_id gain)
{
    const nn_id in[2] = {v, gain};
    char vs[96], gs[96];
    if (!nn_node_inputs_ok(g, "weight_norm", in, 2)) return NN_NONE;
    nn_shape s = nn_node_shape(g, v), t = nn_node_shape(g, gain);
    if (s.rank != 3 || t.rank != 1 || t.n[0] != s.n[1])
        return nn_fail(g, "weight_norm: v %s and gain %s; expected [Cout][K][Cin] and [K]", nn_shape_text(s, vs), nn_shape_text(t, gs));
    return nn_node_add(g, NN_OP_WEIGHT_NORM, s, in, 2, (nn_args){0});
}

nn_id nn_l2_normalize(nn_graph *g, nn_id x, double eps)
{
    if (!nn_node_inputs_ok(g, "l2_normalize", &x, 1)) return NN_NONE;
    return nn_node_add(g, NN_OP_L2_NORMALIZE, nn_node_shape(g, x), &x, 1, (nn_args){.eps = eps});
}
