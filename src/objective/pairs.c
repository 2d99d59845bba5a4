/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/pairs.h"

#include <math.h>
#include <string.h>

#include "base/select.h"

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += (double)a[k] * (double)b[k];
    return sum;
}

void pairs_cosines(const float *a, int64_t rows, const float *b, int64_t others, int64_t columns, float *out, int64_t out_stride)
{
    for (int64_t r = 0; r < rows; r++) {
        const float *x = a + r * columns;
        double xx = dot(x, x, columns);
        for (int64_t k = 0; k < others; k++) {
            const float *y = b + k * columns;
            double scale = sqrt(xx * dot(y, y, columns));
            out[r * out_stride + k] = scale > 0 ? (float)(dot(x, y, columns) / scale) : 0.0f;
        }
    }
}

float pairs_kth_largest(float *values, int64_t n, int64_t k)
{
    return select_smallest(values, (size_t)n, (size_t)(n - k));
}

static int64_t rows_of(const pairs_batch *b)
{
    return b->anchors > 0 ? b->anchors : b->items;
}

/* Candidate column c (0 .. B + Q - 1: items, then queue) may stand beside the anchor of row i, item first + i. */
static bool is_candidate(const pairs_batch *b, int64_t i, int64_t c)
{
    return c < b->items ? c != b->first + i : b->queue_record[c - b->items] >= 0;
}

static bool is_partner(const pairs_batch *b, int64_t i, int64_t c)
{
    return c < b->items ? b->pair[b->first + i] == c : b->queue_record[c - b->items] == b->record[b->first + i];
}

static int64_t rank_of_share(double share, int64_t n)
{
    int64_t k = (int64_t)lround(share * (double)n);
    return k < 1 ? 1 : k > n ? n : k;
}

/* Similarity from which on candidates are neighbours of anchor i; infinity when there is nobody. */
static double row_threshold(const pairs_options *o, const pairs_batch *b, int64_t i, double batch_threshold, float *scratch)
{
    int64_t n = b->items + b->queue, found = 0;
    if (o->rule != PAIRS_TOP_K) return batch_threshold;
    for (int64_t c = 0; c < n; c++)
        if (is_candidate(b, i, c)) scratch[found++] = b->similarity[i * n + c];
    return found > 0 ? (double)pairs_kth_largest(scratch, found, rank_of_share(o->share, found)) : INFINITY;
}

static double batch_threshold(const pairs_options *o, const pairs_batch *b, float *scratch)
{
    int64_t n = b->items + b->queue, found = 0;
    if (o->rule != PAIRS_QUANTILE) return o->delta;
    for (int64_t i = 0; i < rows_of(b); i++)
        for (int64_t j = 0; j < b->items; j++)
            if (j != b->first + i) scratch[found++] = b->similarity[i * n + j];
    return found > 0 ? (double)pairs_kth_largest(scratch, found, rank_of_share(o->share, found)) : INFINITY;
}

typedef struct row_sums {
    double weight, squares; /* of the positives' weights */
    int64_t positives, negatives;
} row_sums;

static row_sums fill_row(const pairs_options *o, const pairs_batch *b, int64_t i, double threshold, float *weight, float *contrasted)
{
    int64_t n = b->items + b->queue;
    bool soft = o->rule == PAIRS_SOFT, all = soft || o->against_all;
    row_sums sums = {0};
    memset(weight, 0, (size_t)(n + 1) * sizeof *weight);
    memset(contrasted, 0, (size_t)(n + 1) * sizeof *contrasted);
    if (o->own_view) {
        weight[0] = 1;
        contrasted[0] = all ? 1.0f : 0.0f;
    }
    for (int64_t c = 0; c < n; c++) {
        if (!is_candidate(b, i, c)) continue;
        double similarity = (double)b->similarity[i * n + c], w = 0;
        if (o->neighbours) w = soft ? exp((similarity - 1) / o->temperature) : similarity >= threshold ? 1 : 0;
        if (o->partner && is_partner(b, i, c)) w = 1;
        weight[c + 1] = (float)w;
        contrasted[c + 1] = all || w == 0 ? 1.0f : 0.0f;
        sums.negatives += soft || w == 0;
    }
    for (int64_t c = 0; c <= n; c++) {
        double w = (double)weight[c];
        sums.weight += w;
        sums.squares += w * w;
        sums.positives += w > 0;
    }
    return sums;
}

void pairs_make(const pairs_options *options, const pairs_batch *batch, float *weight, float *contrasted, float *scratch,
                pairs_counts *counts)
{
    int64_t columns = 1 + batch->items + batch->queue;
    double common = batch_threshold(options, batch, scratch);
    *counts = (pairs_counts){0};
    for (int64_t i = 0; i < rows_of(batch); i++) {
        float *w = weight + i * columns;
        row_sums sums = fill_row(options, batch, i, row_threshold(options, batch, i, common, scratch), w, contrasted + i * columns);
        if (sums.positives == 0 || sums.negatives == 0) {
            counts->left_out++;
            memset(w, 0, (size_t)columns * sizeof *w);
            continue;
        }
        counts->anchors++;
        counts->positives += options->rule == PAIRS_SOFT ? sums.weight * sums.weight / sums.squares : (double)sums.positives;
        counts->negatives += (double)sums.negatives;
        for (int64_t c = 0; c < columns; c++) w[c] = (float)((double)w[c] / sums.weight);
    }
    if (counts->anchors == 0) return;
    counts->positives /= (double)counts->anchors;
    counts->negatives /= (double)counts->anchors;
    for (int64_t k = 0; k < rows_of(batch) * columns; k++) weight[k] = (float)((double)weight[k] / (double)counts->anchors);
}

void pairs_make_official(const pairs_batch *batch, double delta, float *positive, float *negative, pairs_counts *counts)
{
    int64_t items = batch->items, columns = 1 + items, rows = rows_of(batch);
    *counts = (pairs_counts){.anchors = rows};
    for (int64_t i = 0; i < rows; i++) {
        float *p = positive + i * columns, *n = negative + i * columns;
        p[0] = 1;
        n[0] = 0;
        for (int64_t j = 0; j < items; j++) {
            bool near = (double)batch->similarity[i * (items + batch->queue) + j] >= delta;
            p[j + 1] = near ? 1.0f : 0.0f;
            n[j + 1] = near ? 0.0f : 1.0f;
            counts->negatives += near ? 0 : 1.0 / (double)rows;
            counts->positives += near ? 1.0 / (double)rows : 0;
        }
        p[(batch->first + i + 1) % items + 1] += 1; /* it stands among the candidates twice, once as the "adjacent" block */
        counts->positives += 2.0 / (double)rows;
    }
}
