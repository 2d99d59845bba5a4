/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/fmax.h"

#include <math.h>
#include <string.h>

/* Calls and right calls of one record per highest grid threshold that its scores reach. */
typedef struct counts {
    uint32_t called[FMAX_THRESHOLDS], right[FMAX_THRESHOLDS];
    uint32_t positives;
} counts;

static void count_record(const eval_set *set, size_t r, counts *c)
{
    memset(c, 0, sizeof *c);
    for (size_t k = 0; k < set->classes; k++) {
        uint8_t label = set->label[r * set->classes + k];
        double score = set->score[r * set->classes + k];
        if (label > 1) continue;
        int bin = (int)floor(score * (FMAX_THRESHOLDS - 1));
        /* The grid value itself is k/100 in double; step up or down where the product was rounded across it. */
        if (bin + 1 < FMAX_THRESHOLDS && score >= (double)(bin + 1) / (FMAX_THRESHOLDS - 1)) bin++;
        if (bin > 0 && score < (double)bin / (FMAX_THRESHOLDS - 1)) bin--;
        c->called[bin]++;
        c->right[bin] += label;
        c->positives += label;
    }
}

static size_t add_steps(const counts *c, size_t record, fmax_step *out)
{
    double precision = 0, recall = 0;
    uint32_t called = 0, right = 0;
    size_t n = 0;
    for (int t = FMAX_THRESHOLDS - 1; t >= 0; t--) {
        if (c->called[t] == 0) continue;
        bool first = called == 0;
        called += c->called[t];
        right += c->right[t];
        double new_precision = (double)right / called, new_recall = c->positives ? (double)right / c->positives : 0;
        out[n++] = (fmax_step){.record = (uint32_t)record,
                               .threshold = (uint16_t)t,
                               .called = first,
                               .precision = (float)(new_precision - precision),
                               .recall = (float)(new_recall - recall)};
        precision = new_precision;
        recall = new_recall;
    }
    return n;
}

pclr_status fmax_create(fmax_table *table, const eval_set *set, pclr_error *error)
{
    size_t most = set->classes < FMAX_THRESHOLDS ? set->classes : FMAX_THRESHOLDS;
    *table = (fmax_table){.records = set->records};
    TRY(mem_alloc(&table->step, set->records * most, sizeof *table->step, error));
    TRY(mem_alloc(&table->has_positive, set->records, 1, error));
    for (size_t r = 0; r < set->records; r++) {
        counts c;
        count_record(set, r, &c);
        table->has_positive[r] = c.positives > 0;
        table->steps += add_steps(&c, r, table->step + table->steps);
    }
    return PCLR_OK;
}

void fmax_free(fmax_table *table)
{
    mem_free(table->step);
    mem_free(table->has_positive);
    *table = (fmax_table){0};
}

double fmax_value(const fmax_table *table, const uint16_t *weight, double *scratch, double *threshold)
{
    double *called = scratch, *precision = scratch + FMAX_THRESHOLDS, *recall = scratch + 2 * FMAX_THRESHOLDS;
    double with_positive = 0, calls = 0, precision_sum = 0, recall_sum = 0, best = 0;

    memset(scratch, 0, FMAX_SCRATCH * sizeof *scratch);
    for (size_t r = 0; r < table->records; r++) with_positive += table->has_positive[r] ? (weight ? weight[r] : 1) : 0;
    if (with_positive <= 0) return NAN;
    for (size_t k = 0; k < table->steps; k++) {
        const fmax_step *s = &table->step[k];
        double w = weight ? weight[s->record] : 1;
        called[s->threshold] += w * s->called;
        precision[s->threshold] += w * (double)s->precision;
        recall[s->threshold] += w * (double)s->recall;
    }
    for (int t = FMAX_THRESHOLDS - 1; t >= 0; t--) {
        calls += called[t];
        precision_sum += precision[t];
        recall_sum += recall[t];
        if (calls <= 0) continue;
        double p = precision_sum / calls, q = recall_sum / with_positive;
        double f = p + q > 0 ? 2 * p * q / (p + q) : 0;
        if (f <= best) continue;
        best = f;
        if (threshold) *threshold = (double)t / (FMAX_THRESHOLDS - 1);
    }
    return best;
}
