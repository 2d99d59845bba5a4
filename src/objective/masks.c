/* SPDX-License-Identifier: Apache-2.0 */
#include "objective/masks.h"

#include <string.h>

/* Gives every row with positives (1 in weight) and candidates the same share, split evenly over its positives. */
static void share_out(float *weight, const float *candidate, int64_t rows, int64_t columns)
{
    int64_t used = 0;
    for (int64_t r = 0; r < rows; r++) {
        float *w = weight + r * columns;
        double positives = 0, candidates = 0;
        for (int64_t c = 0; c < columns; c++) {
            positives += (double)w[c];
            candidates += (double)candidate[r * columns + c];
        }
        if (candidates == 0) memset(w, 0, (size_t)columns * sizeof *w);
        if (positives == 0 || candidates == 0) continue;
        used++;
        for (int64_t c = 0; c < columns; c++) w[c] = (float)((double)w[c] / positives);
    }
    for (int64_t k = 0; k < rows * columns && used > 0; k++) weight[k] = (float)((double)weight[k] / (double)used);
}

void masks_views(int64_t items, const int32_t *pair, bool partners, float *weight, float *candidate)
{
    int64_t rows = 2 * items;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < rows; c++) {
            int64_t a = r % items, b = c % items, at = r * rows + c;
            bool own = a == b && r != c, partner = a != b && pair[a] == b;
            weight[at] = own || (partner && partners) ? 1.0f : 0.0f;
            candidate[at] = r == c || (partner && !partners) ? 0.0f : 1.0f;
        }
    share_out(weight, candidate, rows, rows);
}

void masks_patients(int64_t items, const int64_t *patient, float *weight, float *negative)
{
    int64_t rows = 2 * items;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < rows; c++) {
            bool same = patient[r % items] == patient[c % items];
            weight[r * rows + c] = same && r != c ? 1.0f : 0.0f;
            negative[r * rows + c] = same ? 0.0f : 1.0f;
        }
    share_out(weight, negative, rows, rows);
}

int64_t masks_pairs(int64_t items, const int32_t *pair, const int64_t *patient, int32_t *first, int32_t *second, float *weight,
                    float *candidate)
{
    int64_t places = items / 2, pairs = 0;
    memset(first, 0, (size_t)places * sizeof *first);
    memset(second, 0, (size_t)places * sizeof *second);
    for (int64_t i = 0; i < items && pairs < places; i++)
        if (pair[i] > i) {
            first[pairs] = (int32_t)i;
            second[pairs++] = pair[i];
        }
    for (int64_t r = 0; r < places; r++)
        for (int64_t c = 0; c < places; c++) {
            bool there = r < pairs && c < pairs;
            weight[r * places + c] = there && patient[first[r]] == patient[second[c]] ? 1.0f : 0.0f;
            candidate[r * places + c] = there ? 1.0f : 0.0f;
        }
    share_out(weight, candidate, places, places);
    return pairs;
}
