/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions; formulas in reference/convolution.h. Three ways, by shape:
 *     plain    windows that neither overlap nor leave gaps (patches, kernels of one sample): a layer's product as it is
 *     direct   groups or many taps, stride 1, in half precision: tensor cores over windows in shared memory (direct.cuh); without groups
 *              the weights' gradient, which sums over all rows, goes by windows
 *     windows  everything else: windows written out, one product a group
 */
#include "nn/cuda/direct.cuh"
#include "nn/cuda/gemm.cuh"

#include <stdlib.h>

extern "C" {
#include "base/error.h"
}

/* Windows over a long signal [B][T][C]: window u of item b, tap k, is sample u stride + k dilation - pad. */
struct windows {
    int64_t B, T, C, U, K, stride, pad, dilation;
};

/* a / b, by 32 bits where they hold a: a division of 64 takes several times longer than what it is for. */
static __device__ unsigned quotient(int64_t a, int b)
{
    return (uint64_t)a <= UINT32_MAX ? (unsigned)a / (unsigned)b : (unsigned)(a / b);
}

/* column[b U + u][k][i] = x[b][..][first + i], 0 outside, i < width. A thread takes all taps, eight channels where they lie in eights. */
static void spread(const nn_call *c, const windows &w, view x, int64_t first, int64_t width, view column)
{
    const int n = width % 8 == 0 && w.C % 8 == 0 ? 8 : 1, runs = (int)(width / n), U = (int)w.U, K = (int)w.K;
    each(c, w.B * w.U * runs, [=] __device__(int64_t at) {
        const unsigned bu = quotient(at, runs), i = (unsigned)(at - (int64_t)bu * runs) * n, b = bu / U;
        const int64_t t0 = (int64_t)(bu - b * U) * w.stride - w.pad, from = b * w.T * w.C + first + i, to = (int64_t)bu * K * width + i;
#pragma unroll 4
        for (int k = 0; k < K; k++) {
            const int64_t t = t0 + k * w.dilation;
            float v[8] = {};
            if (t >= 0 && t < w.T) x.load(from + t * w.C, n, v);
            column.store(to + k * width, n, v, false);
        }
    });
}

/* x[b][t][first + i] = bias[first + i] + sum of column[b U + u][k][i] over the windows that hold t. */
static void gather(const nn_call *c, const windows &w, view column, int64_t first, int64_t width, const float *bias, view x, bool add)
{
    const int n = width % 8 == 0 && w.C % 8 == 0 ? 8 : 1, runs = (int)(width / n), T = (int)w.T, stride = (int)w.stride;
    each(c, w.B * w.T * runs, [=] __device__(int64_t at) {
        const unsigned bt = quotient(at, runs), i = (unsigned)(at - (int64_t)bt * runs) * n, t = bt % T, b = bt / T;
        float sum[8];
        for (int j = 0; j < n; j++) sum[j] = bias ? bias[first + i + j] : 0;
        for (int k = 0; k < w.K; k++) {
            const int from = (int)(t + w.pad - k * w.dilation);
            if (from < 0 || from % stride != 0 || from / stride >= w.U) continue;
            float v[8];
            column.load(((b * w.U + from / stride) * w.K + k) * width + i, n, v);
#pragma unroll
            for (int j = 0; j < 8; j++)
                if (j < n) sum[j] += v[j];
        }
        x.store((int64_t)bt * w.C + first + i, n, sum, add);
    });
}

/* ---- conv1d ---- */

enum way { PLAIN, DIRECT, WINDOWS };

struct conv_state {
    way how;
    layer_products products;
};

struct conv_sizes {
    int64_t G, O, Og, K, Cg, rows;
    windows w;
};

static conv_sizes sizes_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape, k = c->in[1].shape;
    const nn_args *a = c->args;
    conv_sizes s = {a->groups, y.n[2], y.n[2] / a->groups, k.n[1], k.n[2], y.n[0] * y.n[1], {}};
    s.w = {x.n[0], x.n[1], x.n[2], y.n[1], k.n[1], a->stride, a->pad_left, a->dilation};
    return s;
}

static way way_of(const nn_call *c, const conv_sizes &s)
{
    const bool touching = s.w.stride == s.K && s.w.dilation == 1, no_pad = s.w.pad == 0 && c->args->pad_right == 0;
    if (s.G == 1 && no_pad && touching && s.w.U * s.K == s.w.T) return PLAIN;
    const bool many = s.G > 1 || s.K > 8; /* fewer: writing windows out costs less than the products gain by it */
    if (c->bf16 && many && s.w.stride == 1 && s.w.dilation == 1 && direct_fits(s.Cg, s.Og, s.K)) return DIRECT;
    return WINDOWS;
}

static direct_sizes direct_of(const conv_sizes &s)
{
    return {s.w.B, s.w.T, s.w.U, s.G, s.Cg, s.Og, s.K, s.w.pad};
}

static bool is_bf16(const nn_tensor *t)
{
    return t->type == NN_BF16;
}

