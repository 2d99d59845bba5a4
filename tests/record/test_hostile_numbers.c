/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More files made to do harm: documents and binary formats of recorders with single numbers spoilt, nesting, links out of the file.
 */
#include "hostile.h"

#include <hdf5.h>

/* A made file in which `from` is replaced by `to` of the same length. */
static const char *replaced(const char *name, size_t (*make)(uint8_t *), const void *from, const void *to, size_t size)
{
    uint8_t data[4096] = {0};
    size_t n = make(data);
    uint8_t *at = memmem(data, n, from, size);

    assert_non_null(at);
    memcpy(at, to, size);
    return put(name, data, n);
}

/* ---- XML ---- */

static void muse_numbers(void **state)
{
    static const struct {
        const char *from, *to, *field;
    } change[] = {{"<SampleBase>250<", "<SampleBase>000<", "rate"},
                  {"<SampleBase>250<", "<SampleBase>nan<", "rate"},
                  {"PerBit>1<", "PerBit>x<", "lead I"},
                  {"PerBit>1<", "PerBit>0<", "gain of 0"},
                  {"AQACA\nAMA", "A*ACA\nAMA", "base64"},
                  {"MICROVOLTS", "FURLONGS  ", "FURLONGS"}};
    (void)state;
    for (size_t k = 0; k < sizeof change / sizeof *change; k++)
        assert_refused(replaced("h.xml", make_muse, change[k].from, change[k].to, strlen(change[k].from)), change[k].field);
}

static void aecg_numbers(void **state)
{
    static const struct {
        const char *from, *to, *field;
    } change[] = {{"increment value=\"4\"", "increment value=\"0\"", "increment"},
                  {"increment value=\"4\"", "increment value=\"-\"", "increment"},
                  {"scale value=\"0.5\"", "scale value=\"0.0\"", "gain of 0"},
                  {"scale value=\"0.5\"", "scale value=\"nan\"", "gain of nan"},
                  {"unit=\"uV\"/><digits>2", "unit=\"kg\"/><digits>2", "kg"},
                  {"<digits>2 4\n6<", "<digits>2 4\n <", "samples"},
                  {"<digits>2 4\n6<", "<digits>     <", "samples"}};
    (void)state;
    for (size_t k = 0; k < sizeof change / sizeof *change; k++)
        assert_refused(replaced("h.xml", make_aecg, change[k].from, change[k].to, strlen(change[k].from)), change[k].field);
}

/* A first lead of a hundred thousand samples promises as many for each of ten thousand leads. */
static void aecg_many_leads(void **state)
{
    enum { SAMPLES = 100000, LEADS = 10000, ROOM = 4 << 20 };
    static const char lead[] = "<component><sequence><code code=\"MDC_ECG_LEAD_I\"/><value><scale value=\"1\" unit=\"uV\"/><digits>";
    static const char end[] = "</digits></value></sequence></component>";
    char *text = malloc(ROOM);
    int n = snprintf(text, ROOM,
                     "<AnnotatedECG><component><series><component><sequenceSet><component><sequence><code code=\"TIME_RELATIVE\"/><value>"
                     "<increment value=\"4\" unit=\"ms\"/></value></sequence></component>%s",
                     lead);
    (void)state;
    for (int k = 0; k < SAMPLES; k++) n += snprintf(text + n, (size_t)(ROOM - n), "1 ");
    n += snprintf(text + n, (size_t)(ROOM - n), "%s", end);
    for (int k = 1; k < LEADS; k++) n += snprintf(text + n, (size_t)(ROOM - n), "%s1%s", lead, end);
    n += snprintf(text + n, (size_t)(ROOM - n), "</sequenceSet></component></series></component></AnnotatedECG>");
    assert_true(n < ROOM);
    assert_refused(put("h.xml", text, (size_t)n), "signals");
    free(text);
}

