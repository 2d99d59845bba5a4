/* SPDX-License-Identifier: Apache-2.0 */
/* Many recordings: files, folders or a dataset in; predictions.csv or an NPY matrix with ids out. A bad record never stops the batch. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "dataset/dataset.h"
#include "dataset/predictions.h"
#include "infer/model.h"
#include "physio/features.h"

typedef struct batch_item {
    char *id;
    const char *path; /* NULL: a row of the dataset */
    size_t row;
    float *out; /* [rows][width]; NULL: refused */
    size_t rows;
    double seconds; /* of a row; 0: of the whole recording */
} batch_item;

typedef struct batch_job {
    pclr_model *model;
    infer_worker *worker; /* [threads] */
    int threads;
    bool embedding;
    pclr_record_list *list;
    pclr_dataset *dataset;
    batch_item *item;
    pclr_read_options read;
    size_t items, width;
    double segment_seconds; /* 0: recordings as a whole */
    char **refused;         /* [items] why; NULL: done */
    const pclr_callbacks *callbacks;
    progress bar;
    size_t finished;
} batch_job;

/* ---- what to do ---- */

static pclr_status list_files(batch_job *j, const char *const *inputs, size_t count, pclr_error *error)
{
    TRY(pclr_record_find(&j->list, inputs, count, error));
    if (j->list->count == 0)
        return error_set(error, PCLR_E_DATA,
                         "%s: no recording found there; a recording is named by its header, a folder is searched to the bottom", inputs[0]);
    TRY(mem_alloc(&j->item, j->list->count, sizeof *j->item, error));
    for (size_t k = 0; k < j->list->count; k++) {
        const char *base = path_base(j->list->path[k]), *extension = path_extension(base);
        TRY(mem_strndup(&j->item[k].id, base, strlen(base) - strlen(extension), error));
        j->item[k].path = j->list->path[k];
        j->items++;
    }
    return PCLR_OK;
}

/* "NAME:test" of the dataset's splits into part[records] of wanted (1) and other rows (0). */
static pclr_status choose_rows(const pclr_dataset *dataset, const char *split, uint8_t *wanted, pclr_error *error)
{
    static const char *const part_name[] = {"train", "validation", "test"};
    size_t records = pclr_dataset_records(dataset);
    memset(wanted, 1, records);
    if (!split) return PCLR_OK;
    const char *colon = strrchr(split, ':');
    char *name = NULL;
    int part = -1;
    for (int k = 0; colon && k < 3; k++)
        if (strcmp(colon + 1, part_name[k]) == 0) part = k;
    if (part < 0) return error_set(error, PCLR_E_ARGUMENT, "split: found \"%s\", expected NAME:train, NAME:validation or NAME:test", split);
    TRY(mem_strndup(&name, split, (size_t)(colon - split), error));
    pclr_status status = pclr_dataset_split(dataset, name, wanted, error);
    mem_free(name);
    for (size_t r = 0; r < records; r++) wanted[r] = wanted[r] == part;
    return status;
}

static pclr_status list_rows(batch_job *j, const char *path, const char *split, pclr_error *error)
{
    uint8_t *wanted = NULL;
    pclr_status status;
    TRY(pclr_dataset_open(&j->dataset, path, error));
    size_t records = pclr_dataset_records(j->dataset);
    TRY_GOTO(mem_alloc(&wanted, records, 1, error));
    TRY_GOTO(choose_rows(j->dataset, split, wanted, error));
    TRY_GOTO(mem_alloc(&j->item, records, sizeof *j->item, error));
    for (size_t r = 0; r < records; r++) {
        if (!wanted[r]) continue;
        TRY_GOTO(mem_strdup(&j->item[j->items].id, pclr_dataset_get_row(j->dataset, r).id, error));
        j->item[j->items++].row = r;
    }
    if (j->items == 0) status = error_set(error, PCLR_E_DATA, "%s: no record in \"%s\"", path, split ? split : "the dataset");
done:
    mem_free(wanted);
    return status;
}

static pclr_status list_inputs(batch_job *j, const char *const *inputs, size_t count, const char *split, pclr_error *error)
{
    if (count == 0) return error_set(error, PCLR_E_ARGUMENT, "inputs: none given; name recordings, folders or one dataset.h5");
    if (count == 1 && pclr_dataset_is(inputs[0])) return list_rows(j, inputs[0], split, error);
    for (size_t k = 0; k < count; k++)
        if (pclr_dataset_is(inputs[k]))
            return error_set(error, PCLR_E_ARGUMENT, "%s: a dataset stands alone; give one dataset.h5, or recordings and folders",
                             inputs[k]);
    if (split) return error_set(error, PCLR_E_ARGUMENT, "split: only a dataset.h5 has splits; the inputs are recordings");
    return list_files(j, inputs, count, error);
}

/* ---- doing it ---- */

