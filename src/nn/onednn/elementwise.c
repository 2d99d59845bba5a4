/* SPDX-License-Identifier: Apache-2.0 */
/* Element by element, cut into one run of values a thread; formulas in reference/elementwise.h. */
#include "base/rng.h"
#include "nn/onednn/stretch.h"
#include "nn/onednn/vector_math.h"

/* Part of a thread, at multiples of a cache line. */
static piece share(int64_t size, int threads, int64_t part)
{
    const piece lines = piece_of(ceil_div(size, 16), threads, part);
    return (piece){lines.begin * 16, lines.end * 16 < size ? lines.end * 16 : size};
}

/* Calls body(c, part of [0, size)) on every thread. */
static void over(const nn_call *c, int64_t size, void (*body)(const nn_call *c, piece part))
{
    if (size < 4096 || c->threads == 1) {
        body(c, (piece){0, size});
        return;
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) body(c, share(size, c->threads, part));
}

/* ---- one input ---- */

#define UNARY_PARTS(name, value, derivative)                                                                                                     \
    NN_CLONES static void name##_forward_part(const nn_call *c, piece p)                                                                   \
    {                                                                                                                                      \
        const float *in = c->in[0].data, scale = (float)c->args->scale, shift = (float)c->args->shift;                                     \
        float *out = c->out.data, density;                                                                                                 \
        (void)scale, (void)shift, (void)density;                                                                                           \
        for (int64_t i = p.begin; i < p.end; i++) {                                                                                        \
            const float x = in[i];                                                                                                         \
            out[i] = (value);                                                                                                              \
        }                                                                                                                                  \
    }                                                                                                                                      \
    NN_CLONES static void name##_backward_part(const nn_call *c, piece p)                                                                  \
    {                                                                                                                                      \
        const float *from = name##_reads_x ? c->in[0].data : c->out.data, *dout = c->out.grad;                                             \
        const float scale = (float)c->args->scale;                                                                                         \
        float *din = c->in[0].grad, density;                                                                                               \
        (void)scale, (void)density;                                                                                                        \
        if (c->in[0].add)                                                                                                                  \
            for (int64_t i = p.begin; i < p.end; i++) {                                                                                    \
                const float x = name##_reads_nothing ? 0 : from[i], y = x;                                                                 \
                (void)y;                                                                                                                   \
                din[i] += dout[i] * (derivative);                                                                                          \
            }                                                                                                                              \
        else                                                                                                                               \
            for (int64_t i = p.begin; i < p.end; i++) {                                                                                    \
                const float x = name##_reads_nothing ? 0 : from[i], y = x;                                                                 \
                (void)y;                                                                                                                   \
                din[i] = dout[i] * (derivative);                                                                                           \
            }                                                                                                                              \
    }

