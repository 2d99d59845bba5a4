/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common ground of the fast kernels. Work is cut by fixed rules into pieces that do not depend on arrival, so results depend on
 * nothing but inputs and the number of threads. Kernels honour nn_tensor.add.
 */
#ifndef PCLR_NN_ONEDNN_FAST_H
#define PCLR_NN_ONEDNN_FAST_H

#include <math.h>
#include <string.h>

#include "nn/graph.h"

/* One binary for every x86-64 processor: the compiler makes a version per instruction set, the loader picks. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NN_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NN_CLONES
#endif

/* Whether products of bf16 are compiled in (bf16.h). */
#if defined(__x86_64__)
#define PCLR_BF16 1
#else
#define PCLR_BF16 0
#endif

/* Part `k` of `count` things cut into `parts` nearly equal pieces. */
typedef struct piece {
    int64_t begin, end;
} piece;

static inline piece piece_of(int64_t count, int64_t parts, int64_t k)
{
    return (piece){count * k / parts, count * (k + 1) / parts};
}

static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Offset of the row of b that belongs to row r of a, along the last axis, where b broadcasts to a. */
static inline int64_t nn_row_of_broadcast(nn_shape a, nn_shape b, int64_t r)
{
    int64_t offset = 0, stride = b.rank > 0 ? b.n[b.rank - 1] : 1;
    for (int k = a.rank - 2; k >= 0; k--) {
        const int axis = k - (a.rank - b.rank);
        if (axis < 0) break;
        if (b.n[axis] > 1) offset += r % a.n[k] * stride;
        stride *= b.n[axis];
        r /= a.n[k];
    }
    return offset;
}

/* ---- tile.c ---- */

enum { MOST_TILE_ROWS = 8, MOST_TILE_COLUMNS = 32 };

/* Where a tile's sums go: row[i][n] = (add ? row[i][n] : 0) + sum + bias[n], for i < rows, n < columns. */
typedef struct tile_result {
    float *row[MOST_TILE_ROWS];
    int64_t rows, columns;
    const float *bias; /* NULL: 0 */
    bool add;
} tile_result;

/* The innermost product: sum_k left[i][k * step] panel[k][n] for `rows` rows and `columns` columns. All rows of `left` are read. */
typedef struct tile_kernel {
    int64_t rows, columns;
    void (*multiply)(const float *const *left, int64_t step, const float *panel, int64_t depth, const tile_result *to);
} tile_kernel;
/* The best one of this processor for products N wide. */
tile_kernel tile_for(int64_t N);

/* ---- gemm.c ---- */

/* The windows of a convolution (convolution.c) as rows of a matrix: row b * U + u holds x[b][u * stride + k * dilation - left][i]
 * at column k * I + i, zeros outside [0, T). */
typedef struct window_rows {
    int64_t T, U, K, I;
    int64_t x_stride; /* values between consecutive times in memory */
    int64_t stride, dilation, left;
    bool bf16;        /* operands are rounded to bf16, which makes a copy of its own */
} window_rows;

/* A matrix that stands in memory (row r at data + r * stride), or whose rows are windows of `data`. */
typedef struct matrix {
    const float *data;
    int64_t rows, columns, stride;
    const window_rows *windows; /* NULL: stands in memory */
    int64_t item_rows;          /* rows after which the results go on elsewhere (result.per_item); 0: nowhere. Of matrices in memory, for bf16 */
    bool bf16;                  /* products with it round both operands to bf16 */
    bool half;                  /* `data` are bf16 already */
} matrix;

/* What rows are multiplied with: element n of depth o * inner + i is data[o * outer_step + i * inner_step + n * n_step]. */
typedef struct weights {
    const float *data;
    int64_t N, outer, inner;
    int64_t outer_step, inner_step, n_step;
    const float *factor; /* [N] or NULL: each column is multiplied by its own */
    bool bf16;           /* gemm_tiles rounds both operands to bf16 */
} weights;

