/* SPDX-License-Identifier: Apache-2.0 */
/* Who is contrasted with whom in the objectives that know no physiology. Arrays in, arrays out. Private to objective/.
 * weight: positives, all weights together 1; the other mask: what a positive is contrasted with (contrast.h). */
#ifndef PCLR_OBJECTIVE_MASKS_H
#define PCLR_OBJECTIVE_MASKS_H

#include <stdbool.h>
#include <stdint.h>

/* Rows and columns: view 0 of all items, then view 1 [2B][2B]. Positives of a row: the item's other view and, with `partners`, both
 * views of its partner (pair[i], -1 none); candidates: every other row but, without `partners`, the partner's. */
void masks_views(int64_t items, const int32_t *pair, bool partners, float *weight, float *candidate);
/* The same rows; positives: every other row of the same patient; negatives: all rows of other patients. Rows of patients that have
 * no negatives are left out. */
void masks_patients(int64_t items, const int64_t *patient, float *weight, float *negative);
/* Pairs as two lists: first[k], second[k] are items, k < items / 2 =: M; places without a pair hold item 0 and weigh nothing. Rows are
 * firsts, columns seconds [M][M]; positives: the same patient; candidates: all pairs. Symmetric. Returns the number of pairs. */
int64_t masks_pairs(int64_t items, const int32_t *pair, const int64_t *patient, int32_t *first, int32_t *second, float *weight,
                    float *candidate);

#endif
