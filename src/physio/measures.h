/* SPDX-License-Identifier: Apache-2.0 */
/* Where measures of a recording are put: a value each, and whether it is known. */
#ifndef PCLR_PHYSIO_MEASURES_H
#define PCLR_PHYSIO_MEASURES_H

#include <math.h>
#include <stdint.h>

typedef struct measures {
    float *value;
    uint8_t *valid;
} measures;

static inline void measures_put(const measures *m, int k, double v)
{
    m->value[k] = (float)v;
    m->valid[k] = isfinite(v) != 0;
}

#endif
