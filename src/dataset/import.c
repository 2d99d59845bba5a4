/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import: recordings are read and converted by all threads, a batch at a time, and appended by one writer in the order of their
 * paths; memory is that of a batch, whatever the archive's size, and the file is the same whatever the number of threads.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "dataset/import.h"

enum { BATCH_PER_THREAD = 8, THREADS_MAX = 256 };

typedef struct item {
    pclr_status status;
    pclr_error error;
    bool left_out;
    stored_record stored;
    layout_facts facts, told; /* of the archive's layout; of --labels */
    int64_t bytes;
} item;

typedef struct import_job {
    const pclr_import_options *options;
    const pclr_callbacks *callbacks;
    pclr_import_summary *summary;
    pclr_record_list *list;
    archive_set archives;
    size_t *archive_of;
    convert_target target;
    converter *converter[THREADS_MAX];
    int threads;
    item *item;          /* [batch] */
    size_t batch, first; /* recordings [first, first + batch) are in work */
    store *store;
    label_set labels;
    text rejects;
    size_t left_out, offsets_removed;
    size_t warnings;
} import_job;

/* ---- one recording, in any thread ---- */

static void ask_layouts(const import_job *job, size_t index, item *it)
{
    const archive *a = &job->archives.archive[job->archive_of[index]];
    const layout_facts nothing = {.age = NAN, .sex = PCLR_SEX_UNKNOWN, .fold = -1, .row = -1};

    it->facts = it->told = nothing;
    if (a->layout) a->layout->facts(a->state, job->list->path[index], &it->facts);
    if (job->archives.labels.layout) job->archives.labels.layout->facts(job->archives.labels.state, job->list->path[index], &it->told);
}

static pclr_status work(void *user, size_t k, int thread, pclr_error *error)
{
    import_job *job = user;
    item *it = &job->item[k];
    const char *path = job->list->path[job->first + k];
    pclr_record *record = NULL;
    pclr_read_options read = job->options->read;

    (void)error; /* a recording that fails is listed and stops nothing */
    read.derive_leads = true;
    ask_layouts(job, job->first + k, it);
    it->left_out = it->facts.leave_out;
    if (it->left_out) return PCLR_OK;
    it->status = pclr_record_read(&record, path, &read, &it->error);
    if (it->status == PCLR_OK) {
        it->bytes = (int64_t)(record->leads * record->samples * sizeof(int16_t));
        it->status = convert_record(job->converter[thread], &it->stored, &record, it->facts.lead, &it->error);
    }
    pclr_record_destroy(&record);
    return PCLR_OK;
}

/* ---- one recording, in order ---- */

static void reject(import_job *job, const char *path, const char *reason)
{
    text_add_csv(&job->rejects, path);
    text_add(&job->rejects, ",");
    text_add_csv(&job->rejects, reason);
    text_add(&job->rejects, "\n");
    job->summary->refused++;
}

static uint8_t split_from_word(const char *word)
{
    if (!word) return PCLR_SPLIT_NONE;
    if (strcmp(word, "train") == 0) return PCLR_SPLIT_TRAIN;
    if (strcmp(word, "validation") == 0 || strcmp(word, "val") == 0 || strcmp(word, "valid") == 0) return PCLR_SPLIT_VALIDATION;
    return strcmp(word, "test") == 0 ? PCLR_SPLIT_TEST : PCLR_SPLIT_NONE;
}