#define UNARY(name, value, derivative)                                                                                                     \
    UNARY_PARTS(name, value, derivative)                                                                                                   \
    static void name##_forward(const nn_call *c)                                                                                           \
    {                                                                                                                                      \
        over(c, c->out.size, name##_forward_part);                                                                                         \
    }                                                                                                                                      \
    static void name##_backward(const nn_call *c)                                                                                          \
    {                                                                                                                                      \
        over(c, c->out.size, name##_backward_part);                                                                                        \
    }

enum {
    affine_reads_x = 0,
    relu_reads_x = 0,
    gelu_reads_x = 1,
    silu_reads_x = 1,
    tanh_reads_x = 0,
    sigmoid_reads_x = 0,
    square_reads_x = 1,
    exp_reads_x = 0
};
enum {
    affine_reads_nothing = 1,
    relu_reads_nothing = 0,
    gelu_reads_nothing = 0,
    silu_reads_nothing = 0,
    tanh_reads_nothing = 0,
    sigmoid_reads_nothing = 0,
    square_reads_nothing = 0,
    exp_reads_nothing = 0
};

static inline float gelu_slope(float x)
{
    float density;
    const float phi = vm_normal(x, &density);
    return phi + x * density;
}

static inline float silu_slope(float x)
{
    const float s = vm_sigmoid(x);
    return s * (1 + x * (1 - s));
}

UNARY(affine, scale *x + shift, scale)
UNARY(relu, x > 0 ? x : 0, y > 0 ? 1.0f : 0.0f)
UNARY_PARTS(gelu, x *vm_normal(x, &density), gelu_slope(x))
UNARY(silu, x *vm_sigmoid(x), silu_slope(x))
UNARY(tanh, vm_tanh(x), 1 - y * y)
UNARY(sigmoid, vm_sigmoid(x), y *(1 - y))
UNARY(square, x *x, 2 * x)
UNARY(exp, vm_exp(x), y)

static void gelu_forward_bf16(const nn_call *c, piece p)
{
    for (int64_t at = p.begin; at < p.end; at += STRETCH) {
        const int64_t n = p.end - at < STRETCH ? p.end - at : STRETCH;
        float room[STRETCH], made[STRETCH], *y = stretch_for(c->out.type, c->out.data, at, n, false, made);
        bf16_gelu(stretch_of(c->in[0].type, c->in[0].data, at, n, room), n, y);
        stretch_end(c->out.type, c->out.data, at, n, y);
    }
}

static void gelu_backward_bf16(const nn_call *c, piece p)
{
    const nn_tensor *x = &c->in[0];
    for (int64_t at = p.begin; at < p.end; at += STRETCH) {
        const int64_t n = p.end - at < STRETCH ? p.end - at : STRETCH;
        float values[STRETCH], gradients[STRETCH], made[STRETCH], *dx = stretch_for(x->type, x->grad, at, n, x->add, made);
        bf16_gelu_back(stretch_of(x->type, x->data, at, n, values), stretch_of(c->out.type, c->out.grad, at, n, gradients), n, x->add, dx);
        stretch_end(x->type, x->grad, at, n, dx);
    }
}

static void gelu_forward(const nn_call *c)
{
    over(c, c->out.size, PCLR_BF16 && c->bf16 ? gelu_forward_bf16 : gelu_forward_part);
}

static void gelu_backward(const nn_call *c)
{
    over(c, c->out.size, PCLR_BF16 && c->bf16 ? gelu_backward_bf16 : gelu_backward_part);
}

/* ---- two inputs; b broadcast to a row by row ---- */

typedef struct rows_of_two {
    int64_t rows, columns;
    bool wide; /* b has the last axis too */
    bool same; /* the same shape: one row */
} rows_of_two;

static rows_of_two rows_of(const nn_call *c)
{
    const nn_shape a = c->in[0].shape, b = c->in[1].shape;
    if (c->in[0].size == c->in[1].size) return (rows_of_two){1, c->in[0].size, true, true};
    return (rows_of_two){nn_shape_rows(a), nn_shape_last(a), nn_shape_last(b) > 1, false};
}

#define BINARY(name, value, da_factor, db_factor, reads)                                                                                   \
    NN_CLONES static void name##_row(const float *pa, const float *pb, bool wide, float *out, int64_t n)                                   \
    {                                                                                                                                      \
        if (wide)                                                                                                                          \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const float a = pa[i], b = pb[i];                                                                                          \
                out[i] = (value);                                                                                                          \
            }                                                                                                                              \
        else                                                                                                                               \
            for (int64_t i = 0; i < n; i++) {                                                                                              \
                const float a = pa[i], b = pb[0];                                                                                          \
                out[i] = (value);                                                                                                          \
            }                                                                                                                              \
    }                                                                                                                                      \
    NN_CLONES static void name##_row_da(const float *pb, bool wide, const float *dy, float *da, bool add, int64_t n)                       \
    {                                                                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                                                                  \
            const float b = !(reads) ? 0 : pb[wide ? i : 0];                                                                               \
            (void)b;                                                                                                                       \
            da[i] = (add ? da[i] : 0) + dy[i] * (da_factor);                                                                               \
        }                                                                                                                                  \
    }                                                                                                                                      \
    NN_CLONES static void name##_row_db(const float *pa, const float *dy, bool wide, float *db, bool add, int64_t n)                       \
    {                                                                                                                                      \
        double sum = 0;                                                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                                                  \
            const float a = !(reads) ? 0 : pa[i];                                                                                          \
            (void)a;                                                                                                                       \
            if (wide)                                                                                                                      \
                db[i] = (add ? db[i] : 0) + dy[i] * (db_factor);                                                                           \
            else                                                                                                                           \
                sum += (double)(dy[i] * (db_factor));                                                                                      \
        }                                                                                                                                  \
        if (!wide) db[0] = (float)((add ? (double)db[0] : 0) + sum);                                                                       \
    }                                                                                                                                      \
    static void name##_forward(const nn_call *c)                                                                                           \
    {                                                                                                                                      \
        const rows_of_two s = rows_of(c);                                                                                                  \
        const float *a = c->in[0].data, *b = c->in[1].data;                                                                                \
        float *y = c->out.data;                                                                                                            \
        const int64_t parts = s.same ? c->threads : s.rows;                                                                                \
        _Pragma("omp parallel for num_threads(c->threads) schedule(static)") for (int64_t k = 0; k < parts; k++)                           \
        {                                                                                                                                  \
            const piece p = s.same ? share(s.columns, c->threads, k) : (piece){k * s.columns, (k + 1) * s.columns};                        \
            const int64_t at = s.same ? p.begin : nn_row_of_broadcast(c->in[0].shape, c->in[1].shape, k);                                  \
            name##_row(a + p.begin, b + at, s.wide, y + p.begin, p.end - p.begin);                                                         \
        }                                                                                                                                  \
    }                                                                                                                                      \
    static void name##_backward(const nn_call *c)                                                                                          \
    {                                                                                                                                      \
        const rows_of_two s = rows_of(c);                                                                                                  \
        const float *a = c->in[0].data, *b = c->in[1].data, *dy = c->out.grad;                                                             \
        float *da = c->in[0].grad, *db = c->in[1].grad;                                                                                    \
        const int64_t parts = s.same ? c->threads : s.rows;                                                                                \
        _Pragma("omp parallel for num_threads(c->threads) schedule(static)") for (int64_t k = 0; k < parts; k++)                           \
        {                                                                                                                                  \
            const piece p = s.same ? share(s.columns, c->threads, k) : (piece){k * s.columns, (k + 1) * s.columns};                        \
            const int64_t at = s.same ? p.begin : nn_row_of_broadcast(c->in[0].shape, c->in[1].shape, k), n = p.end - p.begin;             \
            if (da) name##_row_da(b + at, s.wide, dy + p.begin, da + p.begin, c->in[0].add, n);                                            \
            if (db && s.same) name##_row_db(a + p.begin, dy + p.begin, true, db + p.begin, c->in[1].add, n);                               \
        }                                                                                                                                  \
        if (!db || s.same) return;                                                                                                         \
        if (!c->in[1].add) memset(db, 0, (size_t)c->in[1].size * sizeof *db);                                                              \
        for (int64_t k = 0; k < s.rows; k++)                                                                                               \
            name##_row_db(a + k * s.columns, dy + k * s.columns, s.wide, db + nn_row_of_broadcast(c->in[0].shape, c->in[1].shape, k),      \
                          true, s.columns);                                                                                                \
    }

