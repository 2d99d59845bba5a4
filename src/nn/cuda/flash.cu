/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/flash.cuh"

#include <mma.h>

using namespace nvcuda;
typedef __nv_bfloat16 half_t;

enum { TILE = 16, WIDE = 32, MOST_WARPS = 10 };

typedef wmma::fragment<wmma::matrix_a, TILE, TILE, TILE, half_t, wmma::row_major> left;
typedef wmma::fragment<wmma::matrix_a, TILE, TILE, TILE, half_t, wmma::col_major> left_turned;
typedef wmma::fragment<wmma::matrix_b, TILE, TILE, TILE, half_t, wmma::row_major> right;
typedef wmma::fragment<wmma::matrix_b, TILE, TILE, TILE, half_t, wmma::col_major> right_turned;
typedef wmma::fragment<wmma::accumulator, TILE, TILE, TILE, float> sums_t;

/* What both passes need of a head. */
struct job {
    int T, D, H, padded;  /* padded: T to a multiple of 32 */
    float scale;          /* 1 / sqrt(E) */
    float kept;           /* dropout's factor; 0: no dropout */
    const uint32_t *mask; /* its bits in the order of P [B][H][T][T] */
};

/* ---- dropout: which elements are kept, as bits. A warp draws 32 blocks, whose words decide 8 runs of 32 elements ---- */

static size_t mask_bytes(const flash_sizes &s)
{
    return aligned((size_t)(ceil_div(s.B * s.H * s.T * s.T, 512) * 64 + 4)); /* a word more may be read */
}

static void draw_mask(const nn_call *c, const flash_sizes &s, uint32_t *mask)
{
    const uint32_t limit = (uint32_t)(65536 * (1 - c->args->p)), key0 = c->key[0], key1 = c->key[1];
    const uint64_t *step = c->step_at;
    each(c, ceil_div(s.B * s.H * s.T * s.T, 512) * 64, [=] __device__(int64_t block) {
        uint32_t word[4];
        philox((uint64_t)block, *step, key0, key1, word);
#pragma unroll
        for (int w = 0; w < 4; w++)
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                const uint32_t bits = upper ? word[w] >> 16 : word[w] & 0xffff, kept = __ballot_sync(0xffffffffu, bits < limit);
                if (block % 32 == 0) mask[block / 64 * 16 + upper * 8 + w * 2 + block % 64 / 32] = kept;
            }
    });
}

/* The bits of 16 elements from i on; all ones without dropout. */
static __device__ uint32_t bits_of(const job &j, int64_t i)
{
    if (j.kept <= 0) return 0xffff;
    return __funnelshift_r(j.mask[i / 32], j.mask[i / 32 + 1], (unsigned)(i % 32));
}

/* ---- rows and tiles ---- */

/* Distance of rows of E values in shared memory: spreads them over the banks. */
template <int E> static constexpr __host__ __device__ int row_of()
{
    return E + 8;
}

/* Rows first .. first + rows of a head; zeros beyond T. By the threads thread, thread + threads, ... */
template <int E> static __device__ void load_rows(const half_t *head, const job &j, int first, int rows, half_t *to, int thread, int threads)
{
    for (int i = thread; i < rows * (E / 8); i += threads) {
        const int r = i / (E / 8), e = i % (E / 8);
        uint4 value = make_uint4(0, 0, 0, 0);
        if (first + r < j.T) value = *(const uint4 *)(head + (int64_t)(first + r) * j.D + 8 * e);
        *(uint4 *)(to + r * row_of<E>() + 8 * e) = value;
    }
}

/* A warp's own 16 rows as operands, by way of its scratch. */
template <int E, class M> static __device__ void own_rows(const half_t *head, const job &j, int first, half_t *scratch, int lane, M *own)
{
    __syncwarp();
    load_rows<E>(head, j, first, TILE, scratch, lane, 32);
    __syncwarp();
#pragma unroll
    for (int e = 0; e < E / TILE; e++) wmma::load_matrix_sync(own[e], scratch + e * TILE, row_of<E>());
    __syncwarp();
}

/* 16 rows of sums [16][E] to rows first .. of a head, by way of 16 x E floats of scratch. */
template <int E> static __device__ void store_rows(sums_t *sum, float *scratch, const job &j, int64_t start, int first, int lane, view to, bool add)
{
    __syncwarp();
#pragma unroll
    for (int f = 0; f < E / TILE; f++) wmma::store_matrix_sync(scratch + f * TILE, sum[f], E, wmma::mem_row_major);
    __syncwarp();
    for (int i = lane; i < TILE * (E / 8); i += 32) {
        const int r = i / (E / 8), e = i % (E / 8) * 8;
        if (first + r < j.T) to.give8(start + (int64_t)(first + r) * j.D + e, scratch + r * E + e, add);
    }
    __syncwarp();
}

