/* SPDX-License-Identifier: Apache-2.0 */
/* Layer norm; formula in reference/normalise.h. saved: mean and scale of every row. */
#include "nn/cuda/normalise.cuh"

static size_t layer_norm_saved(const nn_call *c)
{
    return (size_t)(2 * rows_of(c)) * sizeof(float);
}

/* A warp holds a row of up to 256 V values, V runs of eight a lane, and goes on to further rows with the same gamma and beta. */
template <int V> struct row_values {
    float v[V][8];
    __device__ void load(view from, int64_t at, int64_t C, int lane)
    {
#pragma unroll
        for (int k = 0; k < V; k++) {
            const int64_t first = 8 * (lane + 32 * k);
            if (first < C)
                from.get8(at + first, v[k]);
            else
                for (int i = 0; i < 8; i++) v[k][i] = 0;
        }
    }
};

template <int V> __global__ void layer_norm_kernel(int64_t rows, int64_t C, view x, view y, const float *gamma, const float *beta, float *saved, float eps)
{
    const int lane = threadIdx.x % 32;
    row_values<V> g, b, r;
    g.load(float_view((void *)gamma), 0, C, lane);
    b.load(float_view((void *)beta), 0, C, lane);
    for (int64_t row = blockIdx.x * (int64_t)(BLOCK / 32) + threadIdx.x / 32; row < rows; row += (int64_t)gridDim.x * (BLOCK / 32)) {
        float sum = 0, squares = 0;
        r.load(x, row * C, C, lane);
#pragma unroll
        for (int k = 0; k < V; k++)
#pragma unroll
            for (int i = 0; i < 8; i++) sum += r.v[k][i];
        const float mean = warp_sum(sum) / (float)C;
#pragma unroll
        for (int k = 0; k < V; k++)
#pragma unroll
            for (int i = 0; i < 8; i++) squares += 8 * (lane + 32 * k) < C ? (r.v[k][i] - mean) * (r.v[k][i] - mean) : 0;
        const float scale = 1 / sqrtf(warp_sum(squares) / (float)C + eps);
#pragma unroll
        for (int k = 0; k < V; k++) {
#pragma unroll
            for (int i = 0; i < 8; i++) r.v[k][i] = (r.v[k][i] - mean) * scale * g.v[k][i] + b.v[k][i];
            if (8 * (lane + 32 * k) < C) y.put8(row * C + 8 * (lane + 32 * k), r.v[k]);
        }
        if (lane == 0) {
            saved[2 * row] = mean;
            saved[2 * row + 1] = scale;
        }
    }
}

/* Any other width: a warp a row, value by value. */
static void layer_norm_plain(const nn_call *c, int64_t C)
{
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const float *gamma = (const float *)c->in[1].data, *beta = (const float *)c->in[2].data;
    float *saved = (float *)c->saved;
    const float eps = (float)c->args->eps;
    each_warp(c, rows_of(c), [=] __device__(int64_t r, int lane) {
        float sum = 0, squares = 0;
        for (int64_t k = lane; k < C; k += 32) sum += x.get(r * C + k);
        const float mean = warp_sum(sum) / (float)C;
        for (int64_t k = lane; k < C; k += 32) squares += (x.get(r * C + k) - mean) * (x.get(r * C + k) - mean);
        const float scale = 1 / sqrtf(warp_sum(squares) / (float)C + eps);
        for (int64_t k = lane; k < C; k += 32) y.put(r * C + k, (x.get(r * C + k) - mean) * scale * gamma[k] + beta[k]);
        if (lane == 0) {
            saved[2 * r] = mean;
            saved[2 * r + 1] = scale;
        }
    });
}

static bool in_registers(int64_t C)
{
    return C % 8 == 0 && C <= 1024;
}

static unsigned persistent_blocks(int64_t rows)
{
    const int64_t blocks = ceil_div(rows, BLOCK / 32);
    return (unsigned)(blocks < 132 * 4 ? blocks : 132 * 4);
}

