/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/flash.cuh"

#include <mma.h>

using namespace nvcuda;
typedef __nv_bfloat16 half_t;

enum { TILE = 16, WARPS = 4, TILE_ROWS = TILE * WARPS };

typedef wmma::fragment<wmma::matrix_a, TILE, TILE, TILE, half_t, wmma::row_major> left;
typedef wmma::fragment<wmma::matrix_a, TILE, TILE, TILE, half_t, wmma::col_major> left_turned;
typedef wmma::fragment<wmma::matrix_b, TILE, TILE, TILE, half_t, wmma::row_major> right;
typedef wmma::fragment<wmma::matrix_b, TILE, TILE, TILE, half_t, wmma::col_major> right_turned;
typedef wmma::fragment<wmma::accumulator, TILE, TILE, TILE, float> sums_t;

/* What both passes need of a head. */
struct job {
    int64_t T, D, H;
    int padded;       /* T to a multiple of 16 */
    float scale;      /* 1 / sqrt(E) */
    uint32_t limit;   /* dropout keeps 16 bits below it */
    float kept;       /* its factor; 0: no dropout */
    uint32_t key0, key1;
    const uint64_t *step;
};

static job job_of(const nn_call *c, const flash_sizes &s)
{
    job j = {s.T, s.D, s.H, (int)((s.T + TILE - 1) / TILE * TILE), 1 / sqrtf((float)s.E), 0, 0, c->key[0], c->key[1], c->step_at};
    if (c->args->p > 0) {
        j.limit = (uint32_t)(65536 * (1 - c->args->p));
        j.kept = (float)(1 / (1 - c->args->p));
    }
    return j;
}

/* Dropout's factor of element i of P [B][H][T][T], as each_dropped hands it out. */
static __device__ float factor_of(const job &j, uint64_t step, int64_t i)
{
    if (j.kept <= 0) return 1;
    uint32_t word[4];
    philox((uint64_t)(i / 512 * 64 + i % 64), step, j.key0, j.key1, word);
    const int w = (int)(i % 256 / 64);
    const uint32_t both = w == 0 ? word[0] : w == 1 ? word[1] : w == 2 ? word[2] : word[3];
    return (i % 512 < 256 ? both & 0xffff : both >> 16) < j.limit ? j.kept : 0.0f;
}

/* Distance of rows of E values in shared memory: spreads them over the banks. */
template <int E> static constexpr __host__ __device__ int row_of()
{
    return E + 8;
}

/* Rows first .. first + rows of a head into shared memory; zeros beyond T. */
template <int E> static __device__ void load_rows(const half_t *head, int64_t T, int64_t D, int64_t first, int rows, half_t *to)
{
    for (int i = threadIdx.x; i < rows * (E / 8); i += blockDim.x) {
        const int r = i / (E / 8), e = i % (E / 8);
        uint4 value = make_uint4(0, 0, 0, 0);
        if (first + r < T) value = *(const uint4 *)(head + (first + r) * D + 8 * e);
        *(uint4 *)(to + r * row_of<E>() + 8 * e) = value;
    }
}

/* s = a b^T of two tiles of 16 rows */
template <int E> static __device__ void product_of_rows(const half_t *a, const half_t *b, sums_t &s)
{
    wmma::fill_fragment(s, 0.0f);
#pragma unroll
    for (int e = 0; e < E; e += TILE) {
        left x;
        right_turned y;
        wmma::load_matrix_sync(x, a + e, row_of<E>());
        wmma::load_matrix_sync(y, b + e, row_of<E>());
        wmma::mma_sync(s, x, y, s);
    }
}

/* 16 rows of sums [16][E] to rows first .. of a head's part of `to`, by way of 16 x E floats of scratch. */
template <int E> static __device__ void store_rows(sums_t *sum, float *scratch, const job &j, int64_t start, int64_t first, int lane, view to, bool add)
{
#pragma unroll
    for (int f = 0; f < E / TILE; f++) wmma::store_matrix_sync(scratch + f * TILE, sum[f], E, wmma::mem_row_major);
    __syncwarp();
    for (int i = lane; i < TILE * (E / 8); i += 32) {
        const int r = i / (E / 8), e = i % (E / 8) * 8;
        if (first + r < j.T) to.give8(start + (first + r) * j.D + e, scratch + r * E + e, add);
    }
    __syncwarp();
}

/* ---- forward: a warp takes 16 rows of q through all of k and v ---- */

