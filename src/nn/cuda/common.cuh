/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common ground of the CUDA kernels. A tensor's values are float or, with half precision, bf16; kernels compute in float and read and
 * write through a `view`, which knows the type. Sums over many values run in double. No atomics: the same inputs give the same bytes.
 */
#ifndef PCLR_NN_CUDA_COMMON_CUH
#define PCLR_NN_CUDA_COMMON_CUH

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>

extern "C" {
#include "nn/backend.h"
#include "nn/device.h"
}

/* ---- the device ---- */

enum { BLAS_WORKSPACE = 64 << 20 };

struct cuda_device {
    nn_device base; /* first: kernels get &base */
    char name[256];
    cudaStream_t stream;
    cublasHandle_t blas;
    cublasLtHandle_t lt;
    void *workspace; /* of the product library */
    size_t most_shared; /* bytes of shared memory that a block may ask for */
    unsigned *arrived; /* blocks of a sum that are done; 0 between kernels */
    char fault[256]; /* the first one since the last finish; "" none */
    pclr_status fault_status;
};

static inline cuda_device *device_of(const nn_call *c)
{
    return (cuda_device *)c->device;
}

static inline cudaStream_t stream_of(const nn_call *c)
{
    return device_of(c)->stream;
}

/* Notes a failure for finish to tell; kernels have no status of their own. */
void cuda_note(cuda_device *d, cudaError_t result, const char *what);
void cuda_note_blas(cuda_device *d, cublasStatus_t result, const char *what);

/* ---- shapes ---- */

static inline int64_t last_of(nn_shape s)
{
    return s.rank > 0 ? s.n[s.rank - 1] : 1;
}

