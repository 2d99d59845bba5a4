/* SPDX-License-Identifier: Apache-2.0 */
/* File: "PCLRJRN1", the key, then entries: length of the body (uint32), body, FNV-1a hash of the body (uint64); numbers as the machine has
 * them. */
#include "dataset/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

enum { KEY = 64, HEAD = 8 + KEY, FRAME = 4 + 8, ABSENT = UINT32_MAX };

static const char magic[9] = "PCLRJRN1";

struct journal {
    char *path;
    int descriptor;
    char *content; /* what the file held on opening */
    size_t *entry; /* [count] offsets of bodies in content */
    size_t count, capacity;
    text pending;
};

/* ---- entry <-> bytes ---- */

static void put(text *t, const void *value, size_t size)
{
    text_add_bytes(t, value, size);
}

static void put_text(text *t, const char *s)
{
    uint32_t n = s ? (uint32_t)strlen(s) : ABSENT;
    put(t, &n, sizeof n);
    if (s) put(t, s, (size_t)n + 1); /* with its NUL: entries are read in place */
}

static void take(const char **p, void *value, size_t size)
{
    memcpy(value, *p, size);
    *p += size;
}

static const char *take_text(const char **p)
{
    uint32_t n;
    take(p, &n, sizeof n);
    if (n == ABSENT) return NULL;
    const char *s = *p;
    *p += (size_t)n + 1;
    return s;
}

/* The fixed members in their order; `each` is put or take. */
#define FIXED_MEMBERS(each, where, e)                                                                                                      \
    each(where, &(e)->outcome, sizeof(e)->outcome);                                                                                        \
    each(where, &(e)->length, sizeof(e)->length);                                                                                          \
    each(where, &(e)->bytes, sizeof(e)->bytes);                                                                                            \
    each(where, &(e)->source_rate, sizeof(e)->source_rate);                                                                                \
    each(where, &(e)->lead_mask, sizeof(e)->lead_mask);                                                                                    \
    each(where, &(e)->warnings, sizeof(e)->warnings);                                                                                      \
    each(where, &(e)->hash, sizeof(e)->hash);                                                                                              \
    each(where, &(e)->offset_removed, sizeof(e)->offset_removed);                                                                          \
    each(where, &(e)->sex, sizeof(e)->sex);                                                                                                \
    each(where, &(e)->age, sizeof(e)->age)

void journal_get(const journal *j, size_t k, journal_entry *out)
{
    const char *p = j->content + j->entry[k];

    FIXED_MEMBERS(take, &p, out);
    out->patient = take_text(&p);
    out->diagnoses = take_text(&p);
    out->comments = take_text(&p);
    out->time = take_text(&p);
    out->reason = take_text(&p);
}

void journal_add(journal *j, const journal_entry *e)
{
    text body = {0};

    FIXED_MEMBERS(put, &body, e);
    put_text(&body, e->patient);
    put_text(&body, e->diagnoses);
    put_text(&body, e->comments);
    put_text(&body, e->time);
    put_text(&body, e->reason);
    uint32_t length = (uint32_t)body.length;
    uint64_t hash = hash_fnv1a(body.data ? body.data : "", body.length);
    if (body.failed) j->pending.failed = true;
    put(&j->pending, &length, sizeof length);
    put(&j->pending, body.data, body.length);
    put(&j->pending, &hash, sizeof hash);
    text_free(&body);
}

/* ---- the file ---- */

static pclr_status write_all(const journal *j, const char *data, size_t size, pclr_error *error)
{
    while (size > 0) {
        ssize_t n = write(j->descriptor, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_io(error, j->path, "write", errno);
        data += n;
        size -= (size_t)n;
    }
    return PCLR_OK;
}

static pclr_status note_entry(journal *j, size_t offset, pclr_error *error)
{
    if (j->count == j->capacity) {
        size_t larger = j->capacity ? 2 * j->capacity : 1024;
        TRY(mem_grow(&j->entry, j->capacity, larger, sizeof *j->entry, error));
        j->capacity = larger;
    }
    j->entry[j->count++] = offset;
    return PCLR_OK;
}

/* Lists the whole entries of content[size]. */
static pclr_status index_entries(journal *j, size_t size, pclr_error *error)
{
    for (size_t at = HEAD; size - at >= FRAME;) {
        uint32_t length;
        uint64_t hash;
        memcpy(&length, j->content + at, sizeof length);
        if (length > size - at - FRAME) break;
        memcpy(&hash, j->content + at + 4 + length, sizeof hash);
        if (hash != hash_fnv1a(j->content + at + 4, length)) break;
        TRY(note_entry(j, at + 4, error));
        at += FRAME + length;
    }
    return PCLR_OK;
}

static pclr_status begin_anew(journal *j, const char *key, pclr_error *error)
{
    if (ftruncate(j->descriptor, 0) != 0 || lseek(j->descriptor, 0, SEEK_SET) != 0) return error_io(error, j->path, "write", errno);
    TRY(write_all(j, magic, 8, error));
    return write_all(j, key, KEY, error);
}

static pclr_status open_parts(journal *j, const char *path, const char *key, pclr_error *error)
{
    size_t size = 0;

    TRY(mem_strdup(&j->path, path, error));
    if (file_exists(path)) TRY(file_read(path, (size_t)1 << 36, &j->content, &size, error));
    j->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->descriptor < 0) return error_io(error, path, "create", errno);
    bool same = size >= HEAD && memcmp(j->content, magic, 8) == 0 && memcmp(j->content + 8, key, KEY) == 0;
    if (!same) return begin_anew(j, key, error);
    TRY(index_entries(j, size, error));
    return journal_cut(j, j->count, error);
}

pclr_status journal_open(journal **out, const char *path, const char *key, pclr_error *error)
{
    TRY(mem_alloc(out, 1, sizeof **out, error));
    (*out)->descriptor = -1;
    pclr_status status = open_parts(*out, path, key, error);
    if (status != PCLR_OK) journal_close(out, true);
    return status;
}

size_t journal_count(const journal *j)
{
    return j->count;
}

pclr_status journal_cut(journal *j, size_t count, pclr_error *error)
{
    size_t end = HEAD;

    if (count > 0) {
        uint32_t length;
        memcpy(&length, j->content + j->entry[count - 1] - 4, sizeof length);
        end = j->entry[count - 1] + length + 8;
    }
    j->count = count;
    if (ftruncate(j->descriptor, (off_t)end) != 0 || lseek(j->descriptor, (off_t)end, SEEK_SET) < 0)
        return error_io(error, j->path, "write", errno);
    return PCLR_OK;
}

pclr_status journal_flush(journal *j, pclr_error *error)
{
    if (j->pending.length == 0 && !j->pending.failed) return PCLR_OK;
    TRY(text_ok(&j->pending, error));
    TRY(write_all(j, j->pending.data, j->pending.length, error));
    j->pending.length = 0;
    return PCLR_OK;
}

void journal_close(journal **journal_address, bool keep)
{
    if (!journal_address || !*journal_address) return;
    journal *j = *journal_address;
    if (j->descriptor >= 0) {
        close(j->descriptor);
        if (!keep) unlink(j->path);
    }
    text_free(&j->pending);
    mem_free(j->content);
    mem_free(j->entry);
    mem_free(j->path);
    mem_release(journal_address);
}
