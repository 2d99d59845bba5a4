/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files made to do harm, for every format: each is refused with the place named, in less than a second of the processor and in little
 * memory, whatever its few bytes announce. Every file is read in a process of its own, whose use is measured.
 */
#include <hdf5.h>
#include <zlib.h>

#include "hostile.h"

static int make_folder(void **state)
{
    static const uint8_t samples[2000] = {1};
    (void)state;
    if (folder_make() != 0) return -1;
    put("s.dat", samples, sizeof samples);
    put("seg.hea", "seg 1 250 1000\ns.dat 16 200 16 0 0 0 0 II\n", 42);
    put("deep.hea", "deep/1 1 250 1000\nseg 1000\n", 27);
    return 0;
}

/* ---- WFDB ---- */

static void wfdb_headers(void **state)
{
    static const struct {
        const char *header, *field;
    } bad[] = {
        {"h 0 250 1000\n", "without signals"},
        {"h 2147483647 250 1000\ns.dat 16\n", ":1: "},
        {"h 1 250 9223372036854775807\ns.dat 16\n", "announces"},
        {"h 1 0 1000\ns.dat 16\n", ":1: "},
        {"h 1 nan 1000\ns.dat 16\n", ":1: "},
        {"h 1 -5 1000\ns.dat 16\n", ":1: "},
        {"h 1 250 1000\ns.dat 16 nan\n", ":2: "},
        {"h 1 250 1000\ns.dat 16 inf/mV\n", ":2: "},
        {"h 1 250 1000\ns.dat 99\n", ":2: "},
        {"h 1 250 1000\ns.dat 16x0\n", ":2: "},
        {"h 1 250 1000\ns.dat 16x2147483647\n", ""},
        {"h 1 250 1000\ns.dat 16+99999999999\n", ""},
        {"h 1 250 1000\ns.dat 16:99999999999\n", ":2: "},
        {"h 1 250 1000\n../s.dat 16\n", ":2: "},
        {"h 1 250 1000\n/etc/passwd 16\n", ":2: "},
        {"h 1 250 1000\nhttp://example.org/s.dat 16\n", ":2: "},
        {"h 2 250 1000\ns.dat 16\n", "cut off"},
        {"h 1 250 100000000\ns.dat 16 200 16 0 0 0 0 II\n", "announces"},
        {"h 1 250 100000000\n~ 16 200 16 0 0 0 0 II\n", "number of samples"},
        {"h/1 1 250 1000\nh 1000\n", "the record itself"},
        {"h/1 1 250 1000\n../seg 1000\n", ":2: "},
        {"h/1 1 250 1000\n/etc/passwd 1000\n", ":2: "},
        {"h/1 1 250 1000\ndeep 1000\n", "segments of its own"},
        {"h/0 1 250 1000\n", ":1: "},
        {"h/99999999 1 250 1000\nseg 1000\n", ":1: "},
        {"h/2 1 250 1000000000\nseg 1000\n~ 999999000\n", "announces"},
        {"h/2 1 250 1000\nseg 1000\nseg 9223372036854775807\n", "samples"},
        {"h/2 1 250 9000\nseg 1000\nseg 8000\n", "do not belong together"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_refused(put("h.hea", bad[k].header, strlen(bad[k].header)), bad[k].field);
    }
}

/* The same segment again and again holds no more than once. */
static void wfdb_repeated_segments(void **state)
{
    enum { TIMES = 100000 };
    char *header = malloc(64 + 16 * TIMES);
    size_t n = (size_t)sprintf(header, "h/%d 1 250 %d\n", TIMES, TIMES * 1000);

    (void)state;
    for (int k = 0; k < TIMES; k++) n += (size_t)sprintf(header + n, "seg 1000\n");
    assert_refused(put("h.hea", header, n), "announces");
    free(header);
}

static void wfdb_lines(void **state)
{
    char *header = malloc(3 << 20);
    (void)state;
    memset(header, 'a', 3 << 20);
    assert_refused(put("h.hea", header, 3 << 20), ":1: ");
    memcpy(header, "h 1 250 10\n", 11);
    assert_refused(put("h.hea", header, 3 << 20), ":2: ");
    assert_refused(put("h.hea", "h\0h 1 250 10\ns.dat 16\n", 22), "zero byte");
    free(header);
}

/* ---- numbers within a sound file ---- */

static void edf_fields(void **state)
{
    static const struct {
        size_t at;
        const char *word, *field;
    } bad[] = {{252, "0   ", "252"},         {252, "9999", "252"},         {252, "-1  ", "252"},         {236, "99999999", "data records"},
               {244, "0       ", "244"},     {244, "nan     ", "244"},     {184, "99999999", "184"},     {688, "99999999", "data records"},
               {184, "12E161  ", "184"},     {184, "-9E99   ", "184"},     {236, "12E161  ", "236"},     {236, "-9E99   ", "236"},
               {688, "-1      ", "samples"}, {464, "nan     ", "minimum"}, {480, "-32768  ", "signal 0"}};
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_refused(spoilt("h.edf", make_edf, bad[k].at, bad[k].word, strlen(bad[k].word)), bad[k].field);
        assert_refused(spoilt("h.bdf", make_bdf, bad[k].at, bad[k].word, strlen(bad[k].word)), bad[k].field);
    }
    assert_refused(spoilt("h.bdf", make_bdf, 236, "2 ", 2), "data records"); /* one is there */
    assert_refused(spoilt("h.edf", make_edf, 192, "EDF+D", 5), "EDF+D");
}

