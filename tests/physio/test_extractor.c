/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models belong to the marks and features they were trained on. The features of one stored recording are compared with stored values:
 * where they differ, FEATURE_EXTRACTOR must be raised and the values stored anew, by `physio_test_extractor --store`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "physio/features.h"
#include "physio/segments.h"

static const char STORED[] = PCLR_SOURCE_DIR "/tests/physio/extractor/features.txt";
static const char RECORDING[] = PCLR_SOURCE_DIR "/tests/physio/extractor/recording";

typedef struct measured {
    const pclr_feature_layout *layout;
    float *value;
    uint8_t *valid;
} measured;

static void must(pclr_status status, const pclr_error *error)
{
    if (status != PCLR_OK) fail_msg("%s", error->message);
}

/* The first segment of the recording. */
static measured measure(const char *layout)
{
    pclr_error error = {0};
    pclr_record *record = NULL;
    measured m = {.layout = pclr_feature_layout_find(layout)};
    segment_cut cut;
    assert_non_null(m.layout);
    must(pclr_record_read(&record, RECORDING, NULL, &error), &error);
    must(segments_cut(&cut, 5, record->rate, (int64_t)record->samples, &error), &error);
    cut.count = 1;
    must(mem_alloc(&m.value, m.layout->count, sizeof *m.value, &error), &error);
    must(mem_alloc(&m.valid, m.layout->count, 1, &error), &error);
    must(segments_measure(&cut, m.layout, record, NULL, m.value, m.valid, &error), &error);
    pclr_record_destroy(&record);
    return m;
}

static void release(measured *m)
{
    mem_free(m->value);
    mem_free(m->valid);
}

/* Lines "LAYOUT NAME VALUE"; the value of an invalid feature is "-". */
static void compare(const measured *m, size_t k, const char *stored)
{
    const char *name = pclr_feature_name(m->layout, k);
    if (strcmp(stored, "-") == 0 && !m->valid[k]) return;
    double expected = strtod(stored, NULL), found = (double)m->value[k];
    /* Processors round differently; a change of method moves far more than one in thousand of something. */
    if (strcmp(stored, "-") != 0 && m->valid[k] && fabs(found - expected) <= 1e-4 + 1e-3 * fabs(expected)) return;
    fail_msg("%s of %s is %g (valid: %d), stored is %s: raise FEATURE_EXTRACTOR in src/physio/features.h and store the values again "
             "(physio_test_extractor --store); models must be retrained",
             name, m->layout->name, found, m->valid[k], stored);
}

static void test_features_are_those_of_the_version(void **state)
{
    char layout[32], name[64], value[64];
    int version = 0;
    size_t compared = 0, known = 0;
    measured m = {0};
    FILE *f = fopen(STORED, "r");
    (void)state;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "extractor %d", &version), 1);
    assert_int_equal(version, FEATURE_EXTRACTOR);
    while (fscanf(f, "%31s %63s %63s", layout, name, value) == 3) {
        if (!m.layout || strcmp(m.layout->name, layout) != 0) {
            release(&m);
            m = measure(layout);
            known += m.layout->count;
        }
        for (size_t k = 0; k < m.layout->count; k++)
            if (strcmp(pclr_feature_name(m.layout, k), name) == 0) {
                compare(&m, k, value);
                compared++;
            }
    }
    (void)fclose(f);
    release(&m);
    if (compared != known || known == 0)
        fail_msg("%zu values stored, the layouts have %zu: raise FEATURE_EXTRACTOR and store anew", compared, known);
}

static int store(void)
{
    static const char *const layouts[] = {"paper150", "rich"};
    FILE *f = fopen(STORED, "w");
    if (!f) return 1;
    (void)fprintf(f, "extractor %d\n", FEATURE_EXTRACTOR);
    for (size_t l = 0; l < 2; l++) {
        measured m = measure(layouts[l]);
        for (size_t k = 0; k < m.layout->count; k++) {
            (void)fprintf(f, "%s %s ", layouts[l], pclr_feature_name(m.layout, k));
            if (m.valid[k])
                (void)fprintf(f, "%.7g\n", (double)m.value[k]);
            else
                (void)fprintf(f, "-\n");
        }
        release(&m);
    }
    return fclose(f) != 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_features_are_those_of_the_version)};
    if (argc == 2 && strcmp(argv[1], "--store") == 0) return store();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
