/* SPDX-License-Identifier: Apache-2.0 */
#include "augment/pieces.h"

#include <math.h>
#include <string.h>

#include "augment/tools.h"

static bool same_content(const augment_segment *s, const int64_t *bound, uint32_t a, uint32_t b)
{
    int64_t length = bound[a + 1] - bound[a];
    if (a == b) return true;
    if (length != bound[b + 1] - bound[b]) return false;
    return memcmp(s->signal + bound[a] * s->leads, s->signal + bound[b] * s->leads, (size_t)(length * s->leads) * sizeof(float)) == 0;
}

static bool changes_anything(const augment_segment *s, const int64_t *bound, uint32_t count, const uint32_t *order)
{
    for (uint32_t k = 0; k < count; k++)
        if (!same_content(s, bound, order[k], k)) return true;
    return false;
}

void pieces_random_order(const augment_segment *s, const int64_t *bound, uint32_t count, uint32_t *order, rng *random)
{
    enum { TRIES = 8 };
    for (int k = 0; k < TRIES; k++) {
        for (uint32_t p = 0; p < count; p++) order[p] = p;
        rng_shuffle(random, order, count);
        if (changes_anything(s, bound, count, order)) return;
    }
    /* moving every piece by one place changes the signal unless all are alike */
    for (uint32_t p = 0; p < count; p++) order[p] = (p + 1) % count;
}

static float at(const augment_segment *s, const float *signal, int64_t t, int64_t lead)
{
    int64_t clamped = t < 0 ? 0 : t >= s->samples ? s->samples - 1 : t;
    return signal[clamped * s->leads + lead];
}

/* The seam at `seam`: the original before it ran up to left_end, the one behind it began at right_begin. */
static void cross_fade(augment_segment *s, int64_t seam, int64_t left_end, int64_t right_begin, int64_t half)
{
    if (left_end == right_begin) return;
    for (int64_t t = -half; t < half; t++) {
        float w = (float)(((double)(t + half) + 0.5) / (2.0 * (double)half));
        for (int64_t c = 0; c < s->leads; c++)
            s->signal[(seam + t) * s->leads + c] = (1 - w) * at(s, s->scratch, left_end + t, c) + w * at(s, s->scratch, right_begin + t, c);
    }
}

static int64_t smallest(int64_t a, int64_t b, int64_t c)
{
    int64_t m = a < b ? a : b;
    return m < c ? m : c;
}

static void fade_seams(augment_segment *s, const int64_t *bound, uint32_t count, const uint32_t *order, int64_t fade)
{
    int64_t seam = bound[0], left_end = bound[0], left_length = bound[0];
    for (uint32_t k = 0; k <= count; k++) {
        bool tail = k == count;
        int64_t right_begin = tail ? bound[count] : bound[order[k]];
        int64_t right_length = tail ? s->samples - bound[count] : bound[order[k] + 1] - bound[order[k]];
        /* at most half a piece, so that seams do not run into each other */
        cross_fade(s, seam, left_end, right_begin, smallest(fade, left_length / 2, right_length / 2));
        if (tail) break;
        seam += right_length;
        left_end = bound[order[k] + 1];
        left_length = right_length;
    }
}

static void move_marks(double *mark, int64_t marks, const int64_t *bound, uint32_t count, const int64_t *begin)
{
    for (int64_t m = 0; m < marks; m++)
        for (uint32_t p = 0; p < count; p++)
            if (mark[m] >= (double)bound[p] && mark[m] < (double)bound[p + 1]) {
                mark[m] += (double)(begin[p] - bound[p]);
                break;
            }
    tools_sort(mark, marks);
}

void pieces_rearrange(augment_segment *s, const int64_t *bound, uint32_t count, const uint32_t *order, int64_t fade)
{
    int64_t begin[PIECES_MAX], position = bound[0];
    memcpy(s->scratch, s->signal, (size_t)(s->samples * s->leads) * sizeof(float));
    for (uint32_t k = 0; k < count; k++) {
        uint32_t p = order[k];
        int64_t length = bound[p + 1] - bound[p];
        memcpy(s->signal + position * s->leads, s->scratch + bound[p] * s->leads, (size_t)(length * s->leads) * sizeof(float));
        begin[p] = position;
        position += length;
    }
    if (fade > 0) fade_seams(s, bound, count, order, fade);
    move_marks(s->peak, s->peaks, bound, count, begin);
    move_marks(s->cut, s->cuts, bound, count, begin);
}
