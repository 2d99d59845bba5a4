/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations; formulas in reference/normalise.h. Variances are of differences to the mean, or of differences to a sample, in double. */
#include "nn/cuda/normalise.cuh"

/*
 * ---- batch norm and group norm: columns [items][rows][C] in groups of S channels share a mean and a scale ----
 * batch norm: one item, S = 1. saved: mean and scale [items][groups]. work: sums [items][C][2], then parts of column sums.
 */

struct grouped {
    int64_t items, rows, C, S;
    int64_t groups() const
    {
        return C / S;
    }
};

/* Of a channel. Batch norm, where each is its own, is spared the division. */
static __device__ int64_t group_of(int64_t k, int64_t S)
{
    return S == 1 ? k : k / S;
}

static grouped grouped_of(const nn_call *c, bool batch)
{
    const nn_shape s = c->out.shape;
    if (batch) return {1, c->out.size / last_of(s), last_of(s), 1};
    return {s.n[0], s.n[1], s.n[2], s.n[2] / c->args->groups};
}

static size_t moments_bytes(const grouped &g)
{
    return aligned((size_t)(2 * g.items * g.C) * sizeof(double));
}

static size_t grouped_work(const grouped &g)
{
    return moments_bytes(g) + columns_work(2, g.items, g.rows, g.C);
}

/* y = (x - mean) scale gamma + beta */
struct application {
    view x, y;
    const float *gamma, *beta;
    const float2 *saved;
    int64_t S, groups;
    float mean[8], factor[8], shift[8];
    struct values {
        float x[8];
    };
    __device__ void prepare(int64_t item, int64_t k, int n)
    {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            if (i >= n) continue;
            const float2 own = saved[item * groups + group_of(k + i, S)];
            mean[i] = own.x;
            factor[i] = own.y * gamma[k + i];
            shift[i] = beta[k + i];
        }
    }
    __device__ void read(int64_t at, int n, values &v) const
    {
        x.load(at, n, v.x);
    }
    __device__ void write(int64_t at, int n, values &v) const
    {
#pragma unroll
        for (int i = 0; i < 8; i++) v.x[i] = (v.x[i] - mean[i]) * factor[i] + shift[i];
        y.store(at, n, v.x, false);
    }
};

static void apply(const nn_call *c, const grouped &g)
{
    application a = {};
    a.x = value_of(&c->in[0]);
    a.y = value_of(&c->out);
    a.gamma = (const float *)c->in[1].data;
    a.beta = (const float *)c->in[2].data;
    a.saved = (const float2 *)c->saved;
    a.S = g.S;
    a.groups = g.groups();
    by_columns(c, g.items, g.rows, g.C, a);
}

/* What a group's sums of d = x - x0 and d^2 say: mean and scale, and the running statistics of batch norm. */
struct statistics {
    view x;
    float *saved, *running_mean, *running_var; /* NULL: none */
    int64_t C, S, per_item;
    double count, eps, momentum;
    __device__ void conclude(int64_t item, int64_t group, double d, double squares) const
    {
        const int64_t at = item * (C / S) + group;
        d /= count;
        const double variance = fmax(squares / count - d * d, 0.0), mean = (double)x.get(item * per_item + group * S) + d;
        saved[2 * at] = (float)mean;
        saved[2 * at + 1] = (float)(1 / sqrt(variance + eps));
        if (!running_mean) return;
        const double unbiased = count > 1 ? count / (count - 1) : 1;
        running_mean[at] = (float)((double)running_mean[at] + momentum * (mean - (double)running_mean[at]));
        running_var[at] = (float)((double)running_var[at] + momentum * (variance * unbiased - (double)running_var[at]));
    }
};

static statistics statistics_of(const nn_call *c, const grouped &g)
{
    statistics s = {value_of(&c->in[0]), (float *)c->saved, NULL, NULL, g.C, g.S, g.rows * g.C, (double)(g.rows * g.S), c->args->eps, c->args->momentum};
    if (c->inputs > 3 && !c->again) {
        s.running_mean = (float *)c->in[3].data;
        s.running_var = (float *)c->in[4].data;
    }
    return s;
}

