/* SPDX-License-Identifier: Apache-2.0 */
/* Do probabilities mean what they say: reliability bins, expected calibration error, temperature; and thresholds from validation. */
#ifndef PCLR_EVAL_CALIBRATION_H
#define PCLR_EVAL_CALIBRATION_H

#include "eval/ranking.h"

typedef struct reliability_bin {
    double low, high; /* probabilities in the bin */
    double predicted; /* their mean */
    double observed;  /* share of positives */
    size_t count, positives;
} reliability_bin;

/* Bins of equal mass (equal scores are never parted), lowest first; bin[bins]; returns how many are filled. */
size_t calibration_bins(const ranking *r, reliability_bin *bin, size_t bins);
/* Mean over records of |predicted - observed| of their bin (Naeini et al. 2015, with bins of equal mass). NaN without records. */
double calibration_error(const reliability_bin *bin, size_t filled);

/* Temperature T > 0 that minimises the cross-entropy of sigmoid(logit(p) / T) over all known labels (Guo et al. 2017, one T for all
 * classes); score[n] in [0, 1] (0 and 1 are moved inside by 1e-12). 1 when no label is known. */
double calibration_temperature(const double *score, const uint8_t *label, size_t n);
double calibration_apply(double probability, double temperature);

/* Threshold with the largest F1 on a validation ranking: the middle between the last called score and the next lower one. NaN without
 * positives or without negatives. */
double calibration_threshold(const ranking *validation);

#endif
