/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EDF, EDF+C and BDF (Kemp 1992, Kemp & Olivan 2003, BioSemi). EDF+D, which has gaps, is refused by name. Signals of a unit of voltage
 * are kept, at the highest rate among them; a signal that is slower is left out with a note.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/common.h"

typedef struct edf_signal {
    char label[17], unit[9];
    double physical_min, physical_max, digital_min, digital_max;
    int64_t samples;  /* a data record */
    int64_t offset;   /* samples of the signals before it, a data record */
    double millivolt; /* 0: no voltage */
} edf_signal;

typedef struct edf_header {
    bool bdf;
    char patient[81], date[9], time[9], reserved[45];
    int64_t header_bytes, records, record_samples;
    double duration; /* s, a data record */
    size_t signals;
    edf_signal signal[RECORD_LEADS_MAX];
} edf_header;

/* `width` characters at `offset`, trimmed. */
static void take_field(const format_input *input, size_t offset, size_t width, char *out)
{
    memcpy(out, input->data + offset, width);
    while (width > 0 && (out[width - 1] == ' ' || out[width - 1] == '\0')) width--;
    out[width] = '\0';
}

static pclr_status number_field(const format_input *input, size_t offset, size_t width, const char *name, double *value, pclr_error *error)
{
    char word[16];
    take_field(input, offset, width, word);
    if (parse_double(word, value) && isfinite(*value)) return PCLR_OK;
    return error_set(error, PCLR_E_FORMAT, "%s: byte %zu: %s \"%s\"; expected a number; the header is damaged", input->path, offset, name,
                     word);
}

/* A whole number; eight characters such as "12E161" hold what no integer does. */
static pclr_status whole_field(const format_input *input, size_t offset, size_t width, const char *name, int64_t *whole, pclr_error *error)
{
    const double most = 1e15;
    double value;
    TRY(number_field(input, offset, width, name, &value, error));
    if (fabs(value) > most)
        return error_set(error, PCLR_E_FORMAT, "%s: byte %zu: %s %g; expected at most %g; the header is damaged", input->path, offset, name, value, most);
    *whole = (int64_t)value;
    return PCLR_OK;
}

static pclr_status parse_fixed_part(const format_input *input, edf_header *h, pclr_error *error)
{
    double value;

    h->bdf = input->data[0] == 0xff;
    take_field(input, 8, 80, h->patient);
    take_field(input, 168, 8, h->date);
    take_field(input, 176, 8, h->time);
    take_field(input, 192, 44, h->reserved);
    TRY(whole_field(input, 184, 8, "header length", &h->header_bytes, error));
    TRY(whole_field(input, 236, 8, "number of data records", &h->records, error));
    if (h->records < 0) h->records = -1;
    TRY(number_field(input, 244, 8, "duration of a data record", &h->duration, error));
    TRY(number_field(input, 252, 4, "number of signals", &value, error));
    if (value < 1 || value > RECORD_LEADS_MAX)
        return error_set(error, PCLR_E_FORMAT, "%s: byte 252: %g signals; expected 1 to %d; the header is damaged", input->path, value,
                         RECORD_LEADS_MAX);
    h->signals = (size_t)value;
    if (strncmp(h->reserved, "EDF+D", 5) == 0 || strncmp(h->reserved, "BDF+D", 5) == 0) {
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: %.5s: a recording with gaps; expected a continuous one; convert it to EDF+C",
                         input->path, h->reserved);
    }
    if (h->header_bytes != 256 + 256 * (int64_t)h->signals || (size_t)h->header_bytes > input->size) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: byte 184: header of %lld bytes with %zu signals in a file of %zu; expected %zu; it is damaged", input->path,
                         (long long)h->header_bytes, h->signals, input->size, 256 + 256 * h->signals);
    }
    if (!(h->duration > 0))
        return error_set(error, PCLR_E_UNSUPPORTED,
                         "%s: byte 244: data records last %g s; expected a positive time; the file holds only annotations, leave it out",
                         input->path, h->duration);
    return PCLR_OK;
}

