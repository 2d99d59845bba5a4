/* SPDX-License-Identifier: Apache-2.0 */
/* The file of predictions that training, predict and evaluate share: record_id and a column of probabilities a class. */
#ifndef PCLR_DATASET_PREDICTIONS_H
#define PCLR_DATASET_PREDICTIONS_H

#include "base/text.h"

/* The header row; class_name[classes]. */
void predictions_begin(text *csv, const char *const *class_name, size_t classes);
/* The same with a row a segment: its number and start in s follow the record's id. */
void predictions_begin_segments(text *csv, const char *const *class_name, size_t classes);
void predictions_add_segment(text *csv, const char *record_id, size_t segment, double start, const float *probability, size_t classes);
/* A row; probability[classes], in the shortest form that reads back as the same float. */
void predictions_add(text *csv, const char *record_id, const float *probability, size_t classes);
/* Writes the file whole ("-" is standard output) and frees the text. */
pclr_status predictions_end(text *csv, const char *path, pclr_error *error);

#endif
