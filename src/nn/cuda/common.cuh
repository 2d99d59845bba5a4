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

static inline view float_view(void *data)
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

/* ---- sums over everything: K terms f(i, term) ---- */

enum { SUM_PARTS = 264 };

template <int K, class F> __global__ void sums_kernel(int64_t n, F f, double *part)
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
}

template <int K, class E> __global__ void sums_end_kernel(int parts, const double *part, E end)
{
    double sum[K] = {};
    for (int p = threadIdx.x; p < parts; p += BLOCK)
        for (int k = 0; k < K; k++) sum[k] += part[p * K + k];
    for (int k = 0; k < K; k++) sum[k] = block_sum(sum[k]);
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
    sums_kernel<K><<<parts, BLOCK, 0, stream_of(c)>>>(n, f, (double *)work);
    sums_end_kernel<K><<<1, BLOCK, 0, stream_of(c)>>>(parts, (const double *)work, end);
    cuda_note(device_of(c), cudaGetLastError(), "sum");
}

/* ---- sums over the rows of [items][rows][C], by item and column: K terms f(item, row of all, column, term) ---- */

enum { COLUMN_WARPS = 8 };

static inline __host__ __device__ int64_t column_parts(int64_t items, int64_t rows, int64_t C)
{
    const int64_t columns = (C + 31) / 32, wanted = (132 * 8 + items * columns - 1) / (items * columns), most = (rows + 4 * COLUMN_WARPS - 1) / (4 * COLUMN_WARPS);
    return wanted < 1 ? 1 : wanted < most ? wanted : most < 1 ? 1 : most;
}

static inline size_t columns_work(int K, int64_t items, int64_t rows, int64_t C)
{
    return aligned((size_t)(items * column_parts(items, rows, C) * K * C) * sizeof(double));
}

template <int K, class F> __global__ void columns_kernel(int64_t rows, int64_t C, int64_t parts, F f, double *part)
{
    __shared__ double shared[COLUMN_WARPS][K][32];
    const int64_t column = blockIdx.x * 32 + threadIdx.x, p = blockIdx.y, item = blockIdx.z;
    const int64_t begin = rows * p / parts, end = rows * (p + 1) / parts;
    double sum[K] = {};
    if (column < C)
        for (int64_t r = begin + threadIdx.y; r < end; r += COLUMN_WARPS) {
            double term[K];
            f(item, item * rows + r, column, term);
#pragma unroll
            for (int k = 0; k < K; k++) sum[k] += term[k];
        }
    for (int k = 0; k < K; k++) shared[threadIdx.y][k][threadIdx.x] = sum[k];
    __syncthreads();
    if (threadIdx.y > 0 || column >= C) return;
    for (int k = 0; k < K; k++) {
        double all = 0;
        for (int w = 0; w < COLUMN_WARPS; w++) all += shared[w][k][threadIdx.x];
        part[((item * parts + p) * K + k) * C + column] = all;
    }
}

/* Adds up the parts; end(item, column, sums). */
template <int K, class E> __global__ void columns_end_kernel(int64_t items, int64_t C, int64_t parts, const double *part, E end)
{
    const int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x;
    if (i >= items * C) return;
    const int64_t item = i / C, column = i % C;
    double sum[K] = {};
    for (int64_t p = 0; p < parts; p++)
        for (int k = 0; k < K; k++) sum[k] += part[((item * parts + p) * K + k) * C + column];
    end(item, column, sum);
}

template <int K, class F, class E> static void column_sums(const nn_call *c, int64_t items, int64_t rows, int64_t C, void *work, F f, E end)
{
    const int64_t parts = column_parts(items, rows, C);
    const dim3 grid((unsigned)ceil_div(C, 32), (unsigned)parts, (unsigned)items), block(32, COLUMN_WARPS);
    columns_kernel<K><<<grid, block, 0, stream_of(c)>>>(rows, C, parts, f, (double *)work);
    columns_end_kernel<K><<<(unsigned)ceil_div(items * C, BLOCK), BLOCK, 0, stream_of(c)>>>(items, C, parts, (const double *)work, end);
    cuda_note(device_of(c), cudaGetLastError(), "sum of columns");
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

/* ---- products (products.cu) ---- */

/* to = from, converted. */
void cuda_convert(const nn_call *c, int64_t n, view from, view to);

/* db[n] += sum over the rows of dy. work: columns_work(1, 1, R, N). */
void cuda_bias_gradient(const nn_call *c, int64_t R, int64_t N, view dy, nn_tensor *bias, void *work);

/* ---- tables ---- */

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
