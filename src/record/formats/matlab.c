/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MATLAB arrays. Version 4: the first real matrix of the file, read here. Version 5: through matio, the first of the variables val,
 * ecg, ECG, data, feats, signal that is a real matrix, or a structure with such a field (with sex and age where it has them). The
 * longer axis is time. Rate: a variable fs, Fs, curr_sample_rate or sampling_rate, else the option; unit and leads: options.
 */
#include <matio.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"
#include "record/formats/matlab.h"

/* ---- version 4: five 32-bit numbers (type MOPT, rows, columns, imaginary, name length), name, column-major elements ---- */

typedef struct matrix4 {
    size_t rows, columns, width;
    unsigned kind; /* P of MOPT: 0 double, 1 float, 2 int32, 3 int16, 4 uint16, 5 uint8 */
    const uint8_t *data;
} matrix4;

static const size_t width4[] = {8, 4, 4, 2, 2, 1};

static bool parse_matrix4(const format_input *input, matrix4 *m)
{
    if (input->size < 20) return false;
    uint32_t type = le_u32(input->data), rows = le_u32(input->data + 4), columns = le_u32(input->data + 8),
             imaginary = le_u32(input->data + 12), name = le_u32(input->data + 16);
    m->kind = type / 10 % 10;
    if (type > 59 || type % 10 != 0 || m->kind > 5 || imaginary != 0 || name < 1 || name > 64 || rows == 0 || columns == 0) return false;
    m->rows = rows;
    m->columns = columns;
    m->width = width4[m->kind];
    size_t left = input->size - 20;
    if (name > left) return false;
    m->data = input->data + 20 + name;
    return m->data[-1] == '\0';
}

static double element4(const matrix4 *m, size_t k)
{
    const uint8_t *p = m->data + k * m->width;
    switch (m->kind) {
    case 0:
        return le_f64(p);
    case 1:
        return (double)le_f32(p);
    case 2:
        return le_i32(p);
    case 3:
        return le_i16(p);
    case 4:
        return le_u16(p);
    default:
        return *p;
    }
}

static pclr_status build(pclr_record **record, const format_input *input, const double *value, size_t rows, size_t columns, double rate,
                         pclr_error *error)
{
    bool rows_are_leads = columns >= rows;
    array_source a = {.value = value,
                      .leads = rows_are_leads ? rows : columns,
                      .samples = rows_are_leads ? columns : rows,
                      .lead_stride = rows_are_leads ? 1 : rows,
                      .sample_stride = rows_are_leads ? rows : 1,
                      .rate = rate};
    return array_to_record(record, input, &a, error);
}

static pclr_status read_matlab4(pclr_record **record, const format_input *input, pclr_error *error)
{
    matrix4 m;
    double *value = NULL;

    if (!parse_matrix4(input, &m)) return error_set(error, PCLR_E_FORMAT, "%s: no MATLAB-4 matrix; the file is damaged", input->path);
    size_t there = input->size - (size_t)(m.data - input->data);
    if (m.rows > there / m.width / m.columns) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: %zu x %zu elements; expected as many as fit in the file's %zu bytes; it is cut off, get it again",
                         input->path, m.rows, m.columns, input->size);
    }
    TRY(mem_alloc(&value, m.rows * m.columns, sizeof *value, error));
    for (size_t k = 0; k < m.rows * m.columns; k++) value[k] = element4(&m, k);
    pclr_status status = build(record, input, value, m.rows, m.columns, 0, error);
    mem_free(value);
    return status;
}

static bool probe_matlab4(const format_input *input)
{
    matrix4 m;
    return parse_matrix4(input, &m);
}

/* ---- version 5 ---- */

static bool is_matrix(const matvar_t *v)
{
    return v && v->rank == 2 && !v->isComplex && v->data && v->dims[0] > 0 && v->dims[1] > 0 &&
           (v->class_type == MAT_C_DOUBLE || v->class_type == MAT_C_SINGLE ||
            (v->class_type >= MAT_C_INT8 && v->class_type <= MAT_C_UINT64));
}

static double element5(const matvar_t *v, size_t k)
{
    switch (v->data_type) {
    case MAT_T_DOUBLE:
        return ((const double *)v->data)[k];
    case MAT_T_SINGLE:
        return (double)((const float *)v->data)[k];
    case MAT_T_INT8:
        return ((const int8_t *)v->data)[k];
    case MAT_T_UINT8:
        return ((const uint8_t *)v->data)[k];
    case MAT_T_INT16:
        return ((const int16_t *)v->data)[k];
    case MAT_T_UINT16:
        return ((const uint16_t *)v->data)[k];
    case MAT_T_INT32:
        return ((const int32_t *)v->data)[k];
    case MAT_T_UINT32:
        return ((const uint32_t *)v->data)[k];
    case MAT_T_INT64:
        return (double)((const int64_t *)v->data)[k];
    case MAT_T_UINT64:
        return (double)((const uint64_t *)v->data)[k];
    default:
        return NAN;
    }
}

