/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477), and with CMSC and random lead masking the recipe of Oh et al. 2022 (CHIL) and
 * ECG-FM (McKeen et al. 2024, arXiv 2408.05178).
 *
 * Spans of local features are hidden from the context network; at each hidden frame the context c_t is to recognise the frame's own
 * quantised feature q_t among those of other hidden frames of the segment:
 *
 *     L = mean_t -log[ e^{cos(c_t, q_t)/tau} / (e^{cos(c_t, q_t)/tau} + sum over distractors e^{cos(c_t, q_u)/tau}) ]
 *         + 0.1 (G V - perplexity) / (G V)                      [+ L_cmsc on the mean of the context of the masked input]
 *
 * q: per group of G = 2 one of V = 320 codebook entries, chosen by argmax(logits + Gumbel noise), gradient through
 * softmax((logits + noise) / temperature); temperature 2 -> 0.5, times 0.999995 a step. perplexity = sum_g exp(entropy of the mean
 * choice). Distractors are drawn with replacement, so that a frame counts as often as it was drawn. Not taken over: the factor 0.1
 * on the stem's gradient (Adam cancels it) and the penalty on the stem's mean square (the stem ends in a norm).
 *
 * An encoder whose context is coarser than its stem (xresnet1d) has the targets averaged over the frames that a context frame spans.
 */
#include <math.h>
#include <string.h>

#include "objective/common.h"
#include "objective/contrast.h"
#include "objective/losses.h"
#include "objective/members.h"
#include "objective/pair_contrast.h"

enum { GROUPS = 2, CODES = 320, ENTRY = 128 };

typedef struct wav2vec2 {
    objective_base base;
    nn_id view[1], visible, hidden, noise, temperature, distractors;
    bool with_pairs;
    pair_contrast pairs;
    int64_t items, stem_frames, frames, ratio, masked, span, draws; /* masked: M hidden frames per item; ratio: stem frames per frame */
    uint8_t *mask;                                                  /* [frames] */
    uint32_t *order;                                                /* [frames] */
    size_t temperature_term;
} wav2vec2;

static const config_key keys[] = {
    {"objective.mask_share", CONFIG_REAL, "0.45", 0.05, 0.95, NULL, "share of the frames that is hidden"},
    {"objective.mask_span", CONFIG_INT, "10", 1, 1000, NULL, "frames hidden in a row; at most a quarter of the window"},
    {"objective.distractors", CONFIG_INT, "100", 1, 10000, NULL,
     "hidden frames of the same segment drawn as distractors, with replacement"},
    {"objective.diversity", CONFIG_REAL, "0.1", 0, 1e6, NULL, "weight of the even use of the codebook"},
};

quantised wav2vec2_quantise(nn_graph *g, nn_id features, nn_id noise, nn_id temperature)
{
    quantised q = {NN_NONE, NN_NONE, NN_NONE};
    if (features == NN_NONE) return q;
    nn_shape in = nn_shape_of(g, features);
    int64_t rows = in.n[0];
    nn_scope_push(g, "quantiser");
    nn_id w = nn_param(g, "weight", nn_shape2(GROUPS * CODES, in.n[1]), (nn_init){.kind = NN_INIT_NORMAL, .a = 1});
    nn_id b = nn_param(g, "bias", nn_shape1(GROUPS * CODES), (nn_init){.kind = NN_INIT_ZEROS, .no_decay = true});
    nn_id book = nn_param(g, "codebook", nn_shape3(GROUPS, CODES, ENTRY), (nn_init){.kind = NN_INIT_RANGE, .a = 0, .b = 1});
    nn_scope_pop(g);
    nn_id logits = nn_reshape(g, nn_linear(g, features, w, b), nn_shape3(rows, GROUPS, CODES));
    nn_id noisy = nn_add(g, logits, noise);
    nn_id soft = nn_softmax(g, nn_div(g, noisy, temperature));
    q.choice = nn_one_hot_max(g, noisy);
    nn_id straight = nn_add(g, nn_sub(g, soft, nn_stop_gradient(g, soft)), q.choice);                   /* value: choice; gradient: soft */
    nn_id by_group = nn_matmul(g, nn_permute(g, straight, (const int[]){1, 0, 2}), book, false, false); /* [G][R][ENTRY] */
    q.code = nn_reshape(g, nn_permute(g, by_group, (const int[]){1, 0, 2}), nn_shape2(rows, GROUPS * ENTRY));
    nn_id mean = objective_all_mean(g, nn_mean(g, nn_softmax(g, logits), 0), NN_NONE); /* [G][V] */
    nn_id entropy = nn_affine(g, nn_sum(g, nn_mul(g, mean, nn_log(g, mean)), 1), -1, 0);
    q.diversity = nn_affine(g, nn_sum_all(g, nn_exp(g, entropy)), -1.0 / (GROUPS * CODES), 1);
    return q;
}

