/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file format = one file in this folder with one record_format, listed in table.c, which is the only place that names them all.
 * A reader is given the bytes of its main file in memory and opens others (a signal file, an annotation file) beside it by name.
 */
#ifndef PCLR_RECORD_FORMATS_FORMAT_H
#define PCLR_RECORD_FORMATS_FORMAT_H

#include "record/record.h"

typedef struct format_input {
    const char *path;    /* as the caller named it; for messages and for files beside it */
    const uint8_t *data; /* the whole file */
    size_t size;
    const char *member;               /* which recording of a file that holds several ("archive.hdf5#17"); NULL: none named */
    const pclr_read_options *options; /* never NULL */
} format_input;

typedef struct record_format {
    const char *name;       /* "wfdb", "edf": source_format of the record */
    const char *extensions; /* where folders are searched: ".hea .edf", lower case, separated by blanks */
    /* True when the content looks like this format; cheap, sees only the first bytes it needs. */
    bool (*probe)(const format_input *input);
    pclr_status (*read)(pclr_record **record, const format_input *input, pclr_error *error);
    bool reads_window; /* honours options->first and count itself; else the record is cut afterwards */
    /* Number of recordings in a file that may hold several; NULL: always one. */
    pclr_status (*members)(const format_input *input, char ***member, size_t *count, pclr_error *error);
    /* Why the probe does not accept a file that has this format's ending and no other's look; NULL: nothing to add. */
    pclr_status (*refuse)(const format_input *input, pclr_error *error);
} record_format;

/* The table, in the order of probing; ends with NULL. */
extern const record_format *const record_formats[];
/* The format whose probe accepts the input, or NULL. */
const record_format *record_format_find(const format_input *input);

#endif
