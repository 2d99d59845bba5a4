/* SPDX-License-Identifier: Apache-2.0 */
/* AUROC of one class of a set with the interval that every output tells. */
#include <math.h>

#include "eval/delong.h"
#include "eval/evaluation.h"

pclr_status evaluation_class_auroc(const eval_set *set, const ranking *rank, size_t c, class_auroc *out, pclr_error *error)
{
    double *score = NULL;
    const double *only;
    uint8_t *label = NULL;
    pclr_error few = {0};
    delong d = {0};
    pclr_status status = PCLR_OK;

    *out = (class_auroc){.estimate = {.value = NAN, .low = NAN, .high = NAN}};
    TRY_GOTO(mem_alloc(&score, set->records, sizeof *score, error));
    TRY_GOTO(mem_alloc(&label, set->records, 1, error));
    for (size_t r = 0; r < set->records; r++) {
        score[r] = set->score[r * set->classes + c];
        label[r] = set->label[r * set->classes + c];
    }
    only = score;
    status = delong_create(&d, &only, 1, label, set->patient, set->patients, set->records, &few);
    out->positive_patients = d.with_positive;
    out->negative_patients = d.with_negative;
    if (status != PCLR_OK && status != PCLR_E_DATA) TRY_GOTO(error_set(error, status, "%s", few.message));
    bool variance = status == PCLR_OK;
    status = PCLR_OK;
    if (d.with_positive == 0 || d.with_negative == 0) goto done;
    auroc_spread s = variance ? delong_spread(&d, 0)
                              : (auroc_spread){ranking_measure(rank, NULL, 0).auroc, NAN, NAN, NAN, d.with_positive, d.with_negative};
    out->estimate = (pclr_estimate){.value = s.auroc, .defined = true};
    auroc_interval(&s, 0.05, &out->estimate.low, &out->estimate.high);
done:
    delong_free(&d);
    mem_free(score);
    mem_free(label);
    return status;
}
