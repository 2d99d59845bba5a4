/* SPDX-License-Identifier: Apache-2.0 */
/* The device itself: memory, copies, recordings of a whole pass, the optimiser, faults. */
#include "nn/cuda/common.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "base/error.h"
}

static cuda_device *whole(nn_device *d)
{
    return (cuda_device *)d;
}

void cuda_note(cuda_device *d, cudaError_t result, const char *what)
{
    if (result == cudaSuccess || d->fault_status != PCLR_OK) return;
    d->fault_status = result == cudaErrorMemoryAllocation ? PCLR_E_MEMORY : PCLR_E_UNSUPPORTED;
    snprintf(d->fault, sizeof d->fault, "%s: %s", what, cudaGetErrorString(result));
}

void cuda_note_blas(cuda_device *d, cublasStatus_t result, const char *what)
{
    if (result == CUBLAS_STATUS_SUCCESS || d->fault_status != PCLR_OK) return;
    d->fault_status = PCLR_E_UNSUPPORTED;
    snprintf(d->fault, sizeof d->fault, "%s: %s", what, cublasGetStatusString(result));
}

/* Tells the fault that was noted, if any, and forgets it; a caller without room for it leaves it to the next. */
static pclr_status told(cuda_device *d, pclr_error *error)
{
    const pclr_status status = d->fault_status;
    if (status == PCLR_OK || !error) return status;
    d->fault_status = PCLR_OK;
    return error_set(error, status, "%s: %s; expected a device that works and has room; make the batch smaller, or run on the processor", d->name, d->fault);
}

/* ---- memory ---- */

static pclr_status no_room(cuda_device *d, size_t bytes, cudaError_t result, pclr_error *error)
{
    size_t left = 0, all = 0;
    cudaGetLastError(); /* forgotten, so that the next call does not tell it again */
    cudaMemGetInfo(&left, &all);
    return error_set(error, PCLR_E_MEMORY, "%s: %.2f GiB were asked for, %.2f of %.2f GiB are free (%s); make train.batch smaller", d->name,
                     (double)bytes / 1073741824.0, (double)left / 1073741824.0, (double)all / 1073741824.0, cudaGetErrorString(result));
}

static pclr_status allocate(nn_device *base, void **memory, size_t bytes, pclr_error *error)
{
    cuda_device *d = whole(base);
    *memory = NULL;
    cudaError_t result = cudaMalloc(memory, bytes > 0 ? bytes : 1);
    if (result != cudaSuccess) return no_room(d, bytes, result, error);
    cuda_note(d, cudaMemsetAsync(*memory, 0, bytes, d->stream), "clearing memory");
    return PCLR_OK;
}

static void release(nn_device *d, void *memory)
{
    if (!memory) return;
    cudaStreamSynchronize(whole(d)->stream);
    cudaFree(memory);
}

static pclr_status allocate_host(nn_device *base, void **memory, size_t bytes, pclr_error *error)
{
    *memory = NULL;
    cudaError_t result = cudaMallocHost(memory, bytes > 0 ? bytes : 1);
    if (result != cudaSuccess) return error_memory(error, bytes);
    memset(*memory, 0, bytes);
    return PCLR_OK;
}

static void release_host(nn_device *d, void *memory)
{
    if (!memory) return;
    cudaStreamSynchronize(whole(d)->stream);
    cudaFreeHost(memory);
}

static void upload(nn_device *d, void *to, const void *from, size_t bytes)
{
    cuda_note(whole(d), cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, whole(d)->stream), "copy to the device");
}

static void download(nn_device *d, void *to, const void *from, size_t bytes)
{
    cuda_note(whole(d), cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, whole(d)->stream), "copy from the device");
}

static void clear(nn_device *d, void *memory, size_t bytes)
{
    cuda_note(whole(d), cudaMemsetAsync(memory, 0, bytes, whole(d)->stream), "clearing memory");
}

static pclr_status finish(nn_device *base, pclr_error *error)
{
    cuda_device *d = whole(base);
    cuda_note(d, cudaStreamSynchronize(d->stream), "computation");
    return told(d, error);
}

/* ---- recordings ---- */