static __device__ void read16(const float *from, float x[16])
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float4 v = ((const float4 *)from)[i];
        x[4 * i] = v.x, x[4 * i + 1] = v.y, x[4 * i + 2] = v.z, x[4 * i + 3] = v.w;
    }
}

static __device__ void write16(half_t *to, const float x[16])
{
    const view v = {to, true};
    v.put8(0, x);
    v.put8(8, x + 8);
}

/* Scores of 16 own rows and 32 others, or of 32 others and 16 own: one row of 16 values for each lane. */
enum { ACROSS = 36, DOWN = 20, ACROSS_HALF = 40, DOWN_HALF = 24 };

/* Floats of a warp's scratch: two such arrays, or 16 rows of results, or 16 rows of operands. */
template <int E> static constexpr __host__ __device__ int scratch_floats()
{
    return 2 * WIDE * DOWN > TILE * E ? 2 * WIDE * DOWN : TILE * E;
}

static int warps_for(int padded)
{
    const int tiles = padded / TILE, blocks = (tiles + MOST_WARPS - 1) / MOST_WARPS;
    return (tiles + blocks - 1) / blocks;
}

template <int E> static size_t shared_bytes(int padded)
{
    return (size_t)(2 * padded) * row_of<E>() * sizeof(half_t) + (size_t)(2 * padded) * sizeof(float) + (size_t)(warps_for(padded) * scratch_floats<E>()) * sizeof(float);
}

/* ---- forward: a warp takes its 16 rows of q through all keys twice, for the sum of exponentials and for the result ---- */

template <int E> static __device__ void scores_of(const left *q, const half_t *keys, float *s)
{
#pragma unroll
    for (int n = 0; n < 2; n++) {
        sums_t x;
        wmma::fill_fragment(x, 0.0f);
#pragma unroll
        for (int e = 0; e < E / TILE; e++) {
            right_turned k;
            wmma::load_matrix_sync(k, keys + n * TILE * row_of<E>() + e * TILE, row_of<E>());
            wmma::mma_sync(x, q[e], k, x);
        }
        wmma::store_matrix_sync(s + n * TILE, x, ACROSS, wmma::mem_row_major);
    }
    __syncwarp();
}

template <int E> __global__ void __launch_bounds__(32 * MOST_WARPS) forward_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, float *lse)
{
    extern __shared__ __align__(128) unsigned char shared[];
    half_t *keys = (half_t *)shared, *values = keys + j.padded * row_of<E>();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = lane / 2, half = lane % 2;
    float *s = (float *)(values + j.padded * row_of<E>()) + 2 * j.padded + warp * scratch_floats<E>();
    half_t *p = (half_t *)(s + TILE * ACROSS);
    const int64_t h = blockIdx.y, b = blockIdx.z, start = b * j.T * j.D + h * E, bh = b * j.H + h;
    const int first = (blockIdx.x * (blockDim.x / 32) + warp) * TILE;
    load_rows<E>(k + start, j, 0, j.padded, keys, threadIdx.x, blockDim.x);
    load_rows<E>(v + start, j, 0, j.padded, values, threadIdx.x, blockDim.x);
    __syncthreads();
    if (first >= j.T) return;
    left own[E / TILE];
    own_rows<E>(q + start, j, first, (half_t *)s, lane, own);

    float most = -INFINITY, sum = 0, x[16];
    for (int u = 0; u < j.padded; u += WIDE) {
        scores_of<E>(own, keys + u * row_of<E>(), s);
        read16(s + row * ACROSS + half * TILE, x);
        float next = most;
#pragma unroll
        for (int i = 0; i < 16; i++) {
            x[i] = u + half * TILE + i < j.T ? x[i] * j.scale : -INFINITY;
            next = fmaxf(next, x[i]);
        }
        if (next > -INFINITY) {
            sum *= __expf(most - next);
#pragma unroll
            for (int i = 0; i < 16; i++) sum += __expf(x[i] - next);
            most = next;
        }
        __syncwarp();
    }
    const float other_most = __shfl_xor_sync(0xffffffffu, most, 1), other_sum = __shfl_xor_sync(0xffffffffu, sum, 1), all = fmaxf(most, other_most);
    const float own_lse = all + logf(sum * __expf(most - all) + other_sum * __expf(other_most - all));
    if (half == 0 && first + row < j.T) lse[bh * j.T + first + row] = own_lse;

    sums_t result[E / TILE];
#pragma unroll
    for (int f = 0; f < E / TILE; f++) wmma::fill_fragment(result[f], 0.0f);
    const float factor = j.kept > 0 ? j.kept : 1;
    for (int u = 0; u < j.padded; u += WIDE) {
        scores_of<E>(own, keys + u * row_of<E>(), s);
        read16(s + row * ACROSS + half * TILE, x);
        const int column = u + half * TILE;
        const uint32_t bits = first + row < j.T && column < j.T ? bits_of(j, (bh * j.T + first + row) * j.T + column) : 0;
#pragma unroll
        for (int i = 0; i < 16; i++) x[i] = column + i < j.T && (bits >> i & 1) ? __expf(x[i] * j.scale - own_lse) * factor : 0.0f;
        write16(p + row * ACROSS_HALF + half * TILE, x);
        __syncwarp();
#pragma unroll
        for (int n = 0; n < 2; n++) {
            left a;
            wmma::load_matrix_sync(a, p + n * TILE, ACROSS_HALF);
#pragma unroll
            for (int f = 0; f < E / TILE; f++) {
                right z;
                wmma::load_matrix_sync(z, values + (u + n * TILE) * row_of<E>() + f * TILE, row_of<E>());
                wmma::mma_sync(result[f], a, z, result[f]);
            }
        }
        __syncwarp();
    }
    store_rows<E>(result, s, j, start, first, lane, y, false);
}

