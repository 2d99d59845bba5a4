/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers, the simulator and the dataset need of a record beyond the public part. */
#ifndef PCLR_RECORD_RECORD_H
#define PCLR_RECORD_RECORD_H

#include "base/error.h"

/* Most values (leads x samples) one record may have: 24 h of 12 leads at 1 kHz. A file that asks for more is refused. */
#define RECORD_VALUES_MAX ((uint64_t)1 << 30)
#define RECORD_LEADS_MAX 256

/* Checks counts that come from a file against the limits above; `place` names the file in the message. */
pclr_status record_check_size(const char *place, uint64_t leads, uint64_t samples, pclr_error *error);
/* A file of `bytes` cannot hold more values than its compression makes of them (zlib: 1032 bytes of one): more is refused before
 * memory is taken. */
pclr_status record_check_expansion(const char *place, uint64_t values, size_t bytes, pclr_error *error);
/* Sets the name of a channel as its file spells it, and the standard lead that it means. A second channel of the same standard
 * lead stays PCLR_LEAD_OTHER, so that a lead is never taken twice. */
void record_set_channel(pclr_record *record, size_t channel, const char *name);
/* Turns NaN (and infinite) samples into value 0 with validity 0; allocates `valid` only when there are any. */
pclr_status record_settle(pclr_record *record, pclr_error *error);
/* Adds a sentence to record->warning. */
pclr_status record_warn(pclr_record *record, pclr_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Appends an annotation; aux is copied (NULL: none). *capacity is the caller's count of allocated annotations, 0 at first. */
pclr_status record_add_annotation(pclr_record *record, size_t *capacity, int64_t sample, int code, int subtype, int chan, int num,
                                  const char *aux, pclr_error *error);
/* Replaces a text member. */
pclr_status record_set_text(char **member, const char *value, pclr_error *error);
/* Drops every channel whose keep[k] is false; the others move up. */
void record_drop_channels(pclr_record *record, const bool *keep);

/* Millivolt per unit: "mV", "uV", "V", "nV" in the spellings of files (any case, micro sign in UTF-8 or Latin-1). false: no voltage. */
bool unit_to_millivolt(const char *unit, double *millivolt);

/* A comment line (without '#') may tell age, sex, patient, diagnoses; what it tells is put into the record. */
pclr_status record_read_comment(pclr_record *record, const char *line, pclr_error *error);
/* Age in years, -1 where it is missing or beyond 130 (told as a warning; some archives write 300 for "over 89"). */
pclr_status record_set_age(pclr_record *record, double age, pclr_error *error);
/* "M", "male", "Female", "1"... as files spell it. */
pclr_sex sex_from_text(const char *spelling);

#endif
