/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Import: recordings are read and converted by all threads, a batch at a time, and appended by one writer in the order of their
 * paths; memory is that of a batch, whatever the archive's size (of long recordings a batch is shorter), and the file is the same whatever
 * the number of threads. What was done is written to a journal, so that an import that was stopped goes on when it is started again.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "dataset/import_job.h"

enum { BATCH_PER_THREAD = 8 };

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

/* The part of the list that falls to this shard: contiguous, so that shards joined in order are the whole. */
static pclr_status choose_shard(import_job *job, pclr_error *error)
{
    const pclr_import_options *o = job->options;
    size_t count = job->list->count, shards = o->shards > 0 ? (size_t)o->shards : 1;

    if (o->shards > 0 && (o->shard < 1 || o->shard > o->shards)) {
        return error_set(error, PCLR_E_ARGUMENT, "shard %d of %d; expected 1 to %d", o->shard, o->shards, o->shards);
    }
    size_t shard = o->shards > 0 ? (size_t)o->shard : 1;
    job->begin = count * (shard - 1) / shards;
    job->end = count * shard / shards;
    job->summary->found = job->end - job->begin;
    if (job->end > job->begin) return PCLR_OK;
    return error_set(error, PCLR_E_DATA, "shard %zu of %zu: no recordings of %zu; expected at least one; use fewer shards", shard, shards,
                     count);
}

static pclr_status open_journal(import_job *job, const char *dataset_path, pclr_error *error)
{
    char key[65], *path = NULL;

    resume_key(key, job->options, &job->target, job->list->path + job->begin, job->end - job->begin, store_data_start(job->store));
    TRY(mem_printf(&path, error, "%s.journal", dataset_path));
    pclr_status status = journal_open(&job->journal, path, key, error);
    mem_free(path);
    if (status != PCLR_OK || journal_count(job->journal) == 0) return status;
    TRY(resume_verify(job->journal, job->store, &job->target, job->threads, &job->resumed, error));
    TRY(journal_cut(job->journal, job->resumed, error));
    job->summary->resumed = job->resumed;
    callbacks_log(job->callbacks, PCLR_LOG_INFO, "goes on after %zu recordings of an import that was stopped", job->resumed);
    return PCLR_OK;
}

static pclr_status prepare_words(import_job *job, const char *dataset_path, pclr_error *error)
{
    const pclr_import_options *o = job->options;
    char *salt = NULL;

    TRY(check_splits(o->split, error));
    TRY(codes_open(&job->codes, o->codes, error));
    job->labels.codes = &job->codes;
    job->labels.measures = &job->measures;
    if (!o->deidentify) return PCLR_OK;
    TRY(o->salt ? mem_strdup(&salt, o->salt, error) : beside_path(&salt, dataset_path, false, "physioclr.salt", error));
    pclr_status status = pseudonyms_open(&job->pseudonyms, salt, error);
    mem_free(salt);
    return status;
}

static pclr_status prepare(import_job *job, const char *dataset_path, const char *const *sources, size_t source_count, pclr_error *error)
{
    const pclr_import_options *o = job->options;

    TRY(prepare_words(job, dataset_path, error));
    TRY(pclr_record_find(&job->list, sources, source_count, error));
    if (job->list->count == 0) {
        return error_set(error, PCLR_E_DATA, "%s: no recordings found; expected files of a format in docs/formats.md; check the folder",
                         source_count ? sources[0] : "import");
    }
    TRY(mem_alloc(&job->archive_of, job->list->count, sizeof *job->archive_of, error));
    TRY(archives_find(&job->archives, job->archive_of, job->list, sources, source_count, o->layout, o->labels, error));
    if (o->rate < 0 || !isfinite(o->rate))
        return error_set(error, PCLR_E_ARGUMENT, "rate %g Hz; expected a positive number, or 0 for 500", o->rate);
    job->target.rate = o->rate > 0 ? o->rate : 500;
    TRY(convert_choose_leads(&job->target, o->leads, job->list, &job->archives, job->archive_of, &o->read, error));
    TRY(choose_shard(job, error));
    job->threads = parallel_threads(o->threads);
    if (job->threads > IMPORT_THREADS_MAX) job->threads = IMPORT_THREADS_MAX;
    for (int t = 0; t < job->threads; t++) TRY(converter_create(&job->converter[t], &job->target, error));
    job->batch = (size_t)job->threads * BATCH_PER_THREAD;
    TRY(mem_alloc(&job->item, job->batch, sizeof *job->item, error));
    text_add(&job->rejects, "record,reason\n");
    TRY(store_create(&job->store, dataset_path, &job->target, error));
    return open_journal(job, dataset_path, error);
}