/* ---- backward ---- */

/* dots[r] = sum over the head of dy y, lses[r] = lse, of all rows. */
template <int E> static __device__ void load_dots(const job &j, const half_t *dy, view y, const float *lse, int64_t start, int64_t bh, float *dots, float *lses)
{
    const view d = {(void *)dy, true};
    for (int r = threadIdx.x; r < j.padded; r += blockDim.x) {
        float sum = 0;
        for (int e = 0; e < E && r < j.T; e += 8) {
            float a[8], b[8];
            d.get8(start + (int64_t)r * j.D + e, a);
            y.get8(start + (int64_t)r * j.D + e, b);
#pragma unroll
            for (int i = 0; i < 8; i++) sum += a[i] * b[i];
        }
        dots[r] = sum;
        lses[r] = r < j.T ? lse[bh * j.T + r] : 0;
    }
}

/* From 16 scores and products dy v of row t and columns u ..: dropped probabilities p and ds = P (dp f - dot) scale. */
static __device__ void gradients16(const job &j, int64_t bh, int t, int u, float dot, float lse, float s[16], float dp[16])
{
    const float factor = j.kept > 0 ? j.kept : 1;
    const uint32_t bits = t < j.T && u < j.T ? bits_of(j, (bh * j.T + t) * j.T + u) : 0;
#pragma unroll
    for (int i = 0; i < 16; i++) {
        const bool inside = t < j.T && u + i < j.T;
        const float own = inside ? __expf(s[i] * j.scale - lse) : 0.0f, f = bits >> i & 1 ? factor : 0.0f;
        s[i] = own * f;
        dp[i] = own * (dp[i] * f - dot) * j.scale;
    }
}

/* dq: the warp's own rows of q and dy beside all keys and values. */
template <int E> __global__ void __launch_bounds__(32 * MOST_WARPS)
queries_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, const half_t *dy, const float *lse, view dq, bool add)
{
    extern __shared__ __align__(128) unsigned char shared[];
    const int R = row_of<E>(), warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = lane / 2, half = lane % 2;
    half_t *keys = (half_t *)shared, *values = keys + j.padded * R;
    float *dots = (float *)(values + j.padded * R), *lses = dots + j.padded, *s = lses + j.padded + warp * scratch_floats<E>(), *dp = s + TILE * ACROSS;
    const int64_t h = blockIdx.y, b = blockIdx.z, start = b * j.T * j.D + h * E, bh = b * j.H + h;
    const int first = (blockIdx.x * (blockDim.x / 32) + warp) * TILE;
    load_rows<E>(k + start, j, 0, j.padded, keys, threadIdx.x, blockDim.x);
    load_rows<E>(v + start, j, 0, j.padded, values, threadIdx.x, blockDim.x);
    load_dots<E>(j, dy, y, lse, start, bh, dots, lses);
    __syncthreads();
    if (first >= j.T) return;
    left a[E / TILE], o[E / TILE];
    own_rows<E>(q + start, j, first, (half_t *)s, lane, a);
    own_rows<E>(dy + start, j, first, (half_t *)s, lane, o);
    const float dot = dots[first + row], own_lse = lses[first + row];
    sums_t sum[E / TILE];
#pragma unroll
    for (int f = 0; f < E / TILE; f++) wmma::fill_fragment(sum[f], 0.0f);
    for (int u = 0; u < j.padded; u += WIDE) {
        float x[16], d[16];
        scores_of<E>(a, keys + u * R, s);
        scores_of<E>(o, values + u * R, dp);
        read16(s + row * ACROSS + half * TILE, x);
        read16(dp + row * ACROSS + half * TILE, d);
        gradients16(j, bh, first + row, u + half * TILE, dot, own_lse, x, d);
        __syncwarp();
        half_t *ds = (half_t *)s;
        write16(ds + row * ACROSS_HALF + half * TILE, d);
        __syncwarp();
#pragma unroll
        for (int n = 0; n < 2; n++) {
            left g;
            wmma::load_matrix_sync(g, ds + n * TILE, ACROSS_HALF);
#pragma unroll
            for (int f = 0; f < E / TILE; f++) {
                right z;
                wmma::load_matrix_sync(z, keys + (u + n * TILE) * R + f * TILE, R);
                wmma::mma_sync(sum[f], g, z, sum[f]);
            }
        }
        __syncwarp();
    }
    store_rows<E>(sum, s, j, start, first, lane, dq, add);
}

