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
#include "record/record.h"

static char folder[] = "/tmp/physioclr-formats-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    file_list files = {0};
    (void)state;
    if (file_list_folder(&files, folder, NULL) == PCLR_OK) {
        for (size_t k = 0; k < files.count; k++) unlink(files.path[k]);
    }
    file_list_free(&files);
    return rmdir(folder);
}

static const char *put(const char *name, const void *data, size_t size)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
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

/* ---- files made by hand; every one holds I = 1, 2, 3 and II = -1, -2, -3 microvolts at 250 Hz ---- */

static size_t make_edf(uint8_t *out)
{
    char head[768];
    memset(head, ' ', sizeof head);
    const struct {
        size_t at;
        const char *word;
    } field[] = {{0, "0"},          {8, "id7 F 02-MAR-1950 X"},
                 {168, "01.03.20"}, {176, "10.20.30"},
                 {184, "768"},      {192, "EDF+C"},
                 {236, "1"},        {244, "0.012"},
                 {252, "2"},        {256, "ECG I"},
                 {272, "ECG II"},   {448, "uV"},
                 {456, "uV"},       {464, "-32768"},
                 {472, "-3276.8"},  {480, "32767"},
                 {488, "3276.7"},   {496, "-32768"},
                 {504, "-32768"},   {512, "32767"},
                 {520, "32767"},    {688, "3"},
                 {696, "3"}};
    for (size_t k = 0; k < sizeof field / sizeof *field; k++) memcpy(head + field[k].at, field[k].word, strlen(field[k].word));
    memcpy(out, head, sizeof head);
    const int16_t value[6] = {1, 2, 3, -10, -20, -30}; /* II has 0.1 uV a step */
    memcpy(out + sizeof head, value, sizeof value);
    return sizeof head + sizeof value;
}

static size_t make_npy(uint8_t *out)
{
    char head[118];
    memset(head, ' ', sizeof head);
    const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
    memcpy(head, dict, sizeof dict - 1);
    head[sizeof head - 1] = '\n';
    const float value[6] = {1, -1, 2, -2, 3, -3};
    memcpy(out, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(out + 10, head, sizeof head);
    memcpy(out + 10 + sizeof head, value, sizeof value);
    return 10 + sizeof head + sizeof value;
}

static size_t make_matlab4(uint8_t *out)
{
    const uint32_t head[5] = {30, 2, 3, 0, 4};
    const int16_t value[6] = {1, -1, 2, -2, 3, -3};
    memcpy(out, head, 20);
    memcpy(out + 20, "val", 4);
    memcpy(out + 24, value, sizeof value);
    return 24 + sizeof value;
}

static size_t make_csv(uint8_t *out)
{
    const char text[] = "\xef\xbb\xbftime;\"I\";II\r\n0;1;-1\r\n0.004;2;-2\r\n0.008;3;-3\r\n0.012;;\r\n";
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static size_t make_ishne(uint8_t *out)
{
    memset(out, 0, 522);
    memcpy(out, "ISHNE1.0", 8);
    const int32_t numbers[4] = {0, 3, 522, 522};
    memcpy(out + 10, numbers, 16);
    const int16_t date[3] = {1, 3, 2020}, birth[3] = {2, 3, 1950}, leads = 2, spec[2] = {5, 6}, resolution[2] = {1000, 100}, rate = 250,
                  sex = 2;
    memcpy(out + 128, &sex, 2);
    memcpy(out + 132, birth, 6);
    memcpy(out + 138, date, 6);
    memcpy(out + 156, &leads, 2);
    memcpy(out + 158, spec, 4);
    memcpy(out + 206, resolution, 4);
    memcpy(out + 272, &rate, 2);
    const int16_t value[6] = {1, -10, 2, -20, 3, -30};
    memcpy(out + 522, value, sizeof value);
    return 522 + sizeof value;
}

static size_t make_muse(uint8_t *out)
{
    /* base64 of 1, 2, 3 and of -1, -2, -3 as little-endian int16 */
    const char text[] = "<?xml "
                        "version=\"1.0\"?>\n<RestingECG><PatientDemographics><PatientAge>69</PatientAge><AgeUnits>YEARS</"
                        "AgeUnits><Gender>FEMALE</Gender></PatientDemographics>"
                        "<Waveform><WaveformType>Median</WaveformType></Waveform><Waveform><WaveformType>Rhythm</"
                        "WaveformType><SampleBase>250</SampleBase><SampleExponent>0</SampleExponent>"
                        "<LeadData><LeadAmplitudeUnitsPerBit>1</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</"
                        "LeadAmplitudeUnits><LeadID>I</LeadID><WaveFormData>AQACA\nAMA</WaveFormData></LeadData>"
                        "<LeadData><LeadAmplitudeUnitsPerBit>1</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</"
                        "LeadAmplitudeUnits><LeadID>II</LeadID><WaveFormData>///+//3/</WaveFormData></LeadData>"
                        "</Waveform></RestingECG>";
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static size_t make_aecg(uint8_t *out)
{
    const char text[] = "<!-- <x> --><AnnotatedECG xmlns=\"urn:hl7-org:v3\"><effectiveTime><low "
                        "value=\"20200301\"/></effectiveTime><component><series><component><sequenceSet>"
                        "<component><sequence><code code=\"TIME_ABSOLUTE\"/><value><head value=\"20200301\"/><increment value=\"4\" "
                        "unit=\"ms\"/></value></sequence></component>"
                        "<component><sequence><code code=\"MDC_ECG_LEAD_I\"/><value><origin value=\"0\" unit=\"uV\"/><scale value=\"0.5\" "
                        "unit=\"uV\"/><digits>2 4\n6</digits></value></sequence></component>"
                        "<component><sequence><code code=\"MDC_ECG_LEAD_II\"/><value><origin value=\"1\" unit=\"uV\"/><scale value=\"1\" "
                        "unit=\"uV\"/><digits>-2 -3 -4</digits></value></sequence></component>"
                        "</sequenceSet></component></series></component></AnnotatedECG>";
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static const struct {
    const char *name, *format;
    size_t (*make)(uint8_t *);
} made[] = {
    {"a.edf", "edf", make_edf},     {"a.npy", "npy", make_npy},   {"a.mat", "matlab4", make_matlab4}, {"a.csv", "csv", make_csv},
    {"a.ecg", "ishne", make_ishne}, {"a.xml", "muse", make_muse}, {"b.xml", "aecg", make_aecg},
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
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