static inline __host__ __device__ int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static inline size_t aligned(size_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

static inline bool absent(const nn_call *c, int k)
{
    return k >= c->inputs || c->in[k].data == NULL;
}

/* [outer][length][inner] around one axis. */
struct around {
    int64_t outer, length, inner;
};

static inline around around_axis(nn_shape s, int axis)
{
    around r = {1, 1, 1};
    for (int k = 0; k < s.rank; k++) {
        if (k < axis) r.outer *= s.n[k];
        if (k == axis) r.length = s.n[k];
        if (k > axis) r.inner *= s.n[k];
    }
    return r;
}

/* Index into b, which broadcasts to a: the strides of b on a's axes, 0 where b has length 1. */
struct broadcast {
    int rank;
    int64_t n[NN_MAX_RANK], stride[NN_MAX_RANK];
    __host__ __device__ int64_t operator()(int64_t i) const
    {
        int64_t index = 0;
        for (int k = rank - 1; k >= 0; k--) {
            index += i % n[k] * stride[k];
            i /= n[k];
        }
        return index;
    }
};

static inline broadcast broadcast_make(nn_shape a, nn_shape b)
{
    broadcast r = {};
    int64_t stride = 1;
    r.rank = a.rank;
    for (int k = a.rank - 1; k >= 0; k--) {
        const int axis = k - (a.rank - b.rank);
        r.n[k] = a.n[k];
        r.stride[k] = axis >= 0 && b.n[axis] > 1 ? stride : 0;
        if (axis >= 0) stride *= b.n[axis];
    }
    return r;
}

/* ---- values ---- */

struct view {
    void *data;
    bool bf16;
    __device__ float get(int64_t i) const
    {
        return bf16 ? __bfloat162float(((const __nv_bfloat16 *)data)[i]) : ((const float *)data)[i];
    }
    __device__ void put(int64_t i, float x) const
    {
        if (bf16)
            ((__nv_bfloat16 *)data)[i] = __float2bfloat16(x);
        else
            ((float *)data)[i] = x;
    }
    /* Writes, or adds to what is there. */
    __device__ void give(int64_t i, float x, bool add) const
    {
        put(i, add ? get(i) + x : x);
    }
    /* Two values from a multiple of two on. */
    __device__ void give2(int64_t i, float x, float y, bool add) const
    {
        if (bf16) {
            __nv_bfloat162 *at = (__nv_bfloat162 *)((__nv_bfloat16 *)data + i);
            const float2 before = add ? __bfloat1622float2(*at) : make_float2(0, 0);
            *at = __floats2bfloat162_rn(before.x + x, before.y + y);
        } else {
            float2 *at = (float2 *)((float *)data + i);
            const float2 before = add ? *at : make_float2(0, 0);
            *at = make_float2(before.x + x, before.y + y);
        }
    }
    /* Eight values from a multiple of eight on. Without a branch, so that several of them may be under way at once. */
    __device__ void get8(int64_t i, float x[8]) const
    {
        const char *at = (const char *)data + i * (bf16 ? 2 : 4);
        const uint4 a = *(const uint4 *)at;
        uint4 b = a;
        if (!bf16) b = *(const uint4 *)(at + 16);
        const unsigned word[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
        for (int k = 0; k < 8; k++) {
            const unsigned half = k % 2 ? word[k / 2] & 0xffff0000u : word[k / 2] << 16;
            x[k] = __uint_as_float(bf16 ? half : word[k]);
        }
    }
    /* n values, 8 or 1 */
    __device__ void load(int64_t i, int n, float x[8]) const
    {
        if (n == 8)
            get8(i, x);
        else
            x[0] = get(i);
    }
    __device__ void store(int64_t i, int n, const float x[8], bool add) const
    {
        if (n == 8)
            give8(i, x, add);
        else
            give(i, x[0], add);
    }
    __device__ void put8(int64_t i, const float x[8]) const
    {
        if (bf16) {
            uint4 raw;
            __nv_bfloat162 *pair = (__nv_bfloat162 *)&raw;
#pragma unroll
            for (int k = 0; k < 4; k++) pair[k] = __floats2bfloat162_rn(x[2 * k], x[2 * k + 1]);
            *(uint4 *)((__nv_bfloat16 *)data + i) = raw;
        } else {
            *(float4 *)((float *)data + i) = make_float4(x[0], x[1], x[2], x[3]);
            *(float4 *)((float *)data + i + 4) = make_float4(x[4], x[5], x[6], x[7]);
        }
    }
    __device__ void give8(int64_t i, const float x[8], bool add) const
    {
        float sum[8];
        if (!add) return put8(i, x);
        get8(i, sum);
#pragma unroll
        for (int k = 0; k < 8; k++) sum[k] += x[k];
        put8(i, sum);
    }
};

static inline view value_of(const nn_tensor *t)
{
    return {t->data, t->type == NN_BF16};
}

/* The gradient of a parameter is float whatever the rest is; no tensor of bf16 is a parameter. */
static inline view grad_of(const nn_tensor *t)
{
    return {t->grad, t->type == NN_BF16};
}

static inline __host__ __device__ view float_view(void *data)
{
    return {data, false};
}

/* ---- launching ---- */

enum { BLOCK = 256 };

static inline unsigned blocks_for(int64_t n, int per_block)
{
    const int64_t blocks = ceil_div(n, per_block), most = 132 * 32;
    return (unsigned)(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

template <class F> __global__ void each_kernel(int64_t n, F f)
{
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x) f(i);
}

/* f(i) for 0 <= i < n. */
template <class F> static void each(const nn_call *c, int64_t n, F f)
{
    if (n <= 0) return;
    each_kernel<<<blocks_for(n, BLOCK), BLOCK, 0, stream_of(c)>>>(n, f);
    cuda_note(device_of(c), cudaGetLastError(), "kernel");
}

/* ---- sums ---- */

template <class T> static __device__ T warp_sum(T x)
{
#pragma unroll
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

static __device__ inline float warp_max(float x)
{
#pragma unroll
    for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, step));
    return x;
}

/* Of a block of BLOCK threads, told to all of them. */
template <class T> static __device__ T block_sum(T x)
{
    __shared__ T part[BLOCK / 32];
    x = warp_sum(x);
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
    __syncthreads();
    T sum = 0;
#pragma unroll
    for (int k = 0; k < BLOCK / 32; k++) sum += part[k];
    return sum;
}

static __device__ inline float block_max(float x)
{
    __shared__ float part[BLOCK / 32];
    x = warp_max(x);
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x;
    __syncthreads();
    float most = part[0];
#pragma unroll
    for (int k = 1; k < BLOCK / 32; k++) most = fmaxf(most, part[k]);
    return most;
}

template <class F> __global__ void rows_kernel(int64_t rows, F f)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) f(r);
}

