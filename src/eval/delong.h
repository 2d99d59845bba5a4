/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variance and covariance of AUROCs without resampling: DeLong, DeLong & Clarke-Pearson 1988, for clustered data (several records of a
 * patient) by Obuchowski 1997, which is the same when every record is its own patient. In O(n log n) by midranks (Sun & Xu 2014).
 */
#ifndef PCLR_EVAL_DELONG_H
#define PCLR_EVAL_DELONG_H

#include "base/error.h"

typedef struct delong {
    size_t models;
    double *auroc;                       /* [models] */
    double *covariance;                  /* [models][models] */
    size_t with_positive, with_negative; /* clusters that hold positives, negatives */
} delong;

/* score[models][n], label[n] (0, 1; others left out), cluster[n] in 0 .. clusters - 1 (NULL: every record its own). PCLR_E_DATA when the
 * class is undefined or has fewer than two independent positives or negatives (no variance); the counts are there all the same. */
pclr_status delong_create(delong *d, const double *const *score, size_t models, const uint8_t *label, const uint32_t *cluster,
                          size_t clusters, size_t n, pclr_error *error);
void delong_free(delong *d);
/*
 * Interval of an AUROC, symmetric in its log odds: logit A +- t SE / (A (1 - A)) (Pepe 2003, sect. 5.2.5), t of as many degrees of freedom
 * as the rarer side has clusters, less one, because its part of the variance rests on so few. Without any overlap of positives and
 * negatives the variance is 0 and says nothing; the free end then is where Hanley & McNeil's variance reaches A = 1 (or 0), in
 * clusters (Newcombe 2006, method 5).
 */
void delong_interval(const delong *d, size_t model, double alpha, double *low, double *high);
typedef struct delong_difference {
    double value, error, low, high, z, p; /* p two-sided */
} delong_difference;
delong_difference delong_compare(const delong *d, size_t a, size_t b, double alpha); /* auroc[a] - auroc[b] */

#endif
