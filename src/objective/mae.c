/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked reconstruction after ST-MEM (Na et al. 2024, arXiv 2402.09450): in each lead on its own a share of the patches is hidden
 * (zero) and rebuilt from what is left. Each patch is a target in its own scale:
 *
 *     L = mean over hidden samples of (x^ - (x - m) / sqrt(s^2 + 1e-6))^2,   m, s mean and standard deviation of the patch
 *
 * ST-MEM drops hidden patches from its transformer; here they stay as zeros, so that every encoder can be trained.
 */
#include <math.h>

#include "objective/common.h"
#include "objective/losses.h"
#include "objective/members.h"

typedef struct mae {
    objective_base base;
    nn_id masked, target, hidden;
    int64_t patch; /* samples */
    double share;
    uint32_t *order; /* [patches] */
} mae;

static const config_key keys[] = {
    {"objective.mae_patch", CONFIG_REAL, "0.3", 0.01, 10, NULL, "length of a patch in s"},
    {"objective.mae_share", CONFIG_REAL, "0.75", 0.01, 0.99, NULL, "share of each lead's patches that is hidden"},
};

void mae_normalise(const float *x, int64_t length, int64_t stride, float *target)
{
    double mean = 0, square = 0;
    for (int64_t t = 0; t < length; t++) mean += (double)x[t * stride] / (double)length;
    for (int64_t t = 0; t < length; t++) square += ((double)x[t * stride] - mean) * ((double)x[t * stride] - mean) / (double)length;
    double scale = 1 / sqrt(square + 1e-6);
    for (int64_t t = 0; t < length; t++) target[t * stride] = (float)(((double)x[t * stride] - mean) * scale);
}

static void destroy(objective **o)
{
    if (!o || !*o) return;
    mem_release(&((mae *)*o)->order);
    objective_free(o);
}

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    nn_graph *g = s->graph;
    nn_shape shape = nn_shape3(s->items, s->samples, s->leads);
    TRY(objective_new(o, sizeof(mae), &objective_mae, s, error));
    mae *p = (mae *)*o;
    p->share = config_real(s->config, "objective.mae_share");
    p->patch = (int64_t)llround(config_real(s->config, "objective.mae_patch") * config_real(s->config, "input.rate"));
    if (p->patch < 1) p->patch = 1;
    if (s->samples < 2 * p->patch) {
        destroy(o);
        return error_set(error, PCLR_E_ARGUMENT,
                         "configuration: objective.mae_patch of %lld samples in windows of %lld; at least two must fit",
                         (long long)(int64_t)llround(config_real(s->config, "objective.mae_patch") * config_real(s->config, "input.rate")),
                         (long long)s->samples);
    }
    pclr_status status = mem_alloc(&p->order, (size_t)(s->samples / p->patch), sizeof *p->order, error);
    if (status != PCLR_OK) {
        destroy(o);
        return status;
    }
    p->masked = nn_input(g, "masked", NN_F32, shape);
    p->target = nn_input(g, "target", NN_F32, shape);
    p->hidden = nn_input(g, "hidden", NN_F32, shape);
    nn_id encoded = model_encode(g, p->masked, s->encoder);
    objective_set_embedding(&p->base, s, model_pool(g, encoded, "mean"));
    *loss = objective_all_mean(g, nn_mse(g, model_decode(g, encoded, s->samples, s->leads), p->target, p->hidden), p->hidden);
    objective_term_scalar(&p->base, "masked", *loss);
    return PCLR_OK;
}

/* One lead of one item: hides a share of its patches (the last one takes the rest of the samples). */
static void hide_patches(mae *p, const float *x, int64_t samples, int64_t leads, rng *random, float *masked, float *target, float *hidden)
{
    int64_t patches = samples / p->patch, hide = (int64_t)llround(p->share * (double)patches);
    if (hide < 1) hide = 1;
    if (hide >= patches) hide = patches - 1;
    for (int64_t k = 0; k < patches; k++) p->order[k] = (uint32_t)k;
    rng_shuffle(random, p->order, (size_t)patches);
    for (int64_t k = 0; k < patches; k++) {
        int64_t begin = (int64_t)p->order[k] * p->patch;
        int64_t length = p->order[k] + 1 == patches ? samples - begin : p->patch;
        mae_normalise(x + begin * leads, length, leads, target + begin * leads);
        for (int64_t t = begin; t < begin + length; t++) {
            hidden[t * leads] = k < hide ? 1.0f : 0.0f;
            masked[t * leads] = k < hide ? 0.0f : x[t * leads];
        }
    }
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    mae *p = (mae *)o;
    nn_graph *g = p->base.graph;
    float *masked = nn_data(g, p->masked), *target = nn_data(g, p->target), *hidden = nn_data(g, p->hidden);
    if (!b->view[0]) return error_set(error, PCLR_E_ARGUMENT, "objective mae: the batch has no view");
    for (int64_t i = 0; i < b->items; i++) {
        rng random = rng_make(b->seed, "mae", objective_draw(b, i));
        for (int64_t c = 0; c < b->leads; c++) {
            int64_t at = i * b->samples * b->leads + c;
            hide_patches(p, b->view[0] + at, b->samples, b->leads, &random, masked + at, target + at, hidden + at);
        }
    }
    return PCLR_OK;
}

const objective_type objective_mae = {
    .name = "mae",
    .title = "Masked reconstruction",
    .paper = "Na et al. 2024 (ST-MEM), arXiv 2402.09450",
    .views = 1,
    .augment = {"", "", "", ""},
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .create = create,
    .feed = feed,
    .destroy = destroy,
};
