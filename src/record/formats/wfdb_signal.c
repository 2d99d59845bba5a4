/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WFDB signal files (signal(5)). A file holds frames; a frame holds, for each of its signals in turn, that signal's samples. Decoding goes
 * in two steps: bytes -> a short run of raw samples in file order (wfdb_samples.c), raw samples -> each signal's sink.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "record/formats/wfdb.h"
#include "record/formats/wfdb_samples.h"

/* Samples [index, index + n) of the signal, clipped to the sink's window. Loops without branches: the compiler takes several at a step. */
bool wfdb_sink_put(wfdb_sink *sink, int64_t index, const int32_t *raw, size_t n, int format)
{
    int32_t absent = 0;
    bool can_miss = wfdb_missing_value(format, &absent);
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

static bool is_flac(int format)
{
    return format == 508 || format == 516 || format == 524;
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
    const wfdb_sample_format *f = wfdb_sample_format_find(group->signal->format);
    if (!f) return error_set(error, PCLR_E_UNSUPPORTED, "%s: signal format %d cannot be read", group->path, group->signal->format);
    *frames = wfdb_samples_in(f, (int64_t)group->size - group->signal->offset) / frame_samples(group);
    return PCLR_OK;
}

/* Samples of one signal, `per` a frame, side by side. */
static void gather(int32_t *restrict out, const int32_t *restrict raw, size_t frames, size_t per, size_t stride)
{
    if (per == 1) {
        for (size_t f = 0; f < frames; f++) out[f] = raw[f * stride];
        return;
    }
    for (size_t f = 0; f < frames; f++) memcpy(out + f * per, raw + f * stride, per * sizeof *raw);
}

/* Hands a run of whole frames to the sinks. scratch [WFDB_RUN] holds one signal at a time. */
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
    const wfdb_sample_format *f = wfdb_sample_format_find(g->signal->format);
    const uint8_t *data = g->data + g->signal->offset;
    int64_t stride = frame_samples(g), end = first + frames;
    int64_t run = stride > WFDB_RUN ? 1 : WFDB_RUN / stride;
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
    if (wfdb_16_takes(group, first, first + frames)) return wfdb_16_read(group, first, frames, missing, error);
    return read_plain(group, first, frames, missing, error);
}
