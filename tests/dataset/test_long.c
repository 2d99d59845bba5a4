/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings that are long as stored: few of them are held at a time, and the file is the same with any number of threads. */
#include "archive.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "dataset/dataset.h"

/* Sanitizers keep what was freed. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(SANITIZED) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define OWN_MEMORY 1
#endif

enum { RECORDS = 20, SECONDS = 400 }; /* 4.8 MB each in 12 leads at 500 Hz, 96 MB together; read 0.08 MB each */

static int make_archive(void **state)
{
    char id[16];
    if (folder_set_up(state) != 0) return -1;
    for (size_t k = 0; k < RECORDS; k++) {
        snprintf(id, sizeof id, "r%02zu", k);
        put_record("archive", id, k, 50, SECONDS, NULL);
    }
    return 0;
}

static pclr_status import_with(int threads, const char *name, pclr_import_summary *summary)
{
    pclr_import_options options = {.threads = threads, .leads = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6", .split = "a=0.8/0.1/0.1"};
    const char *source = in_folder("archive");
    return pclr_import(in_folder(name), &source, 1, &options, NULL, summary, NULL);
}

static long megabytes_most(int threads, const char *name)
{
    struct rusage use;
    int end = 0;
    pid_t child = fork();

    if (child == 0) {
        pclr_import_summary summary;
        _exit(import_with(threads, name, &summary) == PCLR_OK && summary.imported == RECORDS ? 0 : 1);
    }
    assert_int_equal(wait4(child, &end, 0, &use), child);
    assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
    return use.ru_maxrss / 1024;
}

static void holds_few_at_a_time(void **state)
{
    long many = megabytes_most(4, "many.h5");

    (void)state;
    megabytes_most(1, "one.h5");
    assert_same_file("one.h5", "many.h5");
#ifdef OWN_MEMORY
    if (many > 110) fail_msg("%ld MB; expected at most 110", many);
#else
    (void)many;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds_few_at_a_time)};
    return cmocka_run_group_tests(tests, make_archive, folder_tear_down);
}
