/* SPDX-License-Identifier: Apache-2.0 */
/* All measures of one or more models in every bootstrap resample, the same resamples for all models. */
#ifndef PCLR_EVAL_RESAMPLE_H
#define PCLR_EVAL_RESAMPLE_H

#include "eval/interval.h"
#include "eval/scoring.h"

typedef struct resample_options {
    size_t count; /* resamples */
    uint64_t seed;
    interval_kind kind;
    bool stratified;
    int threads;
    const pclr_callbacks *callbacks;
} resample_options;

typedef struct resample {
    interval_kind kind;
    size_t models, total, count;  /* total: measures_total */
    size_t groups;                /* of the jackknife over groups of patients; 0 for percentile intervals */
    double *estimate;             /* [models][total], all records */
    double *value;                /* [models][total][count] */
    double *jackknife;            /* [models][total][groups] */
    size_t exchanged, incomplete; /* resamples, see eval/bootstrap.h */
} resample;

/* scorings[models] over the same records in the same order. */
pclr_status resample_create(resample *out, const scoring *const *scorings, size_t models, const resample_options *options,
                            pclr_error *error);
void resample_free(resample *r);
/* 95 % interval of measure k of a model, none when it is a point, because resamples that agree say nothing; sorts its values (call
 * resample_difference before). */
pclr_estimate resample_estimate(resample *r, size_t model, size_t k);
/* The same for the paired difference model a - model b; *p (two-sided, from the resamples) may be NULL. scratch[count + groups]. */
pclr_estimate resample_difference(const resample *r, size_t a, size_t b, size_t k, double *scratch, double *p);

#endif