/* f(row) by a block of BLOCK threads each. */
template <class F> static void each_row(const nn_call *c, int64_t rows, F f)
{
    rows_kernel<<<blocks_for(rows, 1), BLOCK, 0, stream_of(c)>>>(rows, f);
    cuda_note(device_of(c), cudaGetLastError(), "kernel");
}

template <class F> __global__ void warps_kernel(int64_t rows, F f)
{
    const int64_t step = (int64_t)gridDim.x * (BLOCK / 32);
    for (int64_t r = blockIdx.x * (int64_t)(BLOCK / 32) + threadIdx.x / 32; r < rows; r += step) f(r, (int)(threadIdx.x % 32));
}

/* f(row, lane) by a warp each. */
template <class F> static void each_warp(const nn_call *c, int64_t rows, F f)
{
    warps_kernel<<<blocks_for(rows, BLOCK / 32), BLOCK, 0, stream_of(c)>>>(rows, f);
    cuda_note(device_of(c), cudaGetLastError(), "kernel");
}

/* True for all threads of the block that arrives last of `blocks`: it sees what the others wrote, and sums it up in a fixed order. */
static __device__ inline bool last_to_arrive(unsigned *arrived, unsigned blocks)
{
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        last = atomicAdd(arrived, 1u) == blocks - 1;
        if (last) *arrived = 0;
    }
    __syncthreads();
    if (last) __threadfence();
    return last;
}

/* ---- sums over everything: K terms f(i, term) ---- */

enum { SUM_PARTS = 264 };

template <int K, class F, class E> __global__ void sums_kernel(int64_t n, F f, E end, volatile double *part, unsigned *arrived)
{
    double sum[K] = {};
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x) {
        double term[K];
        f(i, term);
#pragma unroll
        for (int k = 0; k < K; k++) sum[k] += term[k];
    }
    for (int k = 0; k < K; k++) {
        const double all = block_sum(sum[k]);
        if (threadIdx.x == 0) part[blockIdx.x * K + k] = all;
    }
    if (!last_to_arrive(arrived, gridDim.x)) return;
    for (int k = 0; k < K; k++) {
        double all = 0;
        for (int p = threadIdx.x; p < gridDim.x; p += BLOCK) all += part[p * K + k];
        sum[k] = block_sum(all);
    }
    if (threadIdx.x == 0) end(sum);
}

static inline size_t sums_work(int K)
{
    return aligned((size_t)(SUM_PARTS * K) * sizeof(double));
}

/* end(sums) once, with the K sums over i < n. work: sums_work(K). */
template <int K, class F, class E> static void sums(const nn_call *c, int64_t n, void *work, F f, E end)
{
    const int64_t wanted = ceil_div(n, 4 * BLOCK);
    const int parts = (int)(wanted < 1 ? 1 : wanted > SUM_PARTS ? SUM_PARTS : wanted);
    sums_kernel<K><<<parts, BLOCK, 0, stream_of(c)>>>(n, f, end, (double *)work, device_of(c)->arrived);
    cuda_note(device_of(c), cudaGetLastError(), "sum");
}

