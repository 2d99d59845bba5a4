/* SPDX-License-Identifier: Apache-2.0 */
#include "train/calibrate.h"

#include <math.h>

#include "base/memory.h"
#include "eval/calibration.h"

static double cross_entropy(const double *logit, const uint8_t *label, size_t count, double temperature)
{
    double sum = 0.0;
    for (size_t k = 0; k < count; k++) {
        if (label[k] > 1) continue;
        double z = logit[k] / temperature;
        sum += (z > 0.0 ? z + log1p(exp(-z)) : log1p(exp(z))) - (label[k] ? z : 0.0);
    }
    return sum;
}

double calibrate_temperature(const double *logit, const uint8_t *label, size_t n, size_t classes)
{
    /* Golden-section search over log T: the loss is convex in 1 / T, so it has one minimum. */
    const double golden = 0.6180339887498949;
    double low = log(0.05), high = log(20.0);
    for (int k = 0; k < 60; k++) {
        double a = high - golden * (high - low), b = low + golden * (high - low);
        if (cross_entropy(logit, label, n * classes, exp(a)) <= cross_entropy(logit, label, n * classes, exp(b)))
            high = b;
        else
            low = a;
    }
    return exp(0.5 * (low + high));
}

/* One class: label[i * classes]. */
static pclr_status class_threshold(const double *logit, const uint8_t *label, size_t n, size_t classes, double temperature,
                                   double *threshold, pclr_error *error)
{
    double *probability = NULL;
    ranking order = {0};
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&probability, n * classes, sizeof *probability, error));
    for (size_t i = 0; i < n; i++) probability[i * classes] = 1.0 / (1.0 + exp(-logit[i * classes] / temperature));
    TRY_GOTO(ranking_create(&order, probability, label, n, classes, 1, error));
    *threshold = calibration_threshold(&order);
    if (isnan(*threshold)) *threshold = 0.5;
done:
    ranking_free(&order);
    mem_free(probability);
    return status;
}

pclr_status calibrate_thresholds(const double *logit, const uint8_t *label, size_t n, size_t classes, double temperature, double *threshold,
                                 pclr_error *error)
{
    for (size_t c = 0; c < classes; c++) TRY(class_threshold(logit + c, label + c, n, classes, temperature, &threshold[c], error));
    return PCLR_OK;
}