nn_id wav2vec2_contrast(nn_graph *g, nn_id context, nn_id target, nn_id choice, nn_id distractors, double tau)
{
    if (context == NN_NONE || target == NN_NONE || choice == NN_NONE) return NN_NONE;
    nn_shape shape = nn_shape_of(g, context);
    int64_t items = shape.n[0], frames = shape.n[1];
    nn_shape rows = nn_shape2(items * frames, frames);
    nn_id logits = nn_affine(g, nn_matmul(g, context, target, false, true), 1 / tau, 0);
    /* two frames have the same target when all groups chose the same code: the product of choices is then G */
    nn_id same = nn_relu(g, nn_affine(g, nn_matmul(g, choice, choice, false, true), 1, 1 - GROUPS));
    nn_id counted = nn_mul(g, distractors, nn_affine(g, same, -1, 1));
    logits = nn_reshape(g, logits, rows);
    nn_id level = nn_masked_logsumexp(g, logits, nn_reshape(g, counted, rows));
    nn_id own = nn_sum(g, nn_mul(g, context, target), 2);
    own = nn_affine(g, nn_reshape(g, own, nn_shape1(items * frames)), 1 / tau, 0);
    return nn_mean_all(g, nn_softplus(g, nn_sub(g, level, own)));
}

/* Frame counts of stem and context decide the masks: M per item, in spans. */
static pclr_status plan_masks(wav2vec2 *p, const objective_setup *s, nn_id z, nn_id c, pclr_error *error)
{
    p->items = s->items;
    p->stem_frames = nn_shape_of(s->graph, z).n[1];
    int64_t context_frames = nn_shape_of(s->graph, c).n[1];
    p->ratio = (p->stem_frames + context_frames - 1) / context_frames;
    p->frames = p->stem_frames / p->ratio < context_frames ? p->stem_frames / p->ratio : context_frames;
    p->masked = (int64_t)llround(config_real(s->config, "objective.mask_share") * (double)p->frames);
    p->span = config_int(s->config, "objective.mask_span");
    if (p->span > p->frames / 4) p->span = p->frames / 4 > 0 ? p->frames / 4 : 1;
    p->draws = config_int(s->config, "objective.distractors");
    if (p->masked < 2 || p->masked >= p->frames)
        return error_set(
            error, PCLR_E_ARGUMENT,
            "objective %s: %lld of %lld frames would be hidden; at least 2 must be and 1 must stay: lengthen input.seconds, lower "
            "encoder.stem_stride or change objective.mask_share",
            p->base.type->name, (long long)p->masked, (long long)p->frames);
    TRY(mem_alloc(&p->mask, (size_t)p->frames, 1, error));
    return mem_alloc(&p->order, (size_t)p->frames, sizeof *p->order, error);
}

static void create_inputs(wav2vec2 *p, nn_graph *g)
{
    int64_t rows = p->items * p->masked;
    p->hidden = nn_input(g, "hidden", NN_I32, nn_shape1(rows));
    p->noise = nn_input(g, "gumbel", NN_F32, nn_shape3(rows, GROUPS, CODES));
    p->temperature = nn_input(g, "temperature", NN_F32, nn_shape1(1));
    p->distractors = nn_input(g, "distractors", NN_F32, nn_shape3(p->items, p->masked, p->masked));
}

