/* SPDX-License-Identifier: Apache-2.0 */
/* Confidence intervals from resampled values, and the normal distribution they need. */
#ifndef PCLR_EVAL_INTERVAL_H
#define PCLR_EVAL_INTERVAL_H

#include "base/error.h"

typedef enum interval_kind { INTERVAL_PERCENTILE, INTERVAL_BCA } interval_kind;

double normal_cdf(double z);
double normal_quantile(double p); /* 0 < p < 1; Acklam's rational start, one Halley step: full double precision */

/* Of Student's t with a whole number of degrees of freedom, 0 < p < 1; full double precision. */
double student_quantile(double p, double degrees);

/* Quantile p of sorted[n] by linear interpolation (Hyndman & Fan type 7, numpy's default). n > 0. */
double interval_quantile(const double *sorted, size_t n, double p);
/* Central interval of coverage 1 - alpha. value[n] is sorted in place, NaN left out. Percentile: quantiles of the values. BCa (Efron 1987):
 * quantiles moved by the bias of `estimate` among them and the acceleration from jackknife[groups] (NULL or constant: 0). False when no
 * value is there. */
bool interval_bootstrap(interval_kind kind, double *value, size_t n, double estimate, const double *jackknife, size_t groups, double alpha,
                        double *low, double *high);

/*
 * Two-sided p that the true value is 0: 1 less the coverage of the widest interval of the same kind that does not hold 0, so that p < 0.05
 * where the 95 % interval leaves 0 out. One is added to the resamples on the far side, and p is never below 2 / (n + 1) (Davison & Hinkley
 * 1997, eq. 4.11). value[n] may hold NaN.
 */
double interval_p(interval_kind kind, const double *value, size_t n, double estimate, const double *jackknife, size_t groups);

#endif
