/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the WFDB reader share: wfdb.c, from a header to a record; wfdb_files.c, its signal files; wfdb_segments.c. */
#ifndef PCLR_RECORD_FORMATS_WFDB_READ_H
#define PCLR_RECORD_FORMATS_WFDB_READ_H

#include "record/formats/format.h"
#include "record/formats/wfdb.h"

/* Values (1 MB as float) that a header is believed to announce without a look at the size of its files. */
enum { WFDB_VALUES_TRUSTED = 1 << 18 };

/* ---- wfdb_files.c ---- */

/* A part of one ordinary record, wanted in rows of a common rate. */
typedef struct wfdb_request {
    const char *path; /* of the header; for messages and to find the signal files */
    const wfdb_header *header;
    int64_t first, count; /* samples at `multiple` samples a frame */
    int64_t multiple;
    float **row;             /* [signals], each [count]; NULL: signal not wanted */
    const double *millivolt; /* [signals] mV per unit */
    bool strict, whole;      /* whole: every sample is read, checksums can be compared */
    pclr_record *record;     /* receives warnings */
    bool missing;            /* some sample is missing */
} wfdb_request;
pclr_status wfdb_request_read(wfdb_request *request, pclr_error *error);
/* Frames of an ordinary record whose header does not tell: what its shortest file holds. */
pclr_status wfdb_count_frames(const char *header_path, const wfdb_header *header, int64_t *frames, pclr_error *error);
/* "~": a signal or a segment without a file. */
bool wfdb_is_null_file(const char *name);

/* ---- wfdb.c ---- */

/* What is kept of the signals: those that measure a voltage. */
typedef struct wfdb_selection {
    size_t kept;
    size_t signal[RECORD_LEADS_MAX];    /* [kept] */
    double millivolt[RECORD_LEADS_MAX]; /* [signals] */
    int64_t multiple;                   /* samples a frame of the fastest kept signal */
} wfdb_selection;
pclr_status wfdb_select_signals(const char *path, const wfdb_header *header, const pclr_read_options *options, wfdb_selection *selection,
                                pclr_error *error);
/* A record of `samples` without signal: channels as the layout has them, comments, what was left out. */
pclr_status wfdb_make_record(pclr_record **record, const format_input *input, const wfdb_header *header, const wfdb_header *layout,
                             const wfdb_selection *selection, int64_t samples, pclr_error *error);
/* The window [first, first + count) of the options within `samples`. */
pclr_status wfdb_clip_window(const format_input *input, int64_t samples, int64_t *first, int64_t *count, pclr_error *error);

/* ---- wfdb_segments.c ---- */

/* A record made of others, one after another, with gaps between them. */
pclr_status wfdb_read_segments(pclr_record **record, const format_input *input, const wfdb_header *header, pclr_error *error);

#endif
