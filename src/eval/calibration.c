/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/calibration.h"

#include <math.h>

size_t calibration_bins(const ranking *r, reliability_bin *bin, size_t bins)
{
    size_t filled = 0, taken = 0;
    for (size_t end = r->n; end > 0 && filled < bins;) { /* the ranking begins with the highest score */
        size_t first = end, target = (r->n - taken) / (bins - filled);
        reliability_bin *b = &bin[filled++];
        double sum = 0;
        *b = (reliability_bin){.low = r->score[end - 1]};
        do {
            first--;
            sum += r->score[first];
            b->positives += r->flags[first] & RANKING_POSITIVE;
            b->count++;
        } while (first > 0 && (b->count < target || filled == bins || r->score[first - 1] == r->score[first]));
        b->high = r->score[first];
        b->predicted = sum / (double)b->count;
        b->observed = (double)b->positives / (double)b->count;
        taken += b->count;
        end = first;
    }
    return filled;
}

double calibration_error(const reliability_bin *bin, size_t filled)
{
    double sum = 0, n = 0;
    for (size_t k = 0; k < filled; k++) {
        sum += (double)bin[k].count * fabs(bin[k].predicted - bin[k].observed);
        n += (double)bin[k].count;
    }
    return n > 0 ? sum / n : NAN;
}

static double logit(double p)
{
    p = fmin(fmax(p, 1e-12), 1 - 1e-12);
    return log(p) - log1p(-p);
}

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* First and second derivative of the cross-entropy by a = 1 / T; it is convex in a. */
static void derivatives(const double *score, const uint8_t *label, size_t n, double a, double *first, double *second)
{
    *first = *second = 0;
    for (size_t i = 0; i < n; i++) {
        if (label[i] > 1) continue;
        double z = logit(score[i]), p = sigmoid(a * z);
        *first += (p - label[i]) * z;
        *second += p * (1 - p) * z * z;
    }
}

/* Newton's method on the derivative, kept inside a bracket by bisection. */
double calibration_temperature(const double *score, const uint8_t *label, size_t n)
{
    double low = 1e-3, high = 1e3, a = 1;
    for (int step = 0; step < 100 && high - low > 1e-12 * high; step++) {
        double first, second;
        derivatives(score, label, n, a, &first, &second);
        if (first == 0) break;
        if (first > 0)
            high = a;
        else
            low = a;
        double next = second > 0 ? a - first / second : 0;
        if (!(next > low && next < high)) next = sqrt(low * high);
        if (fabs(next - a) < 1e-13 * a) break;
        a = next;
    }
    return 1 / a;
}

double calibration_apply(double probability, double temperature)
{
    return sigmoid(logit(probability) / temperature);
}

double calibration_threshold(const ranking *r)
{
    double right = 0, best = -1, threshold = NAN;
    if (r->positives == 0 || r->negatives == 0) return NAN;
    for (size_t k = 0; k < r->n; k++) {
        right += r->flags[k] & RANKING_POSITIVE;
        if (!(r->flags[k] & RANKING_GROUP_END)) continue;
        double f1 = 2 * right / (double)(r->positives + k + 1);
        if (f1 <= best) continue;
        best = f1;
        threshold = k + 1 < r->n ? (r->score[k] + r->score[k + 1]) / 2 : r->score[k];
    }
    return threshold;
}