template <int E> static __device__ void scores_down(const half_t *rows, const right_turned *own, float *s)
{
#pragma unroll
    for (int n = 0; n < 2; n++) {
        sums_t x;
        wmma::fill_fragment(x, 0.0f);
#pragma unroll
        for (int e = 0; e < E / TILE; e++) {
            left a;
            wmma::load_matrix_sync(a, rows + n * TILE * row_of<E>() + e * TILE, row_of<E>());
            wmma::mma_sync(x, a, own[e], x);
        }
        wmma::store_matrix_sync(s + n * TILE * DOWN, x, DOWN, wmma::mem_row_major);
    }
    __syncwarp();
}

/* dk and dv: the warp's own keys and values beside all rows of q and dy. */
template <int E> __global__ void __launch_bounds__(32 * MOST_WARPS)
keys_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, const half_t *dy, const float *lse, view dk, view dv, bool add_k, bool add_v)
{
    extern __shared__ __align__(128) unsigned char shared[];
    const int R = row_of<E>(), warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    half_t *queries = (half_t *)shared, *outputs = queries + j.padded * R;
    float *dots = (float *)(outputs + j.padded * R), *lses = dots + j.padded, *s = lses + j.padded + warp * scratch_floats<E>(), *dp = s + WIDE * DOWN;
    const int64_t h = blockIdx.y, b = blockIdx.z, start = b * j.T * j.D + h * E, bh = b * j.H + h;
    const int first = (blockIdx.x * (blockDim.x / 32) + warp) * TILE;
    load_rows<E>(q + start, j, 0, j.padded, queries, threadIdx.x, blockDim.x);
    load_rows<E>(dy + start, j, 0, j.padded, outputs, threadIdx.x, blockDim.x);
    load_dots<E>(j, dy, y, lse, start, bh, dots, lses);
    __syncthreads();
    if (first >= j.T) return;
    right_turned a[E / TILE], o[E / TILE];
    own_rows<E>(k + start, j, first, (half_t *)s, lane, a);
    own_rows<E>(v + start, j, first, (half_t *)s, lane, o);
    sums_t sum[2][E / TILE];
#pragma unroll
    for (int f = 0; f < E / TILE; f++) {
        wmma::fill_fragment(sum[0][f], 0.0f);
        wmma::fill_fragment(sum[1][f], 0.0f);
    }
    for (int t = 0; t < j.padded; t += WIDE) {
        float x[16], d[16];
        scores_down<E>(queries + t * R, a, s);
        scores_down<E>(outputs + t * R, o, dp);
        read16(s + lane * DOWN, x);
        read16(dp + lane * DOWN, d);
        gradients16(j, bh, t + lane, first, dots[t + lane], lses[t + lane], x, d);
        __syncwarp();
        half_t *p = (half_t *)s, *ds = (half_t *)dp;
        write16(p + lane * DOWN_HALF, x);
        write16(ds + lane * DOWN_HALF, d);
        __syncwarp();
#pragma unroll
        for (int n = 0; n < 2; n++) {
            left_turned gk, gv;
            wmma::load_matrix_sync(gk, ds + n * TILE * DOWN_HALF, DOWN_HALF);
            wmma::load_matrix_sync(gv, p + n * TILE * DOWN_HALF, DOWN_HALF);
#pragma unroll
            for (int f = 0; f < E / TILE; f++) {
                right z;
                wmma::load_matrix_sync(z, queries + (t + n * TILE) * R + f * TILE, R);
                wmma::mma_sync(sum[0][f], gk, z, sum[0][f]);
                wmma::load_matrix_sync(z, outputs + (t + n * TILE) * R + f * TILE, R);
                wmma::mma_sync(sum[1][f], gv, z, sum[1][f]);
            }
        }
        __syncwarp();
    }
    if (dk.data) store_rows<E>(sum[0], s, j, start, first, lane, dk, add_k);
    if (dv.data) store_rows<E>(sum[1], s, j, start, first, lane, dv, add_v);
}

