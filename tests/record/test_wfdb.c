/* SPDX-License-Identifier: Apache-2.0 */
/* WFDB headers, signal formats, annotations: what is written is read again, what is damaged is refused by line and field. */
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
#include "folder.h"
#include "record/formats/wfdb.h"

static void put(const char *name, const void *data, size_t size)
{
    assert_int_equal(file_write(in_folder(name), data, size, NULL), PCLR_OK);
}

static void put_text(const char *name, const char *content)
{
    put(name, content, strlen(content));
}

static pclr_record *get(const char *name, const pclr_read_options *options)
{
    pclr_record *r = NULL;
    pclr_error error = {0};
    if (pclr_record_read(&r, in_folder(name), options, &error) != PCLR_OK) fail_msg("%s", error.message);
    return r;
}

/* ---- round trip ---- */

static void writes_what_it_reads(void **state)
{
    pclr_record *r = NULL, *back;
    pclr_annotation marks[] = {{.sample = 3, .code = 39, .num = 1},
                               {.sample = 700, .code = 1, .subtype = 2, .chan = 1, .aux = (char *)"odd"},
                               {.sample = 90000, .code = 40, .num = -3, .aux = (char *)"even"}};

    (void)state;
    assert_int_equal(pclr_record_create(&r, "round", 360.5, 3, 100000, NULL), PCLR_OK);
    snprintf(r->channel[0].name, sizeof r->channel[0].name, "II");
    snprintf(r->channel[1].name, sizeof r->channel[1].name, "some lead");
    snprintf(r->channel[2].name, sizeof r->channel[2].name, "V1");
    for (size_t i = 0; i < 3 * r->samples; i++) r->signal[i] = (float)(0.001 * (double)((int)(i * 7919 % 4001) - 2000));
    r->signal[2 * r->samples + 5] = 300; /* beyond 16 bits at 1 uV */
    r->valid = malloc(3 * r->samples);
    memset(r->valid, 1, 3 * r->samples);
    r->valid[17] = 0;
    r->age = 67.5F;
    r->sex = PCLR_SEX_FEMALE;
    r->diagnoses = strdup("164889003,59118001");
    r->patient = strdup("p17");
    r->start_time = strdup("2020-05-12T12:33:59");
    r->annotation = marks;
    r->annotations = 3;
    assert_int_equal(pclr_record_write_wfdb(r, folder_name(), "qrs", NULL), PCLR_OK);
    back = get("round", &(pclr_read_options){.annotator = "qrs", .strict = true});

    assert_string_equal(back->id, "round");
    assert_true(back->rate == 360.5 && back->leads == 3 && back->samples == 100000);
    assert_true(back->age == 67.5F && back->sex == PCLR_SEX_FEMALE);
    assert_string_equal(back->diagnoses, "164889003,59118001");
    assert_string_equal(back->patient, "p17");
    assert_string_equal(back->start_time, "2020-05-12T12:33:59");
    assert_int_equal(back->channel[0].lead, PCLR_LEAD_II);
    assert_int_equal(back->channel[1].lead, PCLR_LEAD_OTHER);
    assert_string_equal(back->channel[1].name, "some lead");
    assert_int_equal(back->warnings, 0);
    for (size_t i = 0; i < 2 * r->samples; i++) {
        if (i == 17) continue;
        assert_true(fabs((double)back->signal[i] - (double)r->signal[i]) < 0.5e-3);
    }
    assert_true(fabs((double)back->signal[2 * r->samples + 5] - 300) < 0.01);
    assert_int_equal(back->valid[17], 0);
    assert_int_equal(back->valid[18], 1);
    assert_int_equal(back->annotations, 3);
    for (size_t k = 0; k < 3; k++) {
        const pclr_annotation *a = &back->annotation[k], *b = &marks[k];
        assert_true(a->sample == b->sample && a->code == b->code && a->subtype == b->subtype && a->chan == (k ? 1 : 0) * (k == 1) &&
                    a->num == b->num);
        assert_true((a->aux == NULL) == (b->aux == NULL) && (!a->aux || strcmp(a->aux, b->aux) == 0));
    }
    pclr_record_destroy(&back);
    back = get("round", &(pclr_read_options){.annotator = "qrs", .first = 600, .count = 200});
    assert_true(back->samples == 200 && back->annotations == 1 && back->annotation[0].sample == 100);
    assert_true(fabs((double)back->signal[0] - (double)r->signal[600]) < 0.5e-3);
    pclr_record_destroy(&back);
    r->annotation = NULL;
    r->annotations = 0;
    pclr_record_destroy(&r);
}

