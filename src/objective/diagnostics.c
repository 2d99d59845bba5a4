/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/diagnostics.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static double distance2(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        double d = (double)a[k] - (double)b[k];
        sum += d * d;
    }
    return sum;
}

double diagnostics_alignment(const float *a, const float *b, int64_t rows, int64_t columns)
{
    double sum = 0;
    for (int64_t r = 0; r < rows; r++) sum += distance2(a + r * columns, b + r * columns, columns);
    return rows > 0 ? sum / (double)rows : 0;
}

double diagnostics_uniformity(const float *a, int64_t rows, int64_t columns)
{
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < i; j++) sum += exp(-2 * distance2(a + i * columns, a + j * columns, columns));
    return rows > 1 ? log(sum / (0.5 * (double)rows * (double)(rows - 1))) : 0;
}

double diagnostics_rank(const float *a, int64_t rows, int64_t columns, double *scratch)
{
    double *mean = scratch, *covariance = scratch + columns, trace = 0, squares = 0;
    memset(scratch, 0, (size_t)(columns * (columns + 1)) * sizeof *scratch);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < columns; k++) mean[k] += (double)a[r * columns + k] / (double)rows;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < columns; k++) {
            double d = (double)a[r * columns + k] - mean[k];
            for (int64_t l = 0; l < columns; l++) covariance[k * columns + l] += d * ((double)a[r * columns + l] - mean[l]);
        }
    for (int64_t k = 0; k < columns; k++) {
        trace += covariance[k * columns + k];
        for (int64_t l = 0; l < columns; l++) squares += covariance[k * columns + l] * covariance[k * columns + l];
    }
    return squares > 0 ? trace * trace / squares : 0;
}

static bool has_label(const uint8_t *label, int64_t classes)
{
    for (int64_t k = 0; k < classes; k++)
        if (label[k] == 1) return true;
    return false;
}

static bool share_label(const uint8_t *a, const uint8_t *b, int64_t classes)
{
    for (int64_t k = 0; k < classes; k++)
        if (a[k] == 1 && b[k] == 1) return true;
    return false;
}

void diagnostics_label_agreement(const float *weight, int64_t stride, const uint8_t *label, int64_t rows, int64_t classes,
                                 double *positives, double *chance)
{
    int64_t pairs = 0, agree = 0, positive_pairs = 0, positive_agree = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (!has_label(label + i * classes, classes)) continue;
        for (int64_t j = 0; j < rows; j++) {
            if (j == i || !has_label(label + j * classes, classes)) continue;
            bool same = share_label(label + i * classes, label + j * classes, classes);
            pairs++;
            agree += same;
            if (weight[i * stride + j] <= 0) continue;
            positive_pairs++;
            positive_agree += same;
        }
    }
    *positives = positive_pairs > 0 ? (double)positive_agree / (double)positive_pairs : NAN;
    *chance = pairs > 0 ? (double)agree / (double)pairs : NAN;
}
