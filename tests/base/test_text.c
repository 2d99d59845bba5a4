/* SPDX-License-Identifier: Apache-2.0 */
/* Texts, numbers, CSV tables, configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/config.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"

static void test_numbers(void **state)
{
    (void)state;
    double d;
    int64_t i;
    bool b;
    assert_true(parse_double(" -1.5e3 ", &d) && d == -1500);
    assert_true(parse_double(".5", &d) && d == 0.5);
    assert_true(parse_double("nan", &d) && isnan(d));
    assert_true(parse_double("-inf", &d) && d == -INFINITY);
    assert_false(parse_double("", &d));
    assert_false(parse_double("1,5", &d));
    assert_false(parse_double("0x10", &d));
    assert_false(parse_double("1e", &d));
    assert_true(parse_int("-9223372036854775808", &i) && i == INT64_MIN);
    assert_true(parse_int("9223372036854775807", &i) && i == INT64_MAX);
    assert_false(parse_int("9223372036854775808", &i));
    assert_false(parse_int("12.5", &i));
    assert_true(parse_bool("Yes", &b) && b);
    assert_true(parse_bool("off", &b) && !b);
    assert_false(parse_bool("2", &b));

    const char *gain = "200.5(0)/mV";
    assert_true(scan_double(&gain, &d) && d == 200.5);
    assert_string_equal(gain, "(0)/mV");
}

/* With a locale whose decimal point is a comma, where the machine has one, numbers stay what they are. */
static void test_locale(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    bool found = false;
    for (size_t k = 0; k < 4 && !found; k++) found = setlocale(LC_NUMERIC, NAMES[k]) != NULL;
    double d;
    text t = {0};
    assert_true(parse_double("2.25", &d) && d == 2.25);
    assert_false(parse_double("2,25", &d));
    text_add_double(&t, 2.25);
    assert_string_equal(t.data, "2.25");
    text_free(&t);
    setlocale(LC_NUMERIC, "C");
    if (!found) skip();
}

static void test_numbers_read_back(void **state)
{
    (void)state;
    rng r = rng_make(1, "text", 0);
    for (int k = 0; k < 20000; k++) {
        uint64_t bits = rng_u64(&r);
        double value, back;
        float single, single_back;
        memcpy(&value, &bits, sizeof value);
        memcpy(&single, &bits, sizeof single);
        text t = {0};
        if (isfinite(value)) {
            text_add_double(&t, value);
            assert_true(parse_double(t.data, &back) && back == value);
            text_free(&t);
        }
        if (isfinite(single)) {
            text_add_float(&t, single);
            assert_true(parse_double(t.data, &back));
            single_back = (float)back;
            assert_true(single_back == single);
            text_free(&t);
        }
    }
    text t = {0};
    text_add_double(&t, 0.1);
    text_add(&t, " ");
    text_add_float(&t, 0.1f);
    text_add(&t, " ");
    text_add_double(&t, 5000);
    text_add_double(&t, NAN);
    assert_string_equal(t.data, "0.1 0.1 5000");
    text_free(&t);
}

static void test_words(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"objective.tau", "objective.alpha", "train.batch"};
    assert_string_equal(text_nearest("objective.tua", NAMES, 3), "objective.tau");
    assert_string_equal(text_nearest("train.bach", NAMES, 3), "train.batch");
    assert_null(text_nearest("zzz", NAMES, 3));

    char **pieces;
    size_t count;
    assert_int_equal(text_split(" a, \"b,c\" ,,d ", ',', &pieces, &count, NULL), PCLR_OK);
    assert_int_equal(count, 4);
    assert_string_equal(pieces[0], "a");
    assert_string_equal(pieces[1], "b,c");
    assert_string_equal(pieces[2], "");
    assert_string_equal(pieces[3], "d");
    mem_free(pieces);
}

static void test_csv(void **state)
{
    (void)state;
    static const char DATA[] = "\xEF\xBB\xBFrecord_id,\"a \"\"x\"\"\",B\r\n1,\"two\nlines\",3\r\n\r\nlast,,\"q\"";
    csv_table t;
    pclr_error error = {0};
    assert_int_equal(csv_parse(&t, "t.csv", DATA, sizeof DATA - 1, &error), PCLR_OK);
    assert_int_equal(t.columns, 3);
    assert_int_equal(t.rows, 2);
    assert_string_equal(t.column[0], "record_id");
    assert_string_equal(t.column[1], "a \"x\"");
    assert_int_equal(csv_column(&t, "b"), 2);
    assert_int_equal(csv_column(&t, "c"), -1);
    assert_string_equal(csv_get(&t, 0, 1), "two\nlines");
    assert_string_equal(csv_get(&t, 1, 1), "");
    assert_string_equal(csv_get(&t, 1, 2), "q");
    assert_int_equal(t.line[0], 2);
    assert_int_equal(t.line[1], 5);

    text again = {0};
    text_add_csv(&again, csv_get(&t, 0, 1));
    assert_string_equal(again.data, "\"two\nlines\"");
    text_free(&again);
    csv_free(&t);
}

