/* SPDX-License-Identifier: Apache-2.0 */
/* Building products and convolutions: shapes and checks. The formulas are in reference/. */
#include "nn/graph.h"

static bool vector_ok(nn_graph *g, const char *op, const char *what, nn_id x, int64_t size)
{
    char text[96];
    if (x == NN_NONE) return true;
    if (!nn_node_inputs_ok(g, op, &x, 1)) return false;
    nn_shape s = nn_node_shape(g, x);
    if (s.rank == 1 && s.n[0] == size) return true;
    nn_fail(g, "%s: %s has shape %s; expected [%lld]", op, what, nn_shape_text(s, text), (long long)size);
    return false;
}

nn_id nn_linear(nn_graph *g, nn_id x, nn_id w, nn_id bias)
{
    const nn_id in[3] = {x, w, bias};
    char xs[96], ws[96];
    if (!nn_node_inputs_ok(g, "linear", in, 2)) return NN_NONE;
    nn_shape sx = nn_node_shape(g, x), sw = nn_node_shape(g, w);
    if (sx.rank < 1 || sw.rank != 2 || nn_shape_last(sx) != sw.n[1])
        return nn_fail(g, "linear: x %s and w %s do not fit; expected [..][K] and [N][K]", nn_shape_text(sx, xs), nn_shape_text(sw, ws));
    if (!vector_ok(g, "linear", "bias", bias, sw.n[0])) return NN_NONE;
    nn_shape out = sx;
    out.n[out.rank - 1] = sw.n[0];
    nn_id id = nn_node_add(g, NN_OP_LINEAR, out, in, 3, (nn_args){0});
    if (id != NN_NONE) nn_node_at(g, id)->flop = 2.0 * (double)nn_shape_rows(sx) * (double)sw.n[0] * (double)sw.n[1];
    return id;
}

nn_id nn_matmul(nn_graph *g, nn_id a, nn_id b, bool transpose_a, bool transpose_b)
{
    const nn_id in[2] = {a, b};
    char as[96], bs[96];
    if (!nn_node_inputs_ok(g, "matmul", in, 2)) return NN_NONE;
    nn_shape sa = nn_node_shape(g, a), sb = nn_node_shape(g, b);
    bool ok = sa.rank == sb.rank && sa.rank >= 2;
    for (int k = 0; ok && k < sa.rank - 2; k++) ok = sa.n[k] == sb.n[k];
    int64_t m = 0, k = 0, kb = 0, n = 0;
    if (ok) {
        const int64_t *pa = &sa.n[sa.rank - 2], *pb = &sb.n[sb.rank - 2];
        m = transpose_a ? pa[1] : pa[0];
        k = transpose_a ? pa[0] : pa[1];
        kb = transpose_b ? pb[1] : pb[0];
        n = transpose_b ? pb[0] : pb[1];
    }
    if (!ok || k != kb)
        return nn_fail(g, "matmul: a %s%s and b %s%s do not fit; leading axes and the inner axis must be equal", nn_shape_text(sa, as),
                       transpose_a ? " transposed" : "", nn_shape_text(sb, bs), transpose_b ? " transposed" : "");
    nn_shape out = sa;
    out.n[out.rank - 2] = m;
    out.n[out.rank - 1] = n;
    nn_id id = nn_node_add(g, NN_OP_MATMUL, out, in, 2, (nn_args){.transpose_a = transpose_a, .transpose_b = transpose_b});
    if (id != NN_NONE) nn_node_at(g, id)->flop = 2.0 * (double)nn_shape_size(out) * (double)k;
    return id;
}

static bool conv_args_ok(nn_graph *g, const char *op, nn_conv1d_args *a)
{
    if (a->stride == 0) a->stride = 1;
    if (a->dilation == 0) a->dilation = 1;
    if (a->groups == 0) a->groups = 1;
    const int64_t most = 1 << 24;
    if (a->stride > 0 && a->dilation > 0 && a->groups > 0 && a->pad_left >= 0 && a->pad_right >= 0 && a->stride < most && a->dilation < most &&
        a->pad_left < most && a->pad_right < most)
        return true;
    nn_fail(g, "%s: stride, dilation and groups must be positive, padding not negative, all below 2^24", op);
    return false;
}

