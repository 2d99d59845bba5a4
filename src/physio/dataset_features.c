/* SPDX-License-Identifier: Apache-2.0 */
/* Physiology of a whole dataset: once, before any augmentation, stored beside the signal. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "dataset/dataset.h"
#include "physio/features.h"
#include "physio/segments.h"

/* What one record gives, until all are joined. */
typedef struct record_result {
    float *mark[5]; /* R, P onset, P peak, T peak, T end; [beats] */
    size_t beats;
    float quality;
    bool failed;
} record_result;

typedef struct job {
    const pclr_dataset *dataset;
    const pclr_feature_layout *layout;
    double seconds;        /* of a segment */
    size_t *segment_first; /* [records + 1] */
    dataset_physiology *out;
    record_result *result;
    uint8_t *valid; /* [segments][features] */
    const pclr_callbacks *callbacks;
    progress *bar;
    size_t done;
} job;

static pclr_status cut_record(const job *j, size_t record, segment_cut *cut, pclr_error *error)
{
    return segments_cut(cut, j->seconds, pclr_dataset_rate(j->dataset), pclr_dataset_get_row(j->dataset, record).length, error);
}

static float mark(const pclr_wave *wave, uint8_t bit, double position)
{
    return wave->has & bit ? (float)position : NAN;
}

static pclr_status keep_marks(record_result *r, const pclr_fiducials *marks, pclr_error *error)
{
    for (size_t k = 0; k < 5; k++) TRY(mem_alloc(&r->mark[k], marks->beats, sizeof(float), error));
    for (size_t b = 0; b < marks->beats; b++) {
        const pclr_beat *beat = pclr_fiducials_beat(marks, PCLR_FUSED, b);
        r->mark[0][b] = (float)beat->qrs.peak;
        r->mark[1][b] = mark(&beat->p, PCLR_HAS_ONSET, beat->p.onset);
        r->mark[2][b] = mark(&beat->p, PCLR_HAS_PEAK, beat->p.peak);
        r->mark[3][b] = mark(&beat->t, PCLR_HAS_PEAK, beat->t.peak);
        r->mark[4][b] = mark(&beat->t, PCLR_HAS_OFFSET, beat->t.offset);
    }
    r->beats = marks->beats;
    r->quality = marks->quality;
    return PCLR_OK;
}

static pclr_status measure(job *j, size_t record_index, pclr_error *error)
{
    pclr_record *record = NULL;
    pclr_fiducials *marks = NULL;
    pclr_status status;
    segment_cut cut;
    size_t at = j->segment_first[record_index] * j->layout->count;
    TRY_GOTO(cut_record(j, record_index, &cut, error));
    TRY_GOTO(pclr_dataset_record(j->dataset, record_index, &record, error));
    TRY_GOTO(pclr_fiducials_compute(&marks, record, NULL, error));
    TRY_GOTO(keep_marks(&j->result[record_index], marks, error));
    TRY_GOTO(segments_measure(&cut, j->layout, record, marks, j->out->feature + at, j->valid + at, error));
done:
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
    return status;
}

/* A record that cannot be measured leaves its segments without a valid value; only memory and interruption end the run. */
static pclr_status body(void *user, size_t index, int thread, pclr_error *error)
{
    job *j = user;
    (void)thread;
    if (callbacks_stop(j->callbacks)) return error_set(error, PCLR_E_INTERRUPTED, "interrupted; the dataset is as it was before");
    pclr_error own = {0};
    pclr_status status = measure(j, index, &own);
    if (status == PCLR_E_MEMORY) {
        if (error) *error = own;
        return status;
    }
    size_t first = j->segment_first[index], end = j->segment_first[index + 1], f = j->layout->count;
    if (status != PCLR_OK) {
        j->result[index].failed = true;
        memset(j->valid + first * f, 0, (end - first) * f);
    }
    for (size_t k = first * f; k < end * f; k++)
        if (!j->valid[k]) j->out->feature[k] = NAN;
    size_t done = __atomic_add_fetch(&j->done, 1, __ATOMIC_RELAXED);
    if (thread == 0) progress_update(j->bar, done, NULL);
    return PCLR_OK;
}

static pclr_status lay_out(job *j, pclr_error *error)
{
    size_t records = pclr_dataset_records(j->dataset);
    dataset_physiology *p = j->out;
    segment_cut cut;
    TRY(mem_alloc(&j->segment_first, records + 1, sizeof *j->segment_first, error));
    for (size_t r = 0; r < records; r++) {
        TRY(cut_record(j, r, &cut, error));
        j->segment_first[r + 1] = j->segment_first[r] + cut.count;
    }
    p->records = records;
    p->segments = j->segment_first[records];
    p->features = j->layout->count;
    p->extractor = FEATURE_EXTRACTOR;
    if (strlen(j->layout->name) >= sizeof p->layout)
        return error_set(error, PCLR_E_ARGUMENT, "the layout's name '%s' is too long", j->layout->name);
    strcpy(p->layout, j->layout->name);
    TRY(mem_alloc(&p->segment_record, p->segments, sizeof *p->segment_record, error));
    TRY(mem_alloc(&p->segment_start, p->segments, sizeof *p->segment_start, error));
    TRY(mem_alloc(&p->segment_length, p->segments, sizeof *p->segment_length, error));
    TRY(mem_alloc(&p->feature, p->segments * p->features, sizeof *p->feature, error));
    TRY(mem_alloc(&j->valid, p->segments * p->features, 1, error));
    TRY(mem_alloc(&j->result, records, sizeof *j->result, error));
    for (size_t r = 0; r < records; r++) {
        TRY(cut_record(j, r, &cut, error));
        for (size_t s = 0; s < cut.count; s++) {
            p->segment_record[j->segment_first[r] + s] = (int64_t)r;
            p->segment_start[j->segment_first[r] + s] = (int64_t)s * cut.length;
            p->segment_length[j->segment_first[r] + s] = cut.length;
        }
    }
    return PCLR_OK;
}

