/* SPDX-License-Identifier: Apache-2.0 */
#include "physio/working.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "signal/interpolate.h"

/* Values beyond this are no measurement in any unit (a 24-bit converter's counts stay below). */
static const float LIMIT = 2e7F;
/* A lead that never moves by more than this is not connected. */
static const float FLAT = 0.005F; /* mV */
/* A lead with fewer good samples than this share is not used. */
static const double MIN_GOOD_SHARE = 0.5;

static bool is_flat(const float *x, size_t n)
{
    float low = n ? x[0] : 0.0F, high = low;
    for (size_t i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        if (high - low >= FLAT) return false;
    }
    return true;
}

static pclr_status convert_leads(working *w, const pclr_record *record, const interpolator *it, pclr_error *error)
{
    float *bridged = NULL;
    TRY(mem_alloc(&bridged, record->samples, sizeof *bridged, error));
    for (size_t l = 0; l < record->leads; l++) {
        const uint8_t *valid = record->valid ? record->valid + l * record->samples : NULL;
        size_t good = bridge_gaps(record->signal + l * record->samples, valid, record->samples, LIMIT, bridged);
        bool unusable = (double)good < MIN_GOOD_SHARE * (double)record->samples || is_flat(bridged, record->samples);
        w->quality[l] = unusable ? 0.0F : 1.0F;
        interpolator_apply(it, bridged, record->samples, w->signal + l * w->samples);
    }
    mem_free(bridged);
    return PCLR_OK;
}

pclr_status working_create(working *w, const pclr_record *record, pclr_error *error)
{
    interpolator it;
    memset(w, 0, sizeof *w);
    TRY(interpolator_create(&it, record->rate, WORKING_RATE, error));
    w->step = it.step;
    w->leads = record->leads;
    w->samples = interpolator_length(&it, record->samples);
    pclr_status status = mem_alloc(&w->quality, w->leads, sizeof *w->quality, error);
    if (status == PCLR_OK) status = mem_alloc(&w->signal, w->leads * w->samples, sizeof *w->signal, error);
    if (status == PCLR_OK) status = convert_leads(w, record, &it, error);
    interpolator_free(&it);
    if (status != PCLR_OK) working_free(w);
    return status;
}

void working_free(working *w)
{
    mem_release(&w->signal);
    mem_release(&w->quality);
}
