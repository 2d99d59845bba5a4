/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/cuda/flash.cuh"
#include "nn/cuda/mma.cuh"

enum { TILE = 16, WIDE = 32, MOST_WARPS = 5 };

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

/* The bits of 16 elements from i on, as they are read; all ones without dropout. */
struct bits16 {
    uint32_t low, high;
    unsigned shift;
    __device__ uint32_t get() const
    {
        return __funnelshift_r(low, high, shift);
    }
};

static __device__ bits16 bits_of(const job &j, int64_t i, bool inside)
{
    if (j.kept <= 0) return {~0u, ~0u, 0};
    return {inside ? j.mask[i / 32] : 0, inside ? j.mask[i / 32 + 1] : 0, (unsigned)(i % 32)};
}

/* ---- rows and tiles: scores stay in the registers of a warp (mma.cuh), which has 16 rows of them ---- */

/* Distance of rows of E values in shared memory: spreads them over the banks. */
template <int E> static constexpr __host__ __device__ int row_of()
{
    return E + 8;
}

/* All rows of a head; zeros beyond T. By all threads of the block, without waiting. */
template <int E> static __device__ void fetch_rows(const half_t *head, const job &j, half_t *to)
{
    for (int i = threadIdx.x; i < j.padded * (E / 8); i += blockDim.x) {
        const int r = i / (E / 8), e = i % (E / 8) * 8;
        fetch16(to + r * row_of<E>() + e, head + (r < j.T ? (int64_t)r * j.D + e : 0), r < j.T);
    }
}

static __device__ void wait_for_rows()
{
    close_group();
    wait_groups<0>();
    __syncthreads();
}

/* Where a lane's values of its warp's 16 rows lie. */
struct place {
    int64_t start, bh; /* of the head in q, k, v; its number */
    int row, t;        /* rows row and row + 8; columns 2 t, 2 t + 1 of every eight */
};

static __device__ place place_of(const job &j, int E, int first)
{
    const int lane = threadIdx.x % 32;
    const int64_t h = blockIdx.y, b = blockIdx.z;
    return {b * j.T * j.D + h * E, b * j.H + h, first + lane / 4, lane % 4};
}

/* Two neighbouring values of a row; zeros beyond T. */
static __device__ uint32_t two_of(const half_t *from, const job &j, const place &p, int row, int column)
{
    return row < j.T ? *(const uint32_t *)(from + p.start + (int64_t)row * j.D + column) : 0;
}

/* A warp's own 16 rows as operands. */
template <int E> static __device__ void own_rows(const half_t *from, const job &j, const place &p, operand_a own[E / TILE])
{
#pragma unroll
    for (int e = 0; e < E / TILE; e++)
#pragma unroll
        for (int i = 0; i < 4; i++) own[e].x[i] = two_of(from, j, p, p.row + i % 2 * 8, e * TILE + i / 2 * 8 + 2 * p.t);
}

/* 16 rows of sums [16][E], those of row times factor[0], of row + 8 times factor[1]. */
template <int E> static __device__ void store_rows(const float sum[E / 8][4], const float factor[2], const job &j, const place &p, view to, bool add)
{
#pragma unroll
    for (int f = 0; f < E / 8; f++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
            if (p.row + 8 * i >= j.T) continue;
            const int64_t at = p.start + (int64_t)(p.row + 8 * i) * j.D + f * 8 + 2 * p.t;
            to.give2(at, sum[f][2 * i] * factor[i], sum[f][2 * i + 1] * factor[i], add);
        }
}

/* Products of the own rows and 16 rows in shared memory: two tiles of sums. */
template <int E> static __device__ void scores_of(const operand_a own[E / TILE], const half_t *rows, int lane, float s[2][4])
{
#pragma unroll
    for (int i = 0; i < 4; i++) s[0][i] = s[1][i] = 0;
#pragma unroll
    for (int e = 0; e < E / TILE; e++) multiply_add(s, own[e], b_of_columns(rows + e * TILE, row_of<E>(), lane));
}

