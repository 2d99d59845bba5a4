/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling along time, x [B][T][C]; formulas in reference/time.h. Gradients are gathered: a sample looks at the windows that hold it. */
#include "nn/cuda/common.cuh"

struct pool {
    int64_t T, U, C, size, stride, pad;
};

static pool pool_of(const nn_call *c)
{
    return {c->in[0].shape.n[1], c->out.shape.n[1], c->out.shape.n[2], c->args->size, c->args->stride, c->args->pad_left};
}

/* Windows that hold sample t: first .. last. */
static __device__ void windows_of(const pool &p, int64_t t, int64_t *first, int64_t *last)
{
    const int64_t from = t + p.pad - p.size + 1;
    *first = from <= 0 ? 0 : (from + p.stride - 1) / p.stride;
    *last = (t + p.pad) / p.stride;
    if (*last >= p.U) *last = p.U - 1;
}

static size_t max_saved(const nn_call *c)
{
    return (size_t)c->out.size * sizeof(int32_t);
}

static void max_forward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    int32_t *where = (int32_t *)c->saved;
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t k = i % p.C, u = i / p.C % p.U, column = i / p.C / p.U * p.T * p.C + k, begin = u * p.stride - p.pad;
        int64_t best = -1;
        float most = 0;
        for (int64_t t = begin < 0 ? 0 : begin; t < begin + p.size && t < p.T; t++) {
            const float v = x.get(column + t * p.C);
            if (best < 0 || v > most) {
                best = t;
                most = v;
            }
        }
        where[i] = (int32_t)best;
        y.put(i, most);
    });
}

static void max_backward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const int32_t *where = (const int32_t *)c->saved;
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        const int64_t k = i % p.C, t = i / p.C % p.T, b = i / p.C / p.T;
        int64_t first, last;
        float sum = 0;
        windows_of(p, t, &first, &last);
        for (int64_t u = first; u <= last; u++) {
            const int64_t at = (b * p.U + u) * p.C + k;
            if (where[at] == t) sum += dy.get(at);
        }
        dx.give(i, sum, add);
    });
}

/* Samples of window u that exist. */
static __device__ void samples_of(const pool &p, int64_t u, int64_t *begin, int64_t *end)
{
    const int64_t first = u * p.stride - p.pad;
    *begin = first < 0 ? 0 : first;
    *end = first + p.size < p.T ? first + p.size : p.T;
}

static void avg_forward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t k = i % p.C, u = i / p.C % p.U, column = i / p.C / p.U * p.T * p.C + k;
        int64_t begin, end;
        float sum = 0;
        samples_of(p, u, &begin, &end);
        for (int64_t t = begin; t < end; t++) sum += x.get(column + t * p.C);
        y.put(i, sum / (float)(end - begin));
    });
}

static void avg_backward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        const int64_t k = i % p.C, t = i / p.C % p.T, b = i / p.C / p.T;
        int64_t first, last;
        float sum = 0;
        windows_of(p, t, &first, &last);
        for (int64_t u = first; u <= last; u++) {
            int64_t begin, end;
            samples_of(p, u, &begin, &end);
            sum += dy.get((b * p.U + u) * p.C + k) / (float)(end - begin);
        }
        dx.give(i, sum, add);
    });
}

void cuda_pooling(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_MAX_POOL1D] = cuda_row(max_forward, max_backward, 0, max_saved, NULL);
    kernel[NN_OP_AVG_POOL1D] = cuda_row(avg_forward, avg_backward, 0, NULL, NULL);
}
