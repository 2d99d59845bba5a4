/* SPDX-License-Identifier: Apache-2.0 */
/* The page on augmentations names every one of them and each key with its default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "augment/augment.h"
#include "docs_check.h"

static void augmentations_page_is_complete(void **state)
{
    char *page = docs_read("docs/augmentations.md");
    (void)state;
    for (size_t k = 0; k < augment_count(); k++) {
        docs_has_name(page, augment_at(k)->name);
        docs_has_keys(page, augment_at(k)->keys, augment_at(k)->keys_count);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(augmentations_page_is_complete)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
