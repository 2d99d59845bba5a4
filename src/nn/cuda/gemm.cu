/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/gemm.cuh"

extern "C" {
#include "base/error.h"
}

/* The largest power of two up to 16 that divides every address of a matrix. */
static uint32_t alignment(int64_t ld, int64_t step, size_t element)
{
    const size_t row = (size_t)ld * element, matrix = (size_t)step * element;
    uint32_t a = 16;
    while (row % a != 0 || matrix % a != 0) a /= 2;
    return a;
}

static cublasStatus_t layout(cublasLtMatrixLayout_t *l, cudaDataType_t type, int64_t rows, int64_t columns, int64_t ld, int64_t batch, int64_t step)
{
    const int32_t count = (int32_t)batch;
    cublasStatus_t status = cublasLtMatrixLayoutCreate(l, type, (uint64_t)rows, (uint64_t)columns, ld);
    if (status == CUBLAS_STATUS_SUCCESS && batch > 0) status = cublasLtMatrixLayoutSetAttribute(*l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
    if (status == CUBLAS_STATUS_SUCCESS && batch > 0) status = cublasLtMatrixLayoutSetAttribute(*l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof step);
    return status;
}

/* The best algorithm by the library's model. Sums by arrival are excluded: the same inputs must give the same bytes. */
static cublasStatus_t choose(gemm *g, cuda_device *d, const uint32_t align[3], int *found)
{
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t best = {};
    const uint64_t workspace = BLAS_WORKSPACE;
    const uint32_t sums = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    cublasStatus_t status = cublasLtMatmulPreferenceCreate(&preference);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &sums, sizeof sums);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &align[0], sizeof align[0]);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &align[1], sizeof align[1]);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &align[2], sizeof align[2]);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &align[2], sizeof align[2]);
    status = cublasLtMatmulAlgoGetHeuristic(d->lt, g->desc, g->a, g->b, g->d, g->d, preference, 1, &best, found);
    cublasLtMatmulPreferenceDestroy(preference);
    g->algorithm = best.algo;
    return status;
}

static cublasStatus_t describe(gemm *g, const gemm_shape *s)
{
    const cudaDataType_t operand = s->bf16 ? CUDA_R_16BF : CUDA_R_32F, result = s->bf16_result ? CUDA_R_16BF : CUDA_R_32F;
    const cublasOperation_t ta = s->ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb = s->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    cublasStatus_t status = cublasLtMatmulDescCreate(&g->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (status == CUBLAS_STATUS_SUCCESS) status = cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta);
    if (status == CUBLAS_STATUS_SUCCESS) status = cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb);
    if (status == CUBLAS_STATUS_SUCCESS && s->bias) status = cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    if (status == CUBLAS_STATUS_SUCCESS && s->bias) status = cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &result, sizeof result);
    if (status == CUBLAS_STATUS_SUCCESS) status = layout(&g->a, operand, s->ta ? s->k : s->m, s->ta ? s->m : s->k, s->lda, s->batch, s->step_a);
    if (status == CUBLAS_STATUS_SUCCESS) status = layout(&g->b, operand, s->tb ? s->n : s->k, s->tb ? s->k : s->n, s->ldb, s->batch, s->step_b);
    if (status == CUBLAS_STATUS_SUCCESS) status = layout(&g->d, result, s->m, s->n, s->ldd, s->batch, s->step_d);
    return status;
}

pclr_status gemm_make(gemm *g, cuda_device *d, const gemm_shape *s, pclr_error *error)
{
    const size_t operand = s->bf16 ? 2 : 4, result = s->bf16_result ? 2 : 4;
    const uint32_t align[3] = {alignment(s->lda, s->step_a, operand), alignment(s->ldb, s->step_b, operand), alignment(s->ldd, s->step_d, result)};
    int found = 0;
    *g = gemm{};
    g->bias = s->bias;
    cublasStatus_t status = describe(g, s);
    if (status == CUBLAS_STATUS_SUCCESS) status = choose(g, d, align, &found);
    if (status == CUBLAS_STATUS_SUCCESS && found > 0) return PCLR_OK;
    gemm_free(g);
    return error_set(error, PCLR_E_UNSUPPORTED, "%s: a product %lld x %lld x %lld (%s) has no kernel: %s; choose other widths or train.precision, or run on the processor",
                     d->name, (long long)s->m, (long long)s->n, (long long)s->k, s->bf16 ? "bf16" : "fp32", cublasGetStatusString(status));
}

void gemm_free(gemm *g)
{
    if (g->desc) cublasLtMatmulDescDestroy(g->desc);
    if (g->a) cublasLtMatrixLayoutDestroy(g->a);
    if (g->b) cublasLtMatrixLayoutDestroy(g->b);
    if (g->d) cublasLtMatrixLayoutDestroy(g->d);
    *g = gemm{};
}

void gemm_run(const nn_call *c, const gemm *g, const void *a, const void *b, void *d, const void *bias, bool add)
{
    cuda_device *device = device_of(c);
    const float one = 1, beta = add ? 1.0f : 0.0f;
    if (g->bias) cuda_note_blas(device, cublasLtMatmulDescSetAttribute(g->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias), "product");
    cuda_note_blas(device, cublasLtMatmul(device->lt, g->desc, &one, a, g->a, b, g->b, &beta, d, g->d, d, g->d, &g->algorithm, device->workspace,
                                          BLAS_WORKSPACE, device->stream), "product");
}

pclr_status layer_products_make(layer_products *p, cuda_device *d, const layer_shape *s, pclr_error *error)
{
    gemm_shape nt = {}, nn = {}, tn = {};
    *p = layer_products{};
    nt.ta = true, nt.m = s->N, nt.n = s->R, nt.k = s->K, nt.lda = s->ldw, nt.ldb = s->ldx, nt.ldd = s->ldy;
    nt.bf16 = s->bf16, nt.bf16_result = s->y_bf16, nt.bias = s->bias;
    nn.m = s->K, nn.n = s->R, nn.k = s->N, nn.lda = s->ldw, nn.ldb = s->ldy, nn.ldd = s->ldx, nn.bf16 = s->bf16, nn.bf16_result = s->x_bf16;
    tn.tb = true, tn.m = s->K, tn.n = s->N, tn.k = s->R, tn.lda = s->ldx, tn.ldb = s->ldy, tn.ldd = s->ldw, tn.bf16 = s->bf16;
    pclr_status status = gemm_make(&p->nt, d, &nt, error);
    if (status == PCLR_OK) status = gemm_make(&p->nn, d, &nn, error);
    if (status == PCLR_OK && s->backward) status = gemm_make(&p->tn, d, &tn, error);
    if (status != PCLR_OK) layer_products_free(p);
    return status;
}

void layer_products_free(layer_products *p)
{
    gemm_free(&p->nt);
    gemm_free(&p->nn);
    gemm_free(&p->tn);
}

view gemm_operand(const nn_call *c, int64_t n, view v, bool bf16, char **work)
{
    if (v.bf16 == bf16) return v;
    const view copy = {*work, bf16};
    cuda_convert(c, n, v, copy);
    *work += operand_work(n, v.bf16, bf16);
    return copy;
}
