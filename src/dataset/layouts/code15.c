/* SPDX-License-Identifier: Apache-2.0 */
/* CODE-15 % (Ribeiro et al. 2020): exams.csv with age, sex, patient and six diagnoses a tracing of the exams_part*.hdf5 files. Task code6.
 */
#include <math.h>

#include "base/memory.h"
#include "dataset/layouts/layout.h"

static const char *const classes[] = {"1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"};
enum { CLASSES = sizeof classes / sizeof *classes };

static pclr_status open_code15(void **state, const char *path, pclr_error *error)
{
    keyed_table *k = NULL;

    if (!csv_has_columns(path, "exam_id,age,is_male,patient_id")) return PCLR_OK;
    TRY(mem_alloc(&k, 1, sizeof *k, error));
    pclr_status status = keyed_open(k, path, "exam_id", error);
    if (status != PCLR_OK) {
        mem_free(k);
        return status;
    }
    *state = k;
    return PCLR_OK;
}

static void close_code15(void *state)
{
    if (!state) return;
    keyed_close(state);
    mem_free(state);
}

static void code15_facts(const void *state, const char *path, layout_facts *f)
{
    const keyed_table *k = state;
    double age;
    bool male;

    f->row = keyed_find(k, path);
    if (f->row < 0) return;
    layout_set_patient(f, keyed_get(k, f->row, csv_column(&k->table, "patient_id")));
    if (parse_double(keyed_get(k, f->row, csv_column(&k->table, "age")), &age)) f->age = age;
    if (parse_bool(keyed_get(k, f->row, csv_column(&k->table, "is_male")), &male)) f->sex = male ? PCLR_SEX_MALE : PCLR_SEX_FEMALE;
}

static pclr_status code15_label(const void *state, const layout_facts *f, size_t record, label_set *set, pclr_error *error)
{
    const keyed_table *k = state;
    size_t task;
    bool taken, yes;

    if (f->row < 0) return PCLR_OK;
    TRY(labels_task(set, "code6", classes, CLASSES, &task, error));
    for (size_t c = 0; c < CLASSES; c++) {
        if (!parse_bool(keyed_get(k, f->row, csv_column(&k->table, classes[c])), &yes)) continue;
        TRY(labels_know(set, task, record, error));
        if (yes) TRY(labels_state(set, task, record, classes[c], &taken, error));
    }
    return PCLR_OK;
}

const dataset_layout layout_code15 = {"code15", "exams.csv", open_code15, code15_facts, code15_label, close_code15};
