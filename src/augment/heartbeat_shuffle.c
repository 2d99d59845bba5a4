/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeat shuffle (Maghsoodi et al. 2025): the beats between the first and the last cut change places. Cuts lie where nothing
 * happens (between T end and the next P onset); head and tail stay; the length, the beats and the agreement between leads are kept;
 * a short cross-fade joins what was not neighbour before.
 */
#include <math.h>

#include "augment/members.h"
#include "augment/pieces.h"

enum { FEWEST_BEATS = 3 };

static const config_key keys[] = {
    {"augment.heartbeat_shuffle.cross_fade", CONFIG_REAL, "20", 0, 200, NULL,
     "ms over which two beats that were not neighbours are joined"},
};

/* Cuts as whole samples, strictly ascending, inside of the segment. */
static uint32_t whole_cuts(const augment_segment *s, int64_t *bound)
{
    uint32_t n = 0;
    for (int64_t k = 0; k < s->cuts && n <= PIECES_MAX; k++) {
        int64_t cut = (int64_t)llround(s->cut[k]);
        if (cut < 0 || cut > s->samples || (n > 0 && cut <= bound[n - 1])) continue;
        bound[n++] = cut;
    }
    return n;
}

static bool apply(augment_segment *s, const pclr_config *config, rng *random)
{
    int64_t bound[PIECES_MAX + 1];
    uint32_t order[PIECES_MAX], cuts = whole_cuts(s, bound);
    if (cuts < FEWEST_BEATS + 1) return false;
    int64_t fade = (int64_t)llround(config_real(config, "augment.heartbeat_shuffle.cross_fade") * s->rate / 2000);
    pieces_random_order(s, bound, cuts - 1, order, random);
    pieces_rearrange(s, bound, cuts - 1, order, fade);
    return true;
}

const augment_type augment_heartbeat_shuffle = {
    .name = "heartbeat_shuffle",
    .description = "inner beats change places, the same way in all leads (Maghsoodi et al. 2025)",
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .apply = apply,
};
