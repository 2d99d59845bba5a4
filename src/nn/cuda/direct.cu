/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/direct.cuh"

#include "nn/cuda/mma.cuh"

enum { FRAGMENT = 16, WARP_ROWS = 32, MOST_WARPS = 6, TILE = FRAGMENT * FRAGMENT };

/* Distance of rows in shared memory, eight of which begin at different banks. */
static __host__ __device__ constexpr int apart(int wide)
{
    return wide + 8;
}

/* to[r][0 .. wide) = rows first .. first + rows of a signal whose rows are C apart, 0 before the first and after the last of its T; without waiting. */
static __device__ __forceinline__ void fetch_rows(const half_t *signal, int64_t T, int64_t C, int64_t first, int rows, int wide, half_t *to)
{
    const int eights = wide / 8;
    for (int i = threadIdx.x; i < rows * eights; i += blockDim.x) {
        const int r = i / eights, e = i % eights * 8;
        const int64_t t = first + r;
        const bool inside = t >= 0 && t < T;
        fetch16(to + r * apart(wide) + e, signal + (inside ? t * C + e : 0), inside);
    }
}

/*
 * result[b][u][n] = sum over taps k and channels i of signal[b][u + k - pad][i] w(k, i, n), a group at a time. Forward: w[n][k][i] as the
 * weights lie. Turned (gradient of the input): w[i][K - 1 - k][n]. The weights are laid out first as operands B [i][n] of 16 x 16 (mma.cuh), of
 * each lane eight values: [group][n tile][i tile][k][lane][8]. A warp makes 32 results by 16 F channels.
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
        const int lane = (int)(at % TILE / 8), pair = (int)(at % 8 / 2), n = lane / 4 + pair / 2 * 8, i = lane % 4 * 2 + (int)(at % 2) + pair % 2 * 8;
        const int64_t tile = at / TILE, k = tile % p.K, in_tiles = p.in / FRAGMENT, out_tiles = p.out / FRAGMENT;
        const int64_t channel = tile / p.K % in_tiles * FRAGMENT + i, result = tile / p.K / in_tiles % out_tiles * FRAGMENT + n, g = tile / p.K / in_tiles / out_tiles;
        p.tiles[at] = p.turned ? p.w[((g * p.in + channel) * p.K + p.K - 1 - k) * p.out + result] : p.w[((g * p.out + result) * p.K + k) * p.in + channel];
    });
}

/* Operands of F neighbouring tiles, `distance` lanes' shares apart. */
template <int F> struct tap_weights {
    uint4 w[F];
    __device__ void load(const uint4 *from, int64_t distance)
    {
#pragma unroll
        for (int f = 0; f < F; f++) w[f] = from[f * distance];
    }
    __device__ operand_b operand(int f) const
    {
        return {{w[f].x, w[f].y, w[f].z, w[f].w}};
    }
};

template <int F> __global__ void __launch_bounds__(32 * MOST_WARPS, 2) direct_kernel(pass p, const float *bias, view result, bool add)
{
    extern __shared__ __align__(128) unsigned char shared[];
    half_t *rows = (half_t *)shared;
    const int stride = apart(p.in_tile), warp = threadIdx.x / 32, lane = threadIdx.x % 32, block_rows = p.warps * WARP_ROWS, K = (int)p.K;
    const int64_t u0 = (int64_t)blockIdx.x * block_rows, b = blockIdx.z, wide_tiles = p.out / (F * FRAGMENT), g = blockIdx.y / wide_tiles;
    const int64_t tile0 = blockIdx.y % wide_tiles * F, in_tiles = p.in / FRAGMENT, C = p.in * p.groups, O = p.out * p.groups, share = TILE / 8;
    float sum[2][F][2][4] = {};
    for (int64_t i0 = 0; i0 < p.in; i0 += p.in_tile) {
        __syncthreads();
        fetch_rows(p.signal + b * p.T * C + g * p.in + i0, p.T, C, u0 - p.pad, block_rows + K - 1, p.in_tile, rows);
        close_group();
        wait_groups<0>();
        __syncthreads();
        for (int i = 0; i < p.in_tile; i += FRAGMENT) {
            const uint4 *tile = (const uint4 *)p.tiles + ((g * (p.out / FRAGMENT) + tile0) * in_tiles + (i0 + i) / FRAGMENT) * K * share + lane;
            tap_weights<F> next; /* read while the tap before is worked on */
            next.load(tile, in_tiles * K * share);
#pragma unroll 2
            for (int k = 0; k < K; k++) {
                const tap_weights<F> w = next;
                if (k + 1 < K) next.load(tile + (k + 1) * share, in_tiles * K * share);
                operand_a a[2];
#pragma unroll
                for (int m = 0; m < 2; m++) a[m] = a_of_rows(rows + (warp * WARP_ROWS + m * FRAGMENT + k) * stride + i, stride, lane);
#pragma unroll
                for (int f = 0; f < F; f++) {
                    multiply_add(sum[0][f], a[0], w.operand(f));
                    multiply_add(sum[1][f], a[1], w.operand(f));
                }
            }
        }
    }
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
        for (int f = 0; f < 2 * F; f++)
#pragma unroll
            for (int lower = 0; lower < 2; lower++) {
                const int64_t u = u0 + warp * WARP_ROWS + m * FRAGMENT + lane / 4 + 8 * lower, channel = g * p.out + tile0 * FRAGMENT + f * 8 + lane % 4 * 2;
                const float *own = sum[m][f / 2][f % 2] + 2 * lower;
                if (u < p.U) result.give2((b * p.U + u) * O + channel, own[0] + (bias ? bias[channel] : 0), own[1] + (bias ? bias[channel + 1] : 0), add);
            }
}

static void run(const nn_call *c, const pass &p, int64_t B, const float *bias, view result, bool add)
{
    const int wide = direct_tile(p.out);
    const size_t shared = (size_t)(p.warps * WARP_ROWS + p.K - 1) * (size_t)apart(p.in_tile) * sizeof(half_t);
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
        fetch_rows(dy + b * s.U * O + g * s.Og + o0, s.U, O, u0, t.rows, WIDE, rows);
        fetch_rows(x + b * s.T * C + g * s.Cg + i0, s.T, C, u0 + k0 - s.pad, samples, WIDE, rows + t.rows * stride);
        close_group();
    };
    fetch(first);
    for (int n = first; n < last; n++) {
        if (n + 1 < last) {
            fetch(n + 1);
            wait_groups<1>();
        } else {
            wait_groups<0>();
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
