/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/recordings_csv.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"

enum { RECORDS_A_THREAD = 16 }; /* held in memory as text before they are written */

typedef struct part {
    const recordings_csv *job;
    const pclr_record_list *list;
    size_t first;        /* of the recordings in hand */
    text *rows;          /* [capacity] */
    pclr_error *refusal; /* [capacity] status PCLR_OK: done */
    size_t capacity;
} part;

/* A recording that cannot be used is remembered, not returned, so that the others go on; only a lack of memory stops all. */
static pclr_status body(void *user, size_t k, int thread, pclr_error *error)
{
    part *p = user;
    (void)thread;
    p->refusal[k].status = p->job->rows(p->job->user, p->list->path[p->first + k], &p->rows[k], &p->refusal[k]);
    if (p->refusal[k].status != PCLR_E_MEMORY) return PCLR_OK;
    if (error) *error = p->refusal[k];
    return PCLR_E_MEMORY;
}

static void write_part(part *p, size_t count, FILE *stream, const pclr_callbacks *callbacks, pclr_batch_summary *summary)
{
    for (size_t k = 0; k < count; k++) {
        if (p->refusal[k].status == PCLR_OK) {
            if (p->rows[k].length > 0) fwrite(p->rows[k].data, 1, p->rows[k].length, stream); /* errors are told by file_out_commit */
            summary->done++;
        } else {
            callbacks_log(callbacks, PCLR_LOG_WARNING, "%s", p->refusal[k].message);
            summary->refused++;
        }
        text_free(&p->rows[k]);
        p->refusal[k] = (pclr_error){0};
    }
}

static pclr_status write_all(part *p, FILE *stream, const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error)
{
    progress bar = progress_begin(callbacks, p->job->stage, "records", p->list->count);
    for (p->first = 0; p->first < p->list->count; p->first += p->capacity) {
        size_t left = p->list->count - p->first, count = left < p->capacity ? left : p->capacity;
        if (callbacks_stop(callbacks))
            return error_set(error, PCLR_E_INTERRUPTED, "%s: stopped after %zu of %zu records; nothing was written", p->job->stage, p->first, p->list->count);
        TRY(parallel_for(count, p->job->threads, body, p, error));
        write_part(p, count, stream, callbacks, summary);
        progress_update(&bar, p->first + count, NULL);
    }
    progress_end(&bar, NULL);
    return PCLR_OK;
}

pclr_status recordings_csv_write(const recordings_csv *job, const char *const *inputs, size_t input_count, const char *csv_path, const pclr_callbacks *callbacks,
                                 pclr_batch_summary *summary, pclr_error *error)
{
    pclr_record_list *list = NULL;
    pclr_batch_summary counted = {0};
    file_out out = {0};
    double begin = clock_seconds();
    part p = {.job = job, .capacity = (size_t)parallel_threads(job->threads) * RECORDS_A_THREAD};
    pclr_status status;
    TRY(pclr_record_find(&list, inputs, input_count, error));
    p.list = list;
    counted.found = list->count;
    TRY_GOTO(mem_alloc(&p.rows, p.capacity, sizeof *p.rows, error));
    TRY_GOTO(mem_alloc(&p.refusal, p.capacity, sizeof *p.refusal, error));
    TRY_GOTO(file_out_open(&out, csv_path, error));
    fputs(job->header, out.stream);
    TRY_GOTO(write_all(&p, out.stream, callbacks, &counted, error));
    TRY_GOTO(file_out_commit(&out, error));
done:
    file_out_abort(&out);
    for (size_t k = 0; p.rows && k < p.capacity; k++) text_free(&p.rows[k]);
    mem_free(p.rows);
    mem_free(p.refusal);
    pclr_record_list_destroy(&list);
    counted.seconds = clock_seconds() - begin;
    if (summary) *summary = counted;
    return status;
}
