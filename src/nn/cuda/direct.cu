/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/direct.cuh"

#include <mma.h>

using namespace nvcuda;
typedef __nv_bfloat16 half_t;

enum { FRAGMENT = 16, WARP_ROWS = 32, MOST_WARPS = 6, MOST_WIDE = 64 };

/* The widest tile of channels up to 64 that divides them. */
static int tile_of(int64_t channels)
{
    for (int wide = MOST_WIDE; wide > FRAGMENT; wide -= FRAGMENT)
        if (channels % wide == 0) return wide;
    return FRAGMENT;
}

/* Distance of rows in shared memory: a multiple of 32 bytes that spreads rows over the banks. */
static __host__ __device__ int row_of(int wide)
{
    return wide % 32 == 0 ? wide + 16 : wide;
}

/* to[r][0 .. wide) = rows first .. first + rows of a signal [T][C], 0 outside. */
static __device__ void load_rows(const half_t *signal, int64_t T, int64_t C, int64_t channel, int64_t first, int rows, int wide, half_t *to)
{
    const int eights = wide / 8, stride = row_of(wide);
    for (int i = threadIdx.x; i < rows * eights; i += blockDim.x) {
        const int r = i / eights, e = i % eights;
        const int64_t t = first + r;
        uint4 value = make_uint4(0, 0, 0, 0);
        if (t >= 0 && t < T) value = *(const uint4 *)(signal + t * C + channel + 8 * e);
        *(uint4 *)(to + r * stride + 8 * e) = value;
    }
}

/*
 * result[b][u][n] = sum over taps k and channels i of signal[b][u + k - pad][i] w(k, i, n), a group at a time. Forward: w[n][k][i] as the
 * weights lie. Turned (gradient of the input): w[i][K - 1 - k][n]. The weights are laid out first as tiles [group][n tile][i tile][k] of
 * 16 x 16, rows i. A warp makes 32 results by 16 F channels.
 */
struct pass {
    const half_t *signal, *w;
    half_t *tiles;
    int64_t T, U, K, pad, in, out, groups; /* in, out: channels of a group */
    int in_tile, warps;
    bool turned;
};

static void lay_out(const nn_call *c, const pass &p)
{
    each(c, p.groups * p.out * p.in * p.K, [=] __device__(int64_t at) {
        const int n = (int)(at % FRAGMENT), i = (int)(at / FRAGMENT % FRAGMENT);
        const int64_t tile = at / (FRAGMENT * FRAGMENT), k = tile % p.K, in_tiles = p.in / FRAGMENT, out_tiles = p.out / FRAGMENT;
        const int64_t channel = tile / p.K % in_tiles * FRAGMENT + i, result = tile / p.K / in_tiles % out_tiles * FRAGMENT + n, g = tile / p.K / in_tiles / out_tiles;
        p.tiles[at] = p.turned ? p.w[((g * p.in + channel) * p.K + p.K - 1 - k) * p.out + result] : p.w[((g * p.out + result) * p.K + k) * p.in + channel];
    });
}

