/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample formats of WFDB signal files (signal(5)). A file holds frames; a frame holds, for each of its signals in turn, that
 * signal's samples. Decoding goes in two steps: bytes -> a short run of raw samples in file order, raw samples -> each signal's sink.
 */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "base/memory.h"
#include "record/formats/wfdb.h"

/* The raw value that means "missing" in each format (WFDB_INVALID_SAMPLE); 8-bit differences have none. */
static bool missing_value(int format, int32_t *value)
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

/* Samples [index, index + n) of the signal, clipped to the sink's window. Loops without branches: the compiler takes several at a step. */
bool wfdb_sink_put(wfdb_sink *sink, int64_t index, const int32_t *raw, size_t n, int format)
{
    int32_t absent = 0;
    bool can_miss = missing_value(format, &absent);
    uint32_t sum = 0, missed = 0;

    for (size_t i = 0; i < n; i++) sum += (uint32_t)raw[i];
    sink->sum += sum;
    if (!sink->out) return false;
    int64_t begin = index < sink->first ? sink->first - index : 0;
    int64_t end = sink->first + sink->count - index;
    if (end > (int64_t)n) end = (int64_t)n;
    float *out = sink->out + (index - sink->first);
    double baseline = sink->baseline, scale = sink->scale;
    for (int64_t i = begin; i < end; i++) out[i] = (float)(((double)raw[i] - baseline) * scale);
    for (int64_t i = begin; i < end; i++) missed |= raw[i] == absent;
    if (!can_miss || !missed) return false;
    for (int64_t i = begin; i < end; i++) {
        if (raw[i] == absent) out[i] = NAN;
    }
    return true;
}

/* ---- bytes -> raw samples: n samples from sample number `first` of the file, whose bytes [size] are all there (checked before) ---- */

static int32_t sign_extend(uint32_t value, int bits)
{
    uint32_t sign = 1u << (bits - 1);
    return (int32_t)(((value & ((sign << 1) - 1)) ^ sign) - sign);
}

static uint32_t word16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static void decode_16(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 2 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int16_t)word16(data + 2 * i);
}

static void decode_61(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 2 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int16_t)((uint32_t)data[2 * i] << 8 | data[2 * i + 1]);
}

static void decode_160(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 2 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int32_t)word16(data + 2 * i) - 32768;
}

static void decode_80(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    for (size_t i = 0; i < n; i++) raw[i] = (int32_t)data[first + (int64_t)i] - 128;
}

static void decode_24(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 3 * first;
    for (size_t i = 0; i < n; i++) raw[i] = sign_extend(word16(data + 3 * i) | (uint32_t)data[3 * i + 2] << 16, 24);
}

static void decode_32(const uint8_t *data, int64_t first, size_t n, int32_t *raw)
{
    data += 4 * first;
    for (size_t i = 0; i < n; i++) raw[i] = (int32_t)(word16(data + 4 * i) | word16(data + 4 * i + 2) << 16);
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
            value = word16(p) >> 1;
        } else if (k % 3 == 1) {
            value = word16(p + 2) >> 1;
        } else {
            value = word16(p) >> 11 | (word16(p + 2) >> 11) << 5;
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
            value = word16(p);
        } else if (k % 3 == 1) {
            value = (uint32_t)p[1] >> 2 | (uint32_t)p[2] << 6;
        } else {
            value = (uint32_t)p[2] >> 4 | (uint32_t)p[3] << 4;
        }
        raw[i] = sign_extend(value, 10);
    }
}

typedef struct sample_format {
    int format;
    void (*decode)(const uint8_t *data, int64_t first, size_t n, int32_t *raw); /* NULL: needs what came before */
    int samples, bytes;                                                         /* a block of `samples` takes `bytes` */
    int partial[3];                                                             /* bytes of an unfinished block of 0, 1, 2 samples */
} sample_format;

