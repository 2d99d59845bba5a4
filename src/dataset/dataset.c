/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a dataset: rows, names of tasks and splits come into memory; of the signal the places of its chunks in the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "dataset/h5.h"
#include "dataset/opened.h"

static const char *const text_column[4] = {"/records/id", "/records/source", "/records/patient", "/records/path"};

/* ---- opening ---- */

static bool is_ours(hid_t file)
{
    char *format = NULL;
    bool ours = h5_get_text(file, "/", "format", &format, NULL) == PCLR_OK && strcmp(format, "physioclr-dataset") == 0;
    mem_free(format);
    return ours;
}

bool pclr_dataset_is(const char *path)
{
    hid_t file = -1;
    bool ours = h5_open(&file, path, false, NULL) == PCLR_OK && is_ours(file);
    if (file >= 0) H5Fclose(file);
    return ours;
}

static pclr_status read_root(pclr_dataset *d, hid_t file, pclr_error *error)
{
    double version = 0;

    if (!is_ours(file))
        return error_set(error, PCLR_E_FORMAT,
                         "format: not physioclr-dataset; expected a dataset made by import; import the archive first");
    TRY(h5_get_number(file, "/", "version", &version, error));
    if (version != 1) return error_set(error, PCLR_E_UNSUPPORTED, "version: %g; expected 1; use the release that wrote the file", version);
    TRY(h5_get_number(file, "/", "sampling_rate", &d->rate, error));
    if (!(d->rate > 0) || d->rate > 1e6) return error_set(error, PCLR_E_FORMAT, "sampling_rate: %g; expected a rate in Hz", d->rate);
    TRY(h5_get_texts(file, "/", "leads", &d->lead_name, &d->leads, error));
    if (d->leads < 1 || d->leads > 12) return error_set(error, PCLR_E_FORMAT, "leads: %zu; expected 1 to 12", d->leads);
    return PCLR_OK;
}

/* One block: a single "chunk" of all rows. */
static pclr_status locate_block(pclr_dataset *d, hid_t set, pclr_error *error)
{
    haddr_t address = H5Dget_offset(set);

    d->chunk_rows = d->samples > 0 ? d->samples : 1;
    d->chunks = 1;
    TRY(mem_alloc(&d->chunk_address, 1, sizeof *d->chunk_address, error));
    d->chunk_address[0] = address == HADDR_UNDEF ? UINT64_MAX : (uint64_t)address;
    return PCLR_OK;
}

/* Chunks of whole rows without filters, as other programs may write them. */
static pclr_status locate_chunks(pclr_dataset *d, hid_t set, hsize_t rows, pclr_error *error)
{
    d->chunk_rows = (int64_t)rows;
    d->chunks = (size_t)(((hsize_t)d->samples + rows - 1) / rows);
    TRY(mem_alloc(&d->chunk_address, d->chunks, sizeof *d->chunk_address, error));
    for (size_t k = 0; k < d->chunks; k++) {
        hsize_t offset[2] = {(hsize_t)k * rows, 0}, size = 0;
        haddr_t address = HADDR_UNDEF;
        unsigned mask = 0;
        H5Dget_chunk_info_by_coord(set, offset, &mask, &address, &size);
        d->chunk_address[k] = address == HADDR_UNDEF ? UINT64_MAX : (uint64_t)address;
    }
    return PCLR_OK;
}

