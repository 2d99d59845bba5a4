/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "train/metrics.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

pclr_status metrics_open(metrics *m, const char *folder, int64_t offset, pclr_error *error)
{
    *m = (metrics){0};
    TRY(path_join(&m->path, folder, "metrics.jsonl", error));
    m->stream = fopen(m->path, offset > 0 ? "r+" : "w");
    if (!m->stream) return error_io(error, m->path, "open for writing", errno);
    if (offset == 0) return PCLR_OK;
    if (ftruncate(fileno(m->stream), offset) != 0) return error_io(error, m->path, "cut back", errno);
    if (fseek(m->stream, 0, SEEK_END) != 0) return error_io(error, m->path, "seek in", errno);
    return PCLR_OK;
}

void metrics_close(metrics *m)
{
    if (m->stream) fclose(m->stream);
    mem_release(&m->path);
    m->stream = NULL;
}

int64_t metrics_offset(const metrics *m)
{
    return m->stream ? (int64_t)ftell(m->stream) : 0;
}

void metrics_begin(text *line, const char *event, int64_t step)
{
    *line = (text){0};
    text_add(line, "{\"event\":\"%s\",\"step\":%lld", event, (long long)step);
}

void metrics_number(text *line, const char *name, double value)
{
    text_add(line, ",\"%s\":", name);
    if (isfinite(value))
        text_add_double(line, value);
    else
        text_add(line, "null");
}

pclr_status metrics_write(metrics *m, text *line, pclr_error *error)
{
    text_add(line, "}\n");
    pclr_status status = text_ok(line, error);
    if (status == PCLR_OK && m->stream) {
        if (fwrite(line->data, 1, line->length, m->stream) != line->length || fflush(m->stream) != 0)
            status = error_io(error, m->path, "write", errno);
    }
    text_free(line);
    return status;
}