/* ---- launching ---- */

static int padded_of(const flash_sizes &s)
{
    return (int)((s.T + WIDE - 1) / WIDE * WIDE);
}

bool flash_fits(const cuda_device *d, const flash_sizes &s)
{
    if ((s.E != 64 && s.E != 32) || s.D % 8 != 0 || s.T > 4096) return false;
    return (s.E == 64 ? shared_bytes<64>(padded_of(s)) : shared_bytes<32>(padded_of(s))) <= d->most_shared;
}

size_t flash_saved(const nn_call *c, const flash_sizes &s)
{
    return aligned((size_t)(s.B * s.H * s.T) * sizeof(float)) + (c->args->p > 0 ? mask_bytes(s) : 0);
}

static uint32_t *mask_of(const nn_call *c, const flash_sizes &s)
{
    return (uint32_t *)((char *)c->saved + aligned((size_t)(s.B * s.H * s.T) * sizeof(float)));
}

static job job_of(const nn_call *c, const flash_sizes &s)
{
    const bool drops = c->args->p > 0;
    return {(int)s.T, (int)s.D, (int)s.H, padded_of(s), 1 / sqrtf((float)s.E), drops ? (float)(1 / (1 - c->args->p)) : 0, drops ? mask_of(c, s) : NULL};
}

template <class K> static bool allow(const nn_call *c, K kernel, size_t shared)
{
    const cudaError_t result = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
    cuda_note(device_of(c), result, "attention");
    return result == cudaSuccess;
}

template <int E> static void run_forward(const nn_call *c, const flash_sizes &s, const half_t *q, const half_t *k, const half_t *v, view y)
{
    const job j = job_of(c, s);
    const int warps = warps_for(j.padded);
    const size_t shared = shared_bytes<E>(j.padded);
    if (!allow(c, forward_kernel<E>, shared)) return;
    const dim3 grid((unsigned)ceil_div(j.padded / TILE, warps), (unsigned)s.H, (unsigned)s.B);
    forward_kernel<E><<<grid, (unsigned)(32 * warps), shared, stream_of(c)>>>(j, q, k, v, y, (float *)c->saved);
    cuda_note(device_of(c), cudaGetLastError(), "attention");
}

template <int E> static void run_backward(const nn_call *c, const flash_sizes &s, const half_t *q, const half_t *k, const half_t *v, view y, const half_t *dy,
                                          const flash_gradients &to)
{
    const job j = job_of(c, s);
    const int warps = warps_for(j.padded);
    const size_t shared = shared_bytes<E>(j.padded);
    const float *lse = (const float *)c->saved;
    if (!allow(c, queries_kernel<E>, shared) || !allow(c, keys_kernel<E>, shared)) return;
    const dim3 grid((unsigned)ceil_div(j.padded / TILE, warps), (unsigned)s.H, (unsigned)s.B);
    if (to.to[0].data) queries_kernel<E><<<grid, (unsigned)(32 * warps), shared, stream_of(c)>>>(j, q, k, v, y, dy, lse, to.to[0], to.add[0]);
    if (to.to[1].data || to.to[2].data)
        keys_kernel<E><<<grid, (unsigned)(32 * warps), shared, stream_of(c)>>>(j, q, k, v, y, dy, lse, to.to[1], to.to[2], to.add[1], to.add[2]);
    cuda_note(device_of(c), cudaGetLastError(), "attention");
}

void flash_forward(const nn_call *c, const flash_sizes &s, const void *q, const void *k, const void *v, view y)
{
    if (c->args->p > 0) draw_mask(c, s, mask_of(c, s));
    if (s.E == 64)
        run_forward<64>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y);
    else
        run_forward<32>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y);
}

void flash_backward(const nn_call *c, const flash_sizes &s, const void *q, const void *k, const void *v, view y, const void *dy, const flash_gradients &to)
{
    if (s.E == 64)
        run_backward<64>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y, (const half_t *)dy, to);
    else
        run_backward<32>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y, (const half_t *)dy, to);
}
