/* SPDX-License-Identifier: Apache-2.0 */
/* The signal files of one ordinary WFDB record, brought to rows of one rate. */
#include "record/formats/wfdb_read.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

/* Signals that are slower than the record are drawn as straight lines between their samples; the ends are held. */
static void interpolate_slow(const float *slow, int64_t slow_first, int64_t slow_count, int64_t per, const wfdb_request *q, float *out)
{
    double step = (double)per / (double)q->multiple;

    for (int64_t i = 0; i < q->count; i++) {
        double position = (double)(q->first + i) * step - (double)slow_first;
        int64_t k = (int64_t)floor(position);
        if (k < 0) k = 0;
        if (k > slow_count - 1) k = slow_count - 1;
        int64_t next = k + 1 < slow_count ? k + 1 : k;
        double part = position - (double)k;
        if (part <= 0 || next == k) {
            out[i] = slow[k];
        } else {
            out[i] = (float)((1 - part) * (double)slow[k] + part * (double)slow[next]);
        }
    }
}

static pclr_status open_sink(const wfdb_request *q, size_t k, wfdb_sink *sink, pclr_error *error)
{
    const wfdb_signal *s = &q->header->signal[k];
    int64_t shift = s->skew * s->per_frame;

    *sink = (wfdb_sink){.baseline = s->baseline, .scale = q->millivolt[k] / s->gain};
    if (!q->row[k]) return PCLR_OK;
    sink->first = q->first;
    sink->count = q->count;
    sink->out = q->row[k];
    if (s->per_frame != q->multiple) {
        sink->first = q->first / q->multiple * s->per_frame;
        sink->count = ((q->first + q->count - 1) / q->multiple + 1) * s->per_frame - sink->first;
        TRY(mem_alloc(&sink->out, (size_t)sink->count, sizeof *sink->out, error));
    }
    /* Where nothing may arrive, the samples are missing from the start. */
    if (shift > 0) {
        for (int64_t i = 0; i < sink->count; i++) sink->out[i] = NAN;
    }
    sink->first += shift;
    return PCLR_OK;
}

static void close_sink(const wfdb_request *q, size_t k, wfdb_sink *sink, bool use)
{
    const wfdb_signal *s = &q->header->signal[k];

    if (!sink->out || sink->out == q->row[k]) return;
    if (use) interpolate_slow(sink->out, sink->first - s->skew * s->per_frame, sink->count, s->per_frame, q, q->row[k]);
    mem_free(sink->out);
}

static pclr_status compare_checksums(const wfdb_request *q, size_t first_signal, const wfdb_group *g, pclr_error *error)
{
    for (size_t k = 0; k < g->signals; k++) {
        const wfdb_signal *s = &g->signal[k];
        uint32_t sum = g->sink[k].sum & 0xffff;
        if (!s->has_checksum || sum == ((uint32_t)s->checksum & 0xffff)) continue;
        if (q->strict) {
            return error_set(error, PCLR_E_FORMAT,
                             "%s: checksum of signal %zu is %u; the header tells %lld; the file is damaged, or read it without strict",
                             g->path, first_signal + k, sum, (long long)s->checksum);
        }
        TRY(record_warn(q->record, error, "checksum of signal %zu (%s) is %u, the header tells %lld", first_signal + k, s->name, sum,
                        (long long)s->checksum));
    }
    return PCLR_OK;
}

static pclr_status open_signal_file(file_map *map, const char *header_path, const char *path, pclr_error *error)
{
    pclr_status status = file_map_open(map, path, error);
    if (status == PCLR_OK || file_exists(path)) return status;
    return error_set(error, PCLR_E_MISSING, "%s: its signal file %s is not there; expected it beside the header; get it too", header_path,
                     path_base(path));
}

