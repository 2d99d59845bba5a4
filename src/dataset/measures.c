/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/measures.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static pclr_status name_columns(measure_set *m, const char *const *name, const char *const *unit, size_t columns, pclr_error *error)
{
    TRY(mem_alloc(&m->name, columns, sizeof *m->name, error));
    TRY(mem_alloc(&m->unit, columns, sizeof *m->unit, error));
    m->columns = columns;
    for (size_t k = 0; k < columns; k++) {
        TRY(mem_strdup(&m->name[k], name[k], error));
        TRY(mem_strdup(&m->unit[k], unit[k], error));
    }
    return PCLR_OK;
}

static pclr_status make_rows(measure_set *m, size_t rows, pclr_error *error)
{
    if (rows > m->capacity) {
        size_t larger = m->capacity ? 2 * m->capacity : 1024;
        if (larger < rows) larger = rows;
        TRY(mem_grow(&m->value, m->capacity * m->columns, larger * m->columns, sizeof *m->value, error));
        m->capacity = larger;
    }
    for (size_t k = m->rows * m->columns; k < rows * m->columns; k++) m->value[k] = NAN;
    if (rows > m->rows) m->rows = rows;
    return PCLR_OK;
}

pclr_status measures_set(measure_set *m, size_t record, const char *const *name, const char *const *unit, size_t columns,
                         const float *value, pclr_error *error)
{
    if (m->columns == 0) TRY(name_columns(m, name, unit, columns, error));
    bool same = columns == m->columns;
    for (size_t k = 0; same && k < columns; k++) same = strcmp(name[k], m->name[k]) == 0;
    if (!same)
        return error_set(error, PCLR_E_DATA, "two archives bring different measurements; expected one kind; import them into two datasets");
    TRY(make_rows(m, record + 1, error));
    memcpy(m->value + record * columns, value, columns * sizeof *value);
    return PCLR_OK;
}

pclr_status measures_finish(measure_set *m, size_t records, pclr_error *error)
{
    return m->columns ? make_rows(m, records, error) : PCLR_OK;
}

void measures_free(measure_set *m)
{
    for (size_t k = 0; k < m->columns; k++) {
        if (m->name) mem_free(m->name[k]);
        if (m->unit) mem_free(m->unit[k]);
    }
    mem_free(m->name);
    mem_free(m->unit);
    mem_free(m->value);
    memset(m, 0, sizeof *m);
}