static size_t make_philips(uint8_t *out)
{
    static const char document[] =
        "<restingecgdata><documentinfo><documenttype>SierraECG</documenttype><documentversion>1.03</documentversion></documentinfo>"
        "<signalcharacteristics><samplingrate>500</samplingrate><signalresolution>5.00</signalresolution><numberchannelsvalid>016"
        "</numberchannelsvalid></signalcharacteristics><waveforms><parsedwaveforms durationperchannel=\"0000010\" compressflag=\"True\" "
        "compressmethod=\"XLI\">AAAAAAAAAAAAAAAA</parsedwaveforms></waveforms></restingecgdata>";
    memcpy(out, document, sizeof document - 1);
    return sizeof document - 1;
}

static void philips_numbers(void **state)
{
    static const struct {
        const char *from, *to, *field;
    } change[] = {{"ion>5.00<", "ion>0.00<", "gain of 0"},
                  {"ion>5.00<", "ion>nan!<", "signalresolution"},
                  {"rate>500<", "rate>000<", "samples"},
                  {"rate>500<", "rate>-50<", "samples"},
                  {"valid>016<", "valid>000<", "channels"},
                  {"valid>016<", "valid>1e9<", "channels"},
                  {"\"0000010\"", "\"8000000\"", "announces"},
                  {"\"0000010\"", "\"0000000\"", "duration"},
                  {"\"0000010\"", "\"9999e99\"", "samples"},
                  {">AAAAAAAAAAAAAAAA<", ">/////wAAAAAAAAAA<", ""},
                  {">AAAAAAAAAAAAAAAA<", ">AAAAAAAA*AAAAAAA<", "base64"}};
    (void)state;
    for (size_t k = 0; k < sizeof change / sizeof *change; k++)
        assert_refused(replaced("h.xml", make_philips, change[k].from, change[k].to, strlen(change[k].from)), change[k].field);
}

/* ---- DICOM ---- */

static void dicom_numbers(void **state)
{
    static const struct {
        const char *from, *to;
        size_t size;
        const char *field;
    } change[] = {
        {"\x3a\x00\x05\x00US\x02\x00\x02\x00", "\x3a\x00\x05\x00US\x02\x00\x00\x00", 10, "signals"},      /* no channel */
        {"\x3a\x00\x05\x00US\x02\x00\x02\x00", "\x3a\x00\x05\x00US\x02\x00\xff\xff", 10, "signals"},      /* 65535 */
        {"\x3a\x00\x05\x00US\x02\x00\x02\x00", "\x3a\x00\x05\x00US\x02\x00\x03\x00", 10, "WaveformData"}, /* one too many */
        {"UL\x04\x00\x03\x00\x00\x00", "UL\x04\x00\xff\xff\xff\xff", 8, "values"},                        /* 2^32 - 1 samples */
        {"UL\x04\x00\x03\x00\x00\x00", "UL\x04\x00\x00\x00\x00\x10", 8, "WaveformData"},                  /* 2^28 */
        {"UL\x04\x00\x03\x00\x00\x00", "UL\x04\x00\x00\x00\x00\x00", 8, "samples"},                       /* none */
        {"250 ", "0   ", 4, "rate"},
        {"250 ", "-1  ", 4, "rate"},
        {"250 ", "nan ", 4, "rate"},
        {"\x10\x02"
         "DS\x04\x00"
         "1.00",
         "\x10\x02"
         "DS\x04\x00"
         "0.00",
         10, "gain of 0"},
        {"\x10\x02"
         "DS\x04\x00"
         "1.00",
         "\x10\x02"
         "DS\x04\x00"
         "nan ",
         10, "gain of nan"},
        {"\x12\x02"
         "DS\x04\x00"
         "1.00",
         "\x12\x02"
         "DS\x04\x00"
         "0.00",
         10, "gain of 0"},
        {"\x04\x10US\x02\x00\x10\x00", "\x04\x10US\x02\x00\x00\x00", 8, "0 bits"},
        {"\x06\x10"
         "CS\x02\x00SS",
         "\x06\x10"
         "CS\x02\x00XX",
         8, "XX"},
        {"\x02\x00uV", "\x02\x00kg", 4, "kg"},
        {"1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", 19, "syntax"}, /* big endian */
    };
    (void)state;
    for (size_t k = 0; k < sizeof change / sizeof *change; k++)
        assert_refused(replaced("h.dcm", make_dicom, change[k].from, change[k].to, change[k].size), change[k].field);
}

