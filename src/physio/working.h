/* SPDX-License-Identifier: Apache-2.0 */
/* The record as the detectors see it: every lead at one rate, gaps bridged, junk set aside. */
#ifndef PCLR_PHYSIO_WORKING_H
#define PCLR_PHYSIO_WORKING_H

#include "base/error.h"

#define WORKING_RATE 250.0 /* Hz: holds all of a QRS complex (< 110 Hz) and is what the delineators were built on */

typedef struct working {
    double step;            /* samples of the record per working sample; position in the record = working position * step */
    size_t leads, samples;
    float *signal;          /* [leads][samples] mV, finite */
    float *quality;         /* [leads] 0..1; 0: not to be used */
} working;

pclr_status working_create(working *w, const pclr_record *record, pclr_error *error);
void working_free(working *w);

static inline const float *working_lead(const working *w, size_t lead)
{
    return w->signal + lead * w->samples;
}

/* Milliseconds to working samples, rounded. */
static inline size_t working_ms(double ms)
{
    return (size_t)(ms * WORKING_RATE / 1000.0 + 0.5);
}

#endif
