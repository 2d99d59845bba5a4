/* SPDX-License-Identifier: Apache-2.0 */
/* Building operations along time: pooling, attention, state space. */
#include "nn/graph.h"

static nn_id pool(nn_graph *g, nn_op op, nn_id x, int64_t size, int64_t stride, int64_t pad)
{
    char text[96];
    if (!nn_node_inputs_ok(g, nn_op_name(op), &x, 1)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x);
    /* pad < size: every window meets at least one sample */
    if (s.rank != 3 || size < 1 || stride < 1 || pad < 0 || pad >= size || s.n[1] + 2 * pad < size)
        return nn_fail(g, "%s: x %s with size %lld, stride %lld, pad %lld; expected [B][T][C], size and stride at least 1, pad < size <= T + 2 pad",
                       nn_op_name(op), nn_shape_text(s, text), (long long)size, (long long)stride, (long long)pad);
    s.n[1] = (s.n[1] + 2 * pad - size) / stride + 1;
    return nn_node_add(g, op, s, &x, 1, (nn_args){.size = size, .stride = stride, .pad_left = pad});
}

nn_id nn_max_pool1d(nn_graph *g, nn_id x, int64_t size, int64_t stride, int64_t pad)
{
    return pool(g, NN_OP_MAX_POOL1D, x, size, stride, pad);
}

nn_id nn_avg_pool1d(nn_graph *g, nn_id x, int64_t size, int64_t stride, int64_t pad)
{
    return pool(g, NN_OP_AVG_POOL1D, x, size, stride, pad);
}

nn_id nn_attention(nn_graph *g, nn_id q, nn_id k, nn_id v, int64_t heads, double dropout)
{
    const nn_id in[3] = {q, k, v};
    char text[96];
    if (!nn_node_inputs_ok(g, "attention", in, 3)) return NN_NONE;
    nn_shape s = nn_node_shape(g, q);
    if (s.rank != 3 || heads < 1 || s.n[2] % heads != 0 || !nn_shape_equal(s, nn_node_shape(g, k)) || !nn_shape_equal(s, nn_node_shape(g, v)))
        return nn_fail(g, "attention: q %s with %lld heads; q, k, v must share one shape [B][T][D], D a multiple of the heads",
                       nn_shape_text(s, text), (long long)heads);
    if (!(dropout >= 0 && dropout < 1)) return nn_fail(g, "attention: dropout is %g; expected 0 <= dropout < 1", dropout);
    nn_args args = {.heads = heads, .p = g->mode == NN_TRAIN ? dropout : 0};
    nn_id id = nn_node_add(g, NN_OP_ATTENTION, s, in, 3, args);
    if (id != NN_NONE) nn_node_at(g, id)->flop = 4.0 * (double)nn_shape_size(s) * (double)s.n[1];
    return id;
}

nn_id nn_s4d(nn_graph *g, nn_id x, nn_id log_dt, nn_id log_re, nn_id im, nn_id c_re, nn_id c_im, nn_id d, bool reverse)
{
    const nn_id in[7] = {x, log_dt, log_re, im, c_re, c_im, d};
    char xs[96], ws[96];
    if (!nn_node_inputs_ok(g, "s4d", in, 7)) return NN_NONE;
    nn_shape s = nn_node_shape(g, x), n = nn_node_shape(g, log_re);
    bool ok = s.rank == 3 && n.rank == 2 && n.n[0] == s.n[2];
    for (int k = 3; ok && k < 6; k++) ok = nn_shape_equal(nn_node_shape(g, in[k]), n);
    for (int k = 1; ok && k < 7; k += 5) ok = nn_shape_equal(nn_node_shape(g, in[k]), nn_shape1(s.n[2]));
    if (!ok)
        return nn_fail(g, "s4d: x %s, log_re %s; expected x [B][T][C], log_dt and d [C], log_re, im, c_re, c_im [C][N]", nn_shape_text(s, xs),
                       nn_shape_text(n, ws));
    nn_id id = nn_node_add(g, NN_OP_S4D, s, in, 7, (nn_args){.reverse = reverse});
    /* a complex multiply-add for the state (8) and a real part of a product for the output (4) */
    if (id != NN_NONE) nn_node_at(g, id)->flop = 12.0 * (double)nn_shape_size(s) * (double)n.n[1];
    return id;
}