static void test_csv_faults_name_the_line(void **state)
{
    (void)state;
    csv_table t;
    pclr_error error = {0};
    assert_int_equal(csv_parse(&t, "t.csv", "a,b\n1,2\n3\n", 10, &error), PCLR_E_FORMAT);
    assert_non_null(strstr(error.message, "t.csv:3:"));
    assert_int_equal(csv_parse(&t, "t.csv", "a,b\n1,\"2\n", 9, &error), PCLR_E_FORMAT);
    assert_non_null(strstr(error.message, "t.csv:2:"));
    assert_int_equal(csv_parse(&t, "t.csv", "", 0, &error), PCLR_E_FORMAT);
    assert_int_equal(csv_parse(&t, "t.csv", "a\0b\n", 4, &error), PCLR_E_FORMAT);
}

/* ---- configuration ------------------------------------------------------------------------------------------- */

static const config_key FIRST[] = {
    {"seed", CONFIG_INT, "1", 0, 0, NULL, "seed"},
    {"objective.tau", CONFIG_REAL, "0.1", 0.001, 10, NULL, "temperature"},
    {"objective.positives.pair", CONFIG_BOOL, "true", 0, 0, NULL, "pairs"},
};
static const config_key SECOND[] = {
    {"encoder.name", CONFIG_CHOICE, "s4", 0, 0, "s4|transformer", "encoder"},
    {"objective.name", CONFIG_TEXT, "physioclr", 0, 0, NULL, "objective"},
};

static pclr_config *make_config(void)
{
    static const config_key *const TABLES[] = {FIRST, SECOND};
    static const size_t SIZES[] = {3, 2};
    pclr_config *c = NULL;
    assert_int_equal(config_create(&c, TABLES, SIZES, 2, NULL), PCLR_OK);
    return c;
}

static void test_config_checks(void **state)
{
    (void)state;
    pclr_config *c = make_config();
    pclr_error error = {0};
    assert_true(config_real(c, "objective.tau") == 0.1);
    assert_int_equal(pclr_config_set(c, "objective.tau", "0.5", &error), PCLR_OK);
    assert_true(config_real(c, "objective.tau") == 0.5);
    assert_int_equal(pclr_config_set(c, "objective.tua", "1", &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "objective.tau"));
    assert_int_equal(pclr_config_set(c, "objective.tau", "0", &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_config_set(c, "objective.tau", "nan", &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_config_set(c, "objective.tau", "warm", &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_config_set(c, "seed", "1.5", &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_config_set(c, "encoder.name", "s", &error), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_config_set(c, "encoder.name", "transformer", &error), PCLR_OK);
    assert_true(config_is(c, "encoder.name", "transformer"));
    assert_int_equal(pclr_config_set(c, "objective.positives.pair", "off", &error), PCLR_OK);
    assert_string_equal(pclr_config_get(c, "objective.positives.pair"), "false");
    assert_null(pclr_config_get(c, "nothing"));
    pclr_config_destroy(&c);
    assert_null(c);
}

static void test_config_yaml(void **state)
{
    (void)state;
    pclr_config *c = make_config(), *again = make_config(), *copy = NULL;
    pclr_error error = {0};
    static const char YAML[] = "seed: 7\nobjective:\n  tau: 0.25\n  positives: {pair: no}\n";
    assert_int_equal(config_from_yaml(c, "run.yaml", YAML, sizeof YAML - 1, &error), PCLR_OK);
    assert_int_equal(pclr_config_set(c, "objective.name", "a: \"b\"\\ #\tc", &error), PCLR_OK);
    assert_int_equal(config_int(c, "seed"), 7);
    assert_false(config_bool(c, "objective.positives.pair"));

    char *yaml = NULL;
    assert_int_equal(config_to_yaml(c, &yaml, &error), PCLR_OK);
    assert_non_null(strstr(yaml, "objective:\n  tau: 0.25\n  positives:\n    pair: false\n  name: "));
    assert_int_equal(config_from_yaml(again, "again", yaml, strlen(yaml), &error), PCLR_OK);
    assert_string_equal(config_text(again, "objective.name"), "a: \"b\"\\ #\tc");
    char *second = NULL;
    assert_int_equal(config_to_yaml(again, &second, &error), PCLR_OK);
    assert_string_equal(yaml, second);
    mem_free(yaml);
    mem_free(second);

    assert_int_equal(config_copy(&copy, c, &error), PCLR_OK);
    assert_int_equal(pclr_config_set(copy, "seed", "8", &error), PCLR_OK);
    assert_int_equal(config_int(c, "seed"), 7);

    assert_int_equal(config_from_yaml(c, "run.yaml", "seed: 1\nobjectiv.tau: 2\n", 24, &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "run.yaml:2"));
    assert_non_null(strstr(error.message, "objective.tau"));
    assert_int_equal(config_from_yaml(c, "run.yaml", "a: [", 4, &error), PCLR_E_FORMAT);
    assert_int_equal(config_from_yaml(c, "run.yaml", "- a\n", 4, &error), PCLR_E_FORMAT);
    assert_int_equal(config_from_yaml(c, "run.yaml", "", 0, &error), PCLR_OK);
    pclr_config_destroy(&c);
    pclr_config_destroy(&again);
    pclr_config_destroy(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_locale),      cmocka_unit_test(test_numbers_read_back),
        cmocka_unit_test(test_words),         cmocka_unit_test(test_csv),         cmocka_unit_test(test_csv_faults_name_the_line),
        cmocka_unit_test(test_config_checks), cmocka_unit_test(test_config_yaml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
