/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PhysioCLR (Maghsoodi et al. 2025, arXiv 2509.08116): contrast by physiology, and reconstruction that minds the peaks.
 *
 * Views: the segment x, and x with its heartbeats shuffled. z = projection(mean over time of the encoder's output), of unit length;
 * s_ij = z_i . z_j / tau; f physiological features (principal components); P(i), N(i) as pairs.h tells.
 *
 *     L_contrastive = mean_i -1/|P(i)| sum_p log[ e^{s_ip} / (e^{s_ip} + sum_{n in N(i)} e^{s_in}) ]
 *     L_global      = mean (x^ - x)^2 over all samples;   L_peak the same over the windows around the peaks
 *     L             = L_contrastive + alpha L_global + beta L_peak + regression * Huber(f^ - f)
 *
 * Anchors without positives or without negatives are left out and counted. contrastive: official is the released code's term,
 * mean_i [log sum_N e^s - log sum_P e^s] with the anchor itself and the batch's next item among the positives; an empty set
 * counts as -1e4 there.
 */
#include <string.h>

#include "base/world.h"
#include "objective/common.h"
#include "objective/contrast.h"
#include "objective/diagnostics.h"
#include "objective/losses.h"
#include "objective/members.h"
#include "objective/pairs.h"
#include "objective/queue.h"

typedef struct physioclr {
    objective_base base;
    pairs_options pairs;
    bool official;
    bool by_features;   /* similarity of standardised features instead of principal components */
    int64_t components; /* of them the first so many; 0: all */
    nn_id view[2], weight, contrasted, wave, feature, valid, queued;
    nn_id z;                 /* [2B][P] projections of both views, unit length */
    nn_id first, candidates; /* [B][P], [A][P] those of the first view, of this process's items and of all */
    nn_id anchors;           /* how many of this process's are not left out */
    queue memory;
    float *similarity, *scratch, *physiology; /* [B][A + Q], the same, [A][Z'] */
    pairs_counts counts;                      /* of this process's anchors */
    double *rank_scratch;
    int64_t items, all; /* B of this process, A of all */
    int64_t physiology_width, projection, features, samples;
    size_t positives, negatives, left_out, alignment, uniformity, rank, filled; /* indices of terms */
    size_t agreement, chance;                                                   /* 0: no labels seen */
} physioclr;

static const config_key keys[] = {
    {"objective.delta", CONFIG_REAL, "0.25", -1, 1, NULL,
     "neighbours: threshold: cosine of the physiology from which on two segments are positives"},
    {"objective.neighbours", CONFIG_CHOICE, "threshold", 0, 0, "threshold|quantile|top_k|soft", "how neighbours by physiology are chosen"},
    {"objective.share", CONFIG_REAL, "0.03", 0, 1, NULL,
     "quantile: share of the batch's pairs, top_k: share of the candidates, that are neighbours"},
    {"objective.softness", CONFIG_REAL, "0.25", 1e-3, 100, NULL, "soft: temperature of the weights exp((cosine - 1) / temperature)"},
    {"objective.physiology", CONFIG_CHOICE, "components", 0, 0, "components|features",
     "cosine between principal components, or between standardised features"},
    {"objective.components", CONFIG_INT, "0", 0, 4096, NULL, "number of principal components used; 0: all"},
    {"objective.contrastive", CONFIG_CHOICE, "sound", 0, 0, "sound|official|none",
     "contrastive term: ours, as released with the paper, or none"},
    {"objective.denominator", CONFIG_CHOICE, "negatives", 0, 0, "negatives|all", "what a positive is contrasted with"},
    {"objective.positives_shuffle", CONFIG_BOOL, "true", 0, 0, NULL, "the own heartbeat-shuffled view is a positive"},
    {"objective.positives_pair", CONFIG_BOOL, "true", 0, 0, NULL, "the other segment of the recording is a positive"},
    {"objective.positives_neighbours", CONFIG_BOOL, "true", 0, 0, NULL, "neighbours by physiology are positives"},
    {"objective.alpha", CONFIG_REAL, "0.2", 0, 1e6, NULL, "weight of the reconstruction of all samples"},
    {"objective.beta", CONFIG_REAL, "0.1", 0, 1e6, NULL, "weight of the reconstruction around the peaks"},
    {"objective.peak_window", CONFIG_REAL, "50", 0, 1000, NULL, "ms on each side of a peak that its reconstruction counts"},
    {"objective.peak_waves", CONFIG_CHOICE, "R", 0, 0, "R|PRT", "whose peaks: R, or P, R and T"},
    {"objective.regression", CONFIG_REAL, "0", 0, 1e6, NULL, "weight of predicting the features from the embedding (Huber loss)"},
    {"objective.queue", CONFIG_INT, "0", 0, 1048576, NULL, "segments of earlier batches that stand as candidates; 0: none"},
};

static pairs_options read_pairs(const pclr_config *c)
{
    pairs_options o = {.rule = PAIRS_THRESHOLD,
                       .delta = config_real(c, "objective.delta"),
                       .share = config_real(c, "objective.share"),
                       .temperature = config_real(c, "objective.softness"),
                       .own_view = config_bool(c, "objective.positives_shuffle"),
                       .partner = config_bool(c, "objective.positives_pair"),
                       .neighbours = config_bool(c, "objective.positives_neighbours")};
    if (config_is(c, "objective.neighbours", "quantile")) o.rule = PAIRS_QUANTILE;
    if (config_is(c, "objective.neighbours", "top_k")) o.rule = PAIRS_TOP_K;
    if (config_is(c, "objective.neighbours", "soft")) o.rule = PAIRS_SOFT;
    o.against_all = o.rule == PAIRS_SOFT || config_is(c, "objective.denominator", "all");
    return o;
}

/* The same with candidates [A][P] of which the anchors are some. */
static nn_id contrast_rows(nn_graph *g, physioclr_form form, nn_id first, nn_id second, nn_id candidates, nn_id queued, nn_id weight,
                           nn_id contrasted, double tau)
{
    nn_id block[3] = {contrast_own_logit(g, first, second, tau), contrast_logits(g, first, candidates, tau), NN_NONE};
    if (queued != NN_NONE) block[2] = contrast_logits(g, first, queued, tau);
    nn_id logits = nn_concat(g, block, queued != NN_NONE ? 3 : 2, 1);
    if (form == PHYSIOCLR_EACH) return contrast_each(g, logits, weight, contrasted);
    if (form == PHYSIOCLR_ALL) return contrast_all(g, logits, weight, contrasted);
    return nn_mean_all(g, nn_sub(g, nn_masked_logsumexp(g, logits, contrasted), nn_masked_logsumexp(g, logits, weight)));
}

nn_id physioclr_contrast(nn_graph *g, physioclr_form form, nn_id first, nn_id second, nn_id queued, nn_id weight, nn_id contrasted,
                         double tau)
{
    return contrast_rows(g, form, first, second, first, queued, weight, contrasted, tau);
}

/* Each process contrasts its own anchors with the candidates of all. */
static nn_id build_contrastive(physioclr *p, const objective_setup *s)
{
    nn_graph *g = s->graph;
    int64_t columns = 1 + p->all + p->memory.places;
    physioclr_form form = p->official ? PHYSIOCLR_OFFICIAL : p->pairs.against_all ? PHYSIOCLR_ALL : PHYSIOCLR_EACH;
    if (p->memory.places > 0) p->queued = nn_input(g, "queue", NN_F32, nn_shape2(p->memory.places, p->projection));
    p->weight = nn_input(g, "positive_weight", NN_F32, nn_shape2(s->items, columns));
    p->contrasted = nn_input(g, "contrasted", NN_F32, nn_shape2(s->items, columns));
    if (nn_graph_processes(g) > 1) p->anchors = nn_input(g, "anchors", NN_F32, nn_shape1(1));
    nn_id loss = contrast_rows(g, form, p->first, objective_part(s, p->z, 1), p->candidates, p->queued, p->weight, p->contrasted,
                               config_real(s->config, "objective.tau"));
    return objective_all_mean(g, loss, p->anchors);
}

static nn_id build_reconstruction(physioclr *p, const objective_setup *s, nn_id encoded, nn_id loss)
{
    nn_graph *g = s->graph;
    double alpha = config_real(s->config, "objective.alpha"), beta = config_real(s->config, "objective.beta");
    if (alpha == 0 && beta == 0) return loss;
    nn_id rebuilt = model_decode(g, objective_part(s, encoded, 0), s->samples, s->leads);
    if (alpha > 0) {
        nn_id global = objective_all_mean(g, nn_mse(g, rebuilt, p->view[0], NN_NONE), NN_NONE);
        objective_term_scalar(&p->base, "global", global);
        loss = objective_add_weighted(g, loss, global, alpha);
    }
    if (beta > 0) {
        p->wave = nn_input(g, "wave_weight", NN_F32, nn_shape3(s->items, s->samples, 1));
        nn_id peak = objective_all_mean(g, nn_mse(g, rebuilt, p->view[0], p->wave), p->wave);
        objective_term_scalar(&p->base, "peak", peak);
        loss = objective_add_weighted(g, loss, peak, beta);
    }
    return loss;
}

static nn_id build_regression(physioclr *p, const objective_setup *s, nn_id loss)
{
    nn_graph *g = s->graph;
    double weight = config_real(s->config, "objective.regression");
    if (weight == 0) return loss;
    p->feature = nn_input(g, "features", NN_F32, nn_shape2(s->items, s->features));
    p->valid = nn_input(g, "features_valid", NN_F32, nn_shape2(s->items, s->features));
    nn_id guess = model_project(g, p->base.embedding, "regression", config_int(s->config, "objective.projection_hidden"), s->features);
    nn_id term = objective_all_mean(g, nn_huber(g, guess, p->feature, p->valid, 1), p->valid);
    objective_term_scalar(&p->base, "regression", term);
    return objective_add_weighted(g, loss, term, weight);
}

static pclr_status create_buffers(physioclr *p, const objective_setup *s, pclr_error *error)
{
    int64_t places = config_int(s->config, "objective.queue");
    p->items = s->items;
    p->all = objective_all_items(s);
    size_t items = (size_t)p->items, all = (size_t)p->all;
    p->samples = s->samples;
    p->features = s->features;
    p->projection = config_int(s->config, "objective.projection");
    p->by_features = config_is(s->config, "objective.physiology", "features");
    p->components = config_int(s->config, "objective.components");
    if (p->by_features)
        p->physiology_width = s->features;
    else
        p->physiology_width = p->components > 0 && p->components < s->components ? p->components : s->components;
    if (p->official) places = 0; /* the released code has none */
    TRY(queue_create(&p->memory, places, p->projection, p->physiology_width, error));
    TRY(mem_alloc(&p->similarity, items, (all + (size_t)places) * sizeof(float), error));
    TRY(mem_alloc(&p->scratch, items, (all + (size_t)places) * sizeof(float), error));
    TRY(mem_alloc(&p->physiology, all, (size_t)p->physiology_width * sizeof(float), error));
    return mem_alloc(&p->rank_scratch, (size_t)(p->projection + 1), (size_t)p->projection * sizeof(double), error);
}

static void add_value_terms(physioclr *p)
{
    p->positives = objective_term_value(&p->base, "positives");
    p->negatives = objective_term_value(&p->base, "negatives");
    p->left_out = objective_term_value(&p->base, "left_out");
    p->alignment = objective_term_value(&p->base, "alignment");
    p->uniformity = objective_term_value(&p->base, "uniformity");
    p->rank = objective_term_value(&p->base, "rank");
    p->filled = objective_term_value(&p->base, "queue_filled");
}

static void destroy(objective **o)
{
    if (!o || !*o) return;
    physioclr *p = (physioclr *)*o;
    queue_destroy(&p->memory);
    mem_release(&p->similarity);
    mem_release(&p->scratch);
    mem_release(&p->physiology);
    mem_release(&p->rank_scratch);
    objective_free(o);
}

static pclr_status check_processes(const physioclr *p, const objective_setup *s, pclr_error *error)
{
    if (nn_graph_processes(s->graph) == 1 || p->official || p->pairs.rule != PAIRS_QUANTILE) return PCLR_OK;
    return error_set(
        error, PCLR_E_ARGUMENT,
        "objective.neighbours quantile: it compares all pairs of the batch, which several processes do not; choose top_k or threshold");
}

static pclr_status create(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    TRY(objective_new(o, sizeof(physioclr), &objective_physioclr, s, error));
    physioclr *p = (physioclr *)*o;
    bool contrastive = !config_is(s->config, "objective.contrastive", "none");
    p->pairs = read_pairs(s->config);
    p->official = config_is(s->config, "objective.contrastive", "official");
    p->weight = p->contrasted = p->wave = p->feature = p->valid = p->queued = p->anchors = NN_NONE;
    pclr_status status = check_processes(p, s, error);
    if (status == PCLR_OK) status = create_buffers(p, s, error);
    if (status != PCLR_OK) {
        destroy(o);
        return status;
    }
    objective_view_inputs(s, p->view, 2);
    nn_id encoded = objective_encode_views(s, p->view, 2), pooled;
    p->z = objective_project(s, encoded, &pooled);
    p->first = objective_part(s, p->z, 0);
    p->candidates = nn_all_rows(s->graph, p->first);
    nn_keep(s->graph, p->z);
    nn_keep(s->graph, p->candidates);
    objective_set_embedding(&p->base, s, pooled);
    *loss = NN_NONE;
    if (contrastive) {
        *loss = build_contrastive(p, s);
        objective_term_scalar(&p->base, "contrastive", *loss);
    }
    *loss = build_reconstruction(p, s, encoded, *loss);
    *loss = build_regression(p, s, *loss);
    add_value_terms(p);
    if (*loss == NN_NONE && !contrastive) {
        destroy(o);
        return error_set(
            error, PCLR_E_ARGUMENT,
            "configuration: objective.contrastive none, alpha 0, beta 0 and regression 0 leave physioclr without a loss; switch one on");
    }
    return PCLR_OK;
}

/* What similarity is measured on: the batch's principal components (the first so many) or its standardised features. */
static void gather_physiology(physioclr *p, const objective_batch *b)
{
    const float *source = p->by_features ? b->feature : b->component;
    int64_t stride = p->by_features ? b->features : b->components, width = p->physiology_width;
    for (int64_t i = 0; i < p->all; i++) memcpy(p->physiology + i * width, source + i * stride, (size_t)width * sizeof(float));
}

/* Among this process's items. The two terms appear in the log once labels are there. */
static void feed_label_agreement(physioclr *p, const objective_batch *b, const float *weight)
{
    if (!p->agreement) {
        p->agreement = objective_term_value(&p->base, "label_agreement");
        p->chance = objective_term_value(&p->base, "label_chance");
    }
    diagnostics_label_agreement(weight + 1 + b->before, 1 + p->all + p->memory.places, b->label + b->before * b->classes, p->items,
                                b->classes, &p->base.term[p->agreement].value, &p->base.term[p->chance].value);
}

static void feed_pairs(physioclr *p, const objective_batch *b)
{
    int64_t stride = p->all + p->memory.places, width = p->physiology_width;
    pairs_batch batch = {.items = p->all,
                         .queue = p->memory.places,
                         .similarity = p->similarity,
                         .pair = b->pair,
                         .record = b->record,
                         .queue_record = p->memory.record,
                         .first = b->before,
                         .anchors = p->items};
    const float *own = p->physiology + b->before * width;
    float *weight = nn_data(p->base.graph, p->weight), *contrasted = nn_data(p->base.graph, p->contrasted);
    pairs_cosines(own, p->items, p->physiology, p->all, width, p->similarity, stride);
    pairs_cosines(own, p->items, p->memory.component, p->memory.places, width, p->similarity + p->all, stride);
    if (p->official)
        pairs_make_official(&batch, p->pairs.delta, weight, contrasted, &p->counts);
    else
        pairs_make(&p->pairs, &batch, weight, contrasted, p->scratch, &p->counts);
    objective_feed_floats(&p->base, p->queued, p->memory.embedding, p->memory.places * p->projection);
    const float anchors = (float)p->counts.anchors;
    objective_feed_floats(&p->base, p->anchors, &anchors, 1);
    p->base.term[p->filled].value = (double)queue_filled(&p->memory);
    if (b->label) feed_label_agreement(p, b, weight);
}

static pclr_status feed(objective *o, const objective_batch *batch, pclr_error *error)
{
    physioclr *p = (physioclr *)o;
    TRY(objective_feed_views(&p->base, batch, p->view, 2, error));
    gather_physiology(p, batch);
    if (p->weight != NN_NONE) feed_pairs(p, batch);
    objective_feed_floats(&p->base, p->wave, batch->wave_weight, p->items * p->samples);
    objective_feed_features(&p->base, p->feature, p->valid, batch);
    return PCLR_OK;
}

/* Counts are those of all anchors; geometry is measured among the items of each process and averaged. */
static void take_stock(physioclr *p)
{
    const float *z = nn_data(p->base.graph, p->z);
    const double anchors = (double)p->counts.anchors;
    double sum[] = {anchors,
                    anchors * p->counts.positives,
                    anchors * p->counts.negatives,
                    (double)p->counts.left_out,
                    diagnostics_alignment(z, z + p->items * p->projection, p->items, p->projection),
                    diagnostics_uniformity(z, p->items, p->projection),
                    diagnostics_rank(z, p->items, p->projection, p->rank_scratch)};
    const double processes = nn_graph_processes(p->base.graph);
    world_sum(nn_graph_world(p->base.graph), sum, sizeof sum / sizeof *sum);
    p->base.term[p->positives].value = sum[0] > 0 ? sum[1] / sum[0] : 0;
    p->base.term[p->negatives].value = sum[0] > 0 ? sum[2] / sum[0] : 0;
    p->base.term[p->left_out].value = sum[3];
    p->base.term[p->alignment].value = sum[4] / processes;
    p->base.term[p->uniformity].value = sum[5] / processes;
    p->base.term[p->rank].value = sum[6] / processes;
}

static pclr_status after_step(objective *o, const objective_batch *batch, pclr_error *error)
{
    physioclr *p = (physioclr *)o;
    (void)error;
    take_stock(p);
    queue_push(&p->memory, nn_data(p->base.graph, p->candidates), p->physiology, batch->record, p->all);
    return PCLR_OK;
}

static pclr_status save(const objective *o, st_writer *w, pclr_error *error)
{
    return queue_save(&((const physioclr *)o)->memory, w, error);
}

static pclr_status load(objective *o, const st_file *f, pclr_error *error)
{
    return queue_load(&((physioclr *)o)->memory, f, error);
}

const objective_type objective_physioclr = {
    .name = "physioclr",
    .title = "PhysioCLR",
    .paper = "Maghsoodi et al. 2025, arXiv 2509.08116",
    .views = 2,
    .needs_pairs = true,
    .needs_features = true,
    .augment = {"", "heartbeat_shuffle", "", ""},
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .create = create,
    .feed = feed,
    .after_step = after_step,
    .destroy = destroy,
    .save = save,
    .load = load,
};
