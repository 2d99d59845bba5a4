/* SPDX-License-Identifier: Apache-2.0 */
/* MIMIC-IV-ECG: record_list.csv names the patient of every study. */
#include "base/memory.h"
#include "dataset/layouts/layout.h"

static pclr_status open_mimic(void **state, const char *path, pclr_error *error)
{
    keyed_table *k = NULL;

    if (!csv_has_columns(path, "subject_id,study_id,path")) return PCLR_OK;
    TRY(mem_alloc(&k, 1, sizeof *k, error));
    pclr_status status = keyed_open(k, path, "path", error);
    if (status != PCLR_OK) {
        mem_free(k);
        return status;
    }
    *state = k;
    return PCLR_OK;
}

static void close_mimic(void *state)
{
    if (!state) return;
    keyed_close(state);
    mem_free(state);
}

static void mimic_facts(const void *state, const char *path, layout_facts *f)
{
    const keyed_table *k = state;

    f->row = keyed_find(k, path);
    if (f->row >= 0) layout_set_patient(f, keyed_get(k, f->row, csv_column(&k->table, "subject_id")));
}

static pclr_status mimic_label(const void *state, const layout_facts *f, size_t record, label_set *set, pclr_error *error)
{
    (void)state, (void)f, (void)record, (void)set, (void)error; /* the archive brings no labels */
    return PCLR_OK;
}

const dataset_layout layout_mimic = {"mimic-iv-ecg", "record_list.csv", open_mimic, mimic_facts, mimic_label, close_mimic};