static void dicom_lengths(void **state)
{
    uint8_t data[256] = {0};
    (void)state;
    memcpy(data + 128, "DICM", 4);
    assert_refused(put("h.dcm", data, 132), "");
    /* file meta group: (0002,0010) UI of 2^32 - 2 bytes */
    memcpy(data + 132, "\x02\x00\x10\x00UI\xfe\xff", 8);
    assert_refused(put("h.dcm", data, 200), "");
    uint8_t whole[4096];
    size_t n = make_dicom(whole);
    for (size_t cut = 140; cut < n; cut += 7) assert_refused(put("h.dcm", whole, cut), "");
}

/* Sequences of undefined length within each other, a hundred thousand deep, none of which ends. */
static void dicom_nesting(void **state)
{
    enum { DEEP = 100000 };
    uint8_t *data = calloc(1, 256 + 20 * DEEP);
    size_t at = 132;
    (void)state;
    memcpy(data + 128, "DICM", 4);
    at = (size_t)(put_element(data + 132, 0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1", 20) - data);
    for (int k = 0; k < DEEP; k++, at += 20) {
        memcpy(data + at, "\x00\x54\x00\x01SQ\x00\x00\xff\xff\xff\xff", 12);
        memcpy(data + at + 12, "\xfe\xff\x00\xe0\xff\xff\xff\xff", 8);
    }
    assert_refused(put("h.dcm", data, at), "cut off");
    free(data);
}

/* ---- SCP-ECG ---- */

static void scp_numbers(void **state)
{
    enum { HEAD = 16, POINTER_3 = SCP_POINTERS + 30, POINTER_6 = SCP_POINTERS + 60 };
    static const uint8_t zero[4] = {0}, huge[4] = {0xff, 0xff, 0xff, 0xff}, many[1] = {200}, three[1] = {3};
    static const struct {
        size_t at;
        const uint8_t *bytes;
        size_t size;
        const char *field;
    } bad[] = {
        {10, huge, 4, "section 0"}, /* length of section 0 */
        {10, zero, 4, "section 0"},
        {POINTER_3 + 2, huge, 4, "section 3"}, /* length */
        {POINTER_3 + 6, huge, 4, "section 3"}, /* place */
        {POINTER_6 + 6, huge, 4, "section 6"},
        {POINTER_6 + 6, zero, 4, "section 6"},
        {POINTER_3 + 2, zero, 4, "section 3"},    /* no leads at all */
        {SCP_LEADS + HEAD, zero, 1, "section 3"}, /* number of leads */
        {SCP_LEADS + HEAD, many, 1, "section 3"},
        {SCP_LEADS + HEAD, three, 1, "section 3"},
        {SCP_LEADS + HEAD + 2, huge, 4, "section 3"}, /* begins after its end */
        {SCP_LEADS + HEAD + 6, zero, 4, "section 3"},
        {SCP_RHYTHM + HEAD, zero, 2, "section 6"},     /* gain */
        {SCP_RHYTHM + HEAD + 2, zero, 2, "section 6"}, /* sample time */
        {SCP_RHYTHM + HEAD + 4, huge, 1, "section 6"}, /* differences */
        {SCP_RHYTHM + HEAD + 5, huge, 1, "bimodal"},
        {SCP_RHYTHM + HEAD + 6, huge, 2, "section 6"}, /* bytes of a lead */
        {SCP_RHYTHM + HEAD + 6, zero, 2, "samples"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_refused(spoilt("h.scp", make_scp, bad[k].at, bad[k].bytes, bad[k].size), bad[k].field);
    assert_refused(put("h.scp", "\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0SCPECG\0\0\0\0\0\0\0\0\0\0", 32), "section 0");
}

/* ---- MATLAB 5: cells within cells ---- */

static void matlab5_nesting(void **state)
{
    enum { DEEP = 50000, A_CELL = 48 };
    uint8_t *data = calloc(1, 128 + DEEP * A_CELL);
    (void)state;
    memset(data, ' ', 124);
    memcpy(data, "MATLAB 5.0", 10);
    memcpy(data + 124, "\x00\x01IM", 4);
    for (uint32_t k = 0; k < DEEP; k++) {
        /* matrix of the bytes that follow; flags: class cell; 1 x 1; without name in the inner ones */
        const uint32_t cell[12] = {14, (DEEP - k) * A_CELL - 8, 6, 8, 1, 0, 5, 8, 1, 1, (3u << 16) | 1, 0x6c6176};
        memcpy(data + 128 + k * A_CELL, cell, A_CELL);
    }
    assert_refused(put("h.mat", data, 128 + DEEP * A_CELL), "deep");
    free(data);
}

/* ---- HDF5: links and samples outside of the file ---- */

static void hdf5_outside(void **state)
{
    const hsize_t extent[3] = {1, 100, 12};
    const size_t bytes = 100 * 12 * sizeof(float);
    (void)state;
    uint8_t *samples = calloc(1, bytes);
    memset(samples, 1, bytes);
    put("outside.raw", samples, bytes);
    free(samples);

    hid_t space = H5Screate_simple(3, extent, NULL), other = H5Fcreate(in_folder("other.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(other, "tracings", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(other);
    hid_t file = H5Fcreate(in_folder("h.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/tracings", file, "tracings", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_refused(in_folder("h.h5"), "of its own");

    file = H5Fcreate(in_folder("h.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/tracings", file, "tracings", H5P_DEFAULT, H5P_DEFAULT); /* to itself */
    H5Fclose(file);
    assert_refused(in_folder("h.h5"), "of its own");

    hid_t layout = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(layout, in_folder("outside.raw"), 0, bytes);
    file = H5Fcreate(in_folder("h.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, "tracings", H5T_IEEE_F32LE, space, H5P_DEFAULT, layout, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(layout);
    assert_refused(in_folder("h.h5"), "of its own");

    layout = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(layout, space, "other.h5", "/tracings", space);
    file = H5Fcreate(in_folder("h.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, "tracings", H5T_IEEE_F32LE, space, H5P_DEFAULT, layout, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(layout);
    H5Sclose(space);
    assert_refused(in_folder("h.h5"), "of its own");
}

/* ---- FLAC: a head that announces 2^36 samples, of no channel of ours ---- */

static void flac_heads(void **state)
{
    static const char header[] = "h 1 250 %s\ns.flac 516 200 16 0 0 0 0 II\n";
    uint8_t data[64] = {0};
    char text[128];
    (void)state;
    memcpy(data, "fLaC\x80\x00\x00\x22\x10\x00\x10\x00", 12);
    memcpy(data + 18, "\x0a\xc4\x40\xff\xff\xff\xff\xff", 8); /* 44100 Hz, one channel, 16 bits, 2^36 - 1 samples */
    put("s.flac", data, sizeof data);
    int n = snprintf(text, sizeof text, header, "");
    assert_refused(put("h.hea", text, (size_t)n), "");
    n = snprintf(text, sizeof text, header, "100000000");
    assert_refused(put("h.hea", text, (size_t)n), "");
    put("s.flac", "fLaC", 4);
    assert_refused(put("h.hea", text, (size_t)n), "");
    put("s.flac", "RIFF0000", 8);
    assert_refused(put("h.hea", text, (size_t)n), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(muse_numbers),    cmocka_unit_test(aecg_numbers),  cmocka_unit_test(aecg_many_leads),
        cmocka_unit_test(philips_numbers), cmocka_unit_test(dicom_numbers), cmocka_unit_test(dicom_lengths),
        cmocka_unit_test(dicom_nesting),   cmocka_unit_test(scp_numbers),   cmocka_unit_test(hdf5_outside),
        cmocka_unit_test(matlab5_nesting), cmocka_unit_test(flac_heads),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
