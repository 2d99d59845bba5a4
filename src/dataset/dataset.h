/* SPDX-License-Identifier: Apache-2.0 */
/* What other folders need of a dataset beyond the public part: physiology stored beside the signal. */
#ifndef PCLR_DATASET_DATASET_H
#define PCLR_DATASET_DATASET_H

#include <physioclr.h>

/* /segments and /physiology, whole in memory (a few hundred bytes a segment). Positions are samples from the record's start at the
 * dataset's rate. */
typedef struct dataset_physiology {
    char layout[32]; /* feature layout name */
    int extractor;   /* version of the program's marks and features that computed them; 0: the file does not tell */
    size_t segments, features, records;
    int64_t *segment_record;                     /* [segments] */
    int64_t *segment_start;                      /* [segments] within its record */
    int64_t *segment_length;                     /* [segments] */
    float *feature;                              /* [segments][features]; NaN = invalid (the file's convention) */
    int64_t *beat_start;                         /* [records + 1]: beats of record r are beat_start[r] .. beat_start[r + 1] - 1 */
    float *r_peak;                               /* [beats] */
    float *p_onset, *p_peak, *t_peak, *t_offset; /* [beats]; NaN where absent */
    float *quality;                              /* [records] */
} dataset_physiology;

pclr_status dataset_physiology_read(const pclr_dataset *dataset, dataset_physiology *out,
                                    pclr_error *error); /* PCLR_E_DATA when features were not computed: says to run `physioclr features` */
void dataset_physiology_free(dataset_physiology *p);
/* Replaces /segments and /physiology of a dataset file (names, units: [features]); the file stays whole if the process dies. */
pclr_status dataset_physiology_write(const char *dataset_path, const dataset_physiology *p, const char *const *names,
                                     const char *const *units, pclr_error *error);
/* The file it was opened from; owned by the dataset. */
const char *dataset_path(const pclr_dataset *dataset);
/* packed [record->samples][leads] uV -> the record's channels and signal in mV, one a bit of `mask`; missing samples become NaN, for
 * record_settle. The record has as many leads as the mask has bits. */
void dataset_unpack(const int16_t *packed, const char *const *lead_name, size_t leads, uint32_t mask, pclr_record *record);
/* SHA-256 (hex) of what a training run depends on: signal, rows, labels. hex[65]. */
pclr_status dataset_fingerprint(const pclr_dataset *dataset, char *hex, pclr_error *error);

#endif