/* sum [16][E] += a [16][16] times 16 rows in shared memory */
template <int E> static __device__ void add_rows(float sum[E / 8][4], const operand_a &a, const half_t *rows, int lane)
{
#pragma unroll
    for (int f = 0; f < E / TILE; f++) multiply_add(sum + 2 * f, a, b_of_rows(rows + f * TILE, row_of<E>(), lane));
}

/* Of the four lanes that share a row. */
static __device__ float row_sum(float x)
{
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

static __device__ float row_most(float x)
{
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}

static int warps_for(int padded)
{
    const int tiles = padded / TILE, blocks = (tiles + MOST_WARPS - 1) / MOST_WARPS;
    return (tiles + blocks - 1) / blocks;
}

template <int E> static size_t shared_bytes(int padded)
{
    return (size_t)(2 * padded) * row_of<E>() * sizeof(half_t) + (size_t)(2 * padded) * sizeof(float);
}

/* ---- forward: a warp takes its 16 rows of q through all keys, the sums scaled down whenever a larger score is met ---- */

template <int E> __global__ void __launch_bounds__(32 * MOST_WARPS, 2) forward_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, float *lse)
{
    extern __shared__ __align__(128) unsigned char shared[];
    half_t *keys = (half_t *)shared, *values = keys + j.padded * row_of<E>();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first = (blockIdx.x * (blockDim.x / 32) + warp) * TILE;
    const place p = place_of(j, E, first);
    operand_a own[E / TILE];
    bits16 later[4]; /* of the next round, so that nobody waits for them */
    auto look_ahead = [&](int u) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int row = p.row + i % 2 * 8, column = u + i / 2 * TILE;
            later[i] = bits_of(j, (p.bh * j.T + row) * j.T + column, row < j.T && column < j.T);
        }
    };
    fetch_rows<E>(k + p.start, j, keys);
    fetch_rows<E>(v + p.start, j, values);
    own_rows<E>(q, j, p, own);
    look_ahead(0);
    wait_for_rows();
    if (first >= j.T) return;
    float result[E / 8][4] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
    for (int u = 0; u < j.padded; u += WIDE) {
        const bits16 bits[4] = {later[0], later[1], later[2], later[3]};
        float s[4][4], next[2] = {most[0], most[1]}, down[2];
        look_ahead(u + WIDE);
        scores_of<E>(own, keys + u * row_of<E>(), lane, s);
        scores_of<E>(own, keys + (u + TILE) * row_of<E>(), lane, s + 2);
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                s[n][i] = u + 8 * n + 2 * p.t + i % 2 < j.T ? s[n][i] * j.scale : -INFINITY;
                next[i / 2] = fmaxf(next[i / 2], s[n][i]);
            }
#pragma unroll
        for (int i = 0; i < 2; i++) {
            next[i] = row_most(next[i]);
            down[i] = __expf(most[i] - next[i]);
            sum[i] *= down[i];
            most[i] = next[i];
        }
#pragma unroll
        for (int f = 0; f < E / 8; f++)
#pragma unroll
            for (int i = 0; i < 4; i++) result[f][i] *= down[i / 2];
#pragma unroll
        for (int n = 0; n < 2; n++) {
            const uint32_t kept[2] = {bits[2 * n].get(), bits[2 * n + 1].get()};
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    float *own_s = &s[2 * n + m][i];
                    *own_s = __expf(*own_s - most[i / 2]);
                    sum[i / 2] += *own_s;
                    if (!(kept[i / 2] >> (8 * m + 2 * p.t + i % 2) & 1)) *own_s = 0;
                }
            add_rows<E>(result, a_of_sums(s[2 * n], s[2 * n + 1]), values + (u + n * TILE) * row_of<E>(), lane);
        }
    }
    float factor[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        sum[i] = row_sum(sum[i]);
        factor[i] = (j.kept > 0 ? j.kept : 1) / sum[i];
        if (p.t == 0 && p.row + 8 * i < j.T) lse[p.bh * j.T + p.row + 8 * i] = most[i] + logf(sum[i]);
    }
    store_rows<E>(result, factor, j, p, y, false);
}

