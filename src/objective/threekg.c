/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 3KG (Gopal et al. 2021, arXiv 2106.04452): two views by rotating and scaling the heart's vector and masking time in each lead;
 * every other view of the same patient is a positive, and meets that row's negatives (views of other patients) alone:
 *
 *     L = mean_i 1/|P(i)| sum_{p in P(i)} -log[ e^{s_ip} / (e^{s_ip} + sum_{n: other patient} e^{s_in}) ]
 */
#include "objective/common.h"
#include "objective/contrast.h"
#include "objective/masks.h"
#include "objective/members.h"

typedef struct threekg {
    objective_base base;
    nn_id view[2], weight, negative;
} threekg;

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    TRY(objective_new(o, sizeof(threekg), &objective_3kg, s, error));
    threekg *p = (threekg *)*o;
    nn_shape square = nn_shape2(2 * objective_all_items(s), 2 * objective_all_items(s));
    nn_id pooled;
    objective_view_inputs(s, p->view, 2);
    nn_id z = objective_all_rows(s, objective_project(s, objective_encode_views(s, p->view, 2), &pooled));
    objective_set_embedding(&p->base, s, pooled);
    p->weight = nn_input(s->graph, "positive_weight", NN_F32, square);
    p->negative = nn_input(s->graph, "negative", NN_F32, square);
    *loss = contrast_each(s->graph, contrast_logits(s->graph, z, z, config_real(s->config, "objective.tau")), p->weight, p->negative);
    *loss = objective_all_mean(s->graph, *loss, NN_NONE);
    objective_term_scalar(&p->base, "contrastive", *loss);
    return PCLR_OK;
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    threekg *p = (threekg *)o;
    TRY(objective_feed_views(&p->base, b, p->view, 2, error));
    masks_patients(objective_batch_all(b), b->patient, nn_data(p->base.graph, p->weight), nn_data(p->base.graph, p->negative));
    return PCLR_OK;
}

const objective_type objective_3kg = {
    .name = "3kg",
    .title = "3KG",
    .paper = "Gopal et al. 2021, arXiv 2106.04452",
    .views = 2,
    .augment = {"vcg_rotation,lead_time_mask", "vcg_rotation,lead_time_mask", "", ""},
    .create = create,
    .feed = feed,
    .destroy = objective_free,
};
