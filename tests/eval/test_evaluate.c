/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_evaluate and pclr_compare on files: what does not match is named. */
#include "eval/oracle.h"

#include "folder.h"

#include "eval/bootstrap.h"
#include "eval/evaluation.h"

static const char *write_file(const char *name, const char *content)
{
    const char *to = in_folder(name);
    FILE *f = fopen(to, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
    return to;
}

static const char labels[] =
    "record_id,patient_id,A,B,comment,part\nr1,p1,1,0,x,v\nr2,p1,0,0,y,v\nr3,p2,1,0,,t\nr4,p3,0,0,,t\nr5,p4,1,0,,t\nr6,p5,0,0,,t\n";

static void refuse_with(const char *predictions, pclr_evaluate_options options, const char *expected)
{
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    const char *l = write_file("l.csv", labels), *p = write_file("p.csv", predictions);
    assert_int_not_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_OK);
    assert_null(e);
    if (!strstr(error.message, expected)) fail_msg("'%s' does not name '%s'", error.message, expected);
}

static void refuse(const char *predictions, const char *split, const char *expected)
{
    refuse_with(predictions, (pclr_evaluate_options){.split = split, .bootstraps = 10}, expected);
}

static void bad_input_is_named(void **state)
{
    (void)state;
    refuse("record_id,A\nr1,nan\n", NULL, "p.csv:2: record 'r1', class 'A': 'nan'");
    refuse("record_id,A\nr1,inf\n", NULL, "not a finite number");
    refuse("record_id,A\nr1,\n", NULL, "not a finite number");
    refuse("record_id,A\nr1,0.1\nr2,0.2\nr1,0.3\n", NULL, "record 'r1' was already on line 2");
    refuse("record_id,A\nr3,0.1\n", "part:t", "no prediction for 3 labelled records of part:t, the first: 'r4'");
    refuse("record_id,X,Y\nr3,0.1,0.2\n", NULL, "no class in common");
    refuse("id,A\nr3,0.1\n", NULL, "no column record_id");
    refuse("record_id,A\nother,0.1\n", NULL, "none of its records is labelled: its first is 'other'");
    refuse("record_id,A\nr1,0.1\n", "nothere:t", "no column 'nothere'");
    refuse("record_id;A\nr1;0.1\n", NULL, "separated by commas");
    refuse("record_id\tA\nr1\t0.1\n", NULL, "separated by commas");
    refuse("record_id;A\nr1;0,1\n", NULL,
           "p.csv:2: found 2 fields, expected the header's 1; separate fields by commas and write numbers with a point");
    refuse("record_id,A,B,A\nr1,0.1,0.2,0.3\n", NULL, "p.csv:1: columns 2 and 4 are both called 'A'");
    refuse("record_id,A\nr1,0.1,0.2\n", NULL, "p.csv:2: found 3 fields, expected the header's 2");
    refuse("", NULL, "empty");
    refuse_with("record_id,A\nr1,0.1\n", (pclr_evaluate_options){.bootstraps = 10, .segments = true}, "no column 'segment'");
    refuse("record_id,A\n", NULL, "no predictions, only a header");
}

static bool has_note(const pclr_evaluation *e, const char *words)
{
    for (size_t k = 0; k < e->set.notes; k++) {
        if (strstr(e->set.note[k], words)) return true;
    }
    return false;
}

