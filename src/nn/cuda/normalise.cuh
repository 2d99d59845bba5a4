/* SPDX-License-Identifier: Apache-2.0 */
/* What the normalisations share: gradients of gamma and beta. */
#ifndef PCLR_NN_CUDA_NORMALISE_CUH
#define PCLR_NN_CUDA_NORMALISE_CUH

#include "nn/cuda/common.cuh"

static inline int64_t rows_of(const nn_call *c)
{
    return c->out.size / last_of(c->out.shape);
}

/* dgamma += sums[0], dbeta += sums[1] of column k, where wanted. */
struct affine_gradients {
    view gamma, beta;
    bool add_gamma, add_beta;
    __device__ void give(int64_t k, double dgamma, double dbeta) const
    {
        if (gamma.data) gamma.give(k, (float)dgamma, add_gamma);
        if (beta.data) beta.give(k, (float)dbeta, add_beta);
    }
};

static inline affine_gradients affine_gradients_of(const nn_call *c)
{
    return {grad_of(&c->in[1]), grad_of(&c->in[2]), c->in[1].add, c->in[2].add};
}

void cuda_layer_norm(nn_kernel kernel[NN_OPS]);

#endif
