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

enum { BLAS_WORKSPACE = 64 << 20, MOST_SUMS = 1 << 16 };

struct cuda_device {
    nn_device base; /* first: kernels get &base */
    char name[256];
    cudaStream_t stream;
    cublasHandle_t blas;
    cublasLtHandle_t lt;
    void *workspace; /* of the product library */
    size_t most_shared; /* bytes of shared memory that a block may ask for */
    unsigned *arrived; /* [MOST_SUMS] blocks of a sum that are done; 0 between kernels */
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
    /* Eight values from a multiple of eight on. */
    __device__ void get8(int64_t i, float x[8]) const
    {
        if (bf16) {
            const uint4 raw = *(const uint4 *)((const __nv_bfloat16 *)data + i);
            const __nv_bfloat162 *pair = (const __nv_bfloat162 *)&raw;
#pragma unroll
            for (int k = 0; k < 4; k++) {
                const float2 two = __bfloat1622float2(pair[k]);
                x[2 * k] = two.x;
                x[2 * k + 1] = two.y;
            }
        } else {
            const float4 a = *(const float4 *)((const float *)data + i), b = *(const float4 *)((const float *)data + i + 4);
            x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w, x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
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
 * f(item, row of all, first column, n, term) gives K terms of n columns, n = 8 or 1. A thread adds up a few rows in float, a block its threads
 * and all blocks in double.
 */

struct column_grid {
    int64_t items, rows, C, parts;
    int wide, across, down; /* columns of a thread; threads of a block across columns and down rows */
};

static inline column_grid column_grid_of(int64_t items, int64_t rows, int64_t C)
{
    column_grid g = {items, rows, C, 1, C % 8 == 0 ? 8 : 1, 1, 1};
    const int most_across = g.wide == 8 ? 8 : 32; /* 128 bytes of bf16 */
    while (g.across < most_across && (int64_t)g.across * g.wide < C) g.across *= 2;
    g.down = BLOCK / g.across;
    const int64_t stripes = items * ceil_div(C, g.across * g.wide), most = ceil_div(rows, 2 * g.down);
    g.parts = ceil_div(132 * 3, stripes);
    if (g.parts > most) g.parts = most;
    if (ceil_div(rows, g.parts * g.down) > 128) g.parts = ceil_div(rows, 128 * g.down);
    return g;
}

static inline size_t columns_work(int K, int64_t items, int64_t rows, int64_t C)
{
    return aligned((size_t)(items * column_grid_of(items, rows, C).parts * K * C) * sizeof(double));
}

/* Sums of a thread's columns, added up over the threads of the block that share them; thread `down` 0 .. holds one column each. */
template <int K> static __device__ void down_sums(const column_grid &g, float sum[K][8], float *shared, double *all)
{
    const int thread = threadIdx.x, across = thread % g.across, width = g.across * g.wide;
#pragma unroll
    for (int k = 0; k < K; k++) {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (i < g.wide) shared[thread / g.across * width + across * g.wide + i] = sum[k][i];
        __syncthreads();
        all[k] = 0;
        if (thread < width)
            for (int d = 0; d < g.down; d++) all[k] += (double)shared[d * width + thread];
    }
}

/* Adds up the parts of a stripe, by all threads of the block; all[] of the first `width` threads. */
template <int K> static __device__ void end_of_parts(const column_grid &g, const double *part, int64_t item, int64_t stripe, double *shared, double *all)
{
    const int width = g.across * g.wide, column = threadIdx.x % width, share = threadIdx.x / width, shares = BLOCK / width;
    for (int k = 0; k < K; k++) {
        double sum = 0;
        if (stripe + column < g.C) {
            const double *from = part + (item * g.parts * K + k) * g.C + stripe + column;
#pragma unroll 8
            for (int64_t q = share; q < g.parts; q += shares) sum += __ldcg(from + q * K * g.C);
        }
        __syncthreads();
        shared[threadIdx.x] = sum;
        __syncthreads();
        all[k] = 0;
        for (int q = 0; q < shares && threadIdx.x < width; q++) all[k] += shared[q * width + column];
    }
}

template <int K, class F, class E> __global__ void columns_kernel(column_grid g, F f, E end, double *part, unsigned *arrived)
{
    __shared__ __align__(16) float shared[BLOCK * 8]; /* of doubles as well */
    const int width = g.across * g.wide;
    const int64_t stripe = blockIdx.x * (int64_t)width, column = stripe + threadIdx.x % g.across * g.wide, p = blockIdx.y, item = blockIdx.z;
    const int64_t first = g.rows * p / g.parts, last = g.rows * (p + 1) / g.parts;
    float sum[K][8] = {};
    if (column < g.C)
        for (int64_t r = first + threadIdx.x / g.across; r < last; r += g.down) {
            float term[K][8];
            f(item, item * g.rows + r, column, g.wide, term);
#pragma unroll
            for (int k = 0; k < K; k++)
#pragma unroll
                for (int i = 0; i < 8; i++) sum[k][i] += term[k][i];
        }
    double all[K];
    down_sums<K>(g, sum, shared, all);
    const int64_t own = stripe + threadIdx.x;
    const bool holds = threadIdx.x < width && own < g.C;
    if (g.parts > 1) {
        for (int k = 0; k < K && holds; k++) part[((item * g.parts + p) * K + k) * g.C + own] = all[k];
        if (!last_to_arrive(arrived + item * gridDim.x + blockIdx.x, (unsigned)g.parts)) return;
        end_of_parts<K>(g, part, item, stripe, (double *)shared, all);
    }
    if (holds) end(item, own, all);
}

/* end(item, column, sums) for each. work: columns_work. */
template <int K, class F, class E> static void column_sums(const nn_call *c, int64_t items, int64_t rows, int64_t C, void *work, F f, E end)
{
    const column_grid g = column_grid_of(items, rows, C);
    const dim3 grid((unsigned)ceil_div(C, g.across * g.wide), (unsigned)g.parts, (unsigned)items);
    if ((int64_t)grid.x * items > MOST_SUMS) {
        cuda_note(device_of(c), cudaErrorInvalidConfiguration, "sum of columns of too many items");
        return;
    }
    columns_kernel<K><<<grid, BLOCK, 0, stream_of(c)>>>(g, f, end, (double *)work, device_of(c)->arrived);
    cuda_note(device_of(c), cudaGetLastError(), "sum of columns");
}

/*
 * ---- the same function of every row, with constants of the columns: M::prepare(item, column, n) once a thread, M::row(item, row of all, column, n)
 * for each of its rows ----
 */

template <class M> __global__ void by_columns_kernel(column_grid g, M m)
{
    const int64_t column = blockIdx.x * (int64_t)(g.across * g.wide) + threadIdx.x % g.across * g.wide, item = blockIdx.z;
    const int64_t first = g.rows * blockIdx.y / g.parts, last = g.rows * (blockIdx.y + 1) / g.parts;
    if (column >= g.C) return;
    m.prepare(item, column, g.wide);
    for (int64_t r = first + threadIdx.x / g.across; r < last; r += g.down) m.row(item, item * g.rows + r, column, g.wide);
}

template <class M> static void by_columns(const nn_call *c, int64_t items, int64_t rows, int64_t C, const M &m)
{
    column_grid g = column_grid_of(items, rows, C);
    const int64_t stripes = ceil_div(C, g.across * g.wide), wanted = ceil_div(132 * 16, stripes * items), most = ceil_div(rows, 4 * g.down);
    g.parts = wanted < most ? wanted : most;
    if (g.parts < 1) g.parts = 1;
    by_columns_kernel<<<dim3((unsigned)stripes, (unsigned)g.parts, (unsigned)items), BLOCK, 0, stream_of(c)>>>(g, m);
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
