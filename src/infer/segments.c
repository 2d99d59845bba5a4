/* SPDX-License-Identifier: Apache-2.0 */
/* A recording's segments, each predicted as a recording of its own. */
#include <string.h>

#include "base/memory.h"
#include "infer/model.h"

/* part: samples [first, first + count) of `whole`, whose names it shares; signal and validity are its own. */
static pclr_status take_part(pclr_record *part, const pclr_record *whole, size_t first, size_t count, pclr_error *error)
{
    *part = *whole;
    part->samples = count;
    part->annotation = NULL;
    part->annotations = 0;
    part->signal = NULL;
    part->valid = NULL;
    TRY(mem_alloc(&part->signal, whole->leads * count, sizeof *part->signal, error));
    if (whole->valid) TRY(mem_alloc(&part->valid, whole->leads, count, error));
    for (size_t lead = 0; lead < whole->leads; lead++) {
        size_t from = lead * whole->samples + first;
        memcpy(part->signal + lead * count, whole->signal + from, count * sizeof *part->signal);
        if (whole->valid) memcpy(part->valid + lead * count, whole->valid + from, count);
    }
    return PCLR_OK;
}

pclr_status infer_predict_segments(pclr_model *m, infer_worker *w, const pclr_record *record, const segment_cut *cut, float *probability,
                                   pclr_error *error)
{
    size_t classes = (size_t)m->spec.classes, length = (size_t)cut->length;
    for (size_t s = 0; s < cut->count; s++) {
        pclr_record part = {0};
        pclr_status status = take_part(&part, record, s * length, length, error);
        if (status == PCLR_OK) status = infer_predict(m, w, &part, probability + s * classes, error);
        mem_free(part.signal);
        mem_free(part.valid);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}
