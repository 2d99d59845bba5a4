/* SPDX-License-Identifier: Apache-2.0 */
/* ISHNE Holter files (Badilini, Ann. Noninvasive Electrocardiol. 3:263, 1998): a 512-byte header after magic and CRC, int16 samples. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"

enum { HEADER = 10, HEADER_END = 522, LEADS = 12 };

/* CRC-16/CCITT (polynomial 0x1021, start 0xffff) over header and variable block. */
static uint16_t crc16(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffff;
    for (size_t k = 0; k < size; k++) {
        crc ^= (uint32_t)data[k] << 8;
        for (int bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1 & 0xffff;
    }
    return (uint16_t)crc;
}

static const char *lead_name(int code)
{
    static const char *const name[] = {"unknown", "bipolar", "X",  "Y",  "Z",  "I",  "II", "III", "aVR", "aVL",
                                       "aVF",     "V1",      "V2", "V3", "V4", "V5", "V6", "ES",  "AS",  "AI"};
    return code >= 0 && code < (int)(sizeof name / sizeof *name) ? name[code] : "unknown";
}

static pclr_status read_patient(pclr_record *r, const uint8_t *d, pclr_error *error)
{
    char id[21];
    int day = le_i16(d + 138), month = le_i16(d + 140), year = le_i16(d + 142);

    memcpy(id, d + 108, 20);
    id[20] = '\0';
    if (id[0]) TRY(mem_strdup(&r->patient, id, error));
    r->sex = le_i16(d + 128) == 1 ? PCLR_SEX_MALE : le_i16(d + 128) == 2 ? PCLR_SEX_FEMALE : PCLR_SEX_UNKNOWN;
    double age = age_between(le_i16(d + 136), le_i16(d + 134), le_i16(d + 132), year, month, day);
    if (age >= 0) TRY(record_set_age(r, age, error));
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return PCLR_OK;
    return mem_printf(&r->start_time, error, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, le_i16(d + 150) % 24, le_i16(d + 152) % 60,
                      le_i16(d + 154) % 60);
}

static pclr_status read_ishne(pclr_record **record, const format_input *input, pclr_error *error)
{
    const uint8_t *d = input->data;

    if (input->size < HEADER_END)
        return error_set(error, PCLR_E_FORMAT, "%s: %zu bytes; expected a header of %d; it is cut off", input->path, input->size,
                         HEADER_END);
    int64_t variable = le_i32(d + 10), samples = le_i32(d + 14), offset = le_i32(d + 22);
    int leads = le_i16(d + 156), rate = le_i16(d + 272);
    if (leads < 1 || leads > LEADS)
        return error_set(error, PCLR_E_FORMAT, "%s: byte 156: %d leads; expected 1 to 12; the header is damaged", input->path, leads);
    if (rate < 1)
        return error_set(error, PCLR_E_FORMAT, "%s: byte 272: rate %d Hz; expected a positive number; the header is damaged", input->path,
                         rate);
    if (offset < HEADER_END || (uint64_t)offset > input->size || variable < 0 || samples < 1) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: %lld samples from byte %lld; expected at least one within the file's %zu bytes; the header is damaged",
                         input->path, (long long)samples, (long long)offset, input->size);
    }
    int64_t there = ((int64_t)input->size - offset) / (2 * leads);
    if (samples == there * leads) samples = there; /* some recorders count the values of all leads */
    if (samples > there) {
        return error_set(error, PCLR_E_FORMAT, "%s: holds %lld samples a lead; the header announces %lld; it is cut off, get it again",
                         input->path, (long long)there, (long long)samples);
    }
    TRY(format_new_record(record, input, rate, (uint64_t)leads, (uint64_t)samples, error));
    pclr_record *r = *record;
    for (int k = 0; k < leads; k++) {
        int nanovolt = le_i16(d + 206 + 2 * k);
        if (nanovolt < 1)
            return error_set(error, PCLR_E_FORMAT, "%s: lead %d: resolution %d nV; expected a positive number; the header is damaged",
                             input->path, k, nanovolt);
        record_set_channel(r, (size_t)k, lead_name(le_i16(d + 158 + 2 * k)));
        for (int64_t i = 0; i < samples; i++) {
            r->signal[k * samples + i] = (float)(le_i16(d + offset + 2 * (i * leads + k)) * (nanovolt * 1e-6));
        }
    }
    if (offset <= (int64_t)input->size && crc16(d + HEADER, (size_t)(offset - HEADER)) != le_u16(d + 8)) {
        if (input->options->strict)
            return error_set(
                error, PCLR_E_FORMAT,
                "%s: byte 8: checksum of the header is wrong; expected the one stored; the file is damaged, or read it without strict",
                input->path);
        TRY(record_warn(r, error, "the header's checksum is wrong"));
    }
    return read_patient(r, d, error);
}

static bool probe_ishne(const format_input *input)
{
    return input->size >= 10 && memcmp(input->data, "ISHNE1.0", 8) == 0;
}

const record_format record_format_ishne = {"ishne", ".ecg", probe_ishne, read_ishne, false, NULL, NULL};
