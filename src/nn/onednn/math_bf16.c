/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GELU and softmax in whole vectors of 16, for graphs in bf16: there the products take so little time that these would be what a step waits for.
 * Values and errors are those of vector_math.h (below 1e-6), far below the rounding of the operands.
 */
#include "nn/onednn/bf16.h"

#if PCLR_BF16
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

WIDE static inline __mmask16 lanes_of(int64_t left)
{
    return left >= 16 ? (__mmask16)0xFFFF : (__mmask16)((1u << left) - 1);
}

/* e^x = 2^n e^r by the Taylor polynomial of degree 6, as vm_exp. */
WIDE static inline __m512 exp_wide(__m512 x)
{
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.3f));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(2.12194440e-4f), _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x));
    __m512 e = _mm512_set1_ps(1.0f / 720);
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(1.0f / 120));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(1.0f / 24));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(1.0f / 6));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(0.5f));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(1.0f));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(e, n);
}

/* 1 / x by an estimate of 14 bits and one step of Newton's. */
WIDE static inline __m512 reciprocal(__m512 x)
{
    const __m512 r = _mm512_rcp14_ps(x);
    return _mm512_mul_ps(r, _mm512_fnmadd_ps(x, r, _mm512_set1_ps(2.0f)));
}

/* Phi(x), and sqrt(2 pi) times its density; as vm_normal. */
WIDE static inline __m512 normal_wide(__m512 x, __m512 *e)
{
    const __m512 z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.70710678f));
    *e = exp_wide(_mm512_fnmadd_ps(z, z, _mm512_setzero_ps()));
    const __m512 t = reciprocal(_mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911f), _mm512_set1_ps(1.0f)));
    __m512 poly = _mm512_set1_ps(1.061405429f);
    poly = _mm512_fmadd_ps(poly, t, _mm512_set1_ps(-1.453152027f));
    poly = _mm512_fmadd_ps(poly, t, _mm512_set1_ps(1.421413741f));
    poly = _mm512_fmadd_ps(poly, t, _mm512_set1_ps(-0.284496736f));
    poly = _mm512_fmadd_ps(poly, t, _mm512_set1_ps(0.254829592f));
    const __m512 tail = _mm512_mul_ps(_mm512_mul_ps(poly, t), _mm512_mul_ps(*e, _mm512_set1_ps(0.5f)));
    const __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_mov_ps(_mm512_sub_ps(_mm512_set1_ps(1.0f), tail), below, tail);
}

WIDE void bf16_gelu(const float *x, int64_t n, float *y)
{
    for (int64_t k = 0; k < n; k += 16) {
        const __mmask16 m = lanes_of(n - k);
        const __m512 v = _mm512_maskz_loadu_ps(m, x + k);
        __m512 e;
        _mm512_mask_storeu_ps(y + k, m, _mm512_mul_ps(v, normal_wide(v, &e)));
    }
}

WIDE void bf16_gelu_back(const float *x, const float *dy, int64_t n, bool add, float *dx)
{
    for (int64_t k = 0; k < n; k += 16) {
        const __mmask16 m = lanes_of(n - k);
        const __m512 v = _mm512_maskz_loadu_ps(m, x + k), g = _mm512_maskz_loadu_ps(m, dy + k);
        __m512 e;
        const __m512 phi = normal_wide(v, &e), slope = _mm512_fmadd_ps(_mm512_mul_ps(v, e), _mm512_set1_ps(0.39894228f), phi);
        const __m512 before = add ? _mm512_maskz_loadu_ps(m, dx + k) : _mm512_setzero_ps();
        _mm512_mask_storeu_ps(dx + k, m, _mm512_fmadd_ps(g, slope, before));
    }
}

WIDE void bf16_softmax(float *s, int64_t T, float scale)
{
    __m512 most = _mm512_set1_ps(s[0]), sum = _mm512_setzero_ps();
    for (int64_t k = 0; k < T; k += 16) most = _mm512_mask_max_ps(most, lanes_of(T - k), most, _mm512_maskz_loadu_ps(lanes_of(T - k), s + k));
    const __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(most)), factor = _mm512_set1_ps(scale);
    for (int64_t k = 0; k < T; k += 16) {
        const __mmask16 m = lanes_of(T - k);
        const __m512 e = exp_wide(_mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(m, s + k), largest), factor));
        _mm512_mask_storeu_ps(s + k, m, e);
        sum = _mm512_mask_add_ps(sum, m, sum, e);
    }
    const __m512 share = _mm512_set1_ps(1 / _mm512_reduce_add_ps(sum));
    for (int64_t k = 0; k < T; k += 16) {
        const __mmask16 m = lanes_of(T - k);
        _mm512_mask_storeu_ps(s + k, m, _mm512_mul_ps(_mm512_maskz_loadu_ps(m, s + k), share));
    }
}

WIDE void bf16_softmax_back(float *p, float *dp, const float *factor, int64_t T, float scale)
{
    __m512 sum = _mm512_setzero_ps();
    for (int64_t k = 0; k < T; k += 16) {
        const __mmask16 m = lanes_of(T - k);
        __m512 g = _mm512_maskz_loadu_ps(m, dp + k);
        if (factor) {
            g = _mm512_mul_ps(g, _mm512_maskz_loadu_ps(m, factor + k));
            _mm512_mask_storeu_ps(dp + k, m, g);
        }
        sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, p + k), g, sum);
    }
    const __m512 dot = _mm512_set1_ps(_mm512_reduce_add_ps(sum)), scales = _mm512_set1_ps(scale);
    for (int64_t k = 0; k < T; k += 16) {
        const __mmask16 m = lanes_of(T - k);
        const __m512 v = _mm512_maskz_loadu_ps(m, p + k), g = _mm512_maskz_loadu_ps(m, dp + k);
        _mm512_mask_storeu_ps(dp + k, m, _mm512_mul_ps(_mm512_mul_ps(scales, v), _mm512_sub_ps(g, dot)));
        if (factor) _mm512_mask_storeu_ps(p + k, m, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, factor + k)));
    }
}

#endif
