/* SPDX-License-Identifier: Apache-2.0 */
/* A network over whole recordings: its outputs for the windows that cover a recording, averaged. */
#ifndef PCLR_TRAIN_RUNNER_H
#define PCLR_TRAIN_RUNNER_H

#include "model/classifier.h"
#include "train/pool.h"

typedef struct runner {
    nn_graph *graph;
    nn_id signal, feature, out; /* NN_NONE where the network does not take it */
    int64_t batch, width;       /* windows a pass, values out */
    int64_t features;
} runner;

/* Pooled encoder output, [D] a window; its parameters are declared in `params` (scope "encoder"). */
pclr_status runner_create_encoder(runner *r, nn_backend *backend, nn_params *params, const model_encoder_spec *encoder,
                                  const char *pool_kind, const preprocess_spec *input, int64_t batch, pclr_error *error);
/* Logits, [K] a window. */
pclr_status runner_create_classifier(runner *r, nn_backend *backend, nn_params *params, const model_classifier_spec *spec,
                                     const preprocess_spec *input, int64_t batch, pclr_error *error);
void runner_destroy(runner *r);

/* out[records][width]: mean over the windows of each record. feature[records][features] or NULL. */
pclr_status runner_run(runner *r, const pool *p, const size_t *record, size_t records, const float *feature, float *out,
                       const pclr_callbacks *callbacks, const char *stage, pclr_error *error);

#endif
