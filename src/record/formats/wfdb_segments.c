/* SPDX-License-Identifier: Apache-2.0 */
/* Multi-segment WFDB records: others one after another, all of one layout or each with signals of its own. */
#include "record/formats/wfdb_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

/* For each value that the files of a record's segments hold, so many may be announced: the rest are gaps. */
enum { VALUES_A_VALUE = 64 };

static pclr_status read_header_beside(wfdb_header *h, char **path, const format_input *input, const char *name, pclr_error *error)
{
    char *folder = NULL, *data = NULL, file[600];
    size_t size = 0;
    pclr_status status;

    *path = NULL;
    TRY_GOTO(path_folder(&folder, input->path, error));
    snprintf(file, sizeof file, "%s.hea", name);
    TRY_GOTO(path_join(path, folder, file, error));
    TRY_GOTO(file_read(*path, (size_t)16 << 20, &data, &size, error));
    TRY_GOTO(wfdb_header_parse(h, *path, data, size, input->options->strict, error));
    if (h->segments) {
        wfdb_header_free(h);
        status =
            error_set(error, PCLR_E_FORMAT, "segment %s has segments of its own; expected an ordinary record; correct the header", name);
    }
done:
    mem_free(data);
    mem_free(folder);
    if (status != PCLR_OK) {
        error_prefix(error, "%s", input->path);
        mem_release(path);
    }
    return status;
}

/* Which signal of a segment feeds signal k of the layout: by name where the layout varies, by place where it is fixed; -1: none. */
static int find_signal(const wfdb_header *segment, const wfdb_header *layout, size_t k, bool fixed)
{
    if (fixed) return k < segment->signals ? (int)k : -1;
    for (size_t j = 0; j < segment->signals; j++) {
        if (strcmp(segment->signal[j].name, layout->signal[k].name) == 0) return (int)j;
    }
    return -1;
}

/* The whole of a multi-segment record while it is read. */
typedef struct assembly {
    const format_input *input;
    const wfdb_header *header, *layout;
    wfdb_selection chosen;
    bool fixed;
    int64_t first, count; /* wanted, in samples of the record */
    pclr_record *record;
} assembly;

/* Segment of `samples` record samples that begins at `start`. */
static pclr_status read_segment(assembly *a, const wfdb_segment *segment, int64_t start, int64_t samples, pclr_error *error)
{
    wfdb_header h = {0};
    char *path = NULL;
    float *row[RECORD_LEADS_MAX] = {NULL};
    double millivolt[RECORD_LEADS_MAX] = {0};
    int64_t begin = start < a->first ? a->first - start : 0;
    int64_t end = a->first + a->count - start < samples ? a->first + a->count - start : samples;
    pclr_status status;

    TRY(read_header_beside(&h, &path, a->input, segment->name, error));
    if (fabs(h.rate - a->header->rate) > 1e-6 * a->header->rate || (h.samples >= 0 && h.samples < segment->samples)) {
        status = error_set(error, PCLR_E_FORMAT, "%s: %lld samples at %g Hz; %s expects %lld at %g Hz; they do not belong together", path,
                           (long long)h.samples, h.rate, a->input->path, (long long)segment->samples, a->header->rate);
        goto done;
    }
    for (size_t k = 0; k < a->chosen.kept; k++) {
        int j = find_signal(&h, a->layout, a->chosen.signal[k], a->fixed);
        if (j < 0 || !unit_to_millivolt(h.signal[j].unit, &millivolt[j])) continue;
        row[j] = a->record->signal + k * a->record->samples + (start + begin - a->first);
    }
    wfdb_request q = {.path = path,
                      .header = &h,
                      .first = begin,
                      .count = end - begin,
                      .multiple = a->chosen.multiple,
                      .row = row,
                      .millivolt = millivolt,
                      .strict = a->input->options->strict,
                      .whole = begin == 0 && end == samples && segment->samples == h.samples,
                      .record = a->record};
    status = wfdb_request_read(&q, error);
done:
    wfdb_header_free(&h);
    mem_free(path);
    return status;
}

