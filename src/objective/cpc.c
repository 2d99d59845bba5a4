/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPC, contrastive predictive coding (van den Oord et al. 2018, arXiv 1807.03748; on ECG with state spaces: Mehari & Strodthoff
 * 2023): from the context c_t, which has seen the past alone, a linear map per step foretells the local feature z_{t+k}, which is to be
 * recognised among all local features of the same segment:
 *
 *     L = mean_{t,k} -log[ e^{W_k c_t . z_{t+k}} / sum_u e^{W_k c_t . z_u} ],   k = 1 .. steps, t drawn at random
 *
 * Needs an encoder that looks only backward in time (encoder.name s4, encoder.causal true).
 */
#include <stdio.h>
#include <string.h>

#include "objective/common.h"
#include "objective/contrast.h"
#include "objective/members.h"

enum { MAX_STEPS = 64 };

typedef struct cpc {
    objective_base base;
    nn_id view[1], anchor, weight[MAX_STEPS], all;
    int64_t steps, anchors, frames, items;
} cpc;

static const config_key keys[] = {
    {"objective.cpc_steps", CONFIG_INT, "12", 1, MAX_STEPS, NULL, "frames foretold"},
    {"objective.cpc_anchors", CONFIG_INT, "16", 1, 4096, NULL, "times per segment from which the future is foretold"},
};

/* Logits [B * A][T'] of one step: W_k c . z. */
static nn_id step_logits(const cpc *p, nn_graph *g, nn_id anchors, nn_id z, int64_t step)
{
    char name[32];
    int64_t width = nn_shape_of(g, z).n[2];
    (void)snprintf(name, sizeof name, "predict%lld", (long long)step);
    nn_id guess = nn_reshape(g, model_project(g, anchors, name, 0, width), nn_shape3(p->items, p->anchors, width));
    return nn_reshape(g, nn_matmul(g, guess, z, false, true), nn_shape2(p->items * p->anchors, p->frames));
}

static pclr_status check(const objective_setup *s, pclr_error *error)
{
    if (!s->encoder->causal)
        return error_set(error, PCLR_E_ARGUMENT,
                         "objective cpc: the encoder %s sees the future; set encoder.name s4 and encoder.causal true", s->encoder->name);
    int64_t frames = s->samples / model_stride(s->encoder), steps = config_int(s->config, "objective.cpc_steps");
    if (frames < 2 * steps)
        return error_set(
            error, PCLR_E_ARGUMENT,
            "objective cpc: %lld frames in a window, %lld are foretold; lengthen input.seconds or lower objective.cpc_steps or "
            "encoder.stem_stride",
            (long long)frames, (long long)steps);
    return PCLR_OK;
}

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    nn_graph *g = s->graph;
    TRY(check(s, error));
    TRY(objective_new(o, sizeof(cpc), &objective_cpc, s, error));
    cpc *p = (cpc *)*o;
    p->steps = config_int(s->config, "objective.cpc_steps");
    p->anchors = config_int(s->config, "objective.cpc_anchors");
    p->items = s->items;
    objective_view_inputs(s, p->view, 1);
    nn_id z = model_encode_stem(g, p->view[0], s->encoder);
    nn_id c = model_encode_context(g, z, NN_NONE, s->encoder);
    *loss = NN_NONE;
    if (c == NN_NONE) return PCLR_OK; /* the graph tells */
    p->frames = nn_shape_of(g, z).n[1];
    objective_set_embedding(&p->base, s, model_pool(g, c, "mean"));
    int64_t rows = p->items * p->anchors, channels = nn_shape_of(g, c).n[2];
    p->anchor = nn_input(g, "anchor", NN_I32, nn_shape1(rows));
    p->all = nn_input(g, "candidate", NN_F32, nn_shape2(rows, p->frames));
    nn_id at = nn_gather(g, nn_reshape(g, c, nn_shape2(p->items * p->frames, channels)), p->anchor);
    for (int64_t k = 0; k < p->steps; k++) {
        char name[32];
        (void)snprintf(name, sizeof name, "future%lld", (long long)k + 1);
        p->weight[k] = nn_input(g, name, NN_F32, nn_shape2(rows, p->frames));
        nn_id term = objective_all_mean(g, contrast_all(g, step_logits(p, g, at, z, k + 1), p->weight[k], p->all), NN_NONE);
        *loss = objective_add_weighted(g, *loss, term, 1 / (double)p->steps);
    }
    objective_term_scalar(&p->base, "contrastive", *loss);
    return PCLR_OK;
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    cpc *p = (cpc *)o;
    nn_graph *g = p->base.graph;
    int64_t rows = p->items * p->anchors;
    int32_t *anchor = nn_data(g, p->anchor);
    float *all = nn_data(g, p->all);
    TRY(objective_feed_views(&p->base, b, p->view, 1, error));
    for (int64_t k = 0; k < rows * p->frames; k++) all[k] = 1;
    for (int64_t k = 0; k < p->steps; k++) memset(nn_data(g, p->weight[k]), 0, (size_t)(rows * p->frames) * sizeof(float));
    for (int64_t r = 0; r < rows; r++) {
        int64_t item = r / p->anchors;
        rng random = rng_make(b->seed, "cpc", objective_draw(b, item) * (uint64_t)p->anchors + (uint64_t)(r % p->anchors));
        int64_t t = (int64_t)rng_below(&random, (uint64_t)(p->frames - p->steps));
        anchor[r] = (int32_t)(item * p->frames + t);
        for (int64_t k = 0; k < p->steps; k++) {
            float *weight = nn_data(g, p->weight[k]);
            weight[r * p->frames + t + k + 1] = (float)(1 / (double)rows);
        }
    }
    return PCLR_OK;
}

const objective_type objective_cpc = {
    .name = "cpc",
    .title = "CPC",
    .paper = "van den Oord et al. 2018, arXiv 1807.03748",
    .views = 1,
    .augment = {"", "", "", ""},
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .create = create,
    .feed = feed,
    .destroy = objective_free,
};
