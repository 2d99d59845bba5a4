/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy arrays (NPY 1.0 to 3.0): one or two axes, little-endian integers and floats, either order. The longer axis is time. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "record/formats/bytes.h"
#include "record/formats/common.h"

typedef struct npy_header {
    char kind;    /* 'i', 'u', 'f' */
    size_t width; /* bytes an element */
    bool fortran;
    size_t axis[2];
    size_t axes, data; /* data: offset of the elements */
} npy_header;

static pclr_status parse_shape(const char *path, const char *dict, npy_header *h, pclr_error *error)
{
    const char *p = strstr(dict, "'shape':");
    int64_t n;

    p = p ? strchr(p, '(') : NULL;
    h->axis[1] = 1;
    for (p = p ? p + 1 : NULL; p && *p && *p != ')';) {
        while (*p == ' ' || *p == ',') p++;
        if (*p == ')') break;
        if (!scan_int(&p, &n) || n < 1 || n > INT64_MAX / 4096 || h->axes == 2) {
            return error_set(error, PCLR_E_FORMAT, "%s: shape %.40s; expected one or two positive numbers; save [samples][leads]", path,
                             strstr(dict, "'shape':"));
        }
        h->axis[h->axes++] = (size_t)n;
    }
    return h->axes ? PCLR_OK
                   : error_set(error, PCLR_E_FORMAT, "%s: NPY header without shape; expected (samples, leads); the file is damaged", path);
}

static pclr_status parse_header(const format_input *input, npy_header *h, pclr_error *error)
{
    const uint8_t *d = input->data;
    size_t start = input->size > 6 && d[6] >= 2 ? 12 : 10;
    size_t length = input->size >= 12 ? (start == 12 ? le_u32(d + 8) : le_u16(d + 8)) : SIZE_MAX;
    char *dict = NULL;

    if (length > input->size || start > input->size - length || length > 65536) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: byte 8: NPY header of %zu bytes; expected one that lies in the file of %zu; it is cut off, get it again",
                         input->path, length, input->size);
    }
    h->data = start + length;
    TRY(mem_strndup(&dict, (const char *)d + start, length, error));
    const char *type = strstr(dict, "'descr':");
    type = type ? strchr(type + 8, '\'') : NULL;
    bool known =
        type && (type[1] == '<' || type[1] == '|') && strchr("iuf", type[2]) && type[2] && strchr("1248", type[3]) && type[3] && type[4] == '\'';
    pclr_status status =
        known ? PCLR_OK
              : error_set(error, PCLR_E_UNSUPPORTED, "%s: element type %.12s; expected little-endian integers or floats; convert it",
                          input->path, type ? type : "?");
    if (known) {
        h->kind = type[2];
        h->width = (size_t)(type[3] - '0');
        h->fortran = strstr(dict, "'fortran_order': True") != NULL;
        status = h->kind == 'f' && h->width < 4
                     ? error_set(error, PCLR_E_UNSUPPORTED, "%s: half-precision floats; expected f4 or f8; convert it", input->path)
                     : parse_shape(input->path, dict, h, error);
    }
    mem_free(dict);
    return status;
}

static double element(const npy_header *h, const uint8_t *p)
{
    if (h->kind == 'f') return h->width == 8 ? le_f64(p) : (double)le_f32(p);
    switch (h->width) {
    case 1:
        return h->kind == 'u' ? (double)*p : (double)(int8_t)*p;
    case 2:
        return h->kind == 'u' ? (double)le_u16(p) : (double)le_i16(p);
    case 4:
        return h->kind == 'u' ? (double)le_u32(p) : (double)le_i32(p);
    default: {
        uint64_t v = (uint64_t)le_u32(p) | (uint64_t)le_u32(p + 4) << 32;
        return h->kind == 'u' ? (double)v : (double)(int64_t)v;
    }
    }
}

static pclr_status read_npy(pclr_record **record, const format_input *input, pclr_error *error)
{
    npy_header h = {0};
    double *value = NULL;

    TRY(parse_header(input, &h, error));
    if (h.axis[0] > (input->size - h.data) / h.width / h.axis[1]) {
        return error_set(error, PCLR_E_FORMAT,
                         "%s: %zu x %zu elements; expected as many as fit in the file's %zu bytes; it is cut off, get it again",
                         input->path, h.axis[0], h.axis[1], input->size);
    }
    size_t count = h.axis[0] * h.axis[1];
    TRY(mem_alloc(&value, count, sizeof *value, error));
    for (size_t k = 0; k < count; k++) value[k] = element(&h, input->data + h.data + k * h.width);
    bool time_first = h.axis[0] >= h.axis[1];
    size_t stride0 = h.fortran ? 1 : h.axis[1], stride1 = h.fortran ? h.axis[0] : 1;
    array_source a = {.value = value,
                      .leads = time_first ? h.axis[1] : h.axis[0],
                      .samples = time_first ? h.axis[0] : h.axis[1],
                      .lead_stride = time_first ? stride1 : stride0,
                      .sample_stride = time_first ? stride0 : stride1};
    pclr_status status = array_to_record(record, input, &a, error);
    mem_free(value);
    return status;
}

static bool probe_npy(const format_input *input)
{
    return input->size >= 10 && memcmp(input->data, "\x93NUMPY", 6) == 0;
}

const record_format record_format_npy = {"npy", ".npy", probe_npy, read_npy, false, NULL, NULL};
