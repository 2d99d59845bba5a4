/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /segments and /physiology of a dataset. They are replaced in a copy of the file that then takes its name: a process that dies
 * leaves the dataset as it was. The copy shares its blocks where the file system can.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/physiology.h"
#include "dataset/room.h"

/* ---- reading ---- */

static pclr_status read_column(hid_t file, const char *name, hid_t type, size_t rows, size_t width, void *p_address, pclr_error *error)
{
    void *data = NULL;
    TRY(mem_alloc(&data, rows, width, error));
    memcpy(p_address, &data, sizeof data);
    return h5_read(file, name, type, rows, 0, data, error);
}

static pclr_status read_segments(hid_t file, dataset_physiology *p, pclr_error *error)
{
    size_t columns;

    TRY(h5_shape(file, "/segments/record", &p->segments, &columns, error));
    TRY(read_column(file, "/segments/record", H5T_NATIVE_INT64, p->segments, 8, &p->segment_record, error));
    TRY(read_column(file, "/segments/start", H5T_NATIVE_INT64, p->segments, 8, &p->segment_start, error));
    TRY(read_column(file, "/segments/length", H5T_NATIVE_INT64, p->segments, 8, &p->segment_length, error));
    size_t rows;
    TRY(h5_shape(file, "/physiology/features", &rows, &p->features, error));
    if (rows != p->segments) {
        return error_set(error, PCLR_E_FORMAT, "/physiology/features: %zu rows; expected %zu, one a segment; compute the features again",
                         rows, p->segments);
    }
    TRY(mem_alloc(&p->feature, rows * p->features, sizeof *p->feature, error));
    return h5_read(file, "/physiology/features", H5T_NATIVE_FLOAT, rows, p->features, p->feature, error);
}

static pclr_status read_beats(hid_t file, dataset_physiology *p, pclr_error *error)
{
    size_t columns, beats;

    TRY(read_column(file, "/physiology/r_peaks_start", H5T_NATIVE_INT64, p->records + 1, 8, &p->beat_start, error));
    TRY(h5_shape(file, "/physiology/r_peaks", &beats, &columns, error));
    for (size_t k = 0; k < p->records; k++) {
        if (p->beat_start[k] < 0 || p->beat_start[k + 1] < p->beat_start[k]) {
            return error_set(error, PCLR_E_FORMAT, "/physiology/r_peaks_start: not rising at record %zu; compute the features again", k);
        }
    }
    if (p->beat_start[0] != 0 || (uint64_t)p->beat_start[p->records] != beats) {
        return error_set(error, PCLR_E_FORMAT, "/physiology/r_peaks: %zu beats; expected %lld; compute the features again", beats,
                         (long long)p->beat_start[p->records]);
    }
    TRY(read_column(file, "/physiology/r_peaks", H5T_NATIVE_FLOAT, beats, 4, &p->r_peak, error));
    TRY(read_column(file, "/physiology/p_onset", H5T_NATIVE_FLOAT, beats, 4, &p->p_onset, error));
    TRY(read_column(file, "/physiology/p_peak", H5T_NATIVE_FLOAT, beats, 4, &p->p_peak, error));
    TRY(read_column(file, "/physiology/t_peak", H5T_NATIVE_FLOAT, beats, 4, &p->t_peak, error));
    TRY(read_column(file, "/physiology/t_offset", H5T_NATIVE_FLOAT, beats, 4, &p->t_offset, error));
    return read_column(file, "/physiology/quality", H5T_NATIVE_FLOAT, p->records, 4, &p->quality, error);
}

static pclr_status read_all(hid_t file, dataset_physiology *p, pclr_error *error)
{
    char *layout = NULL;

    if (!h5_has(file, "/physiology/features") || !h5_has(file, "/segments/record")) {
        return error_set(error, PCLR_E_DATA,
                         "features were not computed yet; expected /physiology; run `physioclr features` on the dataset first");
    }
    TRY(h5_get_text(file, "/physiology", "layout", &layout, error));
    snprintf(p->layout, sizeof p->layout, "%s", layout);
    mem_free(layout);
    double extractor = 0;
    if (H5Aexists_by_name(file, "/physiology", "extractor", H5P_DEFAULT) > 0)
        TRY(h5_get_number(file, "/physiology", "extractor", &extractor, error));
    p->extractor = extractor >= 1 && extractor <= INT_MAX ? (int)extractor : 0;
    TRY(read_segments(file, p, error));
    return read_beats(file, p, error);
}

pclr_status dataset_physiology_read(const pclr_dataset *dataset, dataset_physiology *out, pclr_error *error)
{
    hid_t file = -1;
    const char *path = dataset_path(dataset);

    memset(out, 0, sizeof *out);
    out->records = pclr_dataset_records(dataset);
    TRY(h5_open(&file, path, false, error));
    pclr_status status = read_all(file, out, error);
    if (status != PCLR_OK) error_prefix(error, "%s", path);
    if (h5_close(&file, path, NULL) != PCLR_OK) file = -1; /* nothing was written */
    if (status != PCLR_OK) dataset_physiology_free(out);
    return status;
}

