/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with their parameters and initialisation, shared by the encoders and heads. Private to model/. */
#ifndef PCLR_MODEL_LAYERS_H
#define PCLR_MODEL_LAYERS_H

#include "model/model.h"

/* Fully connected [..][K] -> [..][out]; weight and bias uniform in +-1/sqrt(K) (as PyTorch's Linear). */
nn_id layer_linear(nn_graph *g, nn_id x, const char *name, int64_t out);
/* The same with normal weights of standard deviation `sd` and bias 0 (BERT-style). */
nn_id layer_linear_normal(nn_graph *g, nn_id x, const char *name, int64_t out, double sd);
/* Convolution over time without bias, "same" padding (kernel - 1) / 2, Kaiming normal by fan-in. [B][T][C] -> [B][ceil(T / stride)][out]
 * for odd kernels. */
nn_id layer_conv(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, int64_t stride);
/* The same with a bias; both uniform in +-1/sqrt(kernel C) (as PyTorch's Conv1d). */
nn_id layer_conv_bias(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, int64_t stride);
/* Convolution whose windows do not overlap and are not padded (kernel = stride); no bias. The tail that fills no window is dropped. */
nn_id layer_patch_conv(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t stride);
/* Batch norm over all axes but the last; `gamma` is the initial scale (0 makes a residual branch start silent). */
nn_id layer_batch_norm(nn_graph *g, nn_id x, const char *name, double gamma);
nn_id layer_layer_norm(nn_graph *g, nn_id x, const char *name);
/* Frames where visible is 0 become the learned "mask_embedding"; NN_NONE: x unchanged. */
nn_id layer_mask(nn_graph *g, nn_id x, nn_id visible);
/* Channels (last axis) of x; 0 when x is NN_NONE. */
int64_t layer_channels(nn_graph *g, nn_id x);
/* log2 of a power of two; -1 for anything else. */
int layer_log2(int64_t n);

#endif
