/* SPDX-License-Identifier: Apache-2.0 */
/* What several augmentations share. Private to augment/. */
#ifndef PCLR_AUGMENT_TOOLS_H
#define PCLR_AUGMENT_TOOLS_H

#include "augment/augment.h"

/* A limb lead as a sum of I and II (Einthoven, Goldberger): III = II - I, aVR = -(I + II) / 2, ... False: not a limb lead. */
bool tools_limb_lead(const char *name, double *of_i, double *of_ii);
/* Index of a lead by name, or -1. */
int64_t tools_find_lead(const augment_segment *s, const char *name);
/* Adds curve [samples] times a gain to every lead: limb leads get what the gains of I and II make of them, so that they stay
 * consistent; lead c of the others chest_gain[c % TOOLS_MAX_LEADS]. */
void tools_add_curve(augment_segment *s, const float *curve, double gain_i, double gain_ii, const double *chest_gain);
/* Largest number of leads with gains of their own. */
enum { TOOLS_MAX_LEADS = 64 };

/* Moves every R peak and cut by the map p -> (p - begin) * scale; those that leave [0, samples) are dropped. */
void tools_map_marks(augment_segment *s, double begin, double scale);
void tools_sort(double *values, int64_t n);

#endif
