/* SPDX-License-Identifier: Apache-2.0 */
/* Paired tests of two models' AUROC class by class. */
#include <math.h>
#include <stdlib.h>

#include "eval/comparison.h"

static int by_p(const void *a, const void *b)
{
    double x = (*(class_difference *const *)a)->delong.p, y = (*(class_difference *const *)b)->delong.p;
    return (x > y) - (x < y);
}

/* p of rank k (from 0) times the number of tests not yet done, never below its predecessor. */
static pclr_status correct(class_difference *list, size_t classes, pclr_error *error)
{
    class_difference **order = NULL;
    size_t n = 0;
    double last = 0;
    TRY(mem_alloc(&order, classes, sizeof *order, error));
    for (size_t c = 0; c < classes; c++) {
        if (list[c].defined) order[n++] = &list[c];
    }
    qsort(order, n, sizeof *order, by_p);
    for (size_t k = 0; k < n; k++) last = order[k]->holm = fmin(1, fmax(last, order[k]->delong.p * (double)(n - k)));
    mem_free(order);
    return PCLR_OK;
}

/* An average that is the AUROC of one class has that class's test. */
static void averages_of_one_class(pclr_comparison *c)
{
    static const char *const average[] = {"macro_auroc", "weighted_auroc", "micro_auroc"};
    const size_t same = c->evaluation[0]->defined != 1 ? 0 : c->classes == 1 ? 3 : 2;
    size_t overall;
    measures_overall(&overall);
    for (size_t i = 0; i < c->models * c->classes; i++) {
        const class_difference *d = &c->by_class[i];
        for (size_t k = 0; k < same && d->defined; k++) {
            size_t at = i / c->classes * overall + measure_overall(average[k]);
            c->difference[at] = (pclr_estimate){d->delong.value, d->delong.low, d->delong.high, true};
            c->p[at] = d->delong.p;
        }
    }
}

pclr_status comparison_class_tests(pclr_comparison *c, pclr_error *error)
{
    const eval_set *first = &c->evaluation[0]->set;
    size_t n = first->records;
    double *scores = NULL;
    const double **model = NULL;
    uint8_t *label = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&scores, c->models * n, sizeof *scores, error));
    TRY_GOTO(mem_alloc(&model, c->models, sizeof *model, error));
    TRY_GOTO(mem_alloc(&label, n, 1, error));
    for (size_t k = 0; k < c->classes; k++) {
        delong d;
        for (size_t r = 0; r < n; r++) label[r] = first->label[r * c->classes + k];
        for (size_t m = 0; m < c->models; m++) {
            model[m] = scores + m * n;
            for (size_t r = 0; r < n; r++) scores[m * n + r] = c->evaluation[m]->set.score[r * c->classes + k];
        }
        status = delong_create(&d, model, c->models, label, first->patient, first->patients, n, error);
        if (status == PCLR_E_DATA)
            status = PCLR_OK; /* too few patients for a test */
        else if (status != PCLR_OK)
            goto done;
        else {
            for (size_t m = 1; m < c->models; m++)
                c->by_class[m * c->classes + k] = (class_difference){delong_compare(&d, m, 0, 0.05), true, NAN};
            delong_free(&d);
        }
    }
    for (size_t m = 1; m < c->models; m++) TRY_GOTO(correct(c->by_class + m * c->classes, c->classes, error));
    averages_of_one_class(c);
done:
    mem_free(scores);
    mem_free(model);
    mem_free(label);
    return status;
}
