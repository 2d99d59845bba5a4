/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A classifier: encoder, pooling over time, optional physiological features, head. One builder serves training and prediction, so
 * that both run the same network; its spec travels in the model file ("classifier" metadata).
 *
 * Model files (safetensors). Metadata, all text: format, version, architecture, preprocessing, pool, features, classes, thresholds,
 * temperature, classifier, members, config, dataset, dataset_form. Tensors: "encoder.*" in an encoder file; "member.K.*" in a classifier file, K
 * from 0 (the prediction is the mean of the members' probabilities); "features.mean|scale|axis|variance" the feature space.
 */
#ifndef PCLR_MODEL_CLASSIFIER_H
#define PCLR_MODEL_CLASSIFIER_H

#include "model/model.h"

#define MODEL_FORMAT_ENCODER "physioclr-encoder"
#define MODEL_FORMAT_CLASSIFIER "physioclr-classifier"
#define MODEL_FORMAT_VERSION "1"

typedef struct model_classifier_spec {
    model_encoder_spec encoder;
    char input[16];         /* "embedding", "features" or "both" */
    char pool[16];          /* "mean", "max_mean" or "attention" */
    int64_t features;       /* F, standardised; 0 with input "embedding" */
    int64_t classes;        /* K */
    int64_t hidden;         /* of the head; 0: linear */
    int64_t feature_hidden; /* of the layer that the features pass first; 0: none */
    double dropout;         /* before the head's last layer, training only */
    double feature_dropout; /* on the standardised features, training only */
} model_classifier_spec;

bool model_classifier_uses_signal(const model_classifier_spec *spec);
bool model_classifier_uses_features(const model_classifier_spec *spec);
/* x [B][T][C] (NN_NONE with input "features"), features [B][F] (NN_NONE with input "embedding") -> logits [B][K]. */
nn_id model_classifier_build(nn_graph *g, nn_id x, nn_id features, const model_classifier_spec *spec);
pclr_status model_classifier_to_json(const model_classifier_spec *spec, char **json, pclr_error *error);
pclr_status model_classifier_from_json(model_classifier_spec *spec, const char *json, pclr_error *error);

/* Every parameter whose name begins with `prefix` ("" all), written as file_prefix + name; values must stay until the writer wrote. */
pclr_status model_weights_save(nn_params *params, const char *prefix, const char *file_prefix, st_writer *w, pclr_error *error);
/* Fills every declared parameter whose name begins with `prefix` from the tensor file_prefix + name; a missing or misshapen one is an
 * error. */
pclr_status model_weights_load(nn_params *params, const char *prefix, const char *file_prefix, const st_file *f, pclr_error *error);

#endif
