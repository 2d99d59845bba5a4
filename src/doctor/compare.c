/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings against each other. */
#include <stdlib.h>
#include <string.h>

#include "doctor/checkup.h"

/* ---- labels of two recordings ---- */

static bool knows(const label_task *t, uint32_t record)
{
    size_t low = 0, high = t->known_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->known[middle] < record)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->known_count && t->known[low] == record;
}

/* The record's positives in a task: pairs [first, first + count), which lie together, records rising. */
static size_t positives(const label_task *t, uint32_t record, size_t *first)
{
    size_t low = 0, high = t->pairs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->pair[middle].record < record)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (high < t->pairs && t->pair[high].record == record) high++;
    return high - low;
}

static bool has_class(const label_task *t, uint32_t record, uint32_t class_index)
{
    size_t first, count = positives(t, record, &first);
    for (size_t k = 0; k < count; k++) {
        if (t->pair[first + k].class == class_index) return true;
    }
    return false;
}

/* A task that knows both recordings and has a class for one alone; NULL: none. */
static const char *differing_task(const label_set *labels, uint32_t a, uint32_t b)
{
    for (size_t t = 0; t < labels->tasks; t++) {
        const label_task *task = &labels->task[t];
        if (!knows(task, a) || !knows(task, b)) continue;
        for (int turn = 0; turn < 2; turn++) {
            uint32_t one = turn ? b : a, other = turn ? a : b;
            size_t first, count = positives(task, one, &first);
            for (size_t k = 0; k < count; k++) {
                if (!has_class(task, other, task->pair[first + k].class)) return task->name;
            }
        }
    }
    return NULL;
}

/* ---- the same signal ---- */

static int by_hash(const void *a, const void *b, void *user)
{
    const checked_file *file = user;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (file[x].hash != file[y].hash) return file[x].hash < file[y].hash ? -1 : 1;
    return (x > y) - (x < y);
}

/* The later of two equal recordings is the duplicate. */
static pclr_status find_duplicates(checkup *c, const label_set *labels, pclr_error *error)
{
    size_t *order = NULL, n = c->list->count;

    TRY(mem_alloc(&order, n, sizeof *order, error));
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, by_hash, c->file);
    for (size_t k = 1, first = 0; k < n; k++) {
        checked_file *a = &c->file[order[first]], *b = &c->file[order[k]];
        if (a->hash != b->hash || a->hash == 0) {
            first = k;
            continue;
        }
        findings_add(&b->found, FINDING_DUPLICATE, "%s", a->id);
        if (a->patient && b->patient && strcmp(a->patient, b->patient) != 0)
            findings_add(&b->found, FINDING_PATIENT, "%s and %s", a->patient, b->patient);
        const char *task = differing_task(labels, (uint32_t)order[first], (uint32_t)order[k]);
        if (task) findings_add(&b->found, FINDING_LABELS, "other than %s in %s", a->id, task);
    }
    mem_free(order);
    return PCLR_OK;
}

/* ---- the same patient ---- */

typedef struct person {
    const char *patient;
    size_t archive, file;
} person;

static int by_person(const void *a, const void *b)
{
    const person *x = a, *y = b;
    if (x->archive != y->archive) return x->archive < y->archive ? -1 : 1;
    int c = strcmp(x->patient, y->patient);
    return c ? c : (x->file > y->file) - (x->file < y->file);
}

static pclr_status find_two_sexes(checkup *c, pclr_error *error)
{
    person *p = NULL;
    size_t n = 0;

    TRY(mem_alloc(&p, c->list->count, sizeof *p, error));
    for (size_t k = 0; k < c->list->count; k++) {
        if (c->file[k].patient && c->file[k].sex != PCLR_SEX_UNKNOWN) p[n++] = (person){c->file[k].patient, c->archive_of[k], k};
    }
    if (n) qsort(p, n, sizeof *p, by_person);
    for (size_t k = 1, first = 0; k < n; k++) {
        if (p[k].archive != p[first].archive || strcmp(p[k].patient, p[first].patient) != 0) {
            first = k;
        } else if (c->file[p[k].file].sex != c->file[p[first].file].sex) {
            findings_add(&c->file[p[k].file].found, FINDING_PATIENT, "%s is of another sex in %s", p[k].patient, c->file[p[first].file].id);
        }
    }
    mem_free(p);
    return PCLR_OK;
}

pclr_status compare_files(checkup *c, label_set *labels, pclr_error *error)
{
    TRY(find_duplicates(c, labels, error));
    return find_two_sexes(c, error);
}
