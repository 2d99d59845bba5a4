/* SPDX-License-Identifier: Apache-2.0 */
/* Building operations that work element by element. */
#include "nn/graph.h"

/* Whether b broadcasts to a by the NumPy rules: axes aligned at the end, each equal or 1. */
static bool broadcasts(nn_shape b, nn_shape a)
{
    if (b.rank > a.rank) return false;
    for (int k = 1; k <= b.rank; k++)
        if (b.n[b.rank - k] != 1 && b.n[b.rank - k] != a.n[a.rank - k]) return false;
    return true;
}

static nn_id binary(nn_graph *g, nn_op op, nn_id a, nn_id b)
{
    const nn_id in[2] = {a, b};
    char as[96], bs[96];
    if (!nn_node_inputs_ok(g, nn_op_name(op), in, 2)) return NN_NONE;
    nn_shape sa = nn_node_shape(g, a), sb = nn_node_shape(g, b);
    if (!broadcasts(sb, sa))
        return nn_fail(g, "%s: b %s does not broadcast to a %s", nn_op_name(op), nn_shape_text(sb, bs), nn_shape_text(sa, as));
    return nn_node_add(g, op, sa, in, 2, (nn_args){0});
}

static nn_id unary(nn_graph *g, nn_op op, nn_id x, nn_args args)
{
    if (!nn_node_inputs_ok(g, nn_op_name(op), &x, 1)) return NN_NONE;
    return nn_node_add(g, op, nn_node_shape(g, x), &x, 1, args);
}

nn_id nn_add(nn_graph *g, nn_id a, nn_id b)
{
    return binary(g, NN_OP_ADD, a, b);
}

nn_id nn_sub(nn_graph *g, nn_id a, nn_id b)
{
    return binary(g, NN_OP_SUB, a, b);
}

nn_id nn_mul(nn_graph *g, nn_id a, nn_id b)
{
    return binary(g, NN_OP_MUL, a, b);
}

nn_id nn_div(nn_graph *g, nn_id a, nn_id b)
{
    return binary(g, NN_OP_DIV, a, b);
}

nn_id nn_affine(nn_graph *g, nn_id x, double scale, double shift)
{
    return unary(g, NN_OP_AFFINE, x, (nn_args){.scale = scale, .shift = shift});
}

nn_id nn_relu(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_RELU, x, (nn_args){0});
}

nn_id nn_gelu(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_GELU, x, (nn_args){0});
}

nn_id nn_silu(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_SILU, x, (nn_args){0});
}

nn_id nn_tanh(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_TANH, x, (nn_args){0});
}

nn_id nn_sigmoid(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_SIGMOID, x, (nn_args){0});
}

nn_id nn_softplus(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_SOFTPLUS, x, (nn_args){0});
}

nn_id nn_exp(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_EXP, x, (nn_args){0});
}

nn_id nn_log(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_LOG, x, (nn_args){0});
}

nn_id nn_sqrt(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_SQRT, x, (nn_args){0});
}

nn_id nn_square(nn_graph *g, nn_id x)
{
    return unary(g, NN_OP_SQUARE, x, (nn_args){0});
}

nn_id nn_glu(nn_graph *g, nn_id x)
{
    char text[96];
    if (!nn_node_inputs_ok(g, "glu", &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    if (s.rank < 1 || nn_shape_last(s) % 2 != 0) return nn_fail(g, "glu: x %s; the last axis must be even", nn_shape_text(s, text));
    s.n[s.rank - 1] /= 2;
    return nn_node_add(g, NN_OP_GLU, s, &x, 1, (nn_args){0});
}

nn_id nn_where(nn_graph *g, nn_id mask, nn_id a, nn_id b)
{
    const nn_id in[3] = {mask, a, b};
    if (!nn_node_inputs_ok(g, "where", in, 3)) return NN_NONE;
    nn_shape sa = nn_node_shape(g, a);
    char text[96];
    if (!broadcasts(nn_node_shape(g, mask), sa)) return nn_fail(g, "where: mask does not broadcast to a %s", nn_shape_text(sa, text));
    if (!broadcasts(nn_node_shape(g, b), sa)) return nn_fail(g, "where: b does not broadcast to a %s", nn_shape_text(sa, text));
    nn_id id = nn_node_add(g, NN_OP_WHERE, sa, in, 3, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->no_grad = 1;
    return id;
}

nn_id nn_dropout(nn_graph *g, nn_id x, double p)
{
    if (!(p >= 0 && p < 1)) return nn_fail(g, "dropout: p is %g; expected 0 <= p < 1", p);
    if (p <= 0 || g->mode == NN_INFER) return x;
    return unary(g, NN_OP_DROPOUT, x, (nn_args){.p = p});
}
