/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices. The only file that knows oneDNN: its sgemm runs on one core at a time, and the cutting into pieces for
 * the threads is ours, because a fixed cut makes results repeatable and because the pieces are known to fit the caches.
 */
#include <oneapi/dnnl/dnnl.h>

#include "nn/onednn/fast.h"

enum {
    ROWS = 384,   /* rows of one piece: weights are packed once a piece, so pieces are long; results of a piece stay in L2 */
    OVERLAPPING_ROWS = 1024,
    DEPTH = 1024, /* longest sum of one product in gemm_weights; longer ones run at half the speed */
    TILE = 32     /* smallest piece of output rows worth a thread */
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

/* oneDNN refuses rows that overlap. Of every `phases` rows the first ones do not: they make one product, the second ones another. */
static int64_t phases_of(const gemm_view *x)
{
    return x->row_stride >= x->columns ? 1 : ceil_div(x->columns, x->row_stride);
}

static int64_t rows_in_phase(int64_t rows, int64_t phases, int64_t phase)
{
    return rows > phase ? ceil_div(rows - phase, phases) : 0;
}

static void multiply_rows(const gemm_view *x, const float *from, int64_t rows, const float *w, bool w_by_column, int64_t N, float *to, int64_t y_stride, bool add)
{
    const int64_t phases = phases_of(x), ldw = w_by_column ? N : x->columns;
    for (int64_t p = 0; p < phases; p++) {
        const int64_t count = rows_in_phase(rows, phases, p);
        if (count > 0)
            gemm_one(false, !w_by_column, count, N, x->columns, 1, from + p * x->row_stride, phases * x->row_stride, w, ldw, add, to + p * y_stride,
                     phases * y_stride);
    }
}

void gemm_rows(const gemm_view *x, const float *w, bool w_by_column, const float *bias, int64_t N, float *y, int64_t y_stride, bool add, int threads)
{
    const int64_t longest = phases_of(x) > 1 ? OVERLAPPING_ROWS : ROWS, fair = ceil_div(x->items * x->rows, threads);
    const int64_t pieces = ceil_div(x->rows, fair < longest ? (fair < 16 ? 16 : fair) : longest);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < x->items * pieces; task++) {
        const int64_t item = task / pieces;
        const piece rows = piece_of(x->rows, pieces, task % pieces);
        const float *from = x->data + item * x->item_stride + rows.begin * x->row_stride;
        float *to = y + (item * x->rows + rows.begin) * y_stride;
        multiply_rows(x, from, rows.end - rows.begin, w, w_by_column, N, to, y_stride, add);
        if (bias) add_bias(to, rows.end - rows.begin, y_stride, bias, N);
    }
}

/* The part of dw whose first value is at row n.begin, column k.begin. */
static void add_weights(const gemm_view *x, const float *dy, int64_t dy_stride, piece n, piece k, float *dw)
{
    const int64_t phases = phases_of(x);
    for (int64_t task = 0; task < x->items * phases; task++) {
        const int64_t item = task / phases, phase = task % phases, rows = rows_in_phase(x->rows, phases, phase);
        for (int64_t row = 0; row < rows; row += DEPTH) {
            const int64_t depth = rows - row < DEPTH ? rows - row : DEPTH, first = row * phases + phase;
            gemm_one(true, false, n.end - n.begin, k.end - k.begin, depth, 1, dy + (item * x->rows + first) * dy_stride + n.begin, phases * dy_stride,
                     x->data + item * x->item_stride + first * x->row_stride + k.begin, phases * x->row_stride, true,
                     dw + n.begin * x->columns + k.begin, x->columns);
        }
    }
}

void gemm_weights(const gemm_view *x, const float *dy, int64_t dy_stride, int64_t N, float *dw, int threads)
{
    const int64_t across = threads < ceil_div(N, TILE) ? threads : ceil_div(N, TILE);
    const int64_t wanted = ceil_div(threads, across), down = wanted < ceil_div(x->columns, TILE) ? wanted : ceil_div(x->columns, TILE);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < across * down; task++)
        add_weights(x, dy, dy_stride, piece_of(N, across, task / down), piece_of(x->columns, down, task % down), dw);
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
