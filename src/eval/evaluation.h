/* SPDX-License-Identifier: Apache-2.0 */
/* What pclr_evaluate computes; src/report draws from it. */
#ifndef PCLR_EVAL_EVALUATION_H
#define PCLR_EVAL_EVALUATION_H

#include "eval/calibration.h"
#include "eval/resample.h"

enum { RELIABILITY_BINS = 10 };
/* Below so many patients on the rarer side bootstrap intervals of a class hold the truth too rarely (docs/evaluation.md). */
enum { FEW_PATIENTS = 30 };

typedef enum threshold_origin { THRESHOLD_NONE, THRESHOLD_GIVEN, THRESHOLD_VALIDATION, THRESHOLD_HALF, THRESHOLD_MODEL } threshold_origin;

typedef struct evaluation_class {
    size_t positives, negatives;
    size_t positive_patients, negative_patients; /* patients with a positive, with a negative record */
    bool constant;                               /* every record has the same score */
    double threshold;                            /* NaN: none */
    threshold_origin origin;
    double true_positives, false_positives; /* at the threshold */
    pclr_estimate auroc;                    /* with the interval of auroc_interval.h; also the "auroc" of of_class */
    pclr_estimate auroc_bootstrap;          /* the same value with the bootstrap's interval */
    reliability_bin bin[RELIABILITY_BINS];
    size_t bins;                       /* 0 unless scores are probabilities */
    double calibration_error;          /* of the scores; NaN: they are no probabilities */
    double calibration_error_scaled;   /* after the temperature fitted on validation; NaN: none was */
    double calibration_error_unscaled; /* with the model's temperature undone; NaN: the scores carry none */
} evaluation_class;

typedef struct group_class {
    size_t positives, negatives;
    pclr_estimate auroc; /* as of all records, by auroc_interval.h */
} group_class;

/* AUROC in a part of the records. */
typedef struct evaluation_group {
    char kind[16]; /* "sex", "age", "source", "without source" */
    char name[48];
    size_t records, patients, positives, defined; /* positives: over all classes; defined: classes with an AUROC */
    pclr_estimate macro_auroc;
    group_class *by_class; /* [classes] */
} evaluation_group;

struct pclr_evaluation {
    char *name;                                 /* in tables and legends */
    char *predictions, *labels, *task, *split;  /* file names and choices; NULL where not given */
    char predictions_hash[65], labels_hash[65]; /* SHA-256; of a dataset its fingerprint */
    char *model_details;                        /* what the model file says of itself, lines; NULL */
    char *model; /* model file that made the predictions and brought thresholds and temperature; NULL: a file of any system */
    eval_set set;
    scoring scores; /* over `set` */
    double specificity, prevalence;
    double temperature;       /* fitted on validation; NaN: not */
    double model_temperature; /* that the scores carry already; NaN: no model file */
    size_t validation_records, bootstraps;
    size_t defined; /* classes with positives and negatives */
    uint64_t seed;
    bool stratified, segments;
    interval_kind interval;
    evaluation_class *class_result; /* [classes] */
    pclr_estimate *of_class;        /* [measures][classes] */
    pclr_estimate *overall;         /* [measures] */
    evaluation_group *group;
    size_t groups, exchanged, incomplete;
    char *json, *text, *csv;
};

/* Estimate of a class or overall measure by name. */
pclr_estimate evaluation_of_class(const pclr_evaluation *e, const char *measure, size_t class_index);
pclr_estimate evaluation_overall(const pclr_evaluation *e, const char *measure);

/* ---- steps of pclr_evaluate, also used by pclr_compare ---- */

typedef struct evaluation_input {
    const char *predictions, *labels;
    const char *name;                       /* NULL: the model's or the predictions' base name */
    const char *validation;                 /* predictions on validation records; NULL: those in `predictions`, if any */
    const pclr_operating_points *operating; /* NULL: predictions of any system */
    const char *const *class_list;          /* [class_count] evaluate these only; NULL: as the options say */
    size_t class_count;
    const pclr_evaluate_options *options;
} evaluation_input;

/* Checks the options; what they say of the resamples. */
pclr_status evaluation_choices(const pclr_evaluate_options *options, resample_options *resampling, const pclr_callbacks *callbacks,
                               pclr_error *error);
/* A new evaluation with its set read. */
pclr_status evaluation_read(pclr_evaluation **e, const evaluation_input *input, pclr_error *error);
/* Thresholds, scoring and what needs no resamples. */
pclr_status evaluation_score(pclr_evaluation *e, const evaluation_input *input, pclr_error *error);
/* Intervals from resamples of model `model` in `draws`, subgroups, notes and the written forms. */
pclr_status evaluation_finish(pclr_evaluation *e, resample *draws, size_t model, const resample_options *resampling, pclr_error *error);

typedef struct class_auroc {
    pclr_estimate estimate; /* undefined without positives or negatives */
    size_t positive_patients, negative_patients;
} class_auroc;

/* AUROC of class c of a set over its patients; `rank` is that class's. */
pclr_status evaluation_class_auroc(const eval_set *set, const ranking *rank, size_t c, class_auroc *out, pclr_error *error);
/* Intervals of sensitivity, specificity and precision of each class, into of_class. */
pclr_status evaluation_class_shares(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_hashes(pclr_evaluation *e, const evaluation_input *input, pclr_error *error);
pclr_status evaluation_thresholds(pclr_evaluation *e, const evaluation_input *input, pclr_error *error);
pclr_status evaluation_class_results(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_note_classes(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_groups(pclr_evaluation *e, const resample_options *resampling, pclr_error *error);
pclr_status evaluation_write_json(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_write_text(pclr_evaluation *e, pclr_error *error);
pclr_status evaluation_write_csv(pclr_evaluation *e, pclr_error *error);

#endif