template <int E> static __host__ __device__ int score_row(int padded)
{
    return padded + 4 > E ? padded + 4 : E; /* floats; the results pass through the same place */
}

template <int E> static size_t forward_shared(int padded)
{
    return (size_t)(2 * padded + TILE_ROWS) * row_of<E>() * sizeof(half_t) + (size_t)(TILE_ROWS * score_row<E>(padded)) * sizeof(float);
}

template <int E> __global__ void forward_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, float *lse)
{
    extern __shared__ __align__(128) unsigned char shared[];
    half_t *keys = (half_t *)shared, *values = keys + j.padded * row_of<E>(), *queries = values + j.padded * row_of<E>();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, row = score_row<E>(j.padded);
    float *scores = (float *)(queries + TILE_ROWS * row_of<E>()) + warp * TILE * row;
    const int64_t h = blockIdx.y, b = blockIdx.z, start = b * j.T * j.D + h * E, first = (int64_t)blockIdx.x * TILE_ROWS + warp * TILE, bh = b * j.H + h;
    load_rows<E>(k + start, j.T, j.D, 0, j.padded, keys);
    load_rows<E>(v + start, j.T, j.D, 0, j.padded, values);
    load_rows<E>(q + start, j.T, j.D, (int64_t)blockIdx.x * TILE_ROWS, TILE_ROWS, queries);
    __syncthreads();
    if (first >= j.T) return;
    const uint64_t step = *j.step;

    for (int u = 0; u < j.padded; u += TILE) {
        sums_t s;
        product_of_rows<E>(queries + warp * TILE * row_of<E>(), keys + u * row_of<E>(), s);
        wmma::store_matrix_sync(scores + u, s, row, wmma::mem_row_major);
    }
    __syncwarp();
    for (int r = 0; r < TILE; r++) {
        float *x = scores + r * row;
        float most = -INFINITY, sum = 0, p[20]; /* 32 x 20 columns at most */
        const int64_t at = (bh * j.T + first + r) * j.T;
#pragma unroll
        for (int i = 0; i < 20; i++) {
            const int u = i * 32 + lane;
            p[i] = u < j.T ? x[u] * j.scale : -INFINITY;
            most = fmaxf(most, p[i]);
        }
        most = warp_max(most);
#pragma unroll
        for (int i = 0; i < 20; i++) {
            p[i] = __expf(p[i] - most);
            sum += p[i];
        }
        sum = warp_sum(sum);
        if (lane == 0 && first + r < j.T) lse[bh * j.T + first + r] = most + logf(sum);
        __syncwarp();
        half_t *to = (half_t *)x;
#pragma unroll
        for (int i = 0; i < 20; i++) {
            const int u = i * 32 + lane;
            if (u < j.padded) to[u] = __float2bfloat16(u < j.T ? p[i] / sum * factor_of(j, step, at + u) : 0.0f);
        }
        __syncwarp();
    }
    sums_t sum[E / TILE];
#pragma unroll
    for (int f = 0; f < E / TILE; f++) wmma::fill_fragment(sum[f], 0.0f);
    for (int u = 0; u < j.padded; u += TILE) {
        left p;
        wmma::load_matrix_sync(p, (half_t *)scores + u, 2 * row);
#pragma unroll
        for (int f = 0; f < E / TILE; f++) {
            right x;
            wmma::load_matrix_sync(x, values + u * row_of<E>() + f * TILE, row_of<E>());
            wmma::mma_sync(sum[f], p, x, sum[f]);
        }
    }
    __syncwarp();
    store_rows<E>(sum, scores, j, start, first, lane, y, false);
}

/* ---- backward ---- */

/* Of one warp: two tiles of scores, two of factors, and the dot products of dy and y by row. */
template <int E> static constexpr __host__ __device__ int warp_floats()
{
    return TILE * E > 3 * TILE * TILE ? TILE * E : 3 * TILE * TILE;
}

template <int E> static size_t backward_shared(int padded)
{
    return (size_t)(2 * padded + 2 * TILE_ROWS) * row_of<E>() * sizeof(half_t) + (size_t)padded * 2 * sizeof(float) + (size_t)(WARPS * warp_floats<E>()) * sizeof(float);
}

