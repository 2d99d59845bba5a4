/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interval of an AUROC that also holds with few patients: the values t whose distance to the estimate is no larger than
 * quantile x sqrt(V(t)), as Wilson's interval of a proportion. V(t) = scale x Hanley & McNeil's variance at t for exponential scores
 * (Newcombe 2006, method 5); the scale makes V agree with DeLong's variance at the estimate. With few patients DeLong's variance is often
 * far too small, because the patients on whom it rests are not in the sample: where it is the smaller of the two, the scale is averaged
 * with 1, with weights of the patients on the rarer side and of AUROC_PRIOR_PATIENTS. Coverage in simulations: docs/evaluation.md.
 */
#ifndef PCLR_EVAL_AUROC_INTERVAL_H
#define PCLR_EVAL_AUROC_INTERVAL_H

#include "base/error.h"

enum { AUROC_PRIOR_PATIENTS = 100 };

typedef struct auroc_spread {
    double auroc;
    double variance;                     /* DeLong's; NaN: a side has a single patient */
    double positive, negative;           /* its parts from the two sides, for the degrees of freedom */
    size_t with_positive, with_negative; /* patients that have positives, negatives; at least one each */
} auroc_spread;

/* Interval of coverage 1 - alpha. Student's quantile has Welch & Satterthwaite's degrees of freedom, rounded down; the normal one takes its
 * place where the two sides do not overlap or the variance is unknown, when Hanley & McNeil's variance stands alone. When no score differs
 * from another the interval is the point 0.5. */
void auroc_interval(const auroc_spread *s, double alpha, double *low, double *high);

#endif
