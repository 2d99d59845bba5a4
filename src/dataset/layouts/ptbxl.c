/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PTB-XL (Wagner et al. 2020): ptbxl_database.csv with patients, folds and SCP statements. Tasks: superclass (five), subclass,
 * diagnostic, form, rhythm, all (the statements of each group) and rhythm5 (the five rhythms and PVC that are met often enough to be
 * scored). The diagnostic tasks know a record when it has a diagnostic statement; the others know every record of the table.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "dataset/layouts/layout.h"

typedef struct ptbxl {
    keyed_table table;
    int patient, age, sex, fold, codes, superclass, filename_lr;
    keyed_table low_rate; /* names of the 100-Hz copies, where the table has both */
    bool has_low_rate;
} ptbxl;

static void close_ptbxl(void *state)
{
    ptbxl *p = state;
    if (!p) return;
    keyed_close(&p->table);
    if (p->has_low_rate) keyed_close(&p->low_rate);
    mem_free(p);
}

static pclr_status open_ptbxl(void **state, const char *path, pclr_error *error)
{
    ptbxl *p = NULL;
    bool both = csv_has_columns(path, "filename_hr,filename_lr");

    TRY(mem_alloc(&p, 1, sizeof *p, error));
    pclr_status status = keyed_open(&p->table, path, both ? "filename_hr" : "filename", error);
    if (status == PCLR_OK && both) {
        status = keyed_open(&p->low_rate, path, "filename_lr", error);
        p->has_low_rate = status == PCLR_OK;
    }
    if (status != PCLR_OK) {
        close_ptbxl(p);
        return status;
    }
    const csv_table *t = &p->table.table;
    p->patient = csv_column(t, "patient_id");
    p->age = csv_column(t, "age");
    p->sex = csv_column(t, "sex");
    p->fold = csv_column(t, "strat_fold");
    p->codes = csv_column(t, "scp_codes");
    p->superclass = csv_column(t, "superclass");
    *state = p;
    return PCLR_OK;
}

static void ptbxl_facts(const void *state, const char *path, layout_facts *f)
{
    const ptbxl *p = state;
    double number;
    int64_t fold;

    f->row = keyed_find(&p->table, path);
    if (f->row < 0) {
        f->leave_out = p->has_low_rate && keyed_find(&p->low_rate, path) >= 0;
        return;
    }
    layout_set_patient(f, keyed_get(&p->table, f->row, p->patient));
    if (parse_double(keyed_get(&p->table, f->row, p->age), &number)) f->age = number > 130 ? 90 : number; /* 300 stands for 90 and above */
    if (parse_double(keyed_get(&p->table, f->row, p->sex), &number)) f->sex = number == 0 ? PCLR_SEX_MALE : PCLR_SEX_FEMALE;
    if (parse_int(keyed_get(&p->table, f->row, p->fold), &fold)) f->fold = (int)fold;
}

static const char *const superclasses[] = {"NORM", "MI", "STTC", "CD", "HYP"};
static const char *const rhythms5[] = {"AFIB", "STACH", "SBRAD", "SARRH", "PVC"};

typedef struct ptbxl_tasks {
    size_t superclass, subclass, diagnostic, form, rhythm, all, rhythm5;
} ptbxl_tasks;

/* The task of all statements of a group, in the order of the table. */
static pclr_status group_task(label_set *set, const char *name, bool (*member)(const scp_statement *), size_t *task, pclr_error *error)
{
    const char *code[128];
    size_t n = 0;
    for (size_t k = 0; k < scp_statement_count && n < sizeof code / sizeof *code; k++) {
        if (member(&scp_statements[k])) code[n++] = scp_statements[k].code;
    }
    return labels_task(set, name, code, n, task, error);
}

static bool is_diagnostic(const scp_statement *s)
{
    return s->diagnostic;
}

static bool is_form(const scp_statement *s)
{
    return s->form;
}

static bool is_rhythm(const scp_statement *s)
{
    return s->rhythm;
}

static bool is_any(const scp_statement *s)
{
    (void)s;
    return true;
}