/* dots[t] = sum over the head of dy y, rows[t] = lse; for `rows` rows from `first` on. */
template <int E> static __device__ void load_dots(const job &j, const half_t *dy, view y, const float *lse, int64_t start, int64_t bh, int64_t first, int rows,
                                                  float *dots, float *lses)
{
    for (int r = threadIdx.x; r < rows; r += blockDim.x) {
        float sum = 0;
        const bool inside = first + r < j.T;
        for (int e = 0; e < E && inside; e += 8) {
            float a[8], b[8];
            const view d = {(void *)dy, true};
            d.get8(start + (first + r) * j.D + e, a);
            y.get8(start + (first + r) * j.D + e, b);
#pragma unroll
            for (int i = 0; i < 8; i++) sum += a[i] * b[i];
        }
        dots[r] = sum;
        lses[r] = inside ? lse[bh * j.T + first + r] : 0;
    }
}

/* From tiles s (scores) and dp (dy v^T) of rows t0 and columns u0: p = dropped probabilities, ds = P (dp f - dot) scale, as bf16 tiles. */
static __device__ void tile_gradients(const job &j, uint64_t step, int64_t bh, int64_t t0, int64_t u0, const float *dots, const float *lses, float *s, float *dp,
                                      half_t *p, half_t *ds, int lane)
{
    for (int i = lane; i < TILE * TILE; i += 32) {
        const int64_t t = t0 + i / TILE, u = u0 + i % TILE;
        float dropped = 0, gradient = 0;
        if (t < j.T && u < j.T) {
            const float own = __expf(s[i] * j.scale - lses[i / TILE]), f = factor_of(j, step, (bh * j.T + t) * j.T + u);
            dropped = own * f;
            gradient = own * (dp[i] * f - dots[i / TILE]) * j.scale;
        }
        p[i] = __float2bfloat16(dropped);
        ds[i] = __float2bfloat16(gradient);
    }
    __syncwarp();
}

/* dq, by rows of q: all keys and values in shared memory. blockIdx.z even. dk and dv, by rows of k: all q and dy there; odd. */
template <int E> __global__ void backward_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, const half_t *dy, const float *lse,
                                                 flash_gradients to)
{
    extern __shared__ __align__(128) unsigned char shared[];
    const bool by_keys = blockIdx.z % 2 != 0;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, R = row_of<E>();
    half_t *all_a = (half_t *)shared, *all_b = all_a + j.padded * R, *own_a = all_b + j.padded * R, *own_b = own_a + TILE_ROWS * R;
    float *dots = (float *)(own_b + TILE_ROWS * R), *lses = dots + j.padded, *s = lses + j.padded + warp * warp_floats<E>(), *dp = s + TILE * TILE;
    half_t *p = (half_t *)(dp + TILE * TILE), *ds = p + TILE * TILE;
    const int64_t h = blockIdx.y, b = blockIdx.z / 2, start = b * j.T * j.D + h * E, block = (int64_t)blockIdx.x * TILE_ROWS, first = block + warp * TILE;
    const int64_t bh = b * j.H + h;
    const uint64_t step = *j.step;
    load_rows<E>((by_keys ? q : k) + start, j.T, j.D, 0, j.padded, all_a);
    load_rows<E>((by_keys ? dy : v) + start, j.T, j.D, 0, j.padded, all_b);
    load_rows<E>((by_keys ? k : q) + start, j.T, j.D, block, TILE_ROWS, own_a);
    load_rows<E>((by_keys ? v : dy) + start, j.T, j.D, block, TILE_ROWS, own_b);
    load_dots<E>(j, dy, y, lse, start, bh, by_keys ? 0 : block, by_keys ? j.padded : TILE_ROWS < j.padded ? TILE_ROWS : j.padded, dots, lses);
    __syncthreads();
    if (first >= j.T) return;
    const half_t *a = own_a + warp * TILE * R, *o = own_b + warp * TILE * R;
    sums_t sum[2][E / TILE];
#pragma unroll
    for (int f = 0; f < E / TILE; f++) {
        wmma::fill_fragment(sum[0][f], 0.0f);
        wmma::fill_fragment(sum[1][f], 0.0f);
    }
    for (int t = 0; t < j.padded; t += TILE) {
        sums_t x;
        product_of_rows<E>(by_keys ? all_a + t * R : a, by_keys ? a : all_a + t * R, x);
        wmma::store_matrix_sync(s, x, TILE, wmma::mem_row_major);
        product_of_rows<E>(by_keys ? all_b + t * R : o, by_keys ? o : all_b + t * R, x);
        wmma::store_matrix_sync(dp, x, TILE, wmma::mem_row_major);
        __syncwarp();
        if (by_keys)
            tile_gradients(j, step, bh, t, first, dots + t, lses + t, s, dp, p, ds, lane);
        else
            tile_gradients(j, step, bh, first, t, dots + warp * TILE, lses + warp * TILE, s, dp, p, ds, lane);
#pragma unroll
        for (int f = 0; f < E / TILE; f++) {
            right z;
            wmma::load_matrix_sync(z, all_a + t * R + f * TILE, R);
            if (by_keys) { /* dk += ds^T q, dv += p^T dy */
                left_turned g;
                wmma::load_matrix_sync(g, ds, TILE);
                wmma::mma_sync(sum[0][f], g, z, sum[0][f]);
                wmma::load_matrix_sync(g, p, TILE);
                wmma::load_matrix_sync(z, all_b + t * R + f * TILE, R);
                wmma::mma_sync(sum[1][f], g, z, sum[1][f]);
            } else { /* dq += ds k */
                left g;
                wmma::load_matrix_sync(g, ds, TILE);
                wmma::mma_sync(sum[0][f], g, z, sum[0][f]);
            }
        }
        __syncwarp();
    }
    if (by_keys) {
        if (to.to[1].data) store_rows<E>(sum[0], s, j, start, first, lane, to.to[1], to.add[1]);
        if (to.to[2].data) store_rows<E>(sum[1], s, j, start, first, lane, to.to[2], to.add[2]);
    } else if (to.to[0].data) {
        store_rows<E>(sum[0], s, j, start, first, lane, to.to[0], to.add[0]);
    }
}

