/* SPDX-License-Identifier: Apache-2.0 */
/* How each sample format of WFDB signal files (signal(5)) lies in bytes: decoders to raw samples, and the table of them. FLAC: wfdb_flac.c.
 */
#include "record/formats/wfdb_samples.h"

#include "record/formats/bytes.h"

static int32_t sign_extend(uint32_t value, int bits)
{
    uint32_t sign = 1u << (bits - 1);
    return (int32_t)(((value & ((sign << 1) - 1)) ^ sign) - sign);
}

static void decode_16(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 2 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int16_t)le_u16(data + 2 * i);
}

static void decode_61(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 2 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int16_t)((uint32_t)data[2 * i] << 8 | data[2 * i + 1]);
}

static void decode_160(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 2 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int32_t)le_u16(data + 2 * i) - 32768;
}

static void decode_80(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    for (size_t i = 0; i < n; i++) raw[i] = (int32_t)data[first + (int64_t)i] - 128;
}

static void decode_24(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 3 * first;
    for (size_t i = 0; i < n; i++) raw[i] = sign_extend(le_u16(data + 3 * i) | (uint32_t)data[3 * i + 2] << 16, 24);
}

static void decode_32(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 4 * first;
    for (size_t i = 0; i < n; i++) raw[i] = le_i32(data + 4 * i);
}

/* Two 12-bit samples in three bytes: low byte of the first, high nibbles (first's low), low byte of the second. */
static void decode_212(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    for (size_t i = 0; i < n; i++) {
        int64_t k = first + (int64_t)i;
        const uint8_t *p = data + k / 2 * 3;
        uint32_t value = k % 2 ? (uint32_t)p[2] | (uint32_t)(p[1] & 0xf0) << 4 : (uint32_t)p[0] | (uint32_t)(p[1] & 0x0f) << 8;
        raw[i] = sign_extend(value, 12);
    }
}

/* Three 10-bit samples in two 16-bit words: bits 1-10 of each word, then the words' top five bits together (low ones first). */
static void decode_310(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    for (size_t i = 0; i < n; i++) {
        int64_t k = first + (int64_t)i;
        const uint8_t *p = data + k / 3 * 4;
        uint32_t value;
        if (k % 3 == 0) {
            value = le_u16(p) >> 1;
        } else if (k % 3 == 1) {
            value = le_u16(p + 2) >> 1;
        } else {
            value = (uint32_t)le_u16(p) >> 11 | ((uint32_t)le_u16(p + 2) >> 11) << 5;
        }
        raw[i] = sign_extend(value, 10);
    }
}

/* Three 10-bit samples in 32 bits, lowest first. */
static void decode_311(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    for (size_t i = 0; i < n; i++) {
        int64_t k = first + (int64_t)i;
        const uint8_t *p = data + k / 3 * 4;
        uint32_t value;
        if (k % 3 == 0) {
            value = le_u16(p);
        } else if (k % 3 == 1) {
            value = (uint32_t)p[1] >> 2 | (uint32_t)p[2] << 6;
        } else {
            value = (uint32_t)p[2] >> 4 | (uint32_t)p[3] << 4;
        }
        raw[i] = sign_extend(value, 10);
    }
}

static const wfdb_sample_format formats[] = {
    {8, NULL, 1, 1, {0}},
    {16, decode_16, 1, 2, {0}},
    {24, decode_24, 1, 3, {0}},
    {32, decode_32, 1, 4, {0}},
    {61, decode_61, 1, 2, {0}},
    {80, decode_80, 1, 1, {0}},
    {160, decode_160, 1, 2, {0}},
    {212, decode_212, 2, 3, {0, 2}},
    {310, decode_310, 3, 4, {0, 2, 4}},
    {311, decode_311, 3, 4, {0, 2, 3}},
};

const wfdb_sample_format *wfdb_sample_format_find(int format)
{
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        if (formats[k].format == format) return &formats[k];
    }
    return NULL;
}

int64_t wfdb_samples_in(const wfdb_sample_format *f, int64_t size)
{
    int64_t samples = size / f->bytes * f->samples, rest = size % f->bytes;
    for (int k = f->samples - 1; k > 0; k--) {
        if (rest >= f->partial[k]) return samples + k;
    }
    return samples;
}

bool wfdb_missing_value(int format, int32_t *value)
{
    switch (format) {
    case 80:
    case 508:
        *value = -128;
        return true;
    case 310:
    case 311:
        *value = -512;
        return true;
    case 212:
        *value = -2048;
        return true;
    case 16:
    case 61:
    case 160:
    case 516:
        *value = INT16_MIN;
        return true;
    case 24:
    case 524:
        *value = -(1 << 23);
        return true;
    case 32:
        *value = INT32_MIN;
        return true;
    default:
        return false;
    }
}
