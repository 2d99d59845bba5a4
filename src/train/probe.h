/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PCLR_TRAIN_PROBE_H
#define PCLR_TRAIN_PROBE_H

#include "train/embeddings.h"

/* pclr_probe with embeddings that outlive it: probes of one encoder that follow each other share them. */
pclr_status probe_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *run,
                      const pclr_callbacks *callbacks, embeddings *kept, pclr_train_summary *summary, pclr_error *error);

#endif
