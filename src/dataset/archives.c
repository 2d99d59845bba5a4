/* SPDX-License-Identifier: Apache-2.0 */
/* Which archive does a recording belong to? The nearest folder above it, within the named source, that a layout's marker lies in. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "dataset/import.h"

enum { DEPTH_MAX = 64, NONE = -1 };

/* The folders from the source down to the recording at hand, with the archive each brings (NONE: no marker). Recordings come sorted,
 * so that most of the path stays from one to the next. */
typedef struct folder_stack {
    char *path[DEPTH_MAX];
    int64_t archive[DEPTH_MAX];
    size_t depth;
} folder_stack;

static pclr_status open_archive(archive_set *set, const char *folder, const dataset_layout *layout, bool *opened, pclr_error *error)
{
    char *marker = NULL;
    void *state = NULL;
    pclr_status status;

    *opened = false;
    TRY(path_join(&marker, folder, layout->marker, error));
    status = file_exists(marker) ? layout->open(&state, marker, error) : PCLR_OK;
    mem_free(marker);
    if (status != PCLR_OK || !state) return status;
    status = mem_grow(&set->archive, set->count, set->count + 1, sizeof *set->archive, error);
    if (status != PCLR_OK) {
        layout->close(state);
        return status;
    }
    archive *a = &set->archive[set->count++];
    a->layout = layout;
    a->state = state;
    *opened = true;
    TRY(mem_strdup(&a->root, folder, error));
    return mem_strdup(&a->source, path_base(folder), error);
}

static pclr_status push_folder(archive_set *set, folder_stack *stack, const char *folder, const char *only, pclr_error *error)
{
    if (stack->depth == DEPTH_MAX) {
        return error_set(error, PCLR_E_DATA, "%s: folders nested more than %d deep; expected fewer; name the archive's own folder", folder,
                         DEPTH_MAX);
    }
    TRY(mem_strdup(&stack->path[stack->depth], folder, error));
    int64_t *found = &stack->archive[stack->depth++];
    *found = NONE;
    for (size_t k = 0; dataset_layouts[k] && *found == NONE; k++) {
        bool opened = false;
        if (only && strcmp(dataset_layouts[k]->name, only) != 0) continue;
        TRY(open_archive(set, folder, dataset_layouts[k], &opened, error));
        if (opened) *found = (int64_t)set->count - 1;
    }
    return PCLR_OK;
}

static bool is_above(const char *folder, const char *path)
{
    size_t n = strlen(folder);
    return strncmp(folder, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Folder names that only number the parts of an archive. */
static bool is_shard_name(const char *name)
{
    static const char *const known[] = {"files", "records", "records100", "records500", "training", "data", "ecg"};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(name, known[k]) == 0) return true;
    }
    if (isalpha((unsigned char)*name)) name++;
    return *name && strspn(name, "0123456789") == strlen(name);
}

/* A name for recordings without a layout: the nearest folder above them that is more than a number. */
static pclr_status plain_archive(archive_set *set, const char *folder, size_t *index, pclr_error *error)
{
    char *walk = NULL;
    const char *name;

    TRY(mem_strdup(&walk, folder, error));
    while (name = path_base(walk), is_shard_name(name) && name > walk + 1) walk[name - walk - 1] = '\0';
    name = path_base(walk);
    if (!*name || strcmp(name, ".") == 0) name = "archive";
    for (*index = 0; *index < set->count; (*index)++) {
        if (!set->archive[*index].layout && strcmp(set->archive[*index].source, name) == 0) break;
    }
    pclr_status status = PCLR_OK;
    if (*index == set->count) {
        status = mem_grow(&set->archive, set->count, set->count + 1, sizeof *set->archive, error);
        if (status == PCLR_OK) status = mem_strdup(&set->archive[set->count].source, name, error);
        if (status == PCLR_OK) set->count++;
    }
    mem_free(walk);
    return status;
}

static pclr_status place_record(archive_set *set, folder_stack *stack, const char *folder, const char *source, const char *only,
                                size_t *out, pclr_error *error)
{
    while (stack->depth > 0 && !is_above(stack->path[stack->depth - 1], folder)) mem_free(stack->path[--stack->depth]);
    if (stack->depth == 0) TRY(push_folder(set, stack, source, only, error));
    while (strlen(stack->path[stack->depth - 1]) < strlen(folder)) {
        char *next = NULL;
        size_t n = strlen(stack->path[stack->depth - 1]);
        n += 1 + strcspn(folder + n + 1, "/");
        TRY(mem_strndup(&next, folder, n, error));
        pclr_status status = push_folder(set, stack, next, only, error);
        mem_free(next);
        if (status != PCLR_OK) return status;
    }
    for (size_t k = stack->depth; k-- > 0;) {
        if (stack->archive[k] == NONE) continue;
        *out = (size_t)stack->archive[k];
        return PCLR_OK;
    }
    return plain_archive(set, folder, out, error);
}

