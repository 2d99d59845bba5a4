/* SPDX-License-Identifier: Apache-2.0 */
/* One run of pretraining: its state, and the three parts it is made of. Their order is pretrain_run's in pretrain.c. */
#ifndef PCLR_TRAIN_PRETRAIN_H
#define PCLR_TRAIN_PRETRAIN_H

#include "base/world.h"
#include "train/checkpoint.h"
#include "train/guard.h"
#include "train/loader.h"
#include "train/metrics.h"
#include "train/pool.h"
#include "train/reduce.h"
#include "train/space.h"

/* One graph with its objective and the batches it is fed. */
typedef struct pretrain_side {
    nn_graph *graph;
    objective *objective;
    loader *loader;
    size_t *record;
    size_t records;
    nn_id loss;
} pretrain_side;

typedef struct pretrain {
    pclr_world *world;
    bool writes; /* process 0 */
    const pclr_config *config;
    const char *folder;
    const pclr_callbacks *callbacks;
    const objective_type *type;
    pool pool;
    feature_space space;
    pclr_labels *labels; /* for diagnostics; NULL: none asked for */
    model_encoder_spec encoder;
    nn_backend *backend;
    nn_params *params;
    nn_adamw *optimiser;
    pretrain_side train, validation;
    metrics log;
    guard guard;
    reduce reduce;
    checkpoint_counters at;
    int64_t total, epoch_steps;
    double begin; /* clock when this part of the run began */
    double last_loss;
} pretrain;

/* Data, feature space, network, loaders, and the state of the checkpoint when resuming. */
PCLR_MUST_USE pclr_status pretrain_set_up(pretrain *r, const char *dataset_path, bool resume, pclr_error *error);
/* What was set up, as far as it was. */
void pretrain_close(pretrain *r);
/* Metrics, encoder and card. `steps`: of this part of the run. Called by all processes. */
PCLR_MUST_USE pclr_status pretrain_write_results(pretrain *r, int64_t steps, pclr_train_summary *summary, pclr_error *error);
/* Bytes that the run holds: parameters, gradients, activations, scratch. */
uint64_t pretrain_planned_bytes(const pretrain *r);
/* Asking turns profiling on; asking again (tell) prints the time by operation. */
PCLR_MUST_USE pclr_status pretrain_profile(pretrain *r, bool tell, pclr_error *error);

#endif
