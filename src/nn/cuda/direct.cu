/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/direct.cuh"

#include <mma.h>

#include "nn/cuda/mma.cuh"

using namespace nvcuda;

enum { FRAGMENT = 16, WARP_ROWS = 32, MOST_WARPS = 6 };

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
    const int wide = direct_tile(p.out);
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
    const pass p = {(const half_t *)x, (const half_t *)w, (half_t *)work, s.T, s.U, s.K, s.pad, s.Cg, s.Og, s.G, direct_tile(s.Cg), warps_for(s.U), false};
    run(c, p, s.B, bias, y, false);
}

void direct_input(const nn_call *c, const direct_sizes &s, const void *dy, const void *w, view dx, bool add, void *work)
{
    const pass p = {(const half_t *)dy, (const half_t *)w, (half_t *)work, s.U, s.T, s.K, s.K - 1 - s.pad, s.Og, s.Cg, s.G, direct_tile(s.Og), warps_for(s.T), true};
    run(c, p, s.B, NULL, dx, add);
}

/* ---- gradient of the weights: dw[o][k][i] = sum over b, u of dy[b][u][o] x[b][u + k - pad][i] ----
 * A block takes rows of dy and the samples they meet into shared memory, the next ones while it works on these; a warp has a few taps of F x F
 * tiles of channels. */

enum { WEIGHT_WARPS = 8, MOST_ROWS = 96 };

/* Taps of a warp: as many as its sums have room for. */
static __host__ __device__ constexpr int taps_of(int F)
{
    return F == 1 ? 8 : F == 2 ? 2 : 1;
}

struct weight_tiles {
    int wide, taps, rows; /* of a block */
    int64_t o_tiles, i_tiles, k_tiles, blocks, parts, chunks; /* chunks: of an item's rows */
};

static weight_tiles tiles_of(const direct_sizes &s)
{
    weight_tiles t = {direct_tile(s.Cg)};
    t.taps = WEIGHT_WARPS * taps_of(t.wide / FRAGMENT);
    t.chunks = ceil_div(s.U, MOST_ROWS);
    t.rows = (int)ceil_div(ceil_div(s.U, t.chunks), FRAGMENT) * FRAGMENT;
    t.o_tiles = s.Og / t.wide;
    t.i_tiles = s.Cg / t.wide;
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

/* Distance of rows that begin at different banks, eight of them at a time. */
static __host__ __device__ constexpr int apart(int wide)
{
    return wide + 8;
}

/* As load_rows, without waiting; `wide` and the place are multiples of eight. */
template <int WIDE> static __device__ void fetch_rows(const half_t *signal, int64_t T, int64_t C, int64_t first, int rows, half_t *to)
{
    for (int i = threadIdx.x; i < rows * (WIDE / 8); i += WEIGHT_WARPS * 32) {
        const int r = i / (WIDE / 8), e = i % (WIDE / 8) * 8;
        const int64_t t = first + r;
        const bool inside = t >= 0 && t < T;
        const uint32_t at = (uint32_t)__cvta_generic_to_shared(to + r * apart(WIDE) + e), bytes = inside ? 16 : 0;
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(signal + (inside ? t * C + e : 0)), "r"(bytes) : "memory");
    }
}

