/* SPDX-License-Identifier: Apache-2.0 */
/* What pclr_evaluate computes; src/report draws from it. */
#ifndef PCLR_EVAL_EVALUATION_H
#define PCLR_EVAL_EVALUATION_H

#include "eval/calibration.h"
#include "eval/resample.h"

enum { RELIABILITY_BINS = 10 };

typedef enum threshold_origin { THRESHOLD_NONE, THRESHOLD_GIVEN, THRESHOLD_VALIDATION, THRESHOLD_HALF } threshold_origin;

typedef struct evaluation_class {
    size_t positives, negatives;
    bool constant;              /* every record has the same score */
    double threshold;           /* NaN: none */
    threshold_origin origin;
    double true_positives, false_positives; /* at the threshold */
    pclr_estimate delong;       /* AUROC with DeLong's interval */
    reliability_bin bin[RELIABILITY_BINS];
    size_t bins;                /* 0 unless scores are probabilities */
    double calibration_error, calibration_error_scaled; /* ECE, and after the validation temperature; NaN */
} evaluation_class;

/* Macro AUROC in a part of the records. */
typedef struct evaluation_group {
    char kind[16];              /* "sex", "age", "source", "without source" */
    char name[48];
    size_t records, patients, positives, defined; /* positives: over all classes; defined: classes with an AUROC */
    pclr_estimate macro_auroc;
} evaluation_group;

struct pclr_evaluation {
    char *name, *labels, *task, *split; /* file names and choices; NULL where not given */
    eval_set set;
    scoring scores;             /* over `set` */
    double specificity, prevalence, temperature; /* temperature NaN: no validation */
    size_t validation_records, bootstraps;
    uint64_t seed;
    bool stratified, segments;
    interval_kind interval;
    evaluation_class *class_result;  /* [classes] */
    pclr_estimate *of_class;    /* [measures][classes] */
    pclr_estimate *overall;     /* [measures] */
    evaluation_group *group;
    size_t groups, exchanged, incomplete;
    char *json, *text, *csv;
};

/* Estimate of a class or overall measure by name. */
pclr_estimate evaluation_of_class(const pclr_evaluation *e, const char *measure, size_t class_index);
pclr_estimate evaluation_overall(const pclr_evaluation *e, const char *measure);

/* Steps of pclr_evaluate, also used by pclr_compare. */
pclr_status evaluation_choices(const pclr_evaluate_options *options, resample_options *resampling, const pclr_callbacks *callbacks,
                               pclr_error *error);
pclr_status evaluation_thresholds(pclr_evaluation *e, const char *predictions, const char *labels, const pclr_evaluate_options *options,
                                  pclr_error *error);
pclr_status evaluation_groups(pclr_evaluation *e, const resample_options *resampling, pclr_error *error);
pclr_status evaluation_write_json(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_write_text(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_write_csv(pclr_evaluation *e, pclr_error *error);

#endif
