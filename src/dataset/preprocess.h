/* SPDX-License-Identifier: Apache-2.0 */
/* From stored or freshly read samples to a network's input: the same functions for training and prediction, parameters in the model file.
 */
#ifndef PCLR_DATASET_PREPROCESS_H
#define PCLR_DATASET_PREPROCESS_H

#include <physioclr.h>

typedef struct preprocess_spec {
    double rate;    /* Hz of the network input */
    double seconds; /* length of one input window; 0: the whole recording */
    int64_t leads;
    char lead_name[12][16];
    double high_pass, low_pass; /* Hz, zero-phase; 0: none */
    char normalize[16];         /* "none" (mV / scale), "lead" (z-score per lead and record), "record" (z-score per record) */
    double scale;               /* mV per unit of input for "none"; default 1 */
    double clip;                /* absolute limit after normalisation; 0: none */
} preprocess_spec;

pclr_status preprocess_to_json(const preprocess_spec *spec, char **json, pclr_error *error);
pclr_status preprocess_from_json(preprocess_spec *spec, const char *json, pclr_error *error);
/* Samples at spec->rate that a recording of `samples` at `rate` gives. */
int64_t preprocess_samples(const preprocess_spec *spec, int64_t samples, double rate);
/* Whole recording -> out[samples'][leads] float32 (samples' from preprocess_samples), missing samples 0 after normalisation.
 * A lead the record lacks is derived where possible, else PCLR_E_DATA names it; single-lead models take lead II, else I, else the first
 * lead. */
pclr_status preprocess_record(const preprocess_spec *spec, const pclr_record *record, float *out, pclr_error *error);
/* Window starts (in samples at spec->rate) that cover a recording of `samples`: evenly spread, at least one; count in *windows.
 * A recording shorter than the window gives one window at 0, padded with zeros by preprocess_window. */
pclr_status preprocess_windows(const preprocess_spec *spec, int64_t samples, int64_t **start, size_t *windows, pclr_error *error);
/* Copies one window [W][leads] out of a whole preprocessed recording, zero-padded beyond its end. */
void preprocess_window(const preprocess_spec *spec, const float *whole, int64_t samples, int64_t start, float *out);
int64_t preprocess_window_samples(const preprocess_spec *spec);

#endif
