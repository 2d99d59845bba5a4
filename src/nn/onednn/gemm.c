/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices. The only file that knows oneDNN: its sgemm runs on one core at a time, and the cutting into pieces for
 * the threads is ours, because a fixed cut makes results repeatable and because the pieces are known to fit the caches.
 */
#include <oneapi/dnnl/dnnl.h>

#include "nn/onednn/fast.h"

enum {
    ROWS = 384,            /* most rows of one piece: long, because weights are packed once a piece */
    FEWEST = 96,           /* fewest rows of one piece when windows are long */
    PIECE = 256 * 1024,    /* floats of a piece of windows: stays in the second-level cache, or close to it */
    TILE = 32,             /* smallest number of dw's rows worth a thread */
    PARTS = 4              /* most threads that share the rows in gemm_weights; each has its own dw */
};

void gemm_one(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc)
{
    /* Fails only for impossible arguments, which the graph's checks exclude. */
    (void)dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', M, N, K, alpha, a, lda, b, ldb, add ? 1.0f : 0.0f, c, ldc);
}

NN_CLONES static void add_bias(float *y, int64_t rows, int64_t stride, const float *bias, int64_t N)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t n = 0; n < N; n++) y[r * stride + n] += bias[n];
}

static int64_t piece_rows(const matrix *x)
{
    const int64_t fit = PIECE / x->columns;
    return fit > ROWS ? ROWS : fit < FEWEST ? FEWEST : fit;
}

/* Rows of windows lie a cache line more than their length apart: lengths are powers of two, which would share cache sets. */
static int64_t written_stride(const matrix *x)
{
    return ceil_div(x->columns, 16) * 16 + 16;
}

static void write_window(const window_rows *w, const float *x, int64_t u, float *to)
{
    const int64_t first = u * w->stride - w->left;
    if (w->dilation == 1 && w->x_stride == w->I && first >= 0 && first + w->K <= w->T) {
        memcpy(to, x + first * w->I, (size_t)(w->K * w->I) * sizeof *to);
        return;
    }
    for (int64_t k = 0; k < w->K; k++, to += w->I) {
        const int64_t t = first + k * w->dilation;
        if (t < 0 || t >= w->T)
            memset(to, 0, (size_t)w->I * sizeof *to);
        else
            memcpy(to, x + t * w->x_stride, (size_t)w->I * sizeof *to);
    }
}

/* Rows [begin, end) of x, in `scratch` when they do not stand in memory. */
static const float *rows_of(const matrix *x, piece rows, float *scratch, int64_t *stride)
{
    const window_rows *w = x->windows;
    *stride = w ? written_stride(x) : x->stride;
    if (!w) return x->data + rows.begin * x->stride;
    for (int64_t r = rows.begin; r < rows.end; r++)
        write_window(w, x->data + r / w->U * w->T * w->x_stride, r % w->U, scratch + (r - rows.begin) * *stride);
    return scratch;
}

size_t gemm_rows_scratch(const matrix *x, int threads)
{
    return x->windows ? (size_t)(threads * piece_rows(x) * written_stride(x)) : 0;
}

void gemm_rows(const matrix *x, const float *w, bool w_by_column, const float *bias, int64_t N, float *y, int64_t y_stride, bool add, int threads, float *scratch)
{
    const int64_t whole = ceil_div(x->rows, piece_rows(x)), pieces = ceil_div(whole, threads) * threads;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; part++) {
        const piece mine = piece_of(pieces, threads, part);
        float *own = x->windows ? scratch + part * piece_rows(x) * written_stride(x) : NULL;
        for (int64_t k = mine.begin; k < mine.end; k++) {
            const piece rows = piece_of(x->rows, pieces, k);
            const int64_t count = rows.end - rows.begin;
            int64_t stride;
            float *to = y + rows.begin * y_stride;
            if (count == 0) continue;
            const float *from = rows_of(x, rows, own, &stride);
            gemm_one(false, !w_by_column, count, N, x->columns, 1, from, stride, w, w_by_column ? N : x->columns, add, to, y_stride);
            if (bias) add_bias(to, count, y_stride, bias, N);
        }
    }
}

