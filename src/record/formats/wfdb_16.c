/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Format 16, the usual one, with one sample of each signal a frame and all of them wanted: from the bytes to millivolts without a stop at
 * int32. What it does not take, and every other format, goes through wfdb_signal.c.
 */
#include <math.h>
#include <string.h>

#include "base/clones.h"
#include "base/memory.h"
#include "record/formats/bytes.h"
#include "record/formats/wfdb.h"

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
            out[k * frames + f] = (int16_t)le_u16(in + 2 * (f * signals + k));
    }
}

/* out[n] in millivolts */
VECTOR_CLONES
static void scale_16(const int16_t *restrict raw, size_t n, double baseline, double scale, float *restrict out)
{
    for (size_t i = 0; i < n; i++) out[i] = (float)(((double)raw[i] - baseline) * scale);
}

/*
 * The same to the last bit, at twice the speed, where the scale is one over a number that float holds and the baseline is an integer.
 * Their difference d then has at most 18 bits, the divisor g 24: no d / g lies at the middle of two floats, and none nearer to it than
 * 2^-49 of itself, while the product of doubles is within 2^-52. Both are therefore rounded to the same float.
 */
static bool divides(const wfdb_sink *sink, float *divisor)
{
    *divisor = (float)(1 / sink->scale);
    return 1 / (double)*divisor == sink->scale && fabs(sink->baseline) <= 1 << 17 && sink->baseline == floor(sink->baseline);
}

VECTOR_CLONES
static void divide_16(const int16_t *restrict raw, size_t n, float baseline, float divisor, float *restrict out)
{
    for (size_t i = 0; i < n; i++) out[i] = ((float)raw[i] - baseline) / divisor;
}

/* Adds to the sum for the checksum; tells whether a sample is missing. n is at most WFDB_RUN. */
VECTOR_CLONES
static bool sum_16(const int16_t *restrict raw, size_t n, uint32_t *sum)
{
    int32_t total = 0;
    int16_t least = 0;

    for (size_t i = 0; i < n; i++) total += raw[i];
    for (size_t i = 0; i < n; i++) least = raw[i] < least ? raw[i] : least;
    *sum += (uint32_t)total;
    return least == INT16_MIN;
}

/* A run of whole frames, data: its bytes; scratch [signals][frames] */
static bool deal_16(wfdb_group *g, const uint8_t *data, int64_t first_frame, size_t frames, int16_t *restrict scratch)
{
    bool missing = false;

    turn_16(data, frames, g->signals, scratch);
    for (size_t k = 0; k < g->signals; k++) {
        wfdb_sink *sink = &g->sink[k];
        float *out = sink->out + (first_frame - sink->first);
        const int16_t *raw = scratch + k * frames;
        float divisor;
        if (divides(sink, &divisor)) {
            divide_16(raw, frames, (float)sink->baseline, divisor, out);
        } else {
            scale_16(raw, frames, sink->baseline, sink->scale, out);
        }
        if (!sum_16(raw, frames, &sink->sum)) continue;
        missing = true;
        for (size_t i = 0; i < frames; i++) {
            if (raw[i] == INT16_MIN) out[i] = NAN;
        }
    }
    return missing;
}

bool wfdb_16_takes(const wfdb_group *g, int64_t first, int64_t end)
{
    if (g->signal->format != 16) return false;
    for (size_t k = 0; k < g->signals; k++) {
        const wfdb_sink *s = &g->sink[k];
        if (g->signal[k].per_frame != 1 || !s->out || s->first > first || s->first + s->count < end) return false;
    }
    return true;
}

pclr_status wfdb_16_read(wfdb_group *g, int64_t first, int64_t frames, bool *missing, pclr_error *error)
{
    int64_t end = first + frames, run = WFDB_RUN / (int64_t)g->signals;
    int16_t *scratch = NULL;

    TRY(mem_alloc(&scratch, (size_t)run * g->signals, sizeof *scratch, error));
    for (int64_t at = first; at < end; at += run) {
        int64_t n = end - at < run ? end - at : run;
        *missing |= deal_16(g, g->data + g->signal->offset + 2 * at * (int64_t)g->signals, at, (size_t)n, scratch);
    }
    mem_free(scratch);
    return PCLR_OK;
}
