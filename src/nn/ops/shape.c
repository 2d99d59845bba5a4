/* SPDX-License-Identifier: Apache-2.0 */
/* Building operations that only move values. */
#include "nn/graph.h"

/* A node that is another name of x's memory. */
static nn_id alias(nn_graph *g, nn_op op, nn_id x, nn_shape shape)
{
    nn_id id = nn_node_add(g, op, shape, &x, 1, (nn_args){0});
    if (id == NN_NONE) return id;
    nn_node_at(g, id)->root = nn_node_at(g, x)->root;
    nn_node_at(g, id)->type = nn_node_at(g, x)->type;
    return id;
}

nn_id nn_reshape(nn_graph *g, nn_id x, nn_shape shape)
{
    char from[96], to[96];
    if (!nn_node_inputs_ok(g, "reshape", &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    if (nn_shape_size(s) != nn_shape_size(shape))
        return nn_fail(g, "reshape: %s has another number of elements than %s", nn_shape_text(s, from), nn_shape_text(shape, to));
    return alias(g, NN_OP_RESHAPE, x, shape);
}

nn_id nn_stop_gradient(nn_graph *g, nn_id x)
{
    if (!nn_node_inputs_ok(g, "stop_gradient", &x, 1)) return NN_NONE;
    return alias(g, NN_OP_STOP_GRADIENT, x, nn_node_shape(g, x));
}

nn_id nn_permute(nn_graph *g, nn_id x, const int *axes)
{
    char text[96];
    if (!nn_node_inputs_ok(g, "permute", &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x), out = {.rank = s.rank};
    nn_args args = {0};
    unsigned seen = 0;
    for (int k = 0; k < s.rank; k++) {
        if (axes[k] < 0 || axes[k] >= s.rank || (seen >> axes[k] & 1u))
            return nn_fail(g, "permute: axes of x %s must be each named once; position %d names %d", nn_shape_text(s, text), k, axes[k]);
        seen |= 1u << axes[k];
        out.n[k] = s.n[axes[k]];
        args.axes[k] = axes[k];
    }
    return nn_node_add(g, NN_OP_PERMUTE, out, &x, 1, args);
}

nn_id nn_concat(nn_graph *g, const nn_id *xs, int count, int axis)
{
    char first[96], other[96];
    if (count < 1 || count > 30) return nn_fail(g, "concat: %d inputs; expected 1 to 30", count);
    if (!nn_node_inputs_ok(g, "concat", xs, count)) return NN_NONE;
    nn_shape out = nn_node_shape(g, xs[0]);
    if (axis < 0 || axis >= out.rank) return nn_fail(g, "concat: axis %d of %s does not exist", axis, nn_shape_text(out, first));
    for (int k = 1; k < count; k++) {
        nn_shape s = nn_node_shape(g, xs[k]), same = s;
        if (s.rank == out.rank) same.n[axis] = out.n[axis];
        if (!nn_shape_equal(same, out))
            return nn_fail(g, "concat: input %d %s does not fit %s; only axis %d may differ", k, nn_shape_text(s, other), nn_shape_text(out, first), axis);
        out.n[axis] += s.n[axis];
    }
    return nn_node_add(g, NN_OP_CONCAT, out, xs, count, (nn_args){.axis = axis});
}

nn_id nn_slice(nn_graph *g, nn_id x, int axis, int64_t begin, int64_t length)
{
    char text[96];
    if (!nn_node_inputs_ok(g, "slice", &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    if (axis < 0 || axis >= s.rank || begin < 0 || length < 1 || begin > s.n[axis] - length)
        return nn_fail(g, "slice: [%lld, %lld) of axis %d is outside x %s", (long long)begin, (long long)(begin + length), axis, nn_shape_text(s, text));
    s.n[axis] = length;
    return nn_node_add(g, NN_OP_SLICE, s, &x, 1, (nn_args){.axis = axis, .begin = begin});
}

nn_id nn_gather(nn_graph *g, nn_id x, nn_id index)
{
    const nn_id in[2] = {x, index};
    if (!nn_node_inputs_ok(g, "gather", in, 2)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x), m = nn_node_shape(g, index);
    if (s.rank < 1 || m.rank != 1 || nn_node_at(g, index)->type != NN_I32) return nn_fail(g, "gather: expected x [R][..] and index int32 [M]");
    s.n[0] = m.n[0];
    nn_id id = nn_node_add(g, NN_OP_GATHER, s, in, 2, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1u << 1;
    return id;
}

nn_id nn_one_hot_max(nn_graph *g, nn_id x)
{
    if (!nn_node_inputs_ok(g, "one_hot_max", &x, 1)) return NN_NONE;
    nn_id id = nn_node_add(g, NN_OP_ONE_HOT_MAX, nn_node_shape(g, x), &x, 1, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1;
    return id;
}