/* ---- backward ---- */

/* From a score, the product dy v, dy y of the row, lse and whether dropout keeps it: dropped probability and ds = P (dp f - dot) scale. */
static __device__ void gradient(const job &j, bool inside, bool kept, float dot, float lse, float *s, float *dp)
{
    const float own = inside ? __expf(*s * j.scale - lse) : 0.0f, f = kept ? (j.kept > 0 ? j.kept : 1.0f) : 0.0f;
    *s = own * f;
    *dp = own * (*dp * f - dot) * j.scale;
}

/* Product of two neighbours and those of y from `at` on. */
static __device__ float dot2(uint32_t pair, view y, int64_t at)
{
    const float2 x = __bfloat1622float2(*(const __nv_bfloat162 *)&pair);
    return x.x * y.get(at) + x.y * y.get(at + 1);
}

/* dq: the warp's own rows of q and dy beside all keys and values. dots: dy y of every row, kept for keys_kernel. */
template <int E> __global__ void __launch_bounds__(32 * MOST_WARPS, 1)
queries_kernel(job j, const half_t *q, const half_t *k, const half_t *v, view y, const half_t *dy, const float *lse, float *dots, view dq, bool add)
{
    extern __shared__ __align__(128) unsigned char shared[];
    half_t *keys = (half_t *)shared, *values = keys + j.padded * row_of<E>();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first = (blockIdx.x * (blockDim.x / 32) + warp) * TILE;
    const place p = place_of(j, E, first);
    operand_a a[E / TILE], o[E / TILE];
    bits16 later[2];
    auto look_ahead = [&](int u) {
#pragma unroll
        for (int i = 0; i < 2; i++) later[i] = bits_of(j, (p.bh * j.T + p.row + 8 * i) * j.T + u, p.row + 8 * i < j.T && u < j.T);
    };
    fetch_rows<E>(k + p.start, j, keys);
    fetch_rows<E>(v + p.start, j, values);
    own_rows<E>(q, j, p, a);
    own_rows<E>(dy, j, p, o);
    look_ahead(0);
    wait_for_rows();
    if (first >= j.T) return;
    float dot[2] = {0, 0}, own_lse[2], sum[E / 8][4] = {};
#pragma unroll
    for (int e = 0; e < E / TILE; e++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int row = p.row + i % 2 * 8;
            if (row < j.T) dot[i % 2] += dot2(o[e].x[i], y, p.start + (int64_t)row * j.D + e * TILE + i / 2 * 8 + 2 * p.t);
        }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const int row = p.row + 8 * i;
        dot[i] = row_sum(dot[i]);
        own_lse[i] = row < j.T ? lse[p.bh * j.T + row] : 0;
        if (p.t == 0 && row < j.T) dots[p.bh * j.T + row] = dot[i];
    }
    if (!dq.data) return;
    for (int u = 0; u < j.T; u += TILE) {
        const uint32_t bits[2] = {later[0].get(), later[1].get()};
        float s[2][4], dp[2][4];
        look_ahead(u + TILE);
        scores_of<E>(a, keys + u * row_of<E>(), lane, s);
        scores_of<E>(o, values + u * row_of<E>(), lane, dp);
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int column = 8 * m + 2 * p.t + i % 2;
                gradient(j, u + column < j.T, bits[i / 2] >> column & 1, dot[i / 2], own_lse[i / 2], &s[m][i], &dp[m][i]);
            }
        add_rows<E>(sum, a_of_sums(dp[0], dp[1]), keys + u * row_of<E>(), lane);
    }
    const float one[2] = {1, 1};
    store_rows<E>(sum, one, j, p, dq, add);
}

