/* SPDX-License-Identifier: Apache-2.0 */
/* The objectives, one file each; registry.c lists them. Private to objective/. */
#ifndef PCLR_OBJECTIVE_MEMBERS_H
#define PCLR_OBJECTIVE_MEMBERS_H

#include "objective/objective.h"

extern const objective_type objective_physioclr;

#endif
