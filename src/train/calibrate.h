/* SPDX-License-Identifier: Apache-2.0 */
/* Choices made on validation that travel in a model: one temperature, and one threshold a class. */
#ifndef PCLR_TRAIN_CALIBRATE_H
#define PCLR_TRAIN_CALIBRATE_H

#include "base/error.h"

/* Temperature T in [0.05, 20] that minimises the cross-entropy of sigmoid(logit / T) (Guo et al. 2017). logit[n][classes]. */
double calibrate_temperature(const double *logit, const uint8_t *label, size_t n, size_t classes);
/* Probability from which on a class is called present: the largest F1, by the rule of `evaluate` (eval/calibration.h); 0.5 where the class
 * is undefined. */
pclr_status calibrate_thresholds(const double *logit, const uint8_t *label, size_t n, size_t classes, double temperature, double *threshold,
                                 pclr_error *error);

#endif
