/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotation files in MIT format (annot(5)): 16-bit words, code in the top six bits, distance to the last mark in the low ten;
 * SKIP carries a 32-bit distance, NUM, SUB, CHN change fields of the mark before, AUX gives it a text.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/wfdb.h"

enum { CODE_NOTE = 22, CODE_SKIP = 59, CODE_NUM = 60, CODE_SUB = 61, CODE_CHN = 62, CODE_AUX = 63, CODE_LAST = 49 };

typedef struct mark_reader {
    const uint8_t *data;
    size_t size, at;
    int64_t time;
    int chan, num; /* stay until changed */
    double scale;  /* record samples a tick */
    size_t capacity;
    bool in_definitions;
    pclr_record *record;
    const char *path;
} mark_reader;

static uint32_t word16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* Notes at sample 0 that begin with "## " describe the file: its time resolution, names of own codes. They are no marks. */
static bool read_file_note(mark_reader *m, const char *aux, double frame_rate)
{
    static const char resolution[] = "## time resolution: ";
    double rate;

    if (strncmp(aux, resolution, sizeof resolution - 1) == 0) {
        const char *p = aux + sizeof resolution - 1;
        if (scan_double(&p, &rate) && rate > 0 && isfinite(rate)) m->scale *= frame_rate / rate;
        return true;
    }
    if (strncmp(aux, "## annotation type definitions", 30) == 0) m->in_definitions = true;
    bool consumed = m->in_definitions || strncmp(aux, "## ", 3) == 0;
    if (strncmp(aux, "## end of definitions", 21) == 0) m->in_definitions = false;
    return consumed;
}

/* The words after a mark that belong to it. */
static pclr_status read_fields(mark_reader *m, pclr_annotation *a, char *aux, size_t aux_size, pclr_error *error)
{
    aux[0] = '\0';
    while (m->at + 2 <= m->size) {
        uint32_t word = word16(m->data + m->at), code = word >> 10, value = word & 0x3ff;
        if (code == CODE_SUB) {
            a->subtype = (int8_t)value;
        } else if (code == CODE_CHN) {
            m->chan = a->chan = (uint8_t)value;
        } else if (code == CODE_NUM) {
            m->num = a->num = (int8_t)value;
        } else if (code == CODE_AUX) {
            size_t padded = value + (value & 1);
            if (m->at + 2 + value > m->size) {
                return error_set(error, PCLR_E_FORMAT, "%s: byte %zu: a text of %u bytes; %zu are left; the file is cut off", m->path,
                                 m->at, value, m->size - m->at - 2);
            }
            size_t n = value < aux_size - 1 ? value : aux_size - 1;
            memcpy(aux, m->data + m->at + 2, n);
            aux[n] = '\0';
            m->at += padded;
        } else {
            return PCLR_OK;
        }
        m->at += 2;
    }
    return PCLR_OK;
}

static pclr_status read_mark(mark_reader *m, int code, double frame_rate, pclr_error *error)
{
    pclr_annotation a = {.code = code, .chan = m->chan, .num = m->num};
    char aux[1024];

    TRY(read_fields(m, &a, aux, sizeof aux, error));
    if (code == CODE_NOTE && m->time == 0 && read_file_note(m, aux, frame_rate)) return PCLR_OK;
    int64_t sample = (int64_t)llround((double)m->time * m->scale);
    return record_add_annotation(m->record, &m->capacity, sample, code, a.subtype, a.chan, a.num, aux[0] ? aux : NULL, error);
}

/* AHA files consist of 16-byte entries that begin with a zero byte and a letter. */
static bool looks_like_aha(const uint8_t *data, size_t size)
{
    static const char letters[] = "NVFEPQORUB[]";

    if (size < 32 || size % 16 != 0) return false;
    for (size_t k = 0; k < size; k += 16) {
        if (data[k] != 0 || data[k + 1] == 0 || !strchr(letters, data[k + 1])) return false;
    }
    return true;
}

