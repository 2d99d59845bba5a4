/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variance and covariance of AUROCs without resampling: DeLong, DeLong & Clarke-Pearson 1988, for clustered data (several records of a
 * patient) by Obuchowski 1997, which is the same when every record is its own patient. In O(n log n) by midranks (Sun & Xu 2014).
 */
#ifndef PCLR_EVAL_DELONG_H
#define PCLR_EVAL_DELONG_H

#include "eval/auroc_interval.h"

typedef struct delong {
    size_t models;
    double *auroc;                       /* [models] */
    double *covariance;                  /* [models][models] */
    double *positive, *negative;         /* [models] parts of the variance from the positives and the negatives */
    size_t with_positive, with_negative; /* clusters that hold positives, negatives */
} delong;

/* score[models][n], label[n] (0, 1; others left out), cluster[n] in 0 .. clusters - 1 (NULL: every record its own). PCLR_E_DATA when the
 * class is undefined or has fewer than two independent positives or negatives (no variance); the counts are there all the same. */
pclr_status delong_create(delong *d, const double *const *score, size_t models, const uint8_t *label, const uint32_t *cluster,
                          size_t clusters, size_t n, pclr_error *error);
void delong_free(delong *d);
/* What auroc_interval needs of a model. */
auroc_spread delong_spread(const delong *d, size_t model);

typedef struct delong_difference {
    double value;            /* auroc[a] - auroc[b] */
    double error, z, p_wald; /* DeLong's standard error and test: z = value / error, p two-sided from the normal distribution */
    double low, high, p;
} delong_difference;
/*
 * Interval of a paired difference: value +- sqrt(ha^2 + hb^2 - 2 r ha hb), ha and hb half the widths of the two AUROC's intervals
 * (auroc_interval.h), r the correlation by DeLong's covariance (0 where an AUROC has no variance); never narrower than DeLong's. Two-sided
 * p from the normal distribution in the same units, so that p < alpha where the interval leaves 0 out. With many patients both are
 * DeLong's.
 */
delong_difference delong_compare(const delong *d, size_t a, size_t b, double alpha);

#endif