static void mismatches_are_notes(void **state)
{
    (void)state;
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 50};
    const char *l = write_file("l.csv", labels);
    const char *p = write_file("p.csv", "record_id,A,B,C\na/r1.hea,0.5,0.1,1\nr2,0.5,0.1,1\nr3,0.5,0.1,1\nr4,0.5,0.2,1\nr9,1,1,1\n");
    if (pclr_evaluate(&e, p, l, &options, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(e->set.records, 4);
    assert_int_equal(e->set.patients, 3);
    assert_true(has_note(e, "class B is undefined: no positives"));
    assert_true(has_note(e, "class A has the same score in every record"));
    assert_true(has_note(e, "predicted column 'C' is no class"));
    assert_true(has_note(e, "label column 'comment'"));
    assert_true(has_note(e, "2 labelled records have no prediction"));
    assert_true(has_note(e, "1 predictions are of records that the labels do not know"));
    pclr_estimate macro = pclr_evaluation_macro_auroc(e);
    assert_true(macro.defined);
    assert_near(macro.value, 0.5, 0);
    assert_non_null(strstr(pclr_evaluation_json(e), "\"physioclr-evaluation\""));
    assert_non_null(strstr(pclr_evaluation_csv(e), "class,A,auroc,0.5,"));
    pclr_evaluation_destroy(&e);
}

/* Records that are not evaluated are not dropped silently: neither their scores nor what thresholds would come from. */
static void records_outside_the_split_are_told(void **state)
{
    (void)state;
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 10, .split = "part:t"};
    const char *l = write_file("l.csv", labels);
    const char *p = write_file("p.csv", "record_id,A\nr1,nan\nr2,0.3\nr3,0.9\nr4,0.1\nr5,0.8\nr6,0.2\n");
    assert_int_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_OK);
    assert_int_equal(e->set.classes, 1); /* B has no column */
    assert_true(
        has_note(e, "1 predictions of records that are not evaluated hold something else than finite numbers, the first: 'r1' on line 2"));
    pclr_evaluation_destroy(&e);

    static const char parted[] = "record_id,A,cut\nr1,1,validation\nr2,0,validation\nr3,1,test\nr4,0,test\n";
    options.split = "cut:test";
    l = write_file("parted.csv", parted);
    p = write_file("p.csv", "record_id,A\nr1,nan\nr2,0.3\nr3,0.9\nr4,0.1\n");
    assert_int_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "validation: "));
    p = write_file("p.csv", "record_id,A\nr3,0.9\nr4,0.1\n"); /* no validation records: no thresholds from them */
    assert_int_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_OK);
    assert_int_equal(e->class_result[0].origin, THRESHOLD_HALF);
    pclr_evaluation_destroy(&e);
}

/* A column of 0 and 1 that --split chooses by is no class. */
static void the_split_column_is_no_class(void **state)
{
    (void)state;
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 10, .split = "held:1"};
    const char *l = write_file("l.csv", "record_id,A,held\nr1,1,1\nr2,0,1\nr3,1,0\n");
    const char *p = write_file("p.csv", "record_id,A\nr1,0.9\nr2,0.1\nr3,0.5\n");
    assert_int_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_OK);
    assert_int_equal(e->set.classes, 1);
    assert_false(has_note(e, "held"));
    pclr_evaluation_destroy(&e);
}

