/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Philips Sierra ECG XML 1.03 and 1.04: one base64 block of int16, plain or XLI-compressed (a chunk a lead: LZW of ten-bit codes over
 * the high bytes followed by the low bytes of second differences). In XLI, III and the augmented leads hold what remains of the values
 * that Einthoven and Goldberger foretell.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"
#include "record/formats/xml.h"

enum { CODE_BITS = 10, CODES = 1 << CODE_BITS, SAMPLES_MAX = 1 << 22, LEADS_MAX = 16 };

/* ---- LZW ---- */

typedef struct lzw {
    uint16_t prefix[CODES];
    uint8_t last[CODES], first[CODES];
    uint16_t length[CODES];
} lzw;

/* Writes the string of a code to out (as far as it fits); returns its length. */
static size_t spell(const lzw *t, unsigned code, uint8_t *out, size_t room)
{
    size_t n = t->length[code], at = n;
    while (at > 0) {
        at--;
        if (at < room) out[at] = t->last[code];
        code = t->prefix[code];
    }
    return n;
}

/* Fills out[size]; true when enough codes were there. */
static bool lzw_decode(const uint8_t *data, size_t data_size, uint8_t *out, size_t size, size_t *written)
{
    lzw t = {0};
    unsigned next = 256, previous = CODES;
    size_t bit = 0;

    for (unsigned k = 0; k < 256; k++) t.last[k] = t.first[k] = (uint8_t)k, t.length[k] = 1;
    *written = 0;
    while (*written < size && bit + CODE_BITS <= 8 * data_size) {
        unsigned code = 0;
        for (int k = 0; k < CODE_BITS; k++, bit++) code = code << 1 | (data[bit / 8] >> (7 - bit % 8) & 1U);
        if (code > next || (code == next && previous == CODES)) return false;
        if (previous != CODES && next < CODES) {
            uint8_t begin = code < next ? t.first[code] : t.first[previous];
            t.prefix[next] = (uint16_t)previous;
            t.last[next] = begin;
            t.first[next] = t.first[previous];
            t.length[next] = (uint16_t)(t.length[previous] + 1);
            next++;
        }
        if (code >= next) return false;
        *written += spell(&t, code, out + *written, size - *written);
        previous = code;
    }
    if (*written > size) *written = size;
    return *written == size;
}

/* ---- XLI ---- */

/* Second differences, coded around 64: v[i] = 2 v[i-1] - v[i-2] - d[i-1] + 64. */
static void sum_differences(int16_t *v, size_t n, int16_t start)
{
    if (n < 2) return;
    int32_t before = v[0], now = v[1], last = start;
    for (size_t i = 2; i < n; i++) {
        int32_t value = 2 * now - before - last;
        last = (int32_t)v[i] - 64;
        v[i] = (int16_t)value;
        before = now;
        now = v[i];
    }
}

/* One chunk: int32 bytes, int16 unused, int16 first difference, codes. */
static bool decode_chunk(const uint8_t *chunk, size_t size, int16_t start, int16_t *out, size_t samples, uint8_t *scratch)
{
    size_t written = 0;
    if (!lzw_decode(chunk, size, scratch, 2 * samples, &written)) return false;
    for (size_t i = 0; i < samples; i++) out[i] = (int16_t)((uint16_t)scratch[i] << 8 | scratch[samples + i]);
    sum_differences(out, samples, start);
    return true;
}

/* The six limb leads from I, II and the remainders (integer halves as the device computes them). */
static void restore_limb_leads(int16_t *v, size_t n)
{
    int16_t *i1 = v, *i2 = v + n, *i3 = v + 2 * n, *r = v + 3 * n, *l = v + 4 * n, *f = v + 5 * n;
    for (size_t k = 0; k < n; k++) {
        i3[k] = (int16_t)(i2[k] - i1[k] - i3[k]);
        r[k] = (int16_t)(-r[k] - (i1[k] + i2[k]) / 2);
        l[k] = (int16_t)((i1[k] - i3[k]) / 2 - l[k]);
        f[k] = (int16_t)((i2[k] + i3[k]) / 2 - f[k]);
    }
}