template <int F> __global__ void direct_kernel(pass p, const float *bias, view result, bool add)
{
    extern __shared__ __align__(32) unsigned char shared[];
    half_t *rows = (half_t *)shared;
    const int stride = row_of(p.in_tile), warp = threadIdx.x / 32, lane = threadIdx.x % 32, block_rows = p.warps * WARP_ROWS, K = (int)p.K;
    float *sums = (float *)shared + warp * FRAGMENT * F * FRAGMENT; /* in the place of the rows, when these are done with */
    const int64_t u0 = (int64_t)blockIdx.x * block_rows, b = blockIdx.z, wide_tiles = p.out / (F * FRAGMENT), g = blockIdx.y / wide_tiles;
    const int64_t tile0 = blockIdx.y % wide_tiles * F, in_tiles = p.in / FRAGMENT, C = p.in * p.groups, O = p.out * p.groups;
    wmma::fragment<wmma::accumulator, FRAGMENT, FRAGMENT, FRAGMENT, float> sum[2][F];
#pragma unroll
    for (int f = 0; f < F; f++) {
        wmma::fill_fragment(sum[0][f], 0.0f);
        wmma::fill_fragment(sum[1][f], 0.0f);
    }
    for (int64_t i0 = 0; i0 < p.in; i0 += p.in_tile) {
        __syncthreads();
        load_rows(p.signal + b * p.T * C, p.T, C, g * p.in + i0, u0 - p.pad, block_rows + K - 1, p.in_tile, rows);
        __syncthreads();
        for (int i = 0; i < p.in_tile; i += FRAGMENT) {
            const half_t *tile = p.tiles + ((g * (p.out / FRAGMENT) + tile0) * in_tiles + (i0 + i) / FRAGMENT) * K * FRAGMENT * FRAGMENT;
#pragma unroll 2
            for (int k = 0; k < K; k++) {
                wmma::fragment<wmma::matrix_a, FRAGMENT, FRAGMENT, FRAGMENT, half_t, wmma::row_major> a[2];
#pragma unroll
                for (int m = 0; m < 2; m++) wmma::load_matrix_sync(a[m], rows + (warp * WARP_ROWS + m * FRAGMENT + k) * stride + i, (unsigned)stride);
#pragma unroll
                for (int f = 0; f < F; f++) {
                    wmma::fragment<wmma::matrix_b, FRAGMENT, FRAGMENT, FRAGMENT, half_t, wmma::row_major> w;
                    wmma::load_matrix_sync(w, tile + ((int64_t)f * in_tiles * K + k) * FRAGMENT * FRAGMENT, FRAGMENT);
                    wmma::mma_sync(sum[0][f], a[0], w, sum[0][f]);
                    wmma::mma_sync(sum[1][f], a[1], w, sum[1][f]);
                }
            }
        }
    }
    __syncthreads();
#pragma unroll
    for (int m = 0; m < 2; m++) {
#pragma unroll
        for (int f = 0; f < F; f++) wmma::store_matrix_sync(sums + f * FRAGMENT, sum[m][f], F * FRAGMENT, wmma::mem_row_major);
        __syncwarp();
        for (int i = lane; i < FRAGMENT * F * 2; i += 32) {
            const int64_t u = u0 + warp * WARP_ROWS + m * FRAGMENT + i / (F * 2), channel = g * p.out + tile0 * FRAGMENT + i % (F * 2) * 8;
            float v[8];
#pragma unroll
            for (int e = 0; e < 8; e++) v[e] = sums[i * 8 + e] + (bias ? bias[channel + e] : 0.0f);
            if (u < p.U) result.give8((b * p.U + u) * O + channel, v, add);
        }
        __syncwarp();
    }
}

static void run(const nn_call *c, const pass &p, int64_t B, const float *bias, view result, bool add)
{
    const int wide = tile_of(p.out);
    const size_t rows = (size_t)(p.warps * WARP_ROWS + p.K - 1) * (size_t)row_of(p.in_tile) * sizeof(half_t);
    const size_t sums = (size_t)(p.warps * FRAGMENT * wide) * sizeof(float), shared = rows > sums ? rows : sums;
    const dim3 grid((unsigned)ceil_div(p.U, p.warps * WARP_ROWS), (unsigned)(p.groups * (p.out / wide)), (unsigned)B);
    const unsigned threads = (unsigned)(32 * p.warps);
    lay_out(c, p);
    switch (wide / FRAGMENT) {
    case 1: direct_kernel<1><<<grid, threads, shared, stream_of(c)>>>(p, bias, result, add); break;
    case 2: direct_kernel<2><<<grid, threads, shared, stream_of(c)>>>(p, bias, result, add); break;
    case 3: direct_kernel<3><<<grid, threads, shared, stream_of(c)>>>(p, bias, result, add); break;
    default: direct_kernel<4><<<grid, threads, shared, stream_of(c)>>>(p, bias, result, add); break;
    }
    cuda_note(device_of(c), cudaGetLastError(), "direct convolution");
}

