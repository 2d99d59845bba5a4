/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/biquad.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

biquad biquad_low_pass(double corner, double rate)
{
    double k = tan(pi * corner / rate), q = sqrt(2.0), norm = 1 / (1 + q * k + k * k);
    return (biquad){{k * k * norm, 2 * k * k * norm, k * k * norm}, {2 * (k * k - 1) * norm, (1 - q * k + k * k) * norm}};
}

biquad biquad_high_pass(double corner, double rate)
{
    double k = tan(pi * corner / rate), q = sqrt(2.0), norm = 1 / (1 + q * k + k * k);
    return (biquad){{norm, -2 * norm, norm}, {2 * (k * k - 1) * norm, (1 - q * k + k * k) * norm}};
}

/* Transposed direct form II, its two states set to the steady state of a constant input `level`. */
static void run(const biquad *f, float *x, size_t n, ptrdiff_t step, double level)
{
    double gain = (f->b[0] + f->b[1] + f->b[2]) / (1 + f->a[0] + f->a[1]);
    double s2 = (f->b[2] - f->a[1] * gain) * level, s1 = (f->b[1] - f->a[0] * gain) * level + s2;
    for (size_t k = 0; k < n; k++, x += step) {
        double in = (double)*x, out = f->b[0] * in + s1;
        s1 = f->b[1] * in - f->a[0] * out + s2;
        s2 = f->b[2] * in - f->a[1] * out;
        *x = (float)out;
    }
}

void biquad_zero_phase(const biquad *filter, float *x, size_t n, size_t stride)
{
    if (n == 0) return;
    float *last = x + (n - 1) * stride;
    run(filter, x, n, (ptrdiff_t)stride, (double)*x);
    run(filter, last, n, -(ptrdiff_t)stride, (double)*last);
}
