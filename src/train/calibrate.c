/* SPDX-License-Identifier: Apache-2.0 */
#include "train/calibrate.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

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

typedef struct scored {
    double score;
    uint8_t label;
} scored;

static int by_score_falling(const void *a, const void *b)
{
    double x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x < y) - (x > y);
}

/* Midpoint between the last score called present and the next, where sensitivity + specificity is largest. */
static double youden(scored *item, size_t count)
{
    size_t positives = 0, hits = 0, alarms = 0;
    double best = -1.0, threshold = 0.5;
    for (size_t k = 0; k < count; k++) positives += item[k].label;
    size_t negatives = count - positives;
    if (positives == 0 || negatives == 0) return 0.5;
    qsort(item, count, sizeof *item, by_score_falling);
    for (size_t k = 0; k < count; k++) {
        hits += item[k].label;
        alarms += !item[k].label;
        if (k + 1 < count && item[k + 1].score == item[k].score) continue;
        double gain = (double)hits / (double)positives - (double)alarms / (double)negatives;
        if (gain <= best) continue;
        best = gain;
        threshold = k + 1 < count ? 0.5 * (item[k].score + item[k + 1].score) : item[k].score;
    }
    return threshold;
}

pclr_status calibrate_thresholds(const double *logit, const uint8_t *label, size_t n, size_t classes, double temperature, double *threshold,
                                 pclr_error *error)
{
    scored *item = NULL;
    TRY(mem_alloc(&item, n, sizeof *item, error));
    for (size_t c = 0; c < classes; c++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++) {
            if (label[i * classes + c] > 1) continue;
            item[count++] = (scored){1.0 / (1.0 + exp(-logit[i * classes + c] / temperature)), label[i * classes + c]};
        }
        threshold[c] = youden(item, count);
    }
    mem_free(item);
    return PCLR_OK;
}
