/* SPDX-License-Identifier: Apache-2.0 */
/* What several readers share. */
#ifndef PCLR_RECORD_FORMATS_COMMON_H
#define PCLR_RECORD_FORMATS_COMMON_H

#include "record/formats/format.h"

/* A record named after the file (or its member), sizes checked. */
pclr_status format_new_record(pclr_record **record, const format_input *input, double rate, uint64_t leads, uint64_t samples,
                              pclr_error *error);
/* A step of a converter must be a number other than 0. what: "lead V1" or the like, for the message. */
pclr_status format_check_step(const char *path, const char *what, double step, pclr_error *error);
/* Base64 text (blanks allowed) -> bytes from mem_alloc; at most `limit` bytes. */
pclr_status base64_decode(const char *path, const char *text, size_t limit, uint8_t **data, size_t *size, pclr_error *error);
/* Whole years between two dates; -1 when one is not known (year 0). */
double age_between(int birth_year, int birth_month, int birth_day, int year, int month, int day);

/*
 * An array of numbers that tells neither rate nor unit nor leads by itself: what is missing comes from the options, or the array is
 * refused with the option that would help.
 */
typedef struct array_source {
    const double *value; /* element (lead, sample) at value[lead * lead_stride + sample * sample_stride]; NaN missing */
    size_t leads, samples, lead_stride, sample_stride;
    double rate;             /* 0: not told */
    const char *unit;        /* NULL: not told */
    const char *const *name; /* [leads]; NULL: not told */
} array_source;
pclr_status array_to_record(pclr_record **record, const format_input *input, const array_source *array, pclr_error *error);

#endif
