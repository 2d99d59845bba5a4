/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xresnet1d: residual network with the "bag of tricks" (He et al. 2019, arXiv 1812.01187), in one dimension with kernels of 5
 * as in Strodthoff et al. 2021 (IEEE JBHI 25:1519).
 *
 *     stem    three convolutions k5 (strides 2 1 1; w/2, w/2, w channels), each with batch norm and ReLU; max pooling 3/2
 *     stages  four of them, w, 2w, 4w, 8w channels (times 4 for bottlenecks), the first with stride 1, the others with 2
 *     block   relu(branch(x) + shortcut(x)); the last batch norm of a branch starts at 0, so that a block starts as identity;
 *             shortcut: average pooling 2/2 where the stride is 2, then convolution 1 and batch norm where channels change
 * Sizes 18 and 34 have basic blocks (two k5), 50 and 101 bottlenecks (k1, k5, k1). w is 64 unless encoder.width says otherwise.
 */
#include <string.h>

#include "model/encoders.h"
#include "model/layers.h"

enum { KERNEL = 5, STAGES = 4, STEM_STRIDE = 4 };

typedef struct depth {
    const char *size;
    int blocks[STAGES];
    bool bottleneck;
} depth;

static const depth depths[] = {
    {"18", {2, 2, 2, 2}, false},
    {"34", {3, 4, 6, 3}, false},
    {"50", {3, 4, 6, 3}, true},
    {"101", {3, 4, 23, 3}, true},
};

static const depth *find_depth(const model_encoder_spec *spec)
{
    for (size_t k = 0; k < sizeof depths / sizeof *depths; k++)
        if (strcmp(depths[k].size, spec->size) == 0) return &depths[k];
    return NULL;
}

static int64_t width_of(const model_encoder_spec *spec)
{
    return spec->width > 0 ? spec->width : 64;
}

static int64_t dimensions(const model_encoder_spec *spec)
{
    const depth *d = find_depth(spec);
    return d ? width_of(spec) * 8 * (d->bottleneck ? 4 : 1) : 0;
}

static int64_t stride(const model_encoder_spec *spec)
{
    (void)spec;
    return STEM_STRIDE << (STAGES - 1);
}

/* convolution, batch norm and, unless it ends a branch, ReLU */
static nn_id conv_norm(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, int64_t step)
{
    nn_scope_push(g, "%s", name);
    x = layer_batch_norm(g, layer_conv(g, x, "conv", out, kernel, step), "norm", 1);
    nn_scope_pop(g);
    return nn_relu(g, x);
}

static nn_id conv_norm_last(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t kernel, int64_t step, double gamma)
{
    nn_scope_push(g, "%s", name);
    x = layer_batch_norm(g, layer_conv(g, x, "conv", out, kernel, step), "norm", gamma);
    nn_scope_pop(g);
    return x;
}

static nn_id shortcut(nn_graph *g, nn_id x, int64_t out, int64_t step)
{
    if (x == NN_NONE) return NN_NONE;
    if (step > 1) {
        /* An odd length is padded by one (not counted in the mean), so that it gives ceil(T / 2) like the convolution. */
        int64_t odd = nn_shape_of(g, x).n[1] % 2;
        x = nn_avg_pool1d(g, x, step, step, odd);
    }
    return layer_channels(g, x) == out ? x : conv_norm_last(g, x, "shortcut", out, 1, 1, 1);
}

static nn_id block(nn_graph *g, nn_id x, int64_t width, bool bottleneck, int64_t step)
{
    int64_t out = bottleneck ? 4 * width : width;
    nn_id branch;
    if (bottleneck) {
        branch = conv_norm(g, x, "conv1", width, 1, 1);
        branch = conv_norm(g, branch, "conv2", width, KERNEL, step);
        branch = conv_norm_last(g, branch, "conv3", out, 1, 1, 0);
    } else {
        branch = conv_norm(g, x, "conv1", width, KERNEL, step);
        branch = conv_norm_last(g, branch, "conv2", out, KERNEL, 1, 0);
    }
    return nn_relu(g, nn_add(g, branch, shortcut(g, x, out, step)));
}

static nn_id stem(nn_graph *g, nn_id x, const model_encoder_spec *spec)
{
    int64_t w = width_of(spec), half = (w + 1) / 2;
    if (!find_depth(spec)) return nn_fail(g, "encoder.size \"%s\": xresnet1d has %s", spec->size, model_xresnet1d.sizes);
    if (spec->stem_stride != 0 && spec->stem_stride != STEM_STRIDE)
        return nn_fail(g, "encoder.stem_stride %lld: xresnet1d has a stem of stride %d; leave the key at 0", (long long)spec->stem_stride,
                       STEM_STRIDE);
    nn_scope_push(g, "stem");
    x = conv_norm(g, x, "0", half, KERNEL, 2);
    x = conv_norm(g, x, "1", half, KERNEL, 1);
    x = conv_norm(g, x, "2", w, KERNEL, 1);
    nn_scope_pop(g);
    return nn_max_pool1d(g, x, 3, 2, 1);
}

static nn_id context(nn_graph *g, nn_id x, nn_id visible, const model_encoder_spec *spec)
{
    const depth *d = find_depth(spec);
    if (!d) return NN_NONE; /* told by the stem */
    x = layer_mask(g, x, visible);
    for (int s = 0; s < STAGES; s++)
        for (int b = 0; b < d->blocks[s]; b++) {
            nn_scope_push(g, "stage%d.%d", s, b);
            nn_layer_begin(g);
            x = block(g, x, width_of(spec) << s, d->bottleneck, s > 0 && b == 0 ? 2 : 1);
            nn_layer_end(g);
            nn_scope_pop(g);
        }
    return x;
}

const model_encoder model_xresnet1d = {
    .name = "xresnet1d",
    .sizes = "18|34|50|101",
    .default_size = "18",
    .description = "residual convolutional network, kernels of 5 (He et al. 2019; Strodthoff et al. 2021)",
    .stem = stem,
    .context = context,
    .dimensions = dimensions,
    .stride = stride,
};