/*
 * ---- sums over the rows of [items][rows][C], by item and column ----
 * M::prepare(item, column, n) once a thread, then M::terms(item, row of all, column, n, term) gives K terms of n columns, n = 8 or 1. A warp
 * adds up rows in float, a block its warps and a second kernel all blocks in double.
 */

struct column_grid {
    int64_t items, rows, C, parts;
    int wide, across, down; /* columns of a thread; threads of a block across columns and down rows */
};

enum { AT_ONCE = 4 }; /* rows of a thread that are read before the first one is used */

static inline column_grid column_grid_of(int64_t items, int64_t rows, int64_t C)
{
    column_grid g = {items, rows, C, 1, C % 8 == 0 ? 8 : 1, 1, 1};
    const int most_across = g.wide == 8 ? 8 : 32; /* 128 bytes of bf16 */
    while (g.across < most_across && (int64_t)g.across * g.wide < C) g.across *= 2;
    g.down = BLOCK / g.across;
    const int64_t stripes = items * ceil_div(C, g.across * g.wide), most = ceil_div(rows, AT_ONCE * g.down);
    g.parts = ceil_div(132 * 4, stripes);
    if (g.parts > most) g.parts = most;
    if (ceil_div(rows, g.parts * g.down) > 128) g.parts = ceil_div(rows, 128 * g.down);
    return g;
}

static inline size_t columns_work(int K, int64_t items, int64_t rows, int64_t C)
{
    return aligned((size_t)(items * column_grid_of(items, rows, C).parts * K * C) * sizeof(double));
}

/* part [items][C][K][parts] */
template <int K, int WIDE, class M> __global__ void columns_kernel(column_grid g, M m, double *part)
{
    __shared__ float shared[BLOCK / 32][64];
    const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32, width = g.across * WIDE;
    const int64_t stripe = blockIdx.x * (int64_t)width, column = stripe + thread % g.across * WIDE, p = blockIdx.y, item = blockIdx.z;
    const int64_t first = g.rows * p / g.parts, last = g.rows * (p + 1) / g.parts;
    float sum[K][WIDE] = {};
    if (column < g.C) {
        m.prepare(item, column, WIDE);
#pragma unroll 4
        for (int64_t r = first + thread / g.across; r < last; r += g.down) {
            float term[K][8];
            m.terms(item, item * g.rows + r, column, WIDE, term);
#pragma unroll
            for (int k = 0; k < K; k++)
#pragma unroll
                for (int i = 0; i < WIDE; i++) sum[k][i] += term[k][i];
        }
    }
#pragma unroll
    for (int k = 0; k < K; k++) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < WIDE; i++) {
            float own = sum[k][i];
            for (int step = 16; step >= g.across; step /= 2) own += __shfl_xor_sync(0xffffffffu, own, step);
            if (lane < g.across) shared[warp][lane * WIDE + i] = own;
        }
        __syncthreads();
        if (thread >= width || stripe + thread >= g.C) continue;
        double all = 0;
#pragma unroll
        for (int w = 0; w < BLOCK / 32; w++) all += (double)shared[w][thread];
        part[((item * g.C + stripe + thread) * K + k) * g.parts + p] = all;
    }
}

/* end(item, column, sums) for each. work: columns_work. */
template <int K, class M, class E> static void column_sums(const nn_call *c, int64_t items, int64_t rows, int64_t C, void *work, const M &m, E end)
{
    const column_grid g = column_grid_of(items, rows, C);
    const dim3 grid((unsigned)ceil_div(C, g.across * g.wide), (unsigned)g.parts, (unsigned)items);
    double *part = (double *)work;
    const int64_t parts = g.parts;
    if (g.wide == 8)
        columns_kernel<K, 8><<<grid, BLOCK, 0, stream_of(c)>>>(g, m, part);
    else
        columns_kernel<K, 1><<<grid, BLOCK, 0, stream_of(c)>>>(g, m, part);
    cuda_note(device_of(c), cudaGetLastError(), "sum of columns");
    each_warp(c, items * C, [=] __device__(int64_t at, int lane) {
        double all[K];
#pragma unroll
        for (int k = 0; k < K; k++) {
            all[k] = 0;
            for (int64_t p = lane; p < parts; p += 32) all[k] += part[(at * K + k) * parts + p];
            all[k] = warp_sum(all[k]);
        }
        if (lane == 0) end(at / C, at % C, all);
    });
}

