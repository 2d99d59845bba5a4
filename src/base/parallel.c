/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"

int parallel_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

int parallel_threads(int requested)
{
    return requested > 0 ? requested : parallel_processors();
}

typedef struct job {
    parallel_body body;
    void *user;
    size_t count;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards what follows */
    size_t failed_index;
    pclr_status status;
    pclr_error error;
} job;

typedef struct worker {
    job *job;
    int number;
    pthread_t thread;
} worker;

/* Indices are handed out in ascending order, so once one fails every lower index has been started and will report. */
static void *work(void *argument)
{
    worker *w = argument;
    job *j = w->job;
    while (!atomic_load(&j->failed)) {
        size_t index = atomic_fetch_add(&j->next, 1);
        if (index >= j->count) break;
        pclr_error error = {0};
        pclr_status status = j->body(j->user, index, w->number, &error);
        if (status == PCLR_OK) continue;
        pthread_mutex_lock(&j->lock);
        if (j->status == PCLR_OK || index < j->failed_index) {
            j->status = status;
            j->failed_index = index;
            j->error = error;
        }
        pthread_mutex_unlock(&j->lock);
        atomic_store(&j->failed, true);
    }
    return NULL;
}

pclr_status parallel_for(size_t count, int threads, parallel_body body, void *user, pclr_error *error)
{
    job j = {.body = body, .user = user, .count = count, .status = PCLR_OK};
    pthread_mutex_init(&j.lock, NULL);
    size_t n = (size_t)parallel_threads(threads), started = 0;
    if (n > count) n = count;
    worker first = {.job = &j, .number = 0}, *others = NULL;
    pclr_status status = n > 1 ? mem_alloc(&others, n - 1, sizeof *others, error) : PCLR_OK;
    if (status == PCLR_OK) {
        for (; started + 1 < n; started++) {
            others[started] = (worker){.job = &j, .number = (int)started + 1};
            if (pthread_create(&others[started].thread, NULL, work, &others[started]) != 0) break; /* fewer threads, same result */
        }
        work(&first);
        for (size_t k = 0; k < started; k++) pthread_join(others[k].thread, NULL);
        status = j.status;
        if (status != PCLR_OK && error) *error = j.error;
    }
    mem_free(others);
    pthread_mutex_destroy(&j.lock);
    return status;
}

double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

progress progress_begin(const pclr_callbacks *callbacks, const char *stage, const char *unit, uint64_t total)
{
    double now = clock_seconds();
    return (progress){.callbacks = callbacks, .stage = stage, .unit = unit, .total = total, .begin = now, .last = now};
}

static void tell(progress *p, double now, const char *detail)
{
    if (!p->callbacks || !p->callbacks->progress) return;
    pclr_progress message = {.stage = p->stage,
                             .done = p->done,
                             .total = p->total,
                             .unit = p->unit,
                             .seconds = now - p->begin,
                             .rate = p->rate,
                             .detail = detail};
    p->callbacks->progress(p->callbacks->user, &message);
}

void progress_update(progress *p, uint64_t done, const char *detail)
{
    const double interval = 0.1, memory = 0.8; /* seconds between messages; share of the old rate that is kept */
    double now = clock_seconds();
    p->done = done;
    if (now - p->last < interval) return;
    double recent = (double)(done - p->last_done) / (now - p->last);
    p->rate = p->rate > 0 ? memory * p->rate + (1 - memory) * recent : recent;
    p->last = now;
    p->last_done = done;
    tell(p, now, detail);
}

void progress_end(progress *p, const char *detail)
{
    double now = clock_seconds();
    p->rate = now > p->begin ? (double)p->done / (now - p->begin) : 0;
    tell(p, now, detail);
}

bool callbacks_stop(const pclr_callbacks *callbacks)
{
    return callbacks && callbacks->stop && callbacks->stop(callbacks->user);
}

void callbacks_log(const pclr_callbacks *callbacks, pclr_log_level level, const char *format, ...)
{
    if (!callbacks || !callbacks->log) return;
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    callbacks->log(callbacks->user, level, message);
}
