/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions and softmaxes; formulas in reference/reduce.h. */
#include "nn/cuda/common.cuh"

/* ---- along an axis: [outer][length][inner] -> [outer][inner] ---- */

static void sum_scaled(const nn_call *c, double scale)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    if (s.inner == 1 && s.length >= 64) {
        each_row(c, s.outer, [=] __device__(int64_t r) {
            double sum = 0;
            for (int64_t l = threadIdx.x; l < s.length; l += BLOCK) sum += (double)x.get(r * s.length + l);
            sum = block_sum(sum);
            if (threadIdx.x == 0) y.put(r, (float)(sum * scale));
        });
        return;
    }
    each(c, c->out.size, [=] __device__(int64_t i) {
        double sum = 0;
        for (int64_t l = 0; l < s.length; l++) sum += (double)x.get((i / s.inner * s.length + l) * s.inner + i % s.inner);
        y.put(i, (float)(sum * scale));
    });
}

static void spread_scaled(const nn_call *c, double scale)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    const float factor = (float)scale;
    each(c, c->in[0].size, [=] __device__(int64_t i) { dx.give(i, dy.get(i / s.inner / s.length * s.inner + i % s.inner) * factor, add); });
}

static double axis_share(const nn_call *c)
{
    return 1 / (double)c->in[0].shape.n[c->args->axis];
}

static void sum_forward(const nn_call *c)
{
    sum_scaled(c, 1);
}

static void sum_backward(const nn_call *c)
{
    spread_scaled(c, 1);
}

static void mean_forward(const nn_call *c)
{
    sum_scaled(c, axis_share(c));
}

static void mean_backward(const nn_call *c)
{
    spread_scaled(c, axis_share(c));
}

/* max. saved: the position of the first of the largest */
static size_t max_saved(const nn_call *c)
{
    return (size_t)c->out.size * sizeof(int32_t);
}

static void max_forward(const nn_call *c)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    int32_t *position = (int32_t *)c->saved;
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t first = i / s.inner * s.length * s.inner + i % s.inner;
        int64_t best = 0;
        for (int64_t l = 1; l < s.length; l++)
            if (x.get(first + l * s.inner) > x.get(first + best * s.inner)) best = l;
        y.put(i, x.get(first + best * s.inner));
        position[i] = (int32_t)best;
    });
}

static void max_backward(const nn_call *c)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const int32_t *position = (const int32_t *)c->saved;
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        const int64_t o = i / s.inner / s.length * s.inner + i % s.inner;
        dx.give(i, position[o] == i / s.inner % s.length ? dy.get(o) : 0, add);
    });
}

/* ---- over everything ---- */

static size_t everything_work(const nn_call *c)
{
    (void)c;
    return sums_work(1);
}

static void sum_everything(const nn_call *c, double scale)
{
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    sums<1>(
        c, c->in[0].size, c->work, [=] __device__(int64_t i, double term[1]) { term[0] = (double)x.get(i); },
        [=] __device__(const double sum[1]) { y.put(0, (float)(sum[0] * scale)); });
}

static void spread_everything(const nn_call *c, double scale)
{
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) { dx.give(i, (float)((double)dy.get(0) * scale), add); });
}

static void sum_all_forward(const nn_call *c)
{
    sum_everything(c, 1);
}

static void sum_all_backward(const nn_call *c)
{
    spread_everything(c, 1);
}

static void mean_all_forward(const nn_call *c)
{
    sum_everything(c, 1 / (double)c->in[0].size);
}

static void mean_all_backward(const nn_call *c)
{
    spread_everything(c, 1 / (double)c->in[0].size);
}

/* ---- softmaxes: a block a row ---- */

static int64_t rows_of(const nn_call *c)
{
    return c->out.size / last_of(c->out.shape);
}

/* Largest of a row, and log of the sum of exponentials. */
static __device__ float row_logsumexp(view x, int64_t begin, int64_t n)
{
    float most = -INFINITY, sum = 0;
    for (int64_t k = threadIdx.x; k < n; k += BLOCK) most = fmaxf(most, x.get(begin + k));
    most = block_max(most);
    for (int64_t k = threadIdx.x; k < n; k += BLOCK) sum += expf(x.get(begin + k) - most);
    return most + logf(block_sum(sum));
}

