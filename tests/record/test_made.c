/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of which no sample with all their ways of storing was at hand, written here by their standards: HDF5 tracings and SCP-ECG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "made.h"
#include "record/formats/bytes.h"
#include "record/record.h"

/* ---- HDF5 tracings ---- */

enum { RECORDS = 2, SAMPLES = 4096, LEADS = 12 };
static const size_t first_sample[RECORDS] = {648, 0}, end_sample[RECORDS] = {3448, 4096}; /* zeros before and behind */

static float tracing(size_t record, size_t sample, size_t lead)
{
    return (float)(sin(0.01 * (double)sample * (double)(record + 1)) + 1.5 + 0.1 * (double)lead);
}

static const char *put_tracings(void)
{
    const hsize_t extent[3] = {RECORDS, SAMPLES, LEADS}, ids = RECORDS;
    const int64_t id[RECORDS] = {1169160, 7};
    const char *path = in_folder("exams.hdf5");
    float *value = calloc(RECORDS * SAMPLES * LEADS, sizeof *value);

    for (size_t r = 0; r < RECORDS; r++) {
        for (size_t i = first_sample[r]; i < end_sample[r]; i++) {
            for (size_t k = 0; k < LEADS; k++) value[(r * SAMPLES + i) * LEADS + k] = tracing(r, i, k);
        }
    }
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), space = H5Screate_simple(3, extent, NULL);
    hid_t set = H5Dcreate2(file, "tracings", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    space = H5Screate_simple(1, &ids, NULL);
    set = H5Dcreate2(file, "exam_id", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, id) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
    free(value);
    return path;
}

static void reads_tracings_without_their_padding(void **state)
{
    static const pclr_read_options options = {.unit = "mV"};
    static const char *const ending[RECORDS] = {"exams.hdf5#1169160", "exams.hdf5#7"};
    static const pclr_lead lead[LEADS] = {PCLR_LEAD_I,  PCLR_LEAD_II, PCLR_LEAD_III, PCLR_LEAD_AVR, PCLR_LEAD_AVL, PCLR_LEAD_AVF,
                                          PCLR_LEAD_V1, PCLR_LEAD_V2, PCLR_LEAD_V3,  PCLR_LEAD_V4,  PCLR_LEAD_V5,  PCLR_LEAD_V6};
    const char *source = put_tracings();
    pclr_record_list *list = NULL;
    pclr_record *r = NULL;
    pclr_error error = {0};

    (void)state;
    assert_int_equal(pclr_record_find(&list, &source, 1, NULL), PCLR_OK);
    assert_int_equal(list->count, RECORDS);
    for (size_t k = 0; k < RECORDS; k++) {
        if (strcmp(strrchr(list->path[k], '/') + 1, ending[k]) != 0) fail_msg("%s is not %s", list->path[k], ending[k]);
        if (pclr_record_read(&r, list->path[k], &options, &error) != PCLR_OK) fail_msg("%s", error.message);
        assert_true(r->rate == 400 && r->leads == LEADS && r->samples == end_sample[k] - first_sample[k]);
        for (size_t j = 0; j < LEADS; j++) {
            assert_int_equal(r->channel[j].lead, lead[j]);
            for (size_t i = 0; i < r->samples; i++) {
                assert_true(r->signal[j * r->samples + i] == tracing(k, first_sample[k] + i, j));
            }
        }
        pclr_record_destroy(&r);
    }
    assert_int_equal(pclr_record_read(&r, list->path[0], NULL, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "--unit"));
    pclr_record_list_destroy(&list);
}

/* ---- SCP-ECG: Huffman-coded second differences, the reference beat taken away ---- */

enum { RHYTHM = 200, BEAT = 10, CENTRE = 4, BEATS = 3 };
static const int reference_beat[BEAT] = {0, 5, -20, 300, 900, 250, -120, -30, 5, 0};
static const struct {
    int type, begin, peak, end; /* samples from 1; only beats of type 0 were taken away */
} beat[BEATS] = {{0, 47, 50, 56}, {0, 118, 120, 126}, {1, 167, 170, 176}};

typedef struct bits {
    uint8_t *byte;
    size_t count;
} bits;

static void put_bits(bits *b, unsigned value, unsigned count)
{
    while (count-- > 0) {
        if (value >> count & 1) b->byte[b->count / 8] |= (uint8_t)(0x80 >> b->count % 8);
        b->count++;
    }
}

/* EN 1064's table: 0 is 0; n up to 8 is n ones, a zero and the sign; nine ones and a zero lead 8 bits, ten ones 16. */
static void put_number(bits *b, int d)
{
    unsigned size = (unsigned)abs(d);
    if (d == 0) {
        put_bits(b, 0, 1);
    } else if (size <= 8) {
        put_bits(b, (1U << size) - 1, size);
        put_bits(b, d < 0, 2);
    } else if (d >= -128 && d <= 127) {
        put_bits(b, 0x3fe, 10);
        put_bits(b, (unsigned)d & 0xff, 8);
    } else {
        put_bits(b, 0x3ff, 10);
        put_bits(b, (unsigned)d & 0xffff, 16);
    }
}

/* The first two values stand as they are. Returns bytes, an even number of them. */
static size_t put_second_differences(uint8_t *out, const int *value, int n)
{
    bits b = {out, 0};
    for (int i = 0; i < n; i++) put_number(&b, i < 2 ? value[i] : value[i] - 2 * value[i - 1] + value[i - 2]);
    return (b.count + 15) / 16 * 2;
}

