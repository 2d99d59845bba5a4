/* SPDX-License-Identifier: Apache-2.0 */
/* An import that is killed and started again, and one in parts that are joined, give the bytes of an import in one go. */
#include "archive.h"

#include "dataset/dataset.h"

#include <signal.h>
#include <sys/wait.h>

enum { RECORDS = 40 };

static int make_archive(void **state)
{
    char id[16];
    if (folder_set_up(state) != 0) return -1;
    for (size_t k = 0; k < RECORDS; k++) {
        snprintf(id, sizeof id, "r%02zu", k);
        put_record("archive", id, k, k % 3 ? 500 : 400, 4 + (double)(k % 5), k % 4 == 1 ? "164889003,11" : k % 4 == 2 ? "426783006" : NULL);
    }
    put_text("archive/broken.hea", "broken 1 500 10\nnone.dat 16\n");
    put_text("archive/r05x.hea", "r05x 1 500 10\nnone.dat 16\n");
    put_text("archive/labels.csv",
             "record_id,patient_id,outcome,ward,split\nr00,1,1,a,train\nr01,1,0,b,train\nr20,2,1,c,test\nr39,3,0,a,validation\n");
    for (int k = 0; k < 6; k++) {
        char name[] = "0";
        name[0] = (char)('0' + k);
        assert_int_equal(file_make_folder(in_folder(name), NULL), PCLR_OK);
    }
    return 0;
}

static pclr_status import_to(const char *name, pclr_import_options options, const pclr_callbacks *callbacks, pclr_import_summary *summary,
                             pclr_error *error)
{
    const char *source = in_folder("archive");
    options.split = "main=0.5/0.25/0.25;told=column";
    options.seed = 5;
    options.threads = 1;
    return pclr_import(in_folder(name), &source, 1, &options, callbacks, summary, error);
}

static void import_whole(void)
{
    pclr_error error = {0};
    if (!file_exists(in_folder("0/all.h5")) && import_to("0/all.h5", (pclr_import_options){0}, NULL, NULL, &error) != PCLR_OK)
        fail_msg("%s", error.message);
}

/* The process ends when it has been asked `left` times whether to go on. */
static bool kill_later(void *left)
{
    if (--*(int *)left == 0) kill(getpid(), SIGKILL);
    return false;
}

static void killed_after(const char *name, int batches)
{
    pid_t child = fork();
    if (child == 0) {
        pclr_callbacks callbacks = {.user = &batches, .stop = kill_later};
        _exit((int)import_to(name, (pclr_import_options){0}, &callbacks, NULL, NULL));
    }
    int outcome = 0;
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGKILL);
}