static const sample_format formats[] = {
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

static const sample_format *find_format(int format)
{
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        if (formats[k].format == format) return &formats[k];
    }
    return NULL;
}

static bool is_flac(int format)
{
    return format == 508 || format == 516 || format == 524;
}

/* Samples that `size` bytes hold. */
static int64_t samples_in(const sample_format *f, int64_t size)
{
    int64_t samples = size / f->bytes * f->samples, rest = size % f->bytes;
    for (int k = f->samples - 1; k > 0; k--) {
        if (rest >= f->partial[k]) return samples + k;
    }
    return samples;
}

static int64_t frame_samples(const wfdb_group *g)
{
    int64_t total = 0;
    for (size_t k = 0; k < g->signals; k++) total += g->signal[k].per_frame;
    return total;
}

static pclr_status check_group(const wfdb_group *g, pclr_error *error)
{
    const wfdb_signal *s = g->signal;

    for (size_t k = 1; k < g->signals; k++) {
        if (s[k].format != s->format || s[k].offset != s->offset) {
            if (s[k].format == s->format && s[k].offset == 0) continue; /* only the first line need tell the offset */
            return error_set(error, PCLR_E_FORMAT,
                             "%s: signals %zu and %zu of one file differ in format or offset; expected the same; correct the header",
                             g->path, (size_t)0, k);
        }
    }
    if ((uint64_t)s->offset > g->size) {
        return error_set(error, PCLR_E_FORMAT, "%s: samples begin at byte %lld; the file has %zu; it is cut off or the offset is wrong",
                         g->path, (long long)s->offset, g->size);
    }
    return PCLR_OK;
}

pclr_status wfdb_group_frames(const wfdb_group *group, int64_t *frames, pclr_error *error)
{
    TRY(check_group(group, error));
    if (is_flac(group->signal->format)) {
        TRY(wfdb_flac_frames(group, frames, error));
        *frames /= group->signal->per_frame;
        return PCLR_OK;
    }
    const sample_format *f = find_format(group->signal->format);
    if (!f) return error_set(error, PCLR_E_UNSUPPORTED, "%s: signal format %d cannot be read", group->path, group->signal->format);
    *frames = samples_in(f, (int64_t)group->size - group->signal->offset) / frame_samples(group);
    return PCLR_OK;
}

enum { RUN = 8192 }; /* raw samples a run: 32 KB, stays in the first-level cache */

/* Samples of one signal, `per` a frame, side by side. */
static void gather(int32_t *restrict out, const int32_t *restrict raw, size_t frames, size_t per, size_t stride)
{
    if (per == 1) {
        for (size_t f = 0; f < frames; f++) out[f] = raw[f * stride];
        return;
    }
    for (size_t f = 0; f < frames; f++) memcpy(out + f * per, raw + f * stride, per * sizeof *raw);
}

/* Hands a run of whole frames to the sinks. scratch [RUN] holds one signal at a time. */
static bool deal_run(wfdb_group *g, const int32_t *raw, int64_t first_frame, size_t frames, size_t stride, int32_t *scratch)
{
    bool missing = false;
    size_t column = 0;

    for (size_t k = 0; k < g->signals; k++) {
        size_t per = (size_t)g->signal[k].per_frame;
        gather(scratch, raw + column, frames, per, stride);
        missing |= wfdb_sink_put(&g->sink[k], first_frame * (int64_t)per, scratch, frames * per, g->signal[k].format);
        column += per;
    }
    return missing;
}

#if defined(__x86_64__) || defined(__aarch64__)

typedef int16_t eight __attribute__((vector_size(16)));
typedef int32_t four __attribute__((vector_size(16)));
typedef int64_t two __attribute__((vector_size(16)));

