/* SPDX-License-Identifier: Apache-2.0 */
/* Files: reading whole, mapping, walking folders, and writing so that a file appears whole or not at all. */
#ifndef PCLR_BASE_FILE_H
#define PCLR_BASE_FILE_H

#include <stdio.h>

#include "base/error.h"

/* Reads at most `limit` bytes (0: 1 GiB); a larger file is PCLR_E_FORMAT. A NUL byte follows the content. *data from mem_alloc. */
pclr_status file_read(const char *path, size_t limit, char **data, size_t *size, pclr_error *error);

/* A read-only view of a file: a copy of a small one, a mapping of a large one. */
typedef struct file_map {
    const uint8_t *data;
    size_t size;
} file_map;
pclr_status file_map_open(file_map *map, const char *path, pclr_error *error);
void file_map_close(file_map *map);

/* Writing through a temporary name beside `path`, renamed by commit (fsync'd). abort (or commit failing) removes it. A device or a pipe is
 * written to as it is: renaming would put a file in its place. */
typedef struct file_out {
    FILE *stream;
    char *path, *temporary;
} file_out;
pclr_status file_out_open(file_out *out, const char *path, pclr_error *error);      /* "-" is standard output */
pclr_status file_out_commit(file_out *out, pclr_error *error);                       /* reports late write errors */
void file_out_abort(file_out *out);                                                  /* harmless after commit */
/* The whole of it at once. */
pclr_status file_write(const char *path, const void *data, size_t size, pclr_error *error);

bool file_exists(const char *path);
bool file_is_folder(const char *path);
bool file_is_special(const char *path); /* a device, a pipe, a socket */
int64_t file_size(const char *path); /* -1: none */
pclr_status file_make_folder(const char *path, pclr_error *error); /* with parents; existing is fine */
/* Name part after the last '/', as a pointer into `path`. */
const char *path_base(const char *path);
/* Extension with the dot, as a pointer into `path` ("" when none). */
const char *path_extension(const char *path);
/* "folder/name" from mem_alloc. */
pclr_status path_join(char **joined, const char *folder, const char *name, pclr_error *error);
/* Folder part of a path ("." when none), from mem_alloc. */
pclr_status path_folder(char **folder, const char *path, pclr_error *error);

/* All regular files under `folder` to the bottom, sorted by path; hidden names (".x") left out; symbolic loops are survived. */
typedef struct file_list {
    char **path;
    size_t count;
} file_list;
pclr_status file_list_folder(file_list *list, const char *folder, pclr_error *error);
void file_list_free(file_list *list);

#endif
