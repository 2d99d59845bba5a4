/* SPDX-License-Identifier: Apache-2.0 */
/* HDF5 with our errors: every call names the file and the object; the library's own messages are kept off stderr. */
#ifndef PCLR_DATASET_H5_H
#define PCLR_DATASET_H5_H

#include <hdf5.h>

#include "base/error.h"

/* Opens for reading with file locking off (network file systems refuse locks), or for changing. */
pclr_status h5_open(hid_t *file, const char *path, bool writable, pclr_error *error);
pclr_status h5_create(hid_t *file, const char *path, hid_t access, pclr_error *error); /* access: H5P_DEFAULT or a list */
/* Closing a file that was written tells late errors. */
pclr_status h5_close(hid_t *file, const char *path, pclr_error *error);
bool h5_has(hid_t file, const char *name); /* an object at an absolute path, its parents included */
pclr_status h5_make_group(hid_t file, const char *name, pclr_error *error);

/* Attributes of the object `name` ("/" for the root). */
pclr_status h5_set_text(hid_t file, const char *name, const char *attribute, const char *value, pclr_error *error);
pclr_status h5_set_number(hid_t file, const char *name, const char *attribute, double value, pclr_error *error);
pclr_status h5_set_texts(hid_t file, const char *name, const char *attribute, const char *const *values, size_t count, pclr_error *error);
pclr_status h5_get_text(hid_t file, const char *name, const char *attribute, char **value, pclr_error *error);
pclr_status h5_get_number(hid_t file, const char *name, const char *attribute, double *value, pclr_error *error);
pclr_status h5_get_texts(hid_t file, const char *name, const char *attribute, char ***values, size_t *count, pclr_error *error);
void h5_free_texts(char **values, size_t count);

/* A whole dataset of rank 1 or 2; `type` is the type in memory, also in the file when written. columns 0: rank 1. */
pclr_status h5_write(hid_t file, const char *name, hid_t type, size_t rows, size_t columns, const void *data, pclr_error *error);
pclr_status h5_shape(hid_t file, const char *name, size_t *rows, size_t *columns, pclr_error *error); /* columns 0: rank 1 */
/* Reads into data[rows * columns] elements of `type`; the shape must be what the file has. */
pclr_status h5_read(hid_t file, const char *name, hid_t type, size_t rows, size_t columns, void *data, pclr_error *error);
/* Text columns: fixed-length UTF-8 in the file; read as one block from mem_alloc with pointers into it. */
pclr_status h5_write_texts(hid_t file, const char *name, const char *const *values, size_t count, pclr_error *error);
pclr_status h5_read_texts(hid_t file, const char *name, size_t count, char **block, const char **values, pclr_error *error);
/* Names of the members of a group, in the order in which they were made; freed by h5_free_texts. */
pclr_status h5_members(hid_t file, const char *group, char ***names, size_t *count, pclr_error *error);

#endif