/* d = x - x0 and d^2, x0 the first value of the group: no cancellation where the mean is far from 0. */
struct moments {
    view x;
    int64_t C, S, per_item;
    float x0[8];
    __device__ void prepare(int64_t item, int64_t k, int n)
    {
#pragma unroll
        for (int i = 0; i < 8; i++) x0[i] = i < n ? x.get(item * per_item + group_of(k + i, S) * S) : 0;
    }
    __device__ void terms(int64_t, int64_t r, int64_t k, int n, float term[2][8]) const
    {
        x.load(r * C + k, n, term[0]);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const float d = term[0][i] - x0[i];
            term[0][i] = d;
            term[1][i] = d * d;
        }
    }
};

static void normalise(const nn_call *c, const grouped &g)
{
    const int64_t C = g.C, S = g.S, groups = g.groups();
    const statistics to = statistics_of(c, g);
    const moments m = {value_of(&c->in[0]), C, S, g.rows * C, {}};
    double *sums = (double *)c->work;
    column_sums<2>(
        c, g.items, g.rows, C, (char *)c->work + moments_bytes(g), m,
        [=] __device__(int64_t item, int64_t k, const double sum[2]) {
            if (S == 1) {
                to.conclude(item, k, sum[0], sum[1]);
                return;
            }
            sums[2 * (item * C + k)] = sum[0];
            sums[2 * (item * C + k) + 1] = sum[1];
        });
    if (S > 1)
        each(c, g.items * groups, [=] __device__(int64_t i) {
            double d = 0, squares = 0;
            for (int64_t k = i % groups * S; k < (i % groups + 1) * S; k++) {
                d += sums[2 * (i / groups * C + k)];
                squares += sums[2 * (i / groups * C + k) + 1];
            }
            to.conclude(i / groups, i % groups, d, squares);
        });
    apply(c, g);
}

/* dx = scale (dy gamma - e0 - n e1) by rows, see normalise_back. */
struct input_gradient {
    view x, dy, dx;
    const float *gamma;
    const float2 *saved;
    const double *sums;
    int64_t C, S, groups;
    double share;
    bool add;
    float mean[8], factor[8], along[8], shift[8];
    struct values {
        float x[8], dy[8];
    };
    __device__ void prepare(int64_t item, int64_t k, int n)
    {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            if (i >= n) continue;
            const int64_t group = group_of(k + i, S);
            const float2 own = saved[item * groups + group];
            const double *e = sums + 2 * (item * C + group * S), scale = (double)own.y, one = S == 1 ? (double)gamma[k + i] : 1;
            mean[i] = own.x;
            factor[i] = (float)(scale * (double)gamma[k + i]);
            shift[i] = (float)(scale * one * e[0] * share);
            along[i] = (float)(scale * scale * one * e[1] * share);
        }
    }
    __device__ void read(int64_t at, int n, values &v) const
    {
        x.load(at, n, v.x);
        dy.load(at, n, v.dy);
    }
    __device__ void write(int64_t at, int n, values &v) const
    {
#pragma unroll
        for (int i = 0; i < 8; i++) v.x[i] = v.dy[i] * factor[i] - shift[i] - (v.x[i] - mean[i]) * along[i];
        dx.store(at, n, v.x, add);
    }
};

/* dy and dy n, n the normalised x. */
struct gradient_terms {
    view x, dy;
    const float2 *saved;
    int64_t C, S, groups;
    float mean[8], scale[8];
    __device__ void prepare(int64_t item, int64_t k, int n)
    {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            if (i >= n) continue;
            const float2 own = saved[item * groups + group_of(k + i, S)];
            mean[i] = own.x;
            scale[i] = own.y;
        }
    }
    __device__ void terms(int64_t, int64_t r, int64_t k, int n, float term[2][8]) const
    {
        dy.load(r * C + k, n, term[0]);
        x.load(r * C + k, n, term[1]);
#pragma unroll
        for (int i = 0; i < 8; i++) term[1][i] = term[0][i] * (term[1][i] - mean[i]) * scale[i];
    }
};

