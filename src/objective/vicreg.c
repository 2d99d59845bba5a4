/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VICReg (Bardes et al. 2022, arXiv 2105.04906): two views agree, every dimension keeps its variance, dimensions do not correlate.
 * For projections a, b [B][P]:
 *
 *     L = lambda mean (a - b)^2 + mu/2 [v(a) + v(b)] + nu [c(a) + c(b)]
 *     v(z) = mean_p max(0, 1 - sqrt(var_p(z) + 1e-4));   c(z) = sum_{p != q} C(z)_pq^2 / P,  C the covariance over the batch
 *
 * The second view comes, by option, from the other segment of the recording. VICReg stands here in the place of BYOL: both do
 * without negatives, and it needs neither a second, slowly following encoder nor a predictor, hence half the time and memory.
 */
#include "objective/common.h"
#include "objective/losses.h"
#include "objective/members.h"

typedef struct vicreg {
    objective_base base;
    nn_id view[2], partner;
    bool partners;
} vicreg;

static const config_key keys[] = {
    {"objective.vicreg_invariance", CONFIG_REAL, "25", 0, 1e6, NULL, "weight of the agreement of views"},
    {"objective.vicreg_variance", CONFIG_REAL, "25", 0, 1e6, NULL, "weight of the hinge on each dimension's standard deviation"},
    {"objective.vicreg_covariance", CONFIG_REAL, "1", 0, 1e6, NULL, "weight of the squared covariances"},
    {"objective.vicreg_partners", CONFIG_BOOL, "true", 0, 0, NULL, "the second view is of the other segment of the recording"},
};

/* Both take a view minus its mean over the batch. */
static nn_id variance_term(nn_graph *g, nn_id centred)
{
    double rows = (double)nn_shape_of(g, centred).n[0];
    nn_id variance = nn_affine(g, nn_sum(g, nn_square(g, centred), 0), 1 / (rows - 1), 1e-4);
    return nn_mean_all(g, nn_relu(g, nn_affine(g, nn_sqrt(g, variance), -1, 1)));
}

static nn_id covariance_term(nn_graph *g, nn_id centred)
{
    nn_shape shape = nn_shape_of(g, centred);
    double scale = 1 / (double)(shape.n[0] - 1);
    nn_id covariance = nn_affine(g, nn_matmul(g, centred, centred, true, false), scale, 0);
    nn_id variance = nn_affine(g, nn_sum(g, nn_square(g, centred), 0), scale, 0);
    nn_id off = nn_sub(g, nn_sum_all(g, nn_square(g, covariance)), nn_sum_all(g, nn_square(g, variance)));
    return nn_affine(g, off, 1 / (double)shape.n[1], 0);
}

vicreg_terms vicreg_build(nn_graph *g, nn_id a, nn_id b)
{
    if (a == NN_NONE || b == NN_NONE) return (vicreg_terms){NN_NONE, NN_NONE, NN_NONE};
    nn_id x = nn_sub(g, a, nn_mean(g, a, 0)), y = nn_sub(g, b, nn_mean(g, b, 0));
    vicreg_terms t;
    t.invariance = nn_mse(g, a, b, NN_NONE);
    t.variance = nn_affine(g, nn_add(g, variance_term(g, x), variance_term(g, y)), 0.5, 0);
    t.covariance = nn_add(g, covariance_term(g, x), covariance_term(g, y));
    return t;
}

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    nn_graph *g = s->graph;
    if (objective_all_items(s) < 2)
        return error_set(error, PCLR_E_ARGUMENT, "objective vicreg: a batch of %lld; it needs at least 2",
                         (long long)objective_all_items(s));
    TRY(objective_new(o, sizeof(vicreg), &objective_vicreg, s, error));
    vicreg *p = (vicreg *)*o;
    p->partners = config_bool(s->config, "objective.vicreg_partners");
    objective_view_inputs(s, p->view, 2);
    nn_id pooled = model_pool(g, objective_encode_views(s, p->view, 2), "mean");
    nn_id z = model_project(g, pooled, "projection", config_int(s->config, "objective.projection_hidden"),
                            config_int(s->config, "objective.projection"));
    objective_set_embedding(&p->base, s, pooled);
    z = objective_all_rows(s, z);
    p->partner = nn_input(g, "partner", NN_I32, nn_shape1(objective_all_items(s)));
    vicreg_terms t = vicreg_build(g, objective_all_part(s, z, 0), nn_gather(g, objective_all_part(s, z, 1), p->partner));
    t.invariance = objective_all_mean(g, t.invariance, NN_NONE);
    t.variance = objective_all_mean(g, t.variance, NN_NONE);
    t.covariance = objective_all_mean(g, t.covariance, NN_NONE);
    objective_term_scalar(&p->base, "invariance", t.invariance);
    objective_term_scalar(&p->base, "variance", t.variance);
    objective_term_scalar(&p->base, "covariance", t.covariance);
    *loss = objective_add_weighted(g, NN_NONE, t.invariance, config_real(s->config, "objective.vicreg_invariance"));
    *loss = objective_add_weighted(g, *loss, t.variance, config_real(s->config, "objective.vicreg_variance"));
    *loss = objective_add_weighted(g, *loss, t.covariance, config_real(s->config, "objective.vicreg_covariance"));
    return PCLR_OK;
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    vicreg *p = (vicreg *)o;
    int32_t *partner = nn_data(p->base.graph, p->partner);
    TRY(objective_feed_views(&p->base, b, p->view, 2, error));
    for (int64_t i = 0; i < objective_batch_all(b); i++) partner[i] = p->partners && b->pair[i] >= 0 ? b->pair[i] : (int32_t)i;
    return PCLR_OK;
}

const objective_type objective_vicreg = {
    .name = "vicreg",
    .title = "VICReg",
    .paper = "Bardes et al. 2022, arXiv 2105.04906",
    .views = 2,
    .needs_pairs = true,
    .augment = {"amplitude_scale,muscle_noise,lead_mask", "amplitude_scale,muscle_noise,lead_mask", "", ""},
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .create = create,
    .feed = feed,
    .destroy = objective_free,
};
