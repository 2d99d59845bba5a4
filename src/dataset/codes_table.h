/* SPDX-License-Identifier: Apache-2.0 */
/* /codes of a dataset file: every code of diagnoses that was met. */
#ifndef PCLR_DATASET_CODES_TABLE_H
#define PCLR_DATASET_CODES_TABLE_H

#include "dataset/codes.h"
#include "dataset/h5.h"

/* Writes /codes/{code, name, class, known, records}, sorted by code; nothing where no code was met. book may be NULL. */
pclr_status codes_put(hid_t file, const code_book *book, pclr_error *error);
/* Bytes that it takes at most. */
int64_t codes_room(const code_book *book);

#endif
