/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCP-ECG (EN 1064, ISO 11073-91064): rhythm data of section 6, plain or Huffman-coded (section 2: the default table or the file's
 * own), with first or second differences, with the reference beat of section 5 taken away or not. Bimodal compression is refused by name.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"

enum { SECTIONS = 12, SECTION_HEADER = 16, LEADS_MAX = 64, CODES_MAX = 256, TABLES_MAX = 8 };

typedef struct part {
    const uint8_t *data; /* after the section's header */
    size_t size;
} part;

/* ---- Huffman tables: codes are stored with their first bit lowest ---- */

typedef struct huffman_code {
    unsigned prefix, total; /* bits; total > prefix: a signed number of total - prefix bits follows */
    bool switches;          /* to table number `value` */
    int value;
    uint32_t code;
} huffman_code;

typedef struct huffman_table {
    size_t codes;
    huffman_code code[CODES_MAX];
} huffman_table;

typedef struct scp {
    const format_input *input;
    part section[SECTIONS];
    size_t leads;
    uint32_t first[LEADS_MAX], last[LEADS_MAX];
    uint8_t lead_id[LEADS_MAX];
    bool reference; /* the reference beat was taken away */
    size_t tables;  /* 0: samples are plain int16 */
    huffman_table *table;
} scp;

/* EN 1064 table C.1: 0, then n and -n for 1..8, then 8 and 16 bits in full. */
static void default_table(huffman_table *t)
{
    t->codes = 0;
    t->code[t->codes++] = (huffman_code){1, 1, false, 0, 0};
    for (int n = 1; n <= 8; n++) {
        unsigned bits = (unsigned)n + 2;
        uint32_t ones = (1U << n) - 1; /* n ones, a zero, the sign */
        t->code[t->codes++] = (huffman_code){bits, bits, false, n, ones};
        t->code[t->codes++] = (huffman_code){bits, bits, false, -n, ones | 1U << (n + 1)};
    }
    t->code[t->codes++] = (huffman_code){10, 18, false, 0, 0x1ff};
    t->code[t->codes++] = (huffman_code){10, 26, false, 0, 0x3ff};
}

/* "FOUND; expected ...", printf style */
static pclr_status __attribute__((format(printf, 4, 5))) damaged(const scp *s, int section, pclr_error *error, const char *what, ...)
{
    char found[200];
    va_list arguments;

    va_start(arguments, what);
    vsnprintf(found, sizeof found, what, arguments);
    va_end(arguments);
    return error_set(error, PCLR_E_FORMAT, "%s: section %d: %s; the file is damaged", s->input->path, section, found);
}

static pclr_status read_tables(scp *s, pclr_error *error)
{
    part p = s->section[2];
    size_t at = 2;

    if (p.size < 2) return PCLR_OK;
    TRY(mem_alloc(&s->table, TABLES_MAX, sizeof *s->table, error));
    unsigned count = le_u16(p.data);
    if (count == 19999) {
        s->tables = 1;
        default_table(&s->table[0]);
        return PCLR_OK;
    }
    if (count < 1 || count > TABLES_MAX) return damaged(s, 2, error, "%u Huffman tables; expected 1 to %d", count, TABLES_MAX);
    for (s->tables = 0; s->tables < count; s->tables++) {
        huffman_table *t = &s->table[s->tables];
        if (at + 2 > p.size) return damaged(s, 2, error, "%zu Huffman tables in %zu bytes; expected %u", s->tables, p.size, count);
        t->codes = le_u16(p.data + at);
        at += 2;
        if (t->codes < 1 || t->codes > CODES_MAX || at + 9 * t->codes > p.size)
            return damaged(s, 2, error, "table %zu of %zu Huffman codes; expected 1 to %d within the section's %zu bytes", s->tables + 1,
                           t->codes, CODES_MAX, p.size);
        for (size_t k = 0; k < t->codes; k++, at += 9) {
            const uint8_t *d = p.data + at;
            t->code[k] = (huffman_code){d[0], d[1], d[2] == 0, le_i16(d + 3), le_u32(d + 5)};
            if (d[0] < 1 || d[0] > 32 || d[1] < d[0] || d[1] - d[0] > 16)
                return damaged(s, 2, error, "Huffman code %zu of %u bits with %u before it; expected 1 to 32 and at most 16 more", k + 1,
                               d[1], d[0]);
        }
    }
    return PCLR_OK;
}

