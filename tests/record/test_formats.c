/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats other than WFDB: files made here by hand, damaged copies of them, and, where recordings are present (PCLR_DATA), twins of one
 * recording in several formats that must agree.
 */
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
#include "base/rng.h"
#include "folder.h"
#include "made.h"
#include "record/record.h"

static const char *put(const char *name, const void *data, size_t size)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb"); /* not file_write: it waits for the disk, a thousand times here */
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
    return path;
}

static pclr_record *get(const char *path, const pclr_read_options *options)
{
    pclr_record *r = NULL;
    pclr_error error = {0};
    if (pclr_record_read(&r, path, options, &error) != PCLR_OK) fail_msg("%s", error.message);
    return r;
}

static const pclr_read_options two_leads = {.unit = "uV", .rate = 250, .leads = "I,II"};

/* ---- files made by hand ---- */

static const struct {
    const char *name, *format;
    size_t (*make)(uint8_t *);
} made[] = {
    {"a.edf", "edf", make_edf},   {"a.npy", "npy", make_npy},     {"a.mat", "matlab4", make_matlab4},
    {"a.csv", "csv", make_csv},   {"a.ecg", "ishne", make_ishne}, {"a.xml", "muse", make_muse},
    {"b.xml", "aecg", make_aecg}, {"a.dcm", "dicom", make_dicom}, {"a.scp", "scp", make_scp},
};

static void reads_files_made_by_hand(void **state)
{
    uint8_t data[4096];
    (void)state;
    for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
        const char *path = put(made[k].name, data, made[k].make(data));
        pclr_record *r = get(path, &two_leads);
        assert_string_equal(r->source_format, made[k].format);
        assert_true(fabs(r->rate - 250) < 1e-9 && r->leads == 2 && r->samples == (strcmp(made[k].format, "csv") == 0 ? 4 : 3));
        assert_int_equal(r->channel[0].lead, PCLR_LEAD_I);
        assert_int_equal(r->channel[1].lead, PCLR_LEAD_II);
        for (size_t i = 0; i < 3; i++) {
            if (fabs((double)r->signal[i] - (double)(i + 1) * 1e-3) > 1e-8 ||
                fabs((double)r->signal[r->samples + i] + (double)(i + 1) * 1e-3) > 1e-8)
                fail_msg("%s: sample %zu is %g, %g", made[k].name, i, (double)r->signal[i], (double)r->signal[r->samples + i]);
        }
        if (strcmp(made[k].format, "edf") == 0 || strcmp(made[k].format, "ishne") == 0) {
            assert_true(r->age == 69 && r->sex == PCLR_SEX_FEMALE); /* a day before the birthday */
        }
        if (strcmp(made[k].format, "csv") == 0) assert_true(!r->valid[3] && !r->valid[7] && r->valid[2]);
        pclr_record_destroy(&r);
    }
}

static void asks_for_what_arrays_do_not_tell(void **state)
{
    static const struct {
        pclr_read_options options;
        const char *told;
    } lacking[] = {{{.unit = "uV", .leads = "I,II"}, "--fs"},
                   {{.rate = 250, .leads = "I,II"}, "--unit"},
                   {{.rate = 250, .unit = "uV"}, "--lead-names"},
                   {{.rate = 250, .unit = "uV", .leads = "I"}, "--lead-names"},
                   {{.rate = 250, .unit = "bar", .leads = "I,II"}, "bar"}};
    uint8_t data[4096];
    (void)state;
    const char *path = put("b.npy", data, make_npy(data));
    for (size_t k = 0; k < sizeof lacking / sizeof *lacking; k++) {
        pclr_record *r = NULL;
        pclr_error error = {0};
        assert_int_not_equal(pclr_record_read(&r, path, &lacking[k].options, &error), PCLR_OK);
        if (!strstr(error.message, lacking[k].told)) fail_msg("\"%s\" does not tell %s", error.message, lacking[k].told);
    }
}

static void refuses_entities_and_gaps(void **state)
{
    static const char bomb[] =
        "<!DOCTYPE RestingECG [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><RestingECG>&b;</RestingECG>";
    uint8_t data[4096];
    pclr_record *r = NULL;
    pclr_error error = {0};

    (void)state;
    assert_int_equal(pclr_record_read(&r, put("bomb.xml", bomb, sizeof bomb - 1), NULL, &error), PCLR_E_FORMAT);
    assert_non_null(strstr(error.message, "entities"));
    size_t size = make_edf(data);
    data[196] = 'D';
    assert_int_equal(pclr_record_read(&r, put("gaps.edf", data, size), NULL, &error), PCLR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "EDF+D"));
}

/* A damaged file is read or refused, never more; whatever is read is finite. */
static void try_damaged(const char *name, const uint8_t *data, size_t size)
{
    pclr_record *r = NULL;
    pclr_error error = {0};
    if (size == 0) return;
    if (pclr_record_read(&r, put(name, data, size), &two_leads, &error) != PCLR_OK) {
        assert_null(r);
        assert_true(error.message[0] != '\0' && !strchr(error.message, '\n'));
        return;
    }
    for (size_t i = 0; i < r->leads * r->samples; i++) assert_true(isfinite(r->signal[i]));
    pclr_record_destroy(&r);
}

