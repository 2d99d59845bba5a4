/* SPDX-License-Identifier: Apache-2.0 */
/* What headers and tables state of a recording, against itself and against the heart rate. */
#include <math.h>
#include <string.h>

#include "doctor/checkup.h"

/* Rhythms of which a recording has one: names of the built-in classes, SNOMED CT codes and SCP-ECG statements. */
typedef enum rhythm { RHYTHM_NONE, RHYTHM_SINUS, RHYTHM_FIBRILLATION, RHYTHM_FAST, RHYTHM_SLOW, RHYTHMS } rhythm;

static rhythm rhythm_of(const char *name)
{
    static const struct {
        const char *name;
        rhythm rhythm;
    } known[] = {
        {"NSR", RHYTHM_SINUS},       {"426783006", RHYTHM_SINUS},   {"SR", RHYTHM_SINUS},
        {"AF", RHYTHM_FIBRILLATION}, {"AFIB", RHYTHM_FIBRILLATION}, {"164889003", RHYTHM_FIBRILLATION},
        {"STach", RHYTHM_FAST},      {"427084000", RHYTHM_FAST},    {"STACH", RHYTHM_FAST},
        {"SB", RHYTHM_SLOW},         {"426177001", RHYTHM_SLOW},    {"SBRAD", RHYTHM_SLOW},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(known[k].name, name) == 0) return known[k].rhythm;
    }
    return RHYTHM_NONE;
}

static pclr_status gather(checkup *c, size_t k, label_set *labels, pclr_error *error)
{
    const checked_file *file = &c->file[k];
    const archive *a = &c->archives.archive[c->archive_of[k]];

    TRY(header_labels(file->diagnoses, file->comments, k, labels, error));
    return a->layout ? a->layout->label(a->state, &file->facts, k, labels, error) : PCLR_OK;
}

/* Sinus tachycardia is from 100/min on, bradycardia below 60/min; a finding needs 15/min more than that. */
static void judge(checked_file *file, const char *const *stated)
{
    double rate = (double)file->heart_rate;

    if (stated[RHYTHM_SINUS] && stated[RHYTHM_FIBRILLATION])
        findings_add(&file->found, FINDING_LABELS, "%s with %s", stated[RHYTHM_SINUS], stated[RHYTHM_FIBRILLATION]);
    if (stated[RHYTHM_FAST] && stated[RHYTHM_SLOW])
        findings_add(&file->found, FINDING_LABELS, "%s with %s", stated[RHYTHM_FAST], stated[RHYTHM_SLOW]);
    if (stated[RHYTHM_FAST] && rate < 85) findings_add(&file->found, FINDING_LABELS, "%s at %.0f/min", stated[RHYTHM_FAST], rate);
    if (stated[RHYTHM_SLOW] && rate > 75) findings_add(&file->found, FINDING_LABELS, "%s at %.0f/min", stated[RHYTHM_SLOW], rate);
}

pclr_status statements_check(checkup *c, label_set *labels, pclr_error *error)
{
    const char *(*stated)[RHYTHMS] = NULL;
    pclr_status status;

    for (size_t k = 0; k < c->list->count; k++) TRY(gather(c, k, labels, error));
    TRY_GOTO(mem_alloc(&stated, c->list->count, sizeof *stated, error));
    for (size_t t = 0; t < labels->tasks; t++) {
        const label_task *task = &labels->task[t];
        for (size_t p = 0; p < task->pairs; p++) {
            const char *name = task->class_name[task->pair[p].class];
            stated[task->pair[p].record][rhythm_of(name)] = name;
        }
    }
    for (size_t k = 0; k < c->list->count; k++) judge(&c->file[k], stated[k]);
done:
    mem_free(stated);
    return status;
}
