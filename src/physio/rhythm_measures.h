/* SPDX-License-Identifier: Apache-2.0 */
/* How regular the heart beats, and which beats come too early. */
#ifndef PCLR_PHYSIO_RHYTHM_MEASURES_H
#define PCLR_PHYSIO_RHYTHM_MEASURES_H

#include "physio/beat_average.h"

enum {
    RHYTHM_RATE,
    RHYTHM_RR_MEAN,
    RHYTHM_RR_MEDIAN,
    RHYTHM_RR_SD,
    RHYTHM_RR_MIN,
    RHYTHM_RR_MAX,
    RHYTHM_CV,
    RHYTHM_RMSSD,
    RHYTHM_RMSSD_RATIO,
    RHYTHM_MAD_RATIO,
    RHYTHM_PNN50,
    RHYTHM_NEAR_EQUAL,
    RHYTHM_SD1_SD2,
    RHYTHM_TURNING,
    RHYTHM_SAMPLE_ENTROPY,
    RHYTHM_COSEN,
    RHYTHM_ENTROPY,
    RHYTHM_QUARTILE_RATIO,
    RHYTHM_SKEWNESS,
    RHYTHM_AUTOCORRELATION,
    RHYTHM_PREMATURE_ATRIAL,
    RHYTHM_PREMATURE_VENTRICULAR,
    RHYTHM_ABERRANT,
    RHYTHM_PAUSE,
    RHYTHM_EARLIEST,
    RHYTHM_CORRELATION_MEAN,
    RHYTHM_CORRELATION_MIN,
    RHYTHM_NORMAL_RMSSD,
    RHYTHM_MEASURES
};

/* value and valid [RHYTHM_MEASURES]; units and meanings stand in the rich layout's table. */
pclr_status rhythm_measures(const feature_input *in, const average_beat *average, float *value, uint8_t *valid, pclr_error *error);

#endif
