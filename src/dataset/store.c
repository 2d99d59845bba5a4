/* SPDX-License-Identifier: Apache-2.0 */
/* The growing dataset file: samples leave in whole chunks as they come, rows and labels at the end; then the file gets its name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataset/h5.h"
#include "dataset/import.h"

enum { CHUNK_ROWS = 1 << 15 }; /* 65 s at 500 Hz, 768 KB of 12 leads */

struct store {
    char *path, *temporary;
    hid_t file, signal;
    convert_target target;
    int16_t *chunk;  /* [CHUNK_ROWS][leads] being filled */
    int64_t filled;  /* rows of it */
    int64_t written; /* rows in the file */
    store_row *row;
    size_t rows, row_capacity;
    arena *texts;
};

static pclr_status create_signal(store *s, pclr_error *error)
{
    hsize_t extent[2] = {0, s->target.leads}, most[2] = {H5S_UNLIMITED, s->target.leads}, chunk[2] = {CHUNK_ROWS, s->target.leads};
    const char *name[12];

    hid_t space = H5Screate_simple(2, extent, most), creation = H5Pcreate(H5P_DATASET_CREATE), access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
    H5Pset_chunk_cache(access, 1, 0, 1); /* chunks are written whole: no cache */
    s->signal = H5Dcreate2(s->file, "/signal", H5T_STD_I16LE, space, H5P_DEFAULT, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    H5Sclose(space);
    if (s->signal < 0) return error_set(error, PCLR_E_IO, "%s: HDF5 could not create /signal", s->temporary);
    for (size_t k = 0; k < s->target.leads; k++) name[k] = s->target.lead_name[k];
    TRY(h5_set_text(s->file, "/", "format", "physioclr-dataset", error));
    TRY(h5_set_number(s->file, "/", "version", 1, error));
    TRY(h5_set_number(s->file, "/", "sampling_rate", s->target.rate, error));
    TRY(h5_set_number(s->file, "/", "microvolt_per_unit", 1, error));
    return h5_set_texts(s->file, "/", "leads", name, s->target.leads, error);
}

pclr_status store_create(store **store_address, const char *path, const convert_target *target, pclr_error *error)
{
    store *s = NULL;
    pclr_status status;

    TRY(mem_alloc(&s, 1, sizeof *s, error));
    s->file = s->signal = -1;
    s->target = *target;
    TRY_GOTO(mem_strdup(&s->path, path, error));
    TRY_GOTO(mem_printf(&s->temporary, error, "%s.partial", path));
    TRY_GOTO(arena_create(&s->texts, error));
    TRY_GOTO(mem_alloc(&s->chunk, (size_t)CHUNK_ROWS * target->leads, sizeof *s->chunk, error));
    TRY_GOTO(h5_create(&s->file, s->temporary, error));
    TRY_GOTO(create_signal(s, error));
done:
    if (status != PCLR_OK) store_destroy(&s);
    *store_address = s;
    return status;
}

void store_destroy(store **store_address)
{
    if (!store_address || !*store_address) return;
    store *s = *store_address;
    if (s->signal >= 0) H5Dclose(s->signal);
    if (s->file >= 0) {
        H5Fclose(s->file);
        unlink(s->temporary); /* unfinished */
    }
    arena_destroy(&s->texts);
    mem_free(s->path);
    mem_free(s->temporary);
    mem_free(s->chunk);
    mem_free(s->row);
    mem_release(store_address);
}

size_t store_count(const store *s)
{
    return s->rows;
}

const store_row *store_get(const store *s, size_t index)
{
    return &s->row[index];
}

static pclr_status write_chunk(store *s, pclr_error *error)
{
    if (s->filled == 0) return PCLR_OK;
    hsize_t extent[2] = {(hsize_t)(s->written + s->filled), s->target.leads}, offset[2] = {(hsize_t)s->written, 0};
    size_t used = (size_t)s->filled * s->target.leads, all = (size_t)CHUNK_ROWS * s->target.leads;
    memset(s->chunk + used, 0, (all - used) * sizeof *s->chunk);
    herr_t result = H5Dset_extent(s->signal, extent);
    if (result >= 0) result = H5Dwrite_chunk(s->signal, H5P_DEFAULT, 0, offset, all * sizeof *s->chunk, s->chunk);
    if (result < 0) return error_set(error, PCLR_E_IO, "%s: HDF5 could not write the signal; is the disk full?", s->temporary);
    s->written += s->filled;
    s->filled = 0;
    return PCLR_OK;
}

static pclr_status append_samples(store *s, const int16_t *sample, int64_t rows, pclr_error *error)
{
    size_t leads = s->target.leads;
    while (rows > 0) {
        int64_t n = CHUNK_ROWS - s->filled < rows ? CHUNK_ROWS - s->filled : rows;
        memcpy(s->chunk + (size_t)s->filled * leads, sample, (size_t)n * leads * sizeof *sample);
        sample += (size_t)n * leads;
        s->filled += n;
        rows -= n;
        if (s->filled == CHUNK_ROWS) TRY(write_chunk(s, error));
    }
    return PCLR_OK;
}

pclr_status store_append(store *s, const stored_record *samples, const store_row *row, size_t *index, pclr_error *error)
{
    if (s->rows >= UINT32_MAX) return error_set(error, PCLR_E_DATA, "more than 4 billion records; expected fewer; import in parts");
    if (s->rows == s->row_capacity) {
        size_t larger = s->row_capacity ? 2 * s->row_capacity : 1024;
        TRY(mem_grow(&s->row, s->row_capacity, larger, sizeof *s->row, error));
        s->row_capacity = larger;
    }
    store_row *r = &s->row[s->rows];
    *r = *row;
    r->id = arena_strdup(s->texts, row->id);
    r->source =
        s->rows && strcmp(s->row[s->rows - 1].source, row->source) == 0 ? s->row[s->rows - 1].source : arena_strdup(s->texts, row->source);
    r->patient = arena_strdup(s->texts, row->patient ? row->patient : "");
    r->path = arena_strdup(s->texts, row->path);
    if (!r->id || !r->source || !r->patient || !r->path) return error_memory(error, 0);
    r->start = s->written + s->filled;
    r->length = samples->length;
    TRY(append_samples(s, samples->sample, samples->length, error));
    *index = s->rows++;
    return PCLR_OK;
}

/* ---- the end ---- */

/* One column of the rows, gathered: `offset` and `width` of the member in store_row. */
static pclr_status write_column(store *s, const char *name, hid_t type, size_t offset, size_t width, pclr_error *error)
{
    char *column = NULL;
    TRY(mem_alloc(&column, s->rows, width, error));
    for (size_t k = 0; k < s->rows; k++) memcpy(column + k * width, (const char *)&s->row[k] + offset, width);
    pclr_status status = h5_write(s->file, name, type, s->rows, 0, column, error);
    mem_free(column);
    return status;
}

static pclr_status write_text_column(store *s, const char *name, size_t offset, pclr_error *error)
{
    const char **column = NULL;
    TRY(mem_alloc(&column, s->rows, sizeof *column, error));
    for (size_t k = 0; k < s->rows; k++) memcpy(&column[k], (const char *)&s->row[k] + offset, sizeof *column);
    pclr_status status = h5_write_texts(s->file, name, column, s->rows, error);
    mem_free(column);
    return status;
}

#define COLUMN(member, type) TRY(write_column(s, "/records/" #member, type, offsetof(store_row, member), sizeof s->row->member, error))
#define TEXT_COLUMN(member) TRY(write_text_column(s, "/records/" #member, offsetof(store_row, member), error))

static pclr_status write_rows(store *s, pclr_error *error)
{
    TRY(h5_make_group(s->file, "/records", error));
    TEXT_COLUMN(id);
    TEXT_COLUMN(source);
    TEXT_COLUMN(patient);
    TEXT_COLUMN(path);
    COLUMN(start, H5T_NATIVE_INT64);
    COLUMN(length, H5T_NATIVE_INT64);
    COLUMN(source_rate, H5T_NATIVE_DOUBLE);
    COLUMN(age, H5T_NATIVE_FLOAT);
    COLUMN(sex, H5T_NATIVE_UINT8);
    COLUMN(lead_mask, H5T_NATIVE_UINT32);
    COLUMN(fold, H5T_NATIVE_INT32);
    COLUMN(hash, H5T_NATIVE_UINT64);
    return PCLR_OK;
}

static pclr_status write_labels(store *s, const label_set *labels, pclr_error *error)
{
    TRY(h5_make_group(s->file, "/labels", error));
    for (size_t k = 0; k < labels->tasks; k++) {
        const label_task *t = &labels->task[k];
        char *name = NULL;
        uint8_t *value = NULL;
        pclr_status status = mem_printf(&name, error, "/labels/%s", t->name);
        for (char *p = name ? name + strlen("/labels/") : NULL; p && *p; p++) {
            if (*p == '/') *p = '_'; /* a name in HDF5 has no slash */
        }
        if (status == PCLR_OK) status = mem_alloc(&value, s->rows * t->classes, 1, error);
        if (status == PCLR_OK) {
            labels_fill(t, s->rows, value);
            status = h5_write(s->file, name, H5T_NATIVE_UINT8, s->rows, t->classes, value, error);
        }
        if (status == PCLR_OK) status = h5_set_texts(s->file, name, "classes", (const char *const *)t->class_name, t->classes, error);
        mem_free(value);
        mem_free(name);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}

static pclr_status write_splits(store *s, const char *splits, uint64_t seed, pclr_error *error)
{
    split_rule *rule = NULL;
    char *memory = NULL, *name = NULL;
    uint8_t *value = NULL;
    size_t count = 0;
    pclr_status status;

    TRY_GOTO(h5_make_group(s->file, "/splits", error));
    TRY_GOTO(split_parse(splits, &rule, &count, &memory, error));
    TRY_GOTO(mem_alloc(&value, s->rows, 1, error));
    for (size_t k = 0; k < count; k++) {
        mem_release(&name);
        TRY_GOTO(mem_printf(&name, error, "/splits/%s", rule[k].name));
        TRY_GOTO(split_make(&rule[k], s, seed, value, error));
        TRY_GOTO(h5_write(s->file, name, H5T_NATIVE_UINT8, s->rows, 0, value, error));
    }
done:
    mem_free(rule);
    mem_free(memory);
    mem_free(name);
    mem_free(value);
    return status;
}

static pclr_status sync_and_rename(const store *s, pclr_error *error)
{
    int descriptor = open(s->temporary, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        int failed = fsync(descriptor);
        close(descriptor);
        if (failed) return error_io(error, s->temporary, "write", errno);
    }
    return rename(s->temporary, s->path) == 0 ? PCLR_OK : error_io(error, s->path, "rename", errno);
}

pclr_status store_finish(store *s, const label_set *labels, const char *splits, uint64_t seed, pclr_error *error)
{
    TRY(write_chunk(s, error));
    TRY(write_rows(s, error));
    TRY(write_labels(s, labels, error));
    TRY(write_splits(s, splits, seed, error));
    H5Dclose(s->signal);
    s->signal = -1;
    pclr_status status = h5_close(&s->file, s->temporary, error);
    if (status == PCLR_OK) status = sync_and_rename(s, error);
    if (status != PCLR_OK) unlink(s->temporary);
    return status;
}
