/* SPDX-License-Identifier: Apache-2.0 */
#include "train/space.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "physio/features.h"

static size_t count_rows(const pool *p, const size_t *record, size_t records, bool by_record)
{
    size_t rows = 0;
    if (by_record) return records;
    for (size_t k = 0; k < records; k++) {
        size_t row = p->record[record[k]].row;
        rows += p->segment_begin[row + 1] - p->segment_begin[row];
    }
    return rows;
}

/* Features of a record's segments, or their mean, at value and valid; returns the number of rows written. */
static size_t copy_rows(const pool *p, size_t k, bool by_record, float *value, uint8_t *valid)
{
    size_t row = p->record[k].row, features = p->physiology.features, rows = 0;
    if (by_record) {
        pool_features(p, k, 0, 0, value, valid);
        return 1;
    }
    for (size_t s = p->segment_begin[row]; s < p->segment_begin[row + 1]; s++, rows++) {
        const float *feature = p->physiology.feature + p->segment_order[s] * features;
        for (size_t f = 0; f < features; f++) {
            valid[rows * features + f] = (uint8_t)(isnan(feature[f]) ? 0 : 1);
            value[rows * features + f] = isnan(feature[f]) ? 0.0f : feature[f];
        }
    }
    return rows;
}

static pclr_status gather(const pool *p, const size_t *record, size_t records, bool by_record, float **value, uint8_t **valid, size_t *rows,
                          pclr_error *error)
{
    size_t features = p->physiology.features;
    *rows = count_rows(p, record, records, by_record);
    TRY(mem_alloc(value, *rows, features * sizeof **value, error));
    TRY(mem_alloc(valid, *rows, features, error));
    for (size_t k = 0, at = 0; k < records; k++) at += copy_rows(p, record[k], by_record, *value + at * features, *valid + at * features);
    return PCLR_OK;
}

static pclr_status balance(const pool *p, float **weight, pclr_error *error)
{
    const pclr_feature_layout *layout = pclr_feature_layout_find(p->physiology.layout);
    if (!layout || layout->count != p->physiology.features)
        return error_set(error, PCLR_E_DATA, "features.balance: the dataset's layout \"%s\" is not known; run `physioclr features` again",
                         p->physiology.layout);
    TRY(mem_alloc(weight, layout->count, sizeof **weight, error));
    feature_balance(layout, *weight);
    return PCLR_OK;
}

pclr_status space_fit(feature_space *space, const pool *p, const size_t *record, size_t records, bool by_record, const pclr_config *config,
                      pclr_error *error)
{
    float *value = NULL, *weight = NULL;
    uint8_t *valid = NULL;
    size_t rows = 0, features = p->physiology.features, components = (size_t)config_int(config, "features.components");
    pclr_status status;
    memset(space, 0, sizeof *space);
    TRY_GOTO(gather(p, record, records, by_record, &value, &valid, &rows, error));
    bool any = false;
    for (size_t k = 0; k < rows * features && !any; k++) any = valid[k];
    if (!any) {
        status = error_set(
            error, PCLR_E_DATA,
            "/physiology/features: no valid feature in the %zu training records; look at `physioclr features` and `physioclr check`",
            records);
        goto done;
    }
    if (components > features) components = features;
    if (components > rows) components = rows;
    if (!by_record && config_bool(config, "features.balance")) TRY_GOTO(balance(p, &weight, error));
    TRY_GOTO(
        feature_space_fit(space, value, valid, rows, features, components, weight, (float)config_real(config, "features.limit"), error));
done:
    mem_free(weight);
    mem_free(value);
    mem_free(valid);
    return status;
}

pclr_status space_records(const feature_space *space, const pool *p, const size_t *record, size_t records, float **out, pclr_error *error)
{
    float *value = NULL;
    uint8_t *valid = NULL;
    size_t rows = 0;
    pclr_status status;
    *out = NULL;
    TRY_GOTO(gather(p, record, records, true, &value, &valid, &rows, error));
    TRY_GOTO(mem_alloc(out, records, space->features * sizeof **out, error));
    feature_space_apply(space, value, valid, records, *out, NULL);
done:
    mem_free(value);
    mem_free(valid);
    return status;
}