typedef struct bit_reader {
    const uint8_t *data;
    size_t bits, at;
} bit_reader;

static bool next_bit(bit_reader *b, uint32_t *bit)
{
    if (b->at >= b->bits) return false;
    *bit = b->data[b->at / 8] >> (7 - b->at % 8) & 1U;
    b->at++;
    return true;
}

static const huffman_code *match_code(const huffman_table *t, bit_reader *b)
{
    uint32_t code = 0, bit;
    for (unsigned n = 1; n <= 32; n++) {
        if (!next_bit(b, &bit)) return NULL;
        code |= bit << (n - 1);
        for (size_t k = 0; k < t->codes; k++) {
            if (t->code[k].prefix == n && t->code[k].code == code) return &t->code[k];
        }
    }
    return NULL;
}

/* n values of one lead; false when the bits end early. */
static bool decode_values(const scp *s, const uint8_t *data, size_t size, int32_t *value, size_t n)
{
    bit_reader b = {data, 8 * size, 0};
    const huffman_table *table = s->table;

    if (s->tables == 0) {
        for (size_t k = 0; k < n && 2 * k + 2 <= size; k++) value[k] = le_i16(data + 2 * k);
        return 2 * n <= size;
    }
    for (size_t k = 0; k < n;) {
        const huffman_code *c = match_code(table, &b);
        if (!c) return false;
        if (c->switches) {
            if (c->value < 1 || (size_t)c->value > s->tables) return false;
            table = &s->table[c->value - 1];
            continue;
        }
        unsigned extra = c->total - c->prefix;
        uint32_t word = 0, bit;
        for (unsigned i = 0; i < extra; i++) {
            if (!next_bit(&b, &bit)) return false;
            word = word << 1 | bit;
        }
        value[k++] = extra ? (int32_t)(word ^ 1U << (extra - 1)) - (int32_t)(1U << (extra - 1)) : c->value;
    }
    return true;
}

static void sum_differences(int32_t *v, size_t n, int order)
{
    for (size_t k = 1; k < n && order == 1; k++) v[k] = (int32_t)((uint32_t)v[k] + (uint32_t)v[k - 1]);
    for (size_t k = 2; k < n && order == 2; k++) v[k] = (int32_t)((uint32_t)v[k] + 2U * (uint32_t)v[k - 1] - (uint32_t)v[k - 2]);
}

/* ---- sections ---- */

static pclr_status find_sections(scp *s, pclr_error *error)
{
    const uint8_t *d = s->input->data;
    size_t size = s->input->size, table_size = le_u32(d + 10);

    if (table_size < SECTION_HEADER + 120 || table_size > size - 6) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: section 0 has %zu bytes in a file of %zu; expected at least 136; the file does not follow the standard",
                         s->input->path, table_size, size);
    }
    for (size_t at = 6 + SECTION_HEADER; at + 10 <= 6 + table_size; at += 10) {
        unsigned id = le_u16(d + at);
        uint32_t length = le_u32(d + at + 2), index = le_u32(d + at + 6);
        if (length == 0 || id >= SECTIONS || id == 0) continue;
        if (length < SECTION_HEADER || index < 1 || index - 1 > size || length > size - (index - 1)) {
            return error_set(error, PCLR_E_FORMAT, "%s: section %u: bytes %u to %llu of %zu; the file is cut off", s->input->path, id,
                             index - 1, (unsigned long long)index - 1 + length, size);
        }
        s->section[id] = (part){d + index - 1 + SECTION_HEADER, length - SECTION_HEADER};
    }
    return PCLR_OK;
}

static pclr_status read_leads(scp *s, pclr_error *error)
{
    part p = s->section[3];

    if (p.size < 2) return damaged(s, 3, error, "%zu bytes of lead definitions; expected at least 11", p.size);
    s->leads = p.data[0];
    s->reference = p.data[1] & 1;
    if (s->leads < 1 || s->leads > LEADS_MAX || 2 + 9 * s->leads > p.size)
        return damaged(s, 3, error, "%zu leads in %zu bytes; expected 1 to %d, nine bytes each", s->leads, p.size, LEADS_MAX);
    for (size_t k = 0; k < s->leads; k++) {
        const uint8_t *d = p.data + 2 + 9 * k;
        s->first[k] = le_u32(d);
        s->last[k] = le_u32(d + 4);
        s->lead_id[k] = d[8];
        if (s->last[k] < s->first[k] || s->first[k] != s->first[0])
            return damaged(s, 3, error, "lead %zu from sample %u to %u; expected from %u on, as the first", k + 1, s->first[k], s->last[k],
                           s->first[0]);
    }
    return PCLR_OK;
}

