/* SPDX-License-Identifier: Apache-2.0 */
/* A small archive on disk becomes a dataset: values, labels, splits, refusals, the same bytes with any number of threads. */
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
#include "base/memory.h"
#include "dataset/dataset.h"
#include "folder.h"
#include "record/record.h"

enum { RECORDS = 12 };

/* One bump (sd 20 ms) a second, at 0.3 s + lead * 10 ms; one lead far off zero, one stretch missing. */
static double truth(size_t record, size_t lead, double seconds)
{
    double phase = seconds - floor(seconds) - 0.3 - 0.01 * (double)lead;
    return (1 + 0.1 * (double)record) * exp(-0.5 * phase * phase / 4e-4);
}

static void write_record(size_t k, double rate)
{
    static const char *const name[] = {"II", "I", "V3"};
    pclr_record *r = NULL;
    char id[16];

    snprintf(id, sizeof id, "r%02zu", k);
    assert_int_equal(pclr_record_create(&r, id, rate, 3, (size_t)(5 * rate), NULL), PCLR_OK);
    for (size_t lead = 0; lead < 3; lead++) {
        record_set_channel(r, lead, name[lead]);
        for (size_t i = 0; i < r->samples; i++) r->signal[lead * r->samples + i] = (float)truth(k, lead, (double)i / rate);
    }
    for (size_t i = 0; k == 2 && i < 100; i++) r->signal[i] = NAN;
    for (size_t i = 0; k == 3 && i < r->samples; i++) r->signal[2 * r->samples + i] += 20;
    for (size_t i = 0; k == 4 && i < r->samples; i++) r->signal[2 * r->samples + i] -= 290;
    assert_int_equal(record_settle(r, NULL), PCLR_OK);
    r->age = 40 + (float)k;
    if (k % 3 == 0) r->diagnoses = strdup(k % 2 ? "713427006,59118001" : "164889003,426783006");
    assert_int_equal(pclr_record_write_wfdb(r, in_folder("archive"), NULL, NULL), PCLR_OK);
    pclr_record_destroy(&r);
}

static int make_archive(void **state)
{
    static const char labels[] = "record_id,patient_id,outcome,ward,fold\n"
                                 "r00,7,1,a,1\nr01,7,0,b,1\nr02,8,,a,2\nr03,9,1,a,2\nr04,9,1,b,3\nr05,10,0,\"c, d\",3\n"
                                 "r06,11,0,a,1\nr07,12,1,a,1\nr08,13,0,a,2\nr09,14,1,b,2\n";
    (void)state;
    if (folder_make() != 0) return -1;
    for (size_t k = 0; k < RECORDS; k++) write_record(k, k == 1 ? 400 : k == 5 ? 250 : 500);
    assert_int_equal(file_write(in_folder("archive/labels.csv"), labels, sizeof labels - 1, NULL), PCLR_OK);
    assert_int_equal(file_write(in_folder("archive/broken.hea"), "broken 1 500 10\nnone.dat 16\n", 28, NULL), PCLR_OK);
    return 0;
}

