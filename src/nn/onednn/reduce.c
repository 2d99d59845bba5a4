/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums along an axis and the mean square error; formulas in reference/reduce.h and reference/losses.h. Float partial sums over at
 * most BLOCK values are added up in double.
 */
#include "nn/onednn/fast.h"

enum { BLOCK = 64, COLUMNS = 64 };

/* ---- sum, mean: x [outer][length][inner] -> y [outer][inner] ---- */

typedef struct around {
    int64_t outer, length, inner;
    float scale;
} around;

static around around_axis(const nn_call *c, bool mean)
{
    const nn_shape s = c->in[0].shape;
    around r = {1, s.n[c->args->axis], 1, mean ? 1 / (float)s.n[c->args->axis] : 1};
    for (int k = 0; k < c->args->axis; k++) r.outer *= s.n[k];
    for (int k = c->args->axis + 1; k < s.rank; k++) r.inner *= s.n[k];
    return r;
}

/* Up to COLUMNS neighbours of one item. */
NN_CLONES static void sum_columns(const around *s, const float *x, int64_t columns, float *y)
{
    double sum[COLUMNS] = {0};
    for (int64_t begin = 0; begin < s->length; begin += BLOCK) {
        const int64_t end = begin + BLOCK < s->length ? begin + BLOCK : s->length;
        float part[COLUMNS] = {0};
        for (int64_t l = begin; l < end; l++)
            for (int64_t k = 0; k < columns; k++) part[k] += x[l * s->inner + k];
        for (int64_t k = 0; k < columns; k++) sum[k] += (double)part[k];
    }
    for (int64_t k = 0; k < columns; k++) y[k] = (float)(sum[k] * (double)s->scale);
}

static void sum_over(const nn_call *c, bool mean)
{
    const around s = around_axis(c, mean);
    const int64_t blocks = ceil_div(s.inner, COLUMNS);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t task = 0; task < s.outer * blocks; task++) {
        const int64_t o = task / blocks, first = task % blocks * COLUMNS, columns = s.inner - first < COLUMNS ? s.inner - first : COLUMNS;
        sum_columns(&s, (const float *)c->in[0].data + o * s.length * s.inner + first, columns, (float *)c->out.data + o * s.inner + first);
    }
}

NN_CLONES static void spread_row(const float *dy, float scale, int64_t n, bool add, float *dx)
{
    for (int64_t k = 0; k < n; k++) dx[k] = (add ? dx[k] : 0) + dy[k] * scale;
}

static void spread(const nn_call *c, bool mean)
{
    const around s = around_axis(c, mean);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t row = 0; row < s.outer * s.length; row++)
        spread_row((const float *)c->out.grad + row / s.length * s.inner, s.scale, s.inner, c->in[0].add,
                   (float *)c->in[0].grad + row * s.inner);
}

static void sum_forward(const nn_call *c)
{
    sum_over(c, false);
}

static void sum_backward(const nn_call *c)
{
    spread(c, false);
}

static void mean_forward(const nn_call *c)
{
    sum_over(c, true);
}

static void mean_backward(const nn_call *c)
{
    spread(c, true);
}

/* ---- mean square error: sum w (x - t)^2 / max(sum w, 1e-12). saved: the sum of weights. work: two sums a thread ---- */

static size_t mse_saved(const nn_call *c)
{
    (void)c;
    return sizeof(double);
}

static size_t mse_work(const nn_call *c)
{
    return (size_t)(2 * c->threads) * sizeof(double);
}

/* Rows that share one run of weights: all of x where there are none or as many as values, otherwise along the last axis. */
typedef struct weighted {
    int64_t rows, columns;
    bool wide; /* a weight a value; otherwise one a row */
} weighted;

static weighted weighted_rows(const nn_call *c)
{
    const nn_tensor *x = &c->in[0], *w = &c->in[2];
    if (!w->data || w->size == x->size) return (weighted){ceil_div(x->size, BLOCK), BLOCK, true};
    return (weighted){nn_shape_rows(x->shape), nn_shape_last(x->shape), nn_shape_last(w->shape) > 1};
}

static const float *weights_of_row(const nn_call *c, const weighted *s, int64_t row)
{
    const nn_tensor *w = &c->in[2];
    if (!w->data) return NULL;
    return (const float *)w->data + (w->size == c->in[0].size ? row * s->columns : nn_row_of_broadcast(c->in[0].shape, w->shape, row));
}

NN_CLONES static void mse_row(const float *x, const float *t, const float *w, bool wide, int64_t n, double sum[2])
{
    double square = 0, weight = 0;
    for (int64_t k = 0; k < n; k++) {
        const double d = (double)x[k] - (double)t[k], f = w ? (double)w[wide ? k : 0] : 1;
        square += f * d * d;
        weight += f;
    }
    sum[0] += square;
    sum[1] += weight;
}

static void mse_forward(const nn_call *c)
{
    const weighted s = weighted_rows(c);
    const float *x = c->in[0].data, *t = c->in[1].data;
    double(*sum)[2] = c->work, total[2] = {0};
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece rows = piece_of(s.rows, c->threads, part);
        double own[2] = {0};
        for (int64_t r = rows.begin; r < rows.end; r++) {
            const int64_t at = r * s.columns, rest = c->in[0].size - at;
            mse_row(x + at, t + at, weights_of_row(c, &s, r), s.wide, rest < s.columns ? rest : s.columns, own);
        }
        memcpy(sum[part], own, sizeof own);
    }
    for (int part = 0; part < c->threads; part++)
        for (int k = 0; k < 2; k++) total[k] += sum[part][k];
    *(double *)c->saved = fmax(total[1], 1e-12);
    *(float *)c->out.data = (float)(total[0] / fmax(total[1], 1e-12));
}

/* g = factor w (x - t) to x, -g to t */
NN_CLONES static void mse_row_back(const float *x, const float *t, const float *w, bool wide, int64_t n, float factor, float *dx,
                                   bool add_x, float *dt, bool add_t)
{
    for (int64_t k = 0; k < n && dx; k++) dx[k] = (add_x ? dx[k] : 0) + factor * (w ? w[wide ? k : 0] : 1) * (x[k] - t[k]);
    for (int64_t k = 0; k < n && dt; k++) dt[k] = (add_t ? dt[k] : 0) - factor * (w ? w[wide ? k : 0] : 1) * (x[k] - t[k]);
}

static void mse_backward(const nn_call *c)
{
    const weighted s = weighted_rows(c);
    const float *x = c->in[0].data, *t = c->in[1].data;
    float *dx = c->in[0].grad, *dt = c->in[1].grad;
    const float factor = (float)(2 * (double)*(const float *)c->out.grad / *(const double *)c->saved);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t r = 0; r < s.rows; r++) {
        const int64_t at = r * s.columns, rest = c->in[0].size - at;
        mse_row_back(x + at, t + at, weights_of_row(c, &s, r), s.wide, rest < s.columns ? rest : s.columns, factor, dx ? dx + at : NULL,
                     c->in[0].add, dt ? dt + at : NULL, c->in[1].add);
    }
}

void nn_onednn_reduce(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_SUM] = (nn_kernel){.forward = sum_forward, .backward = sum_backward, .writes = true};
    kernel[NN_OP_MEAN] = (nn_kernel){.forward = mean_forward, .backward = mean_backward, .writes = true};
    kernel[NN_OP_MSE] = (nn_kernel){
        .forward = mse_forward, .backward = mse_backward, .reads = 1 | 2 | 4, .writes = true, .saved = mse_saved, .work = mse_work};
}