/* Reads signals [from, from + n), which lie in one file. */
static pclr_status read_group(wfdb_request *q, size_t from, size_t n, pclr_error *error)
{
    const wfdb_header *h = q->header;
    char *folder = NULL, *path = NULL;
    file_map map = {0};
    wfdb_sink sink[RECORD_LEADS_MAX] = {0};
    int64_t last_skew = 0, first_frame = q->first / q->multiple, end_frame = (q->first + q->count - 1) / q->multiple + 1;
    pclr_status status;

    TRY_GOTO(path_folder(&folder, q->path, error));
    TRY_GOTO(path_join(&path, folder, h->signal[from].file, error));
    TRY_GOTO(open_signal_file(&map, q->path, path, error));
    wfdb_group group = {.path = path, .data = map.data, .size = map.size, .signal = h->signal + from, .signals = n, .sink = sink};
    for (size_t k = 0; k < n; k++) {
        TRY_GOTO(open_sink(q, from + k, &sink[k], error));
        if (h->signal[from + k].skew > last_skew) last_skew = h->signal[from + k].skew;
        q->missing |= h->signal[from + k].skew > 0;
    }
    if (last_skew > 0) { /* a lagging signal ends later, as far as the file goes */
        int64_t there = 0;
        TRY_GOTO(wfdb_group_frames(&group, &there, error));
        if (there > end_frame) end_frame = there - end_frame < last_skew ? there : end_frame + last_skew;
    }
    TRY_GOTO(wfdb_group_read(&group, first_frame, end_frame - first_frame, &q->missing, error));
    if (q->whole && last_skew == 0) TRY_GOTO(compare_checksums(q, from, &group, error));
    status = PCLR_OK;
done:
    for (size_t k = 0; k < n; k++) close_sink(q, from + k, &sink[k], status == PCLR_OK);
    file_map_close(&map);
    mem_free(path);
    mem_free(folder);
    return status;
}

static size_t group_length(const wfdb_header *h, size_t from)
{
    size_t n = 1;
    while (from + n < h->signals && strcmp(h->signal[from + n].file, h->signal[from].file) == 0) n++;
    return n;
}

bool wfdb_is_null_file(const char *name)
{
    return strcmp(name, "~") == 0;
}

pclr_status wfdb_request_read(wfdb_request *q, pclr_error *error)
{
    const wfdb_header *h = q->header;

    for (size_t from = 0, n; from < h->signals; from += n) {
        n = group_length(h, from);
        bool wanted = false;
        for (size_t k = from; k < from + n; k++) wanted |= q->row[k] != NULL;
        if (!wanted) continue;
        if (!wfdb_is_null_file(h->signal[from].file)) {
            TRY(read_group(q, from, n, error));
            continue;
        }
        for (size_t k = from; k < from + n; k++) {
            for (int64_t i = 0; q->row[k] && i < q->count; i++) q->row[k][i] = NAN;
        }
        q->missing = true;
    }
    return PCLR_OK;
}

pclr_status wfdb_count_frames(const char *header_path, const wfdb_header *h, int64_t *frames, pclr_error *error)
{
    char *folder = NULL, *path = NULL;
    pclr_status status = path_folder(&folder, header_path, error);

    *frames = -1;
    for (size_t from = 0, n; status == PCLR_OK && from < h->signals; from += n) {
        file_map map = {0};
        int64_t there = -1;
        n = group_length(h, from);
        if (wfdb_is_null_file(h->signal[from].file)) continue;
        status = path_join(&path, folder, h->signal[from].file, error);
        if (status == PCLR_OK) status = open_signal_file(&map, header_path, path, error);
        wfdb_group group = {.path = path, .data = map.data, .size = map.size, .signal = h->signal + from, .signals = n};
        if (status == PCLR_OK) status = wfdb_group_frames(&group, &there, error);
        if (status == PCLR_OK && there >= 0 && (*frames < 0 || there < *frames)) *frames = there;
        file_map_close(&map);
        mem_release(&path);
    }
    mem_free(folder);
    if (status == PCLR_OK && *frames < 0) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: the number of samples is neither in the header nor in the files; expected it; add it to the header",
                         header_path);
    }
    return status;
}