/* Terms that need no preparation: f(item, row of all, column, n, term). */
template <class F> struct plain_terms {
    F f;
    __device__ void prepare(int64_t, int64_t, int) const {}
    template <class T> __device__ void terms(int64_t item, int64_t r, int64_t k, int n, T term) const
    {
        f(item, r, k, n, term);
    }
};

template <class F> static plain_terms<F> terms_of(F f)
{
    return {f};
}

/*
 * ---- the same function of every row, with constants of the columns: M::prepare(item, column, n) once a thread; then of each of its rows
 * M::read(at, n, values) and M::write(at, n, values), `at` the place of the row's first column ----
 */

template <int WIDE, class M> __global__ void __launch_bounds__(BLOCK, 2) by_columns_kernel(column_grid g, M m)
{
    const int64_t column = blockIdx.x * (int64_t)(g.across * WIDE) + threadIdx.x % g.across * WIDE, item = blockIdx.z;
    const int64_t first = g.rows * blockIdx.y / g.parts, last = g.rows * (blockIdx.y + 1) / g.parts;
    if (column >= g.C) return;
    m.prepare(item, column, WIDE);
    for (int64_t r = first + threadIdx.x / g.across; r < last; r += AT_ONCE * g.down) {
        typename M::values v[AT_ONCE];
#pragma unroll
        for (int u = 0; u < AT_ONCE; u++)
            if (r + u * g.down < last) m.read((item * g.rows + r + u * g.down) * g.C + column, WIDE, v[u]);
#pragma unroll
        for (int u = 0; u < AT_ONCE; u++)
            if (r + u * g.down < last) m.write((item * g.rows + r + u * g.down) * g.C + column, WIDE, v[u]);
    }
}

template <class M> static void by_columns(const nn_call *c, int64_t items, int64_t rows, int64_t C, const M &m)
{
    column_grid g = column_grid_of(items, rows, C);
    const int64_t stripes = ceil_div(C, g.across * g.wide), wanted = ceil_div(132 * 4, stripes * items), most = ceil_div(rows, 2 * AT_ONCE * g.down);
    g.parts = wanted < most ? wanted : most;
    if (g.parts < 1) g.parts = 1;
    const dim3 grid((unsigned)stripes, (unsigned)g.parts, (unsigned)items);
    if (g.wide == 8)
        by_columns_kernel<8><<<grid, BLOCK, 0, stream_of(c)>>>(g, m);
    else
        by_columns_kernel<1><<<grid, BLOCK, 0, stream_of(c)>>>(g, m);
    cuda_note(device_of(c), cudaGetLastError(), "columns");
}

/* ---- random numbers: as in base/rng.h and reference/common.h ---- */

