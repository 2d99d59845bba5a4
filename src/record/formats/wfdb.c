/* SPDX-License-Identifier: Apache-2.0 */
/* A WFDB record from its header on: signal files, segments, annotations, comments. */
#include "record/formats/wfdb.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "record/formats/format.h"

/* Values (1 MB as float) that a header is believed to announce without a look at the size of its files; for each value that the files
 * of a multi-segment record hold, so many may be announced: the rest are gaps. */
enum { VALUES_TRUSTED = 1 << 18, VALUES_A_VALUE = 64 };

/* A part of one ordinary record, wanted in rows of a common rate. */
typedef struct request {
    const char *path; /* of the header; for messages and to find the signal files */
    const wfdb_header *header;
    int64_t first, count; /* samples at `multiple` samples a frame */
    int64_t multiple;
    float **row;             /* [signals], each [count]; NULL: signal not wanted */
    const double *millivolt; /* [signals] mV per unit */
    bool strict, whole;      /* whole: every sample is read, checksums can be compared */
    pclr_record *record;     /* receives warnings */
    bool missing;            /* some sample is missing */
} request;

/* ---- one signal file ---- */

/* Signals that are slower than the record are drawn as straight lines between their samples; the ends are held. */
static void interpolate_slow(const float *slow, int64_t slow_first, int64_t slow_count, int64_t per, const request *q, float *out)
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

static pclr_status open_sink(const request *q, size_t k, wfdb_sink *sink, pclr_error *error)
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

static void close_sink(const request *q, size_t k, wfdb_sink *sink, bool use)
{
    const wfdb_signal *s = &q->header->signal[k];

    if (!sink->out || sink->out == q->row[k]) return;
    if (use) interpolate_slow(sink->out, sink->first - s->skew * s->per_frame, sink->count, s->per_frame, q, q->row[k]);
    mem_free(sink->out);
}

static pclr_status compare_checksums(const request *q, size_t first_signal, const wfdb_group *g, pclr_error *error)
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
static pclr_status read_group(request *q, size_t from, size_t n, pclr_error *error)
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

static bool is_null_file(const char *name)
{
    return strcmp(name, "~") == 0;
}