static void survives_damage(void **state)
{
    uint8_t data[4096], copy[4096];
    (void)state;
    for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
        size_t size = made[k].make(data);
        for (size_t cut = 1; cut < size; cut += 1 + size / 40) try_damaged(made[k].name, data, cut);
        for (uint64_t round = 0; round < 150; round++) {
            rng r = rng_make(1, "damage", round * 16 + k);
            memcpy(copy, data, size);
            for (uint64_t n = 1 + rng_below(&r, 4); n > 0; n--) copy[rng_below(&r, size)] = (uint8_t)rng_u32(&r);
            try_damaged(made[k].name, copy, size);
        }
    }
}

/* ---- twins ---- */

static const char *data_file(const char *name)
{
    static char path[2][1024];
    static int turn;
    const char *root = getenv("PCLR_DATA");
    if (!root) return NULL;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/formats/%s", root, name);
    return path[turn];
}

static double largest_difference(const pclr_record *a, const pclr_record *b)
{
    double largest = 0;
    size_t n = a->samples < b->samples ? a->samples : b->samples;
    for (size_t k = 0; k < a->leads; k++) {
        int other = pclr_record_find_lead(b, a->channel[k].lead);
        if (other < 0) fail_msg("%s has no lead %s", b->path, a->channel[k].name);
        for (size_t i = 0; i < n; i++) {
            double d = fabs((double)a->signal[k * a->samples + i] - (double)b->signal[(size_t)other * b->samples + i]);
            if (d > largest) largest = d;
        }
    }
    return largest;
}

static void twins_agree(void **state)
{
    static const struct {
        const char *one, *other;
        double limit; /* mV */
        size_t samples;
    } twin[] = {
        {"scp_ecg/ecgtoolkit_Example.scp", "hl7_aecg/ecgtoolkit_Example.xml", 1e-6, 5000},
        {"dicom/ecgtoolkit_Example.dcm", "hl7_aecg/ecgtoolkit_Example.xml", 1e-6, 5000},
        {"scp_ecg/contec_Example.scp", "scp_ecg/ecgtoolkit_Example.scp", 1e-6, 5000},
        {"dicom/marcodebe_anonymous_ecg.dcm", "dicom/pydicom_waveform_ecg.dcm", 1e-6, 10000},
        /* one was converted and filtered again: four steps of 5 uV */
        {"philips_sierra_xml/1_04_ad4d3d80-d165_orig.xml", "philips_sierra_xml/1_04_ad4d3d80-d165_converted_uncompressed.xml", 0.0201,
         5500},
        {"philips_sierra_xml/1_04_ad4d3d80-d165_orig.xml", "philips_sierra_xml/tbj128_ecg-example.xml", 1e-6, 5500},
        {"philips_sierra_xml/1_03_129DYPRG.XML", "philips_sierra_xml/1_03_repbeats_example.xml", 1e-6, 5500},
        {"ishne_derived/ludb1_10s_12lead.ecg", "../ludb/1", 5.1e-4, 5000},
    };
    (void)state;
    if (!data_file("")) {
        print_message("SKIP: no recordings (PCLR_DATA)\n");
        skip();
    }
    for (size_t k = 0; k < sizeof twin / sizeof *twin; k++) {
        pclr_record *a = get(data_file(twin[k].one), NULL), *b = get(data_file(twin[k].other), NULL);
        assert_int_equal(a->samples, twin[k].samples);
        double d = largest_difference(a, b);
        if (d > twin[k].limit) fail_msg("%s and %s differ by %g mV", twin[k].one, twin[k].other, d);
        pclr_record_destroy(&a);
        pclr_record_destroy(&b);
    }
}

static void survives_damage_of_recordings(void **state)
{
    static const char *const name[] = {"scp_ecg/ecgtoolkit_Example.scp",      "dicom/ecgtoolkit_Example.dcm",
                                       "ge_muse_xml/braveheart_example1.xml", "philips_sierra_xml/1_03_129DYPRG.XML",
                                       "edf/mne_subsecond_starttime.edf",     "hl7_aecg/liryc_hl7aecg_example.xml",
                                       "matlab/code_15_2657522.mat"};
    (void)state;
    if (!data_file("")) {
        print_message("SKIP: no recordings (PCLR_DATA)\n");
        skip();
    }
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        char *data = NULL;
        size_t size = 0;
        assert_int_equal(file_read(data_file(name[k]), 0, &data, &size, NULL), PCLR_OK);
        for (uint64_t round = 0; round < 24; round++) {
            rng r = rng_make(2, "damage", round * 16 + k);
            char *copy = malloc(size);
            memcpy(copy, data, size);
            for (uint64_t n = 1 + rng_below(&r, 6); n > 0; n--) copy[rng_below(&r, round % 2 ? size : size / 8 + 1)] = (char)rng_u32(&r);
            try_damaged(path_base(name[k]), (const uint8_t *)copy, round % 3 ? size : rng_below(&r, size));
            free(copy);
        }
        mem_free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_files_made_by_hand),
        cmocka_unit_test(asks_for_what_arrays_do_not_tell),
        cmocka_unit_test(refuses_entities_and_gaps),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(twins_agree),
        cmocka_unit_test(survives_damage_of_recordings),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
