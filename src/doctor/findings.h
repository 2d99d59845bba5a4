/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of findings, and what was found in one recording. */
#ifndef PCLR_DOCTOR_FINDINGS_H
#define PCLR_DOCTOR_FINDINGS_H

#include "base/text.h"

/* The order is that of the table in findings.c. */
typedef enum finding_kind {
    FINDING_UNREADABLE,
    FINDING_SCALE,
    FINDING_FLAT,
    FINDING_CLIPPED,
    FINDING_MISSING,
    FINDING_MAINS,
    FINDING_LEADS,
    FINDING_GAINS,
    FINDING_REVERSED,
    FINDING_SHORT,
    FINDING_RATE,
    FINDING_NO_BEATS,
    FINDING_NOISE,
    FINDING_ARTEFACT,
    FINDING_DUPLICATE,
    FINDING_PATIENT,
    FINDING_AGE,
    FINDING_LABELS,
    FINDING_HEADER
} finding_kind;

typedef struct findings {
    text words;     /* "flat(V2 V4);mains(50 Hz)" */
    uint32_t kinds; /* bit k: kind k */
} findings;

/* detail: printf style, without ';' and parentheses; "" for none. */
void findings_add(findings *f, finding_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
void findings_free(findings *f);

/* Beats a minute from the median RR; NaN with fewer than four beats. fiducials may be NULL. */
double checks_heart_rate(const pclr_fiducials *fiducials);
/* A heart that beats too fast or too slow for its QRS and T waves, as when the sampling rate is told wrongly. (rate.c) */
void rate_check(findings *f, const pclr_record *record, const pclr_fiducials *fiducials);
/* Leads that noise, wander or a disturbance spoils: "V3 noise, V5 burst". hums[leads]: what is no QRS is mains hum there. (artefacts.c) */
void artefacts_check(findings *f, const pclr_record *record, const bool *hums);
/* Everything that one recording tells by itself. fiducials may be NULL (not computable). */
void checks_run(findings *f, const pclr_record *record, const pclr_fiducials *fiducials);

#endif
