/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objectives: each file builds its loss on the graph and, every step, turns the batch's physiology into the masks and weights
 * that the loss takes as inputs. objective/registry.c names them all.
 */
#ifndef PCLR_OBJECTIVE_OBJECTIVE_H
#define PCLR_OBJECTIVE_OBJECTIVE_H

#include "base/config.h"
#include "base/rng.h"
#include "model/model.h"

#define OBJECTIVE_MAX_VIEWS 4

/* What the loader gives for one step. B items, T samples, C leads, F standardised features, Z principal components. Where several processes
 * share the batch, B are this one's, and A those of all: who they are and their physiology every process knows, their signal it does not.
 */
typedef struct objective_batch {
    int64_t items, samples, leads, features, components;
    int64_t before, after; /* items of the processes before and after this one; 0 where there is one: A = before + B + after */
    const float *
        view[OBJECTIVE_MAX_VIEWS]; /* [B][T][C] network input; view 0 is the original crop unless the objective asks for an augmented one */
    const float *feature;          /* [A][F] standardised by the training split; 0 where invalid */
    const uint8_t *feature_valid;  /* [A][F] */
    const float *component;        /* [A][Z] PCA of the standardised features (not normalised) */
    const int32_t *pair;           /* [A] index of the item's partner (other segment of the same recording or patient); -1 none */
    const int64_t *patient;        /* [A] */
    const int64_t *record;         /* [A] */
    const float *wave_weight;      /* [B][T] 1 within the window around R (and P, T by option) of view 0, else 0 */
    const uint8_t *label; /* [A][K] 0, 1, 255 unknown, only for diagnostics (share of positive pairs that share a label); NULL: none */
    int64_t classes;      /* K */
    uint64_t seed, step;  /* for draws made by the objective (masks, negatives) */
} objective_batch;

static inline int64_t objective_batch_all(const objective_batch *b)
{
    return b->before + b->items + b->after;
}

/* Number of item i of this process among all items of all steps: key of what is drawn for it. */
static inline uint64_t objective_draw(const objective_batch *b, int64_t i)
{
    return b->step * (uint64_t)objective_batch_all(b) + (uint64_t)(b->before + i);
}

typedef struct objective_setup {
    nn_graph *graph; /* to build on */
    const model_encoder_spec *encoder;
    const pclr_config *config;
    int64_t items, samples, leads, features, components; /* items: of this process */
} objective_setup;

typedef struct objective objective;

typedef struct objective_type {
    const char *name;          /* "physioclr" */
    const char *title, *paper; /* for reports */
    int views;                 /* network inputs it needs, 1..OBJECTIVE_MAX_VIEWS */
    bool needs_pairs;          /* batch drawn as pairs of segments */
    bool needs_features;
    const char *augment[OBJECTIVE_MAX_VIEWS]; /* default augmentation chain per view, names of augment/ separated by ','; "" none */
    const config_key *keys;                   /* its own "objective.*" keys */
    size_t keys_count;
    /* Builds inputs, encoder(s), heads and the loss; returns the loss in *loss. */
    pclr_status (*create)(objective **o, const objective_setup *setup, nn_id *loss, pclr_error *error);
    /* Before a step: writes all inputs (views, masks, targets) of the graph. */
    pclr_status (*feed)(objective *o, const objective_batch *batch, pclr_error *error);
    /* After an optimiser step (momentum encoders, queues); may be NULL. */
    pclr_status (*after_step)(objective *o, const objective_batch *batch, pclr_error *error);
    void (*destroy)(objective **o);
    /* State beyond the parameters that a resumed run needs (queues), as tensors "objective.*"; NULL: there is none. What is given
     * to the writer stays until destroy. */
    pclr_status (*save)(const objective *o, st_writer *w, pclr_error *error);
    pclr_status (*load)(objective *o, const st_file *f, pclr_error *error);
} objective_type;

/* The first member of every objective's struct. */
typedef struct objective_base {
    const objective_type *type;
    nn_graph *graph;
    /* Scalars for log and metrics.jsonl, refreshed by feed (host side) and forward (graph side). */
    struct objective_term {
        const char *name; /* "contrastive", "global", "peak", "positives", "left_out", ... */
        nn_id id;         /* graph scalar, or NN_NONE: use `value` */
        double value;
    } term[24];
    size_t terms;
    nn_id embedding; /* kept [B][D] pooled encoder output of view 0 (for diagnostics), or NN_NONE */
} objective_base;

static inline objective_base *objective_base_of(objective *o)
{
    return (objective_base *)o;
}

size_t objective_count(void);
const objective_type *objective_at(size_t k);
const objective_type *objective_find(const char *name);

/* Keys common to all: objective.name, objective.tau, ... */
extern const config_key objective_config_keys[];
extern const size_t objective_config_keys_count;

#endif
