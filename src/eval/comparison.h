/* SPDX-License-Identifier: Apache-2.0 */
/* What pclr_compare computes; src/report draws from it. */
#ifndef PCLR_EVAL_COMPARISON_H
#define PCLR_EVAL_COMPARISON_H

#include "base/text.h"
#include "eval/delong.h"
#include "eval/evaluation.h"

typedef struct class_difference {
    delong_difference delong; /* AUROC of the model minus that of the first */
    bool defined;             /* false: too few patients for a variance */
    double holm;              /* p corrected over the classes (Holm 1979) */
} class_difference;

struct pclr_comparison {
    size_t models, classes;
    pclr_evaluation **evaluation; /* [models], same records and classes in the same order, same resamples */
    resample_options resampling;
    pclr_estimate *difference;  /* [models][overall measures]: model minus the first */
    double *p;                  /* the same, two-sided, from the resamples; never below 2 / (resamples + 1). Of AUROC over one
                                 * class both are that class's. */
    class_difference *by_class; /* [models][classes] */
    text notes;                 /* lines */
    char *json, *text, *csv;
};

/* Paired tests of the AUROC of each class, corrected over the classes, into by_class; needs `difference`. */
pclr_status comparison_class_tests(pclr_comparison *c, pclr_error *error);
pclr_status comparison_write_text(pclr_comparison *c, pclr_error *error);
pclr_status comparison_write_json(pclr_comparison *c, pclr_error *error);
pclr_status comparison_write_csv(pclr_comparison *c, pclr_error *error);

#endif
