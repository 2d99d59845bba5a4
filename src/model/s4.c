/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s4: diagonal state space layers (S4D; Gu et al. 2022, arXiv 2206.11893), in both directions of time, the shape that
 * Mehari & Strodthoff 2023 (IEEE TBME 70:2729) found strongest per parameter on ECG.
 *
 *     stem     log2(stride) convolutions k5 s2 with bias and GELU (stride 1: a linear map of each sample). No norm per frame here:
 *              it would blow up the noise between the beats to the size of a QRS complex, and forget the voltage
 *     context  L blocks: y = gelu(S4D forward(x) + S4D backward(x));  x = LN(x + dropout(GLU(W y)))
 * The state of a channel: h' = A h + x, y = 2 Re(C h) + D x, A = -exp(log_re) + i im, N complex numbers, discretised by
 * zero-order hold. encoder.causal leaves the backward direction out.
 */
#include <math.h>
#include <string.h>

#include "model/encoders.h"
#include "model/layers.h"

enum { STATES = 8, STEM_KERNEL = 5 };

typedef struct scale {
    const char *size;
    int64_t width;
    int layers;
} scale;

static const scale scales[] = {{"tiny", 64, 2}, {"small", 128, 4}, {"base", 512, 4}};

static bool find_scale(scale *s, const model_encoder_spec *spec)
{
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++)
        if (strcmp(scales[k].size, spec->size) == 0) {
            *s = scales[k];
            if (spec->width > 0) s->width = spec->width;
            return true;
        }
    return false;
}

static int64_t dimensions(const model_encoder_spec *spec)
{
    scale s;
    return find_scale(&s, spec) ? s.width : 0;
}

static int64_t stride(const model_encoder_spec *spec)
{
    return spec->stem_stride > 0 ? spec->stem_stride : 4;
}

static nn_id stem(nn_graph *g, nn_id x, const model_encoder_spec *spec)
{
    scale s;
    int convolutions = layer_log2(stride(spec));
    if (!find_scale(&s, spec)) return nn_fail(g, "encoder.size \"%s\": s4 has %s", spec->size, model_s4.sizes);
    if (convolutions < 0) return nn_fail(g, "encoder.stem_stride %lld: s4 needs a power of two", (long long)spec->stem_stride);
    if (convolutions == 0) return layer_linear(g, x, "stem", s.width);
    for (int k = 0; k < convolutions; k++) {
        /* narrow where the frames are many: the last convolution has the full width, each one before an eighth of its successor */
        int64_t out = s.width >> (3 * (convolutions - 1 - k));
        nn_scope_push(g, "stem.%d", k);
        x = nn_gelu(g, layer_conv_bias(g, x, "conv", out < 32 ? 32 : out, STEM_KERNEL, 2));
        nn_scope_pop(g);
    }
    return layer_channels(g, x) == s.width ? x : layer_linear(g, x, "stem_project", s.width);
}

static nn_id state_space(nn_graph *g, nn_id x, const char *name, bool reverse)
{
    int64_t c = layer_channels(g, x);
    nn_shape cn = nn_shape2(c, STATES);
    /* step sizes log-uniform in [0.001, 0.1), real parts -1/2, imaginary parts pi n (S4D-Lin); these learn slowly and undecayed */
    nn_init dt = {.kind = NN_INIT_RANGE, .a = log(0.001), .b = log(0.1), .no_decay = true, .lr_scale = 0.1};
    nn_init re = {.kind = NN_INIT_CONSTANT, .a = log(0.5), .no_decay = true, .lr_scale = 0.1};
    nn_init im = {.kind = NN_INIT_S4D_IMAG, .no_decay = true, .lr_scale = 0.1};
    nn_init part = {.kind = NN_INIT_NORMAL, .a = sqrt(0.5), .no_decay = true};
    nn_scope_push(g, "%s", name);
    nn_id y = nn_s4d(g, x, nn_param(g, "log_dt", nn_shape1(c), dt), nn_param(g, "log_re", cn, re), nn_param(g, "im", cn, im),
                     nn_param(g, "c_re", cn, part), nn_param(g, "c_im", cn, part),
                     nn_param(g, "d", nn_shape1(c), (nn_init){.kind = NN_INIT_NORMAL, .a = 1, .no_decay = true}), reverse);
    nn_scope_pop(g);
    return y;
}

static nn_id block(nn_graph *g, nn_id x, const model_encoder_spec *spec)
{
    nn_id y = state_space(g, x, "forward", false);
    if (!spec->causal) y = nn_add(g, y, state_space(g, x, "backward", true));
    y = nn_dropout(g, nn_gelu(g, y), spec->dropout);
    y = nn_glu(g, layer_linear(g, y, "mix", 2 * layer_channels(g, x)));
    return layer_layer_norm(g, nn_add(g, x, nn_dropout(g, y, spec->dropout)), "norm");
}

static nn_id context(nn_graph *g, nn_id x, nn_id visible, const model_encoder_spec *spec)
{
    scale s;
    if (!find_scale(&s, spec)) return NN_NONE; /* told by the stem */
    x = layer_mask(g, x, visible);
    for (int k = 0; k < s.layers; k++) {
        nn_scope_push(g, "layer%d", k);
        nn_layer_begin(g);
        x = block(g, x, spec);
        nn_layer_end(g);
        nn_scope_pop(g);
    }
    return x;
}

const model_encoder model_s4 = {
    .name = "s4",
    .sizes = "tiny|small|base",
    .default_size = "small",
    .description = "bidirectional diagonal state space layers (Gu et al. 2022; Mehari & Strodthoff 2023)",
    .stem = stem,
    .context = context,
    .dimensions = dimensions,
    .stride = stride,
    .may_be_causal = true,
};
