/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a fuzzer found to break a reader: each is read or refused in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "record/formats/format.h"

/* Reads bytes of the exact size, so that a sanitizer notices one beyond. NULL: no format takes them, or they are refused. */
static pclr_record *read_bytes(const char *text, size_t size)
{
    static const pclr_read_options options = {.unit = "mV", .rate = 500};
    uint8_t *copy = malloc(size);
    pclr_record *record = NULL;
    assert_non_null(copy);
    memcpy(copy, text, size);
    format_input input = {.path = "/nonexistent/found", .data = copy, .size = size, .options = &options};
    const record_format *format = record_format_find(&input);
    if (format && format->read(&record, &input, NULL) != PCLR_OK) pclr_record_destroy(&record);
    free(copy);
    return record;
}

/* The empty name behind the last separator was looked up at an address that nobody had set. */
static void test_csv_with_a_separator_at_the_end_of_the_names(void **state)
{
    static const char names[] = "x,y,,\n0,0,0.32\n0.5,-1,-0.9\n1,1,1\n", samples[] = "I,II,\n1,2,\n3,4,\n5,6,\n";
    (void)state;
    pclr_record *record = read_bytes(names, sizeof names - 1);
    assert_null(record);
    record = read_bytes(samples, sizeof samples - 1);
    if (record) assert_int_equal(record->samples, 3);
    pclr_record_destroy(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_csv_with_a_separator_at_the_end_of_the_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
