/* SPDX-License-Identifier: Apache-2.0 */
#include "train/predictions.h"

#include <math.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

pclr_status predictions_write(const pool *p, const pclr_labels *labels, const size_t *record, size_t records, const double *logit,
                              double temperature, const char *folder, const char *file, pclr_error *error)
{
    char *path = NULL;
    text t = {0};
    text_add(&t, "record_id");
    for (size_t c = 0; c < labels->classes; c++) {
        text_add(&t, ",");
        text_add_csv(&t, labels->class_name[c]);
    }
    text_add(&t, "\n");
    for (size_t r = 0; r < records; r++) {
        text_add_csv(&t, pclr_dataset_get_row(p->dataset, p->record[record[r]].row).id);
        for (size_t c = 0; c < labels->classes; c++)
            text_add(&t, ",%.8g", 1.0 / (1.0 + exp(-logit[r * labels->classes + c] / temperature)));
        text_add(&t, "\n");
    }
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK) status = path_join(&path, folder, file, error);
    if (status == PCLR_OK) status = file_write(path, t.data, t.length, error);
    mem_free(path);
    text_free(&t);
    return status;
}
