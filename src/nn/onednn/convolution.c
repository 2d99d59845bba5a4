/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions over time as products; formulas in reference/convolution.h.
 *
 * Channels last, the window of an output is one run of K * Cin values of the (padded) input, and windows of consecutive outputs
 * begin stride * Cin apart: the matrix of windows is a view of the input with overlapping rows, and nothing is copied but the
 * padding. Only short outputs, whose products would be too small one item at a time, and dilated kernels have their windows
 * written out. The gradient of the input is, for stride 1, the convolution of dy with the reversed kernel; otherwise products
 * whose rows are added into their windows. A transposed convolution is the same with the roles of x and y exchanged.
 */
#include "nn/onednn/fast.h"

enum { SHORT = 96 }; /* fewer outputs an item than this: write the windows out */

/* One group of a convolution from x [B][T][..] to y [B][U][..]. */
typedef struct conv {
    int64_t B, T, U, K, I, O;         /* I, O: channels of the group */
    int64_t x_stride, y_stride;       /* channels of a row in memory, all groups */
    int64_t stride, dilation, left;
    int threads;
} conv;

static int64_t padded_length(const conv *p)
{
    const int64_t needed = (p->U - 1) * p->stride + (p->K - 1) * p->dilation + 1;
    return needed > p->left + p->T ? needed : p->left + p->T;
}

static bool writes_windows(const conv *p)
{
    return p->dilation != 1 || (p->U < SHORT && p->B > 1);
}

/* The windows are the input itself: nothing before it, nothing beyond, no other group beside it. */
static bool is_plain(const conv *p)
{
    return !writes_windows(p) && p->left == 0 && padded_length(p) == p->T && p->x_stride == p->I;
}

static size_t windows_floats(const conv *p)
{
    if (writes_windows(p)) return (size_t)(p->B * p->U * p->K * p->I);
    return is_plain(p) ? 0 : (size_t)(p->B * padded_length(p) * p->I);
}

static void copy_padded(const conv *p, const float *x, float *to)
{
    const int64_t length = padded_length(p);
    for (int64_t t = 0; t < length; t++, to += p->I) {
        const int64_t from = t - p->left;
        if (from < 0 || from >= p->T)
            memset(to, 0, (size_t)p->I * sizeof *to);
        else
            memcpy(to, x + from * p->x_stride, (size_t)p->I * sizeof *to);
    }
}

static void copy_window(const conv *p, const float *x, int64_t u, float *to)
{
    for (int64_t k = 0; k < p->K; k++, to += p->I) {
        const int64_t from = u * p->stride + k * p->dilation - p->left;
        if (from < 0 || from >= p->T)
            memset(to, 0, (size_t)p->I * sizeof *to);
        else
            memcpy(to, x + from * p->x_stride, (size_t)p->I * sizeof *to);
    }
}

/* The matrix of windows [B * U][K * I], in `work` (windows_floats) unless the input serves as it is. */
static gemm_view windows(const conv *p, const float *x, float *work)
{
    const int64_t columns = p->K * p->I, item = p->T * p->x_stride, length = padded_length(p);
    if (is_plain(p)) {
        if (p->T == p->U * p->stride && p->K == p->stride) /* no overlap: all items are one matrix */
            return (gemm_view){.data = x, .items = 1, .rows = p->B * p->U, .columns = columns, .row_stride = columns};
        return (gemm_view){x, p->B, p->U, columns, item, p->stride * p->I};
    }
    if (!writes_windows(p)) {
#pragma omp parallel for num_threads(p->threads) schedule(static)
        for (int64_t b = 0; b < p->B; b++) copy_padded(p, x + b * item, work + b * length * p->I);
        return (gemm_view){work, p->B, p->U, columns, length * p->I, p->stride * p->I};
    }
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t row = 0; row < p->B * p->U; row++) copy_window(p, x + row / p->U * item, row % p->U, work + row * columns);
    return (gemm_view){.data = work, .items = 1, .rows = p->B * p->U, .columns = columns, .row_stride = columns};
}

static void conv_forward(const conv *p, const float *x, const float *w, const float *bias, float *y, bool add, float *work)
{
    const gemm_view view = windows(p, x, work);
    gemm_rows(&view, w, false, bias, p->O, y, p->y_stride, add, p->threads);
}