/* As many warps a block as share the rows without many left over. */
static int warps_for(int64_t U)
{
    const int64_t tiles = ceil_div(U, WARP_ROWS), blocks = ceil_div(tiles, MOST_WARPS);
    return (int)ceil_div(tiles, blocks);
}

void direct_forward(const nn_call *c, const direct_sizes &s, const void *x, const void *w, const float *bias, view y, void *work)
{
    const pass p = {(const half_t *)x, (const half_t *)w, (half_t *)work, s.T, s.U, s.K, s.pad, s.Cg, s.Og, s.G, tile_of(s.Cg), warps_for(s.U), false};
    run(c, p, s.B, bias, y, false);
}

void direct_input(const nn_call *c, const direct_sizes &s, const void *dy, const void *w, view dx, bool add, void *work)
{
    const pass p = {(const half_t *)dy, (const half_t *)w, (half_t *)work, s.U, s.T, s.K, s.K - 1 - s.pad, s.Og, s.Cg, s.G, tile_of(s.Og), warps_for(s.T), true};
    run(c, p, s.B, NULL, dx, add);
}

/* ---- gradient of the weights: dw[o][k][i] = sum over b, u of dy[b][u][o] x[b][u + k - pad][i] ---- */

enum { WEIGHT_WARPS = 8, MOST_JOBS = 8, ROWS = 64 };

struct weight_tiles {
    int o, i, taps;             /* of a block */
    int64_t o_tiles, i_tiles, k_tiles, blocks, parts;
};

static weight_tiles tiles_of(const direct_sizes &s)
{
    weight_tiles t = {tile_of(s.Og), tile_of(s.Cg), 0, 0, 0, 0, 0, 0};
    const int64_t most = WEIGHT_WARPS * MOST_JOBS / ((t.o / FRAGMENT) * (t.i / FRAGMENT));
    t.taps = (int)ceil_div(s.K, ceil_div(s.K, most));
    t.o_tiles = s.Og / t.o;
    t.i_tiles = s.Cg / t.i;
    t.k_tiles = ceil_div(s.K, t.taps);
    t.blocks = s.G * t.o_tiles * t.i_tiles * t.k_tiles;
    t.parts = ceil_div(264, t.blocks);
    if (t.parts > s.B) t.parts = s.B;
    if (t.parts > 16) t.parts = 16;
    return t;
}

/* The weights as tiles, or parts of their gradient, which is the larger. */
size_t direct_work(const direct_sizes &s)
{
    return aligned((size_t)(tiles_of(s).parts * s.G * s.Og * s.K * s.Cg) * sizeof(float));
}

