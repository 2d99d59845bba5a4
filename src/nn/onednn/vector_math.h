/* SPDX-License-Identifier: Apache-2.0 */
/* exp, sigmoid, tanh and the normal distribution in float, written so that compilers vectorise loops over them. */
#ifndef PCLR_NN_ONEDNN_VECTOR_MATH_H
#define PCLR_NN_ONEDNN_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* e^x = 2^n e^r, |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 6: relative error below 3e-7 for x >= -87; 0 below. */
static inline float vm_exp(float x)
{
    const float clamped = x < -87.3f ? -87.3f : x > 88.3f ? 88.3f : x;
    const float n = (clamped * 1.44269504f + 12582912.0f) - 12582912.0f; /* 1.5 * 2^23: rounds to the nearest integer */
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;   /* ln 2 in two parts */
    const float e = 1.0f + r * (1.0f + r * (0.5f + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720))))));
    const int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return x < -87.3f ? 0.0f : e * power;
}

static inline float vm_sigmoid(float x)
{
    return 1.0f / (1.0f + vm_exp(-x));
}

/* 1 - 2 / (1 + e^2x): absolute error below 2e-7; for |x| < 0.05 the series x - x^3/3 + 2 x^5/15. */
static inline float vm_tanh(float x)
{
    const float far = 1.0f - 2.0f / (1.0f + vm_exp(2.0f * x)), x2 = x * x;
    const float near = x * (1.0f - x2 * (1.0f / 3 - x2 * (2.0f / 15)));
    return x2 < 0.0025f ? near : far;
}

/* Phi(x) from Abramowitz & Stegun 7.1.26 (absolute error 1e-7); *density receives phi(x), which shares the exponential. */
static inline float vm_normal(float x, float *density)
{
    const float z = fabsf(x) * 0.70710678f, e = vm_exp(-z * z), t = 1.0f / (1.0f + 0.3275911f * z);
    const float poly = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    const float tail = 0.5f * poly * e;
    *density = 0.39894228f * e;
    return x < 0 ? tail : 1.0f - tail;
}

#endif
