/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/share_interval.h"

#include <math.h>

#include "eval/interval.h"

/* Records that would carry as much if each were its own patient. */
static double effective_records(const double *hits, const double *records, size_t patients, double share, double total)
{
    double squares = 0, with_records = 0;
    for (size_t p = 0; p < patients; p++) {
        double off = hits[p] - share * records[p];
        squares += off * off;
        with_records += records[p] > 0;
    }
    if (squares <= 0) return with_records;
    return fmin(total, share * (1 - share) * total * total / squares);
}

bool share_interval(const double *hits, const double *records, size_t patients, double alpha, double *low, double *high)
{
    double hit = 0, total = 0, z = -normal_quantile(alpha / 2);
    for (size_t p = 0; p < patients; p++) {
        hit += hits[p];
        total += records[p];
    }
    if (total <= 0) return false;
    double share = hit / total, n = effective_records(hits, records, patients, share, total);
    double centre = share + z * z / (2 * n), half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)), scale = 1 + z * z / n;
    *low = share <= 0 ? 0 : (centre - half) / scale;
    *high = share >= 1 ? 1 : (centre + half) / scale;
    return true;
}
