/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PCLR_TRAIN_PREDICTIONS_H
#define PCLR_TRAIN_PREDICTIONS_H

#include "train/pool.h"

/* FOLDER/FILE: record_id and a probability a class, as `physioclr predict` writes and `evaluate` reads them. record[records]: indices into
 * the pool; logit[records][classes], divided by the temperature. */
pclr_status predictions_write(const pool *p, const pclr_labels *labels, const size_t *record, size_t records, const double *logit,
                              double temperature, const char *folder, const char *file, pclr_error *error);

#endif
