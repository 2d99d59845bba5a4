/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention without a matrix of scores in memory, in half precision, for segments whose keys and values fit into shared memory: each
 * warp takes 16 rows through all the others on tensor cores. Of the forward pass only log sum exp of every row is kept; the backward pass
 * computes the scores again (Dao et al. 2022), once by rows of q and once by rows of k and v, so that nothing is added up by arrival.
 */
#ifndef PCLR_NN_CUDA_FLASH_CUH
#define PCLR_NN_CUDA_FLASH_CUH

#include "nn/cuda/common.cuh"

struct flash_sizes {
    int64_t B, H, T, D, E; /* E = D / H */
};

/* Whether the kernels serve this shape on this device. */
bool flash_fits(const cuda_device *d, const flash_sizes &s);
/* Bytes at c->saved. */
size_t flash_saved(const nn_call *c, const flash_sizes &s);

/* q, k, v [B][T][D] bf16. Dropout as c->args->p says. */
void flash_forward(const nn_call *c, const flash_sizes &s, const void *q, const void *k, const void *v, view y);

/* Of q, k and v; data NULL where not wanted. */
struct flash_gradients {
    view to[3];
    bool add[3];
};

/* dy: bf16 */
void flash_backward(const nn_call *c, const flash_sizes &s, const void *q, const void *k, const void *v, view y, const void *dy, const flash_gradients &to);

#endif