static pclr_status decode_xli(const format_input *input, const uint8_t *data, size_t size, int16_t *out, size_t leads, size_t samples,
                              pclr_error *error)
{
    uint8_t *scratch = NULL;
    size_t at = 0;
    pclr_status status = PCLR_OK;

    TRY(mem_alloc(&scratch, 2 * samples, 1, error));
    for (size_t k = 0; status == PCLR_OK && k < leads; k++) {
        bool fits = size - at >= 8 && le_i32(data + at) >= 0 && le_u32(data + at) <= size - at - 8;
        if (!fits || !decode_chunk(data + at + 8, le_u32(data + at), le_i16(data + at + 6), out + k * samples, samples, scratch)) {
            status =
                error_set(error, PCLR_E_FORMAT, "%s: XLI chunk of lead %zu is damaged or short; expected %zu samples; get the file again",
                          input->path, k + 1, samples);
        } else {
            at += 8 + le_u32(data + at);
        }
    }
    mem_free(scratch);
    if (status == PCLR_OK && leads >= 6) restore_limb_leads(out, samples);
    return status;
}

/* ---- document ---- */

typedef struct sierra {
    double rate, microvolt, milliseconds;
    size_t leads, samples;
    char compress[16];
    char label[256];
    xmlNodePtr waveforms;
} sierra;

static pclr_status describe(const format_input *input, xmlNodePtr root, sierra *s, pclr_error *error)
{
    char type[64], version[16], word[32];
    double channels = 0;

    xml_text(xml_path(root, "documentinfo/documenttype"), type, sizeof type);
    xml_text(xml_path(root, "documentinfo/documentversion"), version, sizeof version);
    if (strcmp(type, "SierraECG") != 0 && strcmp(type, "PhilipsECG") != 0)
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: document type \"%s\"; expected SierraECG or PhilipsECG; export it as one of them",
                         input->path, type);
    if (strcmp(version, "1.03") != 0 && strncmp(version, "1.04", 4) != 0)
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: document version \"%s\"; expected 1.03 or 1.04; export it as one of them",
                         input->path, version);
    xmlNodePtr signal = xml_find(root, "signalcharacteristics");
    s->waveforms = xml_find(root, "parsedwaveforms");
    if (!signal || !s->waveforms)
        return error_set(error, PCLR_E_DATA,
                         "%s: no signalcharacteristics or parsedwaveforms; expected the waveforms; the document holds none", input->path);
    xml_text(xml_child(signal, "samplingrate"), word, sizeof word);
    if (!parse_double(word, &s->rate))
        return error_set(error, PCLR_E_FORMAT,
                         "%s: signalcharacteristics/samplingrate \"%s\"; expected the rate in Hz; the file is damaged", input->path, word);
    xmlNodePtr resolution = xml_child(signal, "signalresolution") ? xml_child(signal, "signalresolution") : xml_child(signal, "resolution");
    xml_text(resolution, word, sizeof word);
    if (!parse_double(word, &s->microvolt))
        return error_set(error, PCLR_E_FORMAT,
                         "%s: signalcharacteristics/signalresolution \"%s\"; expected microvolts a step; the file is damaged", input->path,
                         word);
    TRY(format_check_step(input->path, "signalresolution", s->microvolt, error));
    if (!xml_number(xml_child(signal, "numberchannelsvalid"), &channels) || channels < 1 || channels > LEADS_MAX) {
        return error_set(error, PCLR_E_FORMAT, "%s: signalcharacteristics/numberchannelsvalid: %g; expected 1 to %d; the file is damaged",
                         input->path, channels, LEADS_MAX);
    }
    xml_attribute(s->waveforms, "durationperchannel", word, sizeof word);
    if (!parse_double(word, &s->milliseconds) || !(s->milliseconds > 0))
        return error_set(error, PCLR_E_FORMAT, "%s: parsedwaveforms durationperchannel \"%s\"; expected milliseconds; the file is damaged",
                         input->path, word);
    double samples = s->milliseconds * s->rate / 1000;
    if (!(samples >= 1 && samples <= SAMPLES_MAX))
        return error_set(error, PCLR_E_FORMAT,
                         "%s: parsedwaveforms durationperchannel: %g samples a lead; expected 1 to %d; the file is damaged", input->path,
                         samples, SAMPLES_MAX);
    s->samples = (size_t)(samples + 0.5);
    s->leads = (size_t)channels;
    TRY(record_check_expansion(input->path, s->samples * s->leads, input->size, error));
    char flag[16];
    xml_attribute(s->waveforms, "compressflag", flag, sizeof flag);
    xml_attribute(s->waveforms, "compressmethod", s->compress, sizeof s->compress);
    if (text_compare_nocase(flag, "true") != 0) s->compress[0] = '\0';
    if (!s->compress[0]) xml_attribute(s->waveforms, "compression", s->compress, sizeof s->compress);
    if (strcmp(s->compress, "Uncompressed") == 0) s->compress[0] = '\0';
    xml_attribute(s->waveforms, "leadlabels", s->label, sizeof s->label);
    return PCLR_OK;
}