/* What the tables tell goes before what the recording itself tells; --labels before the archive's own. */
static store_row make_row(const import_job *job, size_t index, const item *it, char *id, size_t id_size)
{
    const pclr_record *r = it->stored.record;
    const layout_facts *from[] = {&it->told, &it->facts};
    store_row row = {.id = id,
                     .source = job->archives.archive[job->archive_of[index]].source,
                     .patient = r->patient ? r->patient : "",
                     .path = job->list->path[index],
                     .source_rate = it->stored.source_rate,
                     .age = r->age >= 0 ? r->age : NAN,
                     .sex = (uint8_t)r->sex,
                     .lead_mask = it->stored.lead_mask,
                     .fold = -1,
                     .hash = it->stored.hash,
                     .told_split = PCLR_SPLIT_NONE};

    layout_record_id(job->list->path[index], id, id_size);
    for (int k = 1; k >= 0; k--) {
        if (from[k]->patient[0]) row.patient = from[k]->patient;
        if (from[k]->age >= 0 && from[k]->age <= 130) row.age = (float)from[k]->age;
        if (from[k]->sex != PCLR_SEX_UNKNOWN) row.sex = (uint8_t)from[k]->sex;
        if (from[k]->fold >= 0) row.fold = from[k]->fold;
        if (split_from_word(from[k]->split) != PCLR_SPLIT_NONE) row.told_split = split_from_word(from[k]->split);
    }
    return row;
}

static pclr_status take(import_job *job, size_t index, item *it, pclr_error *error)
{
    const archive *a = &job->archives.archive[job->archive_of[index]];
    char id[512];
    size_t record;

    if (it->left_out) {
        job->left_out++;
        return PCLR_OK;
    }
    if (it->status == PCLR_E_MEMORY) {
        if (error) *error = it->error;
        return it->status;
    }
    if (it->status != PCLR_OK) {
        reject(job, job->list->path[index], it->error.message);
        return PCLR_OK;
    }
    store_row row = make_row(job, index, it, id, sizeof id);
    TRY(store_append(job->store, &it->stored, &row, &record, error));
    TRY(header_labels(it->stored.record, record, &job->labels, error));
    if (a->layout) TRY(a->layout->label(a->state, &it->facts, record, &job->labels, error));
    if (job->archives.labels.layout)
        TRY(job->archives.labels.layout->label(job->archives.labels.state, &it->told, record, &job->labels, error));
    job->summary->imported++;
    job->summary->signal_hours += (double)it->stored.length / job->target.rate / 3600;
    job->summary->bytes_read += (uint64_t)it->bytes;
    job->offsets_removed += it->stored.offset_removed;
    job->warnings += it->stored.record->warnings;
    return PCLR_OK;
}

/* ---- the whole ---- */

/* A misspelt rule is told before hours of reading. */
static pclr_status check_splits(const char *words, pclr_error *error)
{
    split_rule *rule = NULL;
    char *memory = NULL;
    size_t count = 0;
    pclr_status status = split_parse(words, &rule, &count, &memory, error);

    for (size_t k = 0; status == PCLR_OK && k < count; k++) status = split_check(&rule[k], error);
    mem_free(rule);
    mem_free(memory);
    return status;
}

static pclr_status prepare(import_job *job, const char *dataset_path, const char *const *sources, size_t source_count, pclr_error *error)
{
    const pclr_import_options *o = job->options;

    TRY(check_splits(o->split, error));
    TRY(pclr_record_find(&job->list, sources, source_count, error));
    job->summary->found = job->list->count;
    if (job->list->count == 0) {
        return error_set(error, PCLR_E_DATA, "%s: no recordings found; expected files of a format in docs/formats.md; check the folder",
                         source_count ? sources[0] : "import");
    }
    TRY(mem_alloc(&job->archive_of, job->list->count, sizeof *job->archive_of, error));
    TRY(archives_find(&job->archives, job->archive_of, job->list, sources, source_count, o->layout, o->labels, error));
    job->target.rate = o->rate > 0 ? o->rate : 500;
    TRY(convert_choose_leads(&job->target, o->leads, job->list, &job->archives, job->archive_of, &o->read, error));
    job->threads = parallel_threads(o->threads);
    if (job->threads > THREADS_MAX) job->threads = THREADS_MAX;
    for (int t = 0; t < job->threads; t++) TRY(converter_create(&job->converter[t], &job->target, error));
    job->batch = (size_t)job->threads * BATCH_PER_THREAD;
    TRY(mem_alloc(&job->item, job->batch, sizeof *job->item, error));
    text_add(&job->rejects, "record,reason\n");
    return store_create(&job->store, dataset_path, &job->target, error);
}

