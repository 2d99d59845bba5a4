/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions over time as products; formulas in reference/convolution.h.
 *
 * Channels last, the window of an output is one run of K * Cin values of the input: windows are the rows of a matrix whose product
 * with the kernel [Cout][K * Cin] is the output, and they need no copy (gemm.c). The gradient of the input is a sum over taps too:
 * outputs t with the same (t + left) mod stride meet the same taps, so that each of these `stride` phases is a convolution of dy with
 * every stride-th tap, reversed. A transposed convolution is the same with the roles of x and y exchanged.
 */
#include "nn/onednn/stretch.h"

/* One group of a convolution from x [B][T][..] to y [B][U][..]. */
typedef struct conv {
    int64_t B, T, U, K, I, O;   /* I, O: channels of the group */
    int64_t x_stride, y_stride; /* channels of a row in memory, all groups */
    int64_t stride, dilation, left;
    int threads;
    bool bf16;
    bool x_half, y_half; /* and their gradients: bf16 in memory; of one group only */
} conv;

/* Windows over x as a matrix; w must live as long as the result. */
static matrix window_matrix(const float *x, int64_t items, const window_rows *w)
{
    const int64_t columns = w->K * w->I;
    matrix m = {.data = x, .rows = items * w->U, .columns = columns, .stride = columns, .windows = w, .bf16 = w->bf16};
    if (w->K == w->stride && w->dilation == 1 && w->left == 0 && w->x_stride == w->I && w->T == w->U * w->stride) m.windows = NULL;
    return m;
}

/* ---- copies with the channels of one group side by side and zeros around, where windows in place do not serve ---- */

typedef struct margin {
    int64_t before, after; /* zeros that the windows reach */
} margin;

static margin margin_of(const window_rows *w)
{
    const int64_t last = (w->U - 1) * w->stride - w->left + (w->K - 1) * w->dilation;
    return (margin){w->left > 0 ? w->left : 0, last >= w->T ? last + 1 - w->T : 0};
}

/* Of several groups, or when more values lie in windows over the ends, each of which is written out, than in x. */
static bool wants_copy(const window_rows *w)
{
    const margin m = margin_of(w);
    if (w->bf16) return false;
    return w->x_stride != w->I || (ceil_div(m.before, w->stride) + ceil_div(m.after, w->stride)) * w->K > w->T;
}

static int64_t copy_floats(const window_rows *w, int64_t items)
{
    const margin m = margin_of(w);
    return wants_copy(w) ? items * (m.before + w->T + m.after) * w->I : 0;
}

/* The windows over the copy. */
static window_rows placed(window_rows w)
{
    const margin m = margin_of(&w);
    if (!wants_copy(&w)) return w;
    w.left -= m.before;
    w.T += m.before + m.after;
    w.x_stride = w.I;
    return w;
}

/* Returns x, or its copy in `to` with w changed to describe that. */
static const float *place(window_rows *w, int64_t items, const float *x, int threads, float *to)
{
    const margin m = margin_of(w);
    const int64_t T = m.before + w->T + m.after;
    if (!wants_copy(w)) return x;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < items * T; row++) {
        const int64_t t = row % T - m.before;
        if (t < 0 || t >= w->T)
            memset(to + row * w->I, 0, (size_t)w->I * sizeof *to);
        else
            memcpy(to + row * w->I, x + (row / T * w->T + t) * w->x_stride, (size_t)w->I * sizeof *to);
    }
    *w = placed(*w);
    return to;
}

/* ---- forward, and the gradient of the kernel ---- */

static window_rows forward_windows(const conv *p)
{
    return (window_rows){
        .T = p->T, .U = p->U, .K = p->K, .I = p->I, .x_stride = p->x_stride, .stride = p->stride, .dilation = p->dilation, .left = p->left,
        .bf16 = p->bf16};
}

static size_t forward_floats(const conv *p)
{
    const window_rows as_it_is = forward_windows(p), rows = placed(as_it_is);
    const matrix m = window_matrix(NULL, p->B, &rows);
    return (size_t)copy_floats(&as_it_is, p->B) + gemm_rows_scratch(&m, p->O, p->threads);
}

static void conv_forward(const conv *p, const float *x, const float *w, const folded *f, float *y, bool add, float *work)
{
    window_rows rows = forward_windows(p);
    float *scratch = work + copy_floats(&rows, p->B);
    const float *from = place(&rows, p->B, x, p->threads, work);
    matrix m = window_matrix(from, p->B, &rows);
    m.half = p->x_half;
    const weights kernel = {
        .data = w, .N = p->O, .outer = 1, .inner = m.columns, .inner_step = 1, .n_step = m.columns, .factor = f->factor};
    const result to = {
        .data = y, .half = p->y_half, .per_item = p->U, .item_stride = p->U * p->y_stride, .stride = p->y_stride, .bias = f->bias, .add = add, .end = f->end};
    gemm_rows(&m, &kernel, &to, p->threads, scratch);
}

