/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Independent L2-regularised logistic regressions, one a class, solved together by L-BFGS:
 *   minimise for each class  (1/n) sum_i log(1 + exp(-s_i (w.x_i + b))) + lambda/2 |w|^2,   s_i = +-1, over the known labels.
 * The intercept is not penalised. scikit-learn's C is 1 / (lambda n).
 */
#ifndef PCLR_TRAIN_LOGISTIC_H
#define PCLR_TRAIN_LOGISTIC_H

#include "base/error.h"

enum { LOGISTIC_MAX_CLASSES = 1024 };

/* Inputs turned to their principal axes, once for all fits. The penalty does not change under a rotation; along the axes each variable's
 * curvature is known beforehand, so that L-BFGS needs tens of iterations where correlated inputs take it a thousand. With fewer
 * records than inputs there are only as many axes as records. */
typedef struct logistic_design {
    size_t n, d, axes;
    double *axis;     /* [d][axes] orthonormal columns */
    double *position; /* [n][axes] of the records along them */
    double *square;   /* [axes] sum over the records of the squared position, descending */
} logistic_design;

/* x[n][d] is not kept. */
pclr_status logistic_design_create(logistic_design *design, const double *x, size_t n, size_t d, pclr_error *error);
void logistic_design_free(logistic_design *design);

/* label[n][classes] (0, 1, else unknown). weight[classes][d] and bias[classes]: start values in, solution out. A class without
 * positives or negatives gets weight 0 and the log odds of its smoothed share. *iterations may be NULL. */
pclr_status logistic_fit(const logistic_design *design, const uint8_t *label, size_t classes, double lambda, double *weight, double *bias,
                         int *iterations, pclr_error *error);
/* logit[n][classes] */
void logistic_apply(const double *x, size_t n, size_t d, const double *weight, const double *bias, size_t classes, double *logit);

#endif