static pclr_status name_leads(pclr_record *r, const format_input *input, const sierra *s, pclr_error *error)
{
    char **name = NULL;
    size_t count = 0;

    TRY(text_split(s->label, ' ', &name, &count, error));
    size_t k = 0;
    for (size_t n = 0; n < count && k < r->leads; n++) {
        if (name[n][0]) record_set_channel(r, k++, name[n]);
    }
    mem_free(name);
    if (k == r->leads) return PCLR_OK;
    if (r->leads > PCLR_LEAD_STANDARD)
        return error_set(error, PCLR_E_DATA,
                         "%s: parsedwaveforms leadlabels: %zu leads but %zu labels; expected a label a lead; the file is damaged",
                         input->path, r->leads, k);
    for (k = 0; k < r->leads; k++)
        record_set_channel(r, k, pclr_lead_name((pclr_lead)k)); /* 1.03 has no labels: the order is the standard's */
    return PCLR_OK;
}

static pclr_status read_patient(pclr_record *r, xmlNodePtr root, pclr_error *error)
{
    xmlNodePtr patient = xml_find(root, "generalpatientdata");
    char word[128], date[32], time[32];
    double age;

    xml_text(xml_child(patient, "patientid"), word, sizeof word);
    if (!word[0]) xml_text(xml_path(patient, "UniquePatientID"), word, sizeof word);
    if (word[0]) TRY(mem_strdup(&r->patient, word, error));
    xml_text(xml_child(patient, "sex"), word, sizeof word);
    r->sex = sex_from_text(word);
    if (xml_number(xml_path(patient, "age/years"), &age)) TRY(record_set_age(r, age, error));
    xmlNodePtr acquisition = xml_find(root, "dataacquisition");
    xml_attribute(acquisition, "date", date, sizeof date);
    xml_attribute(acquisition, "time", time, sizeof time);
    return strlen(date) == 10 && strlen(time) >= 8 ? mem_printf(&r->start_time, error, "%sT%.8s", date, time) : PCLR_OK;
}

static pclr_status decode_waveforms(const format_input *input, const sierra *s, int16_t *raw, pclr_error *error)
{
    uint8_t *data = NULL;
    size_t size = 0, count = s->leads * s->samples;
    xmlChar *encoded = xmlNodeGetContent(s->waveforms);
    pclr_status status = base64_decode(input->path, encoded ? (const char *)encoded : "", 4 * count + 4096, &data, &size, error);

    xmlFree(encoded);
    if (status == PCLR_OK && strcmp(s->compress, "XLI") == 0) {
        status = decode_xli(input, data, size, raw, s->leads, s->samples, error);
    } else if (status == PCLR_OK && s->compress[0]) {
        status =
            error_set(error, PCLR_E_UNSUPPORTED, "%s: compression \"%s\"; expected XLI or none; export it so", input->path, s->compress);
    } else if (status == PCLR_OK && size < 2 * count) {
        status =
            error_set(error, PCLR_E_FORMAT, "%s: %zu bytes of samples; expected %zu; the file is cut off", input->path, size, 2 * count);
    } else if (status == PCLR_OK) {
        for (size_t k = 0; k < count; k++) raw[k] = le_i16(data + 2 * k);
    }
    mem_free(data);
    return status;
}

static pclr_status read_document(pclr_record **record, const format_input *input, xmlNodePtr root, pclr_error *error)
{
    sierra s = {0};
    int16_t *raw = NULL;

    TRY(describe(input, root, &s, error));
    TRY(format_new_record(record, input, s.rate, s.leads, s.samples, error));
    TRY(mem_alloc(&raw, s.leads * s.samples, sizeof *raw, error));
    pclr_status status = decode_waveforms(input, &s, raw, error);
    for (size_t k = 0; status == PCLR_OK && k < s.leads * s.samples; k++) (*record)->signal[k] = (float)(raw[k] * s.microvolt * 1e-3);
    mem_free(raw);
    if (status == PCLR_OK) status = name_leads(*record, input, &s, error);
    return status == PCLR_OK ? read_patient(*record, root, error) : status;
}

static pclr_status read_philips(pclr_record **record, const format_input *input, pclr_error *error)
{
    xmlDocPtr document;

    TRY(xml_open(&document, input, error));
    pclr_status status = read_document(record, input, xmlDocGetRootElement(document), error);
    xmlFreeDoc(document);
    return status;
}

static bool probe_philips(const format_input *input)
{
    return xml_begins_with(input, "restingecgdata");
}

const record_format record_format_philips = {"philips", ".xml", probe_philips, read_philips, false, NULL, NULL};
