/* SPDX-License-Identifier: Apache-2.0 */
/* Names of leads as files spell them, units, and the limb leads that follow from two others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"

static void knows_every_alias(void **state)
{
    static const struct {
        const char *name;
        pclr_lead lead;
    } spelling[] = {
        {"I", PCLR_LEAD_I},
        {"i", PCLR_LEAD_I},
        {"Lead I (Einthoven)", PCLR_LEAD_I},
        {"MDC_ECG_LEAD_II", PCLR_LEAD_II},
        {"MLII", PCLR_LEAD_II},
        {"ECG lead II", PCLR_LEAD_II},
        {"DII", PCLR_LEAD_II},
        {"Lead 3", PCLR_LEAD_III},
        {"aVR", PCLR_LEAD_AVR},
        {"AVR", PCLR_LEAD_AVR},
        {"avr", PCLR_LEAD_AVR},
        {"MDC_ECG_LEAD_AVL", PCLR_LEAD_AVL},
        {"aVF", PCLR_LEAD_AVF},
        {"V1", PCLR_LEAD_V1},
        {"v6", PCLR_LEAD_V6},
        {"C4", PCLR_LEAD_V4},
        {" V2 ", PCLR_LEAD_V2},
        {"ECG V3", PCLR_LEAD_V3},
        {"-aVR", PCLR_LEAD_OTHER},
        {"V", PCLR_LEAD_OTHER},
        {"ECG 1", PCLR_LEAD_OTHER},
        {"ECG1", PCLR_LEAD_OTHER},
        {"V7", PCLR_LEAD_OTHER},
        {"vx", PCLR_LEAD_OTHER},
        {"", PCLR_LEAD_OTHER},
        {"PLETH", PCLR_LEAD_OTHER},
        {"RESP", PCLR_LEAD_OTHER},
        {"IV", PCLR_LEAD_OTHER},
    };
    (void)state;
    for (size_t k = 0; k < sizeof spelling / sizeof *spelling; k++) {
        if (pclr_lead_from_name(spelling[k].name) != spelling[k].lead) fail_msg("\"%s\"", spelling[k].name);
    }
    for (int lead = 0; lead < PCLR_LEAD_STANDARD; lead++) assert_int_equal(pclr_lead_from_name(pclr_lead_name((pclr_lead)lead)), lead);
    assert_null(pclr_lead_name(PCLR_LEAD_OTHER));
}

static void knows_units_of_voltage(void **state)
{
    double mv = 0;
    (void)state;
    assert_true(unit_to_millivolt("mV", &mv) && mv == 1);
    assert_true(unit_to_millivolt(" MV ", &mv) && mv == 1);
    assert_true(unit_to_millivolt("uV", &mv) && mv == 1e-3);
    assert_true(unit_to_millivolt("\xc2\xb5V", &mv) && mv == 1e-3);
    assert_true(unit_to_millivolt("\xb5V", &mv) && mv == 1e-3);
    assert_true(unit_to_millivolt("V", &mv) && mv == 1e3);
    assert_true(unit_to_millivolt("nV", &mv) && mv == 1e-6);
    const char *const other[] = {"mmHg", "NU", "", "adu", "bpm", "mVs", "degrees"};
    for (size_t k = 0; k < sizeof other / sizeof *other; k++) assert_false(unit_to_millivolt(other[k], &mv));
}

/* Potentials of the limbs; every lead follows from them. */
static double true_lead(pclr_lead lead, double right, double left, double foot)
{
    switch (lead) {
    case PCLR_LEAD_I:
        return left - right;
    case PCLR_LEAD_II:
        return foot - right;
    case PCLR_LEAD_III:
        return foot - left;
    case PCLR_LEAD_AVR:
        return right - (left + foot) / 2;
    case PCLR_LEAD_AVL:
        return left - (right + foot) / 2;
    default:
        return foot - (right + left) / 2;
    }
}

