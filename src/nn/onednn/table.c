/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that this backend replaces. */
#include "nn/onednn/fast.h"

void nn_onednn_fill(nn_kernel kernel[NN_OPS])
{
    nn_onednn_products(kernel);
    nn_onednn_convolution(kernel);
    nn_onednn_elementwise(kernel);
    nn_onednn_normalise(kernel);
    nn_onednn_time(kernel);
    nn_onednn_attention(kernel);
    nn_onednn_s4d(kernel);
    nn_onednn_shape(kernel);
    nn_onednn_reduce(kernel);
}
