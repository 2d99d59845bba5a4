/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a plot are as high as their traces, so that none runs into another, and no higher than paper allows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report/paper.h"

enum { SAMPLES = 2500 };

/* Leads I and II of 10 s at 250 Hz with a spike of `height` mV in II. */
static pclr_record *spike_record(float height)
{
    pclr_record *record = NULL;
    assert_int_equal(pclr_record_create(&record, "spike", 250, 2, SAMPLES, NULL), PCLR_OK);
    record->channel[0].lead = PCLR_LEAD_I;
    record->channel[1].lead = PCLR_LEAD_II;
    record->signal[SAMPLES + 700] = height;
    return record;
}

static double page_height(float spike, const pclr_plot_options *options)
{
    pclr_record *record = spike_record(spike);
    paper_page page;
    assert_int_equal(paper_layout(&page, record, NULL, options, NULL), PCLR_OK);
    pclr_record_destroy(&record);
    return page.height;
}

static void rows_make_room_for_their_traces(void **state)
{
    (void)state;
    double flat = page_height(0, NULL);
    assert_true(page_height(0.5F, NULL) == flat);
    double up2 = page_height(2, NULL), up3 = page_height(3, NULL), down2 = page_height(-2, NULL), down3 = page_height(-3, NULL);
    assert_true(up2 > flat && down2 > flat);
    assert_true(fabs(up3 - up2 - 10) < 1e-3); /* 1 mV is 10 mm */
    assert_true(fabs(down3 - down2 - 10) < 1e-3);
    pclr_plot_options elsewhere = {.first = 5};
    assert_true(page_height(3, &elsewhere) == flat);
}

static void a_row_has_an_end(void **state)
{
    (void)state;
    assert_true(page_height(1e30F, NULL) == page_height(100, NULL));
    assert_true(page_height(1e30F, NULL) < 150);
    assert_true(page_height(-1e30F, NULL) < 150);
}

static void derived_leads_fill_the_grid(void **state)
{
    (void)state;
    pclr_record *record = NULL;
    paper_page page;
    pclr_plot_options grid = {.layout = "paper"};
    static const pclr_lead there[] = {PCLR_LEAD_I,  PCLR_LEAD_II, PCLR_LEAD_V1, PCLR_LEAD_V2,
                                      PCLR_LEAD_V3, PCLR_LEAD_V4, PCLR_LEAD_V5, PCLR_LEAD_V6};
    assert_int_equal(pclr_record_create(&record, "eight", 250, 8, SAMPLES, NULL), PCLR_OK);
    for (size_t k = 0; k < 8; k++) record->channel[k].lead = there[k];
    assert_int_equal(paper_layout(&page, record, NULL, &grid, NULL), PCLR_E_ARGUMENT);
    assert_int_equal(pclr_record_derive_leads(record, NULL), PCLR_OK);
    assert_int_equal(paper_layout(&page, record, NULL, &grid, NULL), PCLR_OK);
    assert_true(page.grid);
    pclr_record_destroy(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_make_room_for_their_traces),
        cmocka_unit_test(a_row_has_an_end),
        cmocka_unit_test(derived_leads_fill_the_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
