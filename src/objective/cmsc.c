/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMSC, contrastive multi-segment coding (CLOCS; Kiyasseh et al. 2021, arXiv 2005.13249): two segments of one recording, not
 * perturbed, recognise each other (and other segments of the same patient) among the batch. The formula is in pair_contrast.h.
 */
#include "objective/members.h"
#include "objective/pair_contrast.h"

typedef struct cmsc {
    objective_base base;
    nn_id view[1];
    pair_contrast pairs;
} cmsc;

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    nn_id pooled;
    TRY(objective_new(o, sizeof(cmsc), &objective_cmsc, s, error));
    cmsc *p = (cmsc *)*o;
    objective_view_inputs(s, p->view, 1);
    nn_id z = objective_all_rows(s, objective_project(s, objective_encode_views(s, p->view, 1), &pooled));
    objective_set_embedding(&p->base, s, pooled);
    *loss = pair_contrast_build(&p->pairs, s->graph, z, config_real(s->config, "objective.tau"));
    objective_term_scalar(&p->base, "contrastive", *loss);
    return PCLR_OK;
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    cmsc *p = (cmsc *)o;
    TRY(objective_feed_views(&p->base, b, p->view, 1, error));
    pair_contrast_feed(&p->pairs, p->base.graph, b);
    return PCLR_OK;
}

const objective_type objective_cmsc = {
    .name = "cmsc",
    .title = "CMSC (CLOCS)",
    .paper = "Kiyasseh et al. 2021, arXiv 2005.13249",
    .views = 1,
    .needs_pairs = true,
    .augment = {"", "", "", ""},
    .create = create,
    .feed = feed,
    .destroy = objective_free,
};
