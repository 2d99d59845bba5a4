/* SPDX-License-Identifier: Apache-2.0 */
/* Choices made on validation that a classifier file brings along: a threshold a class, and the temperature of its probabilities. */
#include <jansson.h>
#include <math.h>

#include "infer/model.h"

double pclr_model_threshold(const pclr_model *model, size_t k)
{
    const char *stored = model->classifier ? st_metadata(model->file, "thresholds") : NULL;
    json_t *list = stored ? json_loads(stored, 0, NULL) : NULL, *entry = json_array_get(list, k);
    bool usable = k < pclr_model_classes(model) && json_array_size(list) == pclr_model_classes(model) && json_is_number(entry);
    double value = usable ? json_number_value(entry) : NAN;
    json_decref(list);
    return value >= 0 && value <= 1 ? value : NAN;
}

double pclr_model_temperature(const pclr_model *model)
{
    return model->classifier ? model->temperature : 1;
}
