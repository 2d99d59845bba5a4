/* SPDX-License-Identifier: Apache-2.0 */
/* Features of many recordings as one CSV file. */
#include "base/memory.h"
#include "physio/recordings_csv.h"
#include "physio/segments.h"

typedef struct export_job {
    const pclr_feature_layout *layout;
    const pclr_read_options *read;
    double seconds; /* of a segment */
} export_job;

static void add_row(text *rows, const pclr_record *record, const pclr_feature_layout *layout, size_t segment, double first,
                    const float *value, const uint8_t *valid)
{
    text_add_csv(rows, record->id);
    text_add(rows, ",%zu,", segment);
    text_add_double(rows, first / record->rate);
    for (size_t k = 0; k < layout->count; k++) {
        text_add_bytes(rows, ",", 1);
        if (valid[k]) text_add_float(rows, value[k]);
    }
    text_add_bytes(rows, "\n", 1);
}

static pclr_status add_segments(const export_job *job, const pclr_record *record, text *rows, pclr_error *error)
{
    size_t features = job->layout->count;
    float *value = NULL;
    uint8_t *valid = NULL;
    segment_cut cut;
    pclr_status status;
    TRY(segments_cut(&cut, job->seconds, record->rate, (int64_t)record->samples, error));
    TRY_GOTO(mem_alloc(&value, cut.count, features * sizeof *value, error));
    TRY_GOTO(mem_alloc(&valid, cut.count, features, error));
    TRY_GOTO(segments_measure(&cut, job->layout, record, NULL, value, valid, error));
    for (size_t s = 0; s < cut.count; s++)
        add_row(rows, record, job->layout, s, (double)((int64_t)s * cut.length), value + s * features, valid + s * features);
    TRY_GOTO(text_ok(rows, error));
done:
    mem_free(value);
    mem_free(valid);
    return status;
}

static pclr_status one_recording(const void *user, const char *path, text *rows, pclr_error *error)
{
    const export_job *job = user;
    pclr_record *record = NULL;
    pclr_status status;
    TRY_GOTO(pclr_record_read(&record, path, job->read, error));
    if (record->samples == 0) TRY_GOTO(error_set(error, PCLR_E_DATA, "%s: the recording has no samples", path));
    TRY_GOTO(add_segments(job, record, rows, error));
done:
    pclr_record_destroy(&record);
    return status;
}

pclr_status pclr_features_export(const char *const *inputs, size_t input_count, const char *csv_path,
                                 const pclr_features_export_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary,
                                 pclr_error *error)
{
    pclr_features_export_options o = options ? *options : (pclr_features_export_options){0};
    export_job job = {pclr_feature_layout_find(o.features.layout), &o.read,
                      o.features.segment_seconds > 0 ? o.features.segment_seconds : 5};
    text header = {0};
    if (!job.layout)
        return error_set(error, PCLR_E_ARGUMENT, "no feature layout '%s'; `physioclr features --help` names those there are",
                         o.features.layout);
    text_add(&header, "record,segment,start");
    for (size_t k = 0; k < job.layout->count; k++) text_add(&header, ",%s", pclr_feature_name(job.layout, k));
    text_add(&header, "\n");
    pclr_status status = text_ok(&header, error);
    recordings_csv csv = {.stage = "features", .header = header.data, .rows = one_recording, .user = &job, .threads = o.features.threads};
    if (status == PCLR_OK) status = recordings_csv_write(&csv, inputs, input_count, csv_path, callbacks, summary, error);
    text_free(&header);
    return status;
}