static void layer_norm_forward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape), R = rows_of(c);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    const float *gamma = (const float *)c->in[1].data, *beta = (const float *)c->in[2].data, eps = (float)c->args->eps;
    float *saved = (float *)c->saved;
    if (!in_registers(C)) {
        layer_norm_plain(c, C);
        return;
    }
    const unsigned blocks = persistent_blocks(R);
    if (C <= 256)
        layer_norm_kernel<1><<<blocks, BLOCK, 0, stream_of(c)>>>(R, C, x, y, gamma, beta, saved, eps);
    else if (C <= 768)
        layer_norm_kernel<3><<<blocks, BLOCK, 0, stream_of(c)>>>(R, C, x, y, gamma, beta, saved, eps);
    else
        layer_norm_kernel<4><<<blocks, BLOCK, 0, stream_of(c)>>>(R, C, x, y, gamma, beta, saved, eps);
    cuda_note(device_of(c), cudaGetLastError(), "layer norm");
}

/* A row of the backward pass, read while the one before it is worked on. */
template <int V> struct back_row {
    row_values<V> x, dy;
    float mean, scale;
    __device__ void load(view from, view gradient, const float *saved, int64_t row, int64_t C, int lane)
    {
        x.load(from, row * C, C, lane);
        dy.load(gradient, row * C, C, lane);
        mean = saved[2 * row];
        scale = saved[2 * row + 1];
    }
};

/* dx = scale (e - mean(e) - n mean(e n)), e = dy gamma; and parts [2][C][block] of dgamma and dbeta. */
template <int V> __global__ void __launch_bounds__(BLOCK, V == 1 ? 2 : 1)
layer_norm_back_kernel(int64_t rows, int64_t C, view x, view dy, view dx, bool add, const float *gamma, const float *saved, float *part)
{
    __shared__ float shared[BLOCK / 32][256];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int64_t step = (int64_t)gridDim.x * (BLOCK / 32);
    float dgamma[V][8] = {}, dbeta[V][8] = {};
    back_row<V> next;
    int64_t row = blockIdx.x * (int64_t)(BLOCK / 32) + warp;
    if (row < rows) next.load(x, dy, saved, row, C, lane);
    for (; row < rows; row += step) {
        row_values<V> r = next.x, d = next.dy, g;
        const float mean = next.mean, scale = next.scale;
        float e_sum = 0, en_sum = 0;
        if (row + step < rows) next.load(x, dy, saved, row + step, C, lane);
        g.load(float_view((void *)gamma), 0, C, lane);
#pragma unroll
        for (int k = 0; k < V; k++)
#pragma unroll
            for (int i = 0; i < 8; i++) {
                r.v[k][i] = (r.v[k][i] - mean) * scale;
                dgamma[k][i] += d.v[k][i] * r.v[k][i];
                dbeta[k][i] += d.v[k][i];
                d.v[k][i] *= g.v[k][i];
                e_sum += d.v[k][i];
                en_sum += d.v[k][i] * r.v[k][i];
            }
        const float e_mean = warp_sum(e_sum) / (float)C, en_mean = warp_sum(en_sum) / (float)C;
#pragma unroll
        for (int k = 0; k < V; k++) {
#pragma unroll
            for (int i = 0; i < 8; i++) r.v[k][i] = scale * (d.v[k][i] - e_mean - r.v[k][i] * en_mean);
            if (dx.data && 8 * (lane + 32 * k) < C) dx.give8(row * C + 8 * (lane + 32 * k), r.v[k], add);
        }
    }
#pragma unroll
    for (int k = 0; k < V; k++)
#pragma unroll
        for (int which = 0; which < 2; which++) {
            __syncthreads();
#pragma unroll
            for (int i = 0; i < 8; i++) shared[warp][8 * lane + i] = which ? dbeta[k][i] : dgamma[k][i];
            __syncthreads();
            const int64_t column = 256 * k + threadIdx.x;
            float all = 0;
            for (int w = 0; w < BLOCK / 32; w++) all += shared[w][threadIdx.x];
            if (column < C) part[(which * C + column) * gridDim.x + blockIdx.x] = all;
        }
}

