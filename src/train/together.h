/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the processes of a run are of one mind: each computes for itself what all must have alike. */
#ifndef PCLR_TRAIN_TOGETHER_H
#define PCLR_TRAIN_TOGETHER_H

#include "base/config.h"
#include "base/world.h"
#include "nn/nn.h"
#include "physio/standardise.h"

/* Before the first step: the configuration, the data (a text that names it), the step, the feature space and the weights. */
pclr_status together_begin(pclr_world *world, const pclr_config *config, const char *data, int64_t step, const feature_space *space,
                           nn_params *params, const char *precision, pclr_error *error);
/* The weights, bit for bit: processors of different kinds round differently, and weights that differ would drift apart unseen. */
pclr_status together_weights(pclr_world *world, nn_params *params, pclr_error *error);

#endif