/* ---- sample formats: bytes laid out by hand from signal(5) ---- */

static void expect_samples(int format, const uint8_t *bytes, size_t size, const int *expected, size_t n)
{
    char header[256];
    put("f.dat", bytes, size);
    int length = snprintf(header, sizeof header, "f 1 100 %zu\nf.dat %d 1000/mV 16 0 0 0 0 I\n", n, format);
    put("f.hea", header, (size_t)length);
    pclr_record *r = get("f", NULL);
    assert_int_equal(r->samples, n);
    for (size_t i = 0; i < n; i++) {
        if (fabs((double)r->signal[i] * 1000 - expected[i]) > 1e-3 * (1 + fabs((double)expected[i]) * 1e-3))
            fail_msg("format %d, sample %zu: %g, expected %d", format, i, (double)r->signal[i] * 1000, expected[i]);
    }
    pclr_record_destroy(&r);
}

static void decodes_every_format(void **state)
{
    (void)state;
    expect_samples(16, (const uint8_t[]){0x01, 0x00, 0xff, 0xff, 0x34, 0x12}, 6, (const int[]){1, -1, 0x1234}, 3);
    expect_samples(61, (const uint8_t[]){0x00, 0x01, 0xff, 0xff, 0x12, 0x34}, 6, (const int[]){1, -1, 0x1234}, 3);
    expect_samples(160, (const uint8_t[]){0x01, 0x80, 0xff, 0x7f}, 4, (const int[]){1, -1}, 2);
    expect_samples(80, (const uint8_t[]){0x81, 0x7f, 0xff}, 3, (const int[]){1, -1, 127}, 3);
    expect_samples(24, (const uint8_t[]){0x01, 0x00, 0x00, 0xff, 0xff, 0xff, 0x56, 0x34, 0x12}, 9, (const int[]){1, -1, 0x123456}, 3);
    expect_samples(32, (const uint8_t[]){0x01, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff}, 8, (const int[]){1, -1}, 2);
    expect_samples(8, (const uint8_t[]){0x05, 0xfe, 0x01}, 3, (const int[]){5, 3, 4}, 3);
    /* 1 = 0x001, -1 = 0xfff; then 0x123 alone in two bytes */
    expect_samples(212, (const uint8_t[]){0x01, 0xf0, 0xff, 0x23, 0x01}, 5, (const int[]){1, -1, 0x123}, 3);
    /* words: sample << 1, the third sample's low five bits in the top of the first word, its high five in the second */
    expect_samples(310, (const uint8_t[]){0x02, 0xf8, 0xfe, 0x07}, 4, (const int[]){1, -1, 0x1f}, 3);
    expect_samples(311, (const uint8_t[]){0x01, 0xfc, 0xff, 0x01}, 4, (const int[]){1, -1, 0x1f}, 3);
}

static void marks_missing_samples(void **state)
{
    (void)state;
    put("m.dat", (const uint8_t[]){0x00, 0x80, 0x0a, 0x00}, 4);
    put_text("m.hea", "m 1 100 2\nm.dat 16 0 16 0 0 0 0 V9\n");
    pclr_record *r = get("m", NULL);
    assert_non_null(r->valid);
    assert_int_equal(r->valid[0], 0);
    assert_true(r->signal[0] == 0 && fabs((double)r->signal[1] - 10 / 200.0) < 1e-7); /* gain 0 is 200 */
    pclr_record_destroy(&r);
}

/* ---- header quirks ---- */

