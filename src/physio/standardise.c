/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/standardise.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Mean and population standard deviation of the valid, finite values of one column, in two passes. */
static void fit_column(const float *value, const uint8_t *valid, size_t n, size_t features, size_t k, float *mean, float *scale)
{
    double sum = 0, squares = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        float v = value[i * features + k];
        if (!valid[i * features + k] || !isfinite(v)) continue;
        sum += (double)v;
        count++;
    }
    double m = count ? sum / (double)count : 0;
    for (size_t i = 0; i < n; i++) {
        float v = value[i * features + k];
        if (!valid[i * features + k] || !isfinite(v)) continue;
        squares += ((double)v - m) * ((double)v - m);
    }
    double sd = count ? sqrt(squares / (double)count) : 0;
    *mean = (float)m;
    *scale = sd > 1e-12 * (1 + fabs(m)) ? (float)sd : 1.0f;
}

static void standardise_row(const feature_space *space, const float *value, const uint8_t *valid, float *out)
{
    for (size_t k = 0; k < space->features; k++) {
        float z = valid[k] && isfinite(value[k]) ? (value[k] - space->mean[k]) / space->scale[k] : 0.0f;
        if (space->limit > 0) z = fminf(fmaxf(z, -space->limit), space->limit);
        out[k] = space->weight ? z * space->weight[k] : z;
    }
}

/* Sum of z z^T / n over the rows; invalid values are 0, the mean. */
static pclr_status covariance(const feature_space *space, const float *value, const uint8_t *valid, size_t n, double **matrix,
                              pclr_error *error)
{
    size_t f = space->features;
    float *z = NULL;
    double *mean = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(matrix, f * f, sizeof **matrix, error));
    TRY_GOTO(mem_alloc(&z, f, sizeof *z, error));
    TRY_GOTO(mem_alloc(&mean, f, sizeof *mean, error));
    for (size_t i = 0; i < n; i++) { /* clipping and missing values move the mean a little away from 0 */
        standardise_row(space, value + i * f, valid + i * f, z);
        for (size_t a = 0; a < f; a++) mean[a] += (double)z[a] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        standardise_row(space, value + i * f, valid + i * f, z);
        for (size_t a = 0; a < f; a++)
            for (size_t b = 0; b <= a; b++) (*matrix)[a * f + b] += ((double)z[a] - mean[a]) * ((double)z[b] - mean[b]);
    }
    for (size_t a = 0; a < f; a++)
        for (size_t b = 0; b <= a; b++) (*matrix)[a * f + b] /= (double)n;
done:
    mem_free(mean);
    mem_free(z);
    return status;
}

/* Eigenvectors come in ascending order of variance; an axis is defined up to its sign, which the largest entry fixes. */
static void take_axes(feature_space *space, const double *vectors, const double *values)
{
    size_t f = space->features;
    for (size_t c = 0; c < space->components; c++) {
        const double *v = vectors + (f - 1 - c) * f;
        size_t largest = 0;
        for (size_t k = 1; k < f; k++)
            if (fabs(v[k]) > fabs(v[largest])) largest = k;
        double sign = v[largest] < 0 ? -1 : 1;
        for (size_t k = 0; k < f; k++) space->axis[c * f + k] = (float)(sign * v[k]);
        space->variance[c] = (float)fmax(values[f - 1 - c], 0);
    }
}

static pclr_status fit_axes(feature_space *space, const float *value, const uint8_t *valid, size_t n, pclr_error *error)
{
    size_t f = space->features;
    double *matrix = NULL, *values = NULL;
    pclr_status status;
    TRY_GOTO(covariance(space, value, valid, n, &matrix, error));
    TRY_GOTO(mem_alloc(&values, f, sizeof *values, error));
    /* Row-major lower triangle is LAPACK's upper one; its eigenvectors then lie in rows of our view. */
    if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)f, matrix, (lapack_int)f, values) != 0)
        TRY_GOTO(error_set(error, PCLR_E_NUMERIC, "principal components: the eigenvalue computation did not converge"));
    take_axes(space, matrix, values);
done:
    mem_free(values);
    mem_free(matrix);
    return status;
}

pclr_status feature_space_fit(feature_space *space, const float *value, const uint8_t *valid, size_t n, size_t features, size_t components,
                              const float *weight, float limit, pclr_error *error)
{
    *space = (feature_space){.features = features, .components = components, .limit = limit};
    if (n == 0 || features == 0)
        return error_set(error, PCLR_E_DATA, "feature space: no rows of features in the training split; compute features first");
    if (components > features)
        return error_set(error, PCLR_E_ARGUMENT, "feature space: %zu components of %zu features; at most as many components as features",
                         components, features);
    pclr_status status;
    TRY_GOTO(mem_alloc(&space->mean, features, sizeof *space->mean, error));
    TRY_GOTO(mem_alloc(&space->scale, features, sizeof *space->scale, error));
    TRY_GOTO(mem_alloc(&space->axis, components * features, sizeof *space->axis, error));
    TRY_GOTO(mem_alloc(&space->variance, components, sizeof *space->variance, error));
    if (weight) {
        TRY_GOTO(mem_alloc(&space->weight, features, sizeof *space->weight, error));
        memcpy(space->weight, weight, features * sizeof *weight);
    }
    for (size_t k = 0; k < features; k++) fit_column(value, valid, n, features, k, &space->mean[k], &space->scale[k]);
    if (components > 0) TRY_GOTO(fit_axes(space, value, valid, n, error));
done:
    if (status != PCLR_OK) feature_space_free(space);
    return status;
}

void feature_space_free(feature_space *space)
{
    mem_free(space->mean);
    mem_free(space->scale);
    mem_free(space->axis);
    mem_free(space->variance);
    mem_free(space->weight);
    *space = (feature_space){0};
}

void feature_space_apply(const feature_space *space, const float *value, const uint8_t *valid, size_t n, float *standard, float *component)
{
    size_t f = space->features;
    for (size_t i = 0; i < n; i++) {
        float *z = standard + i * f;
        standardise_row(space, value + i * f, valid + i * f, z);
        for (size_t c = 0; component && c < space->components; c++) {
            double sum = 0;
            for (size_t k = 0; k < f; k++) sum += (double)space->axis[c * f + k] * (double)z[k];
            component[i * space->components + c] = (float)sum;
        }
    }
}
