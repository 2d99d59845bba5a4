/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/segments.h"

#include <math.h>

#include "base/error.h"

pclr_status segments_cut(segment_cut *cut, double seconds, double rate, int64_t samples, pclr_error *error)
{
    double length = rint(seconds * rate);
    if (!(length >= 1 && length < 9e15))
        return error_set(error, PCLR_E_ARGUMENT, "segments of %g s at %g Hz hold no sample; expected at least one", seconds, rate);
    *cut = (segment_cut){1, samples};
    if ((double)samples >= length) *cut = (segment_cut){(size_t)(samples / (int64_t)length), (int64_t)length};
    return PCLR_OK;
}

static pclr_status measure(const segment_cut *cut, const pclr_feature_layout *layout, const pclr_record *record,
                           const pclr_fiducials *marks, float *value, uint8_t *valid, pclr_error *error)
{
    for (size_t s = 0; s < cut->count; s++) {
        double first = (double)((int64_t)s * cut->length);
        TRY(pclr_features_compute(layout, record, marks, first, (double)cut->length, value + s * layout->count, valid + s * layout->count,
                                  NULL, error));
    }
    return PCLR_OK;
}

pclr_status segments_measure(const segment_cut *cut, const pclr_feature_layout *layout, const pclr_record *record,
                             const pclr_fiducials *marks, float *value, uint8_t *valid, pclr_error *error)
{
    pclr_fiducials *own = NULL;
    if (!marks) TRY(pclr_fiducials_compute(&own, record, NULL, error));
    pclr_status status = measure(cut, layout, record, marks ? marks : own, value, valid, error);
    pclr_fiducials_destroy(&own);
    return status;
}

void segments_mean(const float *value, const uint8_t *valid, size_t segments, size_t features, float *mean, uint8_t *mean_valid)
{
    for (size_t k = 0; k < features; k++) {
        double sum = 0;
        size_t used = 0;
        for (size_t s = 0; s < segments; s++) {
            if (!valid[s * features + k]) continue;
            sum += (double)value[s * features + k];
            used++;
        }
        mean_valid[k] = used > 0;
        mean[k] = used > 0 ? (float)(sum / (double)used) : 0;
    }
}