static pclr_status join_marks(job *j, pclr_error *error)
{
    dataset_physiology *p = j->out;
    TRY(mem_alloc(&p->beat_start, p->records + 1, sizeof *p->beat_start, error));
    TRY(mem_alloc(&p->quality, p->records, sizeof *p->quality, error));
    for (size_t r = 0; r < p->records; r++) {
        p->beat_start[r + 1] = p->beat_start[r] + (int64_t)j->result[r].beats;
        p->quality[r] = j->result[r].quality;
    }
    float **joined[5] = {&p->r_peak, &p->p_onset, &p->p_peak, &p->t_peak, &p->t_offset};
    for (size_t k = 0; k < 5; k++) {
        TRY(mem_alloc(joined[k], (size_t)p->beat_start[p->records], sizeof(float), error));
        for (size_t r = 0; r < p->records; r++)
            if (j->result[r].beats > 0) memcpy(*joined[k] + p->beat_start[r], j->result[r].mark[k], j->result[r].beats * sizeof(float));
    }
    return PCLR_OK;
}

static pclr_status store(job *j, const char *path, pclr_error *error)
{
    const char **names = NULL, **units = NULL;
    size_t f = j->layout->count;
    pclr_status status;
    TRY_GOTO(mem_alloc(&names, f, sizeof *names, error));
    TRY_GOTO(mem_alloc(&units, f, sizeof *units, error));
    for (size_t k = 0; k < f; k++) {
        names[k] = pclr_feature_name(j->layout, k);
        units[k] = pclr_feature_unit(j->layout, k);
    }
    TRY_GOTO(dataset_physiology_write(path, j->out, names, units, error));
done:
    mem_free(units);
    mem_free(names);
    return status;
}

static void summarise(const job *j, double seconds, pclr_features_summary *summary)
{
    *summary = (pclr_features_summary){.records = j->out->records, .segments = j->out->segments, .seconds = seconds};
    size_t f = j->layout->count, shown = f < 512 ? f : 512;
    for (size_t r = 0; r < j->out->records; r++) summary->failed += j->result[r].failed;
    for (size_t k = 0; k < shown; k++) {
        size_t have = 0;
        for (size_t s = 0; s < j->out->segments; s++) have += j->valid[s * f + k];
        summary->coverage[k] = j->out->segments ? (float)have / (float)j->out->segments : 0;
    }
}

static void job_free(job *j)
{
    for (size_t r = 0; j->result && r < j->out->records; r++)
        for (size_t k = 0; k < 5; k++) mem_free(j->result[r].mark[k]);
    mem_free(j->result);
    mem_free(j->valid);
    mem_free(j->segment_first);
    dataset_physiology_free(j->out);
}

pclr_status pclr_dataset_compute_features(const char *dataset_path, const pclr_features_options *options, const pclr_callbacks *callbacks,
                                          pclr_features_summary *summary, pclr_error *error)
{
    pclr_features_options o = options ? *options : (pclr_features_options){0};
    pclr_dataset *dataset = NULL;
    dataset_physiology out = {0};
    double begin = clock_seconds();
    job j = {.seconds = o.segment_seconds > 0 ? o.segment_seconds : 5,
             .layout = pclr_feature_layout_find(o.layout),
             .out = &out,
             .callbacks = callbacks};
    if (!j.layout) return error_set(error, PCLR_E_ARGUMENT, "no feature layout '%s'; known are paper150 and rich", o.layout);
    pclr_status status;
    TRY_GOTO(pclr_dataset_open(&dataset, dataset_path, error));
    j.dataset = dataset;
    TRY_GOTO(lay_out(&j, error));
    progress bar = progress_begin(callbacks, "features", "records", out.records);
    j.bar = &bar;
    TRY_GOTO(parallel_for(out.records, o.threads, body, &j, error));
    progress_update(&bar, out.records, NULL);
    progress_end(&bar, NULL);
    TRY_GOTO(join_marks(&j, error));
    if (summary) summarise(&j, clock_seconds() - begin, summary);
    pclr_dataset_destroy(&dataset); /* the writer needs the file for itself */
    TRY_GOTO(store(&j, dataset_path, error));
done:
    job_free(&j);
    pclr_dataset_destroy(&dataset);
    return status;
}
