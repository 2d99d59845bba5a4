/* SPDX-License-Identifier: Apache-2.0 */
/* A model file opened for use: what it says of itself, its weights, and networks that run it. Layout of the file: model/classifier.h. */
#ifndef PCLR_INFER_MODEL_H
#define PCLR_INFER_MODEL_H

#include <pthread.h>

#include "dataset/import.h"
#include "dataset/preprocess.h"
#include "model/classifier.h"
#include "model/trees.h"
#include "physio/segments.h"
#include "physio/standardise.h"

enum { INFER_MAX_WINDOWS = 8, INFER_MAX_MEMBERS = 64 };

/* One compiled graph of a member for a number of windows. */
typedef struct infer_pass {
    nn_graph *graph;
    nn_id signal, feature, out;
    int64_t windows;
} infer_pass;

/* What one thread needs to run the model: a backend of its own, graphs that share the model's weights, resamplers. */
typedef struct infer_worker {
    nn_backend *backend;
    converter *to_form; /* brings a recording to the form of the training dataset; NULL: the model file does not tell that */
    infer_pass predict[INFER_MAX_MEMBERS], embed;
} infer_worker;

/* How features are computed from a recording in the form of the training dataset. */
typedef struct infer_features {
    const pclr_feature_layout *layout; /* NULL: the model takes none */
    int extractor;                     /* that made the features it was trained on; 0: the file does not tell */
    double segment_seconds;
    feature_space space;
} infer_features;

struct pclr_model {
    st_file *file;
    bool classifier;
    convert_target form; /* of the training dataset; leads 0: the file does not tell */
    preprocess_spec preprocess;
    model_classifier_spec spec; /* spec.encoder, spec.pool also for a bare encoder */
    infer_features features;
    model_trees trees;   /* boosted trees on the features */
    double trees_weight; /* their share in the probability; 0: there are none */
    char **class_name;
    double temperature;
    size_t members;
    nn_params *params[INFER_MAX_MEMBERS];
    bool declared;            /* parameters exist and are loaded */
    pthread_mutex_t building; /* graphs declare parameters: one at a time */
    infer_worker main;
};

/* A worker with `threads` threads; the model must outlive it. */
pclr_status infer_worker_create(infer_worker *w, pclr_model *model, int threads, pclr_error *error);
void infer_worker_destroy(infer_worker *w);
/* The public calls with a worker: probability[classes], embedding[dimensions]. */
pclr_status infer_predict(pclr_model *model, infer_worker *w, const pclr_record *record, float *probability, pclr_error *error);
pclr_status infer_embed(pclr_model *model, infer_worker *w, const pclr_record *record, float *embedding, pclr_error *error);

/* segments.c: probability[cut->count][classes], each segment as if it were a recording. */
pclr_status infer_predict_segments(pclr_model *model, infer_worker *w, const pclr_record *record, const segment_cut *cut,
                                   float *probability, pclr_error *error);

/* features.c: features [F] of a recording in the training dataset's form, averaged over its segments: raw (NaN where missing) and
 * standardised. */
pclr_status infer_recording_features(const infer_features *f, const pclr_record *record, float *raw, float *standard, pclr_error *error);
/* metadata.c: fills everything of the model that the file's metadata tell. */
pclr_status infer_read_metadata(pclr_model *model, pclr_error *error);

#endif
