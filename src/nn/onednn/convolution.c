/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions over time as products; formulas in reference/convolution.h.
 *
 * Channels last, the window of an output is one run of K * Cin values of the input: windows are the rows of a matrix whose product
 * with the kernel [Cout][K * Cin] is the output. The windows are written out a piece at a time, near the core that multiplies them
 * (gemm.c); where stride and kernel are equal they are the input itself. The gradient of the input is, for stride 1, the
 * convolution of dy with the reversed kernel; otherwise products whose rows are added into their windows. A transposed
 * convolution is the same with the roles of x and y exchanged.
 *
 * Long kernels between few channels (a transformer's positional convolution: 128 taps, 16 channels a group) give products only Cout
 * wide. There several outputs are computed at once: m neighbours need a window of K + m - 1 taps, and the kernel, shifted by
 * one tap for each of them, becomes a matrix of m Cout rows. That costs (m - 1) / K more work on zeros and saves a factor m of copying.
 */
#include "nn/onednn/fast.h"

enum { NARROW = 64, LONG = 32, TOGETHER = 8 };

/* One group of a convolution from x [B][T][..] to y [B][U][..]. */
typedef struct conv {
    int64_t B, T, U, K, I, O;         /* I, O: channels of the group */
    int64_t x_stride, y_stride;       /* channels of a row in memory, all groups */
    int64_t stride, dilation, left;
    int threads;
} conv;

static window_rows windows_of(const conv *p)
{
    return (window_rows){p->T, p->U, p->K, p->I, p->x_stride, p->stride, p->dilation, p->left};
}

/* The windows as a matrix; w must live as long as the result. */
static matrix window_matrix(const conv *p, const float *x, const window_rows *w)
{
    const int64_t columns = p->K * p->I;
    matrix m = {.data = x, .rows = p->B * p->U, .columns = columns, .stride = columns, .windows = w};
    if (p->K == p->stride && p->dilation == 1 && p->left == 0 && p->x_stride == p->I && p->T == p->U * p->stride) m.windows = NULL;
    return m;
}

static bool goes_together(const conv *p)
{
    return p->O < NARROW && p->K >= LONG && p->stride == 1 && p->dilation == 1;
}

/* The convolution that computes TOGETHER outputs of p at once, into [B][U' * TOGETHER][O]. */
static conv together(const conv *p)
{
    conv q = *p;
    q.U = ceil_div(p->U, TOGETHER);
    q.K = p->K + TOGETHER - 1;
    q.O = q.y_stride = TOGETHER * p->O;
    q.stride = TOGETHER;
    return q;
}

static int64_t together_weights(const conv *q)
{
    return q->O * q->K * q->I;
}

static int64_t together_outputs(const conv *q)
{
    return q->B * q->U * q->O;
}

/* to[j O + o][k + j][i] = w[o][k][i], zeros elsewhere. */
static void shift_kernel(const conv *p, const conv *q, const float *w, float *to)
{
    const int64_t row = p->K * p->I;
    memset(to, 0, (size_t)together_weights(q) * sizeof *to);
    for (int64_t j = 0; j < TOGETHER; j++)
        for (int64_t o = 0; o < p->O; o++) memcpy(to + ((j * p->O + o) * q->K + j) * p->I, w + o * row, (size_t)row * sizeof *to);
}

static void add_shifted(const conv *p, const conv *q, const float *from, float *dw)
{
    const int64_t row = p->K * p->I;
    for (int64_t j = 0; j < TOGETHER; j++)
        for (int64_t o = 0; o < p->O; o++)
            for (int64_t k = 0; k < row; k++) dw[o * row + k] += from[((j * p->O + o) * q->K + j) * p->I + k];
}

/* Between y [B][U][y_stride] and [B][U' * TOGETHER][O]. */
static void put_outputs(const conv *p, const conv *q, const float *from, const float *bias, float *y, bool add)
{
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t bu = 0; bu < p->B * p->U; bu++) {
        const float *row = from + (bu / p->U * q->U * TOGETHER + bu % p->U) * p->O;
        float *to = y + bu * p->y_stride;
        for (int64_t o = 0; o < p->O; o++) to[o] = (add ? to[o] : 0) + row[o] + (bias ? bias[o] : 0);
    }
}

