/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and progress. Results never depend on the number of threads: work is split by index, not by arrival. */
#ifndef PCLR_BASE_PARALLEL_H
#define PCLR_BASE_PARALLEL_H

#include "base/error.h"

int parallel_processors(void);                 /* processors this process may use, at least 1 */
int parallel_threads(int requested);           /* requested <= 0: parallel_processors() */

/* Calls body(user, index, thread) for every index in [0, count), `thread` in [0, threads). The first failing index in index
 * order (lowest index) decides the returned status; others may not be called any more. body may be called concurrently. */
typedef pclr_status (*parallel_body)(void *user, size_t index, int thread, pclr_error *error);
pclr_status parallel_for(size_t count, int threads, parallel_body body, void *user, pclr_error *error);

double clock_seconds(void); /* monotonic */

/* Progress with a rate; calls the callback at most ten times a second and at the end. */
typedef struct progress {
    const pclr_callbacks *callbacks;
    const char *stage, *unit;
    uint64_t total, done, last_done;
    double begin, last, rate;
} progress;
progress progress_begin(const pclr_callbacks *callbacks, const char *stage, const char *unit, uint64_t total);
void progress_update(progress *p, uint64_t done, const char *detail);
void progress_end(progress *p, const char *detail);
bool callbacks_stop(const pclr_callbacks *callbacks);
void callbacks_log(const pclr_callbacks *callbacks, pclr_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