void dataset_physiology_free(dataset_physiology *p)
{
    void *owned[] = {p->segment_record, p->segment_start, p->segment_length, p->feature,  p->beat_start, p->r_peak,
                     p->p_onset,        p->p_peak,        p->t_peak,         p->t_offset, p->quality};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) mem_free(owned[k]);
    memset(p, 0, sizeof *p);
}

/* ---- writing ---- */

pclr_status physiology_put(hid_t file, const dataset_physiology *p, const char *const *names, const char *const *units, pclr_error *error)
{
    size_t beats = (size_t)p->beat_start[p->records];

    if (h5_has(file, "/segments")) H5Ldelete(file, "/segments", H5P_DEFAULT);
    if (h5_has(file, "/physiology")) H5Ldelete(file, "/physiology", H5P_DEFAULT);
    TRY(h5_make_group(file, "/segments", error));
    TRY(h5_make_group(file, "/physiology", error));
    TRY(h5_write(file, "/segments/record", H5T_NATIVE_INT64, p->segments, 0, p->segment_record, error));
    TRY(h5_write(file, "/segments/start", H5T_NATIVE_INT64, p->segments, 0, p->segment_start, error));
    TRY(h5_write(file, "/segments/length", H5T_NATIVE_INT64, p->segments, 0, p->segment_length, error));
    TRY(h5_write(file, "/physiology/features", H5T_NATIVE_FLOAT, p->segments, p->features, p->feature, error));
    TRY(h5_write(file, "/physiology/r_peaks_start", H5T_NATIVE_INT64, p->records + 1, 0, p->beat_start, error));
    TRY(h5_write(file, "/physiology/r_peaks", H5T_NATIVE_FLOAT, beats, 0, p->r_peak, error));
    TRY(h5_write(file, "/physiology/p_onset", H5T_NATIVE_FLOAT, beats, 0, p->p_onset, error));
    TRY(h5_write(file, "/physiology/p_peak", H5T_NATIVE_FLOAT, beats, 0, p->p_peak, error));
    TRY(h5_write(file, "/physiology/t_peak", H5T_NATIVE_FLOAT, beats, 0, p->t_peak, error));
    TRY(h5_write(file, "/physiology/t_offset", H5T_NATIVE_FLOAT, beats, 0, p->t_offset, error));
    TRY(h5_write(file, "/physiology/quality", H5T_NATIVE_FLOAT, p->records, 0, p->quality, error));
    TRY(h5_set_text(file, "/physiology", "layout", p->layout, error));
    TRY(h5_set_number(file, "/physiology", "extractor", p->extractor, error));
    TRY(h5_set_texts(file, "/physiology", "names", names, p->features, error));
    return h5_set_texts(file, "/physiology", "units", units, p->features, error);
}

static pclr_status copy_blocks(int from, int to, const char *to_path, pclr_error *error)
{
    enum { STEP = 1 << 20 };
    char *buffer = NULL;
    ssize_t n = 0;
    pclr_status status = PCLR_OK;

    if (ioctl(to, FICLONE, from) == 0) return PCLR_OK;
    TRY(mem_alloc(&buffer, STEP, 1, error));
    while (status == PCLR_OK && (n = read(from, buffer, STEP)) > 0) {
        for (ssize_t done = 0, k; done < n; done += k) {
            k = write(to, buffer + done, (size_t)(n - done));
            if (k < 0) {
                status = error_io(error, to_path, "write", errno);
                break;
            }
        }
    }
    if (status == PCLR_OK && n < 0) status = error_io(error, to_path, "read", errno);
    mem_free(buffer);
    return status;
}

static pclr_status copy_file(const char *from_path, const char *to_path, pclr_error *error)
{
    int from = open(from_path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return error_open(error, from_path, errno);
    int to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    pclr_status status = to < 0 ? error_io(error, to_path, "create", errno) : copy_blocks(from, to, to_path, error);
    if (to >= 0 && close(to) != 0 && status == PCLR_OK) status = error_io(error, to_path, "write", errno);
    close(from);
    return status;
}

pclr_status dataset_physiology_write(const char *path, const dataset_physiology *p, const char *const *names, const char *const *units,
                                     pclr_error *error)
{
    char *temporary = NULL;
    hid_t file = -1;
    pclr_status status;

    TRY(mem_printf(&temporary, error, "%s.partial", path));
    TRY_GOTO(copy_file(path, temporary, error));
    TRY_GOTO(room_reserve(temporary, file_size(temporary), room_of_physiology(p), error));
    TRY_GOTO(h5_open(&file, temporary, true, error));
    TRY_GOTO(physiology_put(file, p, names, units, error));
    TRY_GOTO(h5_close(&file, temporary, error));
    if (rename(temporary, path) != 0) status = error_io(error, path, "rename", errno);
done:
    if (file >= 0 && h5_close(&file, temporary, NULL) != PCLR_OK) file = -1;
    if (status != PCLR_OK) unlink(temporary);
    mem_free(temporary);
    return status;
}