template <int F> __global__ void __launch_bounds__(WEIGHT_WARPS * 32, F == 4 ? 1 : 2) weights_kernel(const half_t *x, const half_t *dy, direct_sizes s, weight_tiles t, float *part)
{
    constexpr int WIDE = F * FRAGMENT, TAPS = taps_of(F), stride = apart(WIDE);
    extern __shared__ __align__(128) unsigned char shared[];
    const int lane = threadIdx.x % 32, tap = (int)(threadIdx.x / 32) * TAPS, samples = t.rows + t.taps - 1, buffer = (t.rows + samples) * stride;
    int64_t at = blockIdx.x;
    const int64_t k0 = at % t.k_tiles * t.taps, i0 = at / t.k_tiles % t.i_tiles * WIDE, o0 = at / t.k_tiles / t.i_tiles % t.o_tiles * WIDE;
    const int64_t g = at / t.k_tiles / t.i_tiles / t.o_tiles, C = s.G * s.Cg, O = s.G * s.Og;
    const int first = (int)(s.B * blockIdx.y / t.parts * t.chunks), last = (int)(s.B * (blockIdx.y + 1) / t.parts * t.chunks);
    float sum[TAPS][F][F][2][4] = {};

    auto fetch = [&](int n) {
        const int64_t b = n / t.chunks, u0 = n % t.chunks * t.rows;
        half_t *rows = (half_t *)shared + n % 2 * buffer;
        fetch_rows<WIDE>(dy + b * s.U * O + g * s.Og + o0, s.U, O, u0, t.rows, rows);
        fetch_rows<WIDE>(x + b * s.T * C + g * s.Cg + i0, s.T, C, u0 + k0 - s.pad, samples, rows + t.rows * stride);
        asm volatile("cp.async.commit_group;" ::: "memory");
    };
    fetch(first);
    for (int n = first; n < last; n++) {
        if (n + 1 < last) {
            fetch(n + 1);
            asm volatile("cp.async.wait_group 1;" ::: "memory");
        } else {
            asm volatile("cp.async.wait_group 0;" ::: "memory");
        }
        __syncthreads();
        const half_t *dy_rows = (const half_t *)shared + n % 2 * buffer, *x_rows = dy_rows + (t.rows + tap) * stride;
        for (int u = 0; u < t.rows; u += FRAGMENT) {
            operand_a a[F];
#pragma unroll
            for (int o = 0; o < F; o++) a[o] = a_of_columns(dy_rows + u * stride + o * FRAGMENT, stride, lane);
#pragma unroll
            for (int k = 0; k < TAPS; k++)
#pragma unroll
                for (int i = 0; i < F; i++) {
                    const operand_b b = b_of_rows(x_rows + (u + k) * stride + i * FRAGMENT, stride, lane);
#pragma unroll
                    for (int o = 0; o < F; o++) multiply_add(sum[k][o][i], a[o], b);
                }
        }
        __syncthreads();
    }
    float *own = part + (int64_t)blockIdx.y * O * s.K * s.Cg;
#pragma unroll
    for (int k = 0; k < TAPS; k++) {
        if (k0 + tap + k >= s.K) continue;
#pragma unroll
        for (int o = 0; o < F; o++)
#pragma unroll
            for (int i = 0; i < 2 * F; i++)
#pragma unroll
                for (int lower = 0; lower < 2; lower++) {
                    const int64_t row = g * s.Og + o0 + o * FRAGMENT + lane / 4 + 8 * lower, column = i0 + i * 8 + lane % 4 * 2;
                    const float *from = sum[k][o][i / 2][i % 2] + 2 * lower;
                    *(float2 *)(own + (row * s.K + k0 + tap + k) * s.Cg + column) = make_float2(from[0], from[1]);
                }
    }
}

template <int F> static void run_weights(const nn_call *c, const direct_sizes &s, const weight_tiles &t, const half_t *x, const half_t *dy, float *part)
{
    const size_t shared = (size_t)(2 * (2 * t.rows + t.taps - 1) * apart(F * FRAGMENT)) * sizeof(half_t);
    const cudaError_t allowed = cudaFuncSetAttribute(weights_kernel<F>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
    cuda_note(device_of(c), allowed, "direct convolution");
    if (allowed != cudaSuccess) return;
    weights_kernel<F><<<dim3((unsigned)t.blocks, (unsigned)t.parts), WEIGHT_WARPS * 32, shared, stream_of(c)>>>(x, dy, s, t, part);
    cuda_note(device_of(c), cudaGetLastError(), "direct convolution");
}

void direct_weights(const nn_call *c, const direct_sizes &s, const void *x, const void *dy, float *dw, bool add, void *work)
{
    const weight_tiles t = tiles_of(s);
    const int64_t size = s.G * s.Og * s.K * s.Cg, parts = t.parts;
    float *part = (float *)work;
    switch (t.wide / FRAGMENT) {
    case 1: run_weights<1>(c, s, t, (const half_t *)x, (const half_t *)dy, part); break;
    case 2: run_weights<2>(c, s, t, (const half_t *)x, (const half_t *)dy, part); break;
    case 3: run_weights<3>(c, s, t, (const half_t *)x, (const half_t *)dy, part); break;
    default: run_weights<4>(c, s, t, (const half_t *)x, (const half_t *)dy, part); break;
    }
    each(c, size, [=] __device__(int64_t at) {
        float sum = add ? dw[at] : 0;
        for (int64_t p = 0; p < parts; p++) sum += part[p * size + at];
        dw[at] = sum;
    });
}