/* Four signals in eight frames, the first at p[0], `stride` bytes a frame -> four rows of eight, `row` samples apart. */
static inline void turn_block(const uint8_t *p, size_t stride, int16_t *out, size_t row)
{
    four half[4], low, high;

    for (size_t k = 0; k < 4; k++, p += 2 * stride) {
        two a = {0}, b = {0};
        memcpy(&a, p, 8);
        memcpy(&b, p + stride, 8);
        half[k] = (four)__builtin_shufflevector((eight)a, (eight)b, 0, 8, 1, 9, 2, 10, 3, 11); /* frames 2k and 2k + 1 side by side */
    }
    for (size_t k = 0; k < 2; k++) { /* signals 2k and 2k + 1 */
        low = k ? __builtin_shufflevector(half[0], half[1], 2, 6, 3, 7) : __builtin_shufflevector(half[0], half[1], 0, 4, 1, 5);
        high = k ? __builtin_shufflevector(half[2], half[3], 2, 6, 3, 7) : __builtin_shufflevector(half[2], half[3], 0, 4, 1, 5);
        two first = __builtin_shufflevector((two)low, (two)high, 0, 2), second = __builtin_shufflevector((two)low, (two)high, 1, 3);
        memcpy(out + 2 * k * row, &first, sizeof first);
        memcpy(out + (2 * k + 1) * row, &second, sizeof second);
    }
}

/* Whole blocks of 4 signals x 8 frames; tells how many frames and signals they took. */
static void turn_blocks(const uint8_t *in, size_t frames, size_t signals, int16_t *out, size_t *frames_done, size_t *signals_done)
{
    *frames_done = frames / 8 * 8;
    *signals_done = signals / 4 * 4;
    for (size_t f = 0; f < *frames_done; f += 8) {
        for (size_t k = 0; k < *signals_done; k += 4) turn_block(in + 2 * (f * signals + k), 2 * signals, out + k * frames + f, frames);
    }
}

#else /* big-endian or unknown: sample by sample */

static void turn_blocks(const uint8_t *in, size_t frames, size_t signals, int16_t *out, size_t *frames_done, size_t *signals_done)
{
    (void)in, (void)frames, (void)signals, (void)out;
    *frames_done = *signals_done = 0;
}

#endif

/* in[frames][signals] of little-endian bytes -> out[signals][frames] */
static void turn_16(const uint8_t *in, size_t frames, size_t signals, int16_t *out)
{
    size_t frames_done, signals_done;

    turn_blocks(in, frames, signals, out, &frames_done, &signals_done);
    for (size_t f = 0; f < frames; f++) {
        for (size_t k = f < frames_done ? signals_done : 0; k < signals; k++)
            out[k * frames + f] = (int16_t)word16(in + 2 * (f * signals + k));
    }
}

/* out[n] in millivolts, the sum for the checksum, and whether a sample is missing: one pass over raw[n]. */
VECTOR_CLONES
static bool scale_16(const int16_t *restrict raw, size_t n, double baseline, double scale, float *restrict out, uint32_t *sum)
{
    int32_t total = 0, missed = 0; /* n is at most RUN */

    for (size_t i = 0; i < n; i++) {
        out[i] = (float)(((double)raw[i] - baseline) * scale);
        total += raw[i];
        missed |= raw[i] == INT16_MIN;
    }
    *sum += (uint32_t)total;
    return missed != 0;
}

/* Format 16, the usual one, with one sample of each signal a frame and all of them wanted, goes from the bytes to millivolts without a
 * stop at int32. data: of this run; scratch [signals][frames] */
static bool deal_16(wfdb_group *g, const uint8_t *data, int64_t first_frame, size_t frames, int16_t *restrict scratch)
{
    bool missing = false;

    turn_16(data, frames, g->signals, scratch);
    for (size_t k = 0; k < g->signals; k++) {
        wfdb_sink *sink = &g->sink[k];
        float *out = sink->out + (first_frame - sink->first);
        const int16_t *raw = scratch + k * frames;
        if (!scale_16(raw, frames, sink->baseline, sink->scale, out, &sink->sum)) continue;
        missing = true;
        for (size_t i = 0; i < frames; i++) {
            if (raw[i] == INT16_MIN) out[i] = NAN;
        }
    }
    return missing;
}

