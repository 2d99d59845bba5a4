/* SPDX-License-Identifier: Apache-2.0 */
/* ROC and precision-recall curves of every class with pointwise 95 % bands from the patient bootstrap. */
#ifndef PCLR_REPORT_CURVES_H
#define PCLR_REPORT_CURVES_H

#include "eval/evaluation.h"

enum { CURVE_POINTS = 101 };

typedef struct curve {
    double value[CURVE_POINTS], low[CURVE_POINTS], high[CURVE_POINTS]; /* at x = k / 100; NaN: undefined */
} curve;

typedef struct class_curves {
    curve roc;       /* sensitivity at 1 - specificity = x: the largest of the thresholds that keep it */
    curve precision; /* precision at recall x: of the highest threshold that reaches it */
} class_curves;

/* curves[classes] from mem_alloc. */
pclr_status curves_create(class_curves **curves, const pclr_evaluation *e, pclr_error *error);

#endif
