/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HDF5 files of tracings [records][samples][12] with exam_id [records], as CODE and CODE-15 % are published: 400 Hz, leads in the order
 * DI DII DIII AVR AVL AVF V1..V6, short recordings padded with zeros at both ends. The unit is not in the file: --unit.
 */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/common.h"

enum { LEADS = 12, RATE = 400 };

#define QUIET(expression)                                                                                                                  \
    do {                                                                                                                                   \
        H5E_BEGIN_TRY                                                                                                                      \
        {                                                                                                                                  \
            expression;                                                                                                                    \
        }                                                                                                                                  \
        H5E_END_TRY;                                                                                                                       \
    } while (0)

typedef struct tracings {
    hid_t file, set;
    hsize_t extent[3];
    int64_t *id; /* [records]; NULL: numbered */
} tracings;

static void close_tracings(tracings *t)
{
    if (t->set >= 0) H5Dclose(t->set);
    if (t->file >= 0) H5Fclose(t->file);
    mem_free(t->id);
}

/* A dataset of this very file: no link into another one, no samples kept elsewhere. -1: there is none. */
static hid_t open_own(hid_t file, const char *name)
{
    H5L_info_t link;
    hid_t set = -1;
    herr_t found = -1;

    QUIET(found = H5Lget_info(file, name, &link, H5P_DEFAULT));
    if (found < 0 || link.type != H5L_TYPE_HARD) return -1;
    QUIET(set = H5Dopen2(file, name, H5P_DEFAULT));
    if (set < 0) return -1;
    hid_t made = H5Dget_create_plist(set);
    bool own = H5Pget_external_count(made) == 0 && H5Pget_layout(made) != H5D_VIRTUAL;
    H5Pclose(made);
    if (own) return set;
    H5Dclose(set);
    return -1;
}

static pclr_status read_ids(tracings *t, const char *path, pclr_error *error)
{
    hid_t set = -1;
    hsize_t extent[1] = {0};
    herr_t result = -1;

    set = open_own(t->file, "exam_id");
    if (set < 0) return PCLR_OK;
    hid_t space = H5Dget_space(set);
    bool matches =
        H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, extent, NULL) == 1 && extent[0] == t->extent[0];
    H5Sclose(space);
    pclr_status status =
        matches ? mem_alloc(&t->id, (size_t)extent[0], sizeof *t->id, error)
                : error_set(error, PCLR_E_FORMAT, "%s: exam_id has %llu entries; expected %llu as tracings; the file is damaged", path,
                            (unsigned long long)extent[0], (unsigned long long)t->extent[0]);
    if (status == PCLR_OK) QUIET(result = H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->id));
    if (status == PCLR_OK && result < 0)
        status = error_set(error, PCLR_E_FORMAT, "%s: exam_id holds no numbers; expected one a recording; the file is damaged", path);
    H5Dclose(set);
    return status;
}

static pclr_status open_tracings(tracings *t, const format_input *input, pclr_error *error)
{
    const char *path = input->path;

    *t = (tracings){.file = -1, .set = -1};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    QUIET(H5Pset_file_locking(access, false, true));
    QUIET(t->file = H5Fopen(path, H5F_ACC_RDONLY, access));
    H5Pclose(access);
    if (t->file >= 0) t->set = open_own(t->file, "tracings");
    if (t->set < 0)
        return error_set(error, PCLR_E_FORMAT,
                         "%s: no dataset \"tracings\" of its own; expected [records][samples][12]; this is another HDF5 file", path);
    hid_t space = H5Dget_space(t->set);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank == 3) H5Sget_simple_extent_dims(space, t->extent, NULL);
    H5Sclose(space);
    if (rank != 3 || t->extent[2] != LEADS || t->extent[0] > 1U << 30) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: tracings has %d axes, the last of %llu; expected [records][samples][12]; this is another HDF5 file", path,
                         rank, (unsigned long long)t->extent[2]);
    }
    if (t->extent[1] > RECORD_VALUES_MAX || t->extent[0] * t->extent[1] > UINT64_MAX / LEADS)
        return error_set(error, PCLR_E_FORMAT, "%s: tracings of %llu samples; that cannot be; the file is damaged", path,
                         (unsigned long long)t->extent[1]);
    TRY(record_check_expansion(path, t->extent[0] * t->extent[1] * LEADS, input->size, error));
    return read_ids(t, path, error);
}

