/* SPDX-License-Identifier: Apache-2.0 */
#include "train/logistic.h"

#include <cblas.h>
#include <lapacke.h>
#include <lbfgs.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

/* ---- principal axes ---- */

static const double NEGLIGIBLE = 1e-13; /* share of the largest square below which an axis is rounding error */

/* Eigenvectors of the symmetric matrix (lower triangle given) replace it as columns; eigenvalues ascending. */
static pclr_status eigen(double *matrix, size_t order, double *value, pclr_error *error)
{
    lapack_int result = LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'L', (lapack_int)order, matrix, (lapack_int)order, value);
    if (result == 0) return PCLR_OK;
    if (result == LAPACK_WORK_MEMORY_ERROR || result == LAPACK_TRANSPOSE_MEMORY_ERROR) return error_memory(error, order * order * 24);
    return error_set(error, PCLR_E_NUMERIC, "logistic regression: no principal axes; the inputs may hold values that are not finite");
}

/* Columns of `vector` from the last (largest) on, as many as count, into out[order][axes]. */
static void reverse_columns(const double *vector, size_t order, size_t axes, double *out)
{
    for (size_t k = 0; k < order; k++)
        for (size_t a = 0; a < axes; a++) out[k * axes + a] = vector[k * order + (order - 1 - a)];
}

static void product(CBLAS_TRANSPOSE transpose, const double *a, size_t rows, size_t inner, size_t a_width, const double *b, size_t columns,
                    double *out)
{
    cblas_dgemm(CblasRowMajor, transpose, CblasNoTrans, (int)rows, (int)columns, (int)inner, 1.0, a, (int)a_width, b, (int)columns, 0.0,
                out, (int)columns);
}

/* From the smaller of the two Gram matrices: x = position axis^T. */
static pclr_status find_axes(logistic_design *s, const double *x, pclr_error *error)
{
    bool by_input = s->d <= s->n; /* eigenvectors are the axes; else they are the positions, up to a factor */
    size_t order = by_input ? s->d : s->n, width = s->d;
    double *gram = NULL, *value = NULL, *vector = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&gram, order * order, sizeof *gram, error));
    TRY_GOTO(mem_alloc(&value, order, sizeof *value, error));
    cblas_dsyrk(CblasRowMajor, CblasLower, by_input ? CblasTrans : CblasNoTrans, (int)order, (int)(by_input ? s->n : s->d), 1.0, x,
                (int)width, 0.0, gram, (int)order);
    TRY_GOTO(eigen(gram, order, value, error));
    while (s->axes < order && value[order - 1 - s->axes] > NEGLIGIBLE * value[order - 1]) s->axes++;
    TRY_GOTO(mem_alloc(&s->square, s->axes, sizeof *s->square, error));
    TRY_GOTO(mem_alloc(&s->axis, s->d * s->axes, sizeof *s->axis, error));
    TRY_GOTO(mem_alloc(&s->position, s->n * s->axes, sizeof *s->position, error));
    TRY_GOTO(mem_alloc(&vector, order * s->axes, sizeof *vector, error));
    for (size_t a = 0; a < s->axes; a++) s->square[a] = value[order - 1 - a];
    reverse_columns(gram, order, s->axes, by_input ? s->axis : vector);
    if (!by_input && s->axes > 0) {
        product(CblasTrans, x, s->d, s->n, width, vector, s->axes, s->axis);
        for (size_t k = 0; k < s->d; k++)
            for (size_t a = 0; a < s->axes; a++) s->axis[k * s->axes + a] /= sqrt(s->square[a]);
    }
    if (s->axes > 0) product(CblasNoTrans, x, s->n, s->d, width, s->axis, s->axes, s->position);
done:
    mem_free(gram);
    mem_free(value);
    mem_free(vector);
    return status;
}

pclr_status logistic_design_create(logistic_design *design, const double *x, size_t n, size_t d, pclr_error *error)
{
    *design = (logistic_design){.n = n, .d = d};
    if (n > INT32_MAX || d > INT32_MAX)
        return error_set(error, PCLR_E_UNSUPPORTED, "logistic regression: %zu inputs of %zu records are too many", d, n);
    if (n == 0 || d == 0) return PCLR_OK;
    pclr_status status = find_axes(design, x, error);
    if (status != PCLR_OK) logistic_design_free(design);
    return status;
}