BINARY(add, a + b, 1, 1, false)
BINARY(sub, a - b, 1, -1, false)
BINARY(mul, a *b, b, a, true)

/* ---- glu ---- */

NN_CLONES static void glu_rows(const float *x, float *y, int64_t rows, int64_t C)
{
    for (int64_t r = 0; r < rows; r++, x += 2 * C, y += C)
        for (int64_t k = 0; k < C; k++) y[k] = x[k] * vm_sigmoid(x[C + k]);
}

NN_CLONES static void glu_rows_back(const float *x, const float *dy, float *dx, bool add, int64_t rows, int64_t C)
{
    for (int64_t r = 0; r < rows; r++, x += 2 * C, dx += 2 * C, dy += C)
        for (int64_t k = 0; k < C; k++) {
            const float s = vm_sigmoid(x[C + k]);
            dx[k] = (add ? dx[k] : 0) + dy[k] * s;
            dx[C + k] = (add ? dx[C + k] : 0) + dy[k] * x[k] * s * (1 - s);
        }
}

static void glu_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece p = piece_of(R, c->threads, part);
        glu_rows((const float *)c->in[0].data + p.begin * 2 * C, (float *)c->out.data + p.begin * C, p.end - p.begin, C);
    }
}

static void glu_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece p = piece_of(R, c->threads, part);
        glu_rows_back((const float *)c->in[0].data + p.begin * 2 * C, (const float *)c->out.grad + p.begin * C,
                      (float *)c->in[0].grad + p.begin * 2 * C, c->in[0].add, p.end - p.begin, C);
    }
}

/* ---- dropout ---- */

/* Part of a thread, at multiples of the run in which random numbers are drawn. */
static piece dropout_share(const nn_call *c, int64_t part)
{
    enum { RUN = 512 };
    const piece runs = piece_of(ceil_div(c->out.size, RUN), c->threads, part);
    return (piece){runs.begin * RUN, runs.end * RUN < c->out.size ? runs.end * RUN : c->out.size};
}

static void dropout_over(const nn_call *c, const float *from, bool add, float *to)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece p = dropout_share(c, part);
        dropout_apply(c, p.begin, p.end - p.begin, from + p.begin, add, to + p.begin);
    }
}

static void dropout_forward(const nn_call *c)
{
    dropout_over(c, c->in[0].data, false, c->out.data);
}

static void dropout_backward(const nn_call *c)
{
    dropout_over(c, c->out.grad, c->in[0].add, c->in[0].grad);
}

/* ---- relu and add of tensors some of which are bf16 ---- */

static bool has_halves(const nn_call *c)
{
    bool any = c->out.type == NN_BF16;
    for (int k = 0; k < c->inputs; k++) any = any || c->in[k].type == NN_BF16;
    return any;
}

/* y = a + b, or the ReLU of a where b is NULL */
NN_CLONES static void add_or_relu(const float *a, const float *b, float *y, int64_t n)
{
    if (b)
        for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
    else
        for (int64_t i = 0; i < n; i++) y[i] = a[i] > 0 ? a[i] : 0;
}