static pclr_status record_begin(nn_device *base, pclr_error *error)
{
    cuda_device *d = whole(base);
    TRY(finish(base, error));
    cuda_note(d, cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal), "recording");
    return told(d, error);
}

static pclr_status record_end(nn_device *base, void **recording, pclr_error *error)
{
    cuda_device *d = whole(base);
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    *recording = NULL;
    cuda_note(d, cudaStreamEndCapture(d->stream, &graph), "recording");
    if (graph) cuda_note(d, cudaGraphInstantiate(&exec, graph, 0), "recording");
    if (graph) cudaGraphDestroy(graph);
    *recording = exec;
    return told(d, error);
}

static void replay(nn_device *d, void *recording)
{
    cuda_note(whole(d), cudaGraphLaunch((cudaGraphExec_t)recording, whole(d)->stream), "replay");
}

static void forget(nn_device *d, void *recording)
{
    if (!recording) return;
    cudaStreamSynchronize(whole(d)->stream);
    cudaGraphExecDestroy((cudaGraphExec_t)recording);
}

/* ---- optimiser ---- */

__global__ void squares_kernel(const nn_adamw_part *part, double *square)
{
    const nn_adamw_part p = part[blockIdx.x];
    double sum = 0;
    for (int64_t i = threadIdx.x; i < p.count; i += BLOCK) sum += (double)p.grad[i] * (double)p.grad[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) square[blockIdx.x] = sum;
}

__global__ void halve_kernel(const nn_half_part *part)
{
    const nn_half_part p = part[blockIdx.x];
    for (int64_t i = threadIdx.x; i < p.count; i += BLOCK) ((__nv_bfloat16 *)p.half)[i] = __float2bfloat16(p.value[i]);
}

static void halve(nn_device *base, const nn_half_part *part, size_t parts)
{
    if (parts == 0) return;
    halve_kernel<<<(unsigned)parts, BLOCK, 0, whole(base)->stream>>>(part);
    cuda_note(whole(base), cudaGetLastError(), "rounding of parameters");
}

static void adamw_squares(nn_device *base, const nn_adamw_part *part, size_t parts, double *square)
{
    if (parts == 0) return;
    squares_kernel<<<(unsigned)parts, BLOCK, 0, whole(base)->stream>>>(part, square);
    cuda_note(whole(base), cudaGetLastError(), "norm of the gradient");
}

__global__ void update_kernel(const nn_adamw_part *part, nn_adamw_update u)
{
    const nn_adamw_part p = part[blockIdx.x];
    const double rate = u.rate * p.rate;
    const float b1 = (float)u.beta1, b2 = (float)u.beta2, c1 = (float)(1 - u.beta1), c2 = (float)(1 - u.beta2), scale = (float)u.gradient_scale;
    const float keep = (float)(1 - rate * p.decay), step = (float)(rate / u.correction1), root = (float)(1 / u.correction2), eps = (float)u.eps;
    for (int64_t i = threadIdx.x; i < p.count; i += BLOCK) {
        const float g = p.grad[i] * scale, m = b1 * p.m[i] + c1 * g, v = b2 * p.v[i] + c2 * g * g;
        p.m[i] = m;
        p.v[i] = v;
        p.value[i] = p.value[i] * keep - step * m / (sqrtf(v * root) + eps);
        p.grad[i] = 0;
    }
}

static void adamw_update(nn_device *base, const nn_adamw_part *part, size_t parts, const nn_adamw_update *u)
{
    if (parts == 0) return;
    update_kernel<<<(unsigned)parts, BLOCK, 0, whole(base)->stream>>>(part, *u);
    cuda_note(whole(base), cudaGetLastError(), "update");
}

__global__ void average_kernel(float *target, const float *source, int64_t n, double part)
{
    for (int64_t i = blockIdx.x * (int64_t)BLOCK + threadIdx.x; i < n; i += (int64_t)gridDim.x * BLOCK)
        target[i] = (float)((double)target[i] + part * ((double)source[i] - (double)target[i]));
}

static void average(nn_device *base, float *target, const float *source, int64_t count, double decay)
{
    average_kernel<<<blocks_for(count, BLOCK), BLOCK, 0, whole(base)->stream>>>(target, source, count, 1 - decay);
    cuda_note(whole(base), cudaGetLastError(), "moving average");
}

