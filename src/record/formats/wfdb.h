/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WFDB records: a text header (.hea) and signal files (PhysioNet WFDB Applications Guide, header(5), signal(5), annot(5)).
 * wfdb_header.c reads the header, wfdb_signal.c (samples: wfdb_samples.c, wfdb_16.c) and wfdb_flac.c what signal files hold,
 * wfdb_annotation.c the marks, wfdb_write.c writes.
 */
#ifndef PCLR_RECORD_FORMATS_WFDB_H
#define PCLR_RECORD_FORMATS_WFDB_H

#include "record/record.h"

/* One signal line: FILE FORMAT[xSPF][:SKEW][+OFFSET] [GAIN[(BASELINE)][/UNIT] [BITS [ZERO [FIRST [CHECKSUM [BLOCK [NAME]]]]]]] */
typedef struct wfdb_signal {
    const char *file;
    int format;
    int64_t per_frame; /* samples of this signal a frame */
    int64_t skew;      /* frames by which it lags */
    int64_t offset;    /* bytes before its samples in the file */
    double gain;       /* steps per unit; never 0 */
    bool calibrated;   /* false: gain was 0 or absent, 200 is assumed */
    double baseline;   /* step that means 0 units */
    const char *unit;  /* "mV" where absent */
    int64_t initial;   /* value before the first difference (format 8) */
    bool has_checksum;
    int64_t checksum;
    const char *name;
} wfdb_signal;

typedef struct wfdb_segment {
    const char *name; /* "~": a gap */
    int64_t samples;  /* 0: a layout header */
} wfdb_segment;

/* Texts lie in `content`. */
typedef struct wfdb_header {
    char *content; /* the file, cut into words in place */
    const char *name;
    size_t signals;
    double rate;           /* frames per second */
    int64_t samples;       /* frames; -1: not told */
    char *start_time;      /* ISO 8601 or NULL */
    wfdb_signal *signal;   /* [signals]; NULL in a multi-segment header */
    wfdb_segment *segment; /* [segments] */
    size_t segments;       /* 0: an ordinary record */
    const char **comment;  /* [comments], without '#' */
    size_t comments;
} wfdb_header;

/* Reads a header out of memory; `path` is only for messages. strict refuses what the standard does not know. */
pclr_status wfdb_header_parse(wfdb_header *header, const char *path, const char *data, size_t size, bool strict, pclr_error *error);
void wfdb_header_free(wfdb_header *header);

/* Where a signal's samples go. Values leave as (raw - baseline) * scale; missing samples become NaN. */
typedef struct wfdb_sink {
    float *out;           /* [count], already NaN where nothing arrives */
    int64_t first, count; /* window of the signal's own samples that is wanted */
    double baseline, scale;
    uint32_t sum; /* of all raw samples that passed, for the checksum */
} wfdb_sink;

/*
 * One signal file: `data` [size] in memory holds `signals` signals side by side. Reads frames [first, first + frames) into the sinks
 * (a NULL `out` skips the signal). `missing` is set when a sample was marked as missing. PCLR_E_FORMAT when the file is too short.
 */
typedef struct wfdb_group {
    const char *path; /* for messages */
    const uint8_t *data;
    size_t size;
    const wfdb_signal *signal;
    size_t signals;
    wfdb_sink *sink;
} wfdb_group;
pclr_status wfdb_group_read(wfdb_group *group, int64_t first, int64_t frames, bool *missing, pclr_error *error);
/* Frames that the file holds, from its size or its FLAC header; -1: not known without decoding. */
pclr_status wfdb_group_frames(const wfdb_group *group, int64_t *frames, pclr_error *error);
/* The same two for the FLAC-coded formats 508, 516, 524. */
pclr_status wfdb_flac_read(wfdb_group *group, int64_t first, int64_t frames, bool *missing, pclr_error *error);
pclr_status wfdb_flac_frames(const wfdb_group *group, int64_t *samples, pclr_error *error);
enum { WFDB_RUN = 8192 }; /* raw samples that are worked on at a time: 32 KB, stays in the first-level cache */
/* Format 16 with one sample of each signal a frame and every sample wanted, the usual case, in a faster way. */
bool wfdb_16_takes(const wfdb_group *group, int64_t first, int64_t end);
pclr_status wfdb_16_read(wfdb_group *group, int64_t first, int64_t frames, bool *missing, pclr_error *error);
/* n raw samples of a signal, the first of which has index `index`. Returns whether one was missing. */
bool wfdb_sink_put(wfdb_sink *sink, int64_t index, const int32_t *raw, size_t n, int format);

/* Annotations of a file in memory are added to `record`, positions multiplied by `scale` (record samples per annotation tick unless
 * the file tells its own resolution). */
pclr_status wfdb_annotations_parse(pclr_record *record, const char *path, const uint8_t *data, size_t size, double frame_rate,
                                   pclr_error *error);
/* The bytes of an annotation file; data from mem_alloc. */
pclr_status wfdb_annotations_format(const pclr_annotation *annotation, size_t count, uint8_t **data, size_t *size, pclr_error *error);

#endif
