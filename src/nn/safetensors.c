/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safetensors: 8 bytes little-endian length n of the header, n bytes of JSON {"name": {"dtype", "shape", "data_offsets"}, ...,
 * "__metadata__": {text: text}}, then the data. Everything read from a file is checked before it is used.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "nn/nn.h"

#define HEADER_LIMIT ((uint64_t)100 << 20) /* as in the reference implementation */

static const struct {
    const char *name;
    size_t size;
} types[] = {{"F64", 8}, {"I64", 8}, {"F32", 4}, {"I32", 4}, {"U8", 1}};

static size_t type_size(const char *dtype)
{
    for (size_t k = 0; dtype && k < sizeof types / sizeof types[0]; k++)
        if (strcmp(types[k].name, dtype) == 0) return types[k].size;
    return 0;
}

static const char *type_name(const char *dtype)
{
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++)
        if (strcmp(types[k].name, dtype) == 0) return types[k].name;
    return NULL;
}

/* ---- writing ---- */

typedef struct entry {
    char *name;
    const char *dtype;
    nn_shape shape;
    const void *data;
    size_t bytes;
} entry;

struct st_writer {
    entry *item;
    size_t items;
    json_t *metadata;
};

pclr_status st_writer_create(st_writer **w, pclr_error *error)
{
    *w = NULL;
    st_writer *writer = NULL;
    TRY(mem_alloc(&writer, 1, sizeof *writer, error));
    writer->metadata = json_object();
    if (!writer->metadata) {
        mem_free(writer);
        return error_memory(error, sizeof *writer);
    }
    *w = writer;
    return PCLR_OK;
}

void st_writer_destroy(st_writer **w)
{
    if (!w || !*w) return;
    for (size_t k = 0; k < (*w)->items; k++) mem_free((*w)->item[k].name);
    mem_free((*w)->item);
    json_decref((*w)->metadata);
    mem_free(*w);
    *w = NULL;
}

pclr_status st_writer_metadata(st_writer *w, const char *key, const char *value, pclr_error *error)
{
    if (json_object_set_new(w->metadata, key, json_string(value)) != 0)
        return error_set(error, PCLR_E_ARGUMENT, "safetensors metadata \"%s\": not UTF-8 text, or no memory", key);
    return PCLR_OK;
}

pclr_status st_writer_add(st_writer *w, const char *name, const char *dtype, nn_shape shape, const void *data, pclr_error *error)
{
    size_t size = type_size(dtype);
    if (size == 0) return error_set(error, PCLR_E_ARGUMENT, "tensor \"%s\": data type %s; expected F64, F32, I64, I32 or U8", name, dtype);
    for (size_t k = 0; k < w->items; k++)
        if (strcmp(w->item[k].name, name) == 0) return error_set(error, PCLR_E_ARGUMENT, "tensor \"%s\" was added twice", name);
    TRY(mem_grow(&w->item, w->items, w->items + 1, sizeof *w->item, error));
    entry *e = &w->item[w->items];
    TRY(mem_strdup(&e->name, name, error));
    e->dtype = type_name(dtype);
    e->shape = shape;
    e->data = data;
    e->bytes = (size_t)nn_shape_size(shape) * size;
    w->items++;
    return PCLR_OK;
}

/* Wide elements first, then by name: every tensor lies at a multiple of its element size. */
static int compare_entries(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    size_t sx = type_size(x->dtype), sy = type_size(y->dtype);
    if (sx != sy) return sx > sy ? -1 : 1;
    return strcmp(x->name, y->name);
}