static void ishne_fields(void **state)
{
    const int32_t huge = INT32_MAX, zero = 0;
    (void)state;
    assert_refused(spoilt("h.ecg", make_ishne, 14, &huge, 4), "samples");
    assert_refused(spoilt("h.ecg", make_ishne, 14, &zero, 4), "samples");
    assert_refused(spoilt("h.ecg", make_ishne, 22, &huge, 4), "from byte");
    assert_refused(spoilt("h.ecg", make_ishne, 156, &huge, 2), "156");
    assert_refused(spoilt("h.ecg", make_ishne, 156, &zero, 2), "156");
    assert_refused(spoilt("h.ecg", make_ishne, 272, &zero, 2), "272");
    assert_refused(spoilt("h.ecg", make_ishne, 206, &zero, 2), "resolution");
}

static void matlab4_fields(void **state)
{
    const uint32_t huge = UINT32_MAX, half = 1U << 31, zero = 0;
    (void)state;
    assert_refused(spoilt("h.mat", make_matlab4, 4, &huge, 4), "");
    assert_refused(spoilt("h.mat", make_matlab4, 8, &half, 4), "");
    assert_refused(spoilt("h.mat", make_matlab4, 4, &zero, 4), "");
    assert_refused(spoilt("h.mat", make_matlab4, 16, &huge, 4), "");
}

static void npy_shapes(void **state)
{
    static const char *const shape[] = {
        "(9223372036854775807, 2), }", "(4294967296, 4294967296), }", "(0, 2), }", "(-1, 2), }", "(3, 2, 9), }", "(2147483648,), }"};
    (void)state;
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        assert_refused(spoilt("h.npy", make_npy, 10 + 50, shape[k], strlen(shape[k])), "");
    assert_refused(spoilt("h.npy", make_npy, 8, "\xff\xff", 2), "header");
    /* the element type ends with the header, of such a length that not a byte follows it */
    static const char cut[] = "\x93NUMPY\x01\x00\x3f\x00" "{'descr':                                                   '<f";
    assert_refused(put("h.npy", cut, sizeof cut - 1), "element type");
}

static void csv_texts(void **state)
{
    char *text = malloc(4 << 20);
    (void)state;
    memset(text, '1', 4 << 20); /* a line of megabytes */
    assert_refused(put("h.csv", text, 4 << 20), ":1: line of 4194304 bytes");
    for (size_t k = 0; k < 4 << 20; k++) text[k] = k % 2 ? ',' : '1'; /* two million columns */
    assert_refused(put("h.csv", text, 4 << 20), ":1: line of 4194304 bytes");
    assert_refused(put("h.csv", "I,II\n1,\0002\n", 10), ":2: a zero byte");
    assert_refused(put("h.csv", "I,II\n1,abc\n", 11), ":1: \"I,II\"");
    assert_refused(put("h.csv", "I,II\n", 5), ":1: \"I,II\"");
    free(text);
}

/* ---- compressed: few bytes that announce or become many ---- */