/* With half precision: w as bf16. */
static size_t conv1d_saved(const nn_call *c)
{
    return c->bf16 ? aligned((size_t)c->in[1].size * 2) + aligned((size_t)c->out.shape.n[2] * 2) : 0;
}

static size_t conv1d_work(const nn_call *c)
{
    const conv_sizes s = sizes_of(c);
    const way how = way_of(c, s);
    size_t bytes = operand_work(c->in[0].size, is_bf16(&c->in[0]), c->bf16) + operand_work(c->out.size, is_bf16(&c->out), c->bf16) + columns_work(1, 1, s.rows, s.O);
    if (how == WINDOWS || (how == DIRECT && s.G == 1)) bytes += aligned((size_t)(s.rows * s.K * s.Cg) * (c->bf16 ? 2 : 4));
    if (how == DIRECT) bytes += direct_work(direct_of(s));
    return bytes;
}

static pclr_status conv1d_prepare(nn_call *c, pclr_error *error)
{
    const conv_sizes s = sizes_of(c);
    conv_state *state = (conv_state *)calloc(1, sizeof *state);
    if (!state) return error_memory(error, sizeof *state);
    c->state = state;
    state->how = way_of(c, s);
    if (state->how == DIRECT && s.G > 1) return PCLR_OK;
    const bool plain = state->how == PLAIN;
    const int64_t width = s.K * s.Cg;
    const layer_shape shape = {s.rows, s.Og, width, width, s.O, width, c->bf16, is_bf16(&c->out), plain ? is_bf16(&c->in[0]) : c->bf16,
                               plain && c->in[2].size > 0, c->training};
    return layer_products_make(&state->products, device_of(c), &shape, error);
}

static void conv1d_release(void *state)
{
    layer_products_free(&((conv_state *)state)->products);
    free(state);
}

static const char *weights_of(const nn_call *c, bool convert)
{
    if (!c->bf16) return (const char *)c->in[1].data;
    if (c->in[1].half) return (const char *)c->in[1].half;
    const view copy = {c->saved, true};
    if (convert) cuda_convert(c, c->in[1].size, value_of(&c->in[1]), copy);
    return (const char *)copy.data;
}

/* For a product that adds the bias itself: in the type of its result. */
static const void *bias_of(const nn_call *c)
{
    if (absent(c, 2) || !is_bf16(&c->out)) return absent(c, 2) ? NULL : c->in[2].data;
    if (c->in[2].half) return c->in[2].half;
    const view copy = {(char *)c->saved + aligned((size_t)c->in[1].size * 2), true};
    cuda_convert(c, c->in[2].size, value_of(&c->in[2]), copy);
    return copy.data;
}

static size_t element(bool bf16)
{
    return bf16 ? 2 : 4;
}

static void add_bias(const nn_call *c)
{
    if (absent(c, 2)) return;
    const view y = value_of(&c->out);
    const float *bias = (const float *)c->in[2].data;
    const int64_t O = c->out.shape.n[2];
    each(c, c->out.size, [=] __device__(int64_t i) { y.put(i, y.get(i) + bias[i % O]); });
}

static void conv1d_forward(const nn_call *c)
{
    const conv_sizes s = sizes_of(c);
    const conv_state *state = (const conv_state *)c->state;
    char *work = (char *)c->work;
    const char *w = weights_of(c, true);
    const view x = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), c->bf16, &work);
    if (state->how == PLAIN) {
        gemm_run(c, &state->products.nt, w, x.data, c->out.data, bias_of(c), false);
        return;
    }
    if (state->how == DIRECT) {
        direct_forward(c, direct_of(s), x.data, w, (const float *)(absent(c, 2) ? NULL : c->in[2].data), value_of(&c->out), work);
        return;
    }
    const view column = {work, c->bf16};
    for (int64_t g = 0; g < s.G; g++) {
        spread(c, s.w, x, g * s.Cg, s.Cg, column);
        gemm_run(c, &state->products.nt, w + (size_t)(g * s.Og * s.K * s.Cg) * element(c->bf16), column.data,
                 (char *)c->out.data + (size_t)(g * s.Og) * element(is_bf16(&c->out)), NULL, false);
    }
    add_bias(c);
}

static void windows_backward(const nn_call *c, const conv_sizes &s, const layer_products *p, view dy, view column, const view *x)
{
    const char *w = weights_of(c, false);
    for (int64_t g = 0; g < s.G; g++) {
        const char *dy_g = (const char *)dy.data + (size_t)(g * s.Og) * element(c->bf16);
        if (c->in[0].grad) {
            gemm_run(c, &p->nn, w + (size_t)(g * s.Og * s.K * s.Cg) * element(c->bf16), dy_g, column.data, NULL, false);
            gather(c, s.w, column, g * s.Cg, s.Cg, NULL, grad_of(&c->in[0]), c->in[0].add);
        }
        if (!x) continue;
        spread(c, s.w, *x, g * s.Cg, s.Cg, column);
        gemm_run(c, &p->tn, column.data, dy_g, (float *)c->in[1].grad + g * s.Og * s.K * s.Cg, NULL, c->in[1].add);
    }
}

