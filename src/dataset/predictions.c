/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/predictions.h"

#include "base/file.h"

void predictions_begin(text *csv, const char *const *class_name, size_t classes)
{
    text_add(csv, "record_id");
    for (size_t c = 0; c < classes; c++) {
        text_add(csv, ",");
        text_add_csv(csv, class_name[c]);
    }
    text_add(csv, "\n");
}

void predictions_add(text *csv, const char *record_id, const float *probability, size_t classes)
{
    text_add_csv(csv, record_id);
    for (size_t c = 0; c < classes; c++) {
        text_add(csv, ",");
        text_add_float(csv, probability[c]);
    }
    text_add(csv, "\n");
}

pclr_status predictions_end(text *csv, const char *path, pclr_error *error)
{
    pclr_status status = text_ok(csv, error);
    if (status == PCLR_OK) status = file_write(path, csv->data, csv->length, error);
    text_free(csv);
    return status;
}
