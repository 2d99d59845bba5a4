/* SPDX-License-Identifier: Apache-2.0 */
#include "model/layers.h"

#include <math.h>

int64_t layer_channels(nn_graph *g, nn_id x)
{
    if (x == NN_NONE) return 0;
    nn_shape s = nn_shape_of(g, x);
    return s.rank > 0 ? s.n[s.rank - 1] : 0;
}

int layer_log2(int64_t n)
{
    if (n < 1 || (n & (n - 1)) != 0) return -1;
    int k = 0;
    while (n > 1) {
        n >>= 1;
        k++;
    }
    return k;
}

nn_id layer_linear(nn_graph *g, nn_id x, const char *name, int64_t out)
{
    if (x == NN_NONE) return NN_NONE;
    int64_t in = layer_channels(g, x);
    double limit = 1.0 / sqrt((double)in);
    nn_scope_push(g, "%s", name);
    nn_id w = nn_param(g, "weight", nn_shape2(out, in), (nn_init){.kind = NN_INIT_UNIFORM, .a = limit});
    nn_id b = nn_param(g, "bias", nn_shape1(out), (nn_init){.kind = NN_INIT_UNIFORM, .a = limit, .no_decay = true});
    nn_id y = nn_linear(g, x, w, b);
    nn_scope_pop(g);
    return y;
}

nn_id layer_linear_normal(nn_graph *g, nn_id x, const char *name, int64_t out, double sd)
{
    if (x == NN_NONE) return NN_NONE;
    nn_scope_push(g, "%s", name);
    nn_id w = nn_param(g, "weight", nn_shape2(out, layer_channels(g, x)), (nn_init){.kind = NN_INIT_NORMAL, .a = sd});
    nn_id b = nn_param(g, "bias", nn_shape1(out), (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    nn_id y = nn_linear(g, x, w, b);
    nn_scope_pop(g);
    return y;
}

static nn_id convolution(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, nn_conv1d_args args)
{
    if (x == NN_NONE) return NN_NONE;
    int64_t in = layer_channels(g, x);
    nn_scope_push(g, "%s", name);
    nn_init init = {.kind = NN_INIT_KAIMING, .a = (double)(in * kernel)};
    nn_id w = nn_param(g, "weight", nn_shape3(out, kernel, in), init);
    nn_id y = nn_conv1d(g, x, w, NN_NONE, args);
    nn_scope_pop(g);
    return y;
}

nn_id layer_conv(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, int64_t stride)
{
    int64_t pad = (kernel - 1) / 2;
    return convolution(g, x, name, out, kernel, (nn_conv1d_args){.stride = stride, .pad_left = pad, .pad_right = pad});
}

nn_id layer_conv_bias(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, int64_t stride)
{
    if (x == NN_NONE) return NN_NONE;
    int64_t in = layer_channels(g, x), pad = (kernel - 1) / 2;
    double limit = 1.0 / sqrt((double)(in * kernel));
    nn_scope_push(g, "%s", name);
    nn_id w = nn_param(g, "weight", nn_shape3(out, kernel, in), (nn_init){.kind = NN_INIT_UNIFORM, .a = limit});
    nn_id b = nn_param(g, "bias", nn_shape1(out), (nn_init){.kind = NN_INIT_UNIFORM, .a = limit, .no_decay = true});
    nn_id y = nn_conv1d(g, x, w, b, (nn_conv1d_args){.stride = stride, .pad_left = pad, .pad_right = pad});
    nn_scope_pop(g);
    return y;
}

nn_id layer_patch_conv(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t stride)
{
    return convolution(g, x, name, out, stride, (nn_conv1d_args){.stride = stride});
}

nn_id layer_batch_norm(nn_graph *g, nn_id x, const char *name, double gamma)
{
    if (x == NN_NONE) return NN_NONE;
    nn_shape c = nn_shape1(layer_channels(g, x));
    nn_scope_push(g, "%s", name);
    nn_id scale = nn_param(g, "weight", c, (nn_init){.kind = NN_INIT_CONSTANT, .a = gamma, .no_decay = true});
    nn_id shift = nn_param(g, "bias", c, (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    nn_id mean = nn_param(g, "running_mean", c, (nn_init){.kind = NN_INIT_ZEROS, .buffer = true});
    nn_id var = nn_param(g, "running_var", c, (nn_init){.kind = NN_INIT_ONES, .buffer = true});
    nn_id y = nn_batch_norm(g, x, scale, shift, mean, var, 0.1, 1e-5);
    nn_scope_pop(g);
    return y;
}

nn_id layer_layer_norm(nn_graph *g, nn_id x, const char *name)
{
    if (x == NN_NONE) return NN_NONE;
    nn_shape c = nn_shape1(layer_channels(g, x));
    nn_scope_push(g, "%s", name);
    nn_id scale = nn_param(g, "weight", c, (nn_init){.kind = NN_INIT_ONES, .no_decay = true});
    nn_id shift = nn_param(g, "bias", c, (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    nn_id y = nn_layer_norm(g, x, scale, shift, 1e-5);
    nn_scope_pop(g);
    return y;
}

nn_id layer_mask(nn_graph *g, nn_id x, nn_id visible)
{
    if (x == NN_NONE || visible == NN_NONE) return x;
    nn_shape c = nn_shape1(layer_channels(g, x));
    nn_id token = nn_param(g, "mask_embedding", c, (nn_init){.kind = NN_INIT_RANGE, .a = 0, .b = 1, .no_decay = true});
    return nn_where(g, visible, x, token);
}
