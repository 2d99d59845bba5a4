/* SPDX-License-Identifier: Apache-2.0 */
/* Random lead masking (Oh et al. 2022, CHIL): each lead becomes zero with a probability; one lead always stays. */
#include "augment/members.h"

static const config_key keys[] = {
    {"augment.lead_mask.probability", CONFIG_REAL, "0.5", 0, 1, NULL, "chance of each lead to become zero"},
};

static bool apply(augment_segment *s, const pclr_config *config, rng *random)
{
    double p = config_real(config, "augment.lead_mask.probability");
    if (s->leads < 2) return false;
    float *kept = s->scratch;
    bool any = false;
    for (int64_t c = 0; c < s->leads; c++) {
        kept[c] = rng_uniform(random) < p ? 0.0f : 1.0f;
        any = any || kept[c] != 0;
    }
    if (!any) kept[rng_below(random, (uint64_t)s->leads)] = 1;
    for (int64_t t = 0; t < s->samples; t++)
        for (int64_t c = 0; c < s->leads; c++) s->signal[t * s->leads + c] *= kept[c];
    return true;
}

const augment_type augment_lead_mask = {
    .name = "lead_mask",
    .description = "each lead becomes zero with a probability (Oh et al. 2022)",
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .apply = apply,
};