pclr_status wfdb_annotations_parse(pclr_record *record, const char *path, const uint8_t *data, size_t size, double frame_rate,
                                   pclr_error *error)
{
    mark_reader m = {
        .data = data, .size = size, .scale = record->rate / frame_rate, .record = record, .path = path, .capacity = record->annotations};

    if (looks_like_aha(data, size)) {
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: annotations in AHA format; expected MIT format; convert them with another tool",
                         path);
    }
    while (m.at + 2 <= size) {
        uint32_t word = word16(data + m.at);
        int code = (int)(word >> 10);
        if (word == 0) return PCLR_OK;
        m.at += 2;
        if (code == CODE_SKIP) {
            if (m.at + 4 > size) break;
            uint32_t high = word16(data + m.at), low = word16(data + m.at + 2);
            m.time += (int32_t)(high << 16 | low);
            m.at += 4;
            continue;
        }
        if (code > CODE_LAST) {
            return error_set(error, PCLR_E_FORMAT, "%s: byte %zu: code %d; expected 0 to %d; this is no annotation file", path, m.at - 2,
                             code, CODE_LAST);
        }
        m.time += word & 0x3ff;
        if (m.time > INT64_MAX / 4096 || m.time < INT64_MIN / 4096) break;
        if (code > 0) TRY(read_mark(&m, code, frame_rate, error)); /* code 0 only moves the time */
    }
    return PCLR_OK;
}

/* ---- writing ---- */

static void put_word(text *t, uint32_t word)
{
    const char bytes[2] = {(char)(word & 0xff), (char)(word >> 8 & 0xff)};
    text_add_bytes(t, bytes, 2);
}

static void put_time(text *t, int64_t step, int code)
{
    if (step >= 0 && step <= 0x3ff) {
        put_word(t, (uint32_t)code << 10 | (uint32_t)step);
        return;
    }
    for (; step > INT32_MAX; step -= INT32_MAX) {
        put_word(t, (uint32_t)CODE_SKIP << 10);
        put_word(t, (uint32_t)INT32_MAX >> 16);
        put_word(t, (uint32_t)INT32_MAX & 0xffff);
    }
    uint32_t value = (uint32_t)(int32_t)step;
    put_word(t, (uint32_t)CODE_SKIP << 10);
    put_word(t, value >> 16);
    put_word(t, value & 0xffff);
    put_word(t, (uint32_t)code << 10);
}

pclr_status wfdb_annotations_format(const pclr_annotation *annotation, size_t count, uint8_t **data, size_t *size, pclr_error *error)
{
    text t = {0};
    int64_t time = 0;
    int chan = 0, num = 0;

    for (size_t k = 0; k < count; k++) {
        const pclr_annotation *a = &annotation[k];
        if (a->code < 1 || a->code > CODE_LAST || a->sample < INT32_MIN || (k && a->sample < annotation[k - 1].sample)) {
            text_free(&t);
            return error_set(error, PCLR_E_ARGUMENT, "annotation %zu: code %d at sample %lld; expected codes 1 to %d in order of time", k,
                             a->code, (long long)a->sample, CODE_LAST);
        }
        put_time(&t, a->sample - time, a->code);
        time = a->sample;
        if (a->subtype) put_word(&t, (uint32_t)CODE_SUB << 10 | (uint8_t)a->subtype);
        if (a->chan != chan) put_word(&t, (uint32_t)CODE_CHN << 10 | (uint8_t)a->chan);
        if (a->num != num) put_word(&t, (uint32_t)CODE_NUM << 10 | (uint8_t)a->num);
        chan = a->chan;
        num = a->num;
        size_t n = a->aux ? strlen(a->aux) : 0;
        if (n > 255) n = 255;
        if (n > 0) {
            put_word(&t, (uint32_t)CODE_AUX << 10 | (uint32_t)n);
            text_add_bytes(&t, a->aux, n);
            if (n & 1) text_add_bytes(&t, "", 1);
        }
    }
    put_word(&t, 0);
    pclr_status status = text_ok(&t, error);
    *data = NULL;
    *size = t.length;
    if (status == PCLR_OK) status = mem_alloc(data, t.length, 1, error);
    if (status == PCLR_OK) memcpy(*data, t.data, t.length);
    text_free(&t);
    return status;
}
