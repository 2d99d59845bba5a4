/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of a task of a dataset file. */
#include <string.h>

#include "base/text.h"
#include "eval/labels.h"

static pclr_status choose_task(const pclr_dataset *dataset, const char *path, const char **task, pclr_error *error)
{
    size_t tasks = pclr_dataset_tasks(dataset);
    text list = {0};
    pclr_status status = PCLR_OK;
    if (*task != NULL) {
        for (size_t k = 0; k < tasks; k++) {
            if (strcmp(pclr_dataset_task_name(dataset, k), *task) == 0) return PCLR_OK;
        }
    } else if (tasks == 1) {
        *task = pclr_dataset_task_name(dataset, 0);
        return PCLR_OK;
    }
    for (size_t k = 0; k < tasks; k++) text_add(&list, "%s%s", k ? ", " : "", pclr_dataset_task_name(dataset, k));
    status = error_set(error, PCLR_E_DATA, "%s: %s%s; the dataset's tasks are: %s; choose one with --task", path,
                       *task ? "no task " : "no task chosen", *task ? *task : "", list.data ? list.data : "none");
    text_free(&list);
    return status;
}

static pclr_status part_value(const char *part, uint8_t *value, pclr_error *error)
{
    if (strcmp(part, "train") == 0)
        *value = PCLR_SPLIT_TRAIN;
    else if (strcmp(part, "validation") == 0)
        *value = PCLR_SPLIT_VALIDATION;
    else if (strcmp(part, "test") == 0)
        *value = PCLR_SPLIT_TEST;
    else
        return error_set(error, PCLR_E_ARGUMENT, "--split: part '%s'; the parts are train, validation and test", part);
    return PCLR_OK;
}

/* "NAME:PART", or "PART" of the dataset's first split. */
static pclr_status choose_split(eval_labels *labels, const pclr_dataset *dataset, const char *path, const char *split, pclr_error *error)
{
    const char *colon = strrchr(split, ':');
    uint8_t wanted = 0;
    char *name = NULL;
    pclr_status status = PCLR_OK;

    TRY(part_value(colon ? colon + 1 : split, &wanted, error));
    if (pclr_dataset_splits(dataset) == 0)
        return error_set(error, PCLR_E_DATA, "%s: the dataset has no splits; import it with --split", path);
    if (colon)
        TRY(mem_strndup(&name, split, (size_t)(colon - split), error));
    else
        TRY(mem_strdup(&name, pclr_dataset_split_name(dataset, 0), error));
    TRY_GOTO(pclr_dataset_split(dataset, name, labels->chosen, error));
    for (size_t r = 0; r < labels->records; r++) labels->chosen[r] = labels->chosen[r] == wanted;
done:
    mem_free(name);
    return status;
}

static pclr_status copy_rows(eval_labels *labels, const pclr_dataset *dataset, pclr_error *error)
{
    for (size_t r = 0; r < labels->records; r++) {
        pclr_dataset_row row = pclr_dataset_get_row(dataset, r);
        labels->id[r] = eval_record_id(labels->memory, row.id ? row.id : "");
        labels->patient[r] = arena_strdup(labels->memory, row.patient ? row.patient : "");
        labels->source[r] = arena_strdup(labels->memory, row.source ? row.source : "");
        if (!labels->id[r] || !labels->patient[r] || !labels->source[r]) return error_memory(error, 64);
        labels->age[r] = row.age;
        labels->sex[r] = (uint8_t)row.sex;
    }
    return PCLR_OK;
}

pclr_status eval_labels_from_dataset(eval_labels *labels, const char *path, const char *task, const char *split, pclr_error *error)
{
    pclr_dataset *dataset = NULL;
    pclr_labels *stored = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(pclr_dataset_open(&dataset, path, error));
    TRY_GOTO(choose_task(dataset, path, &task, error));
    TRY_GOTO(pclr_dataset_labels(dataset, task, &stored, error));
    TRY_GOTO(eval_labels_allocate(labels, stored->records, stored->classes, error));
    labels->from_dataset = true;
    memcpy(labels->value, stored->value, stored->records * stored->classes);
    for (size_t c = 0; c < stored->classes; c++) {
        labels->class_name[c] = arena_strdup(labels->memory, stored->class_name[c]);
        if (labels->class_name[c] == NULL) TRY_GOTO(error_memory(error, 64));
    }
    TRY_GOTO(copy_rows(labels, dataset, error));
    if (split != NULL) TRY_GOTO(choose_split(labels, dataset, path, split, error));
done:
    pclr_labels_destroy(&stored);
    pclr_dataset_destroy(&dataset);
    return status;
}
