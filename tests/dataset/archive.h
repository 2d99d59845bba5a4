/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for a test, and small recordings in it. */
#ifndef PCLR_TESTS_DATASET_ARCHIVE_H
#define PCLR_TESTS_DATASET_ARCHIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "folder.h"
#include "record/record.h"

static inline void put_text(const char *name, const char *content)
{
    assert_int_equal(file_write(in_folder(name), content, strlen(content), NULL), PCLR_OK);
}

/* Leads I and II of `seconds`: one bump a second, its height by `number`. */
static inline void put_record(const char *subfolder, const char *id, size_t number, double rate, double seconds, const char *diagnoses)
{
    pclr_record *r = NULL;

    assert_int_equal(pclr_record_create(&r, id, rate, 2, (size_t)(seconds * rate), NULL), PCLR_OK);
    record_set_channel(r, 0, "I");
    record_set_channel(r, 1, "II");
    for (size_t i = 0; i < 2 * r->samples; i++) {
        double t = (double)(i % r->samples) / rate, phase = t - floor(t) - 0.3;
        r->signal[i] = (float)((1 + 0.01 * (double)number) * exp(-0.5 * phase * phase / 4e-4));
    }
    if (diagnoses) assert_int_equal(mem_strdup(&r->diagnoses, diagnoses, NULL), PCLR_OK);
    assert_int_equal(mem_strdup(&r->start_time, "2021-02-27T08:30:00", NULL), PCLR_OK);
    r->age = 95;
    assert_int_equal(pclr_record_write_wfdb(r, in_folder(subfolder), NULL, NULL), PCLR_OK);
    pclr_record_destroy(&r);
}

static inline void assert_same_file(const char *one, const char *other)
{
    char *a = NULL, *b = NULL;
    size_t a_size = 0, b_size = 0;

    assert_int_equal(file_read(in_folder(one), 0, &a, &a_size, NULL), PCLR_OK);
    assert_int_equal(file_read(in_folder(other), 0, &b, &b_size, NULL), PCLR_OK);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    mem_free(a);
    mem_free(b);
}

static inline bool file_holds(const char *name, const char *words)
{
    char *content = NULL;
    size_t size = 0;

    assert_int_equal(file_read(in_folder(name), 0, &content, &size, NULL), PCLR_OK);
    bool found = memmem(content, size, words, strlen(words)) != NULL;
    mem_free(content);
    return found;
}

#endif
