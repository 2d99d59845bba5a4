/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of feature layouts, and what they share. */
#include "physio/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const feature_layout *const layouts[] = {&feature_layout_paper150, &feature_layout_rich};

const pclr_feature_layout *pclr_feature_layout_find(const char *name)
{
    if (!name) name = "paper150";
    for (size_t k = 0; k < sizeof layouts / sizeof layouts[0]; k++)
        if (strcmp(layouts[k]->open.name, name) == 0) return &layouts[k]->open;
    return NULL;
}

static const feature_definition *definition(const pclr_feature_layout *layout, size_t k)
{
    static const feature_definition none = {"", "", ""};
    if (!layout || k >= layout->count) return &none;
    return &((const feature_layout *)layout)->definition[k];
}

const char *pclr_feature_name(const pclr_feature_layout *layout, size_t k)
{
    return definition(layout, k)->name;
}

const char *pclr_feature_unit(const pclr_feature_layout *layout, size_t k)
{
    return definition(layout, k)->unit;
}

const char *pclr_feature_definition(const pclr_feature_layout *layout, size_t k)
{
    return definition(layout, k)->definition;
}

int feature_amplitude_lead(const feature_input *in)
{
    const float usable = 0.3f;
    const float *quality = in->marks->lead_quality;
    int two = pclr_record_find_lead(in->record, PCLR_LEAD_II), best = -1;
    if (two >= 0 && quality[two] >= usable) return two;
    for (size_t k = 0; k < in->record->leads; k++)
        if (quality[k] > 0 && (best < 0 || quality[k] > quality[best])) best = (int)k;
    return best;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t n, double share)
{
    double at = share * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

void feature_statistics(double *v, size_t n, double out[4])
{
    double mean = 0, squares = 0;
    for (size_t k = 0; k < n; k++) mean += v[k] / (double)n;
    for (size_t k = 0; k < n; k++) squares += (v[k] - mean) * (v[k] - mean);
    qsort(v, n, sizeof *v, compare);
    out[0] = mean;
    out[1] = sqrt(squares / (double)n);
    out[2] = percentile(v, n, 0.5);
    out[3] = percentile(v, n, 0.75) - percentile(v, n, 0.25);
}

/* First beat whose R is at or behind `position`. */
static size_t lower_bound(const pclr_fiducials *marks, double position)
{
    size_t low = 0, high = marks->beats;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pclr_fiducials_beat(marks, PCLR_FUSED, middle)->qrs.peak < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

pclr_status pclr_features_compute(const pclr_feature_layout *layout, const pclr_record *record, const pclr_fiducials *fiducials, double first, double length,
                                  float *value, uint8_t *valid, int *amplitude_lead, pclr_error *error)
{
    if (!layout) return error_set(error, PCLR_E_ARGUMENT, "features: no layout; pclr_feature_layout_find gives one");
    if (!isfinite(first) || !isfinite(length) || length <= 0)
        return error_set(error, PCLR_E_ARGUMENT, "features: the segment begins at %g and is %g samples long; expected finite values and a positive length", first, length);
    if (fiducials->leads != record->leads)
        return error_set(error, PCLR_E_ARGUMENT, "features: the marks are of %zu leads, the record has %zu; compute the marks on this record", fiducials->leads, record->leads);
    memset(value, 0, layout->count * sizeof *value);
    memset(valid, 0, layout->count * sizeof *valid);
    feature_input in = {.record = record, .marks = fiducials, .first = first, .length = length};
    in.beat_first = lower_bound(fiducials, first);
    in.beat_end = lower_bound(fiducials, first + length);
    int lead = -1;
    pclr_status status = ((const feature_layout *)layout)->compute(&in, value, valid, &lead, error);
    if (amplitude_lead) *amplitude_lead = lead;
    for (size_t k = 0; k < layout->count; k++) {
        if (valid[k] && isfinite(value[k])) continue;
        value[k] = 0;
        valid[k] = 0;
    }
    return status;
}
