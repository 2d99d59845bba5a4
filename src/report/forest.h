/* SPDX-License-Identifier: Apache-2.0 */
/* Forest plots as tables: a row has a label, its numbers, a point with an interval per system, and the values in words. */
#ifndef PCLR_REPORT_FOREST_H
#define PCLR_REPORT_FOREST_H

#include "base/text.h"

typedef struct forest {
    text *out;
    size_t systems;
    double low, high;        /* range of the axis */
    const double *reference; /* [systems] dashed line of each; NaN or NULL: none */
} forest;

/* The range that holds n estimates, in steps of 0.05. False: none is defined. */
bool forest_range(forest *f, const pclr_estimate *value, size_t n);
/* head: title of the first column. */
void forest_begin(const forest *f, const char *head);
/* label is escaped, numbers (below it) are not; value[systems]. */
void forest_row(const forest *f, const char *label, const char *numbers, const pclr_estimate *value);
void forest_end(const forest *f);

#endif