static void tolerates_what_archives_contain(void **state)
{
    static const char header[] =
        "\xef\xbb\xbf# first comment\r\n\r\nq.mat 3 500 2 05-May-2020 14:50:55\r\n"
        "q.mat 16+2 1000/mv 16 0 5 0 0 I\r\nq.mat 16+2 500.0(2)/uV 16 0 5 0 0 Lead II\r\nq.mat 16+2 1(0)/mmHg 16 0 0 0 0 ABP\r\n"
        "# Age: NaN\r\n#Sex: Female\r\n# Dx: 1, 2\r\n# Patient: abc \r\n";
    (void)state;
    put("q.mat", (const uint8_t[]){9, 9, 5, 0, 252, 1, 1, 0, 7, 0, 2, 0, 1, 0}, 14);
    put("q.hea", header, sizeof header - 1);
    pclr_record *r = get("q.hea", NULL);
    assert_int_equal(r->leads, 2);
    assert_true(fabs((double)r->signal[0] - 0.005) < 1e-7 && fabs((double)r->signal[1] - 0.007) < 1e-7);
    assert_true(fabs((double)r->signal[2] - 0.001 * 506 / 500.0) < 1e-8);
    assert_int_equal(r->channel[1].lead, PCLR_LEAD_II);
    assert_string_equal(r->start_time, "2020-05-05T14:50:55");
    assert_true(r->age == -1 && r->sex == PCLR_SEX_FEMALE);
    assert_string_equal(r->diagnoses, "1,2");
    assert_string_equal(r->patient, "abc");
    assert_true(r->warnings >= 1); /* checksums, and the pressure that is left out */
    pclr_record_destroy(&r);
}

static void shifts_skewed_signals(void **state)
{
    (void)state;
    put("s.dat", (const uint8_t[]){1, 0, 10, 0, 2, 0, 20, 0, 3, 0, 30, 0}, 12);
    put_text("s.hea", "s 2 100 3\ns.dat 16 1/mV\ns.dat 16:1 1/mV\n");
    pclr_record *r = get("s", NULL);
    assert_true(r->signal[0] == 1 && r->signal[2] == 3);
    assert_true(r->signal[3] == 20 && r->signal[4] == 30 && r->valid[5] == 0);
    pclr_record_destroy(&r);
}

static void joins_segments(void **state)
{
    (void)state;
    put("a.dat", (const uint8_t[]){1, 0, 2, 0}, 4);
    put_text("a.hea", "a 1 100 2\na.dat 16 1/mV 16 0 1 3 0 I\n");
    put("b.dat", (const uint8_t[]){7, 0, 8, 0}, 4);
    put_text("b.hea", "b 2 100 1\nb.dat 16 1/mV 16 0 7 7 0 V\nb.dat 16 2/mV 16 0 8 8 0 I\n");
    put_text("lay.hea", "lay 1 100 0\n~ 0 1/mV 16 0 0 0 0 I\n");
    put_text("multi.hea", "multi/4 1 100 5\nlay 0\na 2\n~ 2\nb 1\n");
    pclr_record *r = get("multi", NULL);
    assert_int_equal(r->samples, 5);
    assert_true(r->signal[0] == 1 && r->signal[1] == 2 && r->valid[2] == 0 && r->valid[3] == 0 && r->signal[4] == 4);
    pclr_record_destroy(&r);

    pclr_record_list *list = NULL;
    const char *where = folder_name();
    assert_int_equal(pclr_record_find(&list, &where, 1, NULL), PCLR_OK);
    for (size_t k = 0; k < list->count; k++) assert_null(strstr(list->path[k], "lay.hea"));
    pclr_record_list_destroy(&list);
}

/* ---- damaged and hostile headers ---- */

