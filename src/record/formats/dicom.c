/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DICOM waveforms (PS3.3 C.10.9): the first multiplex group of the WaveformSequence, explicit or implicit VR little endian.
 * A small walk over data elements, bounded by the file; sequences are entered only where the waveform lies.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"

#define TAG(group, element) ((uint32_t)(group) << 16 | (uint32_t)(element))

enum { DEPTH_MAX = 16 };

typedef struct span {
    const uint8_t *data;
    size_t size;
} span;

typedef struct element {
    uint32_t tag;
    span value;
} element;

typedef struct walk {
    span rest;
    bool implicit;
} walk;

static bool long_vr(const uint8_t *vr)
{
    static const char names[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
    for (const char *p = names; p; p = strchr(p, ' ')) {
        if (*p == ' ') p++;
        if (p[0] == (char)vr[0] && p[1] == (char)vr[1]) return true;
    }
    return false;
}

static bool next_element(walk *w, element *e, int depth);

/* Length of a sequence or item whose end is marked by a delimiter; false: none found. */
static bool measure_undefined(span from, bool implicit, uint32_t delimiter, size_t *content, size_t *total, int depth)
{
    walk w = {from, implicit};
    element e;
    while (w.rest.size >= 8) {
        const uint8_t *p = w.rest.data;
        uint32_t tag = TAG(le_u16(p), le_u16(p + 2));
        if (tag == delimiter) {
            *content = (size_t)(p - from.data);
            *total = *content + 8;
            return true;
        }
        if (!next_element(&w, &e, depth + 1)) return false;
    }
    return false;
}

/* The next data element (or item) of a span; false at the end or when it does not fit. */
static bool next_element(walk *w, element *e, int depth)
{
    const uint8_t *p = w->rest.data;
    size_t header = 8;
    uint32_t length;

    if (w->rest.size < 8 || depth > DEPTH_MAX) return false;
    e->tag = TAG(le_u16(p), le_u16(p + 2));
    if ((e->tag >> 16) == 0xfffe || w->implicit) {
        length = le_u32(p + 4);
    } else if (long_vr(p + 4)) {
        if (w->rest.size < 12) return false;
        length = le_u32(p + 8);
        header = 12;
    } else {
        length = le_u16(p + 6);
    }
    span body = {p + header, w->rest.size - header};
    size_t content = length, total = length;
    if (length == UINT32_MAX) {
        uint32_t delimiter = e->tag == TAG(0xfffe, 0xe000) ? TAG(0xfffe, 0xe00d) : TAG(0xfffe, 0xe0dd);
        if (!measure_undefined(body, w->implicit, delimiter, &content, &total, depth)) return false;
    }
    if (total > body.size) return false;
    e->value = (span){body.data, content};
    w->rest = (span){body.data + total, body.size - total};
    return true;
}

static bool find_element(span in, bool implicit, uint32_t tag, span *value)
{
    walk w = {in, implicit};
    element e;
    while (next_element(&w, &e, 0)) {
        if (e.tag == tag) {
            *value = e.value;
            return true;
        }
    }
    return false;
}

/* Item `index` of the sequence `tag`. */
static bool find_item(span in, bool implicit, uint32_t tag, size_t index, span *item)
{
    span sequence;
    element e;
    if (!find_element(in, implicit, tag, &sequence)) return false;
    walk w = {sequence, implicit};
    for (size_t k = 0; next_element(&w, &e, 0); k++) {
        if (k == index) {
            *item = e.value;
            return true;
        }
    }
    return false;
}

static void text_value(span in, bool implicit, uint32_t tag, char *out, size_t size)
{
    span v;
    out[0] = '\0';
    if (!find_element(in, implicit, tag, &v) || v.size >= size) return;
    memcpy(out, v.data, v.size);
    out[v.size] = '\0';
    size_t n = strlen(out);
    while (n > 0 && out[n - 1] == ' ') out[--n] = '\0';
}

static bool decimal_value(span in, bool implicit, uint32_t tag, double *value)
{
    char word[64];
    text_value(in, implicit, tag, word, sizeof word);
    return parse_double(word, value);
}

static uint32_t integer_value(span in, bool implicit, uint32_t tag)
{
    span v;
    if (!find_element(in, implicit, tag, &v)) return 0;
    return v.size == 2 ? le_u16(v.data) : v.size == 4 ? le_u32(v.data) : 0;
}

/* ---- the file's own header: group 2 is always explicit ---- */

static pclr_status find_dataset(const format_input *input, span *dataset, bool *implicit, pclr_error *error)
{
    walk w = {{input->data + 132, input->size - 132}, false};
    char syntax[80] = "";
    element e;

    while (w.rest.size >= 8 && le_u16(w.rest.data) == 2 && next_element(&w, &e, 0)) {
        if (e.tag == TAG(2, 0x10) && e.value.size < sizeof syntax) {
            memcpy(syntax, e.value.data, e.value.size);
            syntax[e.value.size] = '\0';
        }
    }
    *implicit = strcmp(syntax, "1.2.840.10008.1.2") == 0;
    if (!*implicit && strcmp(syntax, "1.2.840.10008.1.2.1") != 0) {
        return error_set(
            error, PCLR_E_UNSUPPORTED,
            "%s: transfer syntax (0002,0010) \"%s\"; expected explicit or implicit VR little endian, uncompressed; convert it with dcmconv",
            input->path, syntax);
    }
    *dataset = w.rest;
    return PCLR_OK;
}

/* ---- waveform ---- */

/* The byte of the file at which its elements end, or at which one is not whole. */
static size_t whole_elements(const format_input *input, span dataset, bool implicit)
{
    walk w = {dataset, implicit};
    element e;
    while (next_element(&w, &e, 0)) {
    }
    return (size_t)(w.rest.data - input->data);
}

typedef struct waveform {
    span group; /* item of the WaveformSequence */
    bool implicit;
    uint32_t channels, samples, bits;
    bool is_signed;
    double rate;
    span data;
    bool has_padding;
    int32_t padding;
} waveform;

static int32_t raw_sample(const waveform *w, size_t k)
{
    if (w->bits == 16) return w->is_signed ? le_i16(w->data.data + 2 * k) : le_u16(w->data.data + 2 * k);
    if (w->bits == 32) return le_i32(w->data.data + 4 * k);
    return w->is_signed ? (int8_t)w->data.data[k] : w->data.data[k];
}

static pclr_status open_waveform(const format_input *input, span dataset, bool implicit, waveform *w, pclr_error *error)
{
    char kind[8];
    span padding;

    w->implicit = implicit;
    if (!find_item(dataset, implicit, TAG(0x5400, 0x0100), 0, &w->group)) {
        return error_set(error, PCLR_E_DATA, "%s: no WaveformSequence (5400,0100) up to byte %zu of %zu; expected an ECG waveform; %s",
                         input->path, whole_elements(input, dataset, implicit), input->size,
                         whole_elements(input, dataset, implicit) < input->size ? "the file is cut off, get it again"
                                                                                : "this is another kind of DICOM object");
    }
    w->channels = integer_value(w->group, implicit, TAG(0x003a, 0x0005));
    w->samples = integer_value(w->group, implicit, TAG(0x003a, 0x0010));
    w->bits = integer_value(w->group, implicit, TAG(0x5400, 0x1004));
    text_value(w->group, implicit, TAG(0x5400, 0x1006), kind, sizeof kind);
    w->is_signed = kind[0] == 'S';
    bool known = (strcmp(kind, "SS") == 0 || strcmp(kind, "US") == 0)   ? w->bits == 16
                 : (strcmp(kind, "SB") == 0 || strcmp(kind, "UB") == 0) ? w->bits == 8
                                                                        : strcmp(kind, "SL") == 0 && w->bits == 32;
    if (!known)
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: samples of %u bits, \"%s\"; expected SS, US, SB, UB or SL; convert it",
                         input->path, w->bits, kind);
    if (!decimal_value(w->group, implicit, TAG(0x003a, 0x001a), &w->rate))
        return error_set(error, PCLR_E_FORMAT, "%s: no sampling frequency (003a,001a); expected the rate in Hz; the file is damaged",
                         input->path);
    TRY(record_check_size(input->path, w->channels, w->samples, error));
    if (!find_element(w->group, implicit, TAG(0x5400, 0x1010), &w->data) || w->data.size / (w->bits / 8) / w->channels < w->samples) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: WaveformData (5400,1010) is shorter than %u channels of %u samples; the file is cut off", input->path,
                         w->channels, w->samples);
    }
    if (find_element(w->group, implicit, TAG(0x5400, 0x100a), &padding) && padding.size == w->bits / 8) {
        waveform one = *w;
        one.data = padding;
        w->padding = raw_sample(&one, 0);
        w->has_padding = w->padding != 0; /* some writers state 0, which is also a value */
    }
    return PCLR_OK;
}

