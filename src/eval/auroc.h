/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Area under the ROC curve: the probability that a positive scores above a negative, ties counting one half (Hanley & McNeil 1982).
 * A class without positives or without negatives has no AUROC; it is left out of averages and counted, never scored as 0 or 0.5.
 */
#ifndef PCLR_EVAL_AUROC_H
#define PCLR_EVAL_AUROC_H

#include "base/error.h"

typedef struct auroc_average {
    double macro;   /* mean over the defined classes; NaN when none is */
    size_t defined; /* classes with positives and negatives */
} auroc_average;

/* score[n][classes], label[n][classes] (0, 1; anything else, e.g. 255, is unknown and left out class by class).
 * per_class[classes] may be NULL; NaN where undefined. A score that is not finite is PCLR_E_NUMERIC. */
pclr_status auroc_macro(const double *score, const uint8_t *label, size_t n, size_t classes, auroc_average *average, double *per_class,
                        pclr_error *error);
/* The same from a network's float32 outputs (logits or probabilities: only the order counts). */
pclr_status auroc_macro_float(const float *score, const uint8_t *label, size_t n, size_t classes, auroc_average *average, double *per_class,
                              pclr_error *error);

#endif
