/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/h5.h"

#include <string.h>

#include "base/memory.h"

enum { TEXT_MAX = 1 << 20, RANK_MAX = 2 };

/* Runs an HDF5 expression without its messages on stderr. */
#define QUIET(expression)                                                                                                                  \
    do {                                                                                                                                   \
        H5E_BEGIN_TRY                                                                                                                      \
        {                                                                                                                                  \
            expression;                                                                                                                    \
        }                                                                                                                                  \
        H5E_END_TRY;                                                                                                                       \
    } while (0)

static pclr_status broken(pclr_error *error, const char *name, const char *what)
{
    return error_set(error, PCLR_E_FORMAT,
                     "%s: cannot %s; expected an object as docs/dataset.md tells; the file is damaged or not a dataset", name, what);
}

static pclr_status not_written(pclr_error *error, const char *name)
{
    return error_set(error, PCLR_E_IO, "%s: HDF5 could not write it; is the disk full?", name);
}

pclr_status h5_open(hid_t *file, const char *path, bool writable, pclr_error *error)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    htri_t is_hdf5 = 0;

    if (!writable) QUIET(H5Pset_file_locking(access, false, true));
    QUIET(is_hdf5 = H5Fis_hdf5(path));
    QUIET(*file = H5Fopen(path, writable ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access));
    H5Pclose(access);
    if (*file >= 0) return PCLR_OK;
    if (is_hdf5 < 0) return error_set(error, PCLR_E_MISSING, "%s: cannot open; expected a dataset made by import; check the name", path);
    return error_set(error, PCLR_E_FORMAT, "%s: %s; expected a dataset made by import; import it again", path,
                     is_hdf5 ? "HDF5 cannot open it" : "not an HDF5 file");
}

pclr_status h5_create(hid_t *file, const char *path, hid_t access, pclr_error *error)
{
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);

    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    QUIET(*file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access));
    H5Pclose(creation);
    return *file >= 0 ? PCLR_OK : error_set(error, PCLR_E_IO, "%s: cannot create; is the folder there and writable?", path);
}

pclr_status h5_close(hid_t *file, const char *path, pclr_error *error)
{
    herr_t result = 0;
    if (*file < 0) return PCLR_OK;
    QUIET(result = H5Fclose(*file));
    *file = -1;
    return result >= 0 ? PCLR_OK : error_set(error, PCLR_E_IO, "%s: HDF5 could not finish writing; is the disk full?", path);
}

bool h5_has(hid_t file, const char *name)
{
    char part[256];

    for (const char *p = name; *p;) {
        const char *slash = strchr(p + 1, '/');
        size_t n = slash ? (size_t)(slash - name) : strlen(name);
        if (n >= sizeof part) return false;
        memcpy(part, name, n);
        part[n] = '\0';
        htri_t there = 0;
        QUIET(there = H5Lexists(file, part, H5P_DEFAULT));
        if (there <= 0) return false;
        if (!slash) return true;
        p = slash;
    }
    return false;
}

pclr_status h5_make_group(hid_t file, const char *name, pclr_error *error)
{
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE), group = -1;

    H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    QUIET(group = H5Gcreate2(file, name, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    if (group < 0) return not_written(error, name);
    H5Gclose(group);
    return PCLR_OK;
}

/* ---- attributes ---- */

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
}

