/* SPDX-License-Identifier: Apache-2.0 */
/* What the atria do between the beats: fibrillation and flutter waves once QRS, T and the regular P are taken away. */
#ifndef PCLR_PHYSIO_ATRIAL_MEASURES_H
#define PCLR_PHYSIO_ATRIAL_MEASURES_H

#include "physio/beat_average.h"

enum { ATRIAL_RMS, ATRIAL_BAND, ATRIAL_PEAK, ATRIAL_FREQUENCY, ATRIAL_MEASURES };

/* Of one lead of the average (0..11): value and valid [ATRIAL_MEASURES]. */
pclr_status atrial_measures(const feature_input *in, const average_beat *average, int lead, float *value, uint8_t *valid,
                            pclr_error *error);

#endif
