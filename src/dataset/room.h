/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on the disk for what HDF5 will write, taken before it writes: a write that fails within HDF5 leaves it unable to close the file,
 * and it brings the process down when it ends. HDF5 cuts the file to what it needs when it closes it.
 */
#ifndef PCLR_DATASET_ROOM_H
#define PCLR_DATASET_ROOM_H

#include "dataset/dataset.h"
#include "dataset/import.h"

/* Bytes of /records, /labels, /measurements and /splits, rather too many than too few. split_rules: as text, NULL none. */
int64_t room_of_tables(const store *s, const label_set *labels, const char *split_rules);
/* Bytes of /segments and /physiology. */
int64_t room_of_physiology(const dataset_physiology *p);
/* Makes sure that bytes [from, from + bytes) of an existing file can be written. */
pclr_status room_reserve(const char *path, int64_t from, int64_t bytes, pclr_error *error);

#endif