/* Rows of the hidden frames of x [B][frames..][C]. */
static nn_id hidden_rows(const wav2vec2 *p, nn_graph *g, nn_id x)
{
    int64_t channels = nn_shape_of(g, x).n[2];
    if (nn_shape_of(g, x).n[1] > p->frames) x = nn_slice(g, x, 1, 0, p->frames);
    return nn_gather(g, nn_reshape(g, x, nn_shape2(p->items * p->frames, channels)), p->hidden);
}

static nn_id build_loss(wav2vec2 *p, const objective_setup *s, nn_id z, nn_id c)
{
    nn_graph *g = s->graph;
    int64_t width = config_int(s->config, "objective.projection");
    double tau = config_real(s->config, "objective.tau");
    nn_id local = p->ratio > 1 ? nn_avg_pool1d(g, z, p->ratio, p->ratio, 0) : z;
    quantised q = wav2vec2_quantise(g, hidden_rows(p, g, local), p->noise, p->temperature);
    nn_id target = nn_l2_normalize(g, model_project(g, q.code, "target_projection", 0, width), 1e-8);
    nn_id guess = nn_l2_normalize(g, model_project(g, hidden_rows(p, g, c), "context_projection", 0, width), 1e-8);
    nn_shape by_item = nn_shape3(p->items, p->masked, width);
    nn_id choice = nn_reshape(g, q.choice, nn_shape3(p->items, p->masked, GROUPS * CODES));
    nn_id contrast = wav2vec2_contrast(g, nn_reshape(g, guess, by_item), nn_reshape(g, target, by_item), choice, p->distractors, tau);
    contrast = objective_all_mean(g, contrast, NN_NONE);
    objective_term_scalar(&p->base, "contrastive", contrast);
    objective_term_scalar(&p->base, "diversity", q.diversity);
    return objective_add_weighted(g, contrast, q.diversity, config_real(s->config, "objective.diversity"));
}

static void destroy(objective **o)
{
    if (!o || !*o) return;
    mem_release(&((wav2vec2 *)*o)->mask);
    mem_release(&((wav2vec2 *)*o)->order);
    objective_free(o);
}

/* The visible mask must exist before the context does, so the number of stem frames is read off the stem alone. */
static pclr_status create_any(objective **o, const objective_type *type, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    nn_graph *g = s->graph;
    nn_id pooled;
    *loss = NN_NONE;
    TRY(objective_new(o, sizeof(wav2vec2), type, s, error));
    wav2vec2 *p = (wav2vec2 *)*o;
    objective_view_inputs(s, p->view, 1);
    nn_id z = model_encode_stem(g, p->view[0], s->encoder);
    if (z == NN_NONE) return PCLR_OK; /* the graph tells */
    p->visible = nn_input(g, "visible", NN_F32, nn_shape3(s->items, nn_shape_of(g, z).n[1], 1));
    nn_id c = model_encode_context(g, z, p->visible, s->encoder);
    if (c == NN_NONE) return PCLR_OK;
    pclr_status status = plan_masks(p, s, z, c, error);
    if (status != PCLR_OK) {
        destroy(o);
        return status;
    }
    create_inputs(p, g);
    *loss = build_loss(p, s, z, c);
    p->with_pairs = type == &objective_wav2vec2_cmsc;
    if (p->with_pairs) {
        nn_id term = pair_contrast_build(&p->pairs, g, objective_all_rows(s, objective_project(s, c, &pooled)),
                                         config_real(s->config, "objective.tau"));
        objective_term_scalar(&p->base, "cmsc", term);
        *loss = nn_add(g, *loss, term);
    } else
        pooled = model_pool(g, c, "mean");
    objective_set_embedding(&p->base, s, pooled);
    p->temperature_term = objective_term_value(&p->base, "temperature");
    return PCLR_OK;
}

static pclr_status create_plain(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    return create_any(o, &objective_wav2vec2, s, loss, error);
}

static pclr_status create_cmsc(objective **o, const objective_setup *s, nn_id *loss, pclr_error *error)
{
    return create_any(o, &objective_wav2vec2_cmsc, s, loss, error);
}

