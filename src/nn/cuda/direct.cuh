/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution of stride 1 on tensor cores, in half precision: the windows of 64 neighbouring results overlap, so their samples are
 * held once in shared memory and every tap reads them shifted by a row. Serves many taps over narrow groups as well as three over
 * wide ones; no windows are written out.
 */
#ifndef PCLR_NN_CUDA_DIRECT_CUH
#define PCLR_NN_CUDA_DIRECT_CUH

#include "nn/cuda/common.cuh"

/* x [B][T][G Cg], w [G Og][K][Cg], y [B][U][G Og]; sample of tap k for result u: u + k - pad. */
struct direct_sizes {
    int64_t B, T, U, G, Cg, Og, K, pad;
};

/* The widest tile of channels up to 64 that divides them, which are a multiple of 16. */
static inline int direct_tile(int64_t channels)
{
    int wide = 64;
    while (wide > 16 && channels % wide != 0) wide -= 16;
    return wide;
}

static inline bool direct_fits(int64_t Cg, int64_t Og, int64_t K)
{
    const int64_t wide = Cg > Og ? Cg : Og; /* rows of up to 64 channels and their windows must fit into shared memory */
    return Cg % 16 == 0 && Og % 16 == 0 && direct_tile(Cg) == direct_tile(Og) && K <= (wide > 48 ? 33 : 129);
}

/* Bytes of scratch. */
size_t direct_work(const direct_sizes &s);

/* x, w, dy: bf16. bias may be NULL. */
void direct_forward(const nn_call *c, const direct_sizes &s, const void *x, const void *w, const float *bias, view y, void *work);
void direct_input(const nn_call *c, const direct_sizes &s, const void *dy, const void *w, view dx, bool add, void *work);
void direct_weights(const nn_call *c, const direct_sizes &s, const void *x, const void *dy, float *dw, bool add, void *work);

#endif
