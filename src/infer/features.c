/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of a raw recording as training had them: the recording at the training dataset's rate with its leads, cut into segments of
 * the same length (whole ones only; a recording shorter than one is one segment), each value averaged over the segments that have it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "infer/model.h"
#include "signal/resample.h"

/* Copies one lead at the new rate. */
static void copy_lead(const resampler *r, const pclr_record *from, size_t lead, pclr_record *to, size_t at)
{
    resampler_apply(r, from->signal + lead * from->samples, (int64_t)from->samples, 1, to->signal + at * to->samples, 1);
    for (size_t t = 0; t < to->samples && to->valid; t++) {
        size_t source = (size_t)((double)t * from->rate / to->rate);
        if (source >= from->samples) source = from->samples - 1;
        uint8_t valid = from->valid ? from->valid[lead * from->samples + source] : 1;
        to->valid[at * to->samples + t] = valid;
        if (!valid) to->signal[at * to->samples + t] = 0.0f;
    }
}

/* Indices of the training dataset's leads in the record; a single-lead model takes the only lead by whatever name. */
static size_t find_leads(const infer_features *f, const pclr_record *record, size_t index[12])
{
    size_t count = 0;
    for (int64_t k = 0; k < f->leads; k++) {
        pclr_lead lead = pclr_lead_from_name(f->lead_name[k]);
        int at = lead == PCLR_LEAD_OTHER ? -1 : pclr_record_find_lead(record, lead);
        for (size_t c = 0; at < 0 && lead == PCLR_LEAD_OTHER && c < record->leads; c++)
            if (strcmp(record->channel[c].name, f->lead_name[k]) == 0) at = (int)c;
        if (at >= 0) index[count++] = (size_t)at;
    }
    if (count > 0 || f->leads != 1) return count;
    int lead = pclr_record_find_lead(record, PCLR_LEAD_II);
    if (lead < 0) lead = pclr_record_find_lead(record, PCLR_LEAD_I);
    index[0] = lead < 0 ? 0 : (size_t)lead;
    return 1;
}

static pclr_status bring_to_dataset(const infer_features *f, const pclr_record *record, pclr_record **out, pclr_error *error)
{
    resampler *r = NULL;
    size_t index[12], leads = find_leads(f, record, index);
    pclr_status status;
    if (leads == 0)
        return error_set(error, PCLR_E_DATA, "%s: none of the leads that the model's features need (%s, ...) is in the record", record->id,
                         f->lead_name[0]);
    TRY_GOTO(resampler_create(&r, record->rate, f->rate, error));
    TRY_GOTO(pclr_record_create(out, record->id, f->rate, leads, (size_t)resampler_length(r, (int64_t)record->samples), error));
    if (record->valid) TRY_GOTO(mem_alloc(&(*out)->valid, leads, (*out)->samples, error));
    for (size_t k = 0; k < leads; k++) {
        (*out)->channel[k] = record->channel[index[k]];
        copy_lead(r, record, index[k], *out, k);
    }
    (*out)->age = record->age;
    (*out)->sex = record->sex;
done:
    resampler_destroy(&r);
    return status;
}

static pclr_status mean_over_segments(const infer_features *f, const pclr_record *record, float *mean, uint8_t *valid, pclr_error *error)
{
    size_t features = f->layout->count;
    int64_t segment = (int64_t)llround(f->segment_seconds * f->rate), samples = (int64_t)record->samples;
    int64_t count = samples / segment > 0 ? samples / segment : 1;
    pclr_fiducials *marks = NULL;
    float *value = NULL;
    uint8_t *known = NULL;
    double *sum = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&value, features, sizeof *value, error));
    TRY_GOTO(mem_alloc(&known, features, 1, error));
    TRY_GOTO(mem_alloc(&sum, 2 * features, sizeof *sum, error));
    TRY_GOTO(pclr_fiducials_compute(&marks, record, NULL, error));
    for (int64_t s = 0; s < count; s++) {
        double length = (double)(samples < segment ? samples : segment);
        TRY_GOTO(pclr_features_compute(f->layout, record, marks, (double)(s * segment), length, value, known, NULL, error));
        for (size_t k = 0; k < features; k++) {
            if (!known[k]) continue;
            sum[k] += length * (double)value[k];
            sum[features + k] += length;
        }
    }
    for (size_t k = 0; k < features; k++) {
        valid[k] = sum[features + k] > 0.0;
        mean[k] = valid[k] ? (float)(sum[k] / sum[features + k]) : 0.0f;
    }
done:
    pclr_fiducials_destroy(&marks);
    mem_free(value);
    mem_free(known);
    mem_free(sum);
    return status;
}

pclr_status infer_recording_features(const infer_features *f, const pclr_record *record, float *standard, pclr_error *error)
{
    pclr_record *same = NULL;
    float *mean = NULL;
    uint8_t *valid = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&mean, f->layout->count, sizeof *mean, error));
    TRY_GOTO(mem_alloc(&valid, f->layout->count, 1, error));
    TRY_GOTO(bring_to_dataset(f, record, &same, error));
    TRY_GOTO(mean_over_segments(f, same, mean, valid, error));
    feature_space_apply(&f->space, mean, valid, 1, standard, NULL);
done:
    pclr_record_destroy(&same);
    mem_free(mean);
    mem_free(valid);
    return status;
}