/* The whole size that a variable announces, its fields' with it, before any of it is inflated. */
static uint64_t announced(const matvar_t *v, int depth)
{
    uint64_t elements = 1, sum = 0;

    for (int k = 0; k < v->rank; k++) {
        if (v->dims[k] > 0 && elements > RECORD_VALUES_MAX * 8 / v->dims[k]) return UINT64_MAX;
        elements *= v->dims[k];
    }
    bool parts = v->class_type == MAT_C_STRUCT || v->class_type == MAT_C_CELL;
    if (!parts || !v->data || v->data_size == 0 || depth == 0) return elements;
    for (size_t k = 0; k < v->nbytes / (size_t)v->data_size; k++) {
        const matvar_t *part = ((matvar_t *const *)v->data)[k];
        uint64_t n = part ? announced(part, depth - 1) : 0;
        if (n > UINT64_MAX / 2 - sum) return UINT64_MAX;
        sum += n;
    }
    return sum;
}

/* Reads a variable that the file can hold; NULL: there is none of the name, or it cannot be. */
static matvar_t *read_named(mat_t *file, const format_input *input, const char *name, pclr_error *error, pclr_status *status)
{
    matvar_t *v = Mat_VarReadInfo(file, name);

    *status = PCLR_OK;
    if (!v) return NULL;
    *status = record_check_expansion(input->path, announced(v, 4), input->size, error);
    Mat_VarFree(v);
    if (*status != PCLR_OK) return NULL;
    Mat_Rewind(file);
    return Mat_VarRead(file, name);
}

static double scalar_named(mat_t *file, const format_input *input, const char *const *names)
{
    double value = 0;
    pclr_status status;
    for (; *names && value == 0; names++) {
        matvar_t *v = read_named(file, input, *names, NULL, &status);
        if (is_matrix(v) && v->dims[0] == 1 && v->dims[1] == 1) value = element5(v, 0);
        Mat_VarFree(v);
    }
    return value;
}

static pclr_status build5(pclr_record **record, const format_input *input, const matvar_t *v, double rate, pclr_error *error)
{
    size_t rows = v->dims[0], columns = v->dims[1];
    double *value = NULL;

    TRY(record_check_size(input->path, rows < columns ? rows : columns, rows < columns ? columns : rows, error));
    TRY(mem_alloc(&value, rows * columns, sizeof *value, error));
    for (size_t k = 0; k < rows * columns; k++) value[k] = element5(v, k);
    pclr_status status = build(record, input, value, rows, columns, rate, error);
    mem_free(value);
    return status;
}

/* Challenge 2020's first release: a structure with data, age, sex. */
static pclr_status build_structure(pclr_record **record, const format_input *input, matvar_t *v, double rate, pclr_error *error)
{
    matvar_t *data = Mat_VarGetStructFieldByName(v, "data", 0), *age = Mat_VarGetStructFieldByName(v, "age", 0),
             *sex = Mat_VarGetStructFieldByName(v, "sex", 0);

    if (!is_matrix(data))
        return error_set(error, PCLR_E_DATA, "%s: structure %s has no matrix \"data\"; expected one", input->path, v->name);
    TRY(build5(record, input, data, rate, error));
    if (is_matrix(age)) TRY(record_set_age(*record, element5(age, 0), error));
    if (sex && sex->class_type == MAT_C_CHAR && sex->data && sex->nbytes > 0) {
        char first[2] = {*(const char *)sex->data, '\0'};
        (*record)->sex = sex_from_text(first);
    }
    return PCLR_OK;
}

static pclr_status read_variables(pclr_record **record, const format_input *input, mat_t *file, pclr_error *error)
{
    static const char *const names[] = {"val", "ecg", "ECG", "data", "feats", "signal", NULL};
    static const char *const rates[] = {"fs", "Fs", "curr_sample_rate", "sampling_rate", NULL};
    double rate = scalar_named(file, input, rates);

    for (size_t k = 0; names[k]; k++) {
        pclr_status status;
        matvar_t *v = read_named(file, input, names[k], error, &status);
        if (status != PCLR_OK) return status;
        bool structure = v && v->class_type == MAT_C_STRUCT;
        if (!structure && !is_matrix(v)) {
            Mat_VarFree(v);
            continue;
        }
        status = structure ? build_structure(record, input, v, rate, error) : build5(record, input, v, rate, error);
        Mat_VarFree(v);
        return status;
    }
    return error_set(error, PCLR_E_DATA, "%s: no variable val, ecg, ECG, data, feats or signal with a matrix; expected one; rename it",
                     input->path);
}

static pclr_status read_matlab5(pclr_record **record, const format_input *input, pclr_error *error)
{
    TRY(matlab5_check_nesting(input, error));
    mat_t *file = Mat_Open(input->path, MAT_ACC_RDONLY);
    if (!file) return error_set(error, PCLR_E_FORMAT, "%s: matio cannot open it; expected a MATLAB 5 file; it is damaged", input->path);
    pclr_status status = read_variables(record, input, file, error);
    Mat_Close(file);
    return status;
}

static bool probe_matlab5(const format_input *input)
{
    return input->size >= 128 && memcmp(input->data, "MATLAB ", 7) == 0;
}

const record_format record_format_matlab4 = {"matlab4", ".mat", probe_matlab4, read_matlab4, false, NULL, NULL};
const record_format record_format_matlab5 = {"matlab5", ".mat", probe_matlab5, read_matlab5, false, NULL, NULL};
