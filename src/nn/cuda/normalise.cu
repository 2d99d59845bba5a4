/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations; formulas in reference/normalise.h. Variances are of differences to the mean, or of differences to a sample, in double. */
#include "nn/cuda/common.cuh"

/* ---- layer norm: a warp a row. saved: mean and scale of every row ---- */

static int64_t rows_of(const nn_call *c)
{
    return c->out.size / last_of(c->out.shape);
}

static size_t layer_norm_saved(const nn_call *c)
{
    return (size_t)(2 * rows_of(c)) * sizeof(float);
}

static size_t layer_norm_work(const nn_call *c)
{
    return columns_work(2, 1, rows_of(c), last_of(c->out.shape));
}

/* f(first index of eight or one, how many): the elements of a row that are this lane's. */
template <class F> static __device__ void lane_eights(int64_t C, int lane, F f)
{
    if (C % 8 == 0)
        for (int64_t k = 8 * lane; k < C; k += 256) f(k, 8);
    else
        for (int64_t k = lane; k < C; k += 32) f(k, 1);
}

static void layer_norm_forward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const float *gamma = (const float *)c->in[1].data, *beta = (const float *)c->in[2].data;
    float *saved = (float *)c->saved;
    const float eps = (float)c->args->eps;
    each_warp(c, rows_of(c), [=] __device__(int64_t r, int lane) {
        float sum = 0, squares = 0;
        lane_eights(C, lane, [&](int64_t k, int n) {
            float v[8];
            x.load(r * C + k, n, v);
            for (int i = 0; i < n; i++) sum += v[i];
        });
        const float mean = warp_sum(sum) / (float)C;
        lane_eights(C, lane, [&](int64_t k, int n) {
            float v[8];
            x.load(r * C + k, n, v);
            for (int i = 0; i < n; i++) squares += (v[i] - mean) * (v[i] - mean);
        });
        const float scale = 1 / sqrtf(warp_sum(squares) / (float)C + eps);
        lane_eights(C, lane, [&](int64_t k, int n) {
            float v[8];
            x.load(r * C + k, n, v);
            for (int i = 0; i < n; i++) v[i] = (v[i] - mean) * scale * gamma[k + i] + beta[k + i];
            y.store(r * C + k, n, v, false);
        });
        if (lane == 0) {
            saved[2 * r] = mean;
            saved[2 * r + 1] = scale;
        }
    });
}

/* dgamma += sums[0], dbeta += sums[1] of column k, where wanted. */
struct affine_gradients {
    view gamma, beta;
    bool add_gamma, add_beta;
    __device__ void give(int64_t k, double dgamma, double dbeta) const
    {
        if (gamma.data) gamma.give(k, (float)dgamma, add_gamma);
        if (beta.data) beta.give(k, (float)dbeta, add_beta);
    }
};

static affine_gradients affine_gradients_of(const nn_call *c)
{
    return {grad_of(&c->in[1]), grad_of(&c->in[2]), c->in[1].add, c->in[2].add};
}

static void layer_norm_backward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const float *gamma = (const float *)c->in[1].data, *saved = (const float *)c->saved;
    const bool add = c->in[0].add;
    const affine_gradients to = affine_gradients_of(c);
    if (to.gamma.data || to.beta.data)
        column_sums<2>(
            c, 1, rows_of(c), C, c->work,
            [=] __device__(int64_t, int64_t r, int64_t k, int n, float term[2][8]) {
                const float mean = saved[2 * r], scale = saved[2 * r + 1];
                x.load(r * C + k, n, term[0]);
                dy.load(r * C + k, n, term[1]);
#pragma unroll
                for (int i = 0; i < 8; i++) term[0][i] = term[1][i] * (term[0][i] - mean) * scale;
            },
            [=] __device__(int64_t, int64_t k, const double sum[2]) { to.give(k, sum[0], sum[1]); });
    if (!dx.data) return;
    each_warp(c, rows_of(c), [=] __device__(int64_t r, int lane) {
        const float mean = saved[2 * r], scale = saved[2 * r + 1];
        float e_sum = 0, en_sum = 0;
        lane_eights(C, lane, [&](int64_t k, int n) {
            float v[8], d[8];
            x.load(r * C + k, n, v);
            dy.load(r * C + k, n, d);
            for (int i = 0; i < n; i++) {
                const float e = d[i] * gamma[k + i];
                e_sum += e;
                en_sum += e * (v[i] - mean) * scale;
            }
        });
        const float e_mean = warp_sum(e_sum) / (float)C, en_mean = warp_sum(en_sum) / (float)C;
        lane_eights(C, lane, [&](int64_t k, int n) {
            float v[8], d[8];
            x.load(r * C + k, n, v);
            dy.load(r * C + k, n, d);
            for (int i = 0; i < n; i++) v[i] = scale * (d[i] * gamma[k + i] - e_mean - (v[i] - mean) * scale * en_mean);
            dx.store(r * C + k, n, v, add);
        });
    });
}

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
static void apply(const nn_call *c, const grouped &g)
{
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const float *gamma = (const float *)c->in[1].data, *beta = (const float *)c->in[2].data, *saved = (const float *)c->saved;
    const int64_t C = g.C, S = g.S, groups = g.groups(), per_item = g.rows * g.C;
    if (C % 8 == 0 && S == 1) {
        each(c, c->out.size / 8, [=] __device__(int64_t e) {
            const int64_t i = 8 * e, k = i % C;
            const float *own = saved + 2 * (i / per_item * groups + k);
            float v[8];
            x.get8(i, v);
#pragma unroll
            for (int j = 0; j < 8; j++) v[j] = (v[j] - own[2 * j]) * own[2 * j + 1] * gamma[k + j] + beta[k + j];
            y.put8(i, v);
        });
        return;
    }
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t k = i % C;
        const float *own = saved + 2 * (i / per_item * groups + k / S);
        y.put(i, (x.get(i) - own[0]) * own[1] * gamma[k] + beta[k]);
    });
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
    const bool batch = c->inputs > 3;
    statistics s = {value_of(&c->in[0]), (float *)c->saved, NULL, NULL, g.C, g.S, g.rows * g.C, (double)(g.rows * g.S), c->args->eps, c->args->momentum};
    if (batch) {
        s.running_mean = (float *)c->in[3].data;
        s.running_var = (float *)c->in[4].data;
    }
    return s;
}

