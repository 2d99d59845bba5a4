/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling along time, x [B][T][C]; formulas in reference/time.h. Gradients are gathered: a sample looks at the windows that hold it. */
#include "nn/cuda/common.cuh"

/* A thread takes `wide` channels, eight where they lie in eights. */
struct pool {
    int T, U, C, size, stride, pad, wide;
};

static pool pool_of(const nn_call *c)
{
    const int C = (int)c->out.shape.n[2];
    return {(int)c->in[0].shape.n[1], (int)c->out.shape.n[1], C, (int)c->args->size, (int)c->args->stride, (int)c->args->pad_left, C % 8 == 0 ? 8 : 1};
}

/* f(item, time, first channel, place in the tensor) for the runs of a tensor of `length` samples. */
template <class F> static void each_run(const nn_call *c, const pool &p, const nn_tensor *t, int length, F f)
{
    const unsigned runs = (unsigned)(p.C / p.wide), wide = (unsigned)p.wide;
    each(c, t->size / p.wide, [=] __device__(int64_t at) {
        const int64_t bt = (uint64_t)at < UINT32_MAX ? (unsigned)at / runs : at / runs;
        const unsigned k = (unsigned)(at - bt * runs) * wide;
        const int64_t b = (uint64_t)bt < UINT32_MAX ? (unsigned)bt / (unsigned)length : bt / length;
        f(b, (int)(bt - b * length), (int)k, at * wide);
    });
}

/* Windows that hold sample t: first .. last. */
static __device__ void windows_of(const pool &p, int t, int *first, int *last)
{
    const int from = t + p.pad - p.size + 1;
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
    each_run(c, p, &c->out, p.U, [=] __device__(int64_t b, int u, int k, int64_t at) {
        const int begin = u * p.stride - p.pad, from = begin < 0 ? 0 : begin;
        float most[8], v[8];
        int best[8];
        for (int t = from; t < begin + p.size && t < p.T; t++) {
            x.load((b * p.T + t) * p.C + k, p.wide, v);
#pragma unroll
            for (int i = 0; i < 8; i++)
                if (t == from || v[i] > most[i]) most[i] = v[i], best[i] = t;
        }
        for (int i = 0; i < p.wide; i++) where[at + i] = best[i];
        y.store(at, p.wide, most, false);
    });
}

static void max_backward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const int32_t *where = (const int32_t *)c->saved;
    const bool add = c->in[0].add;
    each_run(c, p, &c->in[0], p.T, [=] __device__(int64_t b, int t, int k, int64_t at) {
        int first, last;
        float sum[8] = {}, v[8];
        windows_of(p, t, &first, &last);
        for (int u = first; u <= last; u++) {
            const int64_t from = (b * p.U + u) * p.C + k;
            dy.load(from, p.wide, v);
#pragma unroll
            for (int i = 0; i < 8; i++)
                if (i < p.wide && where[from + i] == t) sum[i] += v[i];
        }
        dx.store(at, p.wide, sum, add);
    });
}

/* Samples of window u that exist. */
static __device__ void samples_of(const pool &p, int u, int *begin, int *end)
{
    const int first = u * p.stride - p.pad;
    *begin = first < 0 ? 0 : first;
    *end = first + p.size < p.T ? first + p.size : p.T;
}

static void avg_forward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each_run(c, p, &c->out, p.U, [=] __device__(int64_t b, int u, int k, int64_t at) {
        int begin, end;
        float sum[8] = {}, v[8];
        samples_of(p, u, &begin, &end);
        for (int t = begin; t < end; t++) {
            x.load((b * p.T + t) * p.C + k, p.wide, v);
#pragma unroll
            for (int i = 0; i < 8; i++) sum[i] += v[i];
        }
#pragma unroll
        for (int i = 0; i < 8; i++) sum[i] /= (float)(end - begin);
        y.store(at, p.wide, sum, false);
    });
}

static void avg_backward(const nn_call *c)
{
    const pool p = pool_of(c);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each_run(c, p, &c->in[0], p.T, [=] __device__(int64_t b, int t, int k, int64_t at) {
        int first, last;
        float sum[8] = {}, v[8];
        windows_of(p, t, &first, &last);
        for (int u = first; u <= last; u++) {
            int begin, end;
            samples_of(p, u, &begin, &end);
            dy.load((b * p.U + u) * p.C + k, p.wide, v);
#pragma unroll
            for (int i = 0; i < 8; i++) sum[i] += v[i] / (float)(end - begin);
        }
        dx.store(at, p.wide, sum, add);
    });
}

void cuda_pooling(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_MAX_POOL1D] = cuda_row(max_forward, max_backward, 0, max_saved, NULL);
    kernel[NN_OP_AVG_POOL1D] = cuda_row(avg_forward, avg_backward, 0, NULL, NULL);
}
