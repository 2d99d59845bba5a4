/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient-boosted trees on the physiological features: the rival of a study that is hard to beat with few labels. */
#ifndef PCLR_TRAIN_TREES_H
#define PCLR_TRAIN_TREES_H

#include "base/error.h"

/* One XGBoost booster a class on the recordings' features (missing values stay missing), trained on the labels that the options choose;
 * depth and number of rounds by validation macro AUROC. Writes FOLDER/FILE, the predictions on `part` of the split in the form that
 * `physioclr evaluate` reads. summary may be NULL. PCLR_E_UNSUPPORTED where the program was built without XGBoost. */
pclr_status trees_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *folder,
                      const char *file, pclr_split part, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error);

#endif
