/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudonyms: ids become keyed hashes and dates move by a number of days of the patient's own; who has the key file can repeat both,
 * nobody else can undo them.
 */
#ifndef PCLR_RECORD_DEIDENTIFY_H
#define PCLR_RECORD_DEIDENTIFY_H

#include "base/error.h"

enum { PSEUDONYM_SALT = 32, PSEUDONYM_SIZE = 17 /* 16 hex digits and a NUL */, DEIDENTIFY_AGE_MAX = 90 };

typedef struct pseudonyms {
    uint8_t salt[PSEUDONYM_SALT];
} pseudonyms;

/* Reads the key file, or makes it (random, readable by its owner alone) where it is not there. */
pclr_status pseudonyms_open(pseudonyms *p, const char *path, pclr_error *error);
/* kind keeps equal texts of different meaning apart: "record", "patient". An empty text stays empty. */
void pseudonym_make(const pseudonyms *p, const char *kind, const char *text, char out[PSEUDONYM_SIZE]);
/* Days by which the patient's dates move, -3650 to -366. */
int pseudonym_days(const pseudonyms *p, const char *patient);
/* "2020-03-01T10:00:00" moved by whole days; "" when it does not begin with a date. out[size], size >= 32. */
void date_shift(const char *time, int days, char *out, size_t size);
/* Ages beyond 89 become 90. */
float deidentify_age(float age);

#endif
