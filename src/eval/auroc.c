/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/auroc.h"

#include <math.h>

#include "base/memory.h"
#include "eval/ranking.h"

static pclr_status check_finite(const double *score, size_t n, size_t stride, pclr_error *error)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(score[i * stride]))
            return error_set(error, PCLR_E_NUMERIC, "score of record %zu is not a finite number; AUROC needs one score a record", i);
    }
    return PCLR_OK;
}

static pclr_status class_auroc(const double *score, const uint8_t *label, size_t n, size_t stride, double *auroc, pclr_error *error)
{
    ranking r;
    TRY(check_finite(score, n, stride, error));
    TRY(ranking_create(&r, score, label, n, stride, 1, error));
    *auroc = ranking_measure(&r, NULL, 0).auroc;
    ranking_free(&r);
    return PCLR_OK;
}

pclr_status pclr_auroc(const double *score, const uint8_t *label, size_t n, double *auroc, pclr_error *error)
{
    TRY(class_auroc(score, label, n, 1, auroc, error));
    if (isnan(*auroc))
        return error_set(error, PCLR_E_DATA, "AUROC is undefined: the %zu labels hold no positive or no negative; both are needed", n);
    return PCLR_OK;
}

pclr_status auroc_macro(const double *score, const uint8_t *label, size_t n, size_t classes, auroc_average *average, double *per_class,
                        pclr_error *error)
{
    double sum = 0;
    *average = (auroc_average){.macro = NAN};
    for (size_t c = 0; c < classes; c++) {
        double value = NAN;
        TRY(class_auroc(score + c, label + c, n, classes, &value, error));
        if (per_class) per_class[c] = value;
        if (isnan(value)) continue;
        sum += value;
        average->defined++;
    }
    if (average->defined > 0) average->macro = sum / (double)average->defined;
    return PCLR_OK;
}

pclr_status auroc_macro_float(const float *score, const uint8_t *label, size_t n, size_t classes, auroc_average *average, double *per_class,
                              pclr_error *error)
{
    double *wide = NULL;
    if (classes != 0 && n > SIZE_MAX / classes) return error_set(error, PCLR_E_ARGUMENT, "%zu x %zu scores do not fit", n, classes);
    TRY(mem_alloc(&wide, n * classes, sizeof *wide, error));
    for (size_t i = 0; i < n * classes; i++) wide[i] = score[i];
    pclr_status status = auroc_macro(wide, label, n, classes, average, per_class, error);
    mem_free(wide);
    return status;
}
