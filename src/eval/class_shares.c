/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals of a class's sensitivity, specificity and precision. */
#include <math.h>

#include "eval/evaluation.h"
#include "eval/share_interval.h"

typedef enum share_kind { SENSITIVITY, SPECIFICITY, PRECISION, SHARES } share_kind;
static const char *const share_measure[SHARES] = {"sensitivity", "specificity", "precision"};

/* Whether a record is among those that the share is of, and whether it hits. */
static bool counts(share_kind kind, bool positive, bool called)
{
    return kind == SENSITIVITY ? positive : kind == SPECIFICITY ? !positive : called;
}

static bool hits(share_kind kind, bool positive, bool called)
{
    return kind == SENSITIVITY ? called : kind == SPECIFICITY ? !called : positive;
}

static void share_of_class(pclr_evaluation *e, size_t c, share_kind kind, double *hit, double *records)
{
    const eval_set *set = &e->set;
    pclr_estimate *out = &e->of_class[measure_of_class(share_measure[kind]) * set->classes + c];
    for (size_t p = 0; p < set->patients; p++) hit[p] = records[p] = 0;
    for (size_t r = 0; r < set->records; r++) {
        uint8_t label = set->label[r * set->classes + c];
        bool called = set->score[r * set->classes + c] >= e->class_result[c].threshold;
        if (label > 1 || !counts(kind, label, called)) continue;
        records[set->patient[r]]++;
        hit[set->patient[r]] += hits(kind, label, called);
    }
    if (out->defined) share_interval(hit, records, set->patients, 0.05, &out->low, &out->high);
}

pclr_status evaluation_class_shares(pclr_evaluation *e, pclr_error *error)
{
    double *hit = NULL, *records = NULL;
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&hit, e->set.patients, sizeof *hit, error));
    TRY_GOTO(mem_alloc(&records, e->set.patients, sizeof *records, error));
    for (size_t c = 0; c < e->set.classes; c++) {
        for (int kind = 0; kind < SHARES; kind++) share_of_class(e, c, (share_kind)kind, hit, records);
    }
done:
    mem_free(hit);
    mem_free(records);
    return status;
}