/* A MATLAB 5 matrix `val` of rows x columns doubles, zlib-compressed; only `given` zero bytes of data are in it. */
static size_t make_matlab5(uint8_t *out, size_t room, uint32_t rows, uint32_t columns, size_t given)
{
    const uint32_t body = 16 + 16 + 8 + 8 + 8, data = (uint32_t)given;
    uint32_t head[] = {14, body + data, 6, 8, 6, 0, 5, 8, rows, columns, (3u << 16) | 1, 0x6c6176, 9, data};
    uint8_t *plain = calloc(1, sizeof head + given);
    uLongf size = (uLongf)(room - 136);

    memset(out, ' ', 124);
    memcpy(out, "MATLAB 5.0", 10);
    memcpy(out + 124, "\x00\x01IM", 4);
    memcpy(plain, head, sizeof head);
    assert_int_equal(compress2(out + 136, &size, plain, (uLong)(sizeof head + given), 9), Z_OK);
    const uint32_t tag[2] = {15, (uint32_t)size};
    memcpy(out + 128, tag, 8);
    free(plain);
    return 136 + size;
}

static void matlab5_bombs(void **state)
{
    enum { ROOM = 1 << 20 };
    uint8_t *data = malloc(ROOM);
    (void)state;
    assert_refused(put("h.mat", data, make_matlab5(data, ROOM, 2, 1u << 30, 64)), "");
    assert_refused(put("h.mat", data, make_matlab5(data, ROOM, UINT32_MAX, UINT32_MAX, 64)), "");
    assert_refused(put("h.mat", data, make_matlab5(data, ROOM, 0, 5, 64)), "");
    free(data);
}

static void hdf5_bombs(void **state)
{
    const hsize_t extent[][3] = {{1, 1u << 26, 12}, {1u << 30, 4096, 12}, {UINT64_MAX / 64, 2, 12}, {1, 4096, 1u << 20}, {0, 4096, 12}};
    (void)state;
    const char *path = in_folder("h.h5");
    for (size_t k = 0; k < sizeof extent / sizeof *extent; k++) {
        const hsize_t chunk[3] = {1, extent[k][1] < 4096 ? extent[k][1] : 4096, 12};
        hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(3, extent[k], NULL);
        hid_t layout = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_chunk(layout, 3, chunk);
        H5Pset_deflate(layout, 9);
        hid_t set = H5Dcreate2(file, "tracings", H5T_IEEE_F32LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
        assert_true(set >= 0);
        H5Dclose(set);
        H5Pclose(layout);
        H5Sclose(space);
        H5Fclose(file);
        assert_refused(path, "");
        pclr_record_list *list = NULL;
        const char *source = path;
        outcome o = read_apart(path);
        assert_true(o.megabytes < MEGABYTES_MOST);
        if (pclr_record_find(&list, &source, 1, NULL) == PCLR_OK) assert_true(list->count <= 1);
        pclr_record_list_destroy(&list);
    }
}

/* ---- XML ---- */

static void xml_documents(void **state)
{
    static const char *const root[] = {"RestingECG", "AnnotatedECG", "restingecgdata"};
    char *text = malloc(2 << 20);
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        int n =
            snprintf(text, 2 << 20,
                     "<!DOCTYPE %s [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;\">"
                     "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">]><%s>&d;&d;&d;&d;</%s>",
                     root[k], root[k], root[k]);
        assert_refused(put("h.xml", text, (size_t)n), "entities");
        n = snprintf(text, 2 << 20, "<!DOCTYPE %s [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><%s>&x;</%s>", root[k], root[k], root[k]);
        assert_refused(put("h.xml", text, (size_t)n), "entities");
        n = snprintf(text, 2 << 20, "<%s>", root[k]); /* a hundred thousand deep */
        for (int d = 0; d < 100000; d++) n += sprintf(text + n, "<a>");
        assert_refused(put("h.xml", text, (size_t)n), "");
        n = snprintf(text, 2 << 20, "<%s>", root[k]);
        memset(text + n, 'x', 1 << 20); /* text that does not end */
        assert_refused(put("h.xml", text, (size_t)n + (1 << 20)), "");
        n = snprintf(text, 2 << 20, "<%s></%s>", root[k], root[k]);
        assert_refused(put("h.xml", text, (size_t)n), "");
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wfdb_headers),  cmocka_unit_test(wfdb_repeated_segments),
        cmocka_unit_test(wfdb_lines),    cmocka_unit_test(edf_fields),
        cmocka_unit_test(ishne_fields),  cmocka_unit_test(matlab4_fields),
        cmocka_unit_test(npy_shapes),    cmocka_unit_test(csv_texts),
        cmocka_unit_test(matlab5_bombs), cmocka_unit_test(hdf5_bombs),
        cmocka_unit_test(xml_documents),
    };
    return cmocka_run_group_tests(tests, make_folder, folder_tear_down);
}
