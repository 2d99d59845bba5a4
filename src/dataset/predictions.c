/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/predictions.h"

#include "base/file.h"

static void add_names(text *csv, const char *const *class_name, size_t classes)
{
    for (size_t c = 0; c < classes; c++) {
        text_add(csv, ",");
        text_add_csv(csv, class_name[c]);
    }
    text_add(csv, "\n");
}

static void add_values(text *csv, const float *probability, size_t classes)
{
    for (size_t c = 0; c < classes; c++) {
        text_add(csv, ",");
        text_add_float(csv, probability[c]);
    }
    text_add(csv, "\n");
}

void predictions_begin(text *csv, const char *const *class_name, size_t classes)
{
    text_add(csv, "record_id");
    add_names(csv, class_name, classes);
}

void predictions_add(text *csv, const char *record_id, const float *probability, size_t classes)
{
    text_add_csv(csv, record_id);
    add_values(csv, probability, classes);
}

void predictions_begin_segments(text *csv, const char *const *class_name, size_t classes)
{
    text_add(csv, "record_id,segment,start");
    add_names(csv, class_name, classes);
}

void predictions_add_segment(text *csv, const char *record_id, size_t segment, double start, const float *probability, size_t classes)
{
    text_add_csv(csv, record_id);
    text_add(csv, ",%zu,", segment);
    text_add_double(csv, start);
    add_values(csv, probability, classes);
}

pclr_status predictions_end(text *csv, const char *path, pclr_error *error)
{
    pclr_status status = text_ok(csv, error);
    if (status == PCLR_OK) status = file_write(path, csv->data, csv->length, error);
    text_free(csv);
    return status;
}
