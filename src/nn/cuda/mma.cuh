/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of tensor cores on bf16, 16 x 8 sums of a warp at a time (mma.m16n8k16 of PTX). Lane l, with g = l / 4 and t = l % 4, holds
 *     of an operand A [16][16]    rows g and g + 8, columns 2 t, 2 t + 1 and these + 8
 *     of an operand B [16][16]    two of [16][8]: rows 2 t, 2 t + 1 and these + 8, column g
 *     of the sums [16][8]         rows g and g + 8, columns 2 t and 2 t + 1
 * so that two neighbouring tiles of sums, rounded, are an operand A.
 */
#ifndef PCLR_NN_CUDA_MMA_CUH
#define PCLR_NN_CUDA_MMA_CUH

#include <cuda_bf16.h>
#include <stdint.h>

typedef __nv_bfloat16 half_t;

struct operand_a {
    uint32_t x[4];
};

struct operand_b {
    uint32_t x[4];
};

static __device__ inline uint32_t pack2(float a, float b)
{
    const __nv_bfloat162 two = __floats2bfloat162_rn(a, b);
    return *(const uint32_t *)&two;
}

static __device__ inline void load_tiles(uint32_t x[4], const half_t *at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"((uint32_t)__cvta_generic_to_shared(at)) : "memory");
}

static __device__ inline void load_tiles_turned(uint32_t x[4], const half_t *at)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"((uint32_t)__cvta_generic_to_shared(at)) : "memory");
}

/* Sixteen bytes to shared memory, zeros where `inside` is false, without waiting for them. */
static __device__ inline void fetch16(half_t *to, const half_t *from, bool inside)
{
    const uint32_t bytes = inside ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from), "r"(bytes) : "memory");
}

/* What was fetched since the last call is one group. */
static __device__ inline void close_group()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits for a thread's own groups but the last `left`. */
template <int LEFT> static __device__ void wait_groups()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
}

/* Operands of values in shared memory, whose rows are `stride` apart and begin at multiples of 16 bytes. */

/* A[m][k] = from[m][k] */
static __device__ inline operand_a a_of_rows(const half_t *from, int stride, int lane)
{
    operand_a a;
    load_tiles(a.x, from + lane % 16 * stride + lane / 16 * 8);
    return a;
}

/* A[m][k] = from[k][m] */
static __device__ inline operand_a a_of_columns(const half_t *from, int stride, int lane)
{
    operand_a a;
    load_tiles_turned(a.x, from + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8);
    return a;
}

/* B[k][n] = from[k][n] */
static __device__ inline operand_b b_of_rows(const half_t *from, int stride, int lane)
{
    operand_b b;
    load_tiles_turned(b.x, from + lane % 16 * stride + lane / 16 * 8);
    return b;
}

/* B[k][n] = from[n][k] */
static __device__ inline operand_b b_of_columns(const half_t *from, int stride, int lane)
{
    operand_b b;
    load_tiles(b.x, from + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8);
    return b;
}

/* A of two tiles of sums side by side. */
static __device__ inline operand_a a_of_sums(const float left[4], const float right[4])
{
    return {{pack2(left[0], left[1]), pack2(left[2], left[3]), pack2(right[0], right[1]), pack2(right[2], right[3])}};
}

static __device__ inline void multiply_add(float sum[4], const operand_a &a, uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a.x[0]), "r"(a.x[1]), "r"(a.x[2]), "r"(a.x[3]), "r"(b0), "r"(b1));
}

/* sum[0 .. 1] += A B, two tiles of eight columns */
static __device__ inline void multiply_add(float sum[2][4], const operand_a &a, const operand_b &b)
{
    multiply_add(sum[0], a, b.x[0], b.x[1]);
    multiply_add(sum[1], a, b.x[2], b.x[3]);
}

#endif
