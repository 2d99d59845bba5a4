/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/delong.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "eval/interval.h"
#include "eval/ranking.h"

void delong_free(delong *d)
{
    mem_release(&d->auroc);
    mem_release(&d->covariance);
}

/* placement[n]: of a positive, the share of negatives it beats; of a negative, the share of positives that beat it (ties one half). */
static void placements(const ranking *r, double *placement)
{
    double positives = (double)r->positives, negatives = (double)r->negatives;
    double positives_above = 0, negatives_above = 0;
    for (size_t first = 0; first < r->n;) {
        size_t end = first;
        double group_positives = 0, group_negatives = 0;
        do {
            if (r->flags[end] & RANKING_POSITIVE)
                group_positives++;
            else
                group_negatives++;
        } while (!(r->flags[end++] & RANKING_GROUP_END));
        for (size_t k = first; k < end; k++) {
            bool positive = r->flags[k] & RANKING_POSITIVE;
            placement[r->record[k]] = positive ? (negatives - negatives_above - group_negatives / 2) / negatives
                                               : (positives_above + group_positives / 2) / positives;
        }
        positives_above += group_positives;
        negatives_above += group_negatives;
        first = end;
    }
}

/* Sums over a cluster of (placement - auroc), of its positives and of its negatives. */
typedef struct clustering {
    size_t models, clusters;
    double *positive, *negative; /* [models][clusters] */
    uint8_t *has;                /* [clusters] bit 0: negatives, bit 1: positives */
    size_t with_positive, with_negative, with_any;
} clustering;

static void clustering_free(clustering *c)
{
    mem_free(c->positive);
    mem_free(c->negative);
    mem_free(c->has);
}

static pclr_status clustering_create(clustering *c, size_t models, size_t clusters, pclr_error *error)
{
    *c = (clustering){.models = models, .clusters = clusters};
    TRY(mem_alloc(&c->positive, models * clusters, sizeof *c->positive, error));
    TRY(mem_alloc(&c->negative, models * clusters, sizeof *c->negative, error));
    return mem_alloc(&c->has, clusters, 1, error);
}

static void gather(clustering *c, size_t model, const double *placement, double auroc, const uint8_t *label, const uint32_t *cluster,
                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = cluster ? cluster[i] : i;
        if (label[i] > 1) continue;
        c->has[k] |= label[i] ? 2 : 1;
        (label[i] ? c->positive : c->negative)[model * c->clusters + k] += placement[i] - auroc;
    }
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Obuchowski 1997, eq. 3: S10/m + S01/n + 2 S11/(mn), the last for clusters that hold both. */
static double covariance(const clustering *c, size_t a, size_t b, double positives, double negatives)
{
    const double *pa = c->positive + a * c->clusters, *pb = c->positive + b * c->clusters;
    const double *na = c->negative + a * c->clusters, *nb = c->negative + b * c->clusters;
    double ip = (double)c->with_positive, in = (double)c->with_negative, i = (double)c->with_any;
    double both = dot(pa, nb, c->clusters) + dot(na, pb, c->clusters);
    return ip / (ip - 1) * dot(pa, pb, c->clusters) / (positives * positives) +
           in / (in - 1) * dot(na, nb, c->clusters) / (negatives * negatives) + i / (i - 1) * both / (positives * negatives);
}

static void count_clusters(clustering *c)
{
    for (size_t k = 0; k < c->clusters; k++) {
        c->with_negative += c->has[k] & 1;
        c->with_positive += c->has[k] >> 1;
        c->with_any += c->has[k] != 0;
    }
}

pclr_status delong_create(delong *d, const double *const *score, size_t models, const uint8_t *label, const uint32_t *cluster,
                          size_t clusters, size_t n, pclr_error *error)
{
    double *placement = NULL;
    clustering c = {0};
    ranking r = {0};
    size_t positives = 0, negatives = 0;
    pclr_status status = PCLR_OK;

    *d = (delong){.models = models};
    TRY_GOTO(mem_alloc(&d->auroc, models, sizeof *d->auroc, error));
    TRY_GOTO(mem_alloc(&d->covariance, models * models, sizeof *d->covariance, error));
    TRY_GOTO(mem_alloc(&placement, n, sizeof *placement, error));
    TRY_GOTO(clustering_create(&c, models, cluster ? clusters : n, error));
    for (size_t m = 0; m < models; m++) {
        ranking_free(&r);
        TRY_GOTO(ranking_create(&r, score[m], label, n, 1, 1, error));
        d->auroc[m] = ranking_measure(&r, NULL, 0).auroc;
        positives = r.positives;
        negatives = r.negatives;
        placements(&r, placement);
        gather(&c, m, placement, d->auroc[m], label, cluster, n);
    }
    count_clusters(&c);
    d->with_positive = c.with_positive;
    d->with_negative = c.with_negative;
    if (c.with_positive < 2 || c.with_negative < 2)
        TRY_GOTO(error_set(error, PCLR_E_DATA,
                           "%zu patients with positives and %zu with negatives; the variance of an AUROC needs two of each",
                           c.with_positive, c.with_negative));
    for (size_t a = 0; a < models; a++) {
        for (size_t b = 0; b < models; b++) d->covariance[a * models + b] = covariance(&c, a, b, (double)positives, (double)negatives);
    }
done:
    mem_free(placement);
    clustering_free(&c);
    ranking_free(&r);
    if (status != PCLR_OK) delong_free(d);
    return status;
}

/* The lowest AUROC whose interval still holds 1: 1 - A = z SE(A), Hanley & McNeil's SE with exponential scores (their 1982 article). */
static double lowest_beside_one(double m, double n, double z)
{
    double low = 0, high = 1, half = (m + n) / 2 - 1;
    for (int k = 0; k < 100; k++) {
        double a = (low + high) / 2;
        double variance = a * (1 - a) * (1 + half * (1 - a) / (2 - a) + half * a / (1 + a)) / (m * n);
        if (1 - a > z * sqrt(variance))
            low = a;
        else
            high = a;
    }
    return low;
}

void delong_interval(const delong *d, size_t model, double alpha, double *low, double *high)
{
    double a = d->auroc[model], variance = d->covariance[model * d->models + model];
    double m = (double)d->with_positive, n = (double)d->with_negative;
    if (!(a > 0 && a < 1)) {
        double end = lowest_beside_one(m, n, -normal_quantile(alpha / 2));
        *low = a >= 1 ? end : 0;
        *high = a >= 1 ? 1 : 1 - end;
        return;
    }
    double odds = log(a / (1 - a)), half = student_quantile(1 - alpha / 2, fmin(m, n) - 1) * sqrt(fmax(variance, 0)) / (a * (1 - a));
    *low = 1 / (1 + exp(half - odds));
    *high = 1 / (1 + exp(-half - odds));
}

delong_difference delong_compare(const delong *d, size_t a, size_t b, double alpha)
{
    size_t m = d->models;
    double variance = d->covariance[a * m + a] + d->covariance[b * m + b] - 2 * d->covariance[a * m + b];
    delong_difference out = {.value = d->auroc[a] - d->auroc[b], .error = sqrt(fmax(variance, 0))};
    double half = -normal_quantile(alpha / 2) * out.error;
    out.low = out.value - half;
    out.high = out.value + half;
    out.z = out.error > 0 ? out.value / out.error : 0; /* identical rankings: no difference, no evidence */
    out.p = 2 * normal_cdf(-fabs(out.z));
    return out;
}
