/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that list names and keys are held to the tables in the code. */
#ifndef PCLR_TESTS_DOCS_CHECK_H
#define PCLR_TESTS_DOCS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"

/* A page of the source folder, from malloc. */
static inline char *docs_read(const char *page)
{
    char path[1024];
    const size_t limit = 1 << 20;
    (void)snprintf(path, sizeof path, "%s/%s", PCLR_SOURCE_DIR, page);
    FILE *f = fopen(path, "r");
    char *content = calloc(limit, 1);
    if (!f || !content) fail_msg("%s cannot be read", path);
    if (fread(content, 1, limit - 1, f) == 0) fail_msg("%s is empty", path);
    (void)fclose(f);
    return content;
}

static inline void docs_has_name(const char *page, const char *name)
{
    char entry[256];
    (void)snprintf(entry, sizeof entry, "`%s`", name);
    if (!strstr(page, entry)) fail_msg("the page does not name %s", entry);
}

/* A row "| `key` | default |" for each key. */
static inline void docs_has_keys(const char *page, const config_key *keys, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        char row[256];
        (void)snprintf(row, sizeof row, "| `%s` | %s |", keys[k].name, keys[k].default_value);
        if (!strstr(page, row)) fail_msg("the page has no row %s", row);
    }
}

#endif
