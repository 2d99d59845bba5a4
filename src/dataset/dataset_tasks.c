/* SPDX-License-Identifier: Apache-2.0 */
/* Labels and splits of an open dataset, and what a training run depends on in one number. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "dataset/h5.h"
#include "dataset/opened.h"

size_t pclr_dataset_tasks(const pclr_dataset *dataset)
{
    return dataset->tasks;
}

const char *pclr_dataset_task_name(const pclr_dataset *dataset, size_t task)
{
    return task < dataset->tasks ? dataset->task[task] : NULL;
}

static const char *find_name(char **names, size_t count, const char *name)
{
    for (size_t k = 0; k < count; k++) {
        if (strcmp(names[k], name) == 0) return names[k];
    }
    return NULL;
}

static pclr_status no_such_name(const pclr_dataset *d, const char *what, char **names, size_t count, const char *name, pclr_error *error)
{
    char list[512] = "";
    size_t n = 0;
    for (size_t k = 0; k < count && n + 64 < sizeof list; k++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%.48s", k ? ", " : "", names[k]);
    return error_set(error, PCLR_E_DATA, "%s: no %s \"%s\"; it has: %s", d->path, what, name, count ? list : "none");
}

static pclr_status read_labels(const pclr_dataset *d, hid_t file, const char *object, pclr_labels *l, pclr_error *error)
{
    size_t rows, columns;

    TRY(h5_get_texts(file, object, "classes", &l->class_name, &l->classes, error));
    TRY(h5_shape(file, object, &rows, &columns, error));
    if (rows != d->records || columns != l->classes || columns == 0) {
        return error_set(error, PCLR_E_FORMAT, "%s: %zu x %zu; expected %zu x %zu", object, rows, columns, d->records, l->classes);
    }
    l->records = rows;
    TRY(mem_alloc(&l->value, rows * columns, 1, error));
    return h5_read(file, object, H5T_NATIVE_UINT8, rows, columns, l->value, error);
}

pclr_status pclr_dataset_labels(const pclr_dataset *d, const char *task, pclr_labels **labels, pclr_error *error)
{
    char *object = NULL;
    hid_t file = -1;
    pclr_status status;

    *labels = NULL;
    if (!find_name(d->task, d->tasks, task)) return no_such_name(d, "task", d->task, d->tasks, task, error);
    TRY_GOTO(mem_alloc(labels, 1, sizeof **labels, error));
    TRY_GOTO(mem_strdup(&(*labels)->task, task, error));
    TRY_GOTO(mem_printf(&object, error, "/labels/%s", task));
    TRY_GOTO(h5_open(&file, d->path, false, error));
    status = read_labels(d, file, object, *labels, error);
done:
    mem_free(object);
    if (file >= 0 && h5_close(&file, d->path, NULL) != PCLR_OK) file = -1;
    if (status != PCLR_OK) pclr_labels_destroy(labels);
    return status;
}

void pclr_labels_destroy(pclr_labels **labels)
{
    if (!labels || !*labels) return;
    h5_free_texts((*labels)->class_name, (*labels)->classes);
    mem_free((*labels)->task);
    mem_free((*labels)->value);
    mem_release(labels);
}

size_t pclr_dataset_splits(const pclr_dataset *dataset)
{
    return dataset->splits;
}

const char *pclr_dataset_split_name(const pclr_dataset *dataset, size_t split)
{
    return split < dataset->splits ? dataset->split[split] : NULL;
}

pclr_status pclr_dataset_split(const pclr_dataset *d, const char *name, uint8_t *out, pclr_error *error)
{
    char *object = NULL;
    hid_t file = -1;
    pclr_status status;

    if (!find_name(d->split, d->splits, name)) return no_such_name(d, "split", d->split, d->splits, name, error);
    TRY_GOTO(mem_printf(&object, error, "/splits/%s", name));
    TRY_GOTO(h5_open(&file, d->path, false, error));
    status = h5_read(file, object, H5T_NATIVE_UINT8, d->records, 0, out, error);
done:
    mem_free(object);
    if (file >= 0 && h5_close(&file, d->path, NULL) != PCLR_OK) file = -1;
    return status;
}

/* ---- fingerprint ---- */

static void add_text(hash_sha256_state *s, const char *t)
{
    hash_sha256_add(s, t, strlen(t) + 1);
}

pclr_status dataset_fingerprint(const pclr_dataset *d, char *hex, pclr_error *error)
{
    hash_sha256_state s;
    uint8_t digest[32];

    hash_sha256_begin(&s);
    hash_sha256_add(&s, &d->rate, sizeof d->rate);
    for (size_t k = 0; k < d->leads; k++) add_text(&s, d->lead_name[k]);
    for (size_t k = 0; k < d->records; k++) {
        for (int c = 0; c < 3; c++) add_text(&s, d->text[c][k]);
    }
    hash_sha256_add(&s, d->start, d->records * sizeof *d->start);
    hash_sha256_add(&s, d->length, d->records * sizeof *d->length);
    hash_sha256_add(&s, d->lead_mask, d->records * sizeof *d->lead_mask);
    if (d->hash) hash_sha256_add(&s, d->hash, d->records * sizeof *d->hash);
    for (size_t k = 0; k < d->tasks; k++) {
        pclr_labels *l = NULL;
        TRY(pclr_dataset_labels(d, d->task[k], &l, error));
        add_text(&s, l->task);
        for (size_t c = 0; c < l->classes; c++) add_text(&s, l->class_name[c]);
        hash_sha256_add(&s, l->value, l->records * l->classes);
        pclr_labels_destroy(&l);
    }
    hash_sha256_end(&s, digest);
    hash_hex(digest, sizeof digest, hex);
    return PCLR_OK;
}
