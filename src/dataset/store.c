/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing dataset file. While an import runs, FILE.partial holds the samples alone, at the place where they lie in the finished
 * file; rows and labels are kept in memory. At the end HDF5 writes everything but the samples into a file of its own, FILE.frame, in
 * which the place of the samples is a hole; what lies before and behind the hole is copied around the samples. So the samples are
 * written once, /signal is one contiguous block, and a process that dies leaves samples that another can go on from.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "dataset/codes_table.h"
#include "dataset/import.h"
#include "dataset/physiology.h"
#include "dataset/room.h"

enum { ALIGNMENT = 4096 }; /* samples begin on a page, so that the block can be mapped */

struct store {
    char *path, *partial, *frame;
    int descriptor;     /* of the partial file */
    bool keep;          /* the partial file outlives the store */
    int64_t data_start; /* byte at which /signal begins */
    convert_target target;
    int64_t written; /* rows of samples in the file */
    int64_t flushed; /* byte up to which the disk was told to write */
    store_row *row;
    size_t rows, row_capacity;
    arena *texts;
};

/* ---- where the samples lie ---- */

/* Makes a file with an empty place for /signal [rows][leads] and tells where it begins. in_memory: nothing reaches the disk. */
static pclr_status make_frame(const char *path, int64_t rows, size_t leads, bool in_memory, int64_t *offset, pclr_error *error)
{
    hsize_t extent[2] = {(hsize_t)rows, leads};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), layout = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, extent, NULL);
    hid_t file = -1, set = -1;
    haddr_t place = HADDR_UNDEF;

    H5Pset_alignment(access, 1, ALIGNMENT);
    if (in_memory) H5Pset_fapl_core(access, 1 << 16, false);
    H5Pset_layout(layout, H5D_CONTIGUOUS);
    H5Pset_alloc_time(layout, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(layout, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(layout, false); /* the same archive gives the same bytes */
    pclr_status status = h5_create(&file, path, access, error);
    if (status == PCLR_OK) set = H5Dcreate2(file, "/signal", H5T_STD_I16LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
    if (set >= 0) {
        place = H5Dget_offset(set);
        H5Dclose(set);
    }
    H5Pclose(access);
    H5Pclose(layout);
    H5Sclose(space);
    if (status == PCLR_OK) status = h5_close(&file, path, error);
    if (status == PCLR_OK && place == HADDR_UNDEF) status = error_set(error, PCLR_E_IO, "%s: HDF5 could not create /signal", path);
    *offset = (int64_t)place;
    return status;
}

pclr_status store_create(store **store_address, const char *path, const convert_target *target, pclr_error *error)
{
    store *s = NULL;
    pclr_status status;

    if (file_is_special(path))
        return error_set(error, PCLR_E_ARGUMENT, "%s: a device or a pipe; expected the name of a file to make; choose another name", path);
    TRY(mem_alloc(&s, 1, sizeof *s, error));
    s->descriptor = -1;
    s->target = *target;
    TRY_GOTO(mem_strdup(&s->path, path, error));
    TRY_GOTO(mem_printf(&s->partial, error, "%s.partial", path));
    TRY_GOTO(mem_printf(&s->frame, error, "%s.frame", path));
    TRY_GOTO(arena_create(&s->texts, error));
    TRY_GOTO(make_frame(s->frame, 1, target->leads, true, &s->data_start, error));
    s->descriptor = open(s->partial, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->descriptor < 0) {
        status = error_io(error, s->partial, "create", errno);
    } else if (flock(s->descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        s->keep = true;
        status =
            error_set(error, PCLR_E_IO, "%s: another import is writing it; expected none; wait for it, or choose another name", s->partial);
    }
done:
    if (status != PCLR_OK) store_destroy(&s);
    *store_address = s;
    return status;
}

void store_keep(store *s, bool keep)
{
    s->keep = keep;
}

void store_destroy(store **store_address)
{
    if (!store_address || !*store_address) return;
    store *s = *store_address;
    if (s->descriptor >= 0) {
        close(s->descriptor);
        if (!s->keep) unlink(s->partial);
    }
    arena_destroy(&s->texts);
    mem_free(s->path);
    mem_free(s->partial);
    mem_free(s->frame);
    mem_free(s->row);
    mem_release(store_address);
}

int64_t store_data_start(const store *s)
{
    return s->data_start;
}

size_t store_count(const store *s)
{
    return s->rows;
}

const store_row *store_get(const store *s, size_t index)
{
    return &s->row[index];
}

static pclr_status write_bytes(const store *s, int64_t at, const void *data, size_t size, pclr_error *error)
{
    const char *p = data;
    while (size > 0) {
        ssize_t n = pwrite(s->descriptor, p, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_io(error, s->partial, "write", errno);
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return PCLR_OK;
}

static pclr_status read_bytes(int descriptor, const char *path, int64_t at, void *data, size_t size, pclr_error *error)
{
    char *p = data;
    while (size > 0) {
        ssize_t n = pread(descriptor, p, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_io(error, path, "read", errno);
        if (n == 0) return error_set(error, PCLR_E_FORMAT, "%s: ends at byte %lld; expected more", path, (long long)at);
        p += n;
        at += n;
        size -= (size_t)n;
    }
    return PCLR_OK;
}

static int64_t row_bytes(const store *s)
{
    return (int64_t)(s->target.leads * sizeof(int16_t));
}

pclr_status store_read(const store *s, int64_t row, int64_t rows, int16_t *out, pclr_error *error)
{
    return read_bytes(s->descriptor, s->partial, s->data_start + row * row_bytes(s), out, (size_t)(rows * row_bytes(s)), error);
}

/* The disk begins to write what has gathered, so that it is not left to the end. */
static void begin_flush(store *s)
{
    enum { FLUSH_BYTES = 32 << 20 };
    int64_t end = s->data_start + s->written * row_bytes(s);

    if (end - s->flushed < FLUSH_BYTES) return;
    sync_file_range(s->descriptor, (off_t)s->flushed, (off_t)(end - s->flushed), SYNC_FILE_RANGE_WRITE);
    s->flushed = end;
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
    r->time = arena_strdup(s->texts, row->time ? row->time : "");
    r->start = s->written;
    r->length = samples->length;
    if (!r->id || !r->source || !r->patient || !r->path || !r->time) return error_memory(error, 0);
    if (!samples->in_file) {
        TRY(write_bytes(s, s->data_start + s->written * row_bytes(s), samples->sample, (size_t)(samples->length * row_bytes(s)), error));
    }
    s->written += samples->length;
    begin_flush(s);
    *index = s->rows++;
    return PCLR_OK;
}

/* ---- the end ---- */

/* One column of the rows, gathered: `offset` and `width` of the member in store_row. */
static pclr_status write_column(const store *s, hid_t file, const char *name, hid_t type, size_t offset, size_t width, pclr_error *error)
{
    char *column = NULL;
    TRY(mem_alloc(&column, s->rows, width, error));
    for (size_t k = 0; k < s->rows; k++) memcpy(column + k * width, (const char *)&s->row[k] + offset, width);
    pclr_status status = h5_write(file, name, type, s->rows, 0, column, error);
    mem_free(column);
    return status;
}

static pclr_status write_text_column(const store *s, hid_t file, const char *name, size_t offset, pclr_error *error)
{
    const char **column = NULL;
    TRY(mem_alloc(&column, s->rows, sizeof *column, error));
    for (size_t k = 0; k < s->rows; k++) memcpy(&column[k], (const char *)&s->row[k] + offset, sizeof *column);
    pclr_status status = h5_write_texts(file, name, column, s->rows, error);
    mem_free(column);
    return status;
}

#define COLUMN(member, type)                                                                                                               \
    TRY(write_column(s, file, "/records/" #member, type, offsetof(store_row, member), sizeof s->row->member, error))
#define TEXT_COLUMN(member) TRY(write_text_column(s, file, "/records/" #member, offsetof(store_row, member), error))

static pclr_status write_rows(const store *s, hid_t file, pclr_error *error)
{
    TRY(h5_make_group(file, "/records", error));
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
    COLUMN(told_split, H5T_NATIVE_UINT8);
    TEXT_COLUMN(time);
    return PCLR_OK;
}

static pclr_status write_labels(const store *s, hid_t file, const label_set *labels, pclr_error *error)
{
    TRY(h5_make_group(file, "/labels", error));
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
            status = h5_write(file, name, H5T_NATIVE_UINT8, s->rows, t->classes, value, error);
        }
        if (status == PCLR_OK) status = h5_set_texts(file, name, "classes", (const char *const *)t->class_name, t->classes, error);
        mem_free(value);
        mem_free(name);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}

static pclr_status write_measures(const store *s, hid_t file, const measure_set *m, pclr_error *error)
{
    static const char name[] = "/measurements";

    if (!m || m->columns == 0) return PCLR_OK;
    TRY(h5_write(file, name, H5T_NATIVE_FLOAT, s->rows, m->columns, m->value, error));
    TRY(h5_set_texts(file, name, "names", (const char *const *)m->name, m->columns, error));
    return h5_set_texts(file, name, "units", (const char *const *)m->unit, m->columns, error);
}

static pclr_status write_splits(const store *s, hid_t file, const char *splits, uint64_t seed, pclr_error *error)
{
    split_rule *rule = NULL;
    char *memory = NULL, *name = NULL;
    uint8_t *value = NULL;
    size_t count = 0;
    pclr_status status;

    TRY_GOTO(h5_make_group(file, "/splits", error));
    TRY_GOTO(split_parse(splits, &rule, &count, &memory, error));
    TRY_GOTO(mem_alloc(&value, s->rows, 1, error));
    for (size_t k = 0; k < count; k++) {
        mem_release(&name);
        TRY_GOTO(mem_printf(&name, error, "/splits/%s", rule[k].name));
        TRY_GOTO(split_make(&rule[k], s, seed, value, error));
        TRY_GOTO(h5_write(file, name, H5T_NATIVE_UINT8, s->rows, 0, value, error));
    }
done:
    mem_free(rule);
    mem_free(memory);
    mem_free(name);
    mem_free(value);
    return status;
}

static pclr_status write_attributes(const store *s, hid_t file, const char *splits, uint64_t seed, pclr_error *error)
{
    const char *name[12];
    char number[24];

    for (size_t k = 0; k < s->target.leads; k++) name[k] = s->target.lead_name[k];
    snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
    TRY(h5_set_text(file, "/", "format", "physioclr-dataset", error));
    TRY(h5_set_number(file, "/", "version", 1, error));
    TRY(h5_set_number(file, "/", "sampling_rate", s->target.rate, error));
    TRY(h5_set_number(file, "/", "microvolt_per_unit", 1, error));
    TRY(h5_set_texts(file, "/", "leads", name, s->target.leads, error));
    TRY(h5_set_text(file, "/", "split_rules", splits ? splits : "", error));
    return h5_set_text(file, "/", "split_seed", number, error);
}

/* Copies bytes [from, end) of the frame to the same place around the samples. */
static pclr_status copy_part(const store *s, int frame, int64_t from, int64_t end, pclr_error *error)
{
    enum { STEP = 1 << 20 };
    char *buffer = NULL;
    pclr_status status;

    TRY_GOTO(mem_alloc(&buffer, STEP, 1, error));
    for (int64_t at = from; at < end; at += STEP) {
        size_t n = (size_t)(end - at < STEP ? end - at : STEP);
        TRY_GOTO(read_bytes(frame, s->frame, at, buffer, n, error));
        TRY_GOTO(write_bytes(s, at, buffer, n, error));
    }
done:
    mem_free(buffer);
    return status;
}

/* Joins frame and samples. */
static pclr_status fill_frame(const store *s, pclr_error *error)
{
    int64_t data_end = s->data_start + s->written * row_bytes(s), end = file_size(s->frame);
    int frame = open(s->frame, O_RDONLY | O_CLOEXEC);

    if (frame < 0) return error_io(error, s->frame, "open", errno);
    if (ftruncate(s->descriptor, (off_t)end) != 0) {
        pclr_status failed = error_io(error, s->partial, "write", errno);
        close(frame);
        return failed;
    }
    pclr_status status = copy_part(s, frame, 0, s->data_start, error);
    if (status == PCLR_OK) status = copy_part(s, frame, data_end, end, error);
    close(frame);
    return status;
}

/* An empty frame with room behind the samples for `bytes`. */
static pclr_status open_frame(const store *s, int64_t bytes, pclr_error *error)
{
    int64_t place, behind = s->data_start + s->written * row_bytes(s);
    int created = open(s->frame, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (created < 0) return error_io(error, s->frame, "create", errno);
    close(created);
    TRY(room_reserve(s->frame, behind, bytes, error)); /* before HDF5 sees the file, which it begins anew */
    TRY(make_frame(s->frame, s->written, s->target.leads, false, &place, error));
    if (place != s->data_start) {
        return error_set(error, PCLR_E_IO, "%s: HDF5 puts /signal at byte %lld; expected %lld; import again with one version of HDF5",
                         s->frame, (long long)place, (long long)s->data_start);
    }
    return room_reserve(s->frame, behind, bytes, error);
}

static pclr_status write_frame(const store *s, const label_set *labels, const char *splits, uint64_t seed, const named_physiology *p,
                               pclr_error *error)
{
    int64_t bytes = room_of_tables(s, labels, splits) + (p ? room_of_physiology(&p->table) : 0);
    hid_t file = -1;
    pclr_status status;

    TRY(open_frame(s, bytes, error));
    TRY(h5_open(&file, s->frame, true, error));
    TRY_GOTO(write_attributes(s, file, splits, seed, error));
    TRY_GOTO(write_rows(s, file, error));
    TRY_GOTO(write_labels(s, file, labels, error));
    TRY_GOTO(write_measures(s, file, labels->measures, error));
    TRY_GOTO(codes_put(file, labels->codes, error));
    TRY_GOTO(write_splits(s, file, splits, seed, error));
    if (p) TRY_GOTO(physiology_put(file, &p->table, (const char *const *)p->name, (const char *const *)p->unit, error));
    status = h5_close(&file, s->frame, error);
done:
    if (file >= 0 && h5_close(&file, s->frame, NULL) != PCLR_OK) file = -1; /* the first error is the one to tell */
    return status;
}

pclr_status store_finish(store *s, const label_set *labels, const char *splits, uint64_t seed, const named_physiology *physiology,
                         pclr_error *error)
{
    pclr_status status = write_frame(s, labels, splits, seed, physiology, error);

    if (status == PCLR_OK) status = fill_frame(s, error);
    unlink(s->frame);
    if (status != PCLR_OK) return status;
    if (fsync(s->descriptor) != 0) return error_io(error, s->partial, "write", errno);
    if (rename(s->partial, s->path) != 0) return error_io(error, s->path, "rename", errno);
    s->keep = true; /* it has its name */
    return PCLR_OK;
}
