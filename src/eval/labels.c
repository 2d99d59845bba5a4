/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/labels.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

static const uint8_t hdf5_signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

bool eval_labels_is_dataset(const char *path)
{
    uint8_t head[sizeof hdf5_signature] = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    size_t got = fread(head, 1, sizeof head, file);
    fclose(file);
    return got == sizeof head && memcmp(head, hdf5_signature, sizeof head) == 0;
}

pclr_status eval_labels_read(eval_labels *labels, const char *path, const char *task, const char *split, pclr_error *error)
{
    *labels = (eval_labels){0};
    if (path == NULL) return error_set(error, PCLR_E_ARGUMENT, "no labels given; name a dataset.h5 or a CSV of labels");
    if (!file_exists(path)) return error_set(error, PCLR_E_MISSING, "%s: no such file; the labels come from a dataset.h5 or a CSV", path);
    TRY(arena_create(&labels->memory, error));
    pclr_status status = eval_labels_is_dataset(path) ? eval_labels_from_dataset(labels, path, task, split, error)
                                                      : eval_labels_from_csv(labels, path, task, split, error);
    if (status != PCLR_OK) eval_labels_free(labels);
    return status;
}

void eval_labels_free(eval_labels *labels)
{
    arena_destroy(&labels->memory);
    *labels = (eval_labels){0};
}

char *eval_record_id(arena *memory, const char *name)
{
    char *id = arena_strdup(memory, path_base(name));
    if (id == NULL) return NULL;
    size_t length = strlen(id);
    if (length > 4 && strcmp(id + length - 4, ".hea") == 0) id[length - 4] = '\0';
    return id;
}

pclr_status eval_labels_allocate(eval_labels *labels, size_t records, size_t classes, pclr_error *error)
{
    if (classes == 0 || records > SIZE_MAX / 16 / classes)
        return error_set(error, PCLR_E_DATA, "%zu records with %zu classes of labels; at least one class is needed", records, classes);
    labels->records = records;
    labels->classes = classes;
    labels->id = arena_alloc(labels->memory, records * sizeof *labels->id);
    labels->patient = arena_alloc(labels->memory, records * sizeof *labels->patient);
    labels->source = arena_alloc(labels->memory, records * sizeof *labels->source);
    labels->class_name = arena_alloc(labels->memory, classes * sizeof *labels->class_name);
    labels->value = arena_alloc(labels->memory, records * classes);
    labels->chosen = arena_alloc(labels->memory, records);
    labels->age = arena_alloc(labels->memory, records * sizeof *labels->age);
    labels->sex = arena_alloc(labels->memory, records);
    if (!labels->id || !labels->patient || !labels->source || !labels->class_name || !labels->value || !labels->chosen || !labels->age ||
        !labels->sex)
        return error_memory(error, records * (classes + 32));
    memset(labels->value, 255, records * classes);
    memset(labels->chosen, 1, records);
    memset(labels->sex, PCLR_SEX_UNKNOWN, records);
    for (size_t r = 0; r < records; r++) labels->age[r] = -1;
    return PCLR_OK;
}
