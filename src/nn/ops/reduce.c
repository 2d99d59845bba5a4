/* SPDX-License-Identifier: Apache-2.0 */
/* Building reductions and softmaxes. */
#include "nn/graph.h"

static nn_id along(nn_graph *g, nn_op op, nn_id x, int axis)
{
    char text[96];
    if (!nn_node_inputs_ok(g, nn_op_name(op), &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x), out = {.rank = s.rank - 1};
    if (axis < 0 || axis >= s.rank) return nn_fail(g, "%s: axis %d of x %s does not exist", nn_op_name(op), axis, nn_shape_text(s, text));
    for (int k = 0, j = 0; k < s.rank; k++)
        if (k != axis) out.n[j++] = s.n[k];
    return nn_node_add(g, op, out, &x, 1, (nn_args){.axis = axis});
}

static nn_id whole(nn_graph *g, nn_op op, nn_id x, nn_shape out)
{
    if (!nn_node_inputs_ok(g, nn_op_name(op), &x, 1)) return NN_NONE;
    return nn_node_add(g, op, out, &x, 1, (nn_args){0});
}

nn_id nn_sum(nn_graph *g, nn_id x, int axis)
{
    return along(g, NN_OP_SUM, x, axis);
}

nn_id nn_mean(nn_graph *g, nn_id x, int axis)
{
    return along(g, NN_OP_MEAN, x, axis);
}

nn_id nn_max(nn_graph *g, nn_id x, int axis)
{
    return along(g, NN_OP_MAX, x, axis);
}

nn_id nn_sum_all(nn_graph *g, nn_id x)
{
    return whole(g, NN_OP_SUM_ALL, x, nn_shape0());
}

nn_id nn_mean_all(nn_graph *g, nn_id x)
{
    return whole(g, NN_OP_MEAN_ALL, x, nn_shape0());
}

nn_id nn_softmax(nn_graph *g, nn_id x)
{
    return whole(g, NN_OP_SOFTMAX, x, nn_shape_of(g, x));
}

nn_id nn_log_softmax(nn_graph *g, nn_id x)
{
    return whole(g, NN_OP_LOG_SOFTMAX, x, nn_shape_of(g, x));
}

nn_id nn_masked_logsumexp(nn_graph *g, nn_id x, nn_id mask)
{
    const nn_id in[2] = {x, mask};
    char xs[96], ms[96];
    if (!nn_node_inputs_ok(g, "masked_logsumexp", in, 2)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x), m = nn_node_shape(g, mask);
    if (s.rank < 1 || !nn_shape_equal(s, m))
        return nn_fail(g, "masked_logsumexp: x %s and mask %s must have the same shape of at least one axis", nn_shape_text(s, xs),
                       nn_shape_text(m, ms));
    s.rank--;
    nn_id id = nn_node_add(g, NN_OP_MASKED_LOGSUMEXP, s, in, 2, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 1;
    return id;
}