/* Do the frames [first, end) go to every sink whole, one sample of each signal a frame? */
static bool takes_all(const wfdb_group *g, int64_t first, int64_t end)
{
    for (size_t k = 0; k < g->signals; k++) {
        const wfdb_sink *s = &g->sink[k];
        if (g->signal[k].per_frame != 1 || !s->out || s->first > first || s->first + s->count < end) return false;
    }
    return true;
}

/* Format 8: every sample is a difference, so that reading starts at the file's first frame. */
static void decode_8(const wfdb_group *g, const uint8_t *data, size_t frames, int32_t *level, int32_t *raw)
{
    size_t i = 0;
    for (size_t f = 0; f < frames; f++) {
        for (size_t k = 0; k < g->signals; k++) {
            for (int64_t j = 0; j < g->signal[k].per_frame; j++, i++) {
                level[k] = (int32_t)((uint32_t)level[k] + (uint32_t)(int32_t)(int8_t)data[i]);
                raw[i] = level[k];
            }
        }
    }
}

static pclr_status read_plain(wfdb_group *g, int64_t first, int64_t frames, bool *missing, pclr_error *error)
{
    const sample_format *f = find_format(g->signal->format);
    const uint8_t *data = g->data + g->signal->offset;
    int64_t stride = frame_samples(g), end = first + frames;
    int64_t run = stride > RUN ? 1 : RUN / stride;
    int32_t *raw = NULL, *scratch = NULL, level[RECORD_LEADS_MAX] = {0};
    pclr_status status;

    TRY_GOTO(mem_alloc(&raw, (size_t)(run * stride), sizeof *raw, error));
    TRY_GOTO(mem_alloc(&scratch, (size_t)(run * stride), sizeof *scratch, error));
    for (size_t k = 0; k < g->signals; k++) level[k] = (int32_t)g->signal[k].initial;
    for (int64_t at = f->decode ? first : 0; at < end; at += run) {
        int64_t n = end - at < run ? end - at : run;
        if (f->decode) {
            f->decode(data, at * stride, (size_t)(n * stride), raw);
        } else {
            decode_8(g, data + at * stride, (size_t)n, level, raw);
        }
        *missing |= deal_run(g, raw, at, (size_t)n, (size_t)stride, scratch);
    }
    status = PCLR_OK;
done:
    mem_free(raw);
    mem_free(scratch);
    return status;
}

static pclr_status read_16(wfdb_group *g, int64_t first, int64_t frames, bool *missing, pclr_error *error)
{
    int64_t end = first + frames, run = RUN / (int64_t)g->signals;
    int16_t *scratch = NULL;

    TRY(mem_alloc(&scratch, (size_t)run * g->signals, sizeof *scratch, error));
    for (int64_t at = first; at < end; at += run) {
        int64_t n = end - at < run ? end - at : run;
        *missing |= deal_16(g, g->data + g->signal->offset + 2 * at * (int64_t)g->signals, at, (size_t)n, scratch);
    }
    mem_free(scratch);
    return PCLR_OK;
}

pclr_status wfdb_group_read(wfdb_group *group, int64_t first, int64_t frames, bool *missing, pclr_error *error)
{
    int64_t there;

    TRY(wfdb_group_frames(group, &there, error));
    if (there >= 0 && (first > there || frames > there - first)) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: holds %lld samples a signal; the header announces %lld; the file is cut off, get it again", group->path,
                         (long long)there, (long long)(first + frames));
    }
    if (is_flac(group->signal->format)) return wfdb_flac_read(group, first, frames, missing, error);
    if (group->signal->format == 16 && takes_all(group, first, first + frames)) return read_16(group, first, frames, missing, error);
    return read_plain(group, first, frames, missing, error);
}
