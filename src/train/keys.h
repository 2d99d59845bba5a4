/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration keys of training (keys.c); config.c joins them with those of the other families. */
#ifndef PCLR_TRAIN_KEYS_H
#define PCLR_TRAIN_KEYS_H

#include "base/config.h"

extern const config_key train_config_keys[]; /* seed, data, input, features, views, train */
extern const size_t train_config_keys_count;
extern const config_key downstream_config_keys[]; /* probe, finetune */
extern const size_t downstream_config_keys_count;

#endif
