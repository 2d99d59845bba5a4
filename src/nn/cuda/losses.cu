/* SPDX-License-Identifier: Apache-2.0 */
/* Losses; formulas in reference/losses.h. saved: the sum of weights, at least 1e-12, or the number of rows with a target. */
#include "nn/cuda/common.cuh"

static size_t loss_saved(const nn_call *c)
{
    (void)c;
    return sizeof(double);
}

static size_t loss_work(const nn_call *c)
{
    (void)c;
    return sums_work(2);
}

/* The weight of element i, by an input that may be absent and broadcasts to x. */
struct weights {
    view w;
    broadcast at;
    bool given;
    __device__ double get(int64_t i) const
    {
        return given ? (double)w.get(at(i)) : 1.0;
    }
};

static weights weights_of(const nn_call *c, int k)
{
    weights w = {};
    w.given = !absent(c, k);
    if (w.given) {
        w.w = value_of(&c->in[k]);
        w.at = broadcast_make(c->in[0].shape, c->in[k].shape);
    }
    return w;
}

/* y = sum w l / sum w */
template <class L> static void weighted_mean(const nn_call *c, L loss)
{
    const weights w = weights_of(c, 2);
    const view y = value_of(&c->out);
    double *total = (double *)c->saved;
    sums<2>(
        c, c->in[0].size, c->work,
        [=] __device__(int64_t i, double term[2]) {
            const double weight = w.get(i);
            term[0] = weight * loss(i);
            term[1] = weight;
        },
        [=] __device__(const double sum[2]) {
            *total = fmax(sum[1], 1e-12);
            y.put(0, (float)(sum[0] / *total));
        });
}

/* Gradient with respect to x, and its negative with respect to the target where that is wanted. */
template <class D> static void weighted_mean_back(const nn_call *c, bool targets, D derivative)
{
    const weights w = weights_of(c, 2);
    const view dy = grad_of(&c->out), dx = grad_of(&c->in[0]), dt = targets ? grad_of(&c->in[1]) : view{};
    const bool add_x = c->in[0].add, add_t = c->in[1].add;
    const double *total = (const double *)c->saved;
    each(c, c->in[0].size, [=] __device__(int64_t i) {
        const float g = (float)((double)dy.get(0) / *total * w.get(i) * derivative(i));
        if (dx.data) dx.give(i, g, add_x);
        if (dt.data) dt.give(i, -g, add_t);
    });
}

static void mse_forward(const nn_call *c)
{
    const view x = value_of(&c->in[0]), t = value_of(&c->in[1]);
    weighted_mean(c, [=] __device__(int64_t i) {
        const double d = (double)x.get(i) - (double)t.get(i);
        return d * d;
    });
}

static void mse_backward(const nn_call *c)
{
    const view x = value_of(&c->in[0]), t = value_of(&c->in[1]);
    weighted_mean_back(c, true, [=] __device__(int64_t i) { return 2 * ((double)x.get(i) - (double)t.get(i)); });
}

static void huber_forward(const nn_call *c)
{
    const view x = value_of(&c->in[0]), t = value_of(&c->in[1]);
    const double delta = c->args->delta;
    weighted_mean(c, [=] __device__(int64_t i) {
        const double d = fabs((double)x.get(i) - (double)t.get(i));
        return d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta);
    });
}

static void huber_backward(const nn_call *c)
{
    const view x = value_of(&c->in[0]), t = value_of(&c->in[1]);
    const double delta = c->args->delta;
    weighted_mean_back(c, true, [=] __device__(int64_t i) { return fmin(fmax((double)x.get(i) - (double)t.get(i), -delta), delta); });
}

static __device__ double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* pos_weight of the class of element i */
struct positives {
    view w;
    int64_t classes;
    bool given;
    __device__ double get(int64_t i) const
    {
        return given ? (double)w.get(i % classes) : 1.0;
    }
};

static positives positives_of(const nn_call *c)
{
    if (absent(c, 3)) return {};
    return {value_of(&c->in[3]), last_of(c->in[0].shape), true};
}

static void bce_logits_forward(const nn_call *c)
{
    const view x = value_of(&c->in[0]), t = value_of(&c->in[1]);
    const positives p = positives_of(c);
    weighted_mean(c, [=] __device__(int64_t i) {
        const double v = (double)x.get(i), target = (double)t.get(i);
        return p.get(i) * target * softplus(-v) + (1 - target) * softplus(v);
    });
}

static void bce_logits_backward(const nn_call *c)
{
    const view x = value_of(&c->in[0]), t = value_of(&c->in[1]);
    const positives p = positives_of(c);
    weighted_mean_back(c, false, [=] __device__(int64_t i) {
        const double v = (double)x.get(i), e = exp(-fabs(v)), s = v >= 0 ? 1 / (1 + e) : e / (1 + e), target = (double)t.get(i);
        return (1 - target) * s - p.get(i) * target * (1 - s);
    });
}

/* ---- cross entropy: mean over the rows with a target; saved: their number ---- */

static __device__ double logsumexp(view x, int64_t begin, int64_t n)
{
    double most = (double)x.get(begin), sum = 0;
    for (int64_t k = 1; k < n; k++) most = fmax(most, (double)x.get(begin + k));
    for (int64_t k = 0; k < n; k++) sum += exp((double)x.get(begin + k) - most);
    return most + log(sum);
}

static void cross_entropy_forward(const nn_call *c)
{
    const int64_t R = c->in[0].shape.n[0], K = c->in[0].shape.n[1];
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const int32_t *target = (const int32_t *)c->in[1].data;
    double *rows = (double *)c->saved;
    sums<2>(
        c, R, c->work,
        [=] __device__(int64_t r, double term[2]) {
            const bool counts = target[r] >= 0 && target[r] < K;
            term[0] = counts ? logsumexp(x, r * K, K) - (double)x.get(r * K + target[r]) : 0;
            term[1] = counts ? 1 : 0;
        },
        [=] __device__(const double sum[2]) {
            *rows = sum[1] > 0 ? sum[1] : 1;
            y.put(0, (float)(sum[0] / *rows));
        });
}

static void cross_entropy_backward(const nn_call *c)
{
    const int64_t R = c->in[0].shape.n[0], K = c->in[0].shape.n[1];
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const int32_t *target = (const int32_t *)c->in[1].data;
    const double *rows = (const double *)c->saved;
    const bool add = c->in[0].add;
    each(c, R, [=] __device__(int64_t r) {
        const bool counts = target[r] >= 0 && target[r] < K;
        const double total = counts ? logsumexp(x, r * K, K) : 0, factor = (double)dy.get(0) / *rows;
        for (int64_t k = 0; k < K; k++)
            dx.give(r * K + k, counts ? (float)(factor * (exp((double)x.get(r * K + k) - total) - (k == target[r] ? 1 : 0))) : 0, add);
    });
}

void cuda_losses(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_MSE] = cuda_row(mse_forward, mse_backward, 0xff, loss_saved, loss_work);
    kernel[NN_OP_HUBER] = cuda_row(huber_forward, huber_backward, 0xff, loss_saved, loss_work);
    kernel[NN_OP_BCE_LOGITS] = cuda_row(bce_logits_forward, bce_logits_backward, 0xff, loss_saved, loss_work);
    kernel[NN_OP_CROSS_ENTROPY] = cuda_row(cross_entropy_forward, cross_entropy_backward, 0xff, loss_saved, loss_work);
}