/* Where /signal lies in the file, so that it can be read without HDF5. */
static pclr_status locate_signal(pclr_dataset *d, hid_t file, pclr_error *error)
{
    hsize_t extent[2] = {0}, chunk[2] = {0};
    hid_t set = H5Dopen2(file, "/signal", H5P_DEFAULT);
    if (set < 0) return error_set(error, PCLR_E_FORMAT, "/signal: not there; expected int16 [samples][leads]; import the archive again");
    hid_t space = H5Dget_space(set), creation = H5Dget_create_plist(set), type = H5Dget_type(set);
    H5D_layout_t layout = H5Pget_layout(creation);
    int rank = H5Sget_simple_extent_ndims(space);
    bool good = rank == 2 && H5Sget_simple_extent_dims(space, extent, NULL) == 2 && H5Tequal(type, H5T_STD_I16LE) > 0 &&
                extent[1] == d->leads && extent[0] < (hsize_t)INT64_MAX / 64;
    bool block = layout == H5D_CONTIGUOUS && H5Pget_external_count(creation) == 0;
    bool chunks = layout == H5D_CHUNKED && H5Pget_chunk(creation, 2, chunk) == 2 && H5Pget_nfilters(creation) == 0 &&
                  chunk[1] == d->leads && chunk[0] > 0;
    pclr_status status = PCLR_OK;

    d->samples = good ? (int64_t)extent[0] : 0;
    if (!good || (!block && !chunks)) {
        status = error_set(error, PCLR_E_FORMAT, "/signal: not plain int16 [samples][%zu]; expected no filters; import the archive again",
                           d->leads);
    } else {
        status = block ? locate_block(d, set, error) : locate_chunks(d, set, chunk[0], error);
    }
    H5Tclose(type);
    H5Pclose(creation);
    H5Sclose(space);
    H5Dclose(set);
    return status;
}

static pclr_status check_rows(const pclr_dataset *d, pclr_error *error)
{
    for (size_t k = 0; k < d->records; k++) {
        if (d->start[k] < 0 || d->length[k] < 0 || d->start[k] > d->samples || d->length[k] > d->samples - d->start[k]) {
            return error_set(error, PCLR_E_FORMAT, "/records: record %zu (%s) covers samples %lld + %lld of %lld; import the archive again",
                             k, d->text[0][k], (long long)d->start[k], (long long)d->length[k], (long long)d->samples);
        }
    }
    return PCLR_OK;
}

static pclr_status read_rows(pclr_dataset *d, hid_t file, pclr_error *error)
{
    size_t columns, n;

    TRY(h5_shape(file, "/records/start", &d->records, &columns, error));
    n = d->records;
    for (int k = 0; k < 4; k++) {
        TRY(mem_alloc(&d->text[k], n, sizeof *d->text[k], error));
        TRY(h5_read_texts(file, text_column[k], n, &d->text_block[k], d->text[k], error));
    }
    TRY(mem_alloc(&d->start, n, sizeof *d->start, error));
    TRY(mem_alloc(&d->length, n, sizeof *d->length, error));
    TRY(mem_alloc(&d->source_rate, n, sizeof *d->source_rate, error));
    TRY(mem_alloc(&d->age, n, sizeof *d->age, error));
    TRY(mem_alloc(&d->sex, n, sizeof *d->sex, error));
    TRY(mem_alloc(&d->lead_mask, n, sizeof *d->lead_mask, error));
    TRY(mem_alloc(&d->fold, n, sizeof *d->fold, error));
    TRY(h5_read(file, "/records/start", H5T_NATIVE_INT64, n, 0, d->start, error));
    TRY(h5_read(file, "/records/length", H5T_NATIVE_INT64, n, 0, d->length, error));
    TRY(h5_read(file, "/records/source_rate", H5T_NATIVE_DOUBLE, n, 0, d->source_rate, error));
    TRY(h5_read(file, "/records/age", H5T_NATIVE_FLOAT, n, 0, d->age, error));
    TRY(h5_read(file, "/records/sex", H5T_NATIVE_UINT8, n, 0, d->sex, error));
    TRY(h5_read(file, "/records/lead_mask", H5T_NATIVE_UINT32, n, 0, d->lead_mask, error));
    TRY(h5_read(file, "/records/fold", H5T_NATIVE_INT32, n, 0, d->fold, error));
    if (h5_has(file, "/records/hash")) {
        TRY(mem_alloc(&d->hash, n, sizeof *d->hash, error));
        TRY(h5_read(file, "/records/hash", H5T_NATIVE_UINT64, n, 0, d->hash, error));
    }
    return check_rows(d, error);
}

