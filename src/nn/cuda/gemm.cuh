/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices by cuBLASLt, with the algorithm chosen before the first step. All matrices are rows in memory, a leading
 * dimension apart. With half precision both operands are bf16, sums float, results either.
 */
#ifndef PCLR_NN_CUDA_GEMM_CUH
#define PCLR_NN_CUDA_GEMM_CUH

#include "nn/cuda/common.cuh"

/* One product, as column-major D[m][n] = op(A) op(B) (+ D) over `batch` of them. */
struct gemm_shape {
    bool ta, tb;
    int64_t m, n, k, lda, ldb, ldd;
    int64_t batch, step_a, step_b, step_d; /* batch 0: one */
    bool bf16, bf16_result, bias;
};

struct gemm {
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
    bool bias;
};

pclr_status gemm_make(gemm *g, cuda_device *d, const gemm_shape *s, pclr_error *error);
void gemm_free(gemm *g);
/* bias: m values of the result's type. */
void gemm_run(const nn_call *c, const gemm *g, const void *a, const void *b, void *d, const void *bias, bool add);

/*
 * The three products of a layer with x [R][K], w [N][K], y [R][N]; each matrix with its own distance of rows:
 *     nt  y = x w^T + bias;  nn  x = y w;  tn  w = y^T x.
 */
struct layer_shape {
    int64_t R, N, K, ldx, ldy, ldw;
    bool bf16;              /* operands */
    bool y_bf16, x_bf16;    /* results y and x; w is always float */
    bool bias, backward;
};

struct layer_products {
    gemm nt, nn, tn;
};

pclr_status layer_products_make(layer_products *p, cuda_device *d, const layer_shape *s, pclr_error *error);
void layer_products_free(layer_products *p);

/* `v` as an operand of type bf16 or float: itself, or a copy at *work, which moves on. */
view gemm_operand(const nn_call *c, int64_t n, view v, bool bf16, char **work);
/* Bytes that gemm_operand takes. */
static inline size_t operand_work(int64_t n, bool is_bf16, bool bf16)
{
    return is_bf16 == bf16 ? 0 : aligned((size_t)n * (bf16 ? 2 : 4));
}

#endif
