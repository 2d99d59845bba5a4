/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/ranking.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

typedef struct entry {
    double score;
    uint32_t index;
} entry;

/* Descending by score; equal scores by index, so that the order is the same everywhere. */
static int entry_compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static pclr_status allocate(ranking *r, size_t n, pclr_error *error)
{
    TRY(mem_alloc(&r->record, n, sizeof *r->record, error));
    TRY(mem_alloc(&r->flags, n, sizeof *r->flags, error));
    return mem_alloc(&r->score, n, sizeof *r->score, error);
}

static void fill(ranking *r, const entry *sorted, size_t n, const uint8_t *label, size_t stride, size_t entries_per_record)
{
    r->n = n;
    for (size_t k = 0; k < n; k++) {
        size_t i = sorted[k].index;
        bool positive = label[i * stride] == 1;
        bool end = k + 1 == n || sorted[k + 1].score != sorted[k].score;
        bool alone = end && (k == 0 || sorted[k - 1].score != sorted[k].score);
        r->record[k] = (uint32_t)(i / entries_per_record);
        r->flags[k] = (uint8_t)((positive ? RANKING_POSITIVE : 0) | (end ? RANKING_GROUP_END : 0));
        r->score[k] = sorted[k].score;
        r->positives += positive;
        r->negatives += !positive;
        r->tied += !alone;
    }
}

pclr_status ranking_create(ranking *r, const double *score, const uint8_t *label, size_t n, size_t stride, size_t entries_per_record,
                           pclr_error *error)
{
    entry *sorted = NULL;
    size_t kept = 0;
    pclr_status status = PCLR_OK;

    *r = (ranking){0};
    if (n > UINT32_MAX) return error_set(error, PCLR_E_UNSUPPORTED, "%zu scores to rank; at most 2^32 - 1 are possible", n);
    TRY_GOTO(mem_alloc(&sorted, n, sizeof *sorted, error));
    for (size_t i = 0; i < n; i++) {
        if (label[i * stride] > 1) continue;
        sorted[kept++] = (entry){score[i * stride], (uint32_t)i};
    }
    qsort(sorted, kept, sizeof *sorted, entry_compare);
    TRY_GOTO(allocate(r, kept, error));
    fill(r, sorted, kept, label, stride, entries_per_record);
done:
    mem_free(sorted);
    if (status != PCLR_OK) ranking_free(r);
    return status;
}

void ranking_free(ranking *r)
{
    mem_free(r->record);
    mem_free(r->flags);
    mem_free(r->score);
    *r = (ranking){0};
}

size_t ranking_cut(const ranking *r, double threshold)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->score[middle] >= threshold)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct passing {
    uint64_t positives, negatives; /* above the current group */
    uint64_t doubled;              /* twice the Mann-Whitney count */
    double precision_sum;
} passing;

/* Going down the scores, a negative of the group loses against every positive above it and half of those beside it. `from` and `to`
 * are borders of groups. */
static void pass(const ranking *r, const uint16_t *weight, size_t from, size_t to, passing *p)
{
    uint64_t group_positives = 0, group_negatives = 0;
    for (size_t k = from; k < to; k++) {
        uint64_t w = weight ? weight[r->record[k]] : 1;
        uint64_t of_positive = r->flags[k] & RANKING_POSITIVE ? w : 0;
        group_positives += of_positive;
        group_negatives += w - of_positive;
        if (!(r->flags[k] & RANKING_GROUP_END)) continue;
        p->doubled += group_negatives * (2 * p->positives + group_positives);
        p->positives += group_positives;
        p->negatives += group_negatives;
        if (group_positives > 0) p->precision_sum += (double)group_positives * (double)p->positives / (double)(p->positives + p->negatives);
        group_positives = group_negatives = 0;
    }
}

ranking_areas ranking_measure(const ranking *r, const uint16_t *weight, size_t cut)
{
    passing p = {0};
    ranking_areas areas = {.auroc = NAN, .average_precision = NAN};
    pass(r, weight, 0, cut, &p);
    areas.true_positives = (double)p.positives;
    areas.false_positives = (double)p.negatives;
    pass(r, weight, cut, r->n, &p);
    areas.positives = (double)p.positives;
    areas.negatives = (double)p.negatives;
    if (p.positives > 0 && p.negatives > 0) areas.auroc = (double)p.doubled / 2 / (areas.positives * areas.negatives);
    if (p.positives > 0) areas.average_precision = p.precision_sum / areas.positives;
    return areas;
}

double ranking_sensitivity_at(const ranking *r, const uint16_t *weight, const ranking_areas *areas, double specificity)
{
    double allowed = (1 - specificity) * areas->negatives * (1 + 1e-12);
    double positives = 0, negatives = 0, best = 0;
    if (areas->positives <= 0 || areas->negatives <= 0) return NAN;
    for (size_t k = 0; k < r->n && negatives <= allowed; k++) {
        double w = weight ? weight[r->record[k]] : 1;
        if (r->flags[k] & RANKING_POSITIVE)
            positives += w;
        else
            negatives += w;
        if ((r->flags[k] & RANKING_GROUP_END) && negatives <= allowed) best = positives;
    }
    return best / areas->positives;
}