/* Sums of x - x0 and (x - x0)^2, x0 the first value of the group: no cancellation where the mean is far from 0. */
static void normalise(const nn_call *c, const grouped &g)
{
    const view x = value_of(&c->in[0]);
    const int64_t C = g.C, S = g.S, per_item = g.rows * g.C, groups = g.groups();
    const statistics to = statistics_of(c, g);
    double *sums = (double *)c->work;
    column_sums<2>(
        c, g.items, g.rows, g.C, (char *)c->work + moments_bytes(g),
        [=] __device__(int64_t item, int64_t r, int64_t k, int n, float term[2][8]) {
            float x0[8];
            x.load(r * C + k, n, term[0]);
            if (S == 1)
                x.load(item * per_item + k, n, x0);
            else
#pragma unroll
                for (int i = 0; i < 8; i++) x0[i] = i < n ? x.get(item * per_item + (k + i) / S * S) : 0;
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const float d = term[0][i] - x0[i];
                term[0][i] = d;
                term[1][i] = d * d;
            }
        },
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

/* dx = gamma scale (dy - e0 - n e1), e0 and e1 the means of dy gamma and dy gamma n over a group, or 0 where statistics are constants. */
static void normalise_back(const nn_call *c, const grouped &g, bool constants)
{
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const float *gamma = (const float *)c->in[1].data, *saved = (const float *)c->saved;
    const int64_t C = g.C, S = g.S, groups = g.groups(), per_item = g.rows * g.C, items = g.items;
    const bool add = c->in[0].add, one_item = items == 1;
    const affine_gradients to = affine_gradients_of(c);
    const double count = (double)(g.rows * g.S);
    double *sums = (double *)c->work;
    column_sums<2>(
        c, items, g.rows, C, (char *)c->work + moments_bytes(g),
        [=] __device__(int64_t item, int64_t r, int64_t k, int n, float term[2][8]) {
            dy.load(r * C + k, n, term[0]);
            x.load(r * C + k, n, term[1]);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                if (i >= n) continue;
                const float *own = saved + 2 * (item * groups + (k + i) / S);
                term[1][i] = term[0][i] * (term[1][i] - own[0]) * own[1];
            }
        },
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
    if (C % 8 == 0 && S == 1) {
        const float share = (float)(1 / count);
        each(c, c->out.size / 8, [=] __device__(int64_t e) {
            const int64_t i = 8 * e, k = i % C, at = i / per_item * groups + k;
            float v[8], d[8];
            x.get8(i, v);
            dy.get8(i, d);
#pragma unroll
            for (int j = 0; j < 8; j++) {
                const float mean = saved[2 * (at + j)], scale = saved[2 * (at + j) + 1], n = (v[j] - mean) * scale;
                v[j] = gamma[k + j] * scale * (d[j] - share * ((float)sums[2 * (at + j)] + n * (float)sums[2 * (at + j) + 1]));
            }
            dx.give8(i, v, add);
        });
        return;
    }
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t k = i % C, item = i / per_item, group = k / S;
        const float *own = saved + 2 * (item * groups + group);
        const double *e = sums + 2 * (item * C + group * S);
        const float factor = S == 1 ? gamma[k] : 1, n = (x.get(i) - own[0]) * own[1];
        dx.give(i, own[1] * (dy.get(i) * gamma[k] - factor * (float)(e[0] / count) - factor * n * (float)(e[1] / count)), add);
    });
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

static nn_kernel row(void (*forward)(const nn_call *), void (*backward)(const nn_call *), unsigned reads, size_t (*saved)(const nn_call *), size_t (*work)(const nn_call *))
{
    nn_kernel k = {};
    k.forward = forward;
    k.backward = backward;
    k.reads = reads;
    k.writes = true;
    k.saved = saved;
    k.work = work;
    return k;
}

void cuda_normalise(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_LAYER_NORM] = row(layer_norm_forward, layer_norm_backward, 1 | 2, layer_norm_saved, layer_norm_work);
    kernel[NN_OP_GROUP_NORM] = row(group_norm_forward, group_norm_backward, 1 | 2, group_norm_saved, group_norm_work);
    kernel[NN_OP_BATCH_NORM] = row(batch_norm_forward, batch_norm_backward, 1 | 2, batch_norm_saved, batch_norm_work);
    kernel[NN_OP_WEIGHT_NORM] = row(weight_norm_forward, weight_norm_backward, 1 | 2, NULL, NULL);
    kernel[NN_OP_L2_NORMALIZE] = row(l2_normalize_forward, l2_normalize_backward, 1, NULL, NULL);
}