static pclr_status run_item(batch_job *j, size_t k, int thread, pclr_error *error)
{
    batch_item *item = &j->item[k];
    infer_worker *w = &j->worker[thread];
    pclr_record *record = NULL;
    segment_cut cut = {1, 0};
    pclr_status status;
    if (item->path)
        TRY_GOTO(pclr_record_read(&record, item->path, &j->read, error));
    else
        TRY_GOTO(pclr_dataset_record(j->dataset, item->row, &record, error));
    if (j->segment_seconds > 0) TRY_GOTO(segments_cut(&cut, j->segment_seconds, record->rate, (int64_t)record->samples, error));
    item->rows = cut.count;
    item->seconds = (double)cut.length / record->rate;
    TRY_GOTO(mem_alloc(&item->out, cut.count, j->width * sizeof *item->out, error));
    TRY_GOTO(j->embedding             ? infer_embed(j->model, w, record, item->out, error)
             : j->segment_seconds > 0 ? infer_predict_segments(j->model, w, record, &cut, item->out, error)
                                      : infer_predict(j->model, w, record, item->out, error));
done:
    pclr_record_destroy(&record);
    return status;
}

static pclr_status body(void *user, size_t k, int thread, pclr_error *error)
{
    batch_job *j = user;
    pclr_error why = {0};
    if (callbacks_stop(j->callbacks)) return error_set(error, PCLR_E_INTERRUPTED, "interrupted; nothing was written");
    pclr_status status = run_item(j, k, thread, &why);
    if (status == PCLR_E_MEMORY) return error_set(error, status, "%s", why.message);
    if (status != PCLR_OK) TRY(mem_strdup(&j->refused[k], why.message, error));
    size_t done = __atomic_add_fetch(&j->finished, 1, __ATOMIC_RELAXED);
    if (thread == 0) progress_update(&j->bar, done, NULL);
    return PCLR_OK;
}

/* Recordings side by side where there are several, else all threads on the one. */
static pclr_status open_workers(batch_job *j, int threads, pclr_error *error)
{
    int wanted = parallel_threads(threads);
    if ((size_t)wanted > j->items) wanted = (int)j->items;
    TRY(mem_alloc(&j->worker, (size_t)wanted, sizeof *j->worker, error));
    for (; j->threads < wanted; j->threads++) {
        pclr_status status = infer_worker_create(&j->worker[j->threads], j->model, wanted == 1 ? threads : 1, error);
        if (status != PCLR_OK) {
            infer_worker_destroy(&j->worker[j->threads]);
            return status;
        }
    }
    return PCLR_OK;
}

static void close_job(batch_job *j)
{
    for (int t = 0; t < j->threads; t++) infer_worker_destroy(&j->worker[t]);
    for (size_t k = 0; k < j->items; k++) {
        mem_free(j->item[k].id);
        mem_free(j->item[k].out);
        if (j->refused) mem_free(j->refused[k]);
    }
    mem_free(j->worker);
    mem_free(j->item);
    mem_free(j->refused);
    pclr_record_list_destroy(&j->list);
    pclr_dataset_destroy(&j->dataset);
    pclr_model_destroy(&j->model);
}

/* Most messages begin with the recording's name. */
static void log_refusal(const batch_job *j, size_t k)
{
    const char *id = j->item[k].id, *why = j->refused[k];
    size_t length = strlen(id);
    if (strncmp(why, id, length) == 0 && why[length] == ':')
        callbacks_log(j->callbacks, PCLR_LOG_WARNING, "refused %s", why);
    else
        callbacks_log(j->callbacks, PCLR_LOG_WARNING, "refused %s: %s", id, why);
}

static pclr_status run_batch(batch_job *j, const char *model_path, const char *const *inputs, size_t count,
                             const pclr_inference_options *options, pclr_batch_summary *summary, pclr_error *error)
{
    const pclr_inference_options o = options ? *options : (pclr_inference_options){0};
    double begin = clock_seconds();
    j->read = o.read;
    j->read.derive_leads = true;
    j->segment_seconds = j->embedding ? 0 : o.segment_seconds;
    if (!(o.segment_seconds >= 0 && isfinite(o.segment_seconds)))
        return error_set(error, PCLR_E_ARGUMENT, "segments of %g s; expected a length above 0, or 0 for whole recordings",
                         o.segment_seconds);
    TRY(pclr_model_open(&j->model, model_path, 1, error));
    if (!j->embedding && !j->model->classifier)
        return error_set(error, PCLR_E_ARGUMENT,
                         "%s: it is a bare encoder and has no classes; train a classifier with `physioclr probe` or `finetune`",
                         model_path);
    if (!j->embedding && j->model->features.layout && j->model->features.extractor == 0)
        callbacks_log(
            j->callbacks, PCLR_LOG_WARNING,
            "%s: the file does not tell which feature extractor it was trained with; if that was another than this program's (%d), "
            "retrain it",
            model_path, FEATURE_EXTRACTOR);
    j->width = j->embedding ? pclr_model_dimensions(j->model) : pclr_model_classes(j->model);
    TRY(list_inputs(j, inputs, count, o.split, error));
    TRY(open_workers(j, o.threads, error));
    TRY(mem_alloc(&j->refused, j->items, sizeof *j->refused, error));
    j->bar = progress_begin(j->callbacks, j->embedding ? "embed" : "predict", "records", j->items);
    TRY(parallel_for(j->items, j->threads, body, j, error));
    progress_update(&j->bar, j->items, NULL);
    progress_end(&j->bar, NULL);
    pclr_batch_summary s = {.found = j->items, .seconds = clock_seconds() - begin};
    size_t first = j->items;
    for (size_t k = 0; k < j->items; k++) {
        s.refused += j->refused[k] != NULL;
        if (j->refused[k] && first == j->items) first = k;
        if (j->refused[k]) log_refusal(j, k);
    }
    s.done = s.found - s.refused;
    if (summary) *summary = s;
    if (s.done > 0) return PCLR_OK;
    return error_set(error, PCLR_E_DATA, "none of the %zu recordings could be used; the first: %s", s.found, j->refused[first]);
}

