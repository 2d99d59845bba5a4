/* SPDX-License-Identifier: Apache-2.0 */
/* linear and matmul; formulas in reference/products.h. */
#include "nn/cuda/gemm.cuh"

#include <stdlib.h>

extern "C" {
#include "base/error.h"
}

/* ---- linear. saved, with half precision: w and bias as bf16 ---- */

struct linear_sizes {
    int64_t R, N, K;
};

static linear_sizes sizes_of(const nn_call *c)
{
    const int64_t N = c->in[1].shape.n[0], K = c->in[1].shape.n[1];
    return {c->in[0].size / K, N, K};
}

static bool half_result(const nn_call *c)
{
    return c->out.type == NN_BF16;
}

static size_t linear_saved(const nn_call *c)
{
    return c->bf16 ? aligned((size_t)c->in[1].size * 2) + aligned((size_t)c->in[1].shape.n[0] * 2) : 0;
}

static size_t linear_work(const nn_call *c)
{
    const linear_sizes s = sizes_of(c);
    return operand_work(c->in[0].size, c->in[0].type == NN_BF16, c->bf16) + operand_work(c->out.size, half_result(c), c->bf16) + columns_work(1, 1, s.R, s.N);
}

static pclr_status linear_prepare(nn_call *c, pclr_error *error)
{
    const linear_sizes s = sizes_of(c);
    layer_shape shape = {s.R, s.N, s.K, s.K, s.N, s.K, c->bf16, half_result(c), c->in[0].type == NN_BF16, c->in[2].size > 0, c->training};
    layer_products *p = (layer_products *)calloc(1, sizeof *p);
    if (!p) return error_memory(error, sizeof *p);
    pclr_status status = layer_products_make(p, device_of(c), &shape, error);
    if (status == PCLR_OK)
        c->state = p;
    else
        free(p);
    return status;
}

static void linear_release(void *state)
{
    layer_products_free((layer_products *)state);
    free(state);
}

/* The weights as operands. convert: first use in this pass. */
static const void *weights_of(const nn_call *c, bool convert)
{
    if (!c->bf16) return c->in[1].data;
    if (c->in[1].half) return c->in[1].half;
    const view copy = {c->saved, true};
    if (convert) cuda_convert(c, c->in[1].size, value_of(&c->in[1]), copy);
    return copy.data;
}

static const void *bias_of(const nn_call *c)
{
    if (absent(c, 2) || !half_result(c)) return absent(c, 2) ? NULL : c->in[2].data;
    if (c->in[2].half) return c->in[2].half;
    const view copy = {(char *)c->saved + aligned((size_t)c->in[1].size * 2), true};
    cuda_convert(c, c->in[2].size, value_of(&c->in[2]), copy);
    return copy.data;
}

static void linear_forward(const nn_call *c)
{
    const layer_products *p = (const layer_products *)c->state;
    char *work = (char *)c->work;
    const view x = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), c->bf16, &work);
    const void *w = weights_of(c, true), *bias = bias_of(c);
    gemm_run(c, &p->nt, w, x.data, c->out.data, bias, false);
}

void cuda_bias_gradient(const nn_call *c, int64_t R, int64_t N, view dy, nn_tensor *bias, void *work)
{
    const view db = grad_of(bias);
    const bool add = bias->add;
    column_sums<1>(
        c, 1, R, N, work, terms_of([=] __device__(int64_t, int64_t r, int64_t k, int n, float term[1][8]) { dy.load(r * N + k, n, term[0]); }),
        [=] __device__(int64_t, int64_t k, const double sum[1]) { db.give(k, (float)sum[0], add); });
}

static void linear_backward(const nn_call *c)
{
    const linear_sizes s = sizes_of(c);
    const layer_products *p = (const layer_products *)c->state;
    char *work = (char *)c->work;
    const view dy = gemm_operand(c, c->out.size, grad_of(&c->out), c->bf16, &work);
    if (c->in[0].grad) gemm_run(c, &p->nn, weights_of(c, false), dy.data, c->in[0].grad, NULL, c->in[0].add);
    if (c->in[1].grad) {
        const view x = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), c->bf16, &work);
        gemm_run(c, &p->tn, x.data, dy.data, c->in[1].grad, NULL, c->in[1].add);
    }
    if (c->in[2].grad) cuda_bias_gradient(c, s.R, s.N, grad_of(&c->out), &c->in[2], work);
}

/* ---- matmul: in float, whatever the precision: similarities are differences of large numbers ---- */

struct matmul_products {
    gemm y, da, db;
};

