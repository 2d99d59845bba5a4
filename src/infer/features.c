/* SPDX-License-Identifier: Apache-2.0 */
/* The features of a recording as the classifier takes them: of all its segments, averaged, standardised by the training records. */
#include <math.h>

#include "base/memory.h"
#include "infer/model.h"
#include "physio/segments.h"

pclr_status infer_recording_features(const infer_features *f, const pclr_record *record, float *raw, float *standard, pclr_error *error)
{
    size_t features = f->layout->count;
    float *value = NULL;
    uint8_t *valid = NULL, *mean_valid = NULL;
    segment_cut cut;
    pclr_status status;
    TRY(segments_cut(&cut, f->segment_seconds, record->rate, (int64_t)record->samples, error));
    TRY_GOTO(mem_alloc(&value, cut.count, features * sizeof *value, error));
    TRY_GOTO(mem_alloc(&valid, cut.count, features, error));
    TRY_GOTO(mem_alloc(&mean_valid, features, 1, error));
    TRY_GOTO(segments_measure(&cut, f->layout, record, NULL, value, valid, error));
    segments_mean(value, valid, cut.count, features, raw, mean_valid);
    feature_space_apply(&f->space, raw, mean_valid, 1, standard, NULL);
    for (size_t k = 0; k < features; k++)
        if (!mean_valid[k]) raw[k] = NAN;
done:
    mem_free(value);
    mem_free(valid);
    mem_free(mean_valid);
    return status;
}
