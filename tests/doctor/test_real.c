/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong rates and exchanged arms planted in real recordings, where they are present (PCLR_DATA): recall and false alarms of the rules
 * that rest on what hearts do, in about a hundred recordings of PTB-XL, LUDB, CODE-15 % and the Challenge archives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor/findings.h"

enum { EVERY = 12, SKIP = 77 };

typedef struct tally {
    size_t recordings, with_one; /* with lead I measured and all chest leads */
    size_t rate_alarms, reversed_alarms;
    size_t rate_found[4], reversed_found;
} tally;

static const double factors[4] = {0.4, 0.5, 2, 2.5};

static bool finds(const pclr_record *r, finding_kind kind)
{
    findings f = {0};
    pclr_fiducials *marks = NULL;
    pclr_error error;

    if (pclr_fiducials_compute(&marks, r, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    checks_run(&f, r, marks);
    uint32_t kinds = f.kinds;
    findings_free(&f);
    pclr_fiducials_destroy(&marks);
    return kinds >> kind & 1;
}

/* Lead I changes sign; the other leads of the rule stay. */
static void exchange_arms(pclr_record *r)
{
    float *one = r->signal + (size_t)pclr_record_find_lead(r, PCLR_LEAD_I) * r->samples;
    for (size_t i = 0; i < r->samples; i++) one[i] = -one[i];
}

static void try_recording(const char *path, tally *t)
{
    pclr_record *r = NULL;
    pclr_error error;

    if (pclr_record_read(&r, path, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    double rate = r->rate;
    t->recordings++;
    t->rate_alarms += finds(r, FINDING_RATE);
    for (int k = 0; k < 4; k++) {
        r->rate = rate * factors[k];
        t->rate_found[k] += finds(r, FINDING_RATE);
    }
    r->rate = rate;
    if (pclr_record_find_lead(r, PCLR_LEAD_I) >= 0 && pclr_record_find_lead(r, PCLR_LEAD_V6) >= 0) {
        t->with_one++;
        t->reversed_alarms += finds(r, FINDING_REVERSED);
        exchange_arms(r);
        t->reversed_found += finds(r, FINDING_REVERSED);
    }
    pclr_record_destroy(&r);
}

static void known_faults_in_real_recordings(void **state)
{
    static const char *const folders[] = {"ptbxl/records500", "ludb", "code15", "challenge"};
    const char *data = getenv("PCLR_DATA");
    tally t = {0};

    (void)state;
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        char path[512];
        const char *source = path;
        pclr_record_list *list = NULL;
        pclr_error error;
        snprintf(path, sizeof path, "%s/%s", data, folders[k]);
        if (pclr_record_find(&list, &source, 1, &error) != PCLR_OK) fail_msg("%s", error.message);
        for (size_t i = 1; i < list->count; i += k == 0 ? 4 * EVERY : EVERY) try_recording(list->path[i], &t);
        pclr_record_list_destroy(&list);
    }
    print_message("%zu recordings: rate told of %zu; at 0.4, 0.5, 2, 2.5 times the rate found in %zu, %zu, %zu, %zu\n", t.recordings,
                  t.rate_alarms, t.rate_found[0], t.rate_found[1], t.rate_found[2], t.rate_found[3]);
    print_message("%zu recordings: reversed told of %zu; arms exchanged found in %zu\n", t.with_one, t.reversed_alarms, t.reversed_found);
    assert_true(t.recordings > 50);
    assert_true(t.rate_alarms * 25 <= t.recordings && t.reversed_alarms * 25 <= t.with_one);
    for (int k = 0; k < 4; k++) assert_true(t.rate_found[k] * 10 >= t.recordings * 7);
    assert_true(t.reversed_found * 10 >= t.with_one * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_faults_in_real_recordings)};
    if (!getenv("PCLR_DATA")) return SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