static void take_outputs(const conv *p, const conv *q, const float *y, float *to)
{
    memset(to, 0, (size_t)together_outputs(q) * sizeof *to);
#pragma omp parallel for num_threads(p->threads) schedule(static)
    for (int64_t bu = 0; bu < p->B * p->U; bu++)
        memcpy(to + (bu / p->U * q->U * TOGETHER + bu % p->U) * p->O, y + bu * p->y_stride, (size_t)p->O * sizeof *to);
}

static size_t forward_floats(const conv *p)
{
    const window_rows w = windows_of(p);
    const matrix m = window_matrix(p, NULL, &w);
    if (!goes_together(p)) return gemm_rows_scratch(&m, p->threads);
    const conv q = together(p);
    const window_rows qw = windows_of(&q);
    const matrix qm = window_matrix(&q, NULL, &qw);
    return (size_t)(together_weights(&q) + together_outputs(&q)) + gemm_rows_scratch(&qm, p->threads);
}

static void conv_forward(const conv *p, const float *x, const float *w, const float *bias, float *y, bool add, float *work)
{
    if (goes_together(p)) {
        const conv q = together(p);
        float *kernel = work, *out = kernel + together_weights(&q);
        const window_rows rows = windows_of(&q);
        const matrix m = window_matrix(&q, x, &rows);
        shift_kernel(p, &q, w, kernel);
        gemm_rows(&m, kernel, false, NULL, q.O, out, q.y_stride, false, p->threads, out + together_outputs(&q));
        put_outputs(p, &q, out, bias, y, add);
        return;
    }
    const window_rows rows = windows_of(p);
    const matrix m = window_matrix(p, x, &rows);
    gemm_rows(&m, w, false, bias, p->O, y, p->y_stride, add, p->threads, work);
}

static size_t weights_floats(const conv *p)
{
    const window_rows w = windows_of(p);
    const matrix m = window_matrix(p, NULL, &w);
    if (!goes_together(p)) return gemm_weights_scratch(&m, p->O, p->threads);
    const conv q = together(p);
    const window_rows qw = windows_of(&q);
    const matrix qm = window_matrix(&q, NULL, &qw);
    return (size_t)(together_weights(&q) + together_outputs(&q)) + gemm_weights_scratch(&qm, q.O, p->threads);
}

static void conv_weights(const conv *p, const float *x, const float *dy, float *dw, float *work)
{
    if (goes_together(p)) {
        const conv q = together(p);
        float *sum = work, *out = sum + together_weights(&q);
        const window_rows rows = windows_of(&q);
        const matrix m = window_matrix(&q, x, &rows);
        memset(sum, 0, (size_t)together_weights(&q) * sizeof *sum);
        take_outputs(p, &q, dy, out);
        gemm_weights(&m, out, q.y_stride, q.O, sum, p->threads, out + together_outputs(&q));
        add_shifted(p, &q, sum, dw);
        return;
    }
    const window_rows rows = windows_of(p);
    const matrix m = window_matrix(p, x, &rows);
    gemm_weights(&m, dy, p->y_stride, p->O, dw, p->threads, work);
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
    for (int64_t k = 0; k < p->K; k++)
        for (int64_t first = 0; first < p->I; first += 16)
            for (int64_t o = 0; o < p->O; o++)
                for (int64_t i = first; i < first + 16 && i < p->I; i++) to[(i * p->K + k) * p->O + o] = w[(o * p->K + p->K - 1 - k) * p->I + i];
}

/* Floats a thread needs for the products of one item. */
static int64_t spread_floats(const conv *p)
{
    return p->U * p->K * p->I;
}

static size_t data_floats(const conv *p)
{
    const conv back = reversed(p);
    if (reversible(p)) return (size_t)(p->O * p->K * p->I) + forward_floats(&back);
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
    const size_t backward = larger(weights_floats(&p), data_floats(&p));
    return larger(forward_floats(&p), c->training ? backward : 0) * sizeof(float);
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
    return larger(larger(forward_floats(&p), weights_floats(&p)), data_floats(&p)) * sizeof(float);
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
