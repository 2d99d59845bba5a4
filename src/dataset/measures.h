/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that an archive's tables tell of its recordings (intervals and axes measured by the recorder): one row a record, NaN missing. */
#ifndef PCLR_DATASET_MEASURES_H
#define PCLR_DATASET_MEASURES_H

#include "base/error.h"

typedef struct measure_set {
    char **name, **unit; /* [columns] */
    size_t columns;
    float *value; /* [rows][columns], NaN where nothing was told */
    size_t rows, capacity;
} measure_set;

/* value[columns] of a record. The first call sets the columns; a later one with other names is refused. */
pclr_status measures_set(measure_set *m, size_t record, const char *const *name, const char *const *unit, size_t columns,
                         const float *value, pclr_error *error);
/* Makes the table as long as the dataset. */
pclr_status measures_finish(measure_set *m, size_t records, pclr_error *error);
void measures_free(measure_set *m);

#endif