static pclr_status matmul_prepare(nn_call *c, pclr_error *error)
{
    const nn_shape y = c->out.shape, a = c->in[0].shape;
    const bool ta = c->args->transpose_a, tb = c->args->transpose_b;
    const int64_t M = y.n[y.rank - 2], N = y.n[y.rank - 1], K = ta ? a.n[a.rank - 2] : a.n[a.rank - 1], L = c->out.size / (M * N);
    const int64_t lda = ta ? M : K, ldb = tb ? K : N, sa = M * K, sb = K * N, sy = M * N;
    /* column-major: a row-major matrix is its transpose */
    const gemm_shape forward = {tb, ta, N, M, K, ldb, lda, N, L, sb, sa, sy, false, false, false};
    const gemm_shape da_plain = {!tb, false, K, M, N, ldb, N, K, L, sb, sy, sa, false, false, false};
    const gemm_shape da_turned = {true, tb, M, K, N, N, ldb, M, L, sy, sb, sa, false, false, false};
    const gemm_shape db_plain = {false, !ta, N, K, M, N, lda, N, L, sy, sa, sb, false, false, false};
    const gemm_shape db_turned = {ta, true, K, N, M, lda, N, K, L, sa, sy, sb, false, false, false};
    matmul_products *p = (matmul_products *)calloc(1, sizeof *p);
    if (!p) return error_memory(error, sizeof *p);
    pclr_status status = gemm_make(&p->y, device_of(c), &forward, error);
    if (status == PCLR_OK && c->training) status = gemm_make(&p->da, device_of(c), ta ? &da_turned : &da_plain, error);
    if (status == PCLR_OK && c->training) status = gemm_make(&p->db, device_of(c), tb ? &db_turned : &db_plain, error);
    c->state = p; /* released with the graph, also when this failed */
    return status;
}

static void matmul_release(void *state)
{
    matmul_products *p = (matmul_products *)state;
    gemm_free(&p->y);
    gemm_free(&p->da);
    gemm_free(&p->db);
    free(p);
}

static size_t matmul_work(const nn_call *c)
{
    const bool half_b = c->in[1].type == NN_BF16;
    size_t bytes = operand_work(c->in[0].size, c->in[0].type == NN_BF16, false) + operand_work(c->in[1].size, half_b, false);
    return bytes + operand_work(c->out.size, half_result(c), false) + aligned((size_t)(c->in[0].size > c->in[1].size ? c->in[0].size : c->in[1].size) * 4);
}

static void matmul_forward(const nn_call *c)
{
    const matmul_products *p = (const matmul_products *)c->state;
    char *work = (char *)c->work;
    const view a = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), false, &work), b = gemm_operand(c, c->in[1].size, value_of(&c->in[1]), false, &work);
    gemm_run(c, &p->y, b.data, a.data, c->out.data, NULL, false);
}

/* A gradient of bf16 is computed as float and converted. */
static void run_gradient(const nn_call *c, const gemm *g, const void *a, const void *b, const nn_tensor *to, void *work)
{
    if (to->type != NN_BF16) {
        gemm_run(c, g, a, b, to->grad, NULL, to->add);
        return;
    }
    const view d = float_view(work), grad = grad_of(to);
    const bool add = to->add;
    gemm_run(c, g, a, b, work, NULL, false);
    each(c, to->size, [=] __device__(int64_t i) { grad.give(i, d.get(i), add); });
}

static void matmul_backward(const nn_call *c)
{
    const matmul_products *p = (const matmul_products *)c->state;
    char *work = (char *)c->work;
    const bool ta = c->args->transpose_a, tb = c->args->transpose_b;
    const view a = gemm_operand(c, c->in[0].size, value_of(&c->in[0]), false, &work), b = gemm_operand(c, c->in[1].size, value_of(&c->in[1]), false, &work);
    const view dy = gemm_operand(c, c->out.size, grad_of(&c->out), false, &work);
    if (c->in[0].grad) run_gradient(c, &p->da, ta ? dy.data : b.data, ta ? b.data : dy.data, &c->in[0], work);
    if (c->in[1].grad) run_gradient(c, &p->db, tb ? a.data : dy.data, tb ? dy.data : a.data, &c->in[1], work);
}

void cuda_products(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_LINEAR] = cuda_prepared(cuda_row(linear_forward, linear_backward, 1 | 2, linear_saved, linear_work), linear_prepare, linear_release);
    kernel[NN_OP_MATMUL] = cuda_prepared(cuda_row(matmul_forward, matmul_backward, 1 | 2, NULL, matmul_work), matmul_prepare, matmul_release);
}