/* dx = gamma scale (dy - e0 - n e1), e0 and e1 the means of dy gamma and dy gamma n over a group, or 0 where statistics are constants. */
static void normalise_back(const nn_call *c, const grouped &g, bool constants)
{
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const float *gamma = (const float *)c->in[1].data;
    const float2 *saved = (const float2 *)c->saved;
    const int64_t C = g.C, S = g.S, groups = g.groups(), items = g.items;
    const bool add = c->in[0].add, one_item = items == 1;
    const affine_gradients to = affine_gradients_of(c);
    const double count = (double)(g.rows * g.S);
    double *sums = (double *)c->work;
    const gradient_terms m = {x, dy, saved, C, S, groups, {}, {}};
    column_sums<2>(
        c, items, g.rows, C, (char *)c->work + moments_bytes(g), m,
        [=] __device__(int64_t item, int64_t k, const double sum[2]) {
            if (one_item) to.give(k, sum[1], sum[0]);
            sums[2 * (item * C + k)] = constants ? 0 : sum[0];
            sums[2 * (item * C + k) + 1] = constants ? 0 : sum[1];
        });
    if (!one_item)
        each(c, C, [=] __device__(int64_t k) {
            double dgamma = 0, dbeta = 0;
            for (int64_t item = 0; item < items; item++) {
                dbeta += sums[2 * (item * C + k)];
                dgamma += sums[2 * (item * C + k) + 1];
            }
            to.give(k, dgamma, dbeta);
        });
    if (!dx.data) return;
    if (S > 1) /* the first two values of a group's sums become its sums of dy gamma and dy gamma n */
        each(c, items * groups, [=] __device__(int64_t i) {
            double *own = sums + 2 * (i / groups * C + i % groups * S), e0 = 0, e1 = 0;
            for (int64_t j = 0; j < S; j++) {
                e0 += own[2 * j] * (double)gamma[i % groups * S + j];
                e1 += own[2 * j + 1] * (double)gamma[i % groups * S + j];
            }
            own[0] = e0;
            own[1] = e1;
        });
    input_gradient d = {};
    d.x = x;
    d.dy = dy;
    d.dx = dx;
    d.gamma = gamma;
    d.saved = saved;
    d.sums = sums;
    d.C = C;
    d.S = S;
    d.groups = groups;
    d.share = 1 / count;
    d.add = add;
    by_columns(c, items, g.rows, C, d);
}

static size_t batch_norm_saved(const nn_call *c)
{
    return (size_t)(2 * last_of(c->out.shape)) * sizeof(float);
}

static size_t batch_norm_work(const nn_call *c)
{
    return grouped_work(grouped_of(c, true));
}

static void batch_norm_forward(const nn_call *c)
{
    const grouped g = grouped_of(c, true);
    if (c->training) {
        normalise(c, g);
        return;
    }
    const float *mean = (const float *)c->in[3].data, *variance = (const float *)c->in[4].data;
    float *saved = (float *)c->saved;
    const double eps = c->args->eps;
    each(c, g.C, [=] __device__(int64_t k) {
        saved[2 * k] = mean[k];
        saved[2 * k + 1] = (float)(1 / sqrt((double)variance[k] + eps));
    });
    apply(c, g);
}

static void batch_norm_backward(const nn_call *c)
{
    normalise_back(c, grouped_of(c, true), !c->training);
}

static size_t group_norm_saved(const nn_call *c)
{
    return (size_t)(2 * c->out.shape.n[0] * c->args->groups) * sizeof(float);
}

static size_t group_norm_work(const nn_call *c)
{
    return grouped_work(grouped_of(c, false));
}

static void group_norm_forward(const nn_call *c)
{
    normalise(c, grouped_of(c, false));
}

static void group_norm_backward(const nn_call *c)
{
    normalise_back(c, grouped_of(c, false), false);
}

/* ---- weight norm: a block a tap ---- */

