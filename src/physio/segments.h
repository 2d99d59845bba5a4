/* SPDX-License-Identifier: Apache-2.0 */
/* How a recording is cut into segments, and the features of each: one rule for datasets, CSV files and prediction. */
#ifndef PCLR_PHYSIO_SEGMENTS_H
#define PCLR_PHYSIO_SEGMENTS_H

#include <physioclr.h>

/* Segment s covers samples [s * length, (s + 1) * length). */
typedef struct segment_cut {
    size_t count; /* >= 1 */
    int64_t length;
} segment_cut;

/* Whole segments of `seconds`, rounded to samples, from the recording's start; what is left at its end is not used. A recording shorter
 * than one segment is one segment. PCLR_E_ARGUMENT when a segment would hold no sample. */
pclr_status segments_cut(segment_cut *cut, double seconds, double rate, int64_t samples, pclr_error *error);
/* value, valid [cut->count][layout->count]. `marks` (of this record) may be NULL: they are computed. */
pclr_status segments_measure(const segment_cut *cut, const pclr_feature_layout *layout, const pclr_record *record,
                             const pclr_fiducials *marks, float *value, uint8_t *valid, pclr_error *error);
/* Each feature averaged over the segments in which it is valid: value, valid [segments][features] -> mean, mean_valid [features]. */
void segments_mean(const float *value, const uint8_t *valid, size_t segments, size_t features, float *mean, uint8_t *mean_valid);

#endif