void logistic_design_free(logistic_design *design)
{
    mem_release(&design->axis);
    mem_release(&design->position);
    mem_release(&design->square);
}

/* ---- the problem ---- */

/* Variables of the search: along axis a the weight times scale[a], the square root of the largest curvature there, so that all
 * curvatures are near 1 or below; likewise the bias times BIAS_SCALE. */
typedef struct problem {
    const logistic_design *design;
    const uint8_t *label;
    size_t classes;
    double lambda;
    double *scale;  /* [axes] */
    double *weight; /* [classes][axes] along the axes */
    double *slope;  /* [classes][axes] derivative by them */
    double *share;  /* [classes] 1 / number of known labels; 0: the class is not fitted */
    double *logit;  /* [n][classes], then the derivatives by it */
    int iterations;
} problem;

static const double BIAS_SCALE = 0.5;

void logistic_apply(const double *x, size_t n, size_t d, const double *weight, const double *bias, size_t classes, double *logit)
{
    for (size_t i = 0; i < n; i++) memcpy(logit + i * classes, bias, classes * sizeof *bias);
    if (n > 0 && d > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)classes, (int)d, 1.0, x, (int)d, weight, (int)d, 1.0, logit,
                    (int)classes);
}

/* log(1 + e^z) without overflow. */
static double softplus(double z)
{
    return z > 0.0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

/* Loss of the data; turns logit into the derivative of the loss by it. */
static double loss_and_derivative(problem *p)
{
    double loss = 0.0;
    for (size_t i = 0; i < p->design->n; i++) {
        for (size_t c = 0; c < p->classes; c++) {
            double *z = &p->logit[i * p->classes + c];
            uint8_t label = p->label[i * p->classes + c];
            if (label > 1 || p->share[c] == 0.0) {
                *z = 0.0;
                continue;
            }
            loss += p->share[c] * (softplus(*z) - (label ? *z : 0.0));
            *z = p->share[c] * (1.0 / (1.0 + exp(-*z)) - (double)label);
        }
    }
    return loss;
}

/* Variables: [classes][axes] of the weights, [classes] of the biases, then padding that liblbfgs wants. */
static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *v, lbfgsfloatval_t *gradient, const int count,
                                const lbfgsfloatval_t step)
{
    problem *p = instance;
    size_t n = p->design->n, axes = p->design->axes, classes = p->classes, weights = classes * axes;
    double bias[LOGISTIC_MAX_CLASSES];
    (void)step;
    memset(gradient, 0, (size_t)count * sizeof *gradient);
    for (size_t k = 0; k < weights; k++) p->weight[k] = v[k] / p->scale[k % axes];
    for (size_t c = 0; c < classes; c++) bias[c] = v[weights + c] / BIAS_SCALE;
    logistic_apply(p->design->position, n, axes, p->weight, bias, classes, p->logit);
    double loss = loss_and_derivative(p);
    if (axes > 0) product(CblasTrans, p->logit, classes, n, classes, p->design->position, axes, p->slope);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < classes; c++) gradient[weights + c] += p->logit[i * classes + c] / BIAS_SCALE;
    for (size_t k = 0; k < weights; k++) {
        loss += 0.5 * p->lambda * p->weight[k] * p->weight[k];
        gradient[k] = (p->slope[k] + p->lambda * p->weight[k]) / p->scale[k % axes];
    }
    return loss;
}

static int count_iterations(void *instance, const lbfgsfloatval_t *v, const lbfgsfloatval_t *g, const lbfgsfloatval_t f,
                            const lbfgsfloatval_t vnorm, const lbfgsfloatval_t gnorm, const lbfgsfloatval_t step, int n, int k, int ls)
{
    (void)v, (void)g, (void)f, (void)vnorm, (void)gnorm, (void)step, (void)n, (void)ls;
    ((problem *)instance)->iterations = k;
    return 0;
}

/* Known labels by class; classes that cannot be fitted get their constant answer. */
static void count_labels(problem *p, double *weight, double *bias)
{
    size_t d = p->design->d;
    for (size_t c = 0; c < p->classes; c++) {
        size_t known = 0, positive = 0;
        for (size_t i = 0; i < p->design->n; i++) {
            uint8_t label = p->label[i * p->classes + c];
            known += label <= 1;
            positive += label == 1;
        }
        p->share[c] = positive > 0 && positive < known ? 1.0 / (double)known : 0.0;
        if (p->share[c] > 0.0) continue;
        memset(weight + c * d, 0, d * sizeof *weight);
        bias[c] = log(((double)positive + 0.5) / ((double)(known - positive) + 0.5));
    }
}

