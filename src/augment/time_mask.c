/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time masking. time_mask: one window, the same in all leads, becomes zero (TimeOut; Mehari & Strodthoff 2022). lead_time_mask: in
 * each lead on its own one window of a fixed share, which may run over the end into the beginning (3KG; Gopal et al. 2021).
 */
#include "augment/members.h"

static const config_key window_keys[] = {
    {"augment.time_mask.shortest", CONFIG_REAL, "0.2", 0, 1, NULL, "shortest masked share of the segment"},
    {"augment.time_mask.longest", CONFIG_REAL, "0.4", 0, 1, NULL, "longest masked share of the segment"},
};
static const config_key lead_keys[] = {
    {"augment.lead_time_mask.share", CONFIG_REAL, "0.5", 0, 1, NULL, "masked share of each lead"},
};

static void mask(augment_segment *s, int64_t lead, int64_t begin, int64_t length)
{
    for (int64_t k = 0; k < length; k++) s->signal[((begin + k) % s->samples) * s->leads + lead] = 0;
}

static bool apply_window(augment_segment *s, const pclr_config *config, rng *random)
{
    double low = config_real(config, "augment.time_mask.shortest"), high = config_real(config, "augment.time_mask.longest");
    int64_t length = (int64_t)(rng_range(random, low, high > low ? high : low) * (double)s->samples);
    if (length < 1) return false;
    int64_t begin = (int64_t)rng_below(random, (uint64_t)(s->samples - length + 1));
    for (int64_t c = 0; c < s->leads; c++) mask(s, c, begin, length);
    return true;
}

static bool apply_lead(augment_segment *s, const pclr_config *config, rng *random)
{
    int64_t length = (int64_t)(config_real(config, "augment.lead_time_mask.share") * (double)s->samples);
    if (length < 1) return false;
    for (int64_t c = 0; c < s->leads; c++) mask(s, c, (int64_t)rng_below(random, (uint64_t)s->samples), length);
    return true;
}

const augment_type augment_time_mask = {
    .name = "time_mask",
    .description = "one window of all leads becomes zero (Mehari & Strodthoff 2022)",
    .keys = window_keys,
    .keys_count = sizeof window_keys / sizeof *window_keys,
    .apply = apply_window,
};
const augment_type augment_lead_time_mask = {
    .name = "lead_time_mask",
    .description = "in each lead on its own one window becomes zero (Gopal et al. 2021)",
    .keys = lead_keys,
    .keys_count = sizeof lead_keys / sizeof *lead_keys,
    .apply = apply_lead,
};
