/* SPDX-License-Identifier: Apache-2.0 */
/* Physiology on its way into a file, and joined from the parts of a dataset. */
#ifndef PCLR_DATASET_PHYSIOLOGY_H
#define PCLR_DATASET_PHYSIOLOGY_H

#include "dataset/dataset.h"
#include "dataset/h5.h"

typedef struct named_physiology {
    dataset_physiology table; /* table.records 0: none */
    char **name, **unit;      /* [table.features] */
} named_physiology;

/* Writes /segments and /physiology, in the place of those that are there. */
pclr_status physiology_put(hid_t file, const dataset_physiology *p, const char *const *names, const char *const *units, pclr_error *error);
/* One after the other, where all parts have features of one layout, one version of the program's features and one length of segments.
 * Else `out` has none, and `why` [why_size] names the part that differs ("": no part has features). */
pclr_status physiology_join(named_physiology *out, const pclr_dataset *const *part, size_t parts, char *why, size_t why_size,
                            pclr_error *error);
void named_physiology_free(named_physiology *p);

#endif