/* *taken: the recordings before the first that was put off. */
static pclr_status take_batch(import_job *job, size_t n, size_t *taken, pclr_error *error)
{
    pclr_status status = PCLR_OK;

    for (*taken = 0; status == PCLR_OK && *taken < n && !job->item[*taken].put_off; ++*taken)
        status = import_take(job, job->first + *taken, &job->item[*taken], error);
    for (size_t k = 0; k < n; k++) stored_record_reset(&job->item[k].stored);
    return status == PCLR_OK ? journal_flush(job->journal, error) : status;
}

static pclr_status run_batches(import_job *job, pclr_error *error)
{
    size_t count = job->end - job->begin;
    double begin = clock_seconds();
    progress p = progress_begin(job->callbacks, "import", "records", count);

    job->first = job->begin;
    for (size_t taken = 0; job->first < job->end; job->first += taken) {
        size_t left = job->end - job->first, n = left < job->batch ? left : job->batch, done = job->first - job->begin;
        char speed[32];
        if (callbacks_stop(job->callbacks)) {
            return error_set(error, PCLR_E_INTERRUPTED, "import: stopped after %zu of %zu recordings; the same command goes on from there",
                             done, count);
        }
        for (size_t k = 0; k < n; k++) job->item[k] = (import_item){.stored = job->item[k].stored};
        atomic_store(&job->held, 0);
        TRY(parallel_for(n, job->threads, import_work, job, error));
        TRY(take_batch(job, n, &taken, error));
        snprintf(speed, sizeof speed, "%.1f MB/s", 1e-6 * (double)job->summary->bytes_read / fmax(clock_seconds() - begin, 1e-3));
        progress_update(&p, done + taken, speed);
    }
    progress_end(&p, NULL);
    return PCLR_OK;
}

static pclr_status write_rejects(const import_job *job, const char *dataset_path, pclr_error *error)
{
    char *path = NULL;

    TRY(text_ok(&job->rejects, error));
    TRY(beside_path(&path, dataset_path, job->options->shards > 0, "rejects.csv", error));
    pclr_status status = file_write(path, job->rejects.data, job->rejects.length, error);
    mem_free(path);
    return status;
}

static pclr_status write_codes(const import_job *job, const char *dataset_path, pclr_error *error)
{
    char *path = NULL;
    uint64_t codes = 0, records = 0;

    TRY(beside_path(&path, dataset_path, job->options->shards > 0, "codes.csv", error));
    pclr_status status = codes_write(&job->codes, path, &codes, &records, error);
    mem_free(path);
    if (codes) {
        callbacks_log(job->callbacks, PCLR_LOG_INFO, "%llu codes, told %llu times, have no class: see codes.csv", (unsigned long long)codes,
                      (unsigned long long)records);
    }
    return status;
}

static void tell_oddities(const import_job *job)
{
    if (job->left_out) callbacks_log(job->callbacks, PCLR_LOG_INFO, "%zu recordings left out: copies at another rate", job->left_out);
    if (job->offsets_removed) {
        callbacks_log(job->callbacks, PCLR_LOG_INFO, "%zu recordings have a lead beyond 32.767 mV; its median was taken away",
                      job->offsets_removed);
    }
    if (job->warnings)
        callbacks_log(job->callbacks, PCLR_LOG_INFO, "%zu oddities were tolerated; see them with `physioclr check`", job->warnings);
}

static pclr_status finish(import_job *job, const char *dataset_path, pclr_error *error)
{
    const pclr_import_options *o = job->options;

    tell_oddities(job);
    TRY(write_rejects(job, dataset_path, error));
    TRY(write_codes(job, dataset_path, error));
    if (o->strict && job->summary->refused) {
        return error_set(error, PCLR_E_DATA, "%zu of %zu recordings refused; expected none (strict); see rejects.csv",
                         job->summary->refused, job->summary->found);
    }
    if (job->summary->imported == 0) {
        return error_set(error, PCLR_E_DATA, "none of %zu recordings could be used; expected at least one; see rejects.csv",
                         job->summary->found);
    }
    TRY(labels_finish(&job->labels, error));
    TRY(measures_finish(&job->measures, store_count(job->store), error));
    return store_finish(job->store, &job->labels, o->split, o->seed, NULL, error);
}

/* What was done stays for another try when the work was stopped or the machine failed, not when the answer is final. */
static void release(import_job *job, pclr_status status)
{
    bool keep = status == PCLR_E_INTERRUPTED || status == PCLR_E_IO || status == PCLR_E_MISSING || status == PCLR_E_MEMORY;

    if (job->store) store_keep(job->store, keep);
    journal_close(&job->journal, keep);
    pclr_record_list_destroy(&job->list);
    archives_free(&job->archives);
    for (int t = 0; t < job->threads; t++) converter_destroy(&job->converter[t]);
    mem_free(job->archive_of);
    for (size_t k = 0; job->item && k < job->batch; k++) stored_record_free(&job->item[k].stored);
    mem_free(job->item);
    store_destroy(&job->store);
    labels_free(&job->labels);
    codes_free(&job->codes);
    measures_free(&job->measures);
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
    release(&job, status);
    return status;
}
