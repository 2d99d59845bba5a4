/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings as other people's readers see them (tests/oracles/readers.txt, made by readers.py): rate, length and values of every
 * channel. Needs the recordings (PCLR_DATA).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "record/record.h"

/* One line: path|reader|rate|samples|channel|index=value ... */
typedef struct oracle_line {
    char **field;
    size_t fields;
} oracle_line;

static pclr_record *read_named(const char *root, const char *path)
{
    static const pclr_read_options options = {.unit = "mV"};
    char full[1024];
    pclr_record *r = NULL;
    pclr_error error = {0};

    snprintf(full, sizeof full, "%s/%s", root, path);
    if (pclr_record_read(&r, full, &options, &error) != PCLR_OK) fail_msg("%s", error.message);
    return r;
}

/* Channels keep the order of the file; two may have one name, so that the search begins behind the last one found. */
static size_t find_channel(const pclr_record *r, const char *name, size_t from)
{
    for (size_t k = 0; k < r->leads; k++) {
        size_t at = (from + k) % r->leads;
        if (strcmp(r->channel[at].name, name) == 0) return at;
    }
    fail_msg("%s has no channel \"%s\"", r->path, name);
    return 0;
}

static void compare_values(const pclr_record *r, size_t channel, const char *values)
{
    for (const char *p = values; *p;) {
        int64_t index;
        double expected = NAN;
        while (*p == ' ') p++;
        if (!scan_int(&p, &index) || *p++ != '=') fail_msg("%s: \"%s\" is no index=value", r->path, values);
        if (strncmp(p, "nan", 3) == 0)
            p += 3;
        else
            assert_true(scan_double(&p, &expected));
        size_t at = channel * r->samples + (size_t)index;
        bool missing = r->valid && !r->valid[at];
        double found = (double)r->signal[at];
        if (missing != isnan(expected) || (!missing && fabs(found - expected) > 2e-6 + 2e-6 * fabs(expected)))
            fail_msg("%s, %s, sample %lld: %.8g mV; the other reader has %.8g", r->path, r->channel[channel].name, (long long)index,
                     missing ? NAN : found, expected);
    }
}

static void compare_line(const pclr_record *r, const oracle_line *o, size_t *channel)
{
    double rate;
    int64_t samples;

    assert_true(parse_double(o->field[2], &rate) && parse_int(o->field[3], &samples));
    if (fabs(r->rate - rate) > 1e-6 * rate || (int64_t)r->samples != samples)
        fail_msg("%s: %zu samples at %g Hz; %s has %lld at %g", r->path, r->samples, r->rate, o->field[1], (long long)samples, rate);
    size_t at = find_channel(r, o->field[4], *channel);
    compare_values(r, at, o->field[5]);
    *channel = at + 1;
}

static void agrees_with_other_readers(void **state)
{
    const char *root = getenv("PCLR_DATA");
    char *content = NULL, *rest, last[512] = "";
    size_t size = 0, recordings = 0, channel = 0;
    pclr_record *r = NULL;

    (void)state;
    if (!root) {
        print_message("SKIP: no recordings (PCLR_DATA)\n");
        skip();
    }
    assert_int_equal(file_read(PCLR_SOURCE_DIR "/tests/oracles/readers.txt", 0, &content, &size, NULL), PCLR_OK);
    for (char *line = strtok_r(content, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        oracle_line o = {0};
        assert_int_equal(text_split(line, '|', &o.field, &o.fields, NULL), PCLR_OK);
        assert_int_equal(o.fields, 6);
        if (strcmp(last, o.field[0]) != 0) {
            pclr_record_destroy(&r);
            r = read_named(root, o.field[0]);
            snprintf(last, sizeof last, "%s", o.field[0]);
            channel = 0;
            recordings++;
        }
        compare_line(r, &o, &channel);
        mem_free(o.field);
    }
    pclr_record_destroy(&r);
    mem_free(content);
    assert_true(recordings > 20);
    print_message("%zu recordings\n", recordings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_other_readers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