static pclr_status run_batches(import_job *job, pclr_error *error)
{
    progress p = progress_begin(job->callbacks, "import", "records", job->list->count);

    for (job->first = 0; job->first < job->list->count; job->first += job->batch) {
        size_t left = job->list->count - job->first, n = left < job->batch ? left : job->batch;
        if (callbacks_stop(job->callbacks)) {
            return error_set(error, PCLR_E_INTERRUPTED, "import: stopped after %zu of %zu recordings; nothing was written", job->first,
                             job->list->count);
        }
        memset(job->item, 0, job->batch * sizeof *job->item);
        TRY(parallel_for(n, job->threads, work, job, error));
        pclr_status status = PCLR_OK;
        for (size_t k = 0; k < n; k++) {
            if (status == PCLR_OK) status = take(job, job->first + k, &job->item[k], error);
            stored_record_free(&job->item[k].stored);
        }
        if (status != PCLR_OK) return status;
        progress_update(&p, job->first + n, NULL);
    }
    progress_end(&p, NULL);
    return PCLR_OK;
}

static pclr_status write_rejects(const import_job *job, const char *dataset_path, pclr_error *error)
{
    char *folder = NULL, *path = NULL;
    pclr_status status;

    TRY(text_ok(&job->rejects, error));
    TRY_GOTO(path_folder(&folder, dataset_path, error));
    TRY_GOTO(path_join(&path, folder, "rejects.csv", error));
    status = file_write(path, job->rejects.data, job->rejects.length, error);
done:
    mem_free(folder);
    mem_free(path);
    return status;
}

static pclr_status finish(import_job *job, const char *dataset_path, pclr_error *error)
{
    const pclr_import_options *o = job->options;

    if (job->left_out) callbacks_log(job->callbacks, PCLR_LOG_INFO, "%zu recordings left out: copies at another rate", job->left_out);
    if (job->offsets_removed) {
        callbacks_log(job->callbacks, PCLR_LOG_INFO, "%zu recordings have a lead beyond 32.767 mV; its median was taken away",
                      job->offsets_removed);
    }
    if (job->warnings)
        callbacks_log(job->callbacks, PCLR_LOG_INFO, "%zu oddities were tolerated; see them with `physioclr check`", job->warnings);
    TRY(write_rejects(job, dataset_path, error));
    if (o->strict && job->summary->refused) {
        return error_set(error, PCLR_E_DATA, "%zu of %zu recordings refused; expected none (strict); see rejects.csv",
                         job->summary->refused, job->summary->found);
    }
    if (job->summary->imported == 0) {
        return error_set(error, PCLR_E_DATA, "none of %zu recordings could be used; expected at least one; see rejects.csv",
                         job->summary->found);
    }
    TRY(labels_finish(&job->labels, error));
    return store_finish(job->store, &job->labels, o->split, o->seed, error);
}

static void release(import_job *job)
{
    pclr_record_list_destroy(&job->list);
    archives_free(&job->archives);
    for (int t = 0; t < job->threads; t++) converter_destroy(&job->converter[t]);
    mem_free(job->archive_of);
    mem_free(job->item);
    store_destroy(&job->store);
    labels_free(&job->labels);
    text_free(&job->rejects);
}

pclr_status pclr_import(const char *dataset_path, const char *const *sources, size_t source_count, const pclr_import_options *options,
                        const pclr_callbacks *callbacks, pclr_import_summary *summary, pclr_error *error)
{
    static const pclr_import_options defaults = {0};
    pclr_import_summary local = {0}, *s = summary ? summary : &local;
    import_job job = {.options = options ? options : &defaults, .callbacks = callbacks, .summary = s};
    double begin = clock_seconds();

    *s = (pclr_import_summary){0};
    pclr_status status = prepare(&job, dataset_path, sources, source_count, error);
    if (status == PCLR_OK) status = run_batches(&job, error);
    if (status == PCLR_OK) status = finish(&job, dataset_path, error);
    s->seconds = clock_seconds() - begin;
    release(&job);
    return status;
}
