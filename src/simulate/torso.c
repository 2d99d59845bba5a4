/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/torso.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

pclr_status dipole_create(dipole_track *d, size_t samples, double rate, pclr_error *error)
{
    *d = (dipole_track){.samples = samples, .rate = rate};
    pclr_status status = mem_alloc(&d->x, samples, sizeof *d->x, error);
    if (status == PCLR_OK) status = mem_alloc(&d->y, samples, sizeof *d->y, error);
    if (status == PCLR_OK) status = mem_alloc(&d->z, samples, sizeof *d->z, error);
    if (status != PCLR_OK) dipole_free(d);
    return status;
}

void dipole_free(dipole_track *d)
{
    mem_release(&d->x);
    mem_release(&d->y);
    mem_release(&d->z);
}

void dipole_add_beat(dipole_track *d, const beat_shape *shape)
{
    const double REACH = 6.0; /* standard deviations */
    for (int k = 0; k < shape->parts; k++) {
        const gaussian *g = &shape->part[k];
        double first = ceil((g->centre - REACH * g->sigma) * d->rate), last = floor((g->centre + REACH * g->sigma) * d->rate);
        first = fmax(first, 0.0);
        last = fmin(last, (double)d->samples - 1.0);
        for (double i = first; i <= last; i += 1.0) {
            double u = (i / d->rate - g->centre) / g->sigma, e = exp(-0.5 * u * u);
            d->x[(size_t)i] += g->dipole.x * e;
            d->y[(size_t)i] += g->dipole.y * e;
            d->z[(size_t)i] += g->dipole.z * e;
        }
    }
}

void dipole_add_atria(dipole_track *d, const atrial_activity *a)
{
    if (!a->present) return;
    double phase = a->phase;
    for (size_t i = 0; i < d->samples; i++) {
        double t = (double)i / d->rate, wave, second;
        if (a->flutter) { /* sawtooth of the inferior leads: four harmonics, falling slowly and rising fast */
            wave = -(sin(phase) + sin(2.0 * phase) / 2.0 + sin(3.0 * phase) / 3.0 + sin(4.0 * phase) / 4.0);
            second = sin(phase + 0.8);
            phase += 2.0 * M_PI * a->rate / d->rate;
        } else { /* wavelets that wax, wane and wander in rate */
            double swell = 0.65 + 0.35 * sin(2.0 * M_PI * 0.43 * t + 2.0 * a->phase);
            wave = swell * (sin(phase) + 0.4 * sin(2.0 * phase + 1.3));
            second = swell * sin(phase * 1.07 + 0.5);
            phase +=
                2.0 * M_PI * a->rate * (1.0 + 0.10 * sin(2.0 * M_PI * 0.27 * t + a->phase) + 0.06 * sin(2.0 * M_PI * 0.91 * t)) / d->rate;
        }
        d->x[i] += 0.3 * a->amplitude * second;
        d->y[i] += 0.8 * a->amplitude * wave;
        d->z[i] -= 0.8 * a->amplitude * (0.7 * second + 0.3 * wave); /* V1 shows them best */
    }
}

static void complete_limb_leads(float *signal, size_t n)
{
    const float *one = signal, *two = signal + n;
    for (size_t i = 0; i < n; i++) {
        signal[2 * n + i] = two[i] - one[i];
        signal[3 * n + i] = -0.5F * (one[i] + two[i]);
        signal[4 * n + i] = one[i] - 0.5F * two[i];
        signal[5 * n + i] = two[i] - 0.5F * one[i];
    }
}

void torso_project(const dipole_track *d, const sim_patient *patient, float *signal)
{
    static const size_t ROW[TORSO_LEADS] = {0, 1, 6, 7, 8, 9, 10, 11};
    for (int l = 0; l < TORSO_LEADS; l++) {
        const double *c = patient->lead[l];
        float *out = signal + ROW[l] * d->samples;
        for (size_t i = 0; i < d->samples; i++) out[i] = (float)(c[0] * d->x[i] + c[1] * d->y[i] + c[2] * d->z[i]);
    }
    complete_limb_leads(signal, d->samples);
}

void torso_add_electrodes(float *signal, const double *potential, size_t n, double gain)
{
    for (size_t i = 0; i < n; i++) {
        double ra = potential[i], la = potential[n + i], ll = potential[2 * n + i], wilson = (ra + la + ll) / 3.0;
        signal[i] += (float)(gain * (la - ra));
        signal[n + i] += (float)(gain * (ll - ra));
        for (size_t v = 0; v < 6; v++) signal[(6 + v) * n + i] += (float)(gain * (potential[(3 + v) * n + i] - wilson));
    }
    complete_limb_leads(signal, n);
}
