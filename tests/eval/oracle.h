/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tests/oracles/evaluation.txt: blocks "NAME count", then the numbers. */
#ifndef PCLR_TESTS_EVAL_ORACLE_H
#define PCLR_TESTS_EVAL_ORACLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct oracle {
    FILE *file;
    double *value;
    size_t count;
} oracle;

static inline void oracle_open(oracle *o)
{
    *o = (oracle){.file = fopen(PCLR_SOURCE_DIR "/tests/oracles/evaluation.txt", "r")};
    assert_non_null(o->file);
}

static inline void oracle_close(oracle *o)
{
    fclose(o->file);
    free(o->value);
}

/* The next block of that name; 0: there is none any more. */
static inline size_t oracle_next(oracle *o, const char *name)
{
    char line[256], found[128];
    size_t count;
    while (fgets(line, sizeof line, o->file)) {
        if (sscanf(line, "%127s %zu", found, &count) != 2 || strcmp(found, name) != 0) continue;
        free(o->value);
        o->value = calloc(count + 1, sizeof *o->value);
        assert_non_null(o->value);
        for (size_t i = 0; i < count; i++) {
            assert_non_null(fgets(line, sizeof line, o->file));
            o->value[i] = strtod(line, NULL);
        }
        return o->count = count;
    }
    return o->count = 0;
}

/* The first block of that name in the whole file, as a new array. */
static inline double *oracle_find(const char *name, size_t *count)
{
    oracle o;
    oracle_open(&o);
    *count = oracle_next(&o, name);
    if (*count == 0) fail_msg("no oracle %s", name);
    double *value = o.value;
    o.value = NULL;
    oracle_close(&o);
    return value;
}

static inline uint8_t *oracle_labels(const char *name, size_t *count)
{
    double *value = oracle_find(name, count);
    uint8_t *label = malloc(*count);
    for (size_t i = 0; i < *count; i++) label[i] = (uint8_t)value[i];
    free(value);
    return label;
}

static inline void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g is not %.17g within %g", value, expected, tolerance);
}

#endif
