/* SPDX-License-Identifier: Apache-2.0 */
/* Pretraining that goes on from an encoder file (train.initial) instead of random weights. */
#ifndef PCLR_TRAIN_INITIAL_H
#define PCLR_TRAIN_INITIAL_H

#include "dataset/preprocess.h"
#include "model/model.h"

/* Weights of the encoder file at `path` into `params`, which have the network `spec` for input `input`. A file of another network, or for
 * another rate, other leads or other units of the input, is refused; another window length is not. */
pclr_status initial_weights(nn_params *params, const model_encoder_spec *spec, const preprocess_spec *input, const char *path,
                            pclr_error *error);

#endif
