/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of operands rounded to bf16 (the upper half of a float, to nearest even), added up in float. tile_bf16.c has the innermost product
 * and what brings floats into its order; gemm_bf16.c feeds it as gemm.c feeds tile.c.
 *
 * Tiles: 16 rows of 32 values of depth on the left; on the right 16 pairs of depth of 16 columns, [pair][column][2]. A step of depth is 32.
 */
#ifndef PCLR_NN_ONEDNN_BF16_H
#define PCLR_NN_ONEDNN_BF16_H

#include "nn/onednn/fast.h"

typedef uint16_t half; /* a bf16: the upper half of a float */

enum { BF16_TILE = 16, BF16_STEP = 32, BF16_BLOCK = 32 /* rows and columns of a block of sums */ };

/* A block of up to 2 x 2 tiles of sums. The depth is outer x inner steps; offsets in values. */
typedef struct bf16_product {
    const half *a[2], *b[2]; /* the first step's tiles; a[1], b[1] NULL: the block has 16 rows, 16 columns */
    int64_t a_row, b_pair;   /* from a row, from a pair to the next */
    int64_t outer, inner, a_outer, a_inner, b_outer, b_inner;
} bf16_product;

/* sum[i][n] = start[i][n] + the product, for all of the block's tiles; start NULL: 0, start_row 0: the same row everywhere. May be one array. */
typedef struct bf16_kernel {
    void (*begin)(void);
    void (*end)(void);
    void (*multiply)(const bf16_product *p, const float *start, int64_t start_row, float *sum, int64_t row);
} bf16_kernel; /* each thread calls begin before and end after its products */
bf16_kernel bf16_kernel_for(nn_bf16_units units);

/* to[k] = from[k], k < n */
void bf16_row(const float *from, int64_t n, half *to);
void bf16_widen(const half *from, int64_t n, float *to);
/* to[c] = {even[c], odd[c]} times factor[c], c < count <= 16, zeros up to 16; odd NULL: zeros; factor NULL: ones. */
void bf16_pairs(const float *even, const float *odd, const float *factor, int64_t count, half *to);
void bf16_pairs_of_halves(const half *even, const half *odd, int64_t count, half *to);
/* One right tile of columns that stand in memory: to[p][c] = {from[c * stride + 2p], from[c * stride + 2p + 1]}; zeros from depth and columns on. */
void bf16_columns(const float *from, int64_t stride, const float *factor, int64_t depth, int64_t columns, half *to, int64_t to_pair);
/* One left tile, turned: to[i][k] = from[k * stride + i], i < rows <= 16, k < depth <= 32, zeros beyond. */
void bf16_turned(const float *from, int64_t stride, int64_t depth, int64_t rows, half *to);
void bf16_turned_halves(const half *from, int64_t stride, int64_t depth, int64_t rows, half *to);

/* ---- math_bf16.c ---- */
void bf16_gelu(const float *x, int64_t n, float *y);
void bf16_gelu_back(const float *x, const float *dy, int64_t n, bool add, float *dx);
/* s <- softmax(scale s) */
void bf16_softmax(float *s, int64_t T, float scale);
/* dp <- scale p (dp f - sum p dp f), p <- p f; factor f NULL: ones */
void bf16_softmax_back(float *p, float *dp, const float *factor, int64_t T, float scale);

/* ---- gemm_bf16.c: the calls of gemm.c ---- */
void gemm_rows_bf16(const matrix *x, const weights *w, const result *y, int threads, float *scratch);
size_t gemm_rows_bf16_scratch(const matrix *x, int64_t N, int threads); /* floats */
void gemm_weights_bf16(const matrix *x, const matrix *dy, float *dw, int threads, float *scratch);
size_t gemm_weights_bf16_scratch(const matrix *x, int64_t N, int threads); /* floats */
void gemm_tiles_bf16(const float *left, int64_t M, int64_t row_step, int64_t step, const weights *w, const result *y, float *scratch);
int64_t gemm_tiles_bf16_scratch(int64_t M, int64_t depth); /* floats */

#endif