static size_t weights_floats(const conv *p)
{
    const window_rows as_it_is = forward_windows(p), rows = placed(as_it_is);
    const matrix m = window_matrix(NULL, p->B, &rows);
    return (size_t)copy_floats(&as_it_is, p->B) + gemm_weights_scratch(&m, p->O, p->threads);
}

static void conv_weights(const conv *p, const float *x, const float *dy, float *dw, float *work)
{
    window_rows rows = forward_windows(p);
    float *scratch = work + copy_floats(&rows, p->B);
    const float *from = place(&rows, p->B, x, p->threads, work);
    matrix m = window_matrix(from, p->B, &rows);
    m.half = p->x_half;
    const matrix d = {.data = dy, .rows = m.rows, .columns = p->O, .stride = p->y_stride, .half = p->y_half};
    gemm_weights(&m, &d, dw, p->threads, scratch);
}

/* ---- the gradient of the input ---- */

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* The outputs t = m stride + phase - left, m from `first` on, and the taps first_tap + j tap_step that they meet: those with
 * k dilation = phase (mod stride). Tap j of output m multiplies dy at m - offset - j * spread. */
typedef struct phase {
    int64_t first, count;
    int64_t first_tap, tap_step, taps;
    int64_t offset, spread;
} phase;

static phase phase_of(const conv *p, int64_t number)
{
    const int64_t s = p->stride, shared = common_divisor(s, p->dilation);
    phase f = {.tap_step = s / shared, .spread = p->dilation / shared};
    while (f.first * s + number - p->left < 0) f.first++;
    const int64_t begin = f.first * s + number - p->left;
    f.count = begin < p->T ? ceil_div(p->T - begin, s) : 0;
    while (f.first_tap < p->K && f.first_tap * p->dilation % s != number) f.first_tap++;
    f.taps = f.first_tap < p->K ? ceil_div(p->K - f.first_tap, f.tap_step) : 0;
    f.offset = (f.first_tap * p->dilation - number) / s;
    return f;
}

/* Windows over dy, from the last tap to the first. */
static window_rows phase_windows(const conv *p, const phase *f)
{
    return (window_rows){.T = p->U,
                         .U = f->count,
                         .K = f->taps,
                         .I = p->O,
                         .x_stride = p->y_stride,
                         .stride = 1,
                         .dilation = f->spread,
                         .bf16 = p->bf16,
                         .left = f->offset + (f->taps - 1) * f->spread - f->first};
}

static matrix phase_matrix(const conv *p, const phase *f, const float *dy, const window_rows *w)
{
    matrix m = window_matrix(dy, p->B, w);
    if (p->stride > 1 || f->count != p->T) m.item_rows = f->count;
    return m;
}

static size_t data_floats(const conv *p)
{
    size_t most = 0;
    for (int64_t number = 0; number < p->stride; number++) {
        const phase f = phase_of(p, number);
        if (f.taps == 0 || f.count == 0) continue;
        const window_rows as_it_is = phase_windows(p, &f), rows = placed(as_it_is);
        const matrix m = phase_matrix(p, &f, NULL, &rows);
        const size_t floats = (size_t)copy_floats(&as_it_is, p->B) + gemm_rows_scratch(&m, p->I, p->threads);
        most = floats > most ? floats : most;
    }
    return most;
}

/* Rows that no tap reaches. */
static void fill_rows(const result *to, int64_t items, int64_t N)
{
    const nn_type type = to->half ? NN_BF16 : NN_F32;
    if (to->add && !to->bias) return;
    for (int64_t r = 0; r < items * to->per_item; r++)
        for (int64_t first = 0; first < N; first += STRETCH) {
            const int64_t at = to->begin + r / to->per_item * to->item_stride + r % to->per_item * to->stride + first,
                          count = N - first < STRETCH ? N - first : STRETCH;
            float room[STRETCH], *y = stretch_for(type, to->data, at, count, to->add, room);
            for (int64_t n = 0; n < count; n++) y[n] = (to->add ? y[n] : 0) + (to->bias ? to->bias[first + n] : 0);
            stretch_end(type, to->data, at, count, y);
        }
}

static void phase_data(const conv *p, const phase *f, const float *dy, const float *w, const result *to, float *work)
{
    window_rows rows = phase_windows(p, f);
    float *scratch = work + copy_floats(&rows, p->B);
    const float *from = place(&rows, p->B, dy, p->threads, work);
    matrix m = phase_matrix(p, f, from, &rows);
    m.half = p->y_half;
    const weights kernel = {.data = w + (f->first_tap + (f->taps - 1) * f->tap_step) * p->I,
                            .N = p->I,
                            .outer = f->taps,
                            .inner = p->O,
                            .outer_step = -f->tap_step * p->I,
                            .inner_step = p->K * p->I,
                            .n_step = 1};
    gemm_rows(&m, &kernel, to, p->threads, scratch);
}

