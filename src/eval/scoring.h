/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be prepared once of an evaluation, so that all measures under any weights of the records (a bootstrap resample)
 * cost one pass. The table of measures in measures.c says what is derived from the sums.
 */
#ifndef PCLR_EVAL_SCORING_H
#define PCLR_EVAL_SCORING_H

#include "eval/challenge.h"
#include "eval/fmax.h"
#include "eval/ranking.h"
#include "eval/set.h"

/* Choices made before looking at the evaluated records. */
typedef struct eval_choices {
    const double *threshold; /* [classes] called positive from this score on; NaN (or NULL): none for the class */
    double specificity;      /* at which sensitivity is told, e.g. 0.9 */
    double prevalence;       /* at which the predictive value is told; 0: not */
    bool areas_only;         /* AUROC and average precision only (subgroups) */
} eval_choices;

typedef struct scoring {
    const eval_set *set;
    eval_choices choices;
    double *threshold;         /* [classes], a copy */
    ranking *rank;             /* [classes] */
    size_t *cut;               /* [classes] entries of the ranking that are called positive */
    ranking micro;             /* all pairs of record and class */
    double *squared_error;     /* [classes][records], 0 where unknown; NULL unless scores are probabilities */
    fmax_table fmax;           /* empty unless scores are probabilities */
    challenge_table challenge; /* empty unless the classes are those of the Challenge */
    bool probabilities;        /* every score in [0, 1] */
} scoring;

pclr_status scoring_create(scoring *s, const eval_set *set, const eval_choices *choices, pclr_error *error);
void scoring_free(scoring *s);

/* What the measures are derived from, under one set of weights. */
typedef struct scoring_sums {
    ranking_areas *area; /* [classes] */
    ranking_areas micro;
    double *sensitivity_at; /* [classes] */
    double *squared_error;  /* [classes] weighted sums */
    double fmax, challenge; /* NaN: does not exist */
    double *scratch;        /* for fmax */
} scoring_sums;

pclr_status scoring_sums_create(scoring_sums *sums, const scoring *s, pclr_error *error);
void scoring_sums_free(scoring_sums *sums);
/* weight[records], NULL: every record once. */
void scoring_measure(const scoring *s, const uint16_t *weight, scoring_sums *sums);

/* ---- the table of measures ---- */

typedef struct measure {
    const char *name;       /* "auroc"; JSON and CSV */
    const char *title;      /* "AUROC" */
    const char *definition; /* one line for people */
    bool smaller_is_better;
    bool areas;                                                                      /* exists with areas_only */
    double (*value)(const scoring *s, const scoring_sums *sums, size_t class_index); /* NaN: undefined */
} measure;

/* Per class, and over all classes (class_index unused). */
const measure *measures_of_class(size_t *count);
const measure *measures_overall(size_t *count);
/* Place of a measure in its table by name; SIZE_MAX: none. */
size_t measure_of_class(const char *name);
size_t measure_overall(const char *name);
/* Its title beside so many classes. Of a single class all averages are the same: the macro average is called by the measure's name, and the
 * others, which repeat it, are NULL. */
const char *measure_title(const measure *m, size_t classes);
/* All values of all measures: value[measures_total(s)], class measures first as [measure][class], then the overall ones. */
size_t measures_total(const scoring *s);
void measures_evaluate(const scoring *s, const scoring_sums *sums, double *value);

#endif