static pclr_status read_request(request *q, pclr_error *error)
{
    const wfdb_header *h = q->header;

    for (size_t from = 0, n; from < h->signals; from += n) {
        n = group_length(h, from);
        bool wanted = false;
        for (size_t k = from; k < from + n; k++) wanted |= q->row[k] != NULL;
        if (!wanted) continue;
        if (!is_null_file(h->signal[from].file)) {
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

/* Frames of an ordinary record whose header does not tell: what its shortest file holds. */
static pclr_status count_frames(const char *header_path, const wfdb_header *h, int64_t *frames, pclr_error *error)
{
    char *folder = NULL, *path = NULL;
    pclr_status status = path_folder(&folder, header_path, error);

    *frames = -1;
    for (size_t from = 0, n; status == PCLR_OK && from < h->signals; from += n) {
        file_map map = {0};
        int64_t there = -1;
        n = group_length(h, from);
        if (is_null_file(h->signal[from].file)) continue;
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

/* ---- from header to record ---- */

/* What is kept of the signals: those that measure a voltage. */
typedef struct selection {
    size_t kept;
    size_t signal[RECORD_LEADS_MAX];    /* [kept] */
    double millivolt[RECORD_LEADS_MAX]; /* [signals] */
    int64_t multiple;                   /* samples a frame of the fastest kept signal */
} selection;

static pclr_status select_signals(const char *path, const wfdb_header *h, const pclr_read_options *options, selection *s, pclr_error *error)
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

static pclr_status make_record(pclr_record **record, const format_input *input, const wfdb_header *h, const wfdb_header *layout,
                               const selection *s, int64_t samples, pclr_error *error)
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

/* The window [first, first + count) of the options within `samples`. */
static pclr_status clip_window(const format_input *input, int64_t samples, int64_t *first, int64_t *count, pclr_error *error)
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
    selection s;
    int64_t frames = h->samples, first = 0, count = 0;
    float *row[RECORD_LEADS_MAX] = {NULL};

    TRY(select_signals(input->path, h, input->options, &s, error));
    if (frames < 0 || (uint64_t)frames > VALUES_TRUSTED / (s.kept * (uint64_t)s.multiple)) {
        int64_t there;
        TRY(count_frames(input->path, h, &there, error));
        if (frames > there) {
            return error_set(error, PCLR_E_FORMAT,
                             "%s: its files hold %lld samples a signal; the header announces %lld; they are cut off, get them again",
                             input->path, (long long)there, (long long)frames);
        }
        if (frames < 0) frames = there;
    }
    TRY(record_check_size(input->path, s.kept,
                          (uint64_t)frames > UINT64_MAX / (uint64_t)s.multiple ? UINT64_MAX : (uint64_t)(frames * s.multiple), error));
    TRY(clip_window(input, frames * s.multiple, &first, &count, error));
    TRY(make_record(record, input, h, h, &s, count, error));
    for (size_t k = 0; k < s.kept; k++) row[s.signal[k]] = (*record)->signal + k * (*record)->samples;
    request q = {.path = input->path,
                 .header = h,
                 .first = first,
                 .count = count,
                 .multiple = s.multiple,
                 .row = row,
                 .millivolt = s.millivolt,
                 .strict = input->options->strict,
                 .whole = first == 0 && count == frames * s.multiple,
                 .record = *record};
    TRY(read_request(&q, error));
    for (size_t k = 0; k < s.kept; k++) {
        if (h->signal[s.signal[k]].per_frame == s.multiple) continue;
        TRY(record_warn(*record, error, "signal \"%s\" is recorded at %g Hz and drawn as straight lines at %g Hz",
                        h->signal[s.signal[k]].name, h->rate * (double)h->signal[s.signal[k]].per_frame, (*record)->rate));
    }
    return q.missing ? record_settle(*record, error) : PCLR_OK;
}

/* ---- multi-segment records ---- */

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
        status = error_set(error, PCLR_E_FORMAT, "%s: segment %s has segments of its own; expected an ordinary record; correct the header",
                           input->path, name);
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
    selection chosen;
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
    request q = {.path = path,
                 .header = &h,
                 .first = begin,
                 .count = end - begin,
                 .multiple = a->chosen.multiple,
                 .row = row,
                 .millivolt = millivolt,
                 .strict = a->input->options->strict,
                 .whole = begin == 0 && end == samples && segment->samples == h.samples,
                 .record = a->record};
    status = read_request(&q, error);
done:
    wfdb_header_free(&h);
    mem_free(path);
    return status;
}

static pclr_status read_segments(assembly *a, pclr_error *error)
{
    int64_t at = 0;

    for (size_t i = 0; i < a->record->leads * a->record->samples; i++) a->record->signal[i] = NAN;
    for (size_t k = 0; k < a->header->segments; k++) {
        const wfdb_segment *s = &a->header->segment[k];
        int64_t samples = s->samples * a->chosen.multiple;
        if (samples > 0 && !is_null_file(s->name) && at < a->first + a->count && at + samples > a->first) {
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
    pclr_status status = h.signals ? count_frames(path, &h, &frames, error) : PCLR_OK;
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

    if (announced <= VALUES_TRUSTED) return PCLR_OK;
    TRY(mem_alloc(&name, h->segments, sizeof *name, error));
    for (size_t k = 0; k < h->segments; k++) {
        if (h->segment[k].samples > 0 && !is_null_file(h->segment[k].name)) name[names++] = h->segment[k].name;
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
        *content |= h->segment[k].samples > 0 && !is_null_file(h->segment[k].name);
    }
    return PCLR_OK;
}

static pclr_status read_assembled(pclr_record **record, const format_input *input, const wfdb_header *h, pclr_error *error)
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
    while (is_null_file(h->segment[model].name)) model++;
    a.fixed = h->segment[0].samples > 0 || is_null_file(h->segment[0].name);
    TRY(read_header_beside(&layout, &layout_path, input, h->segment[model].name, error));
    a.layout = &layout;
    TRY_GOTO(select_signals(layout_path, &layout, input->options, &a.chosen, error));
    if (frames > INT64_MAX / a.chosen.multiple) frames = INT64_MAX / a.chosen.multiple;
    TRY_GOTO(clip_window(input, frames * a.chosen.multiple, &a.first, &a.count, error));
    TRY_GOTO(record_check_size(input->path, a.chosen.kept, (uint64_t)a.count, error));
    TRY_GOTO(check_announced(input, h, a.chosen.kept * (uint64_t)a.count, error));
    TRY_GOTO(make_record(record, input, h, &layout, &a.chosen, a.count, error));
    a.record = *record;
    TRY_GOTO(read_segments(&a, error));
done:
    wfdb_header_free(&layout);
    mem_free(layout_path);
    return status;
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
    TRY_GOTO(h.segments ? read_assembled(record, input, &h, error) : read_ordinary(record, input, &h, error));
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

const record_format record_format_wfdb = {"wfdb", ".hea", probe_wfdb, read_wfdb, true, NULL};