/* ---- gradients of weights: the rows shared out to `parts`, the N columns of dy to `tiles` ---- */

typedef struct shares {
    int64_t parts, tiles, depth;
} shares;

static shares shares_of(const matrix *x, int64_t N, int threads)
{
    shares s = {.parts = threads < PARTS ? threads : PARTS, .depth = piece_rows(x)};
    const int64_t most = ceil_div(x->rows, 64), tiles = ceil_div(N, TILE);
    if (s.parts > most) s.parts = most;
    s.tiles = ceil_div(threads, s.parts);
    if (s.tiles > tiles) s.tiles = tiles;
    return s;
}

/* A task's scratch: its columns of dy transposed, [n][depth + 16], and windows. */
static int64_t task_scratch(const matrix *x, const shares *s, int64_t N)
{
    return ceil_div(N, s->tiles) * (s->depth + 16) + (x->windows ? s->depth * written_stride(x) : 0);
}

size_t gemm_weights_scratch(const matrix *x, int64_t N, int threads)
{
    const shares s = shares_of(x, N, threads);
    return (size_t)((s.parts - 1) * N * x->columns + s.parts * s.tiles * task_scratch(x, &s, N));
}

/* to[n][r] = from[r][n]; eight columns at a time, so that a line of `from` is used while it is near. */
static void transpose(const float *from, int64_t stride, int64_t rows, int64_t columns, float *to, int64_t to_stride)
{
    for (int64_t n = 0; n < columns; n += 8)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = n; k < n + 8 && k < columns; k++) to[k * to_stride + r] = from[r * stride + k];
}

static void weights_task(const matrix *x, const float *dy, int64_t dy_stride, piece rows, piece n, int64_t depth, bool add, float *dw, float *scratch)
{
    const int64_t height = n.end - n.begin;
    float *turned = scratch, *windows = scratch + height * (depth + 16);
    for (int64_t row = rows.begin; row < rows.end; row += depth) {
        const piece now = {row, row + depth < rows.end ? row + depth : rows.end};
        int64_t stride;
        const float *from = rows_of(x, now, windows, &stride);
        transpose(dy + row * dy_stride + n.begin, dy_stride, now.end - row, height, turned, depth + 16);
        gemm_one(false, false, height, x->columns, now.end - row, 1, turned, depth + 16, from, stride, add || row > rows.begin, dw + n.begin * x->columns, x->columns);
    }
}

NN_CLONES static void add_up(float *to, const float *from, int64_t n)
{
    for (int64_t k = 0; k < n; k++) to[k] += from[k];
}

void gemm_weights(const matrix *x, const float *dy, int64_t dy_stride, int64_t N, float *dw, int threads, float *scratch)
{
    const shares s = shares_of(x, N, threads);
    const int64_t size = N * x->columns, own = task_scratch(x, &s, N);
    float *others = scratch, *scratches = scratch + (s.parts - 1) * size;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < s.parts * s.tiles; task++) {
        const int64_t part = task / s.tiles;
        float *to = part == 0 ? dw : others + (part - 1) * size;
        weights_task(x, dy, dy_stride, piece_of(x->rows, s.parts, part), piece_of(N, s.tiles, task % s.tiles), s.depth, part == 0, to, scratches + task * own);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < threads; k++) {
        const piece p = piece_of(size, threads, k);
        for (int64_t part = 1; part < s.parts; part++) add_up(dw + p.begin, others + (part - 1) * size + p.begin, p.end - p.begin);
    }
}

/* Sums 64 columns over all rows in double. */
NN_CLONES static void sum_columns(const float *dy, int64_t rows, int64_t stride, int64_t columns, float *db)
{
    double sum[64] = {0};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t n = 0; n < columns; n++) sum[n] += (double)dy[r * stride + n];
    for (int64_t n = 0; n < columns; n++) db[n] = (float)((double)db[n] + sum[n]);
}

void gemm_bias(const float *dy, int64_t rows, int64_t dy_stride, int64_t N, float *db, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < N; n += 64) sum_columns(dy + n, rows, dy_stride, N - n < 64 ? N - n : 64, db + n);
}