static void softmax_forward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each_row(c, rows_of(c), [=] __device__(int64_t r) {
        const float l = row_logsumexp(x, r * C, C);
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) y.put(r * C + k, expf(x.get(r * C + k) - l));
    });
}

static void softmax_backward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view y = value_of(&c->out), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each_row(c, rows_of(c), [=] __device__(int64_t r) {
        double dot = 0;
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) dot += (double)y.get(r * C + k) * (double)dy.get(r * C + k);
        dot = block_sum(dot);
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) dx.give(r * C + k, (float)((double)y.get(r * C + k) * ((double)dy.get(r * C + k) - dot)), add);
    });
}

static void log_softmax_forward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each_row(c, rows_of(c), [=] __device__(int64_t r) {
        const float l = row_logsumexp(x, r * C, C);
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) y.put(r * C + k, x.get(r * C + k) - l);
    });
}

static void log_softmax_backward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view y = value_of(&c->out), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each_row(c, rows_of(c), [=] __device__(int64_t r) {
        double sum = 0;
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) sum += (double)dy.get(r * C + k);
        sum = block_sum(sum);
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) dx.give(r * C + k, (float)((double)dy.get(r * C + k) - exp((double)y.get(r * C + k)) * sum), add);
    });
}

#define EMPTY_LOGSUMEXP (-1e4f)

static void masked_logsumexp_forward(const nn_call *c)
{
    const int64_t N = last_of(c->in[0].shape);
    const view x = value_of(&c->in[0]), mask = value_of(&c->in[1]), y = value_of(&c->out);
    each_row(c, c->out.size, [=] __device__(int64_t r) {
        float most = -INFINITY;
        double sum = 0;
        for (int64_t k = threadIdx.x; k < N; k += BLOCK)
            if (mask.get(r * N + k) > 0) most = fmaxf(most, x.get(r * N + k));
        most = block_max(most);
        for (int64_t k = threadIdx.x; k < N; k += BLOCK)
            if (mask.get(r * N + k) > 0) sum += (double)mask.get(r * N + k) * exp((double)x.get(r * N + k) - (double)most);
        sum = block_sum(sum);
        if (threadIdx.x == 0) y.put(r, sum > 0 ? (float)((double)most + log(sum)) : EMPTY_LOGSUMEXP);
    });
}

static void masked_logsumexp_backward(const nn_call *c)
{
    const int64_t N = last_of(c->in[0].shape);
    const view x = value_of(&c->in[0]), mask = value_of(&c->in[1]), y = value_of(&c->out), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        const float m = mask.get(i);
        dx.give(i, m > 0 ? (float)((double)dy.get(i / N) * (double)m * exp((double)x.get(i) - (double)y.get(i / N))) : 0, add);
    });
}

void cuda_reduce(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_SUM] = cuda_row(sum_forward, sum_backward, 0, NULL, NULL);
    kernel[NN_OP_MEAN] = cuda_row(mean_forward, mean_backward, 0, NULL, NULL);
    kernel[NN_OP_MAX] = cuda_row(max_forward, max_backward, 0, max_saved, NULL);
    kernel[NN_OP_SUM_ALL] = cuda_row(sum_all_forward, sum_all_backward, 0, NULL, everything_work);
    kernel[NN_OP_MEAN_ALL] = cuda_row(mean_all_forward, mean_all_backward, 0, NULL, everything_work);
    kernel[NN_OP_SOFTMAX] = cuda_row(softmax_forward, softmax_backward, NN_READS_OUT, NULL, NULL);
    kernel[NN_OP_LOG_SOFTMAX] = cuda_row(log_softmax_forward, log_softmax_backward, NN_READS_OUT, NULL, NULL);
    kernel[NN_OP_MASKED_LOGSUMEXP] = cuda_row(masked_logsumexp_forward, masked_logsumexp_backward, 1u | 2u | NN_READS_OUT, NULL, NULL);
}
