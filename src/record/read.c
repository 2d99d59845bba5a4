/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a recording of any known format, and finding all recordings under folders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "record/formats/format.h"

/* ---- one recording ---- */

/* "x" -> "x.hea" where that exists; "archive.hdf5#17" -> file and member. */
static pclr_status resolve(const char *path, char **file, char **member, pclr_error *error)
{
    *file = *member = NULL;
    if (strcmp(path_extension(path), ".hea") == 0) return mem_strdup(file, path, error);
    TRY(mem_printf(file, error, "%s.hea", path));
    if (file_exists(*file) && !file_is_folder(*file)) return PCLR_OK;
    mem_release(file);
    const char *hash = strrchr(path, '#');
    if (file_exists(path) || !hash) return mem_strdup(file, path, error);
    TRY(mem_strndup(file, path, (size_t)(hash - path), error));
    return mem_strdup(member, hash + 1, error);
}

/* Cuts out the window of the options where the reader has read everything. */
static pclr_status crop(pclr_record *r, const format_input *input, pclr_error *error)
{
    int64_t first = input->options->first, count = input->options->count, samples = (int64_t)r->samples;

    if (first == 0 && count == 0) return PCLR_OK;
    if (first < 0 || first >= samples || count < 0) {
        return error_set(error, PCLR_E_ARGUMENT, "%s: first sample %lld; the recording has %lld", input->path, (long long)first,
                         (long long)samples);
    }
    size_t n = (size_t)(count == 0 || count > samples - first ? samples - first : count);
    for (size_t k = 0; k < r->leads; k++) {
        memmove(r->signal + k * n, r->signal + k * r->samples + first, n * sizeof *r->signal);
        if (r->valid) memmove(r->valid + k * n, r->valid + k * r->samples + first, n);
    }
    r->samples = n;
    return PCLR_OK;
}

static bool has_extension(const char *extensions, const char *extension)
{
    size_t n = strlen(extension);
    for (const char *p = extensions; n > 1 && *p; p += strcspn(p, " ")) {
        while (*p == ' ') p++;
        if (strncasecmp(p, extension, n) == 0 && (p[n] == ' ' || p[n] == '\0')) return true;
    }
    return false;
}

/* A format of the file's ending may tell what is wrong with it; else its first bytes are shown. */
static pclr_status refuse_unknown(const format_input *input, pclr_error *error)
{
    char begin[24];

    for (size_t k = 0; record_formats[k]; k++) {
        if (record_formats[k]->refuse && has_extension(record_formats[k]->extensions, path_extension(input->path)))
            return record_formats[k]->refuse(input, error);
    }
    size_t n = input->size < sizeof begin - 1 ? input->size : sizeof begin - 1;
    for (size_t i = 0; i < n; i++) begin[i] = input->data[i] >= 0x20 && input->data[i] < 0x7f ? (char)input->data[i] : '.';
    begin[n] = '\0';
    return error_set(
        error, PCLR_E_UNSUPPORTED,
        "%s: byte 0: \"%s\" begins no known format; expected one of those in docs/formats.md; convert it, get it again, or name the "
        "record by its header",
        input->path, begin);
}

static pclr_status read_input(pclr_record **record, const format_input *input, pclr_error *error)
{
    const record_format *format = record_format_find(input);

    if (!format) return refuse_unknown(input, error);
    TRY(format->read(record, input, error));
    pclr_record *r = *record;
    if (!format->reads_window) TRY(crop(r, input, error));
    TRY(mem_strdup(&r->source_format, format->name, error));
    if (!r->path) TRY(mem_strdup(&r->path, input->path, error));
    return input->options->derive_leads ? pclr_record_derive_leads(r, error) : PCLR_OK;
}

