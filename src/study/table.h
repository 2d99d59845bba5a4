/* SPDX-License-Identifier: Apache-2.0 */
/* The finished cells of a study as study.json, study.csv and a page of HTML. */
#ifndef PCLR_STUDY_TABLE_H
#define PCLR_STUDY_TABLE_H

#include "study/groups.h"

/* cells: results of downstream cells, each with task, arm, encoder, method, input, fraction, seed, auroc {value, low, high}, seconds.
 * Groups them over seeds: mean, standard deviation over seeds, mean of the bootstrap intervals' ends, time and memory. paired: of
 * paired_compare. */
pclr_status table_write(const json_t *cells, const json_t *paired, const char *folder, pclr_error *error);

/* page.c: report.html */
pclr_status page_write(const group *g, size_t count, const json_t *paired, const char *folder, pclr_error *error);

#endif