static nn_args conv_node_args(nn_conv1d_args a)
{
    return (nn_args){.stride = a.stride, .pad_left = a.pad_left, .pad_right = a.pad_right, .dilation = a.dilation, .groups = a.groups};
}

nn_id nn_conv1d(nn_graph *g, nn_id x, nn_id w, nn_id bias, nn_conv1d_args a)
{
    const nn_id in[3] = {x, w, bias};
    char xs[96], ws[96];
    if (!nn_node_inputs_ok(g, "conv1d", in, 2) || !conv_args_ok(g, "conv1d", &a)) return NN_NONE;
    nn_shape sx = nn_node_shape(g, x), sw = nn_node_shape(g, w);
    if (sx.rank != 3 || sw.rank != 3 || sx.n[2] % a.groups != 0 || sw.n[0] % a.groups != 0 || sw.n[2] != sx.n[2] / a.groups)
        return nn_fail(g, "conv1d: x %s and w %s do not fit with %lld groups; expected [B][T][Cin] and [Cout][K][Cin / groups]",
                       nn_shape_text(sx, xs), nn_shape_text(sw, ws), (long long)a.groups);
    if (!vector_ok(g, "conv1d", "bias", bias, sw.n[0])) return NN_NONE;
    int64_t reach = (sw.n[1] - 1) * a.dilation + 1, padded = sx.n[1] + a.pad_left + a.pad_right;
    if (padded < reach)
        return nn_fail(g, "conv1d: %lld samples with padding are fewer than the kernel's %lld; use a longer segment or a smaller encoder",
                       (long long)padded, (long long)reach);
    nn_shape out = nn_shape3(sx.n[0], (padded - reach) / a.stride + 1, sw.n[0]);
    nn_id id = nn_node_add(g, NN_OP_CONV1D, out, in, 3, conv_node_args(a));
    if (id != NN_NONE) nn_node_at(g, id)->flop = 2.0 * (double)nn_shape_size(out) * (double)(sw.n[1] * sw.n[2]);
    return id;
}

nn_id nn_conv_transpose1d(nn_graph *g, nn_id x, nn_id w, nn_id bias, nn_conv1d_args a)
{
    const nn_id in[3] = {x, w, bias};
    char xs[96], ws[96];
    if (!nn_node_inputs_ok(g, "conv_transpose1d", in, 2) || !conv_args_ok(g, "conv_transpose1d", &a)) return NN_NONE;
    nn_shape sx = nn_node_shape(g, x), sw = nn_node_shape(g, w);
    if (a.dilation != 1 || a.groups != 1) return nn_fail(g, "conv_transpose1d: dilation and groups must be 1");
    if (sx.rank != 3 || sw.rank != 3 || sw.n[0] != sx.n[2])
        return nn_fail(g, "conv_transpose1d: x %s and w %s do not fit; expected [B][T][Cin] and [Cin][K][Cout]", nn_shape_text(sx, xs),
                       nn_shape_text(sw, ws));
    if (!vector_ok(g, "conv_transpose1d", "bias", bias, sw.n[2])) return NN_NONE;
    nn_shape out = nn_shape3(sx.n[0], (sx.n[1] - 1) * a.stride + sw.n[1] - a.pad_left - a.pad_right, sw.n[2]);
    nn_id id = nn_node_add(g, NN_OP_CONV_TRANSPOSE1D, out, in, 3, conv_node_args(a));
    if (id != NN_NONE) nn_node_at(g, id)->flop = 2.0 * (double)nn_shape_size(sx) * (double)(sw.n[1] * sw.n[2]);
    return id;
}
