/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How deep cells and structures lie within each other in a MATLAB 5 file (MAT-File Format, MathWorks): a walk over the tags of its data
 * elements, through zlib where a variable is compressed. Values are passed over.
 */
#include "record/formats/matlab.h"

#include <string.h>
#include <zlib.h>

#include "record/formats/bytes.h"

enum { MI_UINT32 = 6, MI_MATRIX = 14, MI_COMPRESSED = 15 };
enum { CLASS_CELL = 1, CLASS_STRUCT = 2, CLASS_OBJECT = 3, CLASS_FUNCTION = 16 };
enum { HEADER = 128, TAG = 8, DEPTH_MAX = 16, INFLATED_MAX = 128 << 20 };

typedef struct source {
    const uint8_t *data;
    size_t left;       /* bytes of data; of what they inflate to where z is set */
    z_stream *z;       /* NULL: plain */
    bool other_endian; /* big */
} source;

typedef struct tag {
    uint32_t type, size;
    bool small; /* the data lie in the tag */
} tag;

/* The next n bytes; out NULL: passed over. false: there are not so many. */
static bool take(source *s, uint8_t *out, size_t n)
{
    uint8_t unused[16384];

    if (n > s->left) return false;
    s->left -= n;
    if (!s->z) {
        if (out) memcpy(out, s->data, n);
        s->data += n;
        return true;
    }
    while (n > 0) {
        size_t part = !out && n > sizeof unused ? sizeof unused : n;
        s->z->next_out = out ? out : unused;
        s->z->avail_out = (uInt)part;
        while (s->z->avail_out > 0) {
            if (inflate(s->z, Z_SYNC_FLUSH) != Z_OK && s->z->avail_out > 0) return false;
        }
        n -= part;
    }
    return true;
}

static uint32_t number(const source *s, const uint8_t *p)
{
    return s->other_endian ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : le_u32(p);
}

static bool take_tag(source *s, tag *t)
{
    uint8_t bytes[TAG];

    if (!take(s, bytes, TAG)) return false;
    t->type = number(s, bytes);
    t->size = number(s, bytes + 4);
    t->small = t->type >> 16 != 0;
    if (t->small) t->size = t->type >> 16, t->type &= 0xffff;
    return true;
}

static size_t padded(const tag *t)
{
    return t->small ? 0 : ((size_t)t->size + 7) / 8 * 8;
}

/* A matrix of `size` bytes. false: too deep, or what it announces does not fit into it. */
static bool walk_matrix(source *s, size_t size, int depth)
{
    uint8_t flags[8];
    tag t = {0};

    if (depth > DEPTH_MAX || size > s->left) return false;
    if (size == 0) return true; /* an empty cell */
    size_t after = s->left - size;
    if (!take_tag(s, &t) || t.type != MI_UINT32 || t.size != sizeof flags || !take(s, flags, sizeof flags)) return false;
    uint8_t kind = number(s, flags) & 0xff;
    bool parts = kind == CLASS_CELL || kind == CLASS_STRUCT || kind == CLASS_OBJECT || kind == CLASS_FUNCTION;
    while (parts && s->left >= after + TAG) {
        if (!take_tag(s, &t) || padded(&t) > s->left - after) return false;
        if (t.type == MI_MATRIX ? !walk_matrix(s, padded(&t), depth + 1) : !take(s, NULL, padded(&t))) return false;
    }
    if (s->left < after) return false;
    return depth == 0 || take(s, NULL, s->left - after); /* nothing is read behind a variable */
}

/* A compressed variable is a matrix of its own. */
static bool walk_compressed(const uint8_t *data, size_t size, bool other_endian)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    source s = {.left = INFLATED_MAX, .z = &z, .other_endian = other_endian};
    tag t = {0};

    if (inflateInit(&z) != Z_OK) return false;
    bool good = take_tag(&s, &t) && t.type == MI_MATRIX && walk_matrix(&s, padded(&t), 0);
    inflateEnd(&z);
    return good;
}

pclr_status matlab5_check_nesting(const format_input *input, pclr_error *error)
{
    source s = {.data = input->data + HEADER, .left = input->size - HEADER, .other_endian = input->data[126] == 'M'};
    tag t = {0};

    while (s.left >= TAG) {
        size_t at = input->size - s.left;
        bool good = take_tag(&s, &t);
        size_t size = t.type == MI_COMPRESSED ? t.size : padded(&t);
        if (size > s.left) size = s.left; /* cut off: matio tells */
        if (t.type == MI_COMPRESSED) good = walk_compressed(s.data, size, s.other_endian);
        if (t.type == MI_MATRIX) {
            source inside = s;
            good = walk_matrix(&inside, size, 0);
        }
        if (!good) {
            return error_set(error, PCLR_E_FORMAT,
                             "%s: byte %zu: a variable whose parts do not fit into it, or lie more than %d deep; expected arrays, or "
                             "structures of them; the file is damaged",
                             input->path, at, DEPTH_MAX);
        }
        take(&s, NULL, size);
    }
    return PCLR_OK;
}
