/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/interval.h"

#include <math.h>
#include <stdlib.h>

double normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

/* P. J. Acklam's approximation (relative error below 1.2e-9), then one step of Halley's method. */
double normal_quantile(double p)
{
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                               1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                               -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
    double x;
    if (p <= 0) return -INFINITY;
    if (p >= 1) return INFINITY;
    if (p < 0.02425 || p > 1 - 0.02425) {
        double q = sqrt(-2 * log(p < 0.5 ? p : 1 - p));
        x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
        if (p > 0.5) x = -x;
    } else {
        double q = p - 0.5, r = q * q;
        x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
            (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
    }
    double off = (normal_cdf(x) - p) * sqrt(2 * 3.14159265358979323846) * exp(x * x / 2);
    return x - off / (1 + x * off / 2);
}

double interval_quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t below = (size_t)floor(at);
    if (below + 1 >= n) return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorted values without NaN; returns how many. */
static size_t keep_sorted(double *value, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(value[i])) value[kept++] = value[i];
    }
    qsort(value, kept, sizeof *value, compare);
    return kept;
}

/* Sum of cubes over 6 (sum of squares)^(3/2) of the deviations from the mean, signs turned (Efron 1987, eq. 6.6). */
static double acceleration(const double *jackknife, size_t groups)
{
    double mean = 0, squares = 0, cubes = 0;
    size_t n = 0;
    for (size_t g = 0; jackknife && g < groups; g++) {
        if (isnan(jackknife[g])) continue;
        mean += jackknife[g];
        n++;
    }
    if (n == 0) return 0;
    mean /= (double)n;
    for (size_t g = 0; g < groups; g++) {
        if (isnan(jackknife[g])) continue;
        double d = mean - jackknife[g];
        squares += d * d;
        cubes += d * d * d;
    }
    return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

bool interval_bootstrap(interval_kind kind, double *value, size_t n, double estimate, const double *jackknife, size_t groups, double alpha,
                        double *low, double *high)
{
    double p_low = alpha / 2, p_high = 1 - alpha / 2;
    n = keep_sorted(value, n);
    if (n == 0 || isnan(estimate)) return false;
    if (kind == INTERVAL_BCA) {
        double below = 0;
        for (size_t i = 0; i < n; i++) below += value[i] < estimate ? 1 : value[i] == estimate ? 0.5 : 0;
        double z0 = normal_quantile(fmin(fmax(below / (double)n, 0.5 / (double)n), 1 - 0.5 / (double)n));
        double a = acceleration(jackknife, groups);
        double z_low = z0 + normal_quantile(alpha / 2), z_high = z0 - normal_quantile(alpha / 2);
        p_low = normal_cdf(z0 + z_low / (1 - a * z_low));
        p_high = normal_cdf(z0 + z_high / (1 - a * z_high));
    }
    *low = interval_quantile(value, n, p_low);
    *high = interval_quantile(value, n, p_high);
    return true;
}
