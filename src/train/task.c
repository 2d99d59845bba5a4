/* SPDX-License-Identifier: Apache-2.0 */
#include "train/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

typedef struct ranked_patient {
    uint8_t digest[20];
    int64_t patient;
} ranked_patient;

static int compare_rank(const void *a, const void *b)
{
    const ranked_patient *x = a, *y = b;
    int order = memcmp(x->digest, y->digest, sizeof x->digest);
    return order != 0 ? order : (x->patient > y->patient) - (x->patient < y->patient);
}

static int compare_patient(const void *a, const void *b)
{
    const ranked_patient *x = a, *y = b;
    return (x->patient > y->patient) - (x->patient < y->patient);
}

/* Digest of "SEED:PATIENT"; a whole number is written as an integer ("15709.0" is 15709); a record without a patient goes by its id. */
static void rank_patient(const pool *p, size_t k, uint64_t seed, uint8_t digest[20])
{
    pclr_dataset_row row = pclr_dataset_get_row(p->dataset, p->record[k].row);
    const char *name = row.patient && row.patient[0] ? row.patient : row.id;
    char key[512];
    double number;
    if (parse_double(name, &number) && number == rint(number) && fabs(number) < 9e15)
        snprintf(key, sizeof key, "%llu:%lld", (unsigned long long)seed, (long long)number);
    else
        snprintf(key, sizeof key, "%llu:%s", (unsigned long long)seed, name);
    hash_sha1(key, strlen(key), digest);
}

/* The chosen patients, sorted by number. */
static pclr_status choose_patients(const pool *p, double fraction, uint64_t seed, ranked_patient **chosen, size_t *count, pclr_error *error)
{
    ranked_patient *list = NULL;
    size_t n = 0, unique = 0;
    TRY(mem_alloc(&list, p->records, sizeof *list, error));
    for (size_t k = 0; k < p->records; k++) {
        if (p->record[k].part != PCLR_SPLIT_TRAIN) continue;
        list[n].patient = p->record[k].patient;
        rank_patient(p, k, seed, list[n++].digest);
    }
    qsort(list, n, sizeof *list, compare_rank);
    for (size_t k = 0; k < n; k++)
        if (k == 0 || list[k].patient != list[k - 1].patient) list[unique++] = list[k];
    *count = (size_t)rint(fraction * (double)unique);
    if (*count == 0 && unique > 0) *count = 1;
    qsort(list, *count, sizeof *list, compare_patient);
    *chosen = list;
    return PCLR_OK;
}

static bool any_known(const uint8_t *label, size_t classes)
{
    for (size_t c = 0; c < classes; c++)
        if (label[c] <= 1) return true;
    return false;
}

static pclr_status fill_part(task *t, task_part *part, const pool *p, pclr_split which, const ranked_patient *chosen, size_t patients,
                             pclr_error *error)
{
    size_t classes = t->labels->classes;
    TRY(mem_alloc(&part->record, p->records, sizeof *part->record, error));
    TRY(mem_alloc(&part->label, p->records, classes, error));
    for (size_t k = 0; k < p->records; k++) {
        const uint8_t *label = t->labels->value + p->record[k].row * classes;
        ranked_patient key = {.patient = p->record[k].patient};
        if (p->record[k].part != which || !any_known(label, classes)) continue;
        if (chosen && !bsearch(&key, chosen, patients, sizeof *chosen, compare_patient)) continue;
        memcpy(part->label + part->records * classes, label, classes);
        part->record[part->records++] = k;
    }
    return PCLR_OK;
}

static pclr_status count_positives(task *t, pclr_error *error)
{
    size_t classes = t->labels->classes, usable = 0;
    TRY(mem_alloc(&t->positives, classes, sizeof *t->positives, error));
    for (size_t c = 0; c < classes; c++) {
        size_t known = 0;
        for (size_t k = 0; k < t->train.records; k++) {
            uint8_t label = t->train.label[k * classes + c];
            known += label <= 1;
            t->positives[c] += label == 1;
        }
        usable += t->positives[c] > 0 && t->positives[c] < known;
    }
    if (usable > 0) return PCLR_OK;
    return error_set(error, PCLR_E_DATA,
                     "task \"%s\": no class has both positive and negative records among the %zu training records; give more labels",
                     t->labels->task, t->train.records);
}

pclr_status task_open(task *t, const pool *p, const char *name, double fraction, uint64_t seed, pclr_error *error)
{
    ranked_patient *chosen = NULL;
    pclr_status status;
    memset(t, 0, sizeof *t);
    if (!name)
        return error_set(error, PCLR_E_ARGUMENT, "task: none given; name one of the dataset's (`physioclr info DATASET.h5` lists them)");
    if (!(fraction >= 0.0 && fraction <= 1.0))
        return error_set(error, PCLR_E_ARGUMENT, "label fraction: found %g, expected more than 0 and at most 1", fraction);
    if (fraction == 0.0) fraction = 1.0;
    TRY_GOTO(pclr_dataset_labels(p->dataset, name, &t->labels, error));
    TRY_GOTO(choose_patients(p, fraction, seed ? seed : 42, &chosen, &t->train_patients, error));
    TRY_GOTO(fill_part(t, &t->train, p, PCLR_SPLIT_TRAIN, chosen, t->train_patients, error));
    TRY_GOTO(fill_part(t, &t->validation, p, PCLR_SPLIT_VALIDATION, NULL, 0, error));
    if (t->train.records == 0)
        status = error_set(error, PCLR_E_DATA, "task \"%s\": no labelled record in the training part of the split", name);
    else if (t->validation.records == 0)
        status =
            error_set(error, PCLR_E_DATA, "task \"%s\": no labelled record in the validation part of the split; choices need one", name);
    else
        status = count_positives(t, error);
done:
    mem_free(chosen);
    return status;
}

static void free_part(task_part *part)
{
    mem_release(&part->record);
    mem_release(&part->label);
}

void task_close(task *t)
{
    free_part(&t->train);
    free_part(&t->validation);
    mem_release(&t->positives);
    pclr_labels_destroy(&t->labels);
}
