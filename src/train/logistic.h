/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Independent L2-regularised logistic regressions, one a class, solved together by L-BFGS:
 *   minimise for each class  (1/n) sum_i log(1 + exp(-s_i (w.x_i + b))) + lambda/2 |w|^2,   s_i = +-1, over the known labels.
 * The intercept is not penalised. scikit-learn's C is 1 / (lambda n).
 */
#ifndef PCLR_TRAIN_LOGISTIC_H
#define PCLR_TRAIN_LOGISTIC_H

#include "base/error.h"

/* x[n][d], label[n][classes] (0, 1, else unknown). weight[classes][d] and bias[classes]: start values in, solution out. A class without
 * positives or negatives gets weight 0 and the log odds of its smoothed share. *iterations may be NULL. */
pclr_status logistic_fit(const double *x, const uint8_t *label, size_t n, size_t d, size_t classes, double lambda, double *weight,
                         double *bias, int *iterations, pclr_error *error);
/* logit[n][classes] */
void logistic_apply(const double *x, size_t n, size_t d, const double *weight, const double *bias, size_t classes, double *logit);

#endif