static __device__ inline void philox(uint64_t block, uint64_t step, uint32_t key0, uint32_t key1, uint32_t word[4])
{
    uint32_t w0 = (uint32_t)block, w1 = (uint32_t)(block >> 32), w2 = (uint32_t)step, w3 = (uint32_t)(step >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const uint32_t a_low = 0xD2511F53u * w0, a_high = __umulhi(0xD2511F53u, w0), b_low = 0xCD9E8D57u * w2, b_high = __umulhi(0xCD9E8D57u, w2);
        const uint32_t next0 = b_high ^ w1 ^ key0, next2 = a_high ^ w3 ^ key1;
        w0 = next0, w1 = b_low, w2 = next2, w3 = a_low;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    word[0] = w0, word[1] = w1, word[2] = w2, word[3] = w3;
}

/* f(i, factor) for elements 0 .. n - 1 with dropout's factors: 0, or 1 / (1 - p). A thread draws four words, which decide eight elements. */
template <class F> static void each_dropped(const nn_call *c, int64_t n, F f)
{
    const uint32_t limit = (uint32_t)(65536 * (1 - c->args->p)), key0 = c->key[0], key1 = c->key[1];
    const float kept = (float)(1 / (1 - c->args->p));
    const uint64_t *step = c->step_at;
    each(c, ceil_div(n, 512) * 64, [=] __device__(int64_t block) {
        uint32_t word[4];
        philox((uint64_t)block, *step, key0, key1, word);
#pragma unroll
        for (int w = 0; w < 4; w++)
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                const int64_t i = block / 64 * 512 + upper * 256 + w * 64 + block % 64;
                const uint32_t bits = upper ? word[w] >> 16 : word[w] & 0xffff;
                if (i < n) f(i, bits < limit ? kept : 0.0f);
            }
    });
}

/* f8(i, factors) for elements i .. i + 7; n a multiple of 512. A thread draws eight blocks, which decide eight runs of eight. */
template <class F> static void each_dropped8(const nn_call *c, int64_t n, F f8)
{
    const uint32_t limit = (uint32_t)(65536 * (1 - c->args->p)), key0 = c->key[0], key1 = c->key[1];
    const float kept = (float)(1 / (1 - c->args->p));
    const uint64_t *step = c->step_at;
    each(c, n / 64, [=] __device__(int64_t eight) {
        uint32_t bits[8][4];
#pragma unroll
        for (int k = 0; k < 8; k++) philox((uint64_t)(8 * eight + k), *step, key0, key1, bits[k]);
#pragma unroll
        for (int w = 0; w < 4; w++)
#pragma unroll
            for (int upper = 0; upper < 2; upper++) {
                float factor[8];
#pragma unroll
                for (int k = 0; k < 8; k++) factor[k] = (upper ? bits[k][w] >> 16 : bits[k][w] & 0xffff) < limit ? kept : 0.0f;
                f8(eight / 8 * 512 + upper * 256 + w * 64 + eight % 8 * 8, factor);
            }
    });
}

/* ---- products (products.cu) ---- */

/* to = from, converted. */
void cuda_convert(const nn_call *c, int64_t n, view from, view to);

/* db[n] += sum over the rows of dy. work: columns_work(1, 1, R, N). */
void cuda_bias_gradient(const nn_call *c, int64_t R, int64_t N, view dy, nn_tensor *bias, void *work);

/* ---- tables ---- */

typedef void (*cuda_pass)(const nn_call *call);
typedef size_t (*cuda_bytes)(const nn_call *call);

/* A row of the table; all kernels honour nn_tensor.add. */
static inline nn_kernel cuda_row(cuda_pass forward, cuda_pass backward, unsigned reads, cuda_bytes saved, cuda_bytes work)
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

static inline nn_kernel cuda_prepared(nn_kernel k, pclr_status (*prepare)(nn_call *call, pclr_error *error), void (*release)(void *state))
{
    k.prepare = prepare;
    k.release = release;
    return k;
}

void cuda_elementwise(nn_kernel kernel[NN_OPS]);
void cuda_products(nn_kernel kernel[NN_OPS]);
void cuda_convolution(nn_kernel kernel[NN_OPS]);
void cuda_attention(nn_kernel kernel[NN_OPS]);
void cuda_normalise(nn_kernel kernel[NN_OPS]);
void cuda_reduce(nn_kernel kernel[NN_OPS]);
void cuda_losses(nn_kernel kernel[NN_OPS]);
void cuda_pooling(nn_kernel kernel[NN_OPS]);
void cuda_s4d(nn_kernel kernel[NN_OPS]);
void cuda_shape(nn_kernel kernel[NN_OPS]);

#endif
