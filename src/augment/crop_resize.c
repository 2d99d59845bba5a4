/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random resized crop (Mehari & Strodthoff 2022): a random part of the segment is stretched to its whole length by linear
 * interpolation. It changes the heart rate and all intervals: what is learned under it does not know the rhythm.
 */
#include <string.h>

#include "augment/members.h"
#include "augment/tools.h"

static const config_key keys[] = {
    {"augment.crop_resize.smallest", CONFIG_REAL, "0.5", 0.05, 1, NULL, "smallest share of the segment that is kept and stretched"},
};

static bool apply(augment_segment *s, const pclr_config *config, rng *random)
{
    double share = rng_range(random, config_real(config, "augment.crop_resize.smallest"), 1);
    double length = share * (double)(s->samples - 1), begin = rng_uniform(random) * ((double)(s->samples - 1) - length);
    if (s->samples < 2) return false;
    double step = length / (double)(s->samples - 1);
    memcpy(s->scratch, s->signal, (size_t)(s->samples * s->leads) * sizeof(float));
    for (int64_t t = 0; t < s->samples; t++) {
        double x = begin + step * (double)t;
        int64_t k = (int64_t)x;
        if (k > s->samples - 2) k = s->samples - 2;
        float w = (float)(x - (double)k);
        for (int64_t c = 0; c < s->leads; c++)
            s->signal[t * s->leads + c] = (1 - w) * s->scratch[k * s->leads + c] + w * s->scratch[(k + 1) * s->leads + c];
    }
    tools_map_marks(s, begin, 1 / step);
    return true;
}

const augment_type augment_crop_resize = {
    .name = "crop_resize",
    .description = "a random part is stretched to the whole length; changes the rhythm (Mehari & Strodthoff 2022)",
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .apply = apply,
};
