/* SPDX-License-Identifier: Apache-2.0 */
/* A WFDB record from its header on: signals that are voltages, comments, annotations. */
#include "record/formats/wfdb_read.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

/* ---- from header to record ---- */

pclr_status wfdb_select_signals(const char *path, const wfdb_header *h, const pclr_read_options *options, wfdb_selection *s,
                                pclr_error *error)
{
    double assumed = 0;
    bool assume = options->unit && unit_to_millivolt(options->unit, &assumed);

    if (options->unit && !assume) {
        return error_set(error, PCLR_E_ARGUMENT, "unit \"%s\"; expected mV, uV, V or nV", options->unit);
    }
    s->kept = 0;
    s->multiple = 1;
    for (size_t k = 0; k < h->signals; k++) {
        bool voltage = unit_to_millivolt(h->signal[k].unit, &s->millivolt[k]);
        if (!voltage && assume && pclr_lead_from_name(h->signal[k].name) != PCLR_LEAD_OTHER) {
            s->millivolt[k] = assumed;
            voltage = true;
        }
        if (!voltage) continue;
        s->signal[s->kept++] = k;
        if (h->signal[k].per_frame > s->multiple) s->multiple = h->signal[k].per_frame;
    }
    if (s->kept > 0) return PCLR_OK;
    return error_set(error, PCLR_E_DATA,
                     "%s: no signal in a unit of voltage (first: %s in \"%s\"); expected mV, uV, V or nV; if the leads are voltages, name "
                     "their unit with --unit",
                     path, h->signals ? h->signal[0].name : "none", h->signals ? h->signal[0].unit : "");
}

pclr_status wfdb_make_record(pclr_record **record, const format_input *input, const wfdb_header *h, const wfdb_header *layout,
                             const wfdb_selection *s, int64_t samples, pclr_error *error)
{
    const char *base = path_base(input->path), *dot = path_extension(input->path);
    char id[512];
    size_t n = (size_t)(dot - base);

    if (n >= sizeof id) n = sizeof id - 1;
    memcpy(id, base, n);
    id[n] = '\0';
    TRY(pclr_record_create(record, id, h->rate * (double)s->multiple, s->kept, (size_t)samples, error));
    pclr_record *r = *record;
    for (size_t k = 0; k < s->kept; k++) record_set_channel(r, k, layout->signal[s->signal[k]].name);
    TRY(mem_strdup(&r->start_time, h->start_time, error));
    for (size_t k = 0; k < h->comments; k++) TRY(record_read_comment(r, h->comment[k], error));
    text all = {0};
    for (size_t k = 0; k < h->comments; k++) text_add(&all, k ? "\n%s" : "%s", h->comment[k]);
    pclr_status status = h->comments ? text_ok(&all, error) : PCLR_OK;
    if (status == PCLR_OK && h->comments) status = record_set_text(&r->comments, all.data, error);
    text_free(&all);
    for (size_t k = 0; status == PCLR_OK && k < layout->signals; k++) {
        bool kept = false;
        for (size_t j = 0; j < s->kept; j++) kept |= s->signal[j] == k;
        if (!kept) {
            status = record_warn(r, error, "signal \"%s\" left out: its unit \"%s\" is no voltage", layout->signal[k].name,
                                 layout->signal[k].unit);
        }
    }
    return status;
}

pclr_status wfdb_clip_window(const format_input *input, int64_t samples, int64_t *first, int64_t *count, pclr_error *error)
{
    *first = input->options->first;
    if (*first < 0 || *first >= samples) {
        return error_set(error, PCLR_E_ARGUMENT, "%s: first sample %lld; the recording has %lld", input->path, (long long)*first,
                         (long long)samples);
    }
    *count = samples - *first;
    if (input->options->count > 0 && input->options->count < *count) *count = input->options->count;
    return PCLR_OK;
}

