/* SPDX-License-Identifier: Apache-2.0 */
/* /measurements of an open dataset. */
#include "base/memory.h"
#include "dataset/dataset.h"
#include "dataset/h5.h"

static pclr_status read_table(pclr_measurements *m, hid_t file, pclr_error *error)
{
    size_t rows, names, units;

    if (!h5_has(file, "/measurements")) return PCLR_OK;
    TRY(h5_shape(file, "/measurements", &rows, &m->columns, error));
    TRY(h5_get_texts(file, "/measurements", "names", &m->name, &names, error));
    TRY(h5_get_texts(file, "/measurements", "units", &m->unit, &units, error));
    if (rows != m->records || names != m->columns || units != m->columns) {
        h5_free_texts(m->name, names);
        h5_free_texts(m->unit, units);
        m->name = m->unit = NULL;
        return error_set(error, PCLR_E_FORMAT, "/measurements: %zu x %zu; expected %zu rows with a name and a unit a column", rows,
                         m->columns, m->records);
    }
    TRY(mem_alloc(&m->value, rows * m->columns, sizeof *m->value, error));
    return h5_read(file, "/measurements", H5T_NATIVE_FLOAT, rows, m->columns, m->value, error);
}

pclr_status pclr_dataset_measurements(const pclr_dataset *dataset, pclr_measurements **measurements, pclr_error *error)
{
    const char *path = dataset_path(dataset);
    hid_t file = -1;

    TRY(mem_alloc(measurements, 1, sizeof **measurements, error));
    (*measurements)->records = pclr_dataset_records(dataset);
    pclr_status status = h5_open(&file, path, false, error);
    if (status == PCLR_OK) status = read_table(*measurements, file, error);
    if (file >= 0 && h5_close(&file, path, NULL) != PCLR_OK) file = -1; /* nothing was written */
    if (status != PCLR_OK) pclr_measurements_destroy(measurements);
    return status;
}

void pclr_measurements_destroy(pclr_measurements **measurements)
{
    if (!measurements || !*measurements) return;
    pclr_measurements *m = *measurements;
    h5_free_texts(m->name, m->name ? m->columns : 0);
    h5_free_texts(m->unit, m->unit ? m->columns : 0);
    mem_free(m->value);
    mem_release(measurements);
}
