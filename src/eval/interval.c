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

/* P(|T| < t), the finite series of Abramowitz & Stegun 26.7.3 and 26.7.4. */
static double student_inside(double t, int64_t degrees)
{
    static const double pi = 3.14159265358979323846;
    double angle = atan(t / sqrt((double)degrees)), c2 = cos(angle) * cos(angle);
    bool odd = degrees % 2 != 0;
    double term = odd ? cos(angle) : 1, sum = degrees == 1 ? 0 : term;
    for (int64_t k = odd ? 3 : 2; k < degrees; k += 2) {
        term *= c2 * (double)(k - 1) / (double)k;
        sum += term;
    }
    return odd ? 2 / pi * (angle + sin(angle) * sum) : sin(angle) * sum;
}

/* Newton's method from the normal quantile; the distribution function is concave above 0, so it climbs to the root from below. */
double student_quantile(double p, double degrees)
{
    double t = normal_quantile(p < 0.5 ? 1 - p : p), inside = fabs(2 * p - 1);
    double scale =
        sqrt(degrees) * exp(lgamma_r(degrees / 2, &(int){0}) + lgamma_r(0.5, &(int){0}) - lgamma_r((degrees + 1) / 2, &(int){0}));
    for (int k = 0; k < 100; k++) {
        double density = 2 * pow(1 + t * t / degrees, -(degrees + 1) / 2) / scale;
        double step = (inside - student_inside(t, (int64_t)degrees)) / density;
        t += step;
        if (fabs(step) <= 1e-14 * t) break;
    }
    return p < 0.5 ? -t : t;
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

/* Normal quantile of the share of values below the estimate: how far the resamples are off (Efron 1987, z0). */
static double bias(const double *value, size_t n, double estimate)
{
    double below = 0, known = 0;
    for (size_t i = 0; i < n; i++) {
        below += value[i] < estimate ? 1 : value[i] == estimate ? 0.5 : 0;
        known += !isnan(value[i]);
    }
    return normal_quantile(fmin(fmax(below / known, 0.5 / known), 1 - 0.5 / known));
}

bool interval_bootstrap(interval_kind kind, double *value, size_t n, double estimate, const double *jackknife, size_t groups, double alpha,
                        double *low, double *high)
{
    double p_low = alpha / 2, p_high = 1 - alpha / 2;
    n = keep_sorted(value, n);
    if (n == 0 || isnan(estimate)) return false;
    if (kind == INTERVAL_BCA) {
        double z0 = bias(value, n, estimate), a = acceleration(jackknife, groups);
        double z_low = z0 + normal_quantile(alpha / 2), z_high = z0 - normal_quantile(alpha / 2);
        p_low = normal_cdf(z0 + z_low / (1 - a * z_low));
        p_high = normal_cdf(z0 + z_high / (1 - a * z_high));
    }
    *low = interval_quantile(value, n, p_low);
    *high = interval_quantile(value, n, p_high);
    return true;
}

double interval_p(interval_kind kind, const double *value, size_t n, double estimate, const double *jackknife, size_t groups)
{
    double at_least = 0, at_most = 0, known = 0;
    for (size_t i = 0; i < n; i++) {
        at_least += value[i] >= 0;
        at_most += value[i] <= 0;
        known += !isnan(value[i]);
    }
    double share = fmin(0.5, (fmin(at_least, at_most) + 1) / (known + 1)), smallest = 2 / (known + 1);
    if (kind == INTERVAL_PERCENTILE || known == 0 || isnan(estimate)) return fmin(1, 2 * share);
    /* The end of the interval that falls on 0, solved for its coverage. */
    double z0 = bias(value, n, estimate), a = acceleration(jackknife, groups);
    double u = normal_quantile(at_most <= at_least ? share : 1 - share) - z0;
    if (1 + a * u <= 0) return smallest;
    return fmin(1, fmax(smallest, 2 * normal_cdf(-fabs(u / (1 + a * u) - z0))));
}