/* Spans at random places until at least M frames are hidden, then random ones come back until M are. */
static void draw_mask(wav2vec2 *p, rng *random)
{
    int64_t count = 0, place = 0;
    memset(p->mask, 0, (size_t)p->frames);
    for (int64_t k = 0; k < p->frames; k++) p->order[k] = (uint32_t)k;
    rng_shuffle(random, p->order, (size_t)p->frames);
    while (count < p->masked && place < p->frames) {
        int64_t begin = (int64_t)p->order[place++];
        for (int64_t t = begin; t < begin + p->span && t < p->frames; t++) {
            count += !p->mask[t];
            p->mask[t] = 1;
        }
    }
    rng_shuffle(random, p->order, (size_t)p->frames);
    for (place = 0; count > p->masked; place++)
        if (p->mask[p->order[place]]) {
            p->mask[p->order[place]] = 0;
            count--;
        }
}

static void feed_item(wav2vec2 *p, int64_t item, rng *random)
{
    nn_graph *g = p->base.graph;
    float *visible = (float *)nn_data(g, p->visible) + item * p->stem_frames;
    int32_t *hidden = (int32_t *)nn_data(g, p->hidden) + item * p->masked;
    float *distractors = (float *)nn_data(g, p->distractors) + item * p->masked * p->masked;
    int64_t n = 0;
    draw_mask(p, random);
    for (int64_t t = 0; t < p->frames; t++)
        if (p->mask[t]) hidden[n++] = (int32_t)(item * p->frames + t);
    for (int64_t t = 0; t < p->stem_frames; t++) {
        int64_t frame = t / p->ratio;
        visible[t] = frame < p->frames && p->mask[frame] ? 0.0f : 1.0f;
    }
    memset(distractors, 0, (size_t)(p->masked * p->masked) * sizeof *distractors);
    for (int64_t i = 0; i < p->masked; i++)
        for (int64_t k = 0; k < p->draws; k++) {
            int64_t j = (int64_t)rng_below(random, (uint64_t)(p->masked - 1));
            distractors[i * p->masked + (j < i ? j : j + 1)] += 1;
        }
}

static void feed_noise(wav2vec2 *p, const objective_batch *b)
{
    float *noise = nn_data(p->base.graph, p->noise);
    int64_t row = GROUPS * CODES;
    for (int64_t r = 0; r < p->items * p->masked; r++) {
        rng random = rng_make(b->seed, "gumbel", objective_draw(b, r / p->masked) * (uint64_t)p->masked + (uint64_t)(r % p->masked));
        for (int64_t k = 0; k < row; k++) {
            double u = rng_uniform(&random) + 1e-12;
            noise[r * row + k] = nn_graph_mode(p->base.graph) == NN_TRAIN ? (float)-log(-log(u < 1 ? u : 1 - 1e-12)) : 0.0f;
        }
    }
}

static pclr_status feed(objective *o, const objective_batch *b, pclr_error *error)
{
    wav2vec2 *p = (wav2vec2 *)o;
    TRY(objective_feed_views(&p->base, b, p->view, 1, error));
    for (int64_t i = 0; i < p->items; i++) {
        rng random = rng_make(b->seed, "wav2vec2", objective_draw(b, i));
        feed_item(p, i, &random);
    }
    feed_noise(p, b);
    double temperature = fmax(0.5, 2 * pow(0.999995, (double)b->step));
    *(float *)nn_data(p->base.graph, p->temperature) = (float)temperature;
    p->base.term[p->temperature_term].value = temperature;
    if (p->with_pairs) pair_contrast_feed(&p->pairs, p->base.graph, b);
    return PCLR_OK;
}

const objective_type objective_wav2vec2 = {
    .name = "wav2vec2",
    .title = "wav2vec 2.0",
    .paper = "Baevski et al. 2020, arXiv 2006.11477",
    .views = 1,
    .augment = {"", "", "", ""},
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .create = create_plain,
    .feed = feed,
    .destroy = destroy,
};
const objective_type objective_wav2vec2_cmsc = {
    .name = "wav2vec2_cmsc",
    .title = "wav2vec 2.0 + CMSC + random lead masking",
    .paper = "Oh et al. 2022, CHIL (ECG-FM: arXiv 2408.05178)",
    .views = 1,
    .needs_pairs = true,
    .augment = {"lead_mask", "", "", ""},
    .create = create_cmsc,
    .feed = feed,
    .destroy = destroy,
};