static pclr_status parse_signal(const format_input *input, edf_header *h, size_t k, pclr_error *error)
{
    edf_signal *s = &h->signal[k];
    size_t n = h->signals, at = 256;
    double samples;

    take_field(input, at + 16 * k, 16, s->label);
    take_field(input, at + n * 96 + 8 * k, 8, s->unit);
    TRY(number_field(input, at + n * 104 + 8 * k, 8, "physical minimum", &s->physical_min, error));
    TRY(number_field(input, at + n * 112 + 8 * k, 8, "physical maximum", &s->physical_max, error));
    TRY(number_field(input, at + n * 120 + 8 * k, 8, "digital minimum", &s->digital_min, error));
    TRY(number_field(input, at + n * 128 + 8 * k, 8, "digital maximum", &s->digital_max, error));
    TRY(number_field(input, at + n * 216 + 8 * k, 8, "samples a data record", &samples, error));
    if (samples < 0 || samples > 1e8)
        return error_set(error, PCLR_E_FORMAT, "%s: signal %zu (%s): %g samples a data record; expected 0 to 1e8; the header is damaged",
                         input->path, k, s->label, samples);
    s->samples = (int64_t)samples;
    s->offset = h->record_samples;
    h->record_samples += s->samples;
    bool notes = strstr(s->label, "Annotations") != NULL;
    if (notes || !unit_to_millivolt(s->unit, &s->millivolt)) s->millivolt = 0;
    if (!notes && s->millivolt == 0 && s->unit[0] == '\0' && input->options->unit) unit_to_millivolt(input->options->unit, &s->millivolt);
    if (s->millivolt > 0 && (s->digital_max == s->digital_min || s->physical_max == s->physical_min)) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: signal %zu (%s): range %g..%g for %g..%g; expected two different limits; correct the header", input->path, k,
                         s->label, s->physical_min, s->physical_max, s->digital_min, s->digital_max);
    }
    return PCLR_OK;
}

static pclr_status count_records(const format_input *input, edf_header *h, pclr_error *error)
{
    int64_t bytes = h->record_samples * (h->bdf ? 3 : 2);
    int64_t there = bytes ? ((int64_t)input->size - h->header_bytes) / bytes : 0;

    if (h->records < 0) h->records = there; /* "unknown" while recording */
    if (h->records > there || there == 0) {
        return error_set(error, PCLR_E_FORMAT, "%s: %lld data records announced; the file holds %lld; it is cut off, get it again",
                         input->path, (long long)h->records, (long long)there);
    }
    return PCLR_OK;
}

static void copy_signal(const format_input *input, const edf_header *h, const edf_signal *s, float *out)
{
    int64_t width = h->bdf ? 3 : 2, stride = h->record_samples * width;
    double scale = (s->physical_max - s->physical_min) / (s->digital_max - s->digital_min);

    for (int64_t r = 0; r < h->records; r++) {
        const uint8_t *p = input->data + h->header_bytes + r * stride + s->offset * width;
        for (int64_t i = 0; i < s->samples; i++, p += width) {
            uint32_t raw = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (h->bdf ? (uint32_t)p[2] << 16 : 0);
            uint32_t sign = h->bdf ? 1U << 23 : 1U << 15;
            double digital = (double)((int32_t)(raw ^ sign) - (int32_t)sign);
            *out++ = (float)(((digital - s->digital_min) * scale + s->physical_min) * s->millivolt);
        }
    }
}

