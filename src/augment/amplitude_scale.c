/* SPDX-License-Identifier: Apache-2.0 */
/* Amplitude scale: the segment times a factor, log-uniform (ChannelResize of Mehari & Strodthoff 2022 does so per lead). */
#include <math.h>

#include "augment/members.h"

static const config_key keys[] = {
    {"augment.amplitude_scale.largest", CONFIG_REAL, "1.3", 1, 100, NULL, "factors are drawn from 1 / largest to largest, log-uniform"},
    {"augment.amplitude_scale.per_lead", CONFIG_BOOL, "false", 0, 0, NULL, "a factor for each lead instead of one for all"},
};

static bool apply(augment_segment *s, const pclr_config *config, rng *random)
{
    double limit = log(config_real(config, "augment.amplitude_scale.largest"));
    bool per_lead = config_bool(config, "augment.amplitude_scale.per_lead");
    double factor = exp(rng_range(random, -limit, limit));
    for (int64_t c = 0; c < s->leads; c++) {
        if (per_lead && c > 0) factor = exp(rng_range(random, -limit, limit));
        for (int64_t t = 0; t < s->samples; t++) s->signal[t * s->leads + c] *= (float)factor;
    }
    return true;
}

const augment_type augment_amplitude_scale = {
    .name = "amplitude_scale",
    .description = "the amplitude times a random factor (Mehari & Strodthoff 2022)",
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .apply = apply,
};