static void refuses_by_line_and_field(void **state)
{
    static const struct {
        const char *header, *told;
    } bad[] = {
        {"", "empty"},
        {"# only a comment\n", "empty header"},
        {"h -1 500 10\n", "number of signals"},
        {"h 2147483648 500 10\n", "number of signals"},
        {"h 99999999999999999999 500 10\n", "number of signals"},
        {"h 0 500 10\n", "without signals"},
        {"h 2 500 10\nh.dat 16\n", "cut off"},
        {"h 1 nan 10\nh.dat 16\n", "sampling rate"},
        {"h 1 0 10\nh.dat 16\n", "sampling rate"},
        {"h 1 500 1e3\nh.dat 16\n", "number of samples"},
        {"h 1 500 4\nh.dat 17\n", "signal format"},
        {"h 1 500 4\nh.dat 16x0\n", "signal format"},
        {"h 1 500 4\nh.dat 16x99999999\n", "signal format"},
        {"h 1 500 4\nh.dat 16:-3\n", "signal format"},
        {"h 1 500 4\nh.dat 16 nan/mV\n", "gain"},
        {"h 1 500 4\nh.dat 16 200(x)/mV\n", "baseline"},
        {"h 1 500 4\nh.dat 16 200 many\n", "field of a signal line"},
        {"h 1 500 4\n../h.dat 16\n", "file name"},
        {"h 1 500 4\n/etc/passwd 16\n", "file name"},
        {"h 1 500 4\nhttp://example.org/h.dat 16\n", "file name"},
        {"h 1 500 4\nh.dat 16+99999\n", "samples begin at byte"},
        {"h 1 500 400000\nh.dat 16\n", "cut off"},
        {"h 1 500 9223372036854775807\nh.dat 16\n", "hold"},
        {"h/3 1 500 4\nh 4\n", "cut off"},
        {"h/1 1 500 4\nh 4\n", "record itself"},
        {"h/99999999 1 500 4\nh 4\n", "number of segments"},
        {"h/2 1 500 4\nh2 9223372036854775807\nh2 9223372036854775807\n", "cannot be"},
    };
    (void)state;
    put("h.dat", (const uint8_t[]){1, 0, 2, 0, 3, 0, 4, 0}, 8);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        pclr_record *r = NULL;
        pclr_error error = {0};
        put("h.hea", bad[k].header, strlen(bad[k].header));
        pclr_status status = pclr_record_read(&r, in_folder("h"), NULL, &error);
        if (status == PCLR_OK && k == 22) { /* an impossible length is cut down to what the file holds */
            assert_int_equal(r->samples, 4);
            pclr_record_destroy(&r);
            continue;
        }
        if (status == PCLR_OK) fail_msg("accepted: %s", bad[k].header);
        assert_null(r);
        if (!strstr(error.message, bad[k].told)) fail_msg("\"%s\" does not tell \"%s\"", error.message, bad[k].told);
        assert_null(strchr(error.message, '\n'));
    }
}

static void refuses_other_units_and_wrong_checksums(void **state)
{
    pclr_record *r = NULL;
    pclr_error error = {0};

    (void)state;
    put("u.dat", (const uint8_t[]){1, 0, 2, 0}, 4);
    put_text("u.hea", "u 1 100 2\nu.dat 16 1/adu 16 0 1 3 0 II\n");
    assert_int_equal(pclr_record_read(&r, in_folder("u"), NULL, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "--unit"));
    r = get("u", &(pclr_read_options){.unit = "uV"});
    assert_true(fabs((double)r->signal[1] - 0.002) < 1e-9);
    pclr_record_destroy(&r);
    put_text("u.hea", "u 1 100 2\nu.dat 16 1/mV 16 0 1 4 0 II\n");
    assert_int_equal(pclr_record_read(&r, in_folder("u"), &(pclr_read_options){.strict = true}, &error), PCLR_E_FORMAT);
    assert_non_null(strstr(error.message, "checksum"));
    r = get("u", NULL);
    assert_int_equal(r->warnings, 1);
    pclr_record_destroy(&r);
}

static void names_a_missing_signal_file(void **state)
{
    pclr_record *r = NULL;
    pclr_error error = {0};

    (void)state;
    put_text("n.hea", "n 1 100 2\nnowhere.dat 16 1/mV\n");
    assert_int_equal(pclr_record_read(&r, in_folder("n"), NULL, &error), PCLR_E_MISSING);
    assert_non_null(strstr(error.message, "nowhere.dat"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_reads),        cmocka_unit_test(decodes_every_format),
        cmocka_unit_test(marks_missing_samples),       cmocka_unit_test(tolerates_what_archives_contain),
        cmocka_unit_test(shifts_skewed_signals),       cmocka_unit_test(joins_segments),
        cmocka_unit_test(refuses_by_line_and_field),   cmocka_unit_test(refuses_other_units_and_wrong_checksums),
        cmocka_unit_test(names_a_missing_signal_file),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
