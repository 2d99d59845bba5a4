/* SPDX-License-Identifier: Apache-2.0 */
#include "train/predictions.h"

#include <math.h>

#include "base/file.h"
#include "base/memory.h"
#include "dataset/predictions.h"

pclr_status predictions_write(const pool *p, const pclr_labels *labels, const size_t *record, size_t records, const double *logit,
                              double temperature, const char *folder, const char *file, pclr_error *error)
{
    size_t classes = labels->classes;
    char *path = NULL;
    float *probability = NULL;
    text csv = {0};
    pclr_status status = PCLR_OK;
    TRY_GOTO(path_join(&path, folder, file, error));
    TRY_GOTO(mem_alloc(&probability, classes, sizeof *probability, error));
    predictions_begin(&csv, (const char *const *)labels->class_name, classes);
    for (size_t r = 0; r < records; r++) {
        for (size_t c = 0; c < classes; c++) probability[c] = (float)(1.0 / (1.0 + exp(-logit[r * classes + c] / temperature)));
        predictions_add(&csv, pclr_dataset_get_row(p->dataset, p->record[record[r]].row).id, probability, classes);
    }
    TRY_GOTO(predictions_end(&csv, path, error));
done:
    text_free(&csv);
    mem_free(probability);
    mem_free(path);
    return status;
}
