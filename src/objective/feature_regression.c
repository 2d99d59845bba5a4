/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regression of the physiological features, the simplest use of the priors: the standardised features f are predicted from the
 * embedding; an invalid feature does not count.
 *
 *     L = sum_if v_if H(f^_if - f_if) / sum_if v_if,   H the Huber loss of width 1 (quadratic up to one standard deviation)
 */
#include "objective/common.h"
#include "objective/members.h"

typedef struct regression {
    objective_base base;
    nn_id view[1], feature, valid;
} regression;

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    nn_graph *g = s->graph;
    TRY(objective_new(o, sizeof(regression), &objective_feature_regression, s, error));
    regression *p = (regression *)*o;
    objective_view_inputs(s, p->view, 1);
    nn_id pooled = model_pool(g, objective_encode_views(s, p->view, 1), "mean");
    objective_set_embedding(&p->base, s, pooled);
    p->feature = nn_input(g, "features", NN_F32, nn_shape2(s->items, s->features));
    p->valid = nn_input(g, "features_valid", NN_F32, nn_shape2(s->items, s->features));
    nn_id guess = model_project(g, pooled, "regression", config_int(s->config, "objective.projection_hidden"), s->features);
    *loss = objective_all_mean(g, nn_huber(g, guess, p->feature, p->valid, 1), p->valid);
    objective_term_scalar(&p->base, "regression", *loss);
    return PCLR_OK;
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    regression *p = (regression *)o;
    TRY(objective_feed_views(&p->base, b, p->view, 1, error));
    objective_feed_features(&p->base, p->feature, p->valid, b);
    return PCLR_OK;
}

const objective_type objective_feature_regression = {
    .name = "feature_regression",
    .title = "Feature regression",
    .paper = "the physiological features of this program",
    .views = 1,
    .needs_features = true,
    .augment = {"", "", "", ""},
    .create = create,
    .feed = feed,
    .destroy = objective_free,
};
