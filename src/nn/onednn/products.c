/* SPDX-License-Identifier: Apache-2.0 */
/* linear and matmul; formulas in reference/products.h. */
#include "nn/onednn/fast.h"

static matrix in_memory(const nn_call *c, nn_type type, const float *x, int64_t rows, int64_t columns)
{
    return (matrix){.data = x, .rows = rows, .columns = columns, .stride = columns, .bf16 = c->bf16, .half = type == NN_BF16};
}

/* w [N][K] as the right side of y = x w^T, and of dx = dy w. */
static weights transposed(const float *w, int64_t N, int64_t K)
{
    return (weights){.data = w, .N = N, .outer = 1, .inner = K, .inner_step = 1, .n_step = K};
}

static weights as_it_is(const float *w, int64_t N, int64_t K)
{
    return (weights){.data = w, .N = K, .outer = 1, .inner = N, .inner_step = K, .n_step = 1};
}

static size_t linear_work(const nn_call *c)
{
    const int64_t N = c->in[1].shape.n[0], K = c->in[1].shape.n[1], R = c->in[0].size / K;
    const matrix x = in_memory(c, c->in[0].type, NULL, R, K), dy = in_memory(c, c->out.type, NULL, R, N);
    size_t most = gemm_rows_scratch(&x, N, c->threads);
    if (c->training) {
        const size_t data = gemm_rows_scratch(&dy, K, c->threads), weight = gemm_weights_scratch(&x, N, c->threads);
        most = most > data ? most : data;
        most = most > weight ? most : weight;
    }
    return (most + (size_t)folded_floats(c, N)) * sizeof(float);
}

static void linear_forward(const nn_call *c)
{
    const int64_t N = c->in[1].shape.n[0], K = c->in[1].shape.n[1], R = c->in[0].size / K;
    const matrix x = in_memory(c, c->in[0].type, c->in[0].data, R, K);
    const folded f = folded_of(c, N, c->work);
    weights w = transposed(c->in[1].data, N, K);
    w.factor = f.factor;
    const result y = {.data = c->out.data, .half = c->out.type == NN_BF16, .per_item = R, .stride = N, .bias = f.bias, .end = f.end};
    gemm_rows(&x, &w, &y, c->threads, (float *)c->work + folded_floats(c, N));
}

static void clear_unless_add(const nn_tensor *t)
{
    if (!t->add) memset(t->grad, 0, (size_t)t->size * sizeof(float));
}

static void linear_backward(const nn_call *c)
{
    const int64_t N = c->in[1].shape.n[0], K = c->in[1].shape.n[1], R = c->in[0].size / K;
    const matrix x = in_memory(c, c->in[0].type, c->in[0].data, R, K), dy = in_memory(c, c->out.type, c->out.grad, R, N);
    if (c->in[0].grad) {
        const weights w = as_it_is(c->in[1].data, N, K);
        const result dx = {.data = c->in[0].grad, .half = c->in[0].type == NN_BF16, .per_item = R, .stride = K, .add = c->in[0].add};
        gemm_rows(&dy, &w, &dx, c->threads, c->work);
    }
    if (c->in[1].grad) {
        clear_unless_add(&c->in[1]);
        gemm_weights(&x, &dy, c->in[1].grad, c->threads, c->work);
    }
    if (c->in[2].grad) {
        clear_unless_add(&c->in[2]);
        gemm_bias(&dy, c->in[2].grad, c->threads);
    }
}

/* c[l] = op(a[l]) op(b[l]), the rows of each result cut into pieces so that every thread has work. */
typedef struct batched {
    int64_t L, M, N, K;
    const float *a, *b;
    bool ta, tb, add;
    float *c;
} batched;

static void multiply(const batched *p, int threads)
{
    const int64_t wanted = ceil_div(threads, p->L), pieces = p->L >= threads               ? 1
                                                             : wanted < ceil_div(p->M, 16) ? wanted
                                                                                           : ceil_div(p->M, 16);
    const int64_t lda = p->ta ? p->M : p->K, ldb = p->tb ? p->K : p->N;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < p->L * pieces; task++) {
        const int64_t l = task / pieces;
        const piece m = piece_of(p->M, pieces, task % pieces);
        const float *a = p->a + l * p->M * p->K + m.begin * (p->ta ? 1 : lda);
        gemm_one(p->ta, p->tb, m.end - m.begin, p->N, p->K, 1, a, lda, p->b + l * p->K * p->N, ldb, p->add,
                 p->c + (l * p->M + m.begin) * p->N, p->N);
    }
}

static batched forward_of(const nn_call *c)
{
    const nn_shape y = c->out.shape, a = c->in[0].shape;
    batched p = {.M = y.n[y.rank - 2], .N = y.n[y.rank - 1], .a = c->in[0].data, .b = c->in[1].data, .c = c->out.data};
    p.K = c->args->transpose_a ? a.n[a.rank - 2] : a.n[a.rank - 1];
    p.L = c->out.size / (p.M * p.N);
    p.ta = c->args->transpose_a;
    p.tb = c->args->transpose_b;
    return p;
}

static void matmul_forward(const nn_call *c)
{
    const batched p = forward_of(c);
    multiply(&p, c->threads);
}

/* Stored a is [M][K] or, transposed, [K][M]: da = dy op(b)^T or op(b) dy^T. Likewise db = op(a)^T dy or dy^T op(a). */
static void matmul_backward(const nn_call *c)
{
    const batched f = forward_of(c);
    const float *dy = c->out.grad;
    if (c->in[0].grad) {
        batched p = {.L = f.L, .M = f.M, .N = f.K, .K = f.N, .a = dy, .b = f.b, .tb = !f.tb, .add = c->in[0].add, .c = c->in[0].grad};
        if (f.ta) p = (batched){.L = f.L, .M = f.K, .N = f.M, .K = f.N, .a = f.b, .b = dy, .ta = f.tb, .tb = true, .add = p.add, .c = p.c};
        multiply(&p, c->threads);
    }
    if (c->in[1].grad) {
        batched p = {.L = f.L, .M = f.K, .N = f.N, .K = f.M, .a = f.a, .b = dy, .ta = !f.ta, .add = c->in[1].add, .c = c->in[1].grad};
        if (f.tb) p = (batched){.L = f.L, .M = f.N, .N = f.K, .K = f.M, .a = dy, .b = f.a, .ta = true, .tb = f.ta, .add = p.add, .c = p.c};
        multiply(&p, c->threads);
    }
}

void nn_onednn_products(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_LINEAR] = (nn_kernel){.forward = linear_forward,
                                       .backward = linear_backward,
                                       .reads = 1 | 2,
                                       .flags = NN_FOLDS,
                                       .writes = true,
                                       .work = linear_work,
                                       .halves = 1 | 1 << NN_FOLDED_OTHER | NN_HALF_OUT};
    kernel[NN_OP_MATMUL] = (nn_kernel){.forward = matmul_forward, .backward = matmul_backward, .reads = 1 | 2, .writes = true};
}
