/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/auroc_interval.h"

#include <math.h>

#include "eval/interval.h"

/* Hanley & McNeil 1982 with exponential scores, both sides as large as their mean (Newcombe 2006, method 5). */
static double exponential_variance(double a, double positives, double negatives)
{
    double half = (positives + negatives) / 2 - 1;
    return a * (1 - a) * (1 + half * (1 - a) / (2 - a) + half * a / (1 + a)) / (positives * negatives);
}

/* DeLong's variance over that of exponential scores, drawn towards 1 from below. */
static double scale_of(const auroc_spread *s, double positives, double negatives)
{
    double rarer = fmin(positives, negatives), prior = AUROC_PRIOR_PATIENTS;
    double scale = fmax(s->variance, 0) / exponential_variance(s->auroc, positives, negatives);
    return scale >= 1 ? scale : (rarer * scale + prior) / (rarer + prior);
}

static double student(const auroc_spread *s, double alpha, double positives, double negatives)
{
    double parts = s->positive + s->negative;
    double degrees = parts * parts / (s->positive * s->positive / (positives - 1) + s->negative * s->negative / (negatives - 1));
    return student_quantile(1 - alpha / 2, floor(degrees + 1e-9));
}

/* The value between `estimate` and `bound` (0 or 1) at which the distance to the estimate is `factor` standard deviations. */
static double end_towards(double estimate, double bound, double factor, double positives, double negatives)
{
    double inside = estimate, outside = bound;
    for (int k = 0; k < 100; k++) {
        double t = (inside + outside) / 2;
        if (fabs(estimate - t) > factor * sqrt(exponential_variance(t, positives, negatives)))
            outside = t;
        else
            inside = t;
    }
    return (inside + outside) / 2;
}

void auroc_interval(const auroc_spread *s, double alpha, double *low, double *high)
{
    double m = (double)s->with_positive, n = (double)s->with_negative, a = s->auroc, factor;
    bool overlap = a > 0 && a < 1;
    if (overlap && s->positive + s->negative <= 0) {
        *low = *high = a;
        return;
    }
    if (overlap && !isnan(s->variance))
        factor = student(s, alpha, m, n) * sqrt(scale_of(s, m, n));
    else
        factor = -normal_quantile(alpha / 2);
    *low = a > 0 ? end_towards(a, 0, factor, m, n) : 0;
    *high = a < 1 ? end_towards(a, 1, factor, m, n) : 1;
}
