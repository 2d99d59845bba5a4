/* SPDX-License-Identifier: Apache-2.0 */
/* Building losses: scalars. Gradients flow to predictions and, in mse and huber, to the targets; never to weights. */
#include "nn/graph.h"

/* weight broadcasts to x as in elementwise.c: axes aligned at the end, each equal or 1. */
static bool weight_ok(nn_graph *g, const char *op, nn_id weight, nn_shape s)
{
    if (weight == NN_NONE) return true;
    if (!nn_node_inputs_ok(g, op, &weight, 1)) return false;
    nn_shape w = nn_node_shape(g, weight);
    bool ok = w.rank <= s.rank;
    for (int k = 1; ok && k <= w.rank; k++) ok = w.n[w.rank - k] == 1 || w.n[w.rank - k] == s.n[s.rank - k];
    char xs[96], ws[96];
    if (!ok) nn_fail(g, "%s: weight %s does not broadcast to x %s", op, nn_shape_text(w, ws), nn_shape_text(s, xs));
    return ok;
}

static nn_id distance(nn_graph *g, nn_op op, nn_id x, nn_id target, nn_id weight, nn_args args)
{
    const nn_id in[3] = {x, target, weight};
    char xs[96], ts[96];
    if (!nn_node_inputs_ok(g, nn_op_name(op), in, 2)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x), t = nn_node_shape(g, target);
    if (!nn_shape_equal(s, t))
        return nn_fail(g, "%s: x %s and target %s must have the same shape", nn_op_name(op), nn_shape_text(s, xs), nn_shape_text(t, ts));
    if (!weight_ok(g, nn_op_name(op), weight, s)) return NN_NONE;
    nn_id id = nn_node_add(g, op, nn_shape0(), in, 3, args);
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 2;
    return id;
}

nn_id nn_mse(nn_graph *g, nn_id x, nn_id target, nn_id weight)
{
    return distance(g, NN_OP_MSE, x, target, weight, (nn_args){0});
}

nn_id nn_huber(nn_graph *g, nn_id x, nn_id target, nn_id weight, double delta)
{
    if (!(delta > 0)) return nn_fail(g, "huber: delta is %g; expected more than 0", delta);
    return distance(g, NN_OP_HUBER, x, target, weight, (nn_args){.delta = delta});
}

nn_id nn_bce_logits(nn_graph *g, nn_id x, nn_id target, nn_id weight, nn_id pos_weight)
{
    const nn_id in[4] = {x, target, weight, pos_weight};
    if (!nn_node_inputs_ok(g, "bce_logits", in, 3)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    bool ok = nn_shape_equal(s, nn_node_shape(g, target)) && nn_shape_equal(s, nn_node_shape(g, weight)) && s.rank >= 1;
    if (ok && pos_weight != NN_NONE) {
        if (!nn_node_inputs_ok(g, "bce_logits", &pos_weight, 1)) return NN_NONE;
        ok = nn_shape_equal(nn_node_shape(g, pos_weight), nn_shape1(nn_shape_last(s)));
    }
    if (!ok) return nn_fail(g, "bce_logits: expected x, target, weight of one shape [B][K] and pos_weight [K]");
    nn_id id = nn_node_add(g, NN_OP_BCE_LOGITS, nn_shape0(), in, 4, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 1 | 1u << 2 | 1u << 3;
    return id;
}

nn_id nn_cross_entropy(nn_graph *g, nn_id logits, nn_id target)
{
    const nn_id in[2] = {logits, target};
    if (!nn_node_inputs_ok(g, "cross_entropy", in, 2)) return NN_NONE;
    nn_shape s = nn_node_shape(g, logits), t = nn_node_shape(g, target);
    if (s.rank != 2 || !nn_shape_equal(t, nn_shape1(s.n[0])) || nn_node_at(g, target)->type != NN_I32)
        return nn_fail(g, "cross_entropy: expected logits [R][K] and target int32 [R]");
    nn_id id = nn_node_add(g, NN_OP_CROSS_ENTROPY, nn_shape0(), in, 2, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 1;
    return id;
}
