/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interval of a share of records (sensitivity, specificity, precision) over patients: Wilson's, which does not shrink to a point at 0 and 1
 * as the bootstrap's does, with the number of records divided by how much larger the share's variance is for the records of a patient
 * belonging together (Korn & Graubard 1998). At 0 and 1, where that is not known, patients are counted.
 */
#ifndef PCLR_EVAL_SHARE_INTERVAL_H
#define PCLR_EVAL_SHARE_INTERVAL_H

#include "base/error.h"

/* hits[patients] of records[patients]; patients without records do not count. False when there are no records. */
bool share_interval(const double *hits, const double *records, size_t patients, double alpha, double *low, double *high);

#endif
