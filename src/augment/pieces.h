/* SPDX-License-Identifier: Apache-2.0 */
/* Rearranging contiguous pieces of a segment. Private to augment/. */
#ifndef PCLR_AUGMENT_PIECES_H
#define PCLR_AUGMENT_PIECES_H

#include "augment/augment.h"

enum { PIECES_MAX = 512 };

/* Pieces k = [bound[k], bound[k + 1]), 0 <= k < count <= PIECES_MAX, in samples, strictly ascending; what lies before the first and
 * behind the last stays. A random order, the same in all leads; never one that leaves the signal as it was, unless all pieces are
 * alike. */
void pieces_random_order(const augment_segment *s, const int64_t *bound, uint32_t count, uint32_t *order, rng *random);

/* Writes the pieces in the given order, moves R peaks and cuts along. Over `fade` samples on each side of a seam the two sides'
 * natural continuations are cross-faded (none where the neighbours were neighbours before). */
void pieces_rearrange(augment_segment *s, const int64_t *bound, uint32_t count, const uint32_t *order, int64_t fade);

#endif
