/* SPDX-License-Identifier: Apache-2.0 */
/* Feature space: z-scores by the training split, missing values at the mean, principal components. */
#ifndef PCLR_PHYSIO_STANDARDISE_H
#define PCLR_PHYSIO_STANDARDISE_H

#include "base/error.h"

typedef struct feature_space {
    size_t features, components;
    float *mean, *scale; /* [features]; scale = sd, 1 where the sd is 0 or nothing was valid */
    float *axis;         /* [components][features], orthonormal rows, sign fixed (largest entry positive) */
    float *variance;     /* [components] */
    float limit;         /* z-scores are clipped to +-limit; 0: not */
    float *weight;       /* [features] factors on the clipped z-scores; NULL: all 1 */
} feature_space;

/* value, valid: [n][features] rows of the training split only. weight: [features] or NULL, copied. components 0: no PCA. */
pclr_status feature_space_fit(feature_space *space, const float *value, const uint8_t *valid, size_t n, size_t features, size_t components,
                              const float *weight, float limit, pclr_error *error);
void feature_space_free(feature_space *space);
/* standard[n][features] (0 where invalid) and component[n][components] (may be NULL). */
void feature_space_apply(const feature_space *space, const float *value, const uint8_t *valid, size_t n, float *standard, float *component);

#endif
