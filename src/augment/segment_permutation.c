/* SPDX-License-Identifier: Apache-2.0 */
/* Segment permutation (Um et al. 2017, arXiv 1706.00527): the segment is cut at random places and the pieces change places. */
#include "augment/members.h"
#include "augment/pieces.h"

static const config_key keys[] = {
    {"augment.segment_permutation.pieces", CONFIG_INT, "5", 2, 64, NULL, "at most so many pieces; their number is drawn from 2 on"},
};

static bool apply(augment_segment *s, const pclr_config *config, rng *random)
{
    int64_t most = config_int(config, "augment.segment_permutation.pieces"), bound[PIECES_MAX + 1];
    uint32_t order[PIECES_MAX], pieces = 2 + (uint32_t)rng_below(random, (uint64_t)(most - 1)), n = 0;
    if (s->samples < 2 * (int64_t)pieces) return false;
    bound[n++] = 0;
    /* one cut within the middle half of every equal share: no piece is shorter than half a share */
    for (uint32_t k = 1; k < pieces; k++) {
        double share = (double)s->samples / pieces;
        bound[n++] = (int64_t)((k - 0.25 + 0.5 * rng_uniform(random)) * share);
    }
    bound[n] = s->samples;
    pieces_random_order(s, bound, pieces, order, random);
    pieces_rearrange(s, bound, pieces, order, 0);
    return true;
}

const augment_type augment_segment_permutation = {
    .name = "segment_permutation",
    .description = "random pieces change places, heedless of beats (Um et al. 2017)",
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .apply = apply,
};