/* ---- launching ---- */

static size_t shared_for(const flash_sizes &s)
{
    const int padded = (int)((s.T + TILE - 1) / TILE * TILE);
    const size_t forward = s.E == 64 ? forward_shared<64>(padded) : forward_shared<32>(padded), backward = s.E == 64 ? backward_shared<64>(padded) : backward_shared<32>(padded);
    return forward > backward ? forward : backward;
}

bool flash_fits(const cuda_device *d, const flash_sizes &s)
{
    return (s.E == 64 || s.E == 32) && s.D % 8 == 0 && s.T <= 640 && shared_for(s) <= d->most_shared;
}

template <class K> static bool allow(const nn_call *c, K kernel, size_t shared)
{
    const cudaError_t result = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
    cuda_note(device_of(c), result, "attention");
    return result == cudaSuccess;
}

template <int E> static void run_forward(const nn_call *c, const flash_sizes &s, const half_t *q, const half_t *k, const half_t *v, view y, float *lse)
{
    const job j = job_of(c, s);
    const size_t shared = forward_shared<E>(j.padded);
    if (!allow(c, forward_kernel<E>, shared)) return;
    const dim3 grid((unsigned)ceil_div(s.T, TILE_ROWS), (unsigned)s.H, (unsigned)s.B);
    forward_kernel<E><<<grid, WARPS * 32, shared, stream_of(c)>>>(j, q, k, v, y, lse);
    cuda_note(device_of(c), cudaGetLastError(), "attention");
}

template <int E> static void run_backward(const nn_call *c, const flash_sizes &s, const half_t *q, const half_t *k, const half_t *v, view y, const half_t *dy, const float *lse,
                                          const flash_gradients &to)
{
    const job j = job_of(c, s);
    const size_t shared = backward_shared<E>(j.padded);
    if (!allow(c, backward_kernel<E>, shared)) return;
    const dim3 grid((unsigned)ceil_div(s.T, TILE_ROWS), (unsigned)s.H, (unsigned)(2 * s.B));
    backward_kernel<E><<<grid, WARPS * 32, shared, stream_of(c)>>>(j, q, k, v, y, dy, lse, to);
    cuda_note(device_of(c), cudaGetLastError(), "attention");
}

void flash_forward(const nn_call *c, const flash_sizes &s, const void *q, const void *k, const void *v, view y, float *lse)
{
    if (s.E == 64)
        run_forward<64>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y, lse);
    else
        run_forward<32>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y, lse);
}

void flash_backward(const nn_call *c, const flash_sizes &s, const void *q, const void *k, const void *v, view y, const void *dy, const float *lse,
                    const flash_gradients &to)
{
    if (s.E == 64)
        run_backward<64>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y, (const half_t *)dy, lse, to);
    else
        run_backward<32>(c, s, (const half_t *)q, (const half_t *)k, (const half_t *)v, y, (const half_t *)dy, lse, to);
}
