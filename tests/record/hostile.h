/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file that was made to do harm in a process of its own, whose time and memory are measured. */
#ifndef PCLR_TESTS_RECORD_HOSTILE_H
#define PCLR_TESTS_RECORD_HOSTILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "made.h"
#include "record/record.h"

enum { MEGABYTES_MOST = 160 }; /* of the whole process, libraries and sanitizer included; 48 above one that reads a sound file */

static const char *put(const char *name, const void *data, size_t size)
{
    const char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
    return path;
}

typedef struct outcome {
    pclr_status status;
    char message[1024];
    double seconds;
    long megabytes;
} outcome;

static void read_and_tell(const char *path, outcome *told)
{
    static const pclr_read_options options = {.unit = "uV", .rate = 250, .leads = "I,II"};
    pclr_record *r = NULL;
    pclr_error error = {0};
    struct rusage use;

    told->status = pclr_record_read(&r, path, &options, &error);
    snprintf(told->message, sizeof told->message, "%s", error.message);
    pclr_record_destroy(&r);
    getrusage(RUSAGE_SELF, &use);
    told->seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + 1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    told->megabytes = use.ru_maxrss / 1024;
}

static outcome read_apart(const char *path)
{
    outcome *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), told;
    int end = 0;

    assert_true(shared != MAP_FAILED);
    pid_t child = fork();
    if (child == 0) {
        read_and_tell(path, shared);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &end, 0), child);
    if (!WIFEXITED(end) || WEXITSTATUS(end) != 0) fail_msg("%s: the reader died", path);
    told = *shared;
    munmap(shared, sizeof *shared);
    return told;
}

/* field: part of the message that tells the place within the file. */
static void assert_refused(const char *path, const char *field)
{
    outcome o = read_apart(path);
    const char *base = strrchr(path, '/') + 1;

    if (o.status == PCLR_OK) fail_msg("%s was read; expected: %s", path, field);
    if (o.status == PCLR_E_MEMORY) fail_msg("%s took memory before it was refused: %s", path, o.message);
    bool named =
        strstr(o.message, base) || strstr(o.message, "s.dat") || strstr(o.message, "s.flac"); /* the fault may be told of the signal file */
    if (!named || !strstr(o.message, field)) fail_msg("%s: \"%s\" does not tell \"%s\"", base, o.message, field);
    if (o.seconds > 1 || o.megabytes > MEGABYTES_MOST) fail_msg("%s (%s): %.2f s, %ld MB", base, field, o.seconds, o.megabytes);
}

/* Writes `bytes` at `at` into a file made by hand. */
static const char *spoilt(const char *name, size_t (*make)(uint8_t *), size_t at, const void *bytes, size_t size)
{
    uint8_t data[4096];
    size_t n = make(data);
    memcpy(data + at, bytes, size);
    return put(name, data, n);
}

#endif