/* What happens to finished results: y = activation(y + other), followed = gelu(y). `other` and `followed` lie like the result. */
typedef struct ending {
    const float *other; /* NULL: none */
    bool other_half;    /* `other` are bf16 */
    nn_op activation;   /* NN_OP_RELU, NN_OP_GELU, or 0 */
    float *followed;    /* NULL: nowhere */
    bool followed_half; /* `followed` are bf16 */
    bool bf16;          /* GELU by math_bf16.c */
} ending;

/* Where the rows of a product go: row b * per_item + u to data + begin + b * item_stride + u * stride. */
typedef struct result {
    float *data;
    bool half; /* bf16; of products with bf16 operands */
    int64_t begin, per_item, item_stride, stride;
    const float *bias; /* [N] or NULL */
    bool add;          /* to what is there */
    ending end;
} result;

/* y[row][n] = (add ? y : 0) + sum_k x[row][k] w[k][n] + bias[n] */
void gemm_rows(const matrix *x, const weights *w, const result *y, int threads, float *scratch);
size_t gemm_rows_scratch(const matrix *x, int64_t N, int threads); /* floats */
/* dw[n][k] += sum over rows of dy[row][n] x[row][k]; dy stands in memory; dw [columns of dy][columns of x]. */
void gemm_weights(const matrix *x, const matrix *dy, float *dw, int threads, float *scratch);
size_t gemm_weights_scratch(const matrix *x, int64_t N, int threads); /* floats */
/* db[n] += sum over rows of dy[row][n] */
void gemm_bias(const matrix *dy, float *db, int threads);
/* A product on the calling thread, by tiles: y[i][n] = (add ? y : 0) + sum_k left[i * row_step + k * step] w[k][n], i < M. */
void gemm_tiles(const float *left, int64_t M, int64_t row_step, int64_t step, const weights *w, const result *y, float *scratch);
int64_t gemm_tiles_scratch(int64_t M, int64_t depth, bool bf16); /* floats */
/* The same by oneDNN, for whatever lies anyhow: c (add ? + : =) op(a) op(b), row-major, with row strides. */
void gemm_one(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
              bool add, float *c, int64_t ldc);

/* ---- ending.c ---- */

/* What fold.c joined to a product with N columns, as the product wants it. */
typedef struct folded {
    const float *factor, *bias; /* [N] or NULL */
    ending end;
} folded;
/* Batch norm becomes factors and biases in `memory`, which has folded_floats. */
folded folded_of(const nn_call *c, int64_t N, float *memory);
int64_t folded_floats(const nn_call *c, int64_t N);
/* The same from column n on. */
folded folded_from(folded f, int64_t n);
/* A row of finished results y[columns], at most MOST_TILE_COLUMNS, which lie `at` values after the begin of their tensor. */
void finish_row(const ending *end, float *y, int64_t at, int64_t columns);

/* ---- dropout.c ---- */

/* Factors 0 or 1 / (1 - p) of the mask's elements begin .. begin + count - 1; cheapest where begin is a multiple of 512. */
void dropout_factors(const nn_call *c, int64_t begin, int64_t count, float *factor);
/* to[k] (+)= from[k] times the factor of element begin + k */
void dropout_apply(const nn_call *c, int64_t begin, int64_t count, const float *from, bool add, float *to);

/* ---- rows of the table, by file ---- */
void nn_onednn_products(nn_kernel kernel[NN_OPS]);
void nn_onednn_convolution(nn_kernel kernel[NN_OPS]);
void nn_onednn_elementwise(nn_kernel kernel[NN_OPS]);
void nn_onednn_normalise(nn_kernel kernel[NN_OPS]);
void nn_onednn_time(nn_kernel kernel[NN_OPS]);
void nn_onednn_attention(nn_kernel kernel[NN_OPS]);
void nn_onednn_s4d(nn_kernel kernel[NN_OPS]);
void nn_onednn_shape(nn_kernel kernel[NN_OPS]);
void nn_onednn_reduce(nn_kernel kernel[NN_OPS]);

#endif
