/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noise as in Oh et al. 2022 (fairseq-signals), amplitudes in units of the network's input:
 *     powerline        u cos(2 pi f t + phi), u ~ U(0, A), f 50 or 60 Hz, the same in all electrodes
 *     baseline_wander  g_c sum of three cosines of 0.01 to 0.2 Hz with amplitudes U(0, A), g_c ~ N(1, 0.5)
 *     muscle_noise     u_c N(0, 1) at every sample, u_c ~ U(0, A)
 * Limb leads get what the noise of I and II makes of them, so that Einthoven's law still holds.
 */
#include <math.h>

#include "augment/members.h"
#include "augment/tools.h"

static const double two_pi = 6.283185307179586;

static const config_key powerline_keys[] = {
    {"augment.powerline.amplitude", CONFIG_REAL, "0.3", 0, 1e3, NULL, "largest amplitude, in units of the network's input"},
};
static const config_key wander_keys[] = {
    {"augment.baseline_wander.amplitude", CONFIG_REAL, "0.3", 0, 1e3, NULL,
     "largest amplitude of each cosine, in units of the network's input"},
};
static const config_key muscle_keys[] = {
    {"augment.muscle_noise.amplitude", CONFIG_REAL, "0.2", 0, 1e3, NULL, "largest standard deviation, in units of the network's input"},
};

static bool apply_powerline(augment_segment *s, const pclr_config *config, rng *random)
{
    double amplitude = rng_uniform(random) * config_real(config, "augment.powerline.amplitude");
    double frequency = rng_below(random, 2) ? 60 : 50, phase = rng_range(random, 0, two_pi), gain[TOOLS_MAX_LEADS];
    /* at and above half the sampling rate there is no mains in the signal */
    if (2 * frequency >= s->rate) return false;
    for (int64_t t = 0; t < s->samples; t++) s->scratch[t] = (float)(amplitude * cos(two_pi * frequency * (double)t / s->rate + phase));
    for (int c = 0; c < TOOLS_MAX_LEADS; c++) gain[c] = 1;
    tools_add_curve(s, s->scratch, 1, 1, gain);
    return true;
}

static bool apply_wander(augment_segment *s, const pclr_config *config, rng *random)
{
    enum { COSINES = 3 };
    double largest = config_real(config, "augment.baseline_wander.amplitude"), gain[TOOLS_MAX_LEADS];
    for (int64_t t = 0; t < s->samples; t++) s->scratch[t] = 0;
    for (int k = 0; k < COSINES; k++) {
        double a = rng_uniform(random) * largest, f = rng_range(random, 0.01, 0.2), phase = rng_range(random, 0, two_pi);
        for (int64_t t = 0; t < s->samples; t++) s->scratch[t] += (float)(a * cos(two_pi * f * (double)t / s->rate + phase));
    }
    double gain_i = 1 + 0.5 * rng_normal(random), gain_ii = 1 + 0.5 * rng_normal(random);
    for (int c = 0; c < TOOLS_MAX_LEADS; c++) gain[c] = 1 + 0.5 * rng_normal(random);
    tools_add_curve(s, s->scratch, gain_i, gain_ii, gain);
    return true;
}

static bool apply_muscle(augment_segment *s, const pclr_config *config, rng *random)
{
    double largest = config_real(config, "augment.muscle_noise.amplitude");
    double sd_i = largest * rng_uniform(random), sd_ii = largest * rng_uniform(random), sd[TOOLS_MAX_LEADS];
    for (int c = 0; c < TOOLS_MAX_LEADS; c++) sd[c] = largest * rng_uniform(random);
    for (int64_t t = 0; t < s->samples; t++) {
        double noise_i = sd_i * rng_normal(random), noise_ii = sd_ii * rng_normal(random);
        for (int64_t c = 0; c < s->leads; c++) {
            double of_i, of_ii;
            bool limb = s->lead_name && tools_limb_lead(s->lead_name[c], &of_i, &of_ii);
            double noise = limb ? of_i * noise_i + of_ii * noise_ii : sd[c % TOOLS_MAX_LEADS] * rng_normal(random);
            s->signal[t * s->leads + c] += (float)noise;
        }
    }
    return true;
}

const augment_type augment_powerline = {
    .name = "powerline",
    .description = "50 or 60 Hz hum (Oh et al. 2022)",
    .keys = powerline_keys,
    .keys_count = sizeof powerline_keys / sizeof *powerline_keys,
    .apply = apply_powerline,
};
const augment_type augment_baseline_wander = {
    .name = "baseline_wander",
    .description = "slow drift of the baseline (Oh et al. 2022)",
    .keys = wander_keys,
    .keys_count = sizeof wander_keys / sizeof *wander_keys,
    .apply = apply_wander,
};
const augment_type augment_muscle_noise = {
    .name = "muscle_noise",
    .description = "white noise of a random strength in each lead (Oh et al. 2022)",
    .keys = muscle_keys,
    .keys_count = sizeof muscle_keys / sizeof *muscle_keys,
    .apply = apply_muscle,
};