static unsigned back_blocks(int64_t rows, int64_t C)
{
    const int64_t blocks = ceil_div(rows, 4 * (BLOCK / 32)), most = C <= 256 ? 132 * 2 : 132;
    return (unsigned)(blocks < most ? blocks : most);
}

static size_t layer_norm_work(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape), R = rows_of(c);
    return in_registers(C) ? (size_t)(2 * back_blocks(R, C) * C) * sizeof(float) : columns_work(2, 1, R, C);
}

static void layer_norm_plain_back(const nn_call *c, int64_t C)
{
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const float *gamma = (const float *)c->in[1].data, *saved = (const float *)c->saved;
    const bool add = c->in[0].add;
    const affine_gradients to = affine_gradients_of(c);
    column_sums<2>(
        c, 1, rows_of(c), C, c->work,
        terms_of([=] __device__(int64_t, int64_t r, int64_t k, int n, float term[2][8]) {
            const float mean = saved[2 * r], scale = saved[2 * r + 1];
            x.load(r * C + k, n, term[0]);
            dy.load(r * C + k, n, term[1]);
#pragma unroll
            for (int i = 0; i < 8; i++) term[0][i] = term[1][i] * (term[0][i] - mean) * scale;
        }),
        [=] __device__(int64_t, int64_t k, const double sum[2]) { to.give(k, sum[0], sum[1]); });
    if (!dx.data) return;
    each_warp(c, rows_of(c), [=] __device__(int64_t r, int lane) {
        const float mean = saved[2 * r], scale = saved[2 * r + 1];
        float e_sum = 0, en_sum = 0;
        for (int64_t k = lane; k < C; k += 32) {
            const float e = dy.get(r * C + k) * gamma[k];
            e_sum += e;
            en_sum += e * (x.get(r * C + k) - mean) * scale;
        }
        const float e_mean = warp_sum(e_sum) / (float)C, en_mean = warp_sum(en_sum) / (float)C;
        for (int64_t k = lane; k < C; k += 32)
            dx.give(r * C + k, scale * (dy.get(r * C + k) * gamma[k] - e_mean - (x.get(r * C + k) - mean) * scale * en_mean), add);
    });
}

static void layer_norm_backward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape), R = rows_of(c);
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const float *gamma = (const float *)c->in[1].data, *saved = (const float *)c->saved;
    const affine_gradients to = affine_gradients_of(c);
    const unsigned blocks = back_blocks(R, C);
    float *part = (float *)c->work;
    if (!in_registers(C)) {
        layer_norm_plain_back(c, C);
        return;
    }
    if (C <= 256)
        layer_norm_back_kernel<1><<<blocks, BLOCK, 0, stream_of(c)>>>(R, C, x, dy, dx, c->in[0].add, gamma, saved, part);
    else if (C <= 768)
        layer_norm_back_kernel<3><<<blocks, BLOCK, 0, stream_of(c)>>>(R, C, x, dy, dx, c->in[0].add, gamma, saved, part);
    else
        layer_norm_back_kernel<4><<<blocks, BLOCK, 0, stream_of(c)>>>(R, C, x, dy, dx, c->in[0].add, gamma, saved, part);
    cuda_note(device_of(c), cudaGetLastError(), "layer norm");
    each_warp(c, C, [=] __device__(int64_t column, int lane) {
        double sum[2];
#pragma unroll
        for (int which = 0; which < 2; which++) {
            sum[which] = 0;
            for (unsigned p = lane; p < blocks; p += 32) sum[which] += (double)part[(which * C + column) * blocks + p];
            sum[which] = warp_sum(sum[which]);
        }
        if (lane == 0) to.give(column, sum[0], sum[1]);
    });
}

void cuda_layer_norm(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_LAYER_NORM] = cuda_row(layer_norm_forward, layer_norm_backward, 1 | 2, layer_norm_saved, layer_norm_work);
}