/* EDF+ patient field: "code sex birthdate name", blanks within replaced by '_'. */
static pclr_status read_patient(pclr_record *r, const edf_header *h, pclr_error *error)
{
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    char code[81] = "", sex[81] = "", birth[81] = "";
    int day, month, year, birth_day, birth_year;
    char name[4] = "";

    if (sscanf(h->date, "%2d.%2d.%2d", &day, &month, &year) != 3) return PCLR_OK;
    year += year >= 85 ? 1900 : 2000;
    int hour = 0, minute = 0, second = 0;
    if (sscanf(h->time, "%2d.%2d.%2d", &hour, &minute, &second) == 3 && month >= 1 && month <= 12 && day >= 1 && day <= 31) {
        TRY(mem_printf(&r->start_time, error, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, hour, minute, second));
    }
    if (strncmp(h->reserved, "EDF+", 4) != 0 && strncmp(h->reserved, "BDF+", 4) != 0) return PCLR_OK;
    if (sscanf(h->patient, "%80s %80s %80s", code, sex, birth) != 3) return PCLR_OK;
    if (strcmp(code, "X") != 0) TRY(mem_strdup(&r->patient, code, error));
    r->sex = strcmp(sex, "M") == 0 ? PCLR_SEX_MALE : strcmp(sex, "F") == 0 ? PCLR_SEX_FEMALE : PCLR_SEX_UNKNOWN;
    if (sscanf(birth, "%2d-%3s-%4d", &birth_day, name, &birth_year) != 3) return PCLR_OK;
    const char *found = strstr(months, name);
    if (!found || (found - months) % 3 != 0) return PCLR_OK;
    double age = age_between(birth_year, (int)(found - months) / 3 + 1, birth_day, year, month, day);
    return age >= 0 ? record_set_age(r, age, error) : PCLR_OK;
}

static pclr_status build_record(pclr_record **record, const format_input *input, const edf_header *h, pclr_error *error)
{
    int64_t fastest = 0;
    size_t leads = 0, to = 0;

    for (size_t k = 0; k < h->signals; k++) {
        if (h->signal[k].millivolt > 0 && h->signal[k].samples > fastest) fastest = h->signal[k].samples;
    }
    for (size_t k = 0; k < h->signals; k++) leads += h->signal[k].millivolt > 0 && h->signal[k].samples == fastest;
    if (leads == 0 || fastest == 0) {
        return error_set(
            error, PCLR_E_DATA,
            "%s: no signal in a unit of voltage (first: %s in \"%s\"); expected mV, uV, V or nV; if it is blank, name it with --unit",
            input->path, h->signal[0].label, h->signal[0].unit);
    }
    TRY(format_new_record(record, input, (double)fastest / h->duration, leads, (uint64_t)(fastest * h->records), error));
    for (size_t k = 0; k < h->signals; k++) {
        const edf_signal *s = &h->signal[k];
        if (s->millivolt > 0 && s->samples == fastest) {
            record_set_channel(*record, to, s->label);
            copy_signal(input, h, s, (*record)->signal + to * (*record)->samples);
            to++;
        } else if (!strstr(s->label, "Annotations")) {
            TRY(record_warn(*record, error, "signal \"%s\" left out: %s", s->label,
                            s->millivolt > 0 ? "it is slower than the others" : "its unit is no voltage"));
        }
    }
    return read_patient(*record, h, error);
}

static pclr_status read_edf(pclr_record **record, const format_input *input, pclr_error *error)
{
    edf_header *h = NULL;

    if (input->size < 512)
        return error_set(error, PCLR_E_FORMAT, "%s: %zu bytes; expected at least 512 of an EDF header; it is cut off", input->path,
                         input->size);
    TRY(mem_alloc(&h, 1, sizeof *h, error));
    pclr_status status = parse_fixed_part(input, h, error);
    for (size_t k = 0; status == PCLR_OK && k < h->signals; k++) status = parse_signal(input, h, k, error);
    if (status == PCLR_OK) status = count_records(input, h, error);
    if (status == PCLR_OK) status = build_record(record, input, h, error);
    mem_free(h);
    return status;
}

static bool probe_edf(const format_input *input)
{
    return input->size >= 256 && (memcmp(input->data, "0       ", 8) == 0 || memcmp(input->data,
                                                                                    "\xff"
                                                                                    "BIOSEMI",
                                                                                    8) == 0);
}

const record_format record_format_edf = {"edf", ".edf .bdf .rec", probe_edf, read_edf, false, NULL, NULL};