static pclr_status read_all(assembly *a, pclr_error *error)
{
    int64_t at = 0;

    for (size_t i = 0; i < a->record->leads * a->record->samples; i++) a->record->signal[i] = NAN;
    for (size_t k = 0; k < a->header->segments; k++) {
        const wfdb_segment *s = &a->header->segment[k];
        int64_t samples = s->samples * a->chosen.multiple;
        if (samples > 0 && !wfdb_is_null_file(s->name) && at < a->first + a->count && at + samples > a->first) {
            TRY(read_segment(a, s, at, samples, error));
        }
        at += samples;
    }
    return record_settle(a->record, error);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Values that a segment's files hold. */
static pclr_status count_values(const format_input *input, const char *name, uint64_t *values, pclr_error *error)
{
    wfdb_header h = {0};
    char *path = NULL;
    int64_t frames = 0;

    *values = 0;
    TRY(read_header_beside(&h, &path, input, name, error));
    pclr_status status = h.signals ? wfdb_count_frames(path, &h, &frames, error) : PCLR_OK;
    for (size_t k = 0; status == PCLR_OK && k < h.signals; k++) *values += (uint64_t)frames * (uint64_t)h.signal[k].per_frame;
    wfdb_header_free(&h);
    mem_free(path);
    return status;
}

/* A few bytes of header must not claim gigabytes: what is announced is held against what the segments' files hold, each file once. */
static pclr_status check_announced(const format_input *input, const wfdb_header *h, uint64_t announced, pclr_error *error)
{
    const char **name = NULL;
    uint64_t held = 0, values;
    size_t names = 0;
    pclr_status status = PCLR_OK;

    if (announced <= WFDB_VALUES_TRUSTED) return PCLR_OK;
    TRY(mem_alloc(&name, h->segments, sizeof *name, error));
    for (size_t k = 0; k < h->segments; k++) {
        if (h->segment[k].samples > 0 && !wfdb_is_null_file(h->segment[k].name)) name[names++] = h->segment[k].name;
    }
    if (names) qsort(name, names, sizeof *name, by_name);
    for (size_t k = 0; status == PCLR_OK && k < names && held < announced / VALUES_A_VALUE; k++) {
        if (k > 0 && strcmp(name[k], name[k - 1]) == 0) continue;
        status = count_values(input, name[k], &values, error);
        held += values;
    }
    mem_free(name);
    if (status != PCLR_OK || held >= announced / VALUES_A_VALUE) return status;
    return error_set(error, PCLR_E_FORMAT,
                     "%s: announces %llu values, its segments hold %llu; expected at least one in %d; correct the lengths, or read a part",
                     input->path, (unsigned long long)announced, (unsigned long long)held, VALUES_A_VALUE);
}

static pclr_status check_segments(const format_input *input, const wfdb_header *h, int64_t *frames, bool *content, pclr_error *error)
{
    *frames = 0;
    *content = false;
    for (size_t k = 0; k < h->segments; k++) {
        if (strcmp(h->segment[k].name, h->name) == 0) {
            return error_set(error, PCLR_E_FORMAT, "%s: segment %zu is the record itself; expected another record; correct the header",
                             input->path, k + 1);
        }
        if (h->segment[k].samples > INT64_MAX / 2 - *frames) {
            return error_set(error, PCLR_E_FORMAT, "%s: segment %zu has %lld samples; that cannot be; correct the header", input->path,
                             k + 1, (long long)h->segment[k].samples);
        }
        *frames += h->segment[k].samples;
        *content |= h->segment[k].samples > 0 && !wfdb_is_null_file(h->segment[k].name);
    }
    return PCLR_OK;
}

pclr_status wfdb_read_segments(pclr_record **record, const format_input *input, const wfdb_header *h, pclr_error *error)
{
    assembly a = {.input = input, .header = h};
    wfdb_header layout = {0};
    char *layout_path = NULL;
    int64_t frames;
    bool content;
    pclr_status status;

    TRY(check_segments(input, h, &frames, &content, error));
    if (!content)
        return error_set(error, PCLR_E_DATA, "%s: every segment is a gap; expected samples; leave the recording out", input->path);
    size_t model = 0; /* the layout, or the first segment with samples */
    while (wfdb_is_null_file(h->segment[model].name)) model++;
    a.fixed = h->segment[0].samples > 0 || wfdb_is_null_file(h->segment[0].name);
    TRY(read_header_beside(&layout, &layout_path, input, h->segment[model].name, error));
    a.layout = &layout;
    TRY_GOTO(wfdb_select_signals(layout_path, &layout, input->options, &a.chosen, error));
    if (frames > INT64_MAX / a.chosen.multiple) frames = INT64_MAX / a.chosen.multiple;
    TRY_GOTO(wfdb_clip_window(input, frames * a.chosen.multiple, &a.first, &a.count, error));
    TRY_GOTO(record_check_size(input->path, a.chosen.kept, (uint64_t)a.count, error));
    TRY_GOTO(check_announced(input, h, a.chosen.kept * (uint64_t)a.count, error));
    TRY_GOTO(wfdb_make_record(record, input, h, &layout, &a.chosen, a.count, error));
    a.record = *record;
    TRY_GOTO(read_all(&a, error));
done:
    wfdb_header_free(&layout);
    mem_free(layout_path);
    return status;
}