static pclr_dataset *import_archive(const char *name, int threads)
{
    pclr_import_options options = {.threads = threads, .seed = 3, .split = "half=0.5/0.25/0.25;folds=fold:1/2/3"};
    pclr_import_summary summary;
    pclr_error error = {0};
    pclr_dataset *d = NULL;
    const char *source = in_folder("archive");
    char path[256];

    snprintf(path, sizeof path, "%s", in_folder(name));
    if (pclr_import(path, &source, 1, &options, NULL, &summary, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(summary.found, RECORDS + 1);
    assert_int_equal(summary.imported, RECORDS);
    assert_int_equal(summary.refused, 1);
    if (pclr_dataset_open(&d, path, &error) != PCLR_OK) fail_msg("%s", error.message);
    return d;
}

static void keeps_rows_and_values(void **state)
{
    pclr_dataset *d = import_archive("a.h5", 1);

    (void)state;
    assert_int_equal(pclr_dataset_records(d), RECORDS);
    assert_true(pclr_dataset_rate(d) == 500);
    assert_int_equal(pclr_dataset_leads(d), 7); /* I, II, V3 and what follows from I and II */
    assert_string_equal(pclr_dataset_lead_name(d, 0), "I");
    assert_string_equal(pclr_dataset_lead_name(d, 6), "V3");
    assert_int_equal(pclr_dataset_find(d, "r07"), 7);
    assert_int_equal(pclr_dataset_find(d, "nobody"), -1);
    pclr_dataset_row row = pclr_dataset_get_row(d, 1);
    assert_string_equal(row.patient, "7");
    assert_string_equal(row.source, "archive");
    assert_true(row.source_rate == 400 && row.length == 2500 && row.age == 41 && row.fold == 1 && row.lead_mask == 0x7f);

    int16_t sample[2500 * 7];
    for (size_t k = 0; k < RECORDS; k++) {
        assert_int_equal(pclr_dataset_read(d, k, 0, 2500, sample, NULL), PCLR_OK);
        for (size_t i = 150; i < 2350; i++) {
            double at = (double)i / 500, two = truth(k, 0, at), one = truth(k, 1, at),
                   expected[7] = {one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, truth(k, 2, at)};
            for (size_t lead = 0; lead < 7; lead++) {
                if (lead == 6 && (k == 3 || k == 4)) continue;
                double error_mv = fabs(sample[i * 7 + lead] * 1e-3 - expected[lead]);
                if (error_mv > 0.004)
                    fail_msg("record %zu lead %zu sample %zu: %d uV, expected %g", k, lead, i, sample[i * 7 + lead], 1e3 * expected[lead]);
            }
        }
    }
    pclr_dataset_destroy(&d);
    pclr_dataset_destroy(&d);
}

static void tells_missing_samples_and_offsets(void **state)
{
    pclr_dataset *d = import_archive("b.h5", 2);
    int16_t sample[2500 * 7];
    pclr_record *r = NULL;

    (void)state;
    assert_int_equal(pclr_dataset_read(d, 2, 0, 2500, sample, NULL), PCLR_OK);
    assert_int_equal(sample[1], PCLR_SAMPLE_MISSING);          /* II */
    assert_int_equal(sample[99 * 7 + 3], PCLR_SAMPLE_MISSING); /* aVR follows from II */
    assert_int_not_equal(sample[0], PCLR_SAMPLE_MISSING);
    assert_int_not_equal(sample[100 * 7 + 1], PCLR_SAMPLE_MISSING);
    assert_int_equal(pclr_dataset_record(d, 2, &r, NULL), PCLR_OK);
    assert_true(r->valid && !r->valid[2500] && r->valid[0] && r->signal[2500] == 0);
    pclr_record_destroy(&r);
    assert_int_equal(pclr_dataset_read(d, 3, 700, 1, sample, NULL), PCLR_OK);
    assert_true(abs(sample[6] - 20000) <= 1); /* 20 mV of offset fit */
    assert_int_equal(pclr_dataset_read(d, 4, 600, 1, sample, NULL), PCLR_OK);
    assert_true(abs(sample[6]) < 400); /* 290 mV do not: the median is taken away */
    assert_int_equal(pclr_dataset_read(d, 4, 2400, 101, sample, NULL), PCLR_E_ARGUMENT);
    pclr_dataset_destroy(&d);
}

/* Sub-sample place of the largest value by a parabola. */
static double peak_place(const int16_t *x, size_t stride, size_t from, size_t to)
{
    size_t best = from;
    for (size_t i = from; i < to; i++) {
        if (x[i * stride] > x[best * stride]) best = i;
    }
    double a = x[(best - 1) * stride], b = x[best * stride], c = x[(best + 1) * stride];
    return (double)best + 0.5 * (a - c) / (a - 2 * b + c);
}

static void resampling_moves_no_peak(void **state)
{
    pclr_dataset *d = import_archive("c.h5", 1);
    int16_t sample[2500 * 7];

    (void)state;
    const size_t resampled[] = {1, 5};
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(pclr_dataset_read(d, resampled[k], 0, 2500, sample, NULL), PCLR_OK);
        for (size_t beat = 0; beat < 5; beat++) {
            double found = peak_place(sample + 1, 7, beat * 500 + 100, beat * 500 + 250), expected = (double)beat * 500 + 150;
            assert_true(fabs(found - expected) < 0.1);
        }
    }
    pclr_dataset_destroy(&d);
}

static void reads_labels_of_table_and_header(void **state)
{
    pclr_dataset *d = import_archive("d.h5", 1);
    pclr_labels *l = NULL;
    pclr_error error = {0};

    (void)state;
    assert_int_equal(pclr_dataset_labels(d, "outcome", &l, NULL), PCLR_OK);
    static const uint8_t outcome[RECORDS] = {1, 0, 255, 1, 1, 0, 0, 1, 0, 1, 255, 255};
    assert_true(l->classes == 1 && l->records == RECORDS);
    assert_memory_equal(l->value, outcome, RECORDS);
    pclr_labels_destroy(&l);
    assert_int_equal(pclr_dataset_labels(d, "ward", &l, NULL), PCLR_OK);
    assert_int_equal(l->classes, 3);
    assert_string_equal(l->class_name[2], "c, d");
    assert_true(l->value[5 * 3 + 2] == 1 && l->value[5 * 3] == 0 && l->value[10 * 3] == 255);
    pclr_labels_destroy(&l);
    assert_int_equal(pclr_dataset_labels(d, "dx", &l, NULL), PCLR_OK);
    assert_int_equal(l->classes, 26);
    assert_string_equal(l->class_name[0], "AF");
    assert_string_equal(l->class_name[5], "CRBBB|RBBB"); /* two codes, one class */
    assert_true(l->value[0] == 1 && l->value[5] == 0 && l->value[26] == 255 && l->value[3 * 26 + 5] == 1 && l->value[3 * 26] == 0);
    pclr_labels_destroy(&l);
    assert_int_equal(pclr_dataset_labels(d, "nothing", &l, &error), PCLR_E_DATA);
    assert_null(l);
    assert_non_null(strstr(error.message, "outcome"));
    pclr_dataset_destroy(&d);
}

static void splits_by_patient_and_fold(void **state)
{
    pclr_dataset *d = import_archive("e.h5", 1);
    uint8_t half[RECORDS], folds[RECORDS];
    static const uint8_t expected[RECORDS] = {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 255, 255};

    (void)state;
    assert_int_equal(pclr_dataset_splits(d), 2);
    assert_int_equal(pclr_dataset_split(d, "half", half, NULL), PCLR_OK);
    assert_int_equal(half[0], half[1]); /* one patient */
    assert_int_equal(half[3], half[4]);
    size_t in[3] = {0};
    for (size_t k = 0; k < RECORDS; k++) {
        assert_true(half[k] < 3);
        in[half[k]]++;
    }
    assert_true(in[0] > 0 && in[0] < RECORDS);
    assert_int_equal(pclr_dataset_split(d, "folds", folds, NULL), PCLR_OK);
    assert_memory_equal(folds, expected, RECORDS);
    pclr_dataset_destroy(&d);
}

static void same_bytes_with_any_threads(void **state)
{
    char *one = NULL, *many = NULL;
    size_t one_size = 0, many_size = 0;
    char first[65], second[65];
    pclr_dataset *a = import_archive("one.h5", 1), *b = import_archive("many.h5", 4);

    (void)state;
    assert_int_equal(dataset_fingerprint(a, first, NULL), PCLR_OK);
    assert_int_equal(dataset_fingerprint(b, second, NULL), PCLR_OK);
    assert_string_equal(first, second);
    pclr_dataset_destroy(&a);
    pclr_dataset_destroy(&b);
    assert_int_equal(file_read(in_folder("one.h5"), 0, &one, &one_size, NULL), PCLR_OK);
    assert_int_equal(file_read(in_folder("many.h5"), 0, &many, &many_size, NULL), PCLR_OK);
    assert_int_equal(one_size, many_size);
    assert_memory_equal(one, many, one_size);
    mem_free(one);
    mem_free(many);
}

static void lists_refused_recordings(void **state)
{
    char *text = NULL;
    size_t size = 0;
    pclr_dataset *d = import_archive("f.h5", 1);

    (void)state;
    pclr_dataset_destroy(&d);
    assert_int_equal(file_read(in_folder("rejects.csv"), 0, &text, &size, NULL), PCLR_OK);
    assert_non_null(strstr(text, "record,reason\n"));
    assert_non_null(strstr(text, "broken.hea"));
    assert_non_null(strstr(text, "none.dat"));
    assert_false(file_exists(in_folder("f.h5.partial")));
    mem_free(text);
}

static void keeps_physiology(void **state)
{
    static const char *const names[] = {"a", "b"}, *const units[] = {"ms", "mV"};
    pclr_dataset *d = import_archive("g.h5", 1);
    dataset_physiology p = {.layout = "paper150", .segments = 2, .features = 2, .records = RECORDS}, back;
    int64_t record[] = {0, 3}, start[] = {0, 10}, length[] = {2500, 2490}, beats[RECORDS + 1] = {0};
    float feature[] = {1, NAN, 3, 4}, mark[] = {10.5F, 20, 30}, quality[RECORDS] = {0.5F};
    char before[65], after[65];
    pclr_error error = {0};

    (void)state;
    assert_int_equal(dataset_physiology_read(d, &back, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "physioclr features"));
    assert_int_equal(dataset_fingerprint(d, before, NULL), PCLR_OK);
    pclr_dataset_destroy(&d);
    for (size_t k = 1; k <= RECORDS; k++) beats[k] = 3;
    p.segment_record = record, p.segment_start = start, p.segment_length = length, p.feature = feature, p.beat_start = beats;
    p.r_peak = p.p_onset = p.p_peak = p.t_peak = p.t_offset = mark;
    p.quality = quality;
    for (int again = 0; again < 2; again++) {
        if (dataset_physiology_write(in_folder("g.h5"), &p, names, units, &error) != PCLR_OK) fail_msg("%s", error.message);
    }
    assert_int_equal(pclr_dataset_open(&d, in_folder("g.h5"), NULL), PCLR_OK);
    if (dataset_physiology_read(d, &back, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_string_equal(back.layout, "paper150");
    assert_true(back.segments == 2 && back.features == 2 && back.segment_record[1] == 3 && back.segment_start[1] == 10 &&
                back.segment_length[1] == 2490);
    assert_true(back.feature[0] == 1 && isnan(back.feature[1]) && back.feature[3] == 4);
    assert_true(back.beat_start[RECORDS] == 3 && back.r_peak[0] == 10.5F && back.quality[0] == 0.5F);
    dataset_physiology_free(&back);
    assert_int_equal(dataset_fingerprint(d, after, NULL), PCLR_OK);
    assert_string_equal(before, after);
    pclr_dataset_destroy(&d);
}

static void refuses_other_files(void **state)
{
    pclr_dataset *d = NULL;
    pclr_error error = {0};

    (void)state;
    assert_int_equal(pclr_dataset_open(&d, in_folder("archive/labels.csv"), &error), PCLR_E_FORMAT);
    assert_null(d);
    assert_int_equal(pclr_dataset_open(&d, in_folder("nowhere.h5"), &error), PCLR_E_MISSING);
    const char *source = in_folder("archive");
    pclr_import_options strict = {.strict = true};
    assert_int_equal(pclr_import(in_folder("strict.h5"), &source, 1, &strict, NULL, NULL, &error), PCLR_E_DATA);
    assert_false(file_exists(in_folder("strict.h5")));
    pclr_import_options layout = {.layout = "ptb-xl"};
    assert_int_equal(pclr_import(in_folder("l.h5"), &source, 1, &layout, NULL, NULL, &error), PCLR_E_ARGUMENT);
    assert_non_null(strstr(error.message, "ptbxl"));
    pclr_import_options split = {.split = "x=0.5/0.5"};
    assert_int_equal(pclr_import(in_folder("s.h5"), &source, 1, &split, NULL, NULL, &error), PCLR_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_rows_and_values),      cmocka_unit_test(tells_missing_samples_and_offsets),
        cmocka_unit_test(resampling_moves_no_peak),   cmocka_unit_test(reads_labels_of_table_and_header),
        cmocka_unit_test(splits_by_patient_and_fold), cmocka_unit_test(same_bytes_with_any_threads),
        cmocka_unit_test(lists_refused_recordings),   cmocka_unit_test(keeps_physiology),
        cmocka_unit_test(refuses_other_files),
    };
    return cmocka_run_group_tests(tests, make_archive, folder_tear_down);
}
