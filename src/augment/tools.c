/* SPDX-License-Identifier: Apache-2.0 */
#include "augment/tools.h"

#include <string.h>

bool tools_limb_lead(const char *name, double *of_i, double *of_ii)
{
    static const struct {
        const char *name;
        double i, ii;
    } limb[] = {{"I", 1, 0}, {"II", 0, 1}, {"III", -1, 1}, {"aVR", -0.5, -0.5}, {"aVL", 1, -0.5}, {"aVF", -0.5, 1}};
    for (size_t k = 0; k < sizeof limb / sizeof *limb; k++)
        if (strcmp(limb[k].name, name) == 0) {
            *of_i = limb[k].i;
            *of_ii = limb[k].ii;
            return true;
        }
    return false;
}

int64_t tools_find_lead(const augment_segment *s, const char *name)
{
    for (int64_t c = 0; c < s->leads; c++)
        if (s->lead_name && strcmp(s->lead_name[c], name) == 0) return c;
    return -1;
}

void tools_add_curve(augment_segment *s, const float *curve, double gain_i, double gain_ii, const double *chest_gain)
{
    for (int64_t c = 0; c < s->leads; c++) {
        double of_i, of_ii;
        bool limb = s->lead_name && tools_limb_lead(s->lead_name[c], &of_i, &of_ii);
        double gain = limb ? of_i * gain_i + of_ii * gain_ii : chest_gain[c % TOOLS_MAX_LEADS];
        for (int64_t t = 0; t < s->samples; t++) s->signal[t * s->leads + c] += (float)(gain * (double)curve[t]);
    }
}

static int64_t map_list(double *values, int64_t n, double begin, double scale, double end)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < n; k++) {
        double moved = (values[k] - begin) * scale;
        if (moved >= 0 && moved < end) values[kept++] = moved;
    }
    return kept;
}

void tools_map_marks(augment_segment *s, double begin, double scale)
{
    s->peaks = map_list(s->peak, s->peaks, begin, scale, (double)s->samples);
    s->cuts = map_list(s->cut, s->cuts, begin, scale, (double)s->samples);
}

void tools_sort(double *values, int64_t n)
{
    for (int64_t k = 1; k < n; k++) {
        double v = values[k];
        int64_t j = k;
        for (; j > 0 && values[j - 1] > v; j--) values[j] = values[j - 1];
        values[j] = v;
    }
}