static int compare_entries(const void *a, const void *b)
{
    const id_entry *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

static pclr_status index_ids(pclr_dataset *d, pclr_error *error)
{
    TRY(mem_alloc(&d->index, d->records, sizeof *d->index, error));
    for (size_t k = 0; k < d->records; k++) d->index[k] = (id_entry){hash_fnv1a(d->text[0][k], strlen(d->text[0][k])), k};
    qsort(d->index, d->records, sizeof *d->index, compare_entries);
    return PCLR_OK;
}

static pclr_status open_parts(pclr_dataset *d, const char *path, hid_t *file, pclr_error *error)
{
    TRY(mem_strdup(&d->path, path, error));
    TRY(h5_open(file, path, false, error));
    TRY(read_root(d, *file, error));
    TRY(locate_signal(d, *file, error));
    TRY(read_rows(d, *file, error));
    TRY(index_ids(d, error));
    TRY(h5_members(*file, "/labels", &d->task, &d->tasks, error));
    TRY(h5_members(*file, "/splits", &d->split, &d->splits, error));
    d->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    return d->descriptor >= 0 ? PCLR_OK : error_open(error, path, errno);
}

pclr_status pclr_dataset_open(pclr_dataset **dataset, const char *path, pclr_error *error)
{
    hid_t file = -1;

    *dataset = NULL;
    TRY(mem_alloc(dataset, 1, sizeof **dataset, error));
    (*dataset)->descriptor = -1;
    pclr_status status = open_parts(*dataset, path, &file, error);
    if (file >= 0) {
        pclr_status closed = h5_close(&file, path, NULL);
        (void)closed; /* nothing was written */
    }
    if (status != PCLR_OK) {
        if (status != PCLR_E_IO && status != PCLR_E_MISSING) error_prefix(error, "%s", path);
        pclr_dataset_destroy(dataset);
    }
    return status;
}

void pclr_dataset_destroy(pclr_dataset **dataset)
{
    if (!dataset || !*dataset) return;
    pclr_dataset *d = *dataset;
    if (d->descriptor >= 0) close(d->descriptor);
    h5_free_texts(d->lead_name, d->leads);
    h5_free_texts(d->task, d->tasks);
    h5_free_texts(d->split, d->splits);
    for (int k = 0; k < 4; k++) {
        mem_free(d->text_block[k]);
        mem_free(d->text[k]);
    }
    void *owned[] = {d->path, d->chunk_address, d->start, d->length, d->source_rate, d->age,
                     d->sex,  d->lead_mask,     d->fold,  d->hash,   d->index};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) mem_free(owned[k]);
    mem_release(dataset);
}

/* ---- what it holds ---- */

const char *dataset_path(const pclr_dataset *dataset)
{
    return dataset->path;
}

size_t pclr_dataset_records(const pclr_dataset *dataset)
{
    return dataset->records;
}

double pclr_dataset_rate(const pclr_dataset *dataset)
{
    return dataset->rate;
}

size_t pclr_dataset_leads(const pclr_dataset *dataset)
{
    return dataset->leads;
}

const char *pclr_dataset_lead_name(const pclr_dataset *dataset, size_t lead)
{
    return lead < dataset->leads ? dataset->lead_name[lead] : NULL;
}

pclr_dataset_row pclr_dataset_get_row(const pclr_dataset *d, size_t record)
{
    pclr_dataset_row row = {.age = -1, .sex = PCLR_SEX_UNKNOWN, .fold = -1, .id = "", .source = "", .patient = "", .path = ""};

    if (record >= d->records) return row;
    row.id = d->text[0][record];
    row.source = d->text[1][record];
    row.patient = d->text[2][record];
    row.path = d->text[3][record];
    row.start = d->start[record];
    row.length = d->length[record];
    row.source_rate = d->source_rate[record];
    row.age = isnan(d->age[record]) ? -1 : d->age[record];
    row.sex = d->sex[record] == 0 ? PCLR_SEX_MALE : d->sex[record] == 1 ? PCLR_SEX_FEMALE : PCLR_SEX_UNKNOWN;
    row.lead_mask = d->lead_mask[record];
    row.fold = d->fold[record];
    return row;
}

int64_t pclr_dataset_find(const pclr_dataset *d, const char *id)
{
    uint64_t hash = hash_fnv1a(id, strlen(id));
    size_t low = 0, high = d->records;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->index[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < d->records && d->index[low].hash == hash; low++) {
        if (strcmp(d->text[0][d->index[low].record], id) == 0) return (int64_t)d->index[low].record;
    }
    return -1;
}
