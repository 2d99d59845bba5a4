/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/room.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dataset/codes_table.h"

/* Headers, B-trees and blocks that HDF5 keeps in hand, for each object of a file. */
enum { AN_OBJECT = 8192, SPARE = 1 << 18 };

static int64_t longer(int64_t width, const char *s)
{
    int64_t n = s ? (int64_t)strlen(s) + 1 : 1;
    return n > width ? n : width;
}

/* Texts are stored as wide as the longest. */
static int64_t room_of_texts(char *const *words, size_t count)
{
    int64_t width = 1;
    for (size_t k = 0; k < count; k++) width = longer(width, words[k]);
    return width * (int64_t)count;
}

static int64_t room_of_rows(const store *s)
{
    int64_t width[5] = {1, 1, 1, 1, 1}, rows = (int64_t)store_count(s), texts = 0;

    for (size_t k = 0; k < store_count(s); k++) {
        const store_row *r = store_get(s, k);
        const char *column[5] = {r->id, r->source, r->patient, r->path, r->time};
        for (int t = 0; t < 5; t++) width[t] = longer(width[t], column[t]);
    }
    for (int t = 0; t < 5; t++) texts += width[t];
    return rows * (texts + (int64_t)sizeof(store_row)) + 16 * AN_OBJECT;
}

int64_t room_of_tables(const store *s, const label_set *labels, const char *split_rules)
{
    int64_t rows = (int64_t)store_count(s), splits = 1, bytes = SPARE + room_of_rows(s);

    for (size_t k = 0; k < labels->tasks; k++) {
        const label_task *t = &labels->task[k];
        bytes += rows * (int64_t)t->classes + room_of_texts(t->class_name, t->classes) + AN_OBJECT;
    }
    const measure_set *m = labels->measures;
    if (m && m->columns) bytes += rows * (int64_t)(m->columns * sizeof(float)) + AN_OBJECT;
    if (m && m->columns) bytes += room_of_texts(m->name, m->columns) + room_of_texts(m->unit, m->columns);
    bytes += codes_room(labels->codes);
    for (const char *p = split_rules; p && *p; p++) splits += *p == ';';
    return bytes + splits * (rows + AN_OBJECT);
}

int64_t room_of_physiology(const dataset_physiology *p)
{
    const int64_t segment = 3 * (int64_t)sizeof(int64_t) + (int64_t)(p->features * sizeof(float)), name = 256;
    int64_t beats = p->beat_start[p->records];

    return (int64_t)p->segments * segment + beats * 5 * (int64_t)sizeof(float) + (int64_t)p->records * 16 + (int64_t)p->features * name +
           16 * AN_OBJECT + SPARE;
}

pclr_status room_reserve(const char *path, int64_t from, int64_t bytes, pclr_error *error)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return error_io(error, path, "open", errno);
    int failed = posix_fallocate(file, from, bytes);
    close(file);
    return failed == ENOSPC || failed == EFBIG || failed == EDQUOT ? error_io(error, path, "write", failed) : PCLR_OK;
}