static void weight_norm_forward(const nn_call *c)
{
    const int64_t O = c->out.shape.n[0], K = c->out.shape.n[1], I = c->out.shape.n[2];
    const view v = value_of(&c->in[0]), gain = value_of(&c->in[1]), w = value_of(&c->out);
    each_row(c, K, [=] __device__(int64_t k) {
        double squares = 0;
        for (int64_t i = threadIdx.x; i < O * I; i += BLOCK) {
            const double x = (double)v.get((i / I * K + k) * I + i % I);
            squares += x * x;
        }
        const double norm = sqrt(block_sum(squares));
        const double scale = norm > 0 ? (double)gain.get(k) / norm : 0; /* beyond the range of float where all v are tiny */
        for (int64_t i = threadIdx.x; i < O * I; i += BLOCK) {
            const int64_t at = (i / I * K + k) * I + i % I;
            w.put(at, (float)((double)v.get(at) * scale));
        }
    });
}

static void weight_norm_backward(const nn_call *c)
{
    const int64_t O = c->out.shape.n[0], K = c->out.shape.n[1], I = c->out.shape.n[2];
    const view v = value_of(&c->in[0]), gain = value_of(&c->in[1]), dw = grad_of(&c->out), dv = grad_of(&c->in[0]), dgain = grad_of(&c->in[1]);
    const bool add_v = c->in[0].add, add_gain = c->in[1].add;
    each_row(c, K, [=] __device__(int64_t k) {
        double squares = 0, dot = 0;
        for (int64_t i = threadIdx.x; i < O * I; i += BLOCK) {
            const int64_t at = (i / I * K + k) * I + i % I;
            squares += (double)v.get(at) * (double)v.get(at);
            dot += (double)v.get(at) * (double)dw.get(at);
        }
        squares = block_sum(squares);
        dot = block_sum(dot);
        const double norm = sqrt(squares);
        const bool flat = norm <= 0;
        if (dgain.data && threadIdx.x == 0) dgain.give(k, flat ? 0 : (float)(dot / norm), add_gain);
        for (int64_t i = threadIdx.x; dv.data && i < O * I; i += BLOCK) {
            const int64_t at = (i / I * K + k) * I + i % I;
            dv.give(at, flat ? 0 : (float)((double)gain.get(k) / norm * ((double)dw.get(at) - (double)v.get(at) * dot / squares)), add_v);
        }
    });
}

/* ---- unit length: a block a row ---- */

static void l2_normalize_forward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const double eps = c->args->eps;
    each_row(c, rows_of(c), [=] __device__(int64_t r) {
        double squares = 0;
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) squares += (double)x.get(r * C + k) * (double)x.get(r * C + k);
        const double norm = fmax(sqrt(block_sum(squares)), eps);
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) y.put(r * C + k, (float)((double)x.get(r * C + k) / norm));
    });
}

static void l2_normalize_backward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const double eps = c->args->eps;
    const bool add = c->in[0].add;
    each_row(c, rows_of(c), [=] __device__(int64_t r) {
        double squares = 0, dot = 0;
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) {
            squares += (double)x.get(r * C + k) * (double)x.get(r * C + k);
            dot += (double)x.get(r * C + k) * (double)dy.get(r * C + k);
        }
        squares = block_sum(squares);
        dot = block_sum(dot);
        const bool floored = sqrt(squares) < eps;
        const double norm = floored ? eps : sqrt(squares), along = floored ? 0 : dot / squares;
        for (int64_t k = threadIdx.x; k < C; k += BLOCK) dx.give(r * C + k, (float)(((double)dy.get(r * C + k) - (double)x.get(r * C + k) * along) / norm), add);
    });
}

void cuda_normalise(nn_kernel kernel[NN_OPS])
{
    cuda_layer_norm(kernel);
    kernel[NN_OP_GROUP_NORM] = cuda_row(group_norm_forward, group_norm_backward, 1 | 2, group_norm_saved, group_norm_work);
    kernel[NN_OP_BATCH_NORM] = cuda_row(batch_norm_forward, batch_norm_backward, 1 | 2, batch_norm_saved, batch_norm_work);
    kernel[NN_OP_WEIGHT_NORM] = cuda_row(weight_norm_forward, weight_norm_backward, 1 | 2, NULL, NULL);
    kernel[NN_OP_L2_NORMALIZE] = cuda_row(l2_normalize_forward, l2_normalize_backward, 1, NULL, NULL);
}
