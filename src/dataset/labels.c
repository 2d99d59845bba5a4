/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CLASSES_MAX = 4096, UNKNOWN = 255 };

static pclr_status add_class(label_task *t, const char *name, size_t *index, pclr_error *error)
{
    if (t->classes >= CLASSES_MAX) {
        return error_set(error, PCLR_E_DATA, "task %s: more than %d classes; expected fewer; map the codes to classes first", t->name,
                         CLASSES_MAX);
    }
    if (t->classes == t->class_capacity) {
        size_t larger = t->class_capacity ? 2 * t->class_capacity : 16;
        TRY(mem_grow(&t->class_name, t->class_capacity, larger, sizeof *t->class_name, error));
        t->class_capacity = larger;
    }
    TRY(mem_strdup(&t->class_name[t->classes], name, error));
    *index = t->classes++;
    return PCLR_OK;
}

pclr_status labels_task(label_set *set, const char *name, const char *const *classes, size_t count, size_t *task, pclr_error *error)
{
    for (*task = 0; *task < set->tasks; (*task)++) {
        if (strcmp(set->task[*task].name, name) == 0) return PCLR_OK;
    }
    TRY(mem_grow(&set->task, set->tasks, set->tasks + 1, sizeof *set->task, error));
    label_task *t = &set->task[set->tasks];
    TRY(mem_strdup(&t->name, name, error));
    set->tasks++;
    for (size_t k = 0; classes && k < count; k++) {
        size_t ignored;
        TRY(add_class(t, classes[k], &ignored, error));
    }
    t->closed = classes != NULL;
    return PCLR_OK;
}

pclr_status labels_class(label_set *set, size_t task, const char *class_name, pclr_error *error)
{
    label_task *t = &set->task[task];
    size_t k = 0;

    while (k < t->classes && strcmp(t->class_name[k], class_name) != 0) k++;
    return k < t->classes ? PCLR_OK : add_class(t, class_name, &k, error);
}

pclr_status labels_know(label_set *set, size_t task, size_t record, pclr_error *error)
{
    label_task *t = &set->task[task];

    if (t->known_count > 0 && t->known[t->known_count - 1] == record) return PCLR_OK;
    if (t->known_count == t->known_capacity) {
        size_t larger = t->known_capacity ? 2 * t->known_capacity : 1024;
        TRY(mem_grow(&t->known, t->known_capacity, larger, sizeof *t->known, error));
        t->known_capacity = larger;
    }
    t->known[t->known_count++] = (uint32_t)record;
    return PCLR_OK;
}

pclr_status labels_state(label_set *set, size_t task, size_t record, const char *class_name, bool *taken, pclr_error *error)
{
    label_task *t = &set->task[task];
    size_t k = 0;

    while (k < t->classes && strcmp(t->class_name[k], class_name) != 0) k++;
    *taken = k < t->classes || !t->closed;
    if (!*taken) return PCLR_OK;
    if (k == t->classes) TRY(add_class(t, class_name, &k, error));
    TRY(labels_know(set, task, record, error));
    if (t->pairs == t->pair_capacity) {
        size_t larger = t->pair_capacity ? 2 * t->pair_capacity : 1024;
        TRY(mem_grow(&t->pair, t->pair_capacity, larger, sizeof *t->pair, error));
        t->pair_capacity = larger;
    }
    t->pair[t->pairs++] = (struct label_pair){(uint32_t)record, (uint32_t)k};
    return PCLR_OK;
}

static pclr_status map_task(label_set *set, size_t *task, pclr_error *error)
{
    return labels_task(set, set->codes->task, (const char *const *)set->codes->class_name, set->codes->classes, task, error);
}

pclr_status labels_codes_told(label_set *set, size_t record, pclr_error *error)
{
    size_t task;

    if (!set->codes || !set->codes->task) return PCLR_OK;
    TRY(map_task(set, &task, error));
    return labels_know(set, task, record, error);
}

pclr_status labels_code(label_set *set, size_t record, const char *code, const char *builtin, pclr_error *error)
{
    const char *name = NULL;
    size_t task;
    bool taken;

    if (!set->codes) return PCLR_OK;
    TRY(codes_see(set->codes, code, builtin, record, &name, error));
    if (!name || !*name) return PCLR_OK;
    TRY(map_task(set, &task, error));
    return labels_state(set, task, record, name, &taken, error);
}

typedef struct named_class {
    char *name;
    uint32_t old;
} named_class;

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const named_class *)a)->name, ((const named_class *)b)->name);
}

/* The order in which codes were met depends on the order of the files; names in order do not. */
static pclr_status sort_classes(label_task *t, pclr_error *error)
{
    named_class *order = NULL;
    uint32_t *new_index = NULL;
    pclr_status status;

    TRY_GOTO(mem_alloc(&order, t->classes, sizeof *order, error));
    TRY_GOTO(mem_alloc(&new_index, t->classes, sizeof *new_index, error));
    for (size_t k = 0; k < t->classes; k++) order[k] = (named_class){t->class_name[k], (uint32_t)k};
    qsort(order, t->classes, sizeof *order, compare_names);
    for (size_t k = 0; k < t->classes; k++) {
        t->class_name[k] = order[k].name;
        new_index[order[k].old] = (uint32_t)k;
    }
    for (size_t k = 0; k < t->pairs; k++) t->pair[k].class = new_index[t->pair[k].class];
done:
    mem_free(order);
    mem_free(new_index);
    return status;
}

static void free_task(label_task *t)
{
    for (size_t k = 0; k < t->classes; k++) mem_free(t->class_name[k]);
    mem_free(t->class_name);
    mem_free(t->name);
    mem_free(t->known);
    mem_free(t->pair);
}

pclr_status labels_finish(label_set *set, pclr_error *error)
{
    size_t to = 0;

    for (size_t k = 0; k < set->tasks; k++) {
        if (set->task[k].known_count == 0 || set->task[k].classes == 0) {
            free_task(&set->task[k]);
            continue;
        }
        set->task[to++] = set->task[k];
    }
    set->tasks = to;
    for (size_t k = 0; k < set->tasks; k++) {
        if (!set->task[k].closed) TRY(sort_classes(&set->task[k], error));
    }
    return PCLR_OK;
}

void labels_fill(const label_task *task, size_t records, uint8_t *value)
{
    memset(value, UNKNOWN, records * task->classes);
    for (size_t k = 0; k < task->known_count; k++) memset(value + task->known[k] * task->classes, 0, task->classes);
    for (size_t k = 0; k < task->pairs; k++) value[task->pair[k].record * task->classes + task->pair[k].class] = 1;
}

void labels_free(label_set *set)
{
    for (size_t k = 0; k < set->tasks; k++) free_task(&set->task[k]);
    mem_free(set->task);
    memset(set, 0, sizeof *set);
}
