/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/patient.h"

#include <math.h>

/* Lead fields of I, II, V1..V6 over a Frank vectorcardiogram (Dower, Machado, Osborne, Clin Cardiol 3:87, 1980). */
static const double DOWER[TORSO_LEADS][3] = {
    {0.632, -0.235, 0.059}, {0.235, 1.066, -0.132}, {-0.515, 0.157, -0.917}, {0.044, 0.164, -1.387},
    {0.882, 0.098, -1.277}, {1.213, 0.127, -0.601}, {1.125, 0.127, -0.086},  {0.831, 0.076, 0.230},
};

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static double normal_within(rng *r, double mean, double sd, double low, double high)
{
    return clamp(mean + sd * rng_normal(r), low, high);
}

static void draw_torso(sim_patient *p, rng *r)
{
    double build = exp(0.12 * rng_normal(r)); /* slim or stout: all leads together */
    for (int l = 0; l < TORSO_LEADS; l++) {
        double gain = build * exp(0.08 * rng_normal(r)); /* placement of this electrode */
        for (int k = 0; k < 3; k++) p->lead[l][k] = gain * (DOWER[l][k] + 0.05 * rng_normal(r));
    }
}

sim_patient patient_make(uint64_t seed, uint64_t number, const double *prevalence)
{
    rng random = rng_make(seed, "simulate patient", number), *r = &random;
    sim_patient p = {.number = number};
    p.age = floor(normal_within(r, 58.0, 17.0, 18.0, 95.0));
    p.sex = rng_uniform(r) < 0.5 ? PCLR_SEX_FEMALE : PCLR_SEX_MALE;
    p.inclination = conditions_draw(prevalence, p.age, r);
    draw_torso(&p, r);
    p.axis = normal_within(r, 50.0 - 0.5 * (p.age - 55.0), 22.0, -27.0, 88.0);
    p.rotation = normal_within(r, 0.0, 12.0, -30.0, 30.0);
    p.amplitude = exp(normal_within(r, p.sex == PCLR_SEX_MALE ? 0.08 : -0.05, 0.22, -0.5, 0.6));
    p.p_amplitude = exp(normal_within(r, 0.0, 0.25, -0.6, 0.6));
    p.t_amplitude = exp(normal_within(r, p.sex == PCLR_SEX_MALE ? 0.05 : -0.10, 0.40, -1.2, 0.7));
    p.width = normal_within(r, p.sex == PCLR_SEX_MALE ? 1.03 : 0.97, 0.07, 0.85, 1.22);
    p.pr = normal_within(r, 0.150 + 0.0004 * (p.age - 55.0), 0.019, 0.115, 0.199);
    p.qtc = normal_within(r, p.sex == PCLR_SEX_MALE ? 0.405 : 0.415, 0.018, 0.355, 0.452);
    p.terminal = rng_uniform(r) < 0.12 ? rng_range(r, 0.1, 0.5) : 0.0;
    p.heart_rate = normal_within(r, 72.0, 10.0, 58.0, 101.0);
    p.ventricular_site = rng_range(r, -M_PI, M_PI);
    p.territory = rng_uniform(r);
    return p;
}