static int rhythm_value(int lead, int i)
{
    return (int)lrint((lead ? -80 : 120) * sin(0.05 * i)) + (i % 7 == 0 ? lead + 1 : 0);
}

static void put_u16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)value, p[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *p, unsigned value)
{
    put_u16(p, value & 0xffff);
    put_u16(p + 2, value >> 16);
}

/* A block of section 5 or 6: head, then each lead's bytes. Returns its length. */
static size_t put_block(uint8_t *out, int values[2][RHYTHM], int n)
{
    size_t at = 10;
    put_u16(out, 1000);     /* nanovolts */
    put_u16(out + 2, 4000); /* microseconds */
    out[4] = 2;             /* second differences */
    for (int k = 0; k < 2; k++) {
        size_t bytes = put_second_differences(out + at, values[k], n);
        put_u16(out + 6 + 2 * k, (unsigned)bytes);
        at += bytes;
    }
    return at;
}

static size_t put_scp(uint8_t *out)
{
    enum { HEAD = 16, LEADS_AT = 158, TABLES_AT = 194, BEATS_AT = 212, REFERENCE_AT = 276 };
    static int residual[2][RHYTHM], reference[2][RHYTHM];
    uint8_t *p = out + BEATS_AT + HEAD;

    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < BEAT; i++) reference[k][i] = reference_beat[i] * (k ? -1 : 1);
        for (int i = 0; i < RHYTHM; i++) residual[k][i] = rhythm_value(k, i);
        for (int b = 0; b < BEATS; b++) {
            for (int i = beat[b].begin; beat[b].type == 0 && i <= beat[b].end; i++)
                residual[k][i - 1] -= reference[k][i - beat[b].peak + CENTRE - 1];
        }
    }
    put_scp_section(out, 0, 6, 152);
    memcpy(out + 16, "SCPECG", 6);
    put_scp_section(out, 3, LEADS_AT, 36);
    out[LEADS_AT + HEAD] = 2;
    out[LEADS_AT + HEAD + 1] = 1; /* the reference beat is taken away */
    for (unsigned k = 0; k < 2; k++) {
        put_u32(out + LEADS_AT + HEAD + 2 + 9 * k, 1);
        put_u32(out + LEADS_AT + HEAD + 6 + 9 * k, RHYTHM);
        out[LEADS_AT + HEAD + 10 + 9 * k] = (uint8_t)(k + 1);
    }
    put_scp_section(out, 2, TABLES_AT, HEAD + 2);
    put_u16(out + TABLES_AT + HEAD, 19999); /* the standard's table */
    put_scp_section(out, 4, BEATS_AT, HEAD + 6 + 14 * BEATS);
    put_u16(p, BEAT * 4); /* ms */
    put_u16(p + 2, CENTRE);
    put_u16(p + 4, BEATS);
    for (int b = 0; b < BEATS; b++) {
        put_u16(p + 6 + 14 * b, (unsigned)beat[b].type);
        put_u32(p + 8 + 14 * b, (unsigned)beat[b].begin);
        put_u32(p + 12 + 14 * b, (unsigned)beat[b].peak);
        put_u32(p + 16 + 14 * b, (unsigned)beat[b].end);
    }
    size_t length = HEAD + put_block(out + REFERENCE_AT + HEAD, reference, BEAT), rhythm = REFERENCE_AT + length;
    put_scp_section(out, 5, REFERENCE_AT, (uint32_t)length);
    length = HEAD + put_block(out + rhythm + HEAD, residual, RHYTHM);
    put_scp_section(out, 6, (uint32_t)rhythm, (uint32_t)length);
    put_u32(out + 2, (unsigned)(rhythm + length));
    return rhythm + length;
}

static void reads_scp_with_all_its_coding(void **state)
{
    uint8_t data[4096] = {0};
    pclr_record *r = NULL;
    pclr_error error = {0};
    size_t size = put_scp(data);

    (void)state;
    FILE *f = fopen(in_folder("all.scp"), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
    if (pclr_record_read(&r, in_folder("all.scp"), NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_true(r->rate == 250 && r->leads == 2 && r->samples == RHYTHM);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < RHYTHM; i++) {
            double expected = 1e-3 * rhythm_value(k, i), found = (double)r->signal[k * RHYTHM + i];
            if (fabs(found - expected) > 1e-7) fail_msg("lead %d, sample %d: %g; expected %g", k, i, found, expected);
        }
    }
    pclr_record_destroy(&r);
}

/* Bimodal compression keeps every fourth sample between the beats: read as if it were not there, it would give wrong times. */
static void refuses_bimodal_scp_by_name(void **state)
{
    uint8_t data[4096] = {0};
    pclr_record *r = NULL;
    pclr_error error = {0};
    size_t size = put_scp(data), rhythm = (size_t)le_u32(data + SCP_POINTERS + 60 + 6) - 1;

    (void)state;
    data[rhythm + 16 + 5] = 1;
    FILE *f = fopen(in_folder("bimodal.scp"), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
    assert_int_equal(pclr_record_read(&r, in_folder("bimodal.scp"), NULL, &error), PCLR_E_UNSUPPORTED);
    assert_null(r);
    assert_non_null(strstr(error.message, "bimodal.scp: section 6: bimodal compression"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tracings_without_their_padding),
        cmocka_unit_test(reads_scp_with_all_its_coding),
        cmocka_unit_test(refuses_bimodal_scp_by_name),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
