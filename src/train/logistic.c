/* SPDX-License-Identifier: Apache-2.0 */
#include "train/logistic.h"

#include <cblas.h>
#include <lbfgs.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

typedef struct problem {
    const double *x;
    const uint8_t *label;
    size_t n, d, classes;
    double lambda;
    double *share; /* [classes] 1 / number of known labels; 0: the class is not fitted */
    double *logit; /* [n][classes], then the derivatives by it */
    int iterations;
} problem;

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
    for (size_t i = 0; i < p->n; i++) {
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

/* Variables: weight [classes][d], bias [classes], then padding that liblbfgs wants. */
static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *v, lbfgsfloatval_t *gradient, const int count,
                                const lbfgsfloatval_t step)
{
    problem *p = instance;
    size_t weights = p->classes * p->d;
    (void)step;
    memset(gradient, 0, (size_t)count * sizeof *gradient);
    logistic_apply(p->x, p->n, p->d, v, v + weights, p->classes, p->logit);
    double loss = loss_and_derivative(p);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)p->classes, (int)p->d, (int)p->n, 1.0, p->logit, (int)p->classes, p->x,
                (int)p->d, 0.0, gradient, (int)p->d);
    for (size_t i = 0; i < p->n; i++)
        for (size_t c = 0; c < p->classes; c++) gradient[weights + c] += p->logit[i * p->classes + c];
    for (size_t k = 0; k < weights; k++) {
        loss += 0.5 * p->lambda * v[k] * v[k];
        gradient[k] += p->lambda * v[k];
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
static void count_labels(problem *p, double *v)
{
    size_t weights = p->classes * p->d;
    for (size_t c = 0; c < p->classes; c++) {
        size_t known = 0, positive = 0;
        for (size_t i = 0; i < p->n; i++) {
            uint8_t label = p->label[i * p->classes + c];
            known += label <= 1;
            positive += label == 1;
        }
        p->share[c] = positive > 0 && positive < known ? 1.0 / (double)known : 0.0;
        if (p->share[c] > 0.0) continue;
        memset(v + c * p->d, 0, p->d * sizeof *v);
        v[weights + c] = log(((double)positive + 0.5) / ((double)(known - positive) + 0.5));
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

pclr_status logistic_fit(const double *x, const uint8_t *label, size_t n, size_t d, size_t classes, double lambda, double *weight,
                         double *bias, int *iterations, pclr_error *error)
{
    problem p = {.x = x, .label = label, .n = n, .d = d, .classes = classes, .lambda = lambda};
    size_t weights = classes * d, count = (weights + classes + 15) / 16 * 16;
    double *v = NULL;
    pclr_status status;
    if (count > INT32_MAX || n > INT32_MAX)
        return error_set(error, PCLR_E_UNSUPPORTED, "logistic regression: %zu weights on %zu records are too many", count, n);
    TRY_GOTO(mem_alloc(&v, count, sizeof *v, error));
    TRY_GOTO(mem_alloc(&p.share, classes, sizeof *p.share, error));
    TRY_GOTO(mem_alloc(&p.logit, n * classes, sizeof *p.logit, error));
    memcpy(v, weight, weights * sizeof *v);
    memcpy(v + weights, bias, classes * sizeof *v);
    count_labels(&p, v);
    TRY_GOTO(solve(&p, v, (int)count, error));
    memcpy(weight, v, weights * sizeof *v);
    memcpy(bias, v + weights, classes * sizeof *v);
    if (iterations) *iterations = p.iterations;
done:
    mem_free(v);
    mem_free(p.share);
    mem_free(p.logit);
    return status;
}
