/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.jsonl of a run: one JSON object a line, "event" first ("train", "validation", "end"), then numbers. Appended as the run
 * goes; a resumed run cuts the file back to where its checkpoint was.
 */
#ifndef PCLR_TRAIN_METRICS_H
#define PCLR_TRAIN_METRICS_H

#include <stdio.h>

#include "base/text.h"

typedef struct metrics {
    FILE *stream;
    char *path;
} metrics;

/* offset: bytes to keep; 0 begins anew. */
pclr_status metrics_open(metrics *m, const char *folder, int64_t offset, pclr_error *error);
void metrics_close(metrics *m);
/* Bytes written so far. */
int64_t metrics_offset(const metrics *m);

/* A line is put together in a text and written by metrics_write, which ends and frees it. Numbers that are not finite become null. */
void metrics_begin(text *line, const char *event, int64_t step);
void metrics_number(text *line, const char *name, double value);
pclr_status metrics_write(metrics *m, text *line, pclr_error *error);

#endif