/* The source a recording was found under: the longest that lies above it, or its own folder. Trailing slashes do not count. */
static void find_source(const char *const *sources, size_t count, const char *folder, char *out, size_t size)
{
    snprintf(out, size, "%s", folder);
    size_t best = 0;
    for (size_t k = 0; k < count; k++) {
        char plain[4096];
        snprintf(plain, sizeof plain, "%s", sources[k]);
        size_t n = strlen(plain);
        while (n > 1 && plain[n - 1] == '/') plain[--n] = '\0';
        if (n > best && is_above(plain, folder)) {
            snprintf(out, size, "%s", plain);
            best = n;
        }
    }
}

static pclr_status check_layout_name(const char *name, pclr_error *error)
{
    text known = {0};

    for (size_t k = 0; dataset_layouts[k]; k++) {
        if (strcmp(dataset_layouts[k]->name, name) == 0) {
            text_free(&known);
            return PCLR_OK;
        }
        text_add(&known, "%s, ", dataset_layouts[k]->name);
    }
    pclr_status status =
        error_set(error, PCLR_E_ARGUMENT, "layout \"%s\"; expected one of: %sauto, wfdb, challenge", name, known.data ? known.data : "");
    text_free(&known);
    return status;
}

static pclr_status open_labels_table(archive_set *set, const char *path, pclr_error *error)
{
    for (size_t k = 0; dataset_layouts[k]; k++) {
        if (strcmp(dataset_layouts[k]->name, "labels") != 0) continue;
        TRY(dataset_layouts[k]->open(&set->labels.state, path, error));
        if (set->labels.state) set->labels.layout = dataset_layouts[k];
    }
    if (set->labels.layout) return PCLR_OK;
    if (!file_exists(path)) return error_set(error, PCLR_E_MISSING, "%s: no such file; expected a CSV of labels; check the name", path);
    return error_set(error, PCLR_E_FORMAT, "%s: no column record_id in its first line; expected record_id and one column a label; add it",
                     path);
}

pclr_status archives_find(archive_set *set, size_t *out, const pclr_record_list *list, const char *const *sources, size_t source_count,
                          const char *layout, const char *labels, pclr_error *error)
{
    folder_stack stack = {0};
    char source[4096], previous[4096] = "";
    const char *only = layout && strcmp(layout, "auto") != 0 ? layout : NULL;
    pclr_status status = PCLR_OK;

    memset(set, 0, sizeof *set);
    /* These two have all they tell in the recordings' headers: no tables are looked for. */
    bool headers_only = only && (strcmp(only, "wfdb") == 0 || strcmp(only, "challenge") == 0);
    if (only && !headers_only) TRY(check_layout_name(only, error));
    if (labels) TRY_GOTO(open_labels_table(set, labels, error));
    for (size_t k = 0; k < list->count; k++) {
        char *folder = NULL;
        TRY_GOTO(path_folder(&folder, list->path[k], error));
        if (k > 0 && strcmp(folder, previous) == 0) {
            out[k] = out[k - 1];
        } else {
            find_source(sources, source_count, folder, source, sizeof source);
            status = place_record(set, &stack, folder, source, headers_only ? "" : only, &out[k], error);
        }
        snprintf(previous, sizeof previous, "%s", folder);
        mem_free(folder);
        if (status != PCLR_OK) goto done;
    }
done:
    while (stack.depth > 0) mem_free(stack.path[--stack.depth]);
    if (status != PCLR_OK) archives_free(set);
    return status;
}

void archives_free(archive_set *set)
{
    for (size_t k = 0; k < set->count; k++) {
        if (set->archive[k].layout) set->archive[k].layout->close(set->archive[k].state);
        mem_free(set->archive[k].root);
        mem_free(set->archive[k].source);
    }
    if (set->labels.layout) set->labels.layout->close(set->labels.state);
    mem_free(set->archive);
    memset(set, 0, sizeof *set);
}
