/* SPDX-License-Identifier: Apache-2.0 */
/* The finished cells of a study, those that differ by their seed alone put together. */
#ifndef PCLR_STUDY_GROUPS_H
#define PCLR_STUDY_GROUPS_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* One line of the table: everything of a cell but the seed. */
typedef struct group {
    const char *task, *arm, *encoder, *method, *input;
    double fraction;
    double sum, squares, low, high, seconds, peak, pretraining_seconds, pretraining_peak; /* sums over seeds; peaks: largest, in bytes */
    size_t seeds;
    json_t *classes; /* {class: [AUROC of each seed]}, owned */
} group;

/* In the order of task, arm, encoder, method, input and fraction; cells without an AUROC are left out. Texts are the cells'. */
pclr_status groups_make(const json_t *cells, group **out, size_t *count, pclr_error *error);
void groups_free(group *g, size_t count);

double group_mean(const group *g); /* macro AUROC */
double group_sd(const group *g);   /* over seeds (n - 1); 0 for one seed */
double group_mean_over(const group *g, double sum);
double group_list_mean(const json_t *list); /* NAN: empty */
json_t *group_class_means(const group *g);  /* {class: mean AUROC}; null where no seed defines it */
/* A text or number of a JSON object; "" or 0 where it has none. */
const char *group_word(const json_t *object, const char *key);
double group_number(const json_t *object, const char *key);

#endif
