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
    mem_release(&d->positive);
    mem_release(&d->negative);
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

/* Part of a covariance that comes from one side: sums over its clusters, scaled for their number. */
static double side(const double *a, const double *b, size_t clusters, size_t with, double records)
{
    return (double)with / ((double)with - 1) * dot(a, b, clusters) / (records * records);
}

/* Obuchowski 1997, eq. 3: S10/m + S01/n + 2 S11/(mn), the last for clusters that hold both. */
static void fill(delong *d, const clustering *c, double positives, double negatives)
{
    double any = (double)c->with_any;
    for (size_t a = 0; a < d->models; a++) {
        const double *pa = c->positive + a * c->clusters, *na = c->negative + a * c->clusters;
        d->positive[a] = side(pa, pa, c->clusters, c->with_positive, positives);
        d->negative[a] = side(na, na, c->clusters, c->with_negative, negatives);
        for (size_t b = 0; b < d->models; b++) {
            const double *pb = c->positive + b * c->clusters, *nb = c->negative + b * c->clusters;
            double both = dot(pa, nb, c->clusters) + dot(na, pb, c->clusters);
            d->covariance[a * d->models + b] = side(pa, pb, c->clusters, c->with_positive, positives) +
                                               side(na, nb, c->clusters, c->with_negative, negatives) +
                                               any / (any - 1) * both / (positives * negatives);
        }
    }
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
    TRY_GOTO(mem_alloc(&d->positive, models, sizeof *d->positive, error));
    TRY_GOTO(mem_alloc(&d->negative, models, sizeof *d->negative, error));
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
    fill(d, &c, (double)positives, (double)negatives);
done:
    mem_free(placement);
    clustering_free(&c);
    ranking_free(&r);
    if (status != PCLR_OK) delong_free(d);
    return status;
}

auroc_spread delong_spread(const delong *d, size_t model)
{
    return (auroc_spread){.auroc = d->auroc[model],
                          .variance = d->covariance[model * d->models + model],
                          .positive = d->positive[model],
                          .negative = d->negative[model],
                          .with_positive = d->with_positive,
                          .with_negative = d->with_negative};
}

static double half_width(const delong *d, size_t model, double alpha)
{
    auroc_spread s = delong_spread(d, model);
    double low, high;
    auroc_interval(&s, alpha, &low, &high);
    return (high - low) / 2;
}

delong_difference delong_compare(const delong *d, size_t a, size_t b, double alpha)
{
    size_t m = d->models;
    double va = d->covariance[a * m + a], vb = d->covariance[b * m + b], common = d->covariance[a * m + b];
    double r = va > 0 && vb > 0 ? fmax(-1, fmin(1, common / sqrt(va * vb))) : 0;
    double ha = half_width(d, a, alpha), hb = half_width(d, b, alpha), z = -normal_quantile(alpha / 2);
    delong_difference out = {.value = d->auroc[a] - d->auroc[b], .error = sqrt(fmax(va + vb - 2 * common, 0)), .p = 1};
    double half = fmax(sqrt(fmax(ha * ha + hb * hb - 2 * r * ha * hb, 0)), z * out.error);
    out.low = out.value - half;
    out.high = out.value + half;
    out.z = out.error > 0 ? out.value / out.error : 0; /* identical rankings: no difference, no evidence */
    out.p_wald = 2 * normal_cdf(-fabs(out.z));
    if (half > 0) out.p = 2 * normal_cdf(-z * fabs(out.value) / half);
    return out;
}