static void conv_weights(const conv *p, const float *x, const float *dy, float *dw, float *work)
{
    const gemm_view view = windows(p, x, work);
    gemm_weights(&view, dy, p->y_stride, p->O, dw, p->threads);
}

/* ---- the gradient of the input ---- */

/* dx of stride 1 as a convolution of dy: kernel reversed, channels exchanged. */
static conv reversed(const conv *p)
{
    return (conv){.B = p->B, .T = p->U, .U = p->T, .K = p->K, .I = p->O, .O = p->I, .x_stride = p->y_stride, .y_stride = p->x_stride,
                  .stride = 1, .dilation = 1, .left = p->K - 1 - p->left, .threads = p->threads};
}

static bool reversible(const conv *p)
{
    return p->stride == 1 && p->dilation == 1 && p->left < p->K;
}

static void reverse_kernel(const conv *p, const float *w, float *to)
{
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t i = 0; i < p->I; i++)
        for (int64_t k = 0; k < p->K; k++)
            for (int64_t o = 0; o < p->O; o++) to[(i * p->K + k) * p->O + o] = w[(o * p->K + p->K - 1 - k) * p->I + i];
}

/* Floats a thread needs for the products of one item. */
static int64_t spread_floats(const conv *p)
{
    return p->U * p->K * p->I;
}

static size_t data_floats(const conv *p)
{
    const conv back = reversed(p);
    if (reversible(p)) return (size_t)(p->O * p->K * p->I) + windows_floats(&back);
    return (size_t)(p->threads * spread_floats(p));
}

/* Adds the rows of `columns` [U][K * I] into their windows of dx. */
NN_CLONES static void add_windows(const conv *p, const float *columns, float *dx)
{
    for (int64_t u = 0; u < p->U; u++)
        for (int64_t k = 0; k < p->K; k++) {
            const int64_t t = u * p->stride + k * p->dilation - p->left;
            if (t < 0 || t >= p->T) continue;
            const float *from = columns + (u * p->K + k) * p->I;
            float *to = dx + t * p->x_stride;
            for (int64_t i = 0; i < p->I; i++) to[i] += from[i];
        }
}

static void clear_rows(float *dx, int64_t rows, int64_t stride, int64_t columns)
{
    for (int64_t t = 0; t < rows; t++) memset(dx + t * stride, 0, (size_t)columns * sizeof *dx);
}

/* dx = (add ? dx : 0) + ...; w [O][K][I], bias [I] or NULL is added to every row of dx (for transposed convolutions). */
static void conv_data(const conv *p, const float *dy, const float *w, const float *bias, float *dx, bool add, float *work)
{
    if (reversible(p)) {
        const conv back = reversed(p);
        reverse_kernel(p, w, work);
        conv_forward(&back, dy, work, bias, dx, add, work + p->O * p->K * p->I);
        return;
    }
    const int64_t columns = p->K * p->I;
    const bool direct = p->K == p->stride && p->dilation == 1 && p->left == 0 && p->x_stride == p->I && p->T >= p->U * p->stride;
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t part = 0; part < p->threads; part++) {
        float *own = work + part * spread_floats(p);
        const piece items = piece_of(p->B, p->threads, part);
        for (int64_t b = items.begin; b < items.end; b++) {
            float *to = dx + b * p->T * p->x_stride;
            const float *from = dy + b * p->U * p->y_stride;
            if (direct) {
                gemm_one(false, false, p->U, columns, p->O, 1, from, p->y_stride, w, columns, add, to, columns);
                if (!add) clear_rows(to + p->U * columns, p->T - p->U * p->stride, p->I, p->I);
            } else {
                if (!add) clear_rows(to, p->T, p->x_stride, p->I);
                gemm_one(false, false, p->U, columns, p->O, 1, from, p->y_stride, w, columns, false, own, columns);
                add_windows(p, own, to);
            }
            for (int64_t t = 0; bias && t < p->T; t++)
                for (int64_t i = 0; i < p->I; i++) to[t * p->x_stride + i] += bias[i];
        }
    }
}

/* ---- conv1d ---- */