static pclr_status read_channel(pclr_record *r, const format_input *input, const waveform *w, size_t k, pclr_error *error)
{
    span channel, source, units;
    char name[64] = "", unit[16] = "";
    double sensitivity, correction = 1, baseline = 0, millivolt;

    if (!find_item(w->group, w->implicit, TAG(0x003a, 0x0200), k, &channel))
        return error_set(error, PCLR_E_FORMAT, "%s: channel %zu has no definition (003a,0200); expected one a channel; the file is damaged",
                         input->path, k);
    if (find_item(channel, w->implicit, TAG(0x003a, 0x0208), 0, &source))
        text_value(source, w->implicit, TAG(0x0008, 0x0104), name, sizeof name);
    if (find_item(channel, w->implicit, TAG(0x003a, 0x0211), 0, &units))
        text_value(units, w->implicit, TAG(0x0008, 0x0100), unit, sizeof unit);
    if (!unit_to_millivolt(unit[0] ? unit : input->options->unit, &millivolt) ||
        !decimal_value(channel, w->implicit, TAG(0x003a, 0x0210), &sensitivity)) {
        return error_set(error, PCLR_E_DATA,
                         "%s: channel %zu (%s): sensitivity in \"%s\"; expected a voltage; if the unit is missing, name it with --unit",
                         input->path, k, name, unit);
    }
    decimal_value(channel, w->implicit, TAG(0x003a, 0x0212), &correction);
    decimal_value(channel, w->implicit, TAG(0x003a, 0x0213), &baseline);
    TRY(format_check_step(input->path, name, sensitivity * correction, error));
    record_set_channel(r, k, name);
    float *out = r->signal + k * r->samples;
    for (size_t i = 0; i < r->samples; i++) {
        int32_t raw = raw_sample(w, i * w->channels + k);
        out[i] = w->has_padding && raw == w->padding ? NAN : (float)((raw * sensitivity * correction + baseline) * millivolt);
    }
    return PCLR_OK;
}

