/* SPDX-License-Identifier: Apache-2.0 */
/* The objectives, one file each; registry.c lists them. Private to objective/. */
#ifndef PCLR_OBJECTIVE_MEMBERS_H
#define PCLR_OBJECTIVE_MEMBERS_H

#include "objective/objective.h"

extern const objective_type objective_physioclr;
extern const objective_type objective_simclr;
extern const objective_type objective_vicreg;
extern const objective_type objective_cmsc;
extern const objective_type objective_3kg;
extern const objective_type objective_cpc;
extern const objective_type objective_mae;
extern const objective_type objective_feature_regression;
extern const objective_type objective_wav2vec2;
extern const objective_type objective_wav2vec2_cmsc;

#endif