static void conv1d_backward(const nn_call *c)
{
    const conv_sizes s = sizes_of(c);
    const conv_state *state = (const conv_state *)c->state;
    char *work = (char *)c->work;
    const view dy = gemm_operand(c, c->out.size, grad_of(&c->out), c->bf16, &work);
    view x = {};
    if (c->in[1].grad) x = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), c->bf16, &work);
    if (c->in[2].grad) cuda_bias_gradient(c, s.rows, s.O, grad_of(&c->out), &c->in[2], work);
    work += columns_work(1, 1, s.rows, s.O);
    if (state->how == PLAIN) {
        if (c->in[0].grad) gemm_run(c, &state->products.nn, weights_of(c, false), dy.data, c->in[0].grad, NULL, c->in[0].add);
        if (c->in[1].grad) gemm_run(c, &state->products.tn, x.data, dy.data, c->in[1].grad, NULL, c->in[1].add);
    } else if (state->how == DIRECT) {
        if (c->in[0].grad) direct_input(c, direct_of(s), dy.data, weights_of(c, false), grad_of(&c->in[0]), c->in[0].add, work);
        const view column = {work, true};
        if (c->in[1].grad && s.G == 1) {
            spread(c, s.w, x, 0, s.Cg, column);
            gemm_run(c, &state->products.tn, column.data, dy.data, c->in[1].grad, NULL, c->in[1].add);
        } else if (c->in[1].grad) {
            direct_weights(c, direct_of(s), x.data, dy.data, (float *)c->in[1].grad, c->in[1].add, work);
        }
    } else {
        windows_backward(c, s, &state->products, dy, {work, c->bf16}, c->in[1].grad ? &x : NULL);
    }
}

/* ---- transposed: the windows are those of the result. w [Cin][K][Cout] ---- */

static windows result_windows(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape;
    return {y.n[0], y.n[1], y.n[2], x.n[1], c->in[1].shape.n[1], c->args->stride, c->args->pad_left, 1};
}

static size_t transposed_work(const nn_call *c)
{
    const windows w = result_windows(c);
    return operand_work(c->in[0].size, is_bf16(&c->in[0]), c->bf16) + operand_work(c->out.size, is_bf16(&c->out), c->bf16) +
           columns_work(1, 1, w.B * w.T, w.C) + aligned((size_t)(w.B * w.U * w.K * w.C) * element(c->bf16));
}

static pclr_status transposed_prepare(nn_call *c, pclr_error *error)
{
    const windows w = result_windows(c);
    const int64_t in = c->in[0].shape.n[2], wide = w.K * w.C;
    /* y: the input x, R rows of `in`; x: the windows */
    const layer_shape shape = {w.B * w.U, in, wide, wide, in, wide, c->bf16, is_bf16(&c->in[0]), c->bf16, false, c->training};
    layer_products *p = (layer_products *)calloc(1, sizeof *p);
    if (!p) return error_memory(error, sizeof *p);
    c->state = p;
    return layer_products_make(p, device_of(c), &shape, error);
}

static void transposed_release(void *state)
{
    layer_products_free((layer_products *)state);
    free(state);
}

static void transposed_forward(const nn_call *c)
{
    const windows w = result_windows(c);
    const layer_products *p = (const layer_products *)c->state;
    char *work = (char *)c->work;
    const char *weights = weights_of(c, true);
    const view x = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), c->bf16, &work), column = {work, c->bf16};
    gemm_run(c, &p->nn, weights, x.data, column.data, NULL, false);
    gather(c, w, column, 0, w.C, (const float *)(absent(c, 2) ? NULL : c->in[2].data), value_of(&c->out), false);
}

static void transposed_backward(const nn_call *c)
{
    const windows w = result_windows(c);
    const layer_products *p = (const layer_products *)c->state;
    char *work = (char *)c->work;
    const view dy = grad_of(&c->out);
    view x = {};
    if (c->in[1].grad) x = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), c->bf16, &work);
    if (c->in[2].grad) cuda_bias_gradient(c, w.B * w.T, w.C, dy, &c->in[2], work);
    work += columns_work(1, 1, w.B * w.T, w.C);
    const view column = {work, c->bf16};
    spread(c, w, dy, 0, w.C, column);
    if (c->in[0].grad) gemm_run(c, &p->nt, weights_of(c, false), column.data, c->in[0].grad, NULL, c->in[0].add);
    if (c->in[1].grad) gemm_run(c, &p->tn, column.data, x.data, c->in[1].grad, NULL, c->in[1].add);
}

void cuda_convolution(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_CONV1D] = cuda_prepared(cuda_row(conv1d_forward, conv1d_backward, 1 | 2, conv1d_saved, conv1d_work), conv1d_prepare, conv1d_release);
    kernel[NN_OP_CONV_TRANSPOSE1D] =
        cuda_prepared(cuda_row(transposed_forward, transposed_backward, 1 | 2, conv1d_saved, transposed_work), transposed_prepare, transposed_release);
}
