/* SPDX-License-Identifier: Apache-2.0 */
/* What linear probe and fine-tuning share: data, labels, features, the encoder to start from, and the model file at the end. */
#ifndef PCLR_TRAIN_DOWNSTREAM_H
#define PCLR_TRAIN_DOWNSTREAM_H

#include "train/embeddings.h"
#include "train/metrics.h"
#include "train/modelfile.h"
#include "train/runner.h"
#include "train/space.h"
#include "train/task.h"
#include "train/trees.h"

typedef struct downstream {
    const pclr_downstream_options *options;
    const pclr_config *config;
    const char *folder;
    const pclr_callbacks *callbacks;
    const char *method;      /* "probe", "finetune" */
    bool frozen;             /* the encoder is only read: it computes in fp32, as in predict */
    const embeddings *known; /* records whose signal is not needed; NULL: none */
    pool pool;
    task task;
    feature_space space;
    float *train_feature, *validation_feature; /* [records][F] standardised, by record; NULL without features */
    model_classifier_spec spec;                /* encoder, input, features, classes set; the method fills in the rest */
    trees_fitted trees;                        /* fitted by downstream_save where trees.rounds asks for them */
    double trees_weight;                       /* their share in the probability */
    st_file *encoder_file;                     /* NULL: none was given */
    nn_backend *backend;
    metrics log;
    double begin;
} downstream;

/* seconds: window length instead of the encoder's own; 0: that. Creates the run folder with config.yaml and an empty metrics.jsonl. */
pclr_status downstream_open(downstream *d, const char *dataset_path, double seconds, pclr_error *error);
void downstream_close(downstream *d);
/* Encoder weights into params that a graph declared; does nothing without an encoder file. */
pclr_status downstream_load_encoder(const downstream *d, nn_params *params, pclr_error *error);

typedef struct downstream_result {
    nn_params *const *member; /* [members] */
    size_t members;
    const double *logit; /* [validation records][classes] of the whole model: log odds of the members' mean probability */
    double macro;        /* validation macro AUROC of `logit` */
    int64_t steps;
    const char *choices; /* text for the card: what was chosen and how */
} downstream_result;
/* Adds trees where asked for, calibrates on validation, writes model.safetensors, validation.csv (its predictions there), README.md and the
 * last metrics line. */
pclr_status downstream_save(downstream *d, downstream_result *result, pclr_train_summary *summary, pclr_error *error);

/* Log odds of the mean over members of sigmoid(member logits): logit[members][n] -> out[n]. */
void downstream_mean_logit(const float *const *logit, size_t members, size_t n, double *out);

#endif
