/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder: from frames back to the signal, [B][T'][D] -> [B][T][C]. Transposed convolutions (k4 s2 p1: each doubles the
 * length) with GELU until the length is reached, channels halving from 256 to 32, then a convolution k3 to the leads.
 * When the frames do not cover the end (a stem without padding drops up to one stride), the last frame is repeated; what is
 * too long is cut at the end.
 */
#include <math.h>

#include "model/layers.h"

enum { WIDEST = 256, NARROWEST = 32 };

static nn_id doubled(nn_graph *g, nn_id x, int64_t out)
{
    int64_t in = layer_channels(g, x);
    /* every output sample is made of two taps */
    nn_id w = nn_param(g, "weight", nn_shape3(in, 4, out), (nn_init){.kind = NN_INIT_KAIMING, .a = (double)(2 * in)});
    nn_id b = nn_param(g, "bias", nn_shape1(out), (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    return nn_gelu(g, nn_conv_transpose1d(g, x, w, b, (nn_conv1d_args){.stride = 2, .pad_left = 1, .pad_right = 1}));
}

nn_id model_decode(nn_graph *g, nn_id h, int64_t samples, int64_t leads)
{
    if (h == NN_NONE) return NN_NONE;
    int64_t frames = nn_shape_of(g, h).n[1];
    if (samples < frames)
        return nn_fail(g, "decoder: %lld samples from %lld frames; it cannot shorten", (long long)samples, (long long)frames);
    int doublings = (int)lround(log2((double)samples / (double)frames));
    while ((frames << doublings) < samples) {
        nn_id ends[2] = {h, nn_slice(g, h, 1, frames - 1, 1)};
        h = nn_concat(g, ends, 2, 1);
        frames++;
    }
    nn_scope_push(g, "decoder");
    int64_t channels = layer_channels(g, h) < WIDEST ? layer_channels(g, h) : WIDEST;
    for (int k = 0; k < doublings; k++) {
        nn_scope_push(g, "%d", k);
        h = doubled(g, h, channels);
        nn_scope_pop(g);
        channels = channels / 2 < NARROWEST ? NARROWEST : channels / 2;
    }
    if ((frames << doublings) > samples) h = nn_slice(g, h, 1, 0, samples);
    int64_t in = layer_channels(g, h);
    double limit = 1.0 / sqrt(3.0 * (double)in);
    nn_id w = nn_param(g, "output.weight", nn_shape3(leads, 3, in), (nn_init){.kind = NN_INIT_UNIFORM, .a = limit});
    nn_id b = nn_param(g, "output.bias", nn_shape1(leads), (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    h = nn_conv1d(g, h, w, b, (nn_conv1d_args){.pad_left = 1, .pad_right = 1});
    nn_scope_pop(g);
    return h;
}
