/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that only move values; as in reference/shape.h. */
#include "nn/cuda/common.cuh"

/* Element of x that element i of the permuted result comes from. */
struct permutation {
    int rank;
    int64_t n[NN_MAX_RANK], stride[NN_MAX_RANK];
    __device__ int64_t operator()(int64_t i) const
    {
        int64_t from = 0;
        for (int k = rank - 1; k >= 0; k--) {
            from += i % n[k] * stride[k];
            i /= n[k];
        }
        return from;
    }
};

static permutation permutation_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape;
    int64_t stride[NN_MAX_RANK];
    permutation p = {};
    p.rank = y.rank;
    for (int k = x.rank - 1; k >= 0; k--) stride[k] = k == x.rank - 1 ? 1 : stride[k + 1] * x.n[k + 1];
    for (int k = 0; k < y.rank; k++) {
        p.n[k] = y.n[k];
        p.stride[k] = stride[c->args->axes[k]];
    }
    return p;
}

static void permute_forward(const nn_call *c)
{
    const permutation p = permutation_of(c);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each(c, c->out.size, [=] __device__(int64_t i) { y.put(i, x.get(p(i))); });
}

static void permute_backward(const nn_call *c)
{
    const permutation p = permutation_of(c);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each(c, c->out.size, [=] __device__(int64_t i) { dx.give(p(i), dy.get(i), add); });
}

/* Blocks of contiguous values: everything from `axis` on. */
static int64_t block_of(nn_shape s, int axis)
{
    int64_t size = 1;
    for (int k = axis; k < s.rank; k++) size *= s.n[k];
    return size;
}

static void concat_forward(const nn_call *c)
{
    const int64_t wide = block_of(c->out.shape, c->args->axis);
    const view y = value_of(&c->out);
    int64_t offset = 0;
    for (int k = 0; k < c->inputs; k++) {
        const int64_t n = block_of(c->in[k].shape, c->args->axis), begin = offset;
        const view x = value_of(&c->in[k]);
        each(c, c->in[k].size, [=] __device__(int64_t i) { y.put(i / n * wide + begin + i % n, x.get(i)); });
        offset += n;
    }
}

static void concat_backward(const nn_call *c)
{
    const int64_t wide = block_of(c->out.shape, c->args->axis);
    const view dy = grad_of(&c->out);
    int64_t offset = 0;
    for (int k = 0; k < c->inputs; k++) {
        const int64_t n = block_of(c->in[k].shape, c->args->axis), begin = offset;
        const view dx = grad_of(&c->in[k]);
        const bool add = c->in[k].add;
        if (dx.data) each(c, c->in[k].size, [=] __device__(int64_t i) { dx.give(i, dy.get(i / n * wide + begin + i % n), add); });
        offset += n;
    }
}

/* [outer][wide] -> [outer][n] from `begin` on */
struct part {
    int64_t n, wide, begin;
};

static part part_of(const nn_call *c)
{
    const int64_t n = block_of(c->out.shape, c->args->axis);
    return {n, block_of(c->in[0].shape, c->args->axis), c->args->begin * (n / c->out.shape.n[c->args->axis])};
}

static void slice_forward(const nn_call *c)
{
    const part p = part_of(c);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each(c, c->out.size, [=] __device__(int64_t i) { y.put(i, x.get(i / p.n * p.wide + p.begin + i % p.n)); });
}

static void slice_backward(const nn_call *c)
{
    const part p = part_of(c);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        const int64_t at = i % p.wide - p.begin;
        const bool inside = at >= 0 && at < p.n;
        if (inside || !add) dx.give(i, inside ? dy.get(i / p.wide * p.n + at) : 0, add);
    });
}

static void gather_forward(const nn_call *c)
{
    const int64_t rows = c->in[0].shape.n[0], n = c->out.size / c->out.shape.n[0];
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const int32_t *index = (const int32_t *)c->in[1].data;
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t from = index[i / n];
        y.put(i, from >= 0 && from < rows ? x.get(from * n + i % n) : 0);
    });
}

/* A row of x looks for the rows of the result that came from it: their order is fixed. */
static void gather_backward(const nn_call *c)
{
    const int64_t M = c->out.shape.n[0], n = c->out.size / M;
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const int32_t *index = (const int32_t *)c->in[1].data;
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        float sum = 0;
        for (int64_t m = 0; m < M; m++)
            if (index[m] == i / n) sum += dy.get(m * n + i % n);
        dx.give(i, sum, add);
    });
}

static void one_hot_max_forward(const nn_call *c)
{
    const int64_t n = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each(c, c->out.size / n, [=] __device__(int64_t r) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++)
            if (x.get(r * n + i) > x.get(r * n + best)) best = i;
        for (int64_t i = 0; i < n; i++) y.put(r * n + i, i == best ? 1 : 0);
    });
}

void cuda_shape(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_PERMUTE] = cuda_row(permute_forward, permute_backward, 0, NULL, NULL);
    kernel[NN_OP_CONCAT] = cuda_row(concat_forward, concat_backward, 0, NULL, NULL);
    kernel[NN_OP_SLICE] = cuda_row(slice_forward, slice_backward, 0, NULL, NULL);
    kernel[NN_OP_GATHER] = cuda_row(gather_forward, gather_backward, 2, NULL, NULL);
    kernel[NN_OP_ONE_HOT_MAX] = cuda_row(one_hot_max_forward, NULL, 0, NULL, NULL);
}