/* ---- opening ---- */

static void close_device(nn_device *base)
{
    cuda_device *d = whole(base);
    if (d->stream) cudaStreamSynchronize(d->stream);
    if (d->lt) cublasLtDestroy(d->lt);
    if (d->blas) cublasDestroy(d->blas);
    cudaFree(d->workspace);
    cudaFree(d->arrived);
    if (d->stream) cudaStreamDestroy(d->stream);
    free(d);
}

static pclr_status no_device(pclr_error *error, const char *what, const char *why)
{
    return error_set(error, PCLR_E_UNSUPPORTED, "device cuda: %s: %s; expected an NVIDIA GPU of compute capability 8.0 or later with its driver; "
                                                "run on the processor (--device cpu)", what, why);
}

static pclr_status open_libraries(cuda_device *d, pclr_error *error)
{
    cuda_note(d, cudaStreamCreateWithFlags(&d->stream, cudaStreamNonBlocking), "opening");
    cuda_note(d, cudaMalloc(&d->workspace, BLAS_WORKSPACE), "opening");
    cuda_note(d, cudaMalloc((void **)&d->arrived, sizeof *d->arrived), "opening");
    if (d->arrived) cuda_note(d, cudaMemset(d->arrived, 0, sizeof *d->arrived), "opening");
    cuda_note_blas(d, cublasCreate(&d->blas), "opening cuBLAS");
    cuda_note_blas(d, cublasLtCreate(&d->lt), "opening cuBLASLt");
    if (d->fault_status == PCLR_OK) {
        cuda_note_blas(d, cublasSetStream(d->blas, d->stream), "opening cuBLAS");
        cuda_note_blas(d, cublasSetWorkspace(d->blas, d->workspace, BLAS_WORKSPACE), "opening cuBLAS");
    }
    return told(d, error);
}

static void fill(nn_kernel kernel[NN_OPS])
{
    memset(kernel, 0, NN_OPS * sizeof *kernel);
    cuda_elementwise(kernel);
    cuda_products(kernel);
    cuda_convolution(kernel);
    cuda_attention(kernel);
    cuda_normalise(kernel);
    cuda_reduce(kernel);
    cuda_losses(kernel);
    cuda_pooling(kernel);
    cuda_s4d(kernel);
    cuda_shape(kernel);
}

static pclr_status open_device(nn_device **device, nn_kernel kernel[NN_OPS], pclr_error *error)
{
    int devices = 0;
    cudaDeviceProp properties;
    *device = NULL;
    cudaError_t result = cudaGetDeviceCount(&devices);
    if (result != cudaSuccess || devices < 1) return no_device(error, "no device", result != cudaSuccess ? cudaGetErrorString(result) : "none is visible");
    result = cudaGetDeviceProperties(&properties, 0);
    if (result != cudaSuccess) return no_device(error, "no properties", cudaGetErrorString(result));
    if (properties.major < 8) return no_device(error, properties.name, "its compute capability is below 8.0");

    cuda_device *d = (cuda_device *)calloc(1, sizeof *d);
    if (!d) return error_memory(error, sizeof *d);
    snprintf(d->name, sizeof d->name, "%s", properties.name);
    d->most_shared = properties.sharedMemPerBlockOptin;
    nn_device base = {};
    base.name = d->name;
    base.bf16 = true;
    base.allocate = allocate;
    base.release = release;
    base.allocate_host = allocate_host;
    base.release_host = release_host;
    base.upload = upload;
    base.download = download;
    base.clear = clear;
    base.finish = finish;
    base.record_begin = record_begin;
    base.record_end = record_end;
    base.replay = replay;
    base.forget = forget;
    base.halve = halve;
    base.adamw_squares = adamw_squares;
    base.adamw_update = adamw_update;
    base.average = average;
    base.close = close_device;
    d->base = base;
    pclr_status status = open_libraries(d, error);
    if (status != PCLR_OK) {
        close_device(&d->base);
        return status;
    }
    fill(kernel);
    *device = &d->base;
    return PCLR_OK;
}

extern "C" __attribute__((visibility("default"))) const nn_device_module pclr_device_module = {NN_DEVICE_LAYOUT, open_device};
