/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of one class sorted by score, once. AUROC and average precision under any record weights (a bootstrap
 * resample, a subgroup, everything) are then one pass over the order; nothing is sorted again.
 */
#ifndef PCLR_EVAL_RANKING_H
#define PCLR_EVAL_RANKING_H

#include "base/error.h"

typedef struct ranking {
    size_t n;                          /* labelled entries */
    uint32_t *record;                  /* [n] whose weight counts, highest score first */
    uint8_t *flags;                    /* [n] RANKING_* bits, in the same order */
    double *score;                     /* [n] */
    size_t positives, negatives, tied; /* tied: entries that share their score with another */
} ranking;

enum { RANKING_POSITIVE = 1, RANKING_GROUP_END = 2 /* the last entry of a group of equal scores */ };

/* Sorts entries i = 0..n-1 with score[i * stride] and label[i * stride]; labels other than 0 and 1 are left out.
 * Entry i belongs to record i / entries_per_record (1: one entry a record). Scores must be finite. */
pclr_status ranking_create(ranking *r, const double *score, const uint8_t *label, size_t n, size_t stride, size_t entries_per_record,
                           pclr_error *error);
void ranking_free(ranking *r);

typedef struct ranking_areas {
    double auroc;                           /* NaN when a class has no weight */
    double average_precision;               /* NaN without positives */
    double positives, negatives;            /* sums of weights */
    double true_positives, false_positives; /* of the first `cut` entries */
} ranking_areas;

/* weight[records]: how often each record counts; NULL: once. AUROC is the Mann-Whitney statistic with ties at 1/2 (sums are exact
 * integers); average precision is sum over thresholds of (recall step) * precision, tied scores being one threshold. cut: how many of the
 * highest entries are called positive (see ranking_cut). */
ranking_areas ranking_measure(const ranking *r, const uint16_t *weight, size_t cut);
/* How many entries score at least `threshold`. */
size_t ranking_cut(const ranking *r, double threshold);
/* Largest sensitivity among thresholds whose specificity is at least `specificity` (not below it by more than rounding); `negatives`
 * is the sum of weights that ranking_measure returned. NaN when a class has no weight. */
double ranking_sensitivity_at(const ranking *r, const uint16_t *weight, const ranking_areas *areas, double specificity);

#endif
