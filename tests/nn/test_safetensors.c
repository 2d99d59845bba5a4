/* SPDX-License-Identifier: Apache-2.0 */
/* Tensor files: what is written is read again; files cut at any byte and headers that lie are refused with a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "nn/nn.h"

static char path[2048];

static int make_path(void **state)
{
    const char *under = getenv("TMPDIR");
    (void)state;
    (void)snprintf(path, sizeof path, "%s/physioclr-safetensors-%d", under && under[0] ? under : "/tmp", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    (void)remove(path);
    return 0;
}

static const float weight[6] = {1, -2, 3.5F, 0, 1e-30F, -7};
static const double wide[2] = {1.0 / 3, -1e300};
static const int64_t steps[1] = {INT64_C(1) << 40};
static const uint8_t byte[3] = {0, 128, 255};

static void write_file(void)
{
    st_writer *w = NULL;
    pclr_error error = {0};
    assert_int_equal(st_writer_create(&w, &error), PCLR_OK);
    assert_int_equal(st_writer_metadata(w, "key", "a \"value\" \xc3\xa4", &error), PCLR_OK);
    assert_int_equal(st_writer_add(w, "byte", "U8", nn_shape1(3), byte, &error), PCLR_OK);
    assert_int_equal(st_writer_add(w, "weight", "F32", nn_shape2(2, 3), weight, &error), PCLR_OK);
    assert_int_equal(st_writer_add(w, "wide", "F64", nn_shape1(2), wide, &error), PCLR_OK);
    assert_int_equal(st_writer_add(w, "steps", "I64", nn_shape1(1), steps, &error), PCLR_OK);
    assert_int_not_equal(st_writer_add(w, "steps", "I64", nn_shape1(1), steps, &error), PCLR_OK);
    assert_int_not_equal(st_writer_add(w, "half", "F16", nn_shape1(1), steps, &error), PCLR_OK);
    assert_int_equal(st_writer_write(w, path, &error), PCLR_OK);
    st_writer_destroy(&w);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    st_file *f = NULL;
    st_tensor t;
    pclr_error error = {0};
    write_file();
    assert_int_equal(st_open(&f, path, &error), PCLR_OK);
    assert_int_equal(st_count(f), 4);
    assert_string_equal(st_metadata(f, "key"), "a \"value\" \xc3\xa4");
    assert_null(st_metadata(f, "other"));
    assert_true(st_find(f, "weight", &t));
    assert_true(t.shape.rank == 2 && t.shape.n[0] == 2 && t.shape.n[1] == 3);
    assert_memory_equal(t.data, weight, sizeof weight);
    assert_true(st_find(f, "wide", &t));
    assert_memory_equal(t.data, wide, sizeof wide);
    assert_true(st_find(f, "steps", &t));
    assert_memory_equal(t.data, steps, sizeof steps);
    assert_true(st_find(f, "byte", &t));
    assert_memory_equal(t.data, byte, sizeof byte);
    assert_false(st_find(f, "bytes", &t));
    st_close(&f);
}

static void put(const char *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void refused(const char *what)
{
    st_file *f = NULL;
    pclr_error error = {0};
    if (st_open(&f, path, &error) == PCLR_OK) fail_msg("accepted: %s", what);
    assert_null(f);
    assert_non_null(strstr(error.message, path));
}

static void cut_anywhere_is_refused(void **state)
{
    (void)state;
    char *whole = NULL;
    size_t size = 0;
    pclr_error error = {0};
    write_file();
    assert_int_equal(file_read(path, 0, &whole, &size, &error), PCLR_OK);
    for (size_t kept = 0; kept < size; kept++) {
        put(whole, kept);
        refused("a file cut short");
    }
    mem_free(whole);
}

/* A header of any text, padded so that what follows is aligned, before sixteen bytes of data. */
static void put_header(const char *json)
{
    char data[512] = {0};
    const size_t used = strlen(json), length = (used + 7) / 8 * 8;
    assert_true(length + 24 <= sizeof data);
    data[0] = (char)length;
    data[1] = (char)(length >> 8);
    memset(data + 8, ' ', length);
    memcpy(data + 8, json, used);
    put(data, 8 + length + 16);
}

#define TENSOR(dtype, shape, offsets) "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void headers_that_lie_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{",
        "{\"w\":1}",
        "{\"w\":{}}",
        TENSOR("\"F32\"", "[2]", "[0,9]"),                      /* not the size of the shape */
        TENSOR("\"F32\"", "[5]", "[0,20]"),                     /* beyond the file */
        TENSOR("\"F32\"", "[2]", "[-8,0]"),                     /* before it */
        TENSOR("\"F32\"", "[2]", "[16,8]"),                     /* backwards */
        TENSOR("\"F32\"", "[2]", "[0]"),                        /* no end */
        TENSOR("\"F32\"", "[2]", "[0,8,8]"),                    /* two ends */
        TENSOR("\"F32\"", "[2]", "\"0,8\""),                    /* no list */
        TENSOR("\"F32\"", "[-2]", "[0,8]"),                     /* a negative axis */
        TENSOR("\"F32\"", "[2.0]", "[0,8]"),                    /* a fraction */
        TENSOR("\"F32\"", "2", "[0,8]"),                        /* no shape */
        TENSOR("\"F32\"", "[1,1,1,1,2]", "[0,8]"),              /* more axes than there are */
        TENSOR("\"F32\"", "[4294967296,4294967296]", "[0,0]"),  /* a product that overflows */
        TENSOR("\"F32\"", "[9223372036854775807,2]", "[0,16]"), /* and one that wraps */
        TENSOR("\"F16\"", "[2]", "[0,4]"),                      /* a type that is not known */
        TENSOR("7", "[2]", "[0,8]"),                            /* no type */
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
    };
    (void)state;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        put_header(bad[k]);
        refused(bad[k]);
    }
    put_header(TENSOR("\"F32\"", "[4]", "[0,16]")); /* the truth, in the same form, is accepted */
    st_file *f = NULL;
    pclr_error error = {0};
    assert_int_equal(st_open(&f, path, &error), PCLR_OK);
    st_close(&f);
    put("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10); /* a header longer than any memory */
    refused("a header of 2^63 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(cut_anywhere_is_refused),
        cmocka_unit_test(headers_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
