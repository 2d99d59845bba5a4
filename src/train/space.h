/* SPDX-License-Identifier: Apache-2.0 */
/* The feature space of a run, fitted on its training records alone. */
#ifndef PCLR_TRAIN_SPACE_H
#define PCLR_TRAIN_SPACE_H

#include "physio/standardise.h"
#include "train/pool.h"

/* One row a segment (by_record false: pretraining) or one a record, its segments averaged (downstream). */
pclr_status space_fit(feature_space *space, const pool *p, const size_t *record, size_t records, bool by_record, const pclr_config *config,
                      pclr_error *error);
/* Standardised features of records, averaged over their segments: out[records][features], from mem_alloc. */
pclr_status space_records(const feature_space *space, const pool *p, const size_t *record, size_t records, float **out, pclr_error *error);

#endif