/* Each system has the thresholds of its own validation file. */
static void validation_files_are_one_each(void **state)
{
    (void)state;
    pclr_comparison *c = NULL;
    pclr_error error = {0};
    const char *l = write_file("l.csv", labels);
    const char *files[] = {write_file("a.csv", "record_id,A\nr3,1\nr4,0\nr5,1\nr6,0\n"),
                           write_file("b.csv", "record_id,A\nr3,.9\nr4,.1\nr5,.7\nr6,.2\n")};
    const char *validations[] = {write_file("va.csv", "record_id,A\nr1,0.8\nr2,0.2\n"), NULL};
    pclr_evaluate_options options = {.bootstraps = 10, .split = "part:t", .validation_split = NULL, .validations = validations};
    if (pclr_compare(&c, files, 2, l, &options, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    const pclr_evaluation *first = pclr_comparison_evaluation(c, 0), *second = pclr_comparison_evaluation(c, 1);
    assert_int_equal(first->class_result[0].origin, THRESHOLD_VALIDATION);
    assert_near(first->class_result[0].threshold, 0.5, 1e-12);
    assert_int_equal(first->validation_records, 2);
    assert_int_equal(second->class_result[0].origin, THRESHOLD_HALF);
    assert_int_equal(first->class_result[0].positive_patients, 2);
    assert_true(has_note(first, "rests on fewer than 30 positive or negative patients"));
    pclr_comparison_destroy(&c);
}

/* A patient with records on both sides, and classes that lack one side. */
static void leaks_and_missing_sides_are_notes(void **state)
{
    (void)state;
    static const char leaking[] = "record_id,patient_id,A,B,C,part\nr1,p1,1,0,1,validation\nr2,p2,0,0,1,validation\nr3,p2,1,0,1,test\n"
                                  "r4,p3,0,0,1,test\nr5,p4,1,0,1,test\nr6,,0,0,1,test\n";
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 10, .split = "part:test", .validation_split = "part:validation"};
    const char *l = write_file("leak.csv", leaking);
    const char *p = write_file("p.csv", "record_id,A,B,C\nr1,.9,.1,.5\nr2,.2,.1,.5\nr3,.8,.1,.4\nr4,.3,.2,.3\nr5,.7,.1,.2\nr6,.1,.1,.1\n");
    if (pclr_evaluate(&e, p, l, &options, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_true(has_note(e, "1 of 4 evaluated patients also have records among those that chose thresholds"));
    assert_true(has_note(e, "class B is undefined: no positives"));
    assert_true(has_note(e, "class C is undefined: no negatives"));
    assert_int_equal(e->defined, 1);
    pclr_evaluation_destroy(&e);
}

static void segments_are_averaged(void **state)
{
    (void)state;
    pclr_evaluation *e = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 10};
    const char *l = write_file("l.csv", labels);
    const char *p = write_file("p.csv", "record_id,segment,A\nr1,0,0.2\nr1,1,0.6\nr2,0,0.3\nr3,0,0.9\nr4,0,0.1\n");
    assert_int_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_OK);
    assert_int_equal(e->set.records, 4);
    assert_near(e->set.score[0], 0.4, 1e-15);
    pclr_evaluation_destroy(&e);
    options.segments = true;
    assert_int_equal(pclr_evaluate(&e, p, l, &options, NULL, &error), PCLR_OK);
    assert_int_equal(e->set.records, 5);
    pclr_evaluation_destroy(&e);
}

static void compare_pairs_by_record(void **state)
{
    (void)state;
    pclr_comparison *c = NULL;
    pclr_error error = {0};
    pclr_evaluate_options options = {.bootstraps = 50};
    const char *l = write_file("l.csv", labels);
    const char *files[] = {write_file("a.csv", "record_id,A\nr1,1\nr2,0\nr3,1\nr4,0\nr5,1\nr6,0\n"),
                           write_file("b.csv", "record_id,A\nr6,1\nr5,0\nr4,1\nr3,0\nr2,1\n")};
    if (pclr_compare(&c, files, 2, l, &options, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_non_null(strstr(pclr_comparison_text(c), "same 5 records of 5 patients"));
    assert_non_null(strstr(pclr_comparison_text(c), "1 of 6 records of a.csv are not in every file"));
    assert_non_null(strstr(pclr_comparison_json(c), "\"physioclr-comparison\""));
    pclr_comparison_destroy(&c);
    assert_int_equal(pclr_compare(&c, files, 1, l, &options, NULL, &error), PCLR_E_ARGUMENT);
}

/* Classes with one positive patient among 40 stay defined in every resample, with and without strata. */
static void rare_classes_stay_defined(void **state)
{
    (void)state;
    enum { RECORDS = 40, CLASSES = 8 };
    eval_set set = {0};
    uint16_t weight[RECORDS], scratch[RECORDS];
    assert_int_equal(arena_create(&set.memory, NULL), PCLR_OK);
    assert_int_equal(eval_set_allocate(&set, RECORDS, CLASSES, NULL), PCLR_OK);
    set.patients = RECORDS;
    for (size_t r = 0; r < RECORDS; r++) set.patient[r] = (uint32_t)r;
    for (size_t c = 0; c < CLASSES; c++) set.label[c * CLASSES + c] = 1;
    for (int stratified = 0; stratified < 2; stratified++) {
        bootstrap b;
        assert_int_equal(bootstrap_create(&b, &set, 3, stratified, NULL), PCLR_OK);
        for (uint64_t k = 0; k < 200; k++) {
            size_t total = 0;
            assert_int_not_equal(bootstrap_draw(&b, k, weight, scratch), BOOTSTRAP_INCOMPLETE);
            for (size_t c = 0; c < CLASSES; c++) assert_true(weight[c] > 0);
            for (size_t r = 0; r < RECORDS; r++) total += weight[r];
            assert_int_equal(total, RECORDS);
        }
        bootstrap_free(&b);
    }
    eval_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(mismatches_are_notes),
        cmocka_unit_test(records_outside_the_split_are_told),
        cmocka_unit_test(the_split_column_is_no_class),
        cmocka_unit_test(validation_files_are_one_each),
        cmocka_unit_test(leaks_and_missing_sides_are_notes),
        cmocka_unit_test(segments_are_averaged),
        cmocka_unit_test(compare_pairs_by_record),

        cmocka_unit_test(rare_classes_stay_defined),
    };
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
