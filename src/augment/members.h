/* SPDX-License-Identifier: Apache-2.0 */
/* The augmentations; registry.c lists them. Private to augment/. */
#ifndef PCLR_AUGMENT_MEMBERS_H
#define PCLR_AUGMENT_MEMBERS_H

#include "augment/augment.h"

extern const augment_type augment_heartbeat_shuffle;
extern const augment_type augment_lead_mask;
extern const augment_type augment_time_mask;
extern const augment_type augment_lead_time_mask;
extern const augment_type augment_crop_resize;
extern const augment_type augment_amplitude_scale;
extern const augment_type augment_baseline_wander;
extern const augment_type augment_powerline;
extern const augment_type augment_muscle_noise;
extern const augment_type augment_vcg_rotation;
extern const augment_type augment_segment_permutation;

#endif