static conv conv_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape, w = c->in[1].shape;
    const int64_t groups = c->args->groups;
    return (conv){.B = x.n[0], .T = x.n[1], .U = y.n[1], .K = w.n[1], .I = w.n[2], .O = y.n[2] / groups, .x_stride = x.n[2], .y_stride = y.n[2],
                  .stride = c->args->stride, .dilation = c->args->dilation, .left = c->args->pad_left, .threads = c->threads};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t conv1d_work(const nn_call *c)
{
    const conv p = conv_of(c);
    return larger(windows_floats(&p), c->training ? data_floats(&p) : 0) * sizeof(float);
}

static void conv1d_forward(const nn_call *c)
{
    const conv p = conv_of(c);
    const float *x = c->in[0].data, *w = c->in[1].data, *bias = c->in[2].data;
    for (int64_t g = 0; g < c->args->groups; g++)
        conv_forward(&p, x + g * p.I, w + g * p.O * p.K * p.I, bias ? bias + g * p.O : NULL, (float *)c->out.data + g * p.O, false, c->work);
}

static void conv1d_backward(const nn_call *c)
{
    const conv p = conv_of(c);
    const float *x = c->in[0].data, *w = c->in[1].data, *dy = c->out.grad;
    float *dx = c->in[0].grad, *dw = c->in[1].grad, *db = c->in[2].grad;
    if (dw && !c->in[1].add) memset(dw, 0, (size_t)c->in[1].size * sizeof *dw);
    if (db && !c->in[2].add) memset(db, 0, (size_t)c->in[2].size * sizeof *db);
    for (int64_t g = 0; g < c->args->groups; g++) {
        const int64_t at = g * p.O * p.K * p.I;
        if (dw) conv_weights(&p, x + g * p.I, dy + g * p.O, dw + at, c->work);
        if (dx) conv_data(&p, dy + g * p.O, w + at, NULL, dx + g * p.I, c->in[0].add, c->work);
    }
    if (db) gemm_bias(dy, p.B * p.U, p.y_stride, p.y_stride, db, c->threads);
}

/* ---- conv_transpose1d: the input's gradient of the convolution that goes from its output to its input ---- */

static conv transposed_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape;
    return (conv){.B = x.n[0], .T = y.n[1], .U = x.n[1], .K = c->in[1].shape.n[1], .I = y.n[2], .O = x.n[2], .x_stride = y.n[2], .y_stride = x.n[2],
                  .stride = c->args->stride, .dilation = 1, .left = c->args->pad_left, .threads = c->threads};
}

static size_t conv_transpose1d_work(const nn_call *c)
{
    const conv p = transposed_of(c);
    return larger(windows_floats(&p), data_floats(&p)) * sizeof(float);
}

static void conv_transpose1d_forward(const nn_call *c)
{
    const conv p = transposed_of(c);
    conv_data(&p, c->in[0].data, c->in[1].data, c->in[2].data, c->out.data, false, c->work);
}

static void conv_transpose1d_backward(const nn_call *c)
{
    const conv p = transposed_of(c);
    const float *x = c->in[0].data, *w = c->in[1].data, *dy = c->out.grad;
    float *dx = c->in[0].grad, *dw = c->in[1].grad, *db = c->in[2].grad;
    if (dx) conv_forward(&p, dy, w, NULL, dx, c->in[0].add, c->work);
    if (dw) {
        if (!c->in[1].add) memset(dw, 0, (size_t)c->in[1].size * sizeof *dw);
        conv_weights(&p, dy, x, dw, c->work);
    }
    if (db) {
        if (!c->in[2].add) memset(db, 0, (size_t)c->in[2].size * sizeof *db);
        gemm_bias(dy, p.B * p.T, p.I, p.I, db, c->threads);
    }
}

void nn_onednn_convolution(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_CONV1D] = (nn_kernel){.forward = conv1d_forward, .backward = conv1d_backward, .reads = 1 | 2, .writes = true, .work = conv1d_work};
    kernel[NN_OP_CONV_TRANSPOSE1D] = (nn_kernel){.forward = conv_transpose1d_forward, .backward = conv_transpose1d_backward, .reads = 1 | 2,
                                                 .writes = true, .work = conv_transpose1d_work};
}
