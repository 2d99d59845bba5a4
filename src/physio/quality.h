/* SPDX-License-Identifier: Apache-2.0 */
/* How fit a recording is for reading: five measures of its leads, and a score fitted to experts' verdicts. */
#ifndef PCLR_PHYSIO_QUALITY_H
#define PCLR_PHYSIO_QUALITY_H

#include "physio/working.h"

/* Of the leads of a recording, as the score takes them. */
enum {
    QUALITY_FLAT,       /* mean over leads: share of 100-ms stretches that move less than 4 uV (flat, disconnected) */
    QUALITY_PEAKEDNESS, /* least lead: log of the largest slope of a second over its mean slope, median over the seconds; low: noise */
    QUALITY_WANDER,     /* worst lead: log of the span, in mV, of means over half a second */
    QUALITY_RANGE,      /* worst lead: log of the largest span within a second, in mV */
    QUALITY_NOISE,      /* worst lead: log of the median, over 100-ms stretches, of the root mean square above about 40 Hz, in mV */
    QUALITY_MEASURES
};

pclr_status quality_measure(const working *w, double measure[QUALITY_MEASURES], pclr_error *error);

/* Probability, 0 to 1, that experts would accept a recording with these measures: logistic, fitted on half of the labelled recordings
 * of the PhysioNet/CinC Challenge 2011 (docs/features.md names the halves and the result on the other). */
double quality_score(const double measure[QUALITY_MEASURES]);

#endif
