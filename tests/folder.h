/* SPDX-License-Identifier: Apache-2.0 */
/* What tests that write files share: a folder of their own, removed with all it holds, and calls that must succeed. After cmocka.h. */
#ifndef PCLR_TESTS_FOLDER_H
#define PCLR_TESTS_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <physioclr.h>

static inline void must(pclr_status status, const pclr_error *error)
{
    if (status != PCLR_OK) fail_msg("%s", error->message);
}

/* The folder's name; it does not exist until folder_make. */
static inline char *folder_name(void)
{
    static char name[2048];
    return name;
}

/* Under TMPDIR, else /tmp. 0: made. */
static inline int folder_make(void)
{
    const char *under = getenv("TMPDIR");
    int length = snprintf(folder_name(), 2048, "%s/physioclr-test-XXXXXX", under && under[0] ? under : "/tmp");
    return length > 0 && length < 2048 && mkdtemp(folder_name()) ? 0 : -1;
}

static inline int folder_remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static inline int folder_remove(void)
{
    return nftw(folder_name(), folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* FOLDER/NAME; the last sixteen answers stay. */
static inline char *in_folder(const char *name)
{
    static char path[16][2304];
    static int next;
    char *to = path[next++ % 16];
    (void)snprintf(to, sizeof path[0], "%s/%s", folder_name(), name);
    return to;
}

/* The same as set-up and tear-down of a group of tests. */
static inline int folder_set_up(void **state)
{
    (void)state;
    return folder_make();
}

static inline int folder_tear_down(void **state)
{
    (void)state;
    return folder_remove();
}

#endif