__global__ void weights_kernel(const half_t *x, const half_t *dy, direct_sizes s, weight_tiles t, float *part)
{
    extern __shared__ __align__(32) unsigned char shared[];
    const int dy_stride = row_of(t.o), x_stride = row_of(t.i), warp = threadIdx.x / 32;
    half_t *dy_rows = (half_t *)shared, *x_rows = dy_rows + ROWS * dy_stride;
    int64_t at = blockIdx.x;
    const int64_t k0 = at % t.k_tiles * t.taps, i0 = at / t.k_tiles % t.i_tiles * t.i, o0 = at / t.k_tiles / t.i_tiles % t.o_tiles * t.o;
    const int64_t g = at / t.k_tiles / t.i_tiles / t.o_tiles, C = s.G * s.Cg, O = s.G * s.Og;
    const int of = t.o / FRAGMENT, cf = t.i / FRAGMENT, jobs = t.taps * of * cf, each_warp = (jobs + WEIGHT_WARPS - 1) / WEIGHT_WARPS; /* neighbours share o */
    const int64_t b_begin = s.B * blockIdx.y / t.parts, b_end = s.B * (blockIdx.y + 1) / t.parts;
    wmma::fragment<wmma::accumulator, FRAGMENT, FRAGMENT, FRAGMENT, float> sum[MOST_JOBS];
#pragma unroll
    for (int j = 0; j < MOST_JOBS; j++) wmma::fill_fragment(sum[j], 0.0f);

    int left[MOST_JOBS], right[MOST_JOBS]; /* where a job's operands begin; -1: no job */
#pragma unroll
    for (int j = 0; j < MOST_JOBS; j++) {
        const int job = warp * each_warp + j;
        const bool mine = j < each_warp && job < jobs;
        left[j] = mine ? job / cf % of * FRAGMENT : -1;
        right[j] = mine ? job / (of * cf) * x_stride + job % cf * FRAGMENT : -1;
    }
    for (int64_t b = b_begin; b < b_end; b++)
        for (int64_t u0 = 0; u0 < s.U; u0 += ROWS) {
            __syncthreads();
            load_rows(dy + b * s.U * O, s.U, O, g * s.Og + o0, u0, ROWS, t.o, dy_rows);
            load_rows(x + b * s.T * C, s.T, C, g * s.Cg + i0, u0 + k0 - s.pad, ROWS + t.taps - 1, t.i, x_rows);
            __syncthreads();
            for (int u = 0; u < ROWS; u += FRAGMENT) {
                wmma::fragment<wmma::matrix_a, FRAGMENT, FRAGMENT, FRAGMENT, half_t, wmma::col_major> a;
#pragma unroll
                for (int j = 0; j < MOST_JOBS; j++) {
                    if (right[j] < 0) continue;
                    if (j == 0 || left[j] != left[j - 1]) wmma::load_matrix_sync(a, dy_rows + u * dy_stride + left[j], (unsigned)dy_stride);
                    wmma::fragment<wmma::matrix_b, FRAGMENT, FRAGMENT, FRAGMENT, half_t, wmma::row_major> v;
                    wmma::load_matrix_sync(v, x_rows + u * x_stride + right[j], (unsigned)x_stride);
                    wmma::mma_sync(sum[j], a, v, sum[j]);
                }
            }
        }
    float *own = part + (int64_t)blockIdx.y * O * s.K * s.Cg;
#pragma unroll
    for (int j = 0; j < MOST_JOBS; j++) {
        const int job = warp * each_warp + j;
        if (j >= each_warp || job >= jobs) continue;
        const int64_t k = k0 + job / (of * cf), o = g * s.Og + o0 + job / cf % of * FRAGMENT, i = i0 + job % cf * FRAGMENT;
        if (k < s.K) wmma::store_matrix_sync(own + (o * s.K + k) * s.Cg + i, sum[j], (unsigned)(s.K * s.Cg), wmma::mem_row_major);
    }
}

void direct_weights(const nn_call *c, const direct_sizes &s, const void *x, const void *dy, float *dw, bool add, void *work)
{
    const weight_tiles t = tiles_of(s);
    const size_t shared = (size_t)(ROWS * row_of(t.o) + (ROWS + t.taps - 1) * row_of(t.i)) * sizeof(half_t);
    const int64_t size = s.G * s.Og * s.K * s.Cg, parts = t.parts;
    float *part = (float *)work;
    weights_kernel<<<dim3((unsigned)t.blocks, (unsigned)parts), WEIGHT_WARPS * 32, shared, stream_of(c)>>>((const half_t *)x, (const half_t *)dy, s, t, part);
    cuda_note(device_of(c), cudaGetLastError(), "direct convolution");
    each(c, size, [=] __device__(int64_t at) {
        float sum = add ? dw[at] : 0;
        for (int64_t p = 0; p < parts; p++) sum += part[p * size + at];
        dw[at] = sum;
    });
}
