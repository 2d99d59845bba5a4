/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PCLR_RECORD_FORMATS_WFDB_SAMPLES_H
#define PCLR_RECORD_FORMATS_WFDB_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wfdb_sample_format {
    int format;
    /* n samples from sample number `first` of the file, whose bytes are all there (checked before); NULL: needs what came before */
    void (*decode)(const uint8_t *data, int64_t first, size_t n, int32_t *raw);
    int samples, bytes; /* a block of `samples` takes `bytes` */
    int partial[3];     /* bytes of an unfinished block of 0, 1, 2 samples */
} wfdb_sample_format;

const wfdb_sample_format *wfdb_sample_format_find(int format); /* NULL: unknown, or FLAC-coded */
int64_t wfdb_samples_in(const wfdb_sample_format *format, int64_t bytes);
/* The raw value that means "missing" in each format (WFDB_INVALID_SAMPLE); 8-bit differences have none. */
bool wfdb_missing_value(int format, int32_t *value);

#endif
