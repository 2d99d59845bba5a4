/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SimCLR (Chen et al. 2020, arXiv 2002.05709; on ECG: Mehari & Strodthoff 2022, arXiv 2103.12676): two augmented views of a segment
 * are recognised among all views of the batch. With 2B rows z of unit length, s_ij = z_i . z_j / tau:
 *
 *     L = mean_i -1/|P(i)| sum_{p in P(i)} log[ e^{s_ip} / sum_{a != i} e^{s_ia} ]
 *
 * P(i) is the other view of the same segment and, by option, both views of another segment of the same recording (a crop is an
 * augmentation too); without the option that segment is left out of the sum.
 */
#include "objective/common.h"
#include "objective/contrast.h"
#include "objective/masks.h"
#include "objective/members.h"

typedef struct simclr {
    objective_base base;
    nn_id view[2], weight, candidate;
    bool partners;
} simclr;

static const config_key keys[] = {
    {"objective.simclr_partners", CONFIG_BOOL, "true", 0, 0, NULL, "another segment of the same recording is a positive too"},
};

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    TRY(objective_new(o, sizeof(simclr), &objective_simclr, s, error));
    simclr *p = (simclr *)*o;
    nn_shape square = nn_shape2(2 * objective_all_items(s), 2 * objective_all_items(s));
    nn_id pooled;
    p->partners = config_bool(s->config, "objective.simclr_partners");
    objective_view_inputs(s, p->view, 2);
    nn_id z = objective_all_rows(s, objective_project(s, objective_encode_views(s, p->view, 2), &pooled));
    objective_set_embedding(&p->base, s, pooled);
    p->weight = nn_input(s->graph, "positive_weight", NN_F32, square);
    p->candidate = nn_input(s->graph, "candidate", NN_F32, square);
    *loss = contrast_all(s->graph, contrast_logits(s->graph, z, z, config_real(s->config, "objective.tau")), p->weight, p->candidate);
    *loss = objective_all_mean(s->graph, *loss, NN_NONE);
    objective_term_scalar(&p->base, "contrastive", *loss);
    return PCLR_OK;
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    simclr *p = (simclr *)o;
    TRY(objective_feed_views(&p->base, b, p->view, 2, error));
    masks_views(objective_batch_all(b), b->pair, p->partners, nn_data(p->base.graph, p->weight), nn_data(p->base.graph, p->candidate));
    return PCLR_OK;
}

const objective_type objective_simclr = {
    .name = "simclr",
    .title = "SimCLR",
    .paper = "Chen et al. 2020, arXiv 2002.05709",
    .views = 2,
    .needs_pairs = true,
    .augment = {"amplitude_scale,muscle_noise,lead_mask", "amplitude_scale,muscle_noise,lead_mask", "", ""},
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .create = create,
    .feed = feed,
    .destroy = objective_free,
};
