/* SPDX-License-Identifier: Apache-2.0 */
/* The encoders, one file each; registry.c lists them. Private to model/. */
#ifndef PCLR_MODEL_ENCODERS_H
#define PCLR_MODEL_ENCODERS_H

#include "model/model.h"

extern const model_encoder model_xresnet1d;
extern const model_encoder model_transformer;
extern const model_encoder model_s4;

#endif
