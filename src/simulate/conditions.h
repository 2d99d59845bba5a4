/* SPDX-License-Identifier: Apache-2.0 */
/* The rhythms and conditions the simulator knows, how often they occur, and which go together. */
#ifndef PCLR_SIMULATE_CONDITIONS_H
#define PCLR_SIMULATE_CONDITIONS_H

#include "base/error.h"
#include "base/rng.h"

typedef enum condition {
    /* rhythms: exactly one a recording */
    COND_NSR,
    COND_SB,
    COND_STACH,
    COND_SA,
    COND_AF,
    COND_AFL,
    COND_PACED,
    /* everything else: any combination that a heart can show */
    COND_PAC,
    COND_PVC,
    COND_IAVB,
    COND_LBBB,
    COND_RBBB,
    COND_LAFB,
    COND_LAD,
    COND_RAD,
    COND_LQT,
    COND_TINV,
    COND_STE,
    COND_STD,
    COND_LOWV,
    CONDITIONS,
    CONDITION_RHYTHMS = COND_PAC
} condition;

typedef uint32_t condition_set; /* bit k: condition k */

static inline bool has_condition(condition_set set, condition c)
{
    return (set >> c) & 1U;
}

typedef struct condition_info {
    const char *name;   /* abbreviation of the PhysioNet/CinC Challenge tables */
    const char *snomed; /* SNOMED CT code written to "#Dx:" */
    const char *title;
    double prevalence; /* at the age of 60 */
    double age_slope;  /* the odds change by exp(age_slope) a decade */
    double constancy;  /* probability that a recording shows what its patient is inclined to, instead of a fresh draw */
} condition_info;

const condition_info *condition_get(condition c);

/* prevalence[CONDITIONS] from "AF,LBBB=0.5": what is not named never occurs, NAME alone keeps its usual prevalence; NULL: all as usual.
 * Recordings without any other rhythm are in sinus rhythm. */
pclr_status conditions_parse(double *prevalence, const char *list, pclr_error *error);

/* What a patient is inclined to; drawn once a patient. */
condition_set conditions_draw(const double *prevalence, double age, rng *random);
/* What one recording shows, combinations made possible (no P wave, no first-degree block; ...). */
condition_set conditions_of_record(const double *prevalence, double age, condition_set inclination, rng *random);

/* "426783006,59118001" into codes[size]. */
void conditions_codes(condition_set set, char *codes, size_t size);

#endif