static void derives_limb_leads_from_any_two(void **state)
{
    static const pclr_lead pair[3][2] = {{PCLR_LEAD_I, PCLR_LEAD_II}, {PCLR_LEAD_III, PCLR_LEAD_I}, {PCLR_LEAD_II, PCLR_LEAD_III}};
    (void)state;
    for (int p = 0; p < 3; p++) {
        pclr_record *r = NULL;
        assert_int_equal(pclr_record_create(&r, "limbs", 500, 2, 20, NULL), PCLR_OK);
        for (size_t k = 0; k < 2; k++) {
            record_set_channel(r, k, pclr_lead_name(pair[p][k]));
            for (size_t i = 0; i < 20; i++)
                r->signal[k * 20 + i] = (float)true_lead(pair[p][k], sin(0.3 * (double)i), cos(0.7 * (double)i), 0.1 * (double)i);
        }
        r->signal[3] = NAN;
        assert_int_equal(record_settle(r, NULL), PCLR_OK);
        assert_int_equal(pclr_record_derive_leads(r, NULL), PCLR_OK);
        assert_int_equal(r->leads, 6);
        for (int lead = 0; lead <= PCLR_LEAD_AVF; lead++) {
            int at = pclr_record_find_lead(r, (pclr_lead)lead);
            assert_true(at >= 0);
            assert_int_equal(r->channel[at].derived, at >= 2);
            for (size_t i = 0; i < 20; i++) {
                if (i == 3) continue;
                double expected = true_lead((pclr_lead)lead, sin(0.3 * (double)i), cos(0.7 * (double)i), 0.1 * (double)i);
                assert_true(fabs((double)r->signal[(size_t)at * 20 + i] - expected) < 1e-5);
            }
            if (at >= 2) assert_int_equal(r->valid[(size_t)at * 20 + 3], 0);
        }
        pclr_record_destroy(&r);
    }
}

static void leaves_single_leads_alone(void **state)
{
    pclr_record *r = NULL;
    (void)state;
    assert_int_equal(pclr_record_create(&r, "one", 500, 2, 5, NULL), PCLR_OK);
    record_set_channel(r, 0, "V1");
    record_set_channel(r, 1, "V1");
    assert_int_equal(r->channel[1].lead, PCLR_LEAD_OTHER); /* a lead is never taken twice */
    assert_int_equal(pclr_record_derive_leads(r, NULL), PCLR_OK);
    assert_int_equal(r->leads, 2);
    pclr_record_destroy(&r);
    assert_null(r);
    pclr_record_destroy(&r);
}

static void reads_comments(void **state)
{
    static const struct {
        const char *line;
        float age;
        pclr_sex sex;
    } comment[] = {
        {"Age: 80.0", 80, PCLR_SEX_UNKNOWN},      {"<age>: 28  <sex>: M  <Height>: 170", 28, PCLR_SEX_MALE},
        {"69 M 1085 1629 x1", 69, PCLR_SEX_MALE}, {"sex: female", -1, PCLR_SEX_FEMALE},
        {"Age: NaN", -1, PCLR_SEX_UNKNOWN},       {"Age: 300", -1, PCLR_SEX_UNKNOWN},
        {"Stage: 2", -1, PCLR_SEX_UNKNOWN},       {"nothing", -1, PCLR_SEX_UNKNOWN},
    };
    (void)state;
    for (size_t k = 0; k < sizeof comment / sizeof *comment; k++) {
        pclr_record *r = NULL;
        assert_int_equal(pclr_record_create(&r, "c", 500, 1, 1, NULL), PCLR_OK);
        assert_int_equal(record_read_comment(r, comment[k].line, NULL), PCLR_OK);
        if (r->age != comment[k].age || r->sex != comment[k].sex) fail_msg("\"%s\": %g, %d", comment[k].line, (double)r->age, (int)r->sex);
        pclr_record_destroy(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_alias),
        cmocka_unit_test(knows_units_of_voltage),
        cmocka_unit_test(derives_limb_leads_from_any_two),
        cmocka_unit_test(leaves_single_leads_alone),
        cmocka_unit_test(reads_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
