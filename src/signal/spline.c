/* SPDX-License-Identifier: Apache-2.0 */
#include "signal/spline.h"

#include "signal/vector.h"

static float held(const float *x, size_t n, ptrdiff_t i)
{
    if (i < 0) return x[0];
    if ((size_t)i >= n) return x[n - 1];
    return x[i];
}

/* The samples within `hole` of an end, for which a neighbour is outside. */
static void smooth_ends(const float *x, size_t n, size_t hole, float *y)
{
    for (size_t i = 0; i < n; i++) {
        if (i == hole && n > 2 * hole) i = n - hole;
        y[i] = 0.25F * (held(x, n, (ptrdiff_t)i - (ptrdiff_t)hole) + 2.0F * x[i] + held(x, n, (ptrdiff_t)(i + hole)));
    }
}

static void slope_ends(const float *x, size_t n, size_t hole, float *y)
{
    for (size_t i = 0; i < n; i++) {
        if (i == hole && n > 2 * hole) i = n - hole;
        y[i] = held(x, n, (ptrdiff_t)(i + hole)) - held(x, n, (ptrdiff_t)i - (ptrdiff_t)hole);
    }
}

/* Clones are static: a clone's dispatcher is exported whatever the visibility of the library's names. */
VECTOR_CLONES static void smooth_inner(const float *x, size_t n, size_t hole, float *restrict y)
{
    for (size_t i = hole; i + hole < n; i++) y[i] = 0.25F * (x[i - hole] + 2.0F * x[i] + x[i + hole]);
}

VECTOR_CLONES static void slope_inner(const float *x, size_t n, size_t hole, float *restrict y)
{
    for (size_t i = hole; i + hole < n; i++) y[i] = x[i + hole] - x[i - hole];
}

void spline_smooth(const float *x, size_t n, size_t hole, float *restrict y)
{
    if (n == 0) return;
    smooth_ends(x, n, hole, y);
    smooth_inner(x, n, hole, y);
}

void spline_slope(const float *x, size_t n, size_t hole, float *restrict y)
{
    if (n == 0) return;
    slope_ends(x, n, hole, y);
    slope_inner(x, n, hole, y);
}

void spline_smooth_levels(const float *x, size_t n, int levels, float *y, float *scratch)
{
    if (levels <= 0 || n == 0) {
        if (y != x) memcpy(y, x, n * sizeof *x);
        return;
    }
    const float *from = x;
    for (int k = 0; k < levels; k++) {
        float *to = from == scratch ? y : scratch;
        spline_smooth(from, n, (size_t)1 << k, to);
        from = to;
    }
    if (from == scratch) memcpy(y, scratch, n * sizeof *y);
}