pclr_status pclr_record_read(pclr_record **record, const char *path, const pclr_read_options *options, pclr_error *error)
{
    static const pclr_read_options defaults = {0};
    char *file = NULL, *member = NULL;
    file_map map = {0};
    pclr_status status;

    *record = NULL;
    TRY_GOTO(resolve(path, &file, &member, error));
    status = file_map_open(&map, file, error);
    if (status != PCLR_OK && file_is_folder(file))
        status = error_set(error, PCLR_E_ARGUMENT, "%s: a folder; expected a recording; name one of its records", path);
    if (status != PCLR_OK) goto done;
    if (map.size == 0) {
        status = error_set(error, PCLR_E_FORMAT, "%s: an empty file; expected a recording; get it again", file);
        goto done;
    }
    format_input input = {.path = file, .data = map.data, .size = map.size, .member = member, .options = options ? options : &defaults};
    TRY_GOTO(read_input(record, &input, error));
done:
    if (status != PCLR_OK) pclr_record_destroy(record);
    file_map_close(&map);
    mem_free(file);
    mem_free(member);
    return status;
}

/* ---- finding ---- */

typedef struct collector {
    pclr_record_list *list;
    size_t capacity;
    char **segment; /* paths of headers that are segments of others */
    size_t segments, segment_capacity;
} collector;

static pclr_status append(char ***array, size_t *count, size_t *capacity, const char *path, pclr_error *error)
{
    if (*count == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 256;
        TRY(mem_grow(array, *capacity, larger, sizeof **array, error));
        *capacity = larger;
    }
    TRY(mem_strdup(&(*array)[*count], path, error));
    (*count)++;
    return PCLR_OK;
}