/* dx (+)= dy, where y is above 0 unless it is NULL */
NN_CLONES static void pass_gradient(const float *dy, const float *y, float *dx, bool add, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] = (add ? dx[i] : 0) + (y && !(y[i] > 0) ? 0 : dy[i]);
}

static void halves_forward(const nn_call *c, piece p)
{
    const nn_tensor *a = &c->in[0], *b = c->inputs > 1 ? &c->in[1] : NULL;
    for (int64_t at = p.begin; at < p.end; at += STRETCH) {
        const int64_t n = p.end - at < STRETCH ? p.end - at : STRETCH;
        float first[STRETCH], second[STRETCH], sum[STRETCH], *y = stretch_for(c->out.type, c->out.data, at, n, false, sum);
        add_or_relu(stretch_of(a->type, a->data, at, n, first), b ? stretch_of(b->type, b->data, at, n, second) : NULL, y, n);
        stretch_end(c->out.type, c->out.data, at, n, y);
    }
}

static void halves_backward(const nn_call *c, piece p)
{
    for (int64_t at = p.begin; at < p.end; at += STRETCH) {
        const int64_t n = p.end - at < STRETCH ? p.end - at : STRETCH;
        float gradient[STRETCH], forward[STRETCH], room[STRETCH];
        const float *dy = stretch_of(c->out.type, c->out.grad, at, n, gradient);
        const float *y = c->inputs > 1 ? NULL : stretch_of(c->out.type, c->out.data, at, n, forward);
        for (int k = 0; k < c->inputs; k++) {
            const nn_tensor *x = &c->in[k];
            if (!x->grad) continue;
            float *dx = stretch_for(x->type, x->grad, at, n, x->add, room);
            pass_gradient(dy, y, dx, x->add, n);
            stretch_end(x->type, x->grad, at, n, dx);
        }
    }
}

static void relu_forward_any(const nn_call *c)
{
    over(c, c->out.size, has_halves(c) ? halves_forward : relu_forward_part);
}

static void relu_backward_any(const nn_call *c)
{
    over(c, c->out.size, has_halves(c) ? halves_backward : relu_backward_part);
}

static void add_forward_any(const nn_call *c)
{
    if (has_halves(c))
        over(c, c->out.size, halves_forward);
    else
        add_forward(c);
}

static void add_backward_any(const nn_call *c)
{
    if (has_halves(c))
        over(c, c->out.size, halves_backward);
    else
        add_backward(c);
}

static bool halves_serve(const nn_graph *g, const nn_node *n)
{
    for (int k = 0; k < n->inputs; k++)
        if (!nn_shape_equal(g->node[n->in[k]].shape, n->shape)) return false;
    return true;
}

/* A row whose tensors may be bf16. */
static nn_kernel with_halves(nn_kernel row, void (*forward)(const nn_call *), void (*backward)(const nn_call *))
{
    row.forward = forward;
    row.backward = backward;
    row.halves = 1 | 2 | NN_HALF_OUT;
    row.halves_serve = halves_serve;
    return row;
}

#define ROW(name, what, how)                                                                                                               \
    (nn_kernel)                                                                                                                            \
    {                                                                                                                                      \
        .forward = name##_forward, .backward = name##_backward, .reads = (unsigned)(what), .flags = (how), .writes = true                  \
    }

void nn_onednn_elementwise(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_AFFINE] = ROW(affine, 0, NN_IN_PLACE);
    kernel[NN_OP_RELU] = with_halves(ROW(relu, NN_READS_OUT, NN_IN_PLACE), relu_forward_any, relu_backward_any);
    kernel[NN_OP_GELU] = with_halves(ROW(gelu, 1, 0), gelu_forward, gelu_backward);
    kernel[NN_OP_SILU] = ROW(silu, 1, 0);
    kernel[NN_OP_TANH] = ROW(tanh, NN_READS_OUT, NN_IN_PLACE);
    kernel[NN_OP_SIGMOID] = ROW(sigmoid, NN_READS_OUT, NN_IN_PLACE);
    kernel[NN_OP_SQUARE] = ROW(square, 1, 0);
    kernel[NN_OP_EXP] = ROW(exp, NN_READS_OUT, NN_IN_PLACE);
    kernel[NN_OP_ADD] = with_halves(ROW(add, 0, NN_IN_PLACE), add_forward_any, add_backward_any);
    kernel[NN_OP_SUB] = ROW(sub, 0, NN_IN_PLACE);
    kernel[NN_OP_MUL] = ROW(mul, 1 | 2, 0);
    kernel[NN_OP_GLU] = ROW(glu, 1, 0);
    kernel[NN_OP_DROPOUT] = ROW(dropout, 0, NN_IN_PLACE);
}