/* ---- results ---- */

static pclr_status write_csv(const batch_job *j, const char *path, pclr_error *error)
{
    text csv = {0};
    bool segments = j->segment_seconds > 0;
    (segments ? predictions_begin_segments : predictions_begin)(&csv, (const char *const *)j->model->class_name, j->width);
    for (size_t k = 0; k < j->items; k++) {
        const batch_item *item = &j->item[k];
        for (size_t r = 0; r < item->rows && !j->refused[k]; r++) {
            if (segments)
                predictions_add_segment(&csv, item->id, r, (double)r * item->seconds, item->out + r * j->width, j->width);
            else
                predictions_add(&csv, item->id, item->out, j->width);
        }
    }
    return predictions_end(&csv, path, error);
}

/* NPY version 1.0: magic, header length, a Python dictionary padded so that data begin at a multiple of 64 bytes. */
static pclr_status write_npy(const batch_job *j, const char *path, size_t rows, pclr_error *error)
{
    char dictionary[160], padded[256];
    file_out out = {0};
    pclr_status status;
    int length = snprintf(dictionary, sizeof dictionary, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, j->width);
    int total = (10 + length + 1 + 63) / 64 * 64 - 10;
    snprintf(padded, sizeof padded, "%-*s\n", total - 1, dictionary);
    TRY_GOTO(file_out_open(&out, path, error));
    fwrite("\x93NUMPY\x01\x00", 1, 8, out.stream);
    fputc(total & 255, out.stream);
    fputc(total >> 8, out.stream);
    fwrite(padded, 1, (size_t)total, out.stream);
    for (size_t k = 0; k < j->items; k++)
        if (!j->refused[k]) fwrite(j->item[k].out, sizeof(float), j->width, out.stream);
    TRY_GOTO(file_out_commit(&out, error));
done:
    if (status != PCLR_OK) file_out_abort(&out);
    return status;
}

static pclr_status write_ids(const batch_job *j, const char *npy_path, pclr_error *error)
{
    char *path = NULL;
    text t = {0};
    pclr_status status;
    for (size_t k = 0; k < j->items; k++)
        if (!j->refused[k]) text_add(&t, "%s\n", j->item[k].id);
    TRY_GOTO(text_ok(&t, error));
    TRY_GOTO(mem_printf(&path, error, "%s.ids.txt", npy_path));
    TRY_GOTO(file_write(path, t.data, t.length, error));
done:
    mem_free(path);
    text_free(&t);
    return status;
}

pclr_status pclr_predict(const char *model_path, const char *const *inputs, size_t input_count, const char *csv_path,
                         const pclr_inference_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary,
                         pclr_error *error)
{
    batch_job j = {.callbacks = callbacks};
    pclr_status status = run_batch(&j, model_path, inputs, input_count, options, summary, error);
    if (status == PCLR_OK) status = write_csv(&j, csv_path, error);
    close_job(&j);
    return status;
}

pclr_status pclr_embed(const char *model_path, const char *const *inputs, size_t input_count, const char *npy_path,
                       const pclr_inference_options *options, const pclr_callbacks *callbacks, pclr_batch_summary *summary,
                       pclr_error *error)
{
    batch_job j = {.callbacks = callbacks, .embedding = true};
    pclr_status status = run_batch(&j, model_path, inputs, input_count, options, summary, error);
    size_t rows = 0;
    for (size_t k = 0; k < j.items && j.refused; k++) rows += j.refused[k] == NULL;
    if (status == PCLR_OK) status = write_npy(&j, npy_path, rows, error);
    if (status == PCLR_OK) status = write_ids(&j, npy_path, error);
    close_job(&j);
    return status;
}