static const char *lead_name(uint8_t id, char *other, size_t size)
{
    static const char *const chest[] = {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"};
    static const char *const limb[] = {"III", "aVR", "aVL", "aVF"};
    if (id >= 1 && id <= 8) return chest[id - 1];
    if (id >= 61 && id <= 64) return limb[id - 61];
    snprintf(other, size, "SCP lead %u", id);
    return other;
}

/* Head of sections 5 and 6: nanovolts a step, microseconds a sample, order of differences, flag, bytes a lead. */
typedef struct block {
    double nanovolt, microseconds;
    int differences;
    unsigned bimodal;
    const uint8_t *lead[LEADS_MAX];
    size_t bytes[LEADS_MAX];
} block;

static pclr_status open_block(const scp *s, int section, block *b, pclr_error *error)
{
    part p = s->section[section];
    size_t at = 6 + 2 * s->leads;

    if (p.size < at) return damaged(s, section, error, "%zu bytes; expected a head of %zu", p.size, at);
    b->nanovolt = le_u16(p.data);
    b->microseconds = le_u16(p.data + 2);
    b->differences = p.data[4];
    b->bimodal = p.data[5];
    if (b->nanovolt <= 0 || b->microseconds <= 0 || b->differences > 2)
        return damaged(s, section, error, "%g nV a step, %g us a sample, differences of order %d; expected above 0, above 0, 0 to 2",
                       b->nanovolt, b->microseconds, b->differences);
    for (size_t k = 0; k < s->leads; k++) {
        b->bytes[k] = le_u16(p.data + 6 + 2 * k);
        b->lead[k] = p.data + at;
        if (b->bytes[k] > p.size - at)
            return damaged(s, section, error, "lead %zu of %zu bytes; expected at most the %zu that are left", k + 1, b->bytes[k],
                           p.size - at);
        at += b->bytes[k];
    }
    return PCLR_OK;
}

/* Adds the reference beat back at every beat of type 0 (section 4 tells where). */
static pclr_status add_reference(const scp *s, const block *rhythm, size_t lead, int32_t *value, size_t n, pclr_error *error)
{
    part p = s->section[4];
    block beat;
    int32_t *reference = NULL;

    if (p.size < 6) return damaged(s, 4, error, "%zu bytes; expected the places of beats, the reference beat was taken away", p.size);
    TRY(open_block(s, 5, &beat, error));
    size_t length = (size_t)(le_u16(p.data) * 1000.0 / beat.microseconds), beats = le_u16(p.data + 4);
    int64_t centre = le_u16(p.data + 2);
    if (length < 1 || length > 1 << 16 || beats > (p.size - 6) / 14)
        return damaged(s, 4, error, "reference beat of %zu samples, %zu beats in %zu bytes; expected 1 to 65536, 14 bytes a beat", length,
                       beats, p.size);
    if (beat.microseconds != rhythm->microseconds) {
        return error_set(error, PCLR_E_UNSUPPORTED,
                         "%s: reference beat and rhythm have different sample times (%g and %g us); expected one; export the recording "
                         "without compression",
                         s->input->path, beat.microseconds, rhythm->microseconds);
    }
    TRY(mem_alloc(&reference, length, sizeof *reference, error));
    pclr_status status = decode_values(s, beat.lead[lead], beat.bytes[lead], reference, length)
                             ? PCLR_OK
                             : damaged(s, 5, error, "lead %zu of the reference beat ends early; expected %zu samples", lead + 1, length);
    if (status == PCLR_OK) sum_differences(reference, length, beat.differences);
    for (size_t k = 0; status == PCLR_OK && k < beats; k++) {
        const uint8_t *d = p.data + 6 + 14 * k;
        int64_t begin = le_u32(d + 2), peak = le_u32(d + 6), end = le_u32(d + 10);
        if (le_u16(d) != 0) continue;
        for (int64_t i = begin; i <= end && end <= (int64_t)n; i++) {
            int64_t r = i - peak + centre - 1;
            if (i >= 1 && r >= 0 && r < (int64_t)length) value[i - 1] += (int32_t)lrint(reference[r] * beat.nanovolt / rhythm->nanovolt);
        }
    }
    mem_free(reference);
    return status;
}

static pclr_status read_rhythm(pclr_record **record, scp *s, pclr_error *error)
{
    block b;
    int32_t *value = NULL;
    char other[32];
    pclr_status status = PCLR_OK;

    TRY(open_block(s, 6, &b, error));
    if (b.bimodal)
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: section 6: bimodal compression; expected none; export the recording without it",
                         s->input->path);
    uint32_t announced = s->last[0] - s->first[0] + 1;
    size_t samples = announced;
    for (size_t k = 0; s->tables == 0 && k < s->leads; k++) {
        if (b.bytes[k] / 2 < samples) samples = b.bytes[k] / 2;
    }
    /* A Huffman code has at least one bit. */
    for (size_t k = 0; k < s->leads; k++) {
        if (s->tables && samples > 8 * b.bytes[k])
            return damaged(s, 6, error, "lead %zu: %zu samples in %zu bytes; expected at least a bit a sample", k + 1, samples, b.bytes[k]);
    }
    TRY(format_new_record(record, s->input, round(1e9 / b.microseconds) / 1e3, s->leads, samples, error));
    TRY(mem_alloc(&value, samples, sizeof *value, error));
    for (size_t k = 0; status == PCLR_OK && k < s->leads; k++) {
        if (!decode_values(s, b.lead[k], b.bytes[k], value, samples)) {
            status = damaged(s, 6, error, "lead %zu ends early or holds an unknown code; expected %zu samples", k + 1, samples);
            break;
        }
        sum_differences(value, samples, b.differences);
        if (s->reference) status = add_reference(s, &b, k, value, samples, error);
        for (size_t i = 0; i < samples; i++) (*record)->signal[k * samples + i] = (float)(value[i] * (b.nanovolt * 1e-6));
        record_set_channel(*record, k, lead_name(s->lead_id[k], other, sizeof other));
    }
    mem_free(value);
    if (status == PCLR_OK && samples < announced) {
        status = record_warn(*record, error, "%u samples announced, %zu stored (lengths of leads have 16 bits in this format)", announced,
                             samples);
    }
    return status;
}

