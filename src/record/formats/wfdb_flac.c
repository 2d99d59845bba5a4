/* SPDX-License-Identifier: Apache-2.0 */
/* FLAC-coded signal files: formats 508 (8 bits), 516 (16) and 524 (24); a FLAC channel is a signal, at most eight a file. */
#include <FLAC/stream_decoder.h>
#include <string.h>

#include "base/memory.h"
#include "record/formats/wfdb.h"

typedef struct flac_state {
    wfdb_group *group;
    const uint8_t *data;
    size_t size, position;
    int64_t at, first, end; /* next sample, wanted window [first, end) in samples a signal */
    bool missing, wrong_shape, damaged;
    bool only_header;
    int64_t total; /* of STREAMINFO; 0: unknown */
    unsigned channels, bits;
} flac_state;

static FLAC__StreamDecoderReadStatus on_read(const FLAC__StreamDecoder *decoder, FLAC__byte buffer[], size_t *bytes, void *user)
{
    flac_state *s = user;
    size_t left = s->size - s->position;

    (void)decoder;
    if (left == 0) {
        *bytes = 0;
        return FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM;
    }
    if (*bytes > left) *bytes = left;
    memcpy(buffer, s->data + s->position, *bytes);
    s->position += *bytes;
    return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

static FLAC__StreamDecoderWriteStatus on_write(const FLAC__StreamDecoder *decoder, const FLAC__Frame *frame,
                                               const FLAC__int32 *const buffer[], void *user)
{
    flac_state *s = user;
    wfdb_group *g = s->group;
    int64_t n = frame->header.blocksize;

    (void)decoder;
    if (frame->header.channels != g->signals) {
        s->wrong_shape = true;
        return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    }
    int64_t begin = s->at < s->first ? s->first - s->at : 0;
    int64_t end = s->end - s->at < n ? s->end - s->at : n;
    for (size_t k = 0; k < g->signals && end > begin; k++) {
        s->missing |= wfdb_sink_put(&g->sink[k], s->at + begin, buffer[k] + begin, (size_t)(end - begin), g->signal[k].format);
    }
    s->at += n;
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

static void on_metadata(const FLAC__StreamDecoder *decoder, const FLAC__StreamMetadata *metadata, void *user)
{
    flac_state *s = user;

    (void)decoder;
    if (metadata->type != FLAC__METADATA_TYPE_STREAMINFO) return;
    s->total = (int64_t)metadata->data.stream_info.total_samples;
    s->channels = metadata->data.stream_info.channels;
    s->bits = metadata->data.stream_info.bits_per_sample;
}

static void on_error(const FLAC__StreamDecoder *decoder, FLAC__StreamDecoderErrorStatus status, void *user)
{
    (void)decoder;
    (void)status;
    ((flac_state *)user)->damaged = true;
}

static pclr_status check_shape(const flac_state *s, pclr_error *error)
{
    const wfdb_group *g = s->group;
    unsigned bits = g->signal->format == 508 ? 8 : g->signal->format == 516 ? 16 : 24;

    if (s->channels != g->signals || s->bits != bits) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: FLAC of %u channels with %u bits; the header tells %zu signals of format %d; they do not belong together",
                         g->path, s->channels, s->bits, g->signals, g->signal->format);
    }
    for (size_t k = 1; k < g->signals; k++) {
        if (g->signal[k].per_frame == g->signal->per_frame) continue;
        return error_set(error, PCLR_E_FORMAT, "%s: signals of different rates in one FLAC file; expected one rate; correct the header",
                         g->path);
    }
    return PCLR_OK;
}

static pclr_status run_decoder(flac_state *s, pclr_error *error)
{
    const char *path = s->group->path;
    FLAC__StreamDecoder *decoder = FLAC__stream_decoder_new();

    if (!decoder) return error_memory(error, 0);
    /* Every frame has its own CRC; the MD5 of the whole would cost as much as decoding, and the header's checksums are compared. */
    FLAC__stream_decoder_set_md5_checking(decoder, false);
    bool begun = FLAC__stream_decoder_init_stream(decoder, on_read, NULL, NULL, NULL, NULL, on_write, on_metadata, on_error, s) ==
                 FLAC__STREAM_DECODER_INIT_STATUS_OK;
    bool good = begun && FLAC__stream_decoder_process_until_end_of_metadata(decoder) && s->channels > 0 && !s->damaged;
    pclr_status status =
        good ? check_shape(s, error)
             : error_set(error, PCLR_E_FORMAT, "%s: no FLAC stream found; expected one (format 508, 516, 524); get the file again", path);
    while (status == PCLR_OK && !s->only_header && s->at < s->end) {
        int64_t before = s->at;
        if (!FLAC__stream_decoder_process_single(decoder) || s->damaged || s->wrong_shape ||
            (s->at == before && FLAC__stream_decoder_get_state(decoder) == FLAC__STREAM_DECODER_END_OF_STREAM)) {
            status = error_set(error, PCLR_E_FORMAT, "%s: the FLAC stream is damaged or cut off at sample %lld of %lld; get the file again",
                               path, (long long)s->at, (long long)s->end);
        }
    }
    FLAC__stream_decoder_delete(decoder);
    return status;
}

static flac_state begin(const wfdb_group *group)
{
    size_t offset = (size_t)group->signal->offset;
    return (flac_state){.data = group->data + offset, .size = group->size - offset};
}

pclr_status wfdb_flac_frames(const wfdb_group *group, int64_t *samples, pclr_error *error)
{
    wfdb_group copy = *group;
    flac_state s = begin(group);

    s.group = &copy;
    s.only_header = true;
    TRY(run_decoder(&s, error));
    /* A frame of at most 65535 samples takes more than 8 bytes: a length beyond that is a lie. */
    *samples = s.total;
    if (s.total <= 0) *samples = -1;
    if (s.total / 8192 > (int64_t)s.size) {
        return error_set(error, PCLR_E_FORMAT, "%s: FLAC header tells %lld samples in %zu bytes; that cannot be; the file is damaged",
                         group->path, (long long)s.total, s.size);
    }
    return PCLR_OK;
}

pclr_status wfdb_flac_read(wfdb_group *group, int64_t first, int64_t frames, bool *missing, pclr_error *error)
{
    flac_state s = begin(group);

    s.group = group;
    s.first = first * group->signal->per_frame;
    s.end = (first + frames) * group->signal->per_frame;
    TRY(run_decoder(&s, error));
    *missing |= s.missing;
    return PCLR_OK;
}