static void goes_on_after_a_kill(void **state)
{
    pclr_import_summary summary;
    pclr_error error = {0};

    (void)state;
    import_whole();
    killed_after("1/all.h5", 2);
    killed_after("1/all.h5", 4);
    assert_true(file_exists(in_folder("1/all.h5.partial")) && file_exists(in_folder("1/all.h5.journal")));
    if (import_to("1/all.h5", (pclr_import_options){0}, NULL, &summary, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(summary.resumed, 24); /* three batches of eight */
    assert_int_equal(summary.imported, RECORDS);
    assert_int_equal(summary.refused, 2);
    assert_same_file("0/all.h5", "1/all.h5");
    assert_same_file("0/rejects.csv", "1/rejects.csv");
    assert_same_file("0/codes.csv", "1/codes.csv");
    assert_false(file_exists(in_folder("1/all.h5.partial")) || file_exists(in_folder("1/all.h5.journal")) || file_exists(in_folder("1/all.h5.frame")));
}

static void overwrite(const char *name, long at, const char *bytes, size_t size)
{
    FILE *f = fopen(in_folder(name), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* What the disk lost is read again: samples that changed, a journal that was cut. */
static void reads_again_what_was_lost(void **state)
{
    pclr_import_summary summary;

    (void)state;
    import_whole();
    killed_after("2/all.h5", 4);
    overwrite("2/all.h5.partial", -200000, "gone", 4);
    overwrite("2/all.h5.journal", -3, "xxx", 3);
    assert_int_equal(import_to("2/all.h5", (pclr_import_options){0}, NULL, &summary, NULL), PCLR_OK);
    assert_true(summary.resumed > 8 && summary.resumed < 23);
    assert_same_file("0/all.h5", "2/all.h5");
}

/* Another command under the same name begins anew. */
static void other_options_begin_anew(void **state)
{
    pclr_import_summary summary;

    (void)state;
    killed_after("3/all.h5", 3);
    assert_int_equal(import_to("3/all.h5", (pclr_import_options){.rate = 250}, NULL, &summary, NULL), PCLR_OK);
    assert_int_equal(summary.resumed, 0);
}

static bool stop_now(void *user)
{
    (void)user;
    return true;
}

static void stops_when_asked(void **state)
{
    pclr_callbacks callbacks = {.stop = stop_now};
    pclr_error error = {0};

    (void)state;
    assert_int_equal(import_to("5/all.h5", (pclr_import_options){0}, &callbacks, NULL, &error), PCLR_E_INTERRUPTED);
    assert_non_null(strstr(error.message, "goes on"));
    assert_false(file_exists(in_folder("5/all.h5")));
}

static void parts_join_to_the_whole(void **state)
{
    char path[3][256];
    const char *part[3] = {path[0], path[1], path[2]};
    pclr_import_summary summary;
    pclr_error error = {0};

    (void)state;
    import_whole();
    for (int k = 0; k < 3; k++) {
        char name[] = "4/a.h5";
        name[2] = (char)(name[2] + k);
        snprintf(path[k], sizeof path[k], "%s", in_folder(name));
        assert_int_equal(import_to(name, (pclr_import_options){.shard = k + 1, .shards = 3}, NULL, NULL, NULL), PCLR_OK);
    }
    if (pclr_import_merge(in_folder("4/all.h5"), part, 3, NULL, NULL, &summary, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(summary.imported, RECORDS);
    assert_int_equal(summary.refused, 2);
    assert_same_file("0/all.h5", "4/all.h5");
    assert_same_file("0/rejects.csv", "4/rejects.csv");
    assert_same_file("0/codes.csv", "4/codes.csv");

    const char *twice[] = {part[0], part[1], part[0]};
    assert_int_equal(pclr_import_merge(in_folder("4/twice.h5"), twice, 3, NULL, NULL, NULL, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "is in"));
    assert_false(file_exists(in_folder("4/twice.h5")) || file_exists(in_folder("4/twice.h5.partial")));
    assert_int_equal(import_to("4/d.h5", (pclr_import_options){.rate = 250, .shard = 3, .shards = 3}, NULL, NULL, NULL), PCLR_OK);
    const char *mixed[] = {part[0], in_folder("4/d.h5")};
    assert_int_equal(pclr_import_merge(in_folder("4/mixed.h5"), mixed, 2, NULL, NULL, NULL, &error), PCLR_E_DATA);
    assert_non_null(strstr(error.message, "250"));
    assert_int_equal(import_to("4/e.h5", (pclr_import_options){.shard = 4, .shards = 3}, NULL, NULL, &error), PCLR_E_ARGUMENT);
}

/* ---- features of parts ---- */

/* A segment and two beats a record, told apart by `base`. */
static void put_features(const char *path, int extractor, float base)
{
    static const char *const names[] = {"one", "two"}, *const units[] = {"mV", ""};
    enum { MOST = RECORDS };
    int64_t record[MOST], start[MOST] = {0}, length[MOST], beat_start[MOST + 1];
    float feature[2 * MOST], beat[2 * MOST], quality[MOST];
    pclr_dataset *d = NULL;
    pclr_error error = {0};

    assert_int_equal(pclr_dataset_open(&d, path, NULL), PCLR_OK);
    size_t n = pclr_dataset_records(d);
    pclr_dataset_destroy(&d);
    assert_true(n <= MOST);
    for (size_t k = 0; k < n; k++) {
        record[k] = (int64_t)k, length[k] = 1000, beat_start[k] = 2 * (int64_t)k;
        for (size_t j = 2 * k; j < 2 * k + 2; j++) feature[j] = base + (float)j, beat[j] = 100 * base + (float)j;
        quality[k] = base;
    }
    beat_start[n] = 2 * (int64_t)n;
    dataset_physiology p = {.layout = "made",
                            .extractor = extractor,
                            .segments = n,
                            .features = 2,
                            .records = n,
                            .segment_record = record,
                            .segment_start = start,
                            .segment_length = length,
                            .feature = feature,
                            .beat_start = beat_start,
                            .r_peak = beat,
                            .p_onset = beat,
                            .p_peak = beat,
                            .t_peak = beat,
                            .t_offset = beat,
                            .quality = quality};
    if (dataset_physiology_write(path, &p, names, units, &error) != PCLR_OK) fail_msg("%s", error.message);
}

static void keep_message(void *user, pclr_log_level level, const char *message)
{
    if (level == PCLR_LOG_WARNING) snprintf(user, 512, "%s", message);
}

/* Merges 5/a.h5 and 5/b.h5; true when the whole has features. */
static bool merge_two(char *message, dataset_physiology *p)
{
    char one[256], two[256];
    const char *part[] = {one, two};
    pclr_callbacks callbacks = {.user = message, .log = keep_message};
    pclr_dataset *d = NULL;
    pclr_error error = {0};

    snprintf(one, sizeof one, "%s", in_folder("5/a.h5"));
    snprintf(two, sizeof two, "%s", in_folder("5/b.h5"));
    if (pclr_import_merge(in_folder("5/all.h5"), part, 2, NULL, &callbacks, NULL, &error) != PCLR_OK) fail_msg("%s", error.message);
    assert_int_equal(pclr_dataset_open(&d, in_folder("5/all.h5"), NULL), PCLR_OK);
    pclr_status status = dataset_physiology_read(d, p, &error);
    pclr_dataset_destroy(&d);
    return status == PCLR_OK;
}

static void features_go_along(void **state)
{
    char message[512] = "";
    dataset_physiology p = {0};

    (void)state;
    assert_int_equal(import_to("5/a.h5", (pclr_import_options){.shard = 1, .shards = 2}, NULL, NULL, NULL), PCLR_OK);
    assert_int_equal(import_to("5/b.h5", (pclr_import_options){.shard = 2, .shards = 2}, NULL, NULL, NULL), PCLR_OK);
    put_features(in_folder("5/a.h5"), 3, 1);
    assert_false(merge_two(message, &p));
    assert_non_null(strstr(message, "b.h5 has none"));
    put_features(in_folder("5/b.h5"), 4, 2);
    assert_false(merge_two(message, &p));
    assert_non_null(strstr(message, "b.h5 has features made (version 4"));
    put_features(in_folder("5/b.h5"), 3, 2);
    message[0] = '\0';
    assert_true(merge_two(message, &p));
    assert_string_equal(message, "");
    assert_int_equal(p.records, RECORDS);
    assert_int_equal(p.segments, RECORDS);
    assert_string_equal(p.layout, "made");
    assert_int_equal(p.extractor, 3);
    size_t first = 0; /* of part b */
    while (first < p.records && p.quality[first] == 1) first++;
    assert_true(first > 0 && first < RECORDS);
    for (size_t k = 0; k < p.records; k++) {
        float base = k < first ? 1 : 2;
        size_t own = k < first ? k : k - first;
        assert_int_equal(p.segment_record[k], k);
        assert_int_equal(p.beat_start[k], 2 * k);
        assert_float_equal(p.feature[2 * k + 1], base + (float)(2 * own + 1), 0);
        assert_float_equal(p.t_offset[2 * k], 100 * base + (float)(2 * own), 0);
    }
    dataset_physiology_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_after_a_kill), cmocka_unit_test(reads_again_what_was_lost), cmocka_unit_test(other_options_begin_anew),
        cmocka_unit_test(stops_when_asked),     cmocka_unit_test(parts_join_to_the_whole),   cmocka_unit_test(features_go_along),
    };
    return cmocka_run_group_tests(tests, make_archive, folder_tear_down);
}