static pclr_status read_patient(pclr_record *r, span dataset, bool implicit, pclr_error *error)
{
    char word[160], date[32], time[32];
    int age, hour = 0, minute = 0, second = 0;

    text_value(dataset, implicit, TAG(0x0010, 0x0020), word, sizeof word);
    if (word[0]) TRY(mem_strdup(&r->patient, word, error));
    text_value(dataset, implicit, TAG(0x0010, 0x0040), word, sizeof word);
    r->sex = sex_from_text(word);
    text_value(dataset, implicit, TAG(0x0010, 0x1010), word, sizeof word);
    if (sscanf(word, "%3dY", &age) == 1 && strchr(word, 'Y')) TRY(record_set_age(r, age, error));
    text_value(dataset, implicit, TAG(0x0008, 0x002a), date, sizeof date); /* acquisition date and time */
    text_value(dataset, implicit, TAG(0x0008, 0x0022), word, sizeof word);
    text_value(dataset, implicit, TAG(0x0008, 0x0032), time, sizeof time);
    char *all = date[0] ? date : strcat(word, time);
    int year, month, day;
    if (sscanf(all, "%4d%2d%2d%2d%2d%2d", &year, &month, &day, &hour, &minute, &second) < 3) return PCLR_OK;
    return mem_printf(&r->start_time, error, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, hour % 24, minute % 60, second % 61);
}

static pclr_status read_dicom(pclr_record **record, const format_input *input, pclr_error *error)
{
    span dataset, second;
    bool implicit;
    waveform w = {0};

    TRY(find_dataset(input, &dataset, &implicit, error));
    TRY(open_waveform(input, dataset, implicit, &w, error));
    TRY(format_new_record(record, input, w.rate, w.channels, w.samples, error));
    for (size_t k = 0; k < w.channels; k++) TRY(read_channel(*record, input, &w, k, error));
    if (find_item(dataset, implicit, TAG(0x5400, 0x0100), 1, &second))
        TRY(record_warn(*record, error, "only the first multiplex group is read"));
    TRY(read_patient(*record, dataset, implicit, error));
    return record_settle(*record, error);
}

static bool probe_dicom(const format_input *input)
{
    return input->size >= 140 && memcmp(input->data + 128, "DICM", 4) == 0;
}

const record_format record_format_dicom = {"dicom", ".dcm", probe_dicom, read_dicom, false, NULL, NULL};
