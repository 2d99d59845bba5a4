/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradient-boosted trees on the physiological features (Chen & Guestrin 2016), by XGBoost where the program was built with it: part of a
 * classifier (trees.rounds), and the rival of a study that is hard to beat with few labels.
 */
#ifndef PCLR_TRAIN_TREES_H
#define PCLR_TRAIN_TREES_H

#include "model/trees.h"
#include "train/task.h"

typedef struct trees_fitted {
    model_trees model;
    double *validation; /* [validation records][classes] log odds */
    double macro;       /* validation macro AUROC */
    int rounds;
    const char *depth;
} trees_fitted;

/* One booster a class on the recordings' features (missing values stay missing), trained on the task's training records; depth (2, 4) and
 * number of rounds (every 25th up to `rounds`) by validation macro AUROC. PCLR_E_UNSUPPORTED without XGBoost. */
pclr_status trees_fit(trees_fitted *out, const pool *p, const task *t, int rounds, const pclr_config *config,
                      const pclr_callbacks *callbacks, pclr_error *error);
void trees_free(trees_fitted *t);

/* The whole way for a study: FOLDER/FILE gets the predictions on `part` of the split, in the form that `physioclr evaluate` reads. */
pclr_status trees_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *folder,
                      const char *file, pclr_split part, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);

/* features[F] of a recording of the pool, NaN where missing. */
pclr_status trees_features(const pool *p, size_t record, float *feature, pclr_error *error);

#endif