static pclr_status solve(problem *p, double *v, int count, pclr_error *error)
{
    lbfgs_parameter_t parameter;
    lbfgs_parameter_init(&parameter);
    parameter.m = 10;
    parameter.epsilon = 1e-6;
    parameter.max_iterations = 2000;
    parameter.max_linesearch = 60;
    int result = lbfgs(count, v, NULL, evaluate, count_iterations, p, &parameter);
    /* At the limit of the numbers' precision the line search finds no better point: that is convergence as well. */
    if (result == LBFGS_SUCCESS || result == LBFGS_STOP || result == LBFGS_ALREADY_MINIMIZED || result == LBFGSERR_ROUNDING_ERROR ||
        result == LBFGSERR_MAXIMUMLINESEARCH || result == LBFGSERR_MINIMUMSTEP || result == LBFGSERR_WIDTHTOOSMALL ||
        result == LBFGSERR_MAXIMUMITERATION)
        return PCLR_OK;
    if (result == LBFGSERR_OUTOFMEMORY) return error_memory(error, (size_t)count * 160);
    return error_set(error, PCLR_E_NUMERIC,
                     "logistic regression: L-BFGS stopped with code %d; the inputs may hold values that are not finite", result);
}

/* Weights by input -> variables of the search. */
static void to_variables(const problem *p, const double *weight, const double *bias, double *v)
{
    size_t axes = p->design->axes, d = p->design->d;
    if (axes > 0) product(CblasNoTrans, weight, p->classes, d, d, p->design->axis, axes, v);
    for (size_t k = 0; k < p->classes * axes; k++) v[k] *= p->scale[k % axes];
    for (size_t c = 0; c < p->classes; c++) v[p->classes * axes + c] = bias[c] * BIAS_SCALE;
}

static void from_variables(const problem *p, const double *v, double *weight, double *bias)
{
    size_t axes = p->design->axes, d = p->design->d;
    memset(weight, 0, p->classes * d * sizeof *weight);
    for (size_t k = 0; k < p->classes * axes; k++) p->weight[k] = v[k] / p->scale[k % axes];
    if (axes > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->classes, (int)d, (int)axes, 1.0, p->weight, (int)axes, p->design->axis,
                    (int)axes, 0.0, weight, (int)d);
    for (size_t c = 0; c < p->classes; c++) bias[c] = v[p->classes * axes + c] / BIAS_SCALE;
}

pclr_status logistic_fit(const logistic_design *design, const uint8_t *label, size_t classes, double lambda, double *weight, double *bias,
                         int *iterations, pclr_error *error)
{
    problem p = {.design = design, .label = label, .classes = classes, .lambda = lambda};
    size_t axes = design->axes, count = (classes * (axes + 1) + 15) / 16 * 16;
    double *v = NULL;
    pclr_status status;
    if (classes > LOGISTIC_MAX_CLASSES || count > INT32_MAX)
        return error_set(error, PCLR_E_UNSUPPORTED, "logistic regression: %zu classes, expected at most %d", classes, LOGISTIC_MAX_CLASSES);
    TRY_GOTO(mem_alloc(&v, count, sizeof *v, error));
    TRY_GOTO(mem_alloc(&p.scale, axes, sizeof *p.scale, error));
    TRY_GOTO(mem_alloc(&p.weight, classes * axes, sizeof *p.weight, error));
    TRY_GOTO(mem_alloc(&p.slope, classes * axes, sizeof *p.slope, error));
    TRY_GOTO(mem_alloc(&p.share, classes, sizeof *p.share, error));
    TRY_GOTO(mem_alloc(&p.logit, design->n * classes, sizeof *p.logit, error));
    for (size_t a = 0; a < axes; a++) p.scale[a] = sqrt(0.25 * design->square[a] / (double)design->n + lambda);
    count_labels(&p, weight, bias);
    to_variables(&p, weight, bias, v);
    TRY_GOTO(solve(&p, v, (int)count, error));
    from_variables(&p, v, weight, bias);
    if (iterations) *iterations = p.iterations;
done:
    mem_free(v);
    mem_free(p.scale);
    mem_free(p.weight);
    mem_free(p.slope);
    mem_free(p.share);
    mem_free(p.logit);
    return status;
}
