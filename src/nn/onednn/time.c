/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over time and sums along an axis; formulas in reference/time.h and reference/reduce.h. */
#include "nn/onednn/stretch.h"

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

NN_CLONES static void max_row_back(const float *dy, const int32_t *won, piece w, int64_t C, float *dx)
{
    for (int64_t t = w.begin; t < w.end; t++)
        for (int64_t k = 0; k < C; k++) dx[t * C + k] += won[k] == (int32_t)(t - w.begin) ? dy[k] : 0;
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

NN_CLONES static void avg_row_back(const float *dy, piece w, int64_t C, float *dx)
{
    const float share = 1.0f / (float)(w.end - w.begin);
    for (int64_t t = w.begin; t < w.end; t++)
        for (int64_t k = 0; k < C; k++) dx[t * C + k] += dy[k] * share;
}

/* ---- both: items are shared out; one that is bf16 is widened to the thread's part of the work ---- */

static size_t pool_work(const nn_call *c)
{
    const int64_t item = c->in[0].size / c->in[0].shape.n[0];
    return c->in[0].type == NN_BF16 ? (size_t)(c->threads * item) * sizeof(float) : 0;
}

/* A thread's part of it; NULL where nothing is widened. */
static float *item_room(const nn_call *c, int64_t part)
{
    return c->in[0].type == NN_BF16 ? (float *)c->work + part * (c->in[0].size / c->in[0].shape.n[0]) : NULL;
}

/* Output rows [u.begin, u.end) of item b, whose samples are x. */
static void pool_rows(const nn_call *c, const pool *p, bool largest, int64_t b, piece u, const float *x)
{
    for (int64_t k = u.begin; k < u.end; k++) {
        const int64_t at = (b * p->U + k) * p->C;
        float room[STRETCH], *y = stretch_for(c->out.type, c->out.data, at, p->C, false, room);
        if (largest)
            max_row(x, window_of(p, k), p->C, y, (int32_t *)c->saved + at);
        else
            avg_row(x, window_of(p, k), p->C, y);
        stretch_end(c->out.type, c->out.data, at, p->C, y);
    }
}

static void pool_forward(const nn_call *c, bool largest)
{
    const pool p = pool_of(c);
    const int64_t items = c->out.shape.n[0], parts = c->threads > items && c->in[0].type != NN_BF16 ? ceil_div(c->threads, items) : 1;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(items * parts, c->threads, part);
        for (int64_t k = mine.begin; k < mine.end; k++) {
            const int64_t b = k / parts, size = p.T * p.C;
            const float *x = stretch_of(c->in[0].type, c->in[0].data, b * size, size, item_room(c, part));
            pool_rows(c, &p, largest, b, piece_of(p.U, parts, k % parts), x);
        }
    }
}

static void pool_item_back(const nn_call *c, const pool *p, bool largest, int64_t b, float *dx)
{
    if (!c->in[0].add) memset(dx, 0, (size_t)(p->T * p->C) * sizeof *dx);
    for (int64_t u = 0; u < p->U; u++) {
        const int64_t at = (b * p->U + u) * p->C;
        float room[STRETCH];
        const float *dy = stretch_of(c->out.type, c->out.grad, at, p->C, room);
        if (largest)
            max_row_back(dy, (const int32_t *)c->saved + at, window_of(p, u), p->C, dx);
        else
            avg_row_back(dy, window_of(p, u), p->C, dx);
    }
}

static void pool_backward(const nn_call *c, bool largest)
{
    const pool p = pool_of(c);
    const nn_type type = c->in[0].type;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(c->out.shape.n[0], c->threads, part);
        for (int64_t b = mine.begin; b < mine.end; b++) {
            const int64_t size = p.T * p.C;
            float *dx = stretch_for(type, c->in[0].grad, b * size, size, c->in[0].add, item_room(c, part));
            pool_item_back(c, &p, largest, b, dx);
            stretch_end(type, c->in[0].grad, b * size, size, dx);
        }
    }
}

static void max_pool1d_forward(const nn_call *c)
{
    pool_forward(c, true);
}

static void max_pool1d_backward(const nn_call *c)
{
    pool_backward(c, true);
}

static void avg_pool1d_forward(const nn_call *c)
{
    pool_forward(c, false);
}

static void avg_pool1d_backward(const nn_call *c)
{
    pool_backward(c, false);
}

/* A row must fit into a stretch, and an item's floats be few beside what bf16 saves. */
static bool halves_serve(const nn_graph *g, const nn_node *n)
{
    enum { MOST_VALUES = 1 << 22 };
    const nn_shape x = g->node[n->in[0]].shape;
    return x.n[2] <= STRETCH && x.n[1] * x.n[2] <= MOST_VALUES;
}

void nn_onednn_time(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_MAX_POOL1D] = (nn_kernel){.forward = max_pool1d_forward,
                                           .backward = max_pool1d_backward,
                                           .writes = true,
                                           .halves = 1 | NN_HALF_OUT,
                                           .halves_serve = halves_serve,
                                           .saved = max_pool1d_saved,
                                           .work = pool_work};
    kernel[NN_OP_AVG_POOL1D] = (nn_kernel){.forward = avg_pool1d_forward,
                                           .backward = avg_pool1d_backward,
                                           .writes = true,
                                           .halves = 1 | NN_HALF_OUT,
                                           .halves_serve = halves_serve,
                                           .work = pool_work};
}
