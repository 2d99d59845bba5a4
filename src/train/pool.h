/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a run: which of the dataset's records take part and in which role, their preprocessed signal (in memory when it
 * fits, else computed from the file when asked for), and their physiology.
 */
#ifndef PCLR_TRAIN_POOL_H
#define PCLR_TRAIN_POOL_H

#include "base/config.h"
#include "dataset/dataset.h"
#include "dataset/preprocess.h"

#define POOL_MAX_FEATURES 1024

typedef struct pool_record {
    size_t row;      /* in the dataset */
    int64_t patient; /* number of the patient: equal for records of one patient, and only for them */
    int64_t samples; /* at the input's rate */
    uint8_t part;    /* pclr_split */
    float *signal;   /* [samples][leads]; NULL: not in memory */
} pool_record;

typedef struct pool {
    pclr_dataset *dataset;
    preprocess_spec preprocess;
    pool_record *record;
    size_t records;
    size_t without_leads; /* records left out because they lack a lead of the input */
    size_t refused;       /* records that could not be preprocessed */
    bool has_physiology;
    dataset_physiology physiology;
    size_t *segment_begin; /* [dataset records + 1] into segment_order */
    size_t *segment_order; /* [segments] grouped by record, by start within it */
    char fingerprint[65];
} pool;

/* The input described by the "input.*" keys, leads from the dataset where the key is empty. */
pclr_status pool_input_from_config(preprocess_spec *spec, const pclr_config *config, const pclr_dataset *dataset, pclr_error *error);
/* Opens the dataset with every record that has the input's leads; all in part PCLR_SPLIT_NONE. needs_physiology: its absence is an error.
 */
pclr_status pool_open(pool *p, const char *dataset_path, const preprocess_spec *spec, const pclr_config *config, bool needs_physiology,
                      pclr_error *error);
void pool_close(pool *p);
/* Were the dataset's features computed by this program's extractor? Another's are refused; features that do not tell give a warning. */
pclr_status pool_check_extractor(const pool *p, const pclr_callbacks *callbacks, pclr_error *error);

/* Parts for pretraining: data.split or all records, data.exclude_source, a share of the patients held out where no validation part exists.
 */
pclr_status pool_split_pretraining(pool *p, const pclr_config *config, pclr_error *error);
/* Parts by a named split (NULL: the dataset's first). */
pclr_status pool_split_named(pool *p, const char *name, pclr_error *error);
/* Keeps the records whose part is not PCLR_SPLIT_NONE. */
void pool_drop_unused(pool *p);
/* Preprocesses the wanted records (NULL: all) into memory if data.memory allows. Those that cannot be are dropped and counted in
 * `refused`, which moves the indices of the others. */
pclr_status pool_load(pool *p, const uint8_t *wanted, const pclr_config *config, int threads, const pclr_callbacks *callbacks,
                      pclr_error *error);
/* Indices of the records of a part, from mem_alloc. */
pclr_status pool_part(const pool *p, pclr_split part, size_t **index, size_t *count, pclr_error *error);

/* Signal of record k: the one in memory, or one computed into *own (from mem_alloc; NULL where not needed). */
pclr_status pool_signal(const pool *p, size_t k, const float **signal, float **own, pclr_error *error);
/* Features of [start, start + length) at the input's rate: mean over the overlapping segments, weighted by overlap, of what is valid.
 * length 0: the whole record. value, valid: [features]. */
void pool_features(const pool *p, size_t k, int64_t start, int64_t length, float *value, uint8_t *valid);

#endif