static pclr_status make_tasks(label_set *set, ptbxl_tasks *t, pclr_error *error)
{
    TRY(labels_task(set, "superclass", superclasses, 5, &t->superclass, error));
    TRY(labels_task(set, "rhythm5", rhythms5, 5, &t->rhythm5, error));
    TRY(labels_task(set, "subclass", NULL, 0, &t->subclass, error));
    TRY(group_task(set, "diagnostic", is_diagnostic, &t->diagnostic, error));
    TRY(group_task(set, "form", is_form, &t->form, error));
    TRY(group_task(set, "rhythm", is_rhythm, &t->rhythm, error));
    return group_task(set, "all", is_any, &t->all, error);
}

static const scp_statement *find_statement(const char *code)
{
    for (size_t k = 0; k < scp_statement_count; k++) {
        if (strcmp(scp_statements[k].code, code) == 0) return &scp_statements[k];
    }
    return NULL;
}

static pclr_status state_code(const ptbxl_tasks *t, const char *code, bool by_column, size_t record, label_set *set, pclr_error *error)
{
    const scp_statement *s = find_statement(code);
    bool taken;

    TRY(labels_code(set, record, code, s ? s->code : NULL, error));
    if (!s) return PCLR_OK;
    TRY(labels_state(set, t->all, record, code, &taken, error));
    TRY(labels_state(set, t->rhythm5, record, code, &taken, error));
    if (s->form) TRY(labels_state(set, t->form, record, code, &taken, error));
    if (s->rhythm) TRY(labels_state(set, t->rhythm, record, code, &taken, error));
    if (!s->diagnostic) return PCLR_OK;
    TRY(labels_state(set, t->diagnostic, record, code, &taken, error));
    TRY(labels_state(set, t->subclass, record, s->subclass, &taken, error));
    return by_column ? PCLR_OK : labels_state(set, t->superclass, record, s->superclass, &taken, error);
}

/* "{'SR': 0.0, 'NORM': 100.0}": the codes between the quotes. A likelihood of 0 means "not told", not "absent". */
static pclr_status state_codes(const ptbxl_tasks *t, const char *list, bool by_column, size_t record, label_set *set, pclr_error *error)
{
    char code[32];

    for (const char *p = strchr(list, '\''); p; p = strchr(p, '\'')) {
        const char *end = strchr(++p, '\'');
        if (!end) return PCLR_OK;
        size_t n = (size_t)(end - p);
        if (n > 0 && n < sizeof code) {
            memcpy(code, p, n);
            code[n] = '\0';
            TRY(state_code(t, code, by_column, record, set, error));
        }
        p = end + 1;
    }
    return PCLR_OK;
}

static pclr_status ptbxl_label(const void *state, const layout_facts *f, size_t record, label_set *set, pclr_error *error)
{
    const ptbxl *p = state;
    ptbxl_tasks t;
    char **word = NULL;
    size_t words = 0;

    if (f->row < 0) return PCLR_OK;
    TRY(make_tasks(set, &t, error));
    const size_t every[] = {t.form, t.rhythm, t.all, t.rhythm5};
    for (size_t k = 0; k < sizeof every / sizeof *every; k++) TRY(labels_know(set, every[k], record, error));
    TRY(labels_codes_told(set, record, error));
    TRY(state_codes(&t, keyed_get(&p->table, f->row, p->codes), p->superclass >= 0, record, set, error));
    if (p->superclass < 0) return PCLR_OK;
    TRY(text_split(keyed_get(&p->table, f->row, p->superclass), ' ', &word, &words, error));
    pclr_status status = PCLR_OK;
    for (size_t k = 0; status == PCLR_OK && k < words; k++) {
        bool taken;
        if (word[k][0]) status = labels_state(set, t.superclass, record, word[k], &taken, error);
    }
    mem_free(word);
    return status;
}

const dataset_layout layout_ptbxl = {"ptbxl", "ptbxl_database.csv", open_ptbxl, ptbxl_facts, ptbxl_label, close_ptbxl};
