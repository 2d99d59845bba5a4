/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over time and sums along an axis; formulas in reference/time.h and reference/reduce.h. */
#include "nn/onednn/fast.h"

typedef struct pool {
    int64_t T, U, C, size, stride, left;
} pool;

static pool pool_of(const nn_call *c)
{
    return (pool){c->in[0].shape.n[1], c->out.shape.n[1], c->out.shape.n[2], c->args->size, c->args->stride, c->args->pad_left};
}

static piece window_of(const pool *p, int64_t u)
{
    const int64_t first = u * p->stride - p->left;
    return (piece){first > 0 ? first : 0, first + p->size < p->T ? first + p->size : p->T};
}

/* ---- max ---- saved: which sample of the window won, counted from its first one inside [0, T) */

static size_t max_pool1d_saved(const nn_call *c)
{
    return (size_t)c->out.size * sizeof(int32_t);
}

NN_CLONES static void max_row(const float *x, piece w, int64_t C, float *restrict y, int32_t *restrict won)
{
    for (int64_t k = 0; k < C; k++) {
        y[k] = x[w.begin * C + k];
        won[k] = 0;
    }
    for (int64_t t = w.begin + 1; t < w.end; t++)
        for (int64_t k = 0; k < C; k++) {
            const float v = x[t * C + k];
            const bool better = v > y[k];
            y[k] = better ? v : y[k];
            won[k] = better ? (int32_t)(t - w.begin) : won[k];
        }
}

static void max_pool1d_forward(const nn_call *c)
{
    const pool p = pool_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t row = 0; row < c->out.shape.n[0] * p.U; row++)
        max_row((const float *)c->in[0].data + row / p.U * p.T * p.C, window_of(&p, row % p.U), p.C, (float *)c->out.data + row * p.C,
                (int32_t *)c->saved + row * p.C);
}

NN_CLONES static void max_row_back(const float *dy, const int32_t *won, piece w, int64_t C, float *dx)
{
    for (int64_t t = w.begin; t < w.end; t++)
        for (int64_t k = 0; k < C; k++) dx[t * C + k] += won[k] == (int32_t)(t - w.begin) ? dy[k] : 0;
}

NN_CLONES static void avg_row_back(const float *dy, piece w, int64_t C, float *dx)
{
    const float share = 1.0f / (float)(w.end - w.begin);
    for (int64_t t = w.begin; t < w.end; t++)
        for (int64_t k = 0; k < C; k++) dx[t * C + k] += dy[k] * share;
}

static void pool_backward(const nn_call *c, bool largest)
{
    const pool p = pool_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t b = 0; b < c->out.shape.n[0]; b++) {
        float *dx = (float *)c->in[0].grad + b * p.T * p.C;
        if (!c->in[0].add) memset(dx, 0, (size_t)(p.T * p.C) * sizeof *dx);
        for (int64_t u = 0; u < p.U; u++) {
            const int64_t row = (b * p.U + u) * p.C;
            if (largest)
                max_row_back((const float *)c->out.grad + row, (const int32_t *)c->saved + row, window_of(&p, u), p.C, dx);
            else
                avg_row_back((const float *)c->out.grad + row, window_of(&p, u), p.C, dx);
        }
    }
}

static void max_pool1d_backward(const nn_call *c)
{
    pool_backward(c, true);
}

/* ---- mean ---- */

NN_CLONES static void avg_row(const float *x, piece w, int64_t C, float *y)
{
    const float share = 1.0f / (float)(w.end - w.begin);
    for (int64_t k = 0; k < C; k++) y[k] = x[w.begin * C + k];
    for (int64_t t = w.begin + 1; t < w.end; t++)
        for (int64_t k = 0; k < C; k++) y[k] += x[t * C + k];
    for (int64_t k = 0; k < C; k++) y[k] *= share;
}

static void avg_pool1d_forward(const nn_call *c)
{
    const pool p = pool_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t row = 0; row < c->out.shape.n[0] * p.U; row++)
        avg_row((const float *)c->in[0].data + row / p.U * p.T * p.C, window_of(&p, row % p.U), p.C, (float *)c->out.data + row * p.C);
}

static void avg_pool1d_backward(const nn_call *c)
{
    pool_backward(c, false);
}

void nn_onednn_time(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_MAX_POOL1D] =
        (nn_kernel){.forward = max_pool1d_forward, .backward = max_pool1d_backward, .writes = true, .saved = max_pool1d_saved};
    kernel[NN_OP_AVG_POOL1D] = (nn_kernel){.forward = avg_pool1d_forward, .backward = avg_pool1d_backward, .writes = true};
}