static int64_t find_member(const tracings *t, const char *member)
{
    int64_t wanted;
    if (!member || !parse_int(member, &wanted)) return -1;
    for (hsize_t k = 0; t->id && k < t->extent[0]; k++) {
        if (t->id[k] == wanted) return (int64_t)k;
    }
    return t->id || wanted < 0 || (hsize_t)wanted >= t->extent[0] ? -1 : wanted;
}

static bool row_is_zero(const float *row)
{
    for (int k = 0; k < LEADS; k++) {
        if (row[k] != 0) return false;
    }
    return true;
}

static pclr_status read_row(pclr_record **record, const format_input *input, const tracings *t, int64_t row, pclr_error *error)
{
    static const char *const name[LEADS] = {"DI", "DII", "DIII", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"};
    size_t samples = (size_t)t->extent[1];
    hsize_t start[3] = {(hsize_t)row, 0, 0}, count[3] = {1, t->extent[1], LEADS}, flat = t->extent[1] * LEADS;
    float *raw = NULL;
    double *value = NULL;
    herr_t result = -1;
    pclr_status status;

    TRY(record_check_size(input->path, LEADS, samples, error));
    TRY_GOTO(mem_alloc(&raw, samples * LEADS, sizeof *raw, error));
    TRY_GOTO(mem_alloc(&value, samples * LEADS, sizeof *value, error));
    hid_t space = H5Dget_space(t->set), memory = H5Screate_simple(1, &flat, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    QUIET(result = H5Dread(t->set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, raw));
    H5Sclose(memory);
    H5Sclose(space);
    size_t first = 0, end = samples;
    while (first < end && row_is_zero(raw + first * LEADS)) first++;
    while (end > first && row_is_zero(raw + (end - 1) * LEADS)) end--;
    if (result < 0 || first == end) {
        status = error_set(error, result < 0 ? PCLR_E_FORMAT : PCLR_E_DATA, "%s#%s: %s", input->path, input->member,
                           result < 0 ? "cannot be read; the file is damaged" : "only zeros; expected a recording");
        goto done;
    }
    for (size_t k = 0; k < samples * LEADS; k++) value[k] = (double)raw[k];
    array_source a = {.value = value + first * LEADS,
                      .leads = LEADS,
                      .samples = end - first,
                      .lead_stride = 1,
                      .sample_stride = LEADS,
                      .rate = RATE,
                      .name = name};
    status = array_to_record(record, input, &a, error);
done:
    mem_free(raw);
    mem_free(value);
    return status;
}

static pclr_status read_tracings(pclr_record **record, const format_input *input, pclr_error *error)
{
    tracings t;
    pclr_status status = open_tracings(&t, input, error);

    if (status == PCLR_OK) {
        int64_t row = find_member(&t, input->member);
        status = row >= 0 ? read_row(record, input, &t, row, error)
                          : error_set(error, PCLR_E_ARGUMENT,
                                      "%s: exam_id \"%s\" is none of its %llu recordings; expected FILE#EXAM_ID; name one", input->path,
                                      input->member ? input->member : "", (unsigned long long)t.extent[0]);
    }
    close_tracings(&t);
    return status;
}

static pclr_status list_tracings(const format_input *input, char ***member, size_t *count, pclr_error *error)
{
    tracings t;
    pclr_status status = open_tracings(&t, input, error);

    *member = NULL;
    *count = 0;
    if (status != PCLR_OK) { /* another HDF5 file: no recordings of ours */
        close_tracings(&t);
        return PCLR_OK;
    }
    status = mem_alloc(member, (size_t)t.extent[0], sizeof **member, error);
    for (hsize_t k = 0; status == PCLR_OK && k < t.extent[0]; k++) {
        status = mem_printf(&(*member)[k], error, "%lld", t.id ? (long long)t.id[k] : (long long)k);
        *count = (size_t)k + 1;
    }
    close_tracings(&t);
    return status;
}

static bool probe_tracings(const format_input *input)
{
    return input->size >= 8 && memcmp(input->data, "\x89HDF\r\n\x1a\n", 8) == 0;
}

const record_format record_format_tracings = {"tracings", ".hdf5 .h5", probe_tracings, read_tracings, false, list_tracings, NULL};
