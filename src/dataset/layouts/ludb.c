/* SPDX-License-Identifier: Apache-2.0 */
/* LUDB (Kalyakulina et al. 2020): ludb.csv with age, sex and rhythm; its fields carry line breaks. Task rhythm_ludb. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "dataset/layouts/layout.h"

static pclr_status open_ludb(void **state, const char *path, pclr_error *error)
{
    keyed_table *k = NULL;

    if (!csv_has_columns(path, "ID,Rhythms")) return PCLR_OK;
    TRY(mem_alloc(&k, 1, sizeof *k, error));
    pclr_status status = keyed_open(k, path, "ID", error);
    if (status != PCLR_OK) {
        mem_free(k);
        return status;
    }
    *state = k;
    return PCLR_OK;
}

static void close_ludb(void *state)
{
    if (!state) return;
    keyed_close(state);
    mem_free(state);
}

static void ludb_facts(const void *state, const char *path, layout_facts *f)
{
    const keyed_table *k = state;
    double age;

    f->row = keyed_find(k, path);
    if (f->row < 0) return;
    const char *age_text = keyed_get(k, f->row, csv_column(&k->table, "Age")), *sex = keyed_get(k, f->row, csv_column(&k->table, "Sex"));
    if (scan_double(&age_text, &age)) f->age = age; /* ">89" stays unknown */
    f->sex = *sex == 'M' ? PCLR_SEX_MALE : *sex == 'F' ? PCLR_SEX_FEMALE : PCLR_SEX_UNKNOWN;
}

static pclr_status ludb_label(const void *state, const layout_facts *f, size_t record, label_set *set, pclr_error *error)
{
    const keyed_table *k = state;
    char name[64];
    size_t task, n;
    bool taken;

    if (f->row < 0) return PCLR_OK;
    const char *rhythm = keyed_get(k, f->row, csv_column(&k->table, "Rhythms"));
    n = strcspn(rhythm, "\r\n");
    while (n > 0 && (isspace((unsigned char)rhythm[n - 1]) || rhythm[n - 1] == '.')) n--;
    if (n == 0 || n >= sizeof name) return PCLR_OK;
    memcpy(name, rhythm, n);
    name[n] = '\0';
    TRY(labels_task(set, "rhythm_ludb", NULL, 0, &task, error));
    return labels_state(set, task, record, name, &taken, error);
}

const dataset_layout layout_ludb = {"ludb", "ludb.csv", open_ludb, ludb_facts, ludb_label, close_ludb};
