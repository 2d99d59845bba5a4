/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of output that evaluation and comparison share. */
#ifndef PCLR_EVAL_WRITE_H
#define PCLR_EVAL_WRITE_H

#include <jansson.h>

#include "base/text.h"
#include "eval/evaluation.h"

json_t *write_number(double value);             /* null unless finite */
json_t *write_estimate(pclr_estimate estimate); /* {value, low, high}, or null when undefined */
const char *write_origin(threshold_origin origin);
/* Dumps and releases `root` (NULL: building it failed); *json from mem_alloc. */
pclr_status write_dump(json_t *root, char **json, pclr_error *error);
/* "0.912 [0.903, 0.921]", or "undefined", padded to `width`. */
void write_interval(text *out, pclr_estimate estimate, int width);
/* All rows of an evaluation's CSV without the header; `model` (may be NULL) goes in front, with an empty field for p behind. */
void write_csv_rows(text *out, const pclr_evaluation *e, const char *model);
/* Moves a finished text to *to (from mem_alloc) and releases it. */
pclr_status write_hand_over(text *from, char **to, pclr_error *error);

#endif