static json_t *describe(const entry *e, size_t begin)
{
    json_t *shape = json_array();
    for (int k = 0; k < e->shape.rank; k++) json_array_append_new(shape, json_integer(e->shape.n[k]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", e->dtype, "shape", shape, "data_offsets", (json_int_t)begin, (json_int_t)(begin + e->bytes));
}

/* Header text padded with blanks to a multiple of 8, from malloc; NULL: no memory. */
static char *make_header(st_writer *w, size_t *length)
{
    json_t *root = json_object();
    size_t offset = 0;
    if (json_object_size(w->metadata) > 0) json_object_set(root, "__metadata__", w->metadata);
    for (size_t k = 0; k < w->items; k++) {
        json_object_set_new(root, w->item[k].name, describe(&w->item[k], offset));
        offset += w->item[k].bytes;
    }
    char *json = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER), *padded = NULL;
    json_decref(root);
    if (!json) return NULL;
    size_t n = strlen(json);
    *length = (n + 7) / 8 * 8;
    padded = malloc(*length + 1);
    if (padded) {
        memcpy(padded, json, n);
        memset(padded + n, ' ', *length - n);
        padded[*length] = '\0';
    }
    free(json);
    return padded;
}

pclr_status st_writer_write(st_writer *w, const char *path, pclr_error *error)
{
    file_out out;
    size_t length = 0;
    if (w->items > 1) qsort(w->item, w->items, sizeof *w->item, compare_entries);
    char *header = make_header(w, &length);
    if (!header) return error_memory(error, length);
    pclr_status status = file_out_open(&out, path, error);
    if (status == PCLR_OK) {
        uint8_t size[8];
        for (int k = 0; k < 8; k++) size[k] = (uint8_t)((uint64_t)length >> (8 * k));
        fwrite(size, 1, 8, out.stream); /* errors are remembered by the stream and told by the commit */
        fwrite(header, 1, length, out.stream);
        for (size_t k = 0; k < w->items; k++)
            if (w->item[k].bytes > 0) fwrite(w->item[k].data, 1, w->item[k].bytes, out.stream);
        status = file_out_commit(&out, error);
    }
    free(header);
    return status;
}

/* ---- reading ---- */

struct st_file {
    file_map map;
    json_t *root;
    st_tensor *tensor;
    size_t tensors;
};

static pclr_status read_shape(const json_t *list, nn_shape *shape, int64_t *size, const char *where, pclr_error *error)
{
    size_t rank = json_array_size(list);
    *size = 1;
    *shape = nn_shape0();
    if (!json_is_array(list) || rank > NN_MAX_RANK)
        return error_set(error, PCLR_E_UNSUPPORTED, "%s: the shape has %zu axes; at most %d are supported", where, rank, NN_MAX_RANK);
    shape->rank = (int)rank;
    for (size_t k = 0; k < rank; k++) {
        json_t *axis = json_array_get(list, k);
        int64_t n = json_is_integer(axis) ? json_integer_value(axis) : -1;
        if (n < 0 || (n > 0 && *size > ((int64_t)1 << 40) / n)) return error_set(error, PCLR_E_FORMAT, "%s: axis %zu of the shape is not a sensible size", where, k);
        shape->n[k] = n;
        *size *= n;
    }
    return PCLR_OK;
}

static pclr_status read_tensor(const char *path, const uint8_t *data, uint64_t data_size, const char *name, const json_t *value, st_tensor *out, pclr_error *error)
{
    char where[512];
    snprintf(where, sizeof where, "%s: tensor \"%.200s\"", path, name);
    const json_t *offsets = json_object_get(value, "data_offsets");
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    size_t element = type_size(dtype);
    if (element == 0) return error_set(error, PCLR_E_UNSUPPORTED, "%s: data type %s; expected F64, F32, I64, I32 or U8", where, dtype ? dtype : "(none)");
    int64_t size;
    TRY(read_shape(json_object_get(value, "shape"), &out->shape, &size, where, error));
    json_int_t begin = json_integer_value(json_array_get(offsets, 0)), end = json_integer_value(json_array_get(offsets, 1));
    bool inside = json_array_size(offsets) == 2 && begin >= 0 && end >= begin && (uint64_t)end <= data_size;
    if (!inside || (uint64_t)(end - begin) != (uint64_t)size * element)
        return error_set(error, PCLR_E_FORMAT, "%s: data at %lld to %lld; expected %lld bytes within the file's %llu; the file is damaged or cut short", where,
                         (long long)begin, (long long)end, (long long)(size * (int64_t)element), (unsigned long long)data_size);
    if (((uintptr_t)(data + begin)) % element != 0) return error_set(error, PCLR_E_UNSUPPORTED, "%s: data not aligned to its element size; save the file again", where);
    out->name = name;
    out->dtype = type_name(dtype);
    out->data = data + begin;
    out->bytes = (size_t)(end - begin);
    return PCLR_OK;
}

static pclr_status read_header(st_file *f, const char *path, pclr_error *error)
{
    uint64_t length = 0;
    if (f->map.size < 8) return error_set(error, PCLR_E_FORMAT, "%s: %zu bytes; a safetensors file has at least 8", path, f->map.size);
    for (int k = 0; k < 8; k++) length |= (uint64_t)f->map.data[k] << (8 * k);
    if (length > HEADER_LIMIT || length > f->map.size - 8)
        return error_set(error, PCLR_E_FORMAT, "%s: header of %llu bytes in a file of %zu; not a safetensors file, or cut short", path, (unsigned long long)length, f->map.size);
    json_error_t problem;
    f->root = json_loadb((const char *)f->map.data + 8, (size_t)length, JSON_REJECT_DUPLICATES, &problem);
    if (!f->root || !json_is_object(f->root)) return error_set(error, PCLR_E_FORMAT, "%s: the header is not a JSON object: %s", path, f->root ? "" : problem.text);
    TRY(mem_alloc(&f->tensor, json_object_size(f->root), sizeof *f->tensor, error));
    const uint8_t *data = f->map.data + 8 + length;
    const char *name;
    json_t *value;
    json_object_foreach(f->root, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        TRY(read_tensor(path, data, f->map.size - 8 - length, name, value, &f->tensor[f->tensors], error));
        f->tensors++;
    }
    return PCLR_OK;
}

pclr_status st_open(st_file **file, const char *path, pclr_error *error)
{
    *file = NULL;
    st_file *f = NULL;
    TRY(mem_alloc(&f, 1, sizeof *f, error));
    pclr_status status = file_map_open(&f->map, path, error);
    if (status == PCLR_OK) status = read_header(f, path, error);
    if (status == PCLR_OK)
        *file = f;
    else
        st_close(&f);
    return status;
}

void st_close(st_file **f)
{
    if (!f || !*f) return;
    file_map_close(&(*f)->map);
    json_decref((*f)->root);
    mem_free((*f)->tensor);
    mem_free(*f);
    *f = NULL;
}

size_t st_count(const st_file *f)
{
    return f->tensors;
}

st_tensor st_at(const st_file *f, size_t k)
{
    return k < f->tensors ? f->tensor[k] : (st_tensor){0};
}

bool st_find(const st_file *f, const char *name, st_tensor *tensor)
{
    for (size_t k = 0; k < f->tensors; k++) {
        if (strcmp(f->tensor[k].name, name) != 0) continue;
        if (tensor) *tensor = f->tensor[k];
        return true;
    }
    return false;
}

const char *st_metadata(const st_file *f, const char *key)
{
    return json_string_value(json_object_get(json_object_get(f->root, "__metadata__"), key));
}