/* dk and dv: the warp's own keys and values beside all rows of q and dy; scores turned, [own][rows of q]. */
template <int E> __global__ void __launch_bounds__(32 * MOST_WARPS, 1)
keys_kernel(job j, const half_t *q, const half_t *k, const half_t *v, const half_t *dy, const float *lse, const float *dots, view dk, view dv, bool add_k, bool add_v)
{
    extern __shared__ __align__(128) unsigned char shared[];
    half_t *queries = (half_t *)shared, *outputs = queries + j.padded * row_of<E>();
    float *own_dots = (float *)(outputs + j.padded * row_of<E>()), *lses = own_dots + j.padded;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first = (blockIdx.x * (blockDim.x / 32) + warp) * TILE;
    const place p = place_of(j, E, first);
    operand_a a[E / TILE], o[E / TILE];
    bits16 later[4];
    auto look_ahead = [&](int u) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int t = u + i / 2 * 8 + 2 * p.t + i % 2;
            later[i] = bits_of(j, (p.bh * j.T + t) * j.T + first, t < j.T && first < j.T);
        }
    };
    fetch_rows<E>(q + p.start, j, queries);
    fetch_rows<E>(dy + p.start, j, outputs);
    own_rows<E>(k, j, p, a);
    own_rows<E>(v, j, p, o);
    look_ahead(0);
    for (int r = threadIdx.x; r < j.padded; r += blockDim.x) {
        own_dots[r] = r < j.T ? dots[p.bh * j.T + r] : 0;
        lses[r] = r < j.T ? lse[p.bh * j.T + r] : 0;
    }
    wait_for_rows();
    if (first >= j.T) return;
    float k_sum[E / 8][4] = {}, v_sum[E / 8][4] = {};
    for (int u = 0; u < j.T; u += TILE) {
        const bits16 bits[4] = {later[0], later[1], later[2], later[3]};
        float s[2][4], dp[2][4];
        look_ahead(u + TILE);
        scores_of<E>(a, queries + u * row_of<E>(), lane, s);
        scores_of<E>(o, outputs + u * row_of<E>(), lane, dp);
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int i = 0; i < 2; i++) {
                const int t = u + 8 * m + 2 * p.t + i;
                const uint32_t kept = bits[2 * m + i].get();
#pragma unroll
                for (int lower = 0; lower < 2; lower++)
                    gradient(j, t < j.T && p.row + 8 * lower < j.T, kept >> (lane / 4 + 8 * lower) & 1, own_dots[t], lses[t], &s[m][2 * lower + i], &dp[m][2 * lower + i]);
            }
        add_rows<E>(v_sum, a_of_sums(s[0], s[1]), outputs + u * row_of<E>(), lane);
        add_rows<E>(k_sum, a_of_sums(dp[0], dp[1]), queries + u * row_of<E>(), lane);
    }
    const float one[2] = {1, 1};
    if (dk.data) store_rows<E>(k_sum, one, j, p, dk, add_k);
    if (dv.data) store_rows<E>(v_sum, one, j, p, dv, add_v);
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

/* A value for every row of every head. */
static size_t rows_bytes(const flash_sizes &s)
{
    return aligned((size_t)(s.B * s.H * s.T) * sizeof(float));
}

/* log sum exp of the rows; dy y of the rows, which the backward pass writes; dropout's bits */
size_t flash_saved(const nn_call *c, const flash_sizes &s)
{
    return 2 * rows_bytes(s) + (c->args->p > 0 ? mask_bytes(s) : 0);
}

static float *dots_of(const nn_call *c, const flash_sizes &s)
{
    return (float *)((char *)c->saved + rows_bytes(s));
}

static uint32_t *mask_of(const nn_call *c, const flash_sizes &s)
{
    return (uint32_t *)((char *)c->saved + 2 * rows_bytes(s));
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
    queries_kernel<E><<<grid, (unsigned)(32 * warps), shared, stream_of(c)>>>(j, q, k, v, y, dy, lse, dots_of(c, s), to.to[0], to.add[0]);
    if (to.to[1].data || to.to[2].data)
        keys_kernel<E><<<grid, (unsigned)(32 * warps), shared, stream_of(c)>>>(j, q, k, v, dy, lse, dots_of(c, s), to.to[1], to.to[2], to.add[1], to.add[2]);
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
