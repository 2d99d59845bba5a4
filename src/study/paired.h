/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is PhysioCLR ahead? For each task and share of labels: its best arm against the best rival that was pretrained, and against the best
 * that was not (random encoder, features, supervised), "best" being the largest mean macro AUROC over seeds. Then, on the bare embedding,
 * its best arm against each pretrained rival.
 */
#ifndef PCLR_STUDY_PAIRED_H
#define PCLR_STUDY_PAIRED_H

#include <jansson.h>

#include "base/error.h"

/* cells: as for table_write, with the folder of each; kinds: {arm: "physioclr" | "pretrained" | "simple"}.
 * Predictions lie in FOLDER/file.
 * *out: array of {task, fraction, against ("pretrained", "simple", "embedding"), arm, rival, arm_auroc, rival_auroc, difference, low, high, seeds}; low, high: 95 % interval
 * of the difference by bootstrap over patients and seeds, both sides on the same draws. */
pclr_status paired_compare(const char *dataset_path, const json_t *cells, const json_t *kinds, const char *file, json_t **out,
                           pclr_error *error);

#endif