/* The segments named by a multi-segment header are no records of their own. */
static pclr_status note_segments(collector *c, const char *path, pclr_error *error)
{
    FILE *file = fopen(path, "rb");
    char line[1024], name[512], count[512], *folder = NULL;
    long lines = 0;
    pclr_status status = PCLR_OK;

    if (!file) return PCLR_OK; /* reading it later will tell why */
    while (fgets(line, sizeof line, file) && (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')) {
    }
    if (sscanf(line, "%511s", name) == 1 && strchr(name, '/')) lines = strtol(strchr(name, '/') + 1, NULL, 10);
    if (lines > 0) status = path_folder(&folder, path, error);
    while (status == PCLR_OK && lines-- > 0 && fgets(line, sizeof line, file)) {
        char header[600], *joined = NULL;
        if (sscanf(line, "%511s %511s", name, count) != 2 || name[0] == '~') continue;
        snprintf(header, sizeof header, "%s.hea", name);
        status = path_join(&joined, folder, header, error);
        if (status == PCLR_OK) status = append(&c->segment, &c->segments, &c->segment_capacity, joined, error);
        mem_free(joined);
    }
    mem_free(folder);
    fclose(file);
    return status;
}

/* A file that another recording's header stands for (x.mat beside x.hea). */
static bool belongs_to_header(const char *path)
{
    char header[4096];
    const char *dot = path_extension(path);
    int n = snprintf(header, sizeof header, "%.*s.hea", (int)(dot - path), path);
    return n > 0 && (size_t)n < sizeof header && file_exists(header);
}

static pclr_status add_members(collector *c, const char *path, const record_format *format, const format_input *input, pclr_error *error)
{
    char **member = NULL;
    size_t count = 0;
    pclr_status status = format->members(input, &member, &count, error);

    for (size_t k = 0; status == PCLR_OK && k < count; k++) {
        char *full = NULL;
        status = mem_printf(&full, error, "%s#%s", path, member[k]);
        if (status == PCLR_OK) status = append(&c->list->path, &c->list->count, &c->capacity, full, error);
        mem_free(full);
    }
    for (size_t k = 0; member && k < count; k++) mem_free(member[k]);
    mem_free(member);
    return status;
}

/* What a file holds: its recordings where it has several, itself where it is one; nothing where no reader knows it. A file that
 * cannot be opened is taken: reading it will tell why. */
static pclr_status add_content(collector *c, const char *path, pclr_error *error)
{
    static const pclr_read_options defaults = {0};
    pclr_status status = PCLR_OK;
    file_map map = {0};
    pclr_error ignored;

    if (file_map_open(&map, path, &ignored) != PCLR_OK || map.size == 0) {
        file_map_close(&map);
        return append(&c->list->path, &c->list->count, &c->capacity, path, error);
    }
    format_input input = {.path = path, .data = map.data, .size = map.size, .options = &defaults};
    const record_format *format = record_format_find(&input);
    if (format && format->members) {
        status = add_members(c, path, format, &input, error);
    } else if (format) {
        status = append(&c->list->path, &c->list->count, &c->capacity, path, error);
    }
    file_map_close(&map);
    return status;
}

/* A file met in a folder: taken when its extension is one that recordings have and, but for headers, its content too. */
static pclr_status consider(collector *c, const char *path, pclr_error *error)
{
    const char *extension = path_extension(path);
    bool known = false;

    if (strcasecmp(extension, ".hea") == 0) {
        TRY(note_segments(c, path, error));
        return append(&c->list->path, &c->list->count, &c->capacity, path, error);
    }
    for (size_t k = 0; record_formats[k]; k++) known |= has_extension(record_formats[k]->extensions, extension);
    return known && !belongs_to_header(path) ? add_content(c, path, error) : PCLR_OK;
}

static pclr_status add_folder(collector *c, const char *folder, pclr_error *error)
{
    file_list files = {0};
    pclr_status status = file_list_folder(&files, folder, error);

    for (size_t k = 0; status == PCLR_OK && k < files.count; k++) status = consider(c, files.path[k], error);
    file_list_free(&files);
    return status;
}

/* A file named by the caller is taken whatever it is, so that its refusal is told; one that is not there is an error. */
static pclr_status add_named(collector *c, const char *path, pclr_error *error)
{
    char *file = NULL, *member = NULL;
    size_t before = c->list->count;
    pclr_status status = resolve(path, &file, &member, error);

    if (status == PCLR_OK && !file_exists(file))
        status = error_set(error, PCLR_E_MISSING, "%s: no such file, folder or record; expected one; check the name", path);
    if (status == PCLR_OK && !member) status = add_content(c, file, error);
    if (status == PCLR_OK && c->list->count == before)
        status = append(&c->list->path, &c->list->count, &c->capacity, member ? path : file, error);
    mem_free(file);
    mem_free(member);
    return status;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts, drops doubles and segments. */
static void tidy(collector *c)
{
    pclr_record_list *l = c->list;
    size_t to = 0;

    if (l->count) qsort(l->path, l->count, sizeof *l->path, compare_text);
    if (c->segments) qsort(c->segment, c->segments, sizeof *c->segment, compare_text);
    for (size_t k = 0; k < l->count; k++) {
        bool again = to > 0 && strcmp(l->path[to - 1], l->path[k]) == 0;
        bool part = c->segments && bsearch(&l->path[k], c->segment, c->segments, sizeof *c->segment, compare_text);
        if (again || part) {
            mem_free(l->path[k]);
        } else {
            l->path[to++] = l->path[k];
        }
    }
    l->count = to;
}

pclr_status pclr_record_find(pclr_record_list **list, const char *const *paths, size_t count, pclr_error *error)
{
    collector c = {0};
    pclr_status status;

    *list = NULL;
    TRY(mem_alloc(&c.list, 1, sizeof *c.list, error));
    for (size_t k = 0; k < count; k++) {
        TRY_GOTO(file_is_folder(paths[k]) ? add_folder(&c, paths[k], error) : add_named(&c, paths[k], error));
    }
    tidy(&c);
    *list = c.list;
    status = PCLR_OK;
done:
    for (size_t k = 0; k < c.segments; k++) mem_free(c.segment[k]);
    mem_free(c.segment);
    if (status != PCLR_OK) pclr_record_list_destroy(&c.list);
    return status;
}

void pclr_record_list_destroy(pclr_record_list **list)
{
    if (!list || !*list) return;
    for (size_t k = 0; k < (*list)->count; k++) mem_free((*list)->path[k]);
    mem_free((*list)->path);
    mem_release(list);
}
