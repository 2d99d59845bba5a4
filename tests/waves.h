/* SPDX-License-Identifier: Apache-2.0 */
/* Test inputs made of sines, the same as in the scripts of tests/oracles, and the stored values those scripts wrote. */
#ifndef PCLR_TESTS_WAVES_H
#define PCLR_TESTS_WAVES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "nn/nn.h"

static inline void waves_fill(float *out, int64_t count, double seed, double scale)
{
    for (int64_t k = 0; k < count; k++) {
        float wave = (float)sin(fmod(0.7 * (double)k * (double)k, 97.0) + 1.3 * (double)k + seed);
        out[k] = (float)((double)wave * scale);
    }
}

/* Every parameter: sines keyed by its name, of the size that keeps activations near 1. */
static inline void waves_fill_params(nn_params *params)
{
    for (size_t k = 0; k < nn_params_count(params); k++) {
        nn_parameter *p = nn_params_at(params, k);
        int64_t size = nn_shape_size(p->shape);
        double seed = (double)(hash_fnv1a(p->name, strlen(p->name)) % 1000) / 100;
        if (p->init.buffer) continue;
        waves_fill(p->value, size, seed, 1 / sqrt((double)size / (double)p->shape.n[0]));
    }
}

/* The rest of the line of `file` (in tests/oracles/) that begins with "name ", from malloc; NULL: there is none. */
static inline char *waves_stored(const char *file, const char *name)
{
    char path[1024];
    size_t length = strlen(name), capacity = 1 << 20;
    (void)snprintf(path, sizeof path, "%s/tests/oracles/%s", PCLR_SOURCE_DIR, file);
    FILE *f = fopen(path, "r");
    char *line = f ? malloc(capacity) : NULL;
    while (line && fgets(line, (int)capacity, f)) {
        if (strncmp(line, name, length) != 0 || line[length] != ' ') continue;
        memmove(line, line + length + 1, strlen(line + length + 1) + 1);
        fclose(f);
        return line;
    }
    free(line);
    if (f) fclose(f);
    return NULL;
}

#endif
