/* SPDX-License-Identifier: Apache-2.0 */
#include "train/schedule.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static double cosine_between(double from, double to, double share)
{
    return to + 0.5 * (from - to) * (1.0 + cos(PI * share));
}

double schedule_rate(const char *kind, double peak, double warmup, int64_t step, int64_t total)
{
    double rising = warmup * (double)total, at = (double)step;
    if (strcmp(kind, "one_cycle") == 0) {
        double up = rising - 1.0, last = (double)total - 1.0;
        if (at < up) return cosine_between(peak / 25.0, peak, at / up);
        double down = last - fmax(up, 0.0);
        return cosine_between(peak, peak / 250000.0, down > 0.0 ? (at - fmax(up, 0.0)) / down : 0.0);
    }
    if (at < rising) return peak * (at + 1.0) / (rising + 1.0);
    if (strcmp(kind, "cosine") == 0) return cosine_between(peak, 0.0, (double)total > rising ? (at - rising) / ((double)total - rising) : 0.0);
    return peak;
}