/* ---- section 1: tag, length, value ---- */

static pclr_status read_patient(pclr_record *r, const scp *s, pclr_error *error)
{
    part p = s->section[1];
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

    for (size_t at = 0; at + 3 <= p.size && p.data[at] != 255;) {
        uint8_t tag = p.data[at];
        size_t length = le_u16(p.data + at + 1);
        const uint8_t *v = p.data + at + 3;
        if (length > p.size - at - 3) break;
        if (tag == 2 && length > 1 && !r->patient) TRY(mem_strndup(&r->patient, (const char *)v, length, error));
        if (tag == 4 && length >= 3 && v[2] == 1) TRY(record_set_age(r, le_u16(v), error));
        if (tag == 8 && length >= 1) r->sex = v[0] == 1 ? PCLR_SEX_MALE : v[0] == 2 ? PCLR_SEX_FEMALE : PCLR_SEX_UNKNOWN;
        if (tag == 25 && length >= 4) year = le_u16(v), month = v[2], day = v[3];
        if (tag == 26 && length >= 3) hour = v[0], minute = v[1], second = v[2];
        at += 3 + length;
    }
    if (r->patient && !r->patient[0]) mem_release(&r->patient);
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return PCLR_OK;
    return mem_printf(&r->start_time, error, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, hour % 24, minute % 60, second % 60);
}

static pclr_status read_scp(pclr_record **record, const format_input *input, pclr_error *error)
{
    scp s = {.input = input};
    pclr_status status;

    TRY_GOTO(find_sections(&s, error));
    TRY_GOTO(read_leads(&s, error));
    TRY_GOTO(read_tables(&s, error));
    TRY_GOTO(read_rhythm(record, &s, error));
    TRY_GOTO(read_patient(*record, &s, error));
done:
    mem_free(s.table);
    return status;
}

/* CRC, file size, then section 0, which lists itself first. */
static bool probe_scp(const format_input *input)
{
    const uint8_t *d = input->data;
    if (input->size < 32 || le_u16(d + 8) != 0) return false;
    return memcmp(d + 16, "SCPECG", 6) == 0 ||
           (le_u16(d + 22) == 0 && le_u32(d + 24) == le_u32(d + 10) && le_u32(d + 28) <= 7 && le_u32(d + 10) >= 26);
}

const record_format record_format_scp = {"scp", ".scp", probe_scp, read_scp, false, NULL, NULL};