/* dx = (add ? dx : 0) + ...; w [O][K][I], bias [I] or NULL is added to every row of dx (for transposed convolutions). */
static void conv_data(const conv *p, const float *dy, const float *w, const float *bias, float *dx, bool add, float *work)
{
    for (int64_t number = 0; number < p->stride; number++) {
        const phase f = phase_of(p, number);
        if (f.count == 0) continue;
        const result to = {.data = dx,
                           .half = p->x_half,
                           .begin = (f.first * p->stride + number - p->left) * p->x_stride,
                           .per_item = f.count,
                           .item_stride = p->T * p->x_stride,
                           .stride = p->stride * p->x_stride,
                           .bias = bias,
                           .add = add};
        if (f.taps > 0)
            phase_data(p, &f, dy, w, &to, work);
        else
            fill_rows(&to, p->B, p->I);
    }
}

/* ---- conv1d ---- */

static conv conv_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape, w = c->in[1].shape;
    const int64_t groups = c->args->groups;
    return (conv){.B = x.n[0],
                  .T = x.n[1],
                  .U = y.n[1],
                  .K = w.n[1],
                  .I = w.n[2],
                  .O = y.n[2] / groups,
                  .x_stride = x.n[2],
                  .y_stride = y.n[2],
                  .stride = c->args->stride,
                  .dilation = c->args->dilation,
                  .left = c->args->pad_left,
                  .threads = c->threads,
                  .bf16 = c->bf16,
                  .x_half = c->in[0].type == NN_BF16,
                  .y_half = c->out.type == NN_BF16};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t conv1d_work(const nn_call *c)
{
    const conv p = conv_of(c);
    const size_t backward = larger(weights_floats(&p), data_floats(&p));
    return (larger(forward_floats(&p), c->training ? backward : 0) + (size_t)folded_floats(c, p.y_stride)) * sizeof(float);
}

static void conv1d_forward(const nn_call *c)
{
    const conv p = conv_of(c);
    const float *x = c->in[0].data, *w = c->in[1].data;
    const folded all = folded_of(c, p.y_stride, c->work);
    float *work = (float *)c->work + folded_floats(c, p.y_stride);
    for (int64_t g = 0; g < c->args->groups; g++) {
        const folded f = folded_from(all, g * p.O);
        conv_forward(&p, x + g * p.I, w + g * p.O * p.K * p.I, &f, (float *)c->out.data + g * p.O, false, work);
    }
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
    const matrix all = {.data = dy, .rows = p.B * p.U, .columns = p.y_stride, .stride = p.y_stride, .half = p.y_half};
    if (db) gemm_bias(&all, db, c->threads);
}

/* ---- conv_transpose1d: the input's gradient of the convolution that goes from its output to its input ---- */

static conv transposed_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape;
    return (conv){.B = x.n[0],
                  .T = y.n[1],
                  .U = x.n[1],
                  .K = c->in[1].shape.n[1],
                  .I = y.n[2],
                  .O = x.n[2],
                  .x_stride = y.n[2],
                  .y_stride = x.n[2],
                  .stride = c->args->stride,
                  .dilation = 1,
                  .left = c->args->pad_left,
                  .threads = c->threads,
                  .bf16 = c->bf16};
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
    if (dx) conv_forward(&p, dy, w, &(folded){0}, dx, c->in[0].add, c->work);
    if (dw) {
        if (!c->in[1].add) memset(dw, 0, (size_t)c->in[1].size * sizeof *dw);
        conv_weights(&p, dy, x, dw, c->work);
    }
    if (db) {
        if (!c->in[2].add) memset(db, 0, (size_t)c->in[2].size * sizeof *db);
        const matrix all = {.data = dy, .rows = p.B * p.T, .columns = p.I, .stride = p.I};
        gemm_bias(&all, db, c->threads);
    }
}

/* Groups begin within rows. */
static bool halves_serve(const nn_graph *g, const nn_node *n)
{
    (void)g;
    return n->args.groups == 1;
}

void nn_onednn_convolution(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_CONV1D] = (nn_kernel){
        .forward = conv1d_forward, .backward = conv1d_backward, .reads = 1 | 2, .flags = NN_FOLDS, .writes = true, .work = conv1d_work,
        .halves = 1 | 1 << NN_FOLDED_OTHER | NN_HALF_OUT, .halves_serve = halves_serve};
    kernel[NN_OP_CONV_TRANSPOSE1D] = (nn_kernel){.forward = conv_transpose1d_forward,
                                                 .backward = conv_transpose1d_backward,
                                                 .reads = 1 | 2,
                                                 .writes = true,
                                                 .work = conv_transpose1d_work};
}
