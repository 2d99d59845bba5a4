/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transformer: the wav2vec 2.0 encoder (Baevski et al. 2020, arXiv 2006.11477) for ECG (Oh et al. 2022, fairseq-signals).
 *
 *     stem     log2(stride) convolutions k2 s2 without bias, GELU; the first with a norm per channel over time; then layer norm
 *     context  linear to D, dropout, masking; + GELU(positional convolution: 128 taps, 16 groups, weight norm per tap);
 *              layer norm, dropout; L post-norm blocks:
 *                  x = LN(x + dropout(attention(x)));  x = LN(x + dropout(W2 gelu(W1 x)))
 * base (D 768, 12 layers, 12 heads, inner 3072, stem 256 channels, stride 16) with 12 leads has the 90,373,248 parameters of
 * ECG-FM's encoder.
 */
#include <math.h>
#include <string.h>

#include "model/encoders.h"
#include "model/layers.h"

enum { POSITION_TAPS = 128, POSITION_GROUPS = 16, HEAD = 64 };

typedef struct scale {
    const char *size;
    int64_t stem, width, inner;
    int layers;
    int64_t head; /* channels of an attention head */
} scale;

static const scale scales[] = {
    {"tiny", 128, 128, 512, 3, 32},
    {"small", 256, 256, 1024, 4, HEAD},
    {"base", 256, 768, 3072, 12, HEAD},
};

/* The size's numbers with encoder.width applied; false: no such size. */
static bool find_scale(scale *s, const model_encoder_spec *spec)
{
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++)
        if (strcmp(scales[k].size, spec->size) == 0) {
            *s = scales[k];
            if (spec->width > 0) {
                s->width = spec->width;
                s->inner = 4 * spec->width;
            }
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
    return spec->stem_stride > 0 ? spec->stem_stride : 16;
}

static nn_id stem(nn_graph *g, nn_id x, const model_encoder_spec *spec)
{
    scale s;
    int convolutions = layer_log2(stride(spec));
    if (!find_scale(&s, spec)) return nn_fail(g, "encoder.size \"%s\": transformer has %s", spec->size, model_transformer.sizes);
    if (convolutions < 1)
        return nn_fail(g, "encoder.stem_stride %lld: transformer needs a power of two from 2 on", (long long)spec->stem_stride);
    for (int k = 0; k < convolutions; k++) {
        nn_scope_push(g, "stem.%d", k);
        x = layer_patch_conv(g, x, "conv", s.stem, 2);
        if (k == 0) {
            nn_shape c = nn_shape1(s.stem);
            nn_id gamma = nn_param(g, "norm.weight", c, (nn_init){.kind = NN_INIT_ONES, .no_decay = true});
            nn_id beta = nn_param(g, "norm.bias", c, (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
            x = nn_group_norm(g, x, gamma, beta, s.stem, 1e-5);
        }
        x = nn_gelu(g, x);
        nn_scope_pop(g);
    }
    return layer_layer_norm(g, x, "stem_norm");
}

/* x + gelu(convolution over 128 frames): relative positions */
static nn_id add_positions(nn_graph *g, nn_id x, const scale *s)
{
    int64_t d = s->width, in = d / POSITION_GROUPS;
    double sd = sqrt(4.0 / ((double)POSITION_TAPS * (double)d));
    nn_scope_push(g, "position");
    nn_id v = nn_param(g, "v", nn_shape3(d, POSITION_TAPS, in), (nn_init){.kind = NN_INIT_NORMAL, .a = sd});
    /* the norm of a tap's weights at the start, so that the weights begin as v */
    nn_init norm = {.kind = NN_INIT_CONSTANT, .a = sd * sqrt((double)(d * in))};
    nn_id gain = nn_param(g, "gain", nn_shape1(POSITION_TAPS), norm);
    nn_id bias = nn_param(g, "bias", nn_shape1(d), (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    /* an even number of taps: one frame less on the right keeps the length */
    nn_conv1d_args args = {.pad_left = POSITION_TAPS / 2, .pad_right = POSITION_TAPS / 2 - 1, .groups = POSITION_GROUPS};
    nn_id p = nn_conv1d(g, x, nn_weight_norm(g, v, gain), bias, args);
    nn_scope_pop(g);
    return nn_add(g, x, nn_gelu(g, p));
}

static nn_id layer(nn_graph *g, nn_id x, const scale *s, double dropout)
{
    int64_t d = s->width;
    nn_id q = layer_linear_normal(g, x, "query", d, 0.02);
    nn_id k = layer_linear_normal(g, x, "key", d, 0.02);
    nn_id v = layer_linear_normal(g, x, "value", d, 0.02);
    nn_id a = layer_linear_normal(g, nn_attention(g, q, k, v, d / s->head, dropout), "output", d, 0.02);
    x = layer_layer_norm(g, nn_add(g, x, nn_dropout(g, a, dropout)), "attention_norm");
    nn_id f = nn_gelu(g, layer_linear_normal(g, x, "inner", s->inner, 0.02));
    f = layer_linear_normal(g, f, "outer", d, 0.02);
    return layer_layer_norm(g, nn_add(g, x, nn_dropout(g, f, dropout)), "norm");
}

static nn_id context(nn_graph *g, nn_id x, nn_id visible, const model_encoder_spec *spec)
{
    scale s;
    if (!find_scale(&s, spec)) return NN_NONE; /* told by the stem */
    if (s.width % POSITION_GROUPS != 0 || s.width % s.head != 0)
        return nn_fail(g, "encoder.width %lld: transformer %s needs a multiple of %lld", (long long)s.width, s.size, (long long)s.head);
    x = nn_dropout(g, layer_linear(g, x, "project", s.width), spec->dropout);
    x = layer_mask(g, x, visible);
    nn_layer_begin(g);
    x = nn_dropout(g, layer_layer_norm(g, add_positions(g, x, &s), "norm"), spec->dropout);
    nn_layer_end(g);
    for (int k = 0; k < s.layers; k++) {
        nn_scope_push(g, "layer%d", k);
        nn_layer_begin(g);
        x = layer(g, x, &s, spec->dropout);
        nn_layer_end(g);
        nn_scope_pop(g);
    }
    return x;
}

const model_encoder model_transformer = {
    .name = "transformer",
    .sizes = "tiny|small|base",
    .default_size = "small",
    .description = "wav2vec 2.0 transformer over convolutional frames (Baevski et al. 2020; Oh et al. 2022)",
    .stem = stem,
    .context = context,
    .dimensions = dimensions,
    .stride = stride,
};