static pclr_status write_attribute(hid_t file, const char *name, const char *attribute, hid_t type, hid_t space, const void *data,
                                   pclr_error *error)
{
    hid_t a = -1;
    herr_t result = -1;

    QUIET(a = H5Acreate_by_name(file, name, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    if (a >= 0) QUIET(result = H5Awrite(a, type, data));
    if (a >= 0) H5Aclose(a);
    return result >= 0 ? PCLR_OK : not_written(error, attribute);
}

/* [count] texts of one fixed length in a block. */
static pclr_status pack_texts(const char *const *values, size_t count, char **block, size_t *width, pclr_error *error)
{
    *width = 1;
    for (size_t k = 0; k < count; k++) {
        size_t n = values[k] ? strlen(values[k]) : 0;
        if (n > *width) *width = n;
    }
    TRY(mem_alloc(block, count ? count : 1, *width, error));
    for (size_t k = 0; k < count; k++) {
        if (values[k]) memcpy(*block + k * *width, values[k], strlen(values[k]));
    }
    return PCLR_OK;
}

pclr_status h5_set_texts(hid_t file, const char *name, const char *attribute, const char *const *values, size_t count, pclr_error *error)
{
    char *block = NULL;
    size_t width;
    hsize_t extent = count;

    TRY(pack_texts(values, count, &block, &width, error));
    hid_t type = text_type(width), space = H5Screate_simple(1, &extent, NULL);
    pclr_status status = write_attribute(file, name, attribute, type, space, block, error);
    H5Sclose(space);
    H5Tclose(type);
    mem_free(block);
    return status;
}

pclr_status h5_set_text(hid_t file, const char *name, const char *attribute, const char *value, pclr_error *error)
{
    char *block = NULL;
    size_t width;

    TRY(pack_texts(&value, 1, &block, &width, error));
    hid_t type = text_type(width), space = H5Screate(H5S_SCALAR);
    pclr_status status = write_attribute(file, name, attribute, type, space, block, error);
    H5Sclose(space);
    H5Tclose(type);
    mem_free(block);
    return status;
}

pclr_status h5_set_number(hid_t file, const char *name, const char *attribute, double value, pclr_error *error)
{
    hid_t space = H5Screate(H5S_SCALAR);
    pclr_status status = write_attribute(file, name, attribute, H5T_NATIVE_DOUBLE, space, &value, error);
    H5Sclose(space);
    return status;
}

/* Opens an attribute and tells how many elements it has; -1 where there is none. */
static hid_t open_attribute(hid_t file, const char *name, const char *attribute, size_t *count)
{
    hid_t a = -1;
    QUIET(a = H5Aopen_by_name(file, name, attribute, H5P_DEFAULT, H5P_DEFAULT));
    if (a < 0) return -1;
    hid_t space = H5Aget_space(a);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    *count = n > 0 ? (size_t)n : 0;
    return a;
}

static pclr_status read_text_attribute(hid_t a, const char *attribute, size_t count, char **block, size_t *width, pclr_error *error)
{
    hid_t type = H5Aget_type(a);
    bool usable = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
    *width = usable ? H5Tget_size(type) : 0;
    if (!usable || *width == 0 || *width > TEXT_MAX || count > TEXT_MAX) {
        H5Tclose(type);
        return broken(error, attribute, "read it as fixed-length text");
    }
    pclr_status status = mem_alloc(block, count + 1, *width, error);
    herr_t result = -1;
    if (status == PCLR_OK) QUIET(result = H5Aread(a, type, *block));
    H5Tclose(type);
    if (status == PCLR_OK && result < 0) status = broken(error, attribute, "read it");
    return status;
}

pclr_status h5_get_texts(hid_t file, const char *name, const char *attribute, char ***values, size_t *count, pclr_error *error)
{
    char *block = NULL;
    size_t width = 0, n = 0;
    hid_t a = open_attribute(file, name, attribute, &n);

    *values = NULL;
    *count = 0;
    if (a < 0) return broken(error, attribute, "find this attribute");
    pclr_status status = read_text_attribute(a, attribute, n, &block, &width, error);
    H5Aclose(a);
    if (status == PCLR_OK) status = mem_alloc(values, n, sizeof **values, error);
    for (size_t k = 0; status == PCLR_OK && k < n; k++) {
        status = mem_strndup(&(*values)[k], block + k * width, width, error);
        *count = k + 1;
    }
    mem_free(block);
    return status;
}

void h5_free_texts(char **values, size_t count)
{
    for (size_t k = 0; values && k < count; k++) mem_free(values[k]);
    mem_free(values);
}

pclr_status h5_get_text(hid_t file, const char *name, const char *attribute, char **value, pclr_error *error)
{
    char **values = NULL;
    size_t count = 0;

    *value = NULL;
    pclr_status status = h5_get_texts(file, name, attribute, &values, &count, error);
    if (status == PCLR_OK && count == 1) {
        *value = values[0];
        values[0] = NULL;
    } else if (status == PCLR_OK) {
        status = broken(error, attribute, "read it as one text");
    }
    h5_free_texts(values, count);
    return status;
}

pclr_status h5_get_number(hid_t file, const char *name, const char *attribute, double *value, pclr_error *error)
{
    size_t count = 0;
    herr_t result = -1;
    hid_t a = open_attribute(file, name, attribute, &count);

    if (a < 0) return broken(error, attribute, "find this attribute");
    if (count == 1) QUIET(result = H5Aread(a, H5T_NATIVE_DOUBLE, value));
    H5Aclose(a);
    return result >= 0 ? PCLR_OK : broken(error, attribute, "read it as a number");
}

/* ---- datasets ---- */

pclr_status h5_write(hid_t file, const char *name, hid_t type, size_t rows, size_t columns, const void *data, pclr_error *error)
{
    hsize_t extent[RANK_MAX] = {rows, columns};
    hid_t space = H5Screate_simple(columns ? 2 : 1, extent, NULL), set = -1;
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    herr_t result = -1;

    H5Pset_obj_track_times(creation, false); /* the same content gives the same bytes */
    QUIET(set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    if (set >= 0) QUIET(result = rows ? H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) : 0);
    if (set >= 0) H5Dclose(set);
    H5Pclose(creation);
    H5Sclose(space);
    return result >= 0 ? PCLR_OK : not_written(error, name);
}

static hid_t open_set(hid_t file, const char *name)
{
    hid_t set = -1;
    QUIET(set = H5Dopen2(file, name, H5P_DEFAULT));
    return set;
}

pclr_status h5_shape(hid_t file, const char *name, size_t *rows, size_t *columns, pclr_error *error)
{
    hsize_t extent[H5S_MAX_RANK] = {0};
    hid_t set = open_set(file, name);

    if (set < 0) return broken(error, name, "open it");
    hid_t space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    H5Dclose(set);
    if (rank < 1 || rank > RANK_MAX || extent[0] > INT64_MAX / 64 || extent[1] > 1 << 20) return broken(error, name, "use its shape");
    *rows = (size_t)extent[0];
    *columns = rank == 2 ? (size_t)extent[1] : 0;
    return PCLR_OK;
}

pclr_status h5_read(hid_t file, const char *name, hid_t type, size_t rows, size_t columns, void *data, pclr_error *error)
{
    size_t found_rows, found_columns;
    herr_t result = -1;

    TRY(h5_shape(file, name, &found_rows, &found_columns, error));
    if (found_rows != rows || found_columns != columns) {
        return error_set(error, PCLR_E_FORMAT, "%s: shape %zu x %zu; expected %zu x %zu; the file is damaged, import it again", name,
                         found_rows, found_columns, rows, columns);
    }
    hid_t set = open_set(file, name);
    if (set >= 0) QUIET(result = rows ? H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) : 0);
    if (set >= 0) H5Dclose(set);
    return result >= 0 ? PCLR_OK : broken(error, name, "read it");
}

pclr_status h5_write_texts(hid_t file, const char *name, const char *const *values, size_t count, pclr_error *error)
{
    char *block = NULL;
    size_t width;

    TRY(pack_texts(values, count, &block, &width, error));
    hid_t type = text_type(width);
    pclr_status status = h5_write(file, name, type, count, 0, block, error);
    H5Tclose(type);
    mem_free(block);
    return status;
}

pclr_status h5_read_texts(hid_t file, const char *name, size_t count, char **block, const char **values, pclr_error *error)
{
    hid_t set = open_set(file, name);

    *block = NULL;
    if (set < 0) return broken(error, name, "open it");
    hid_t stored = H5Dget_type(set);
    size_t width = H5Tget_class(stored) == H5T_STRING && H5Tis_variable_str(stored) == 0 ? H5Tget_size(stored) : 0;
    H5T_cset_t letters = H5Tget_cset(stored);
    H5Tclose(stored);
    H5Dclose(set);
    if (width == 0 || width > 1 << 16) return broken(error, name, "read it as fixed-length text");
    hid_t type = text_type(width + 1); /* one byte more: always ended by a zero */
    H5Tset_cset(type, letters);        /* HDF5 does not convert ASCII to UTF-8, of which it is a part */
    pclr_status status = mem_alloc(block, count ? count : 1, width + 1, error);
    if (status == PCLR_OK) status = h5_read(file, name, type, count, 0, *block, error);
    H5Tclose(type);
    for (size_t k = 0; status == PCLR_OK && k < count; k++) {
        (*block)[k * (width + 1) + width] = '\0';
        values[k] = *block + k * (width + 1);
    }
    return status;
}

pclr_status h5_members(hid_t file, const char *group, char ***names, size_t *count, pclr_error *error)
{
    hid_t g = -1;
    H5G_info_t info = {0};

    *names = NULL;
    *count = 0;
    if (!h5_has(file, group)) return PCLR_OK;
    QUIET(g = H5Gopen2(file, group, H5P_DEFAULT));
    if (g < 0) return broken(error, group, "open it");
    H5Gget_info(g, &info);
    H5_index_t order = info.storage_type == H5G_STORAGE_TYPE_SYMBOL_TABLE ? H5_INDEX_NAME : H5_INDEX_CRT_ORDER;
    unsigned tracked = 0;
    hid_t creation = H5Gget_create_plist(g);
    H5Pget_link_creation_order(creation, &tracked);
    H5Pclose(creation);
    if (!(tracked & H5P_CRT_ORDER_INDEXED)) order = H5_INDEX_NAME;
    pclr_status status = mem_alloc(names, (size_t)info.nlinks, sizeof **names, error);
    for (hsize_t k = 0; status == PCLR_OK && k < info.nlinks; k++) {
        char name[256];
        ssize_t n = -1;
        QUIET(n = H5Lget_name_by_idx(g, ".", order, H5_ITER_INC, k, name, sizeof name, H5P_DEFAULT));
        if (n <= 0 || (size_t)n >= sizeof name) {
            status = broken(error, group, "list its members");
            break;
        }
        status = mem_strdup(&(*names)[k], name, error);
        *count = (size_t)k + 1;
    }
    H5Gclose(g);
    return status;
}
