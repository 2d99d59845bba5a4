/* SPDX-License-Identifier: Apache-2.0 */
#include "report/curves.h"

#include <math.h>

#include "eval/bootstrap.h"

enum { DRAWS = 200 };

/* Both curves of one class under weights; NaN when the class is undefined. Precision is that of the highest threshold that reaches the
 * recall, as in average precision, not the largest of those beyond. */
static void trace(const ranking *r, const uint16_t *weight, double *roc, double *precision)
{
    ranking_areas a = ranking_measure(r, weight, 0);
    double tp = 0, fp = 0;
    size_t reached = 0; /* grid points of recall that a threshold before reached */
    bool defined = a.positives > 0 && a.negatives > 0;
    for (size_t k = 0; k < CURVE_POINTS; k++) roc[k] = precision[k] = defined ? 0 : NAN;
    for (size_t i = 0; i < r->n && defined; i++) {
        double w = weight ? weight[r->record[i]] : 1;
        if (r->flags[i] & RANKING_POSITIVE)
            tp += w;
        else
            fp += w;
        if (!(r->flags[i] & RANKING_GROUP_END) || tp + fp <= 0) continue;
        /* This threshold serves every grid point at or beyond its false-alarm rate, and every recall that none before it reached. */
        size_t from = (size_t)ceil(fp / a.negatives * (CURVE_POINTS - 1) - 1e-9);
        size_t upto = (size_t)floor(tp / a.positives * (CURVE_POINTS - 1) + 1e-9);
        if (from < CURVE_POINTS) roc[from] = fmax(roc[from], tp / a.positives);
        while (reached <= upto) precision[reached++] = tp / (tp + fp);
    }
    for (size_t k = 1; k < CURVE_POINTS && defined; k++) roc[k] = fmax(roc[k], roc[k - 1]);
}

/* values[DRAWS][2 * CURVE_POINTS] of one class -> bands. */
static void bands(const double *values, class_curves *out)
{
    double column[DRAWS], low, high;
    for (size_t k = 0; k < 2 * CURVE_POINTS; k++) {
        curve *c = k < CURVE_POINTS ? &out->roc : &out->precision;
        size_t at = k % CURVE_POINTS;
        for (size_t d = 0; d < DRAWS; d++) column[d] = values[d * 2 * CURVE_POINTS + k];
        if (!interval_bootstrap(INTERVAL_PERCENTILE, column, DRAWS, c->value[at], NULL, 0, 0.05, &low, &high)) low = high = NAN;
        c->low[at] = low;
        c->high[at] = high;
    }
}

pclr_status curves_create(class_curves **curves, const pclr_evaluation *e, pclr_error *error)
{
    const eval_set *set = &e->set;
    const size_t width = 2 * CURVE_POINTS;
    bootstrap draws = {0};
    uint16_t *weight = NULL, *patient_weight = NULL;
    double *values = NULL;
    pclr_status status = PCLR_OK;

    *curves = NULL;
    TRY_GOTO(mem_alloc(curves, set->classes, sizeof **curves, error));
    TRY_GOTO(mem_alloc(&weight, set->records, sizeof *weight, error));
    TRY_GOTO(mem_alloc(&patient_weight, set->patients, sizeof *patient_weight, error));
    TRY_GOTO(mem_alloc(&values, set->classes * DRAWS * width, sizeof *values, error));
    TRY_GOTO(bootstrap_create(&draws, set, e->seed, e->stratified, error));
    for (size_t d = 0; d < DRAWS; d++) {
        bootstrap_draw(&draws, d, weight, patient_weight);
        for (size_t c = 0; c < set->classes; c++) {
            double *row = values + (c * DRAWS + d) * width;
            trace(&e->scores.rank[c], weight, row, row + CURVE_POINTS);
        }
    }
    for (size_t c = 0; c < set->classes; c++) {
        trace(&e->scores.rank[c], NULL, (*curves)[c].roc.value, (*curves)[c].precision.value);
        bands(values + c * DRAWS * width, &(*curves)[c]);
    }
done:
    bootstrap_free(&draws);
    mem_free(weight);
    mem_free(patient_weight);
    mem_free(values);
    if (status != PCLR_OK) mem_release(curves);
    return status;
}