static pclr_status read_ordinary(pclr_record **record, const format_input *input, const wfdb_header *h, pclr_error *error)
{
    wfdb_selection s;
    int64_t frames = h->samples, first = 0, count = 0;
    float *row[RECORD_LEADS_MAX] = {NULL};

    TRY(wfdb_select_signals(input->path, h, input->options, &s, error));
    if (frames < 0 || (uint64_t)frames > WFDB_VALUES_TRUSTED / (s.kept * (uint64_t)s.multiple)) {
        int64_t there;
        TRY(wfdb_count_frames(input->path, h, &there, error));
        if (frames > there) {
            return error_set(error, PCLR_E_FORMAT,
                             "%s: its files hold %lld samples a signal; the header announces %lld; they are cut off, get them again",
                             input->path, (long long)there, (long long)frames);
        }
        if (frames < 0) frames = there;
    }
    TRY(record_check_size(input->path, s.kept,
                          (uint64_t)frames > UINT64_MAX / (uint64_t)s.multiple ? UINT64_MAX : (uint64_t)(frames * s.multiple), error));
    TRY(wfdb_clip_window(input, frames * s.multiple, &first, &count, error));
    TRY(wfdb_make_record(record, input, h, h, &s, count, error));
    for (size_t k = 0; k < s.kept; k++) row[s.signal[k]] = (*record)->signal + k * (*record)->samples;
    wfdb_request q = {.path = input->path,
                      .header = h,
                      .first = first,
                      .count = count,
                      .multiple = s.multiple,
                      .row = row,
                      .millivolt = s.millivolt,
                      .strict = input->options->strict,
                      .whole = first == 0 && count == frames * s.multiple,
                      .record = *record};
    TRY(wfdb_request_read(&q, error));
    for (size_t k = 0; k < s.kept; k++) {
        if (h->signal[s.signal[k]].per_frame == s.multiple) continue;
        TRY(record_warn(*record, error, "signal \"%s\" is recorded at %g Hz and drawn as straight lines at %g Hz",
                        h->signal[s.signal[k]].name, h->rate * (double)h->signal[s.signal[k]].per_frame, (*record)->rate));
    }
    return q.missing ? record_settle(*record, error) : PCLR_OK;
}

/* ---- annotations ---- */

static pclr_status read_annotator(pclr_record *record, const format_input *input, const wfdb_header *h, pclr_error *error)
{
    const char *dot = path_extension(input->path);
    char *path = NULL;
    file_map map = {0};
    pclr_status status;

    TRY(mem_printf(&path, error, "%.*s.%s", (int)(dot - input->path), input->path, input->options->annotator));
    TRY_GOTO(file_map_open(&map, path, error));
    TRY_GOTO(wfdb_annotations_parse(record, path, map.data, map.size, h->rate, error));
done:
    file_map_close(&map);
    mem_free(path);
    return status;
}

/* Annotations are kept relative to the part that was read. */
static void shift_annotations(pclr_record *r, int64_t first)
{
    size_t to = 0;
    if (first == 0) return;
    for (size_t k = 0; k < r->annotations; k++) {
        pclr_annotation a = r->annotation[k];
        a.sample -= first;
        if (a.sample < 0 || a.sample >= (int64_t)r->samples) {
            mem_free(a.aux);
            continue;
        }
        r->annotation[to++] = a;
    }
    r->annotations = to;
}

static pclr_status read_wfdb(pclr_record **record, const format_input *input, pclr_error *error)
{
    wfdb_header h = {0};
    pclr_status status;

    TRY(wfdb_header_parse(&h, input->path, (const char *)input->data, input->size, input->options->strict, error));
    if (h.signals == 0) {
        status = error_set(error, PCLR_E_DATA, "%s: a header without signals; expected at least one; leave the recording out", input->path);
        goto done;
    }
    TRY_GOTO(h.segments ? wfdb_read_segments(record, input, &h, error) : read_ordinary(record, input, &h, error));
    if (input->options->annotator) {
        TRY_GOTO(read_annotator(*record, input, &h, error));
        shift_annotations(*record, input->options->first);
    }
done:
    wfdb_header_free(&h);
    return status;
}

/* Called .hea, or its first line that is no comment reads NAME[/N] SIGNALS [RATE...] with a letter in the name (else it is a table). */
static bool probe_wfdb(const format_input *input)
{
    const char *p = (const char *)input->data, *end = p + input->size;

    if (strcmp(path_extension(input->path), ".hea") == 0) return true;
    while (p < end && (*p == '#' || isspace((unsigned char)*p))) {
        const char *stop = *p == '#' ? memchr(p, '\n', (size_t)(end - p)) : p;
        if (!stop) return false;
        p = stop + 1;
    }
    size_t n = 0;
    bool letters = false;
    while (p + n < end && (unsigned char)p[n] > ' ' && (unsigned char)p[n] < 127) {
        letters |= isalpha((unsigned char)p[n]) != 0;
        if (p[n] == ',' || p[n] == '<') return false;
        n++;
    }
    if (n == 0 || p + n >= end || (p[n] != ' ' && p[n] != '\t')) return false;
    while (p + n < end && (p[n] == ' ' || p[n] == '\t')) n++;
    return p + n < end && isdigit((unsigned char)p[n]) && letters;
}

const record_format record_format_wfdb = {"wfdb", ".hea", probe_wfdb, read_wfdb, true, NULL, NULL};
