/* SPDX-License-Identifier: Apache-2.0 */
/* Labels in the recordings' own headers: diagnoses ("#Dx:", Challenge 2020/21) and "Chagas label" (Challenge 2025). */
#include <string.h>

#include "base/memory.h"
#include "dataset/layouts/layout.h"

static const snomed_class *find_class(const char *code)
{
    size_t n = strlen(code);
    for (size_t k = 0; k < snomed_class_count; k++) {
        for (const char *p = strstr(snomed_classes[k].codes, code); p; p = strstr(p + 1, code)) {
            bool whole = (p == snomed_classes[k].codes || p[-1] == '|') && (p[n] == '|' || p[n] == '\0');
            if (whole) return &snomed_classes[k];
        }
    }
    return NULL;
}

static pclr_status state_diagnoses(const char *codes, size_t record, label_set *set, pclr_error *error)
{
    const char *name[64];
    char **code = NULL;
    size_t count = 0, dx, all;
    bool taken;
    pclr_status status;

    for (size_t k = 0; k < snomed_class_count; k++) name[k] = snomed_classes[k].name;
    TRY(labels_task(set, "dx", name, snomed_class_count, &dx, error));
    TRY(labels_task(set, "dx_all", NULL, 0, &all, error));
    TRY(labels_know(set, dx, record, error));
    TRY(labels_know(set, all, record, error));
    TRY(labels_codes_told(set, record, error));
    TRY_GOTO(text_split(codes, ',', &code, &count, error));
    for (size_t k = 0; k < count; k++) {
        const char *c = snomed_from_word(code[k]);
        if (!*c) continue;
        const snomed_class *s = find_class(c);
        TRY_GOTO(labels_code(set, record, c, s ? s->name : NULL, error));
        TRY_GOTO(labels_state(set, all, record, c, &taken, error));
        if (s) TRY_GOTO(labels_state(set, dx, record, s->name, &taken, error));
    }
done:
    mem_free(code);
    return status;
}

static pclr_status state_chagas(const char *comments, size_t record, label_set *set, pclr_error *error)
{
    static const char *const name[] = {"chagas"};
    const char *value = strstr(comments, "Chagas label:");
    size_t task;
    bool taken;

    if (!value) return PCLR_OK;
    value += strlen("Chagas label:");
    while (*value == ' ') value++;
    TRY(labels_task(set, "chagas", name, 1, &task, error));
    TRY(labels_know(set, task, record, error));
    bool positive = *value == 'T' || *value == 't' || *value == '1';
    return positive ? labels_state(set, task, record, name[0], &taken, error) : PCLR_OK;
}

pclr_status header_labels(const char *diagnoses, const char *comments, size_t index, label_set *set, pclr_error *error)
{
    if (diagnoses) TRY(state_diagnoses(diagnoses, index, set, error));
    return comments ? state_chagas(comments, index, set, error) : PCLR_OK;
}
