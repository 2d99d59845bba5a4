/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/noise.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Each kind fills x[n] with one electrode's noise of about unit variance. */

static void wander(double *x, size_t n, double rate, rng *r)
{
    enum { WAVES_MIXED = 6 };
    for (int k = 0; k < WAVES_MIXED; k++) {
        double f = rng_range(r, 0.04, 0.55), phase = rng_range(r, 0.0, 2.0 * M_PI), a = 0.12 / sqrt(f) * rng_normal(r);
        for (size_t i = 0; i < n; i++) x[i] += a * sin(2.0 * M_PI * f * (double)i / rate + phase);
    }
}

/* White noise between about 15 and 120 Hz in bursts: the difference of two one-pole low passes. */
static void muscle(double *x, size_t n, double rate, rng *r)
{
    double fast = 0.0, slow = 0.0, envelope = rng_uniform(r), target = envelope;
    double a = 1.0 - exp(-2.0 * M_PI * fmin(120.0, 0.45 * rate) / rate), b = 1.0 - exp(-2.0 * M_PI * 15.0 / rate);
    for (size_t i = 0; i < n; i++) {
        double w = rng_normal(r);
        fast += a * (w - fast);
        slow += b * (fast - slow);
        if (rng_uniform(r) < 1.5 / rate) target = rng_gamma(r, 1.0); /* a new burst or a rest, every 0.7 s on average */
        envelope += (target - envelope) * 6.0 / rate;
        x[i] = (0.3 + envelope) * (fast - slow);
    }
}

static void mains(double *x, size_t n, double rate, double frequency, rng *r)
{
    double a = rng_gamma(r, 2.0), phase = rng_range(r, 0.0, 2.0 * M_PI), third = rng_range(r, 0.0, 0.25);
    for (size_t i = 0; i < n; i++) {
        double t = 2.0 * M_PI * frequency * (double)i / rate + phase;
        x[i] = a * (sin(t) + (3.0 * frequency < 0.5 * rate ? third * sin(3.0 * t) : 0.0));
    }
}

/* Sudden shifts that die away over a second, on some electrodes. */
static void motion(double *x, size_t n, double rate, rng *r)
{
    double level = 0.0, state = 0.0, decay = exp(-1.0 / (rng_range(r, 0.2, 0.8) * rate));
    if (rng_uniform(r) < 0.5) return;
    for (size_t i = 0; i < n; i++) {
        if (rng_uniform(r) < 0.35 / rate) level += 3.0 * rng_normal(r);
        level *= decay;
        state += (level - state) * fmin(25.0 / rate, 1.0);
        x[i] = state;
    }
}

static double mean_square(const double *x, size_t count)
{
    double mean = 0.0, sum = 0.0;
    for (size_t i = 0; i < count; i++) mean += x[i] / (double)count;
    for (size_t i = 0; i < count; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)count;
}

/* Mean over the leads of each lead's variance. */
static double mean_variance(const float *signal, size_t n)
{
    double total = 0.0;
    for (size_t l = 0; l < PCLR_LEAD_STANDARD; l++) {
        const float *x = signal + l * n;
        double mean = 0.0, sum = 0.0;
        for (size_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
        for (size_t i = 0; i < n; i++) sum += ((double)x[i] - mean) * ((double)x[i] - mean);
        total += sum / (double)n;
    }
    return total / (double)PCLR_LEAD_STANDARD;
}

static void mix_kind(double *potential, double *one, size_t n, double rate, int kind, double share, double frequency, rng *r)
{
    memset(one, 0, ELECTRODES * n * sizeof *one);
    for (size_t e = 0; e < ELECTRODES; e++) {
        if (kind == 0) wander(one + e * n, n, rate, r);
        if (kind == 1) muscle(one + e * n, n, rate, r);
        if (kind == 2) mains(one + e * n, n, rate, frequency, r);
        if (kind == 3) motion(one + e * n, n, rate, r);
    }
    double power = mean_square(one, ELECTRODES * n), gain = power > 0.0 ? sqrt(share / power) : 0.0;
    for (size_t i = 0; i < ELECTRODES * n; i++) potential[i] += gain * one[i];
}

pclr_status noise_add(float *signal, size_t n, double rate, double snr, rng *random, pclr_error *error)
{
    static const double SHAPE[4] = {1.2, 0.7, 0.15, 0.2}; /* how the power usually divides: wander most, mains least */
    double *potential = NULL, *one = NULL;
    float *alone = NULL;
    pclr_status status = PCLR_OK;
    if (n == 0) return PCLR_OK;
    TRY_GOTO(mem_alloc(&potential, ELECTRODES * n, sizeof *potential, error));
    TRY_GOTO(mem_alloc(&one, ELECTRODES * n, sizeof *one, error));
    TRY_GOTO(mem_alloc(&alone, PCLR_LEAD_STANDARD * n, sizeof *alone, error));
    double frequency = rng_uniform(random) < 0.5 ? 50.0 : 60.0;
    for (int kind = 0; kind < 4; kind++) mix_kind(potential, one, n, rate, kind, rng_gamma(random, SHAPE[kind]), frequency, random);
    torso_add_electrodes(alone, potential, n, 1.0);
    double noise = mean_variance(alone, n), wanted = mean_variance(signal, n) / pow(10.0, snr / 10.0);
    if (noise > 0.0) torso_add_electrodes(signal, potential, n, sqrt(wanted / noise));
done:
    mem_free(potential);
    mem_free(one);
    mem_free(alone);
    return status;
}
