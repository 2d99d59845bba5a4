/* SPDX-License-Identifier: Apache-2.0 */
/* The page on objectives names every one of them and each key with its default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "docs_check.h"
#include "objective/objective.h"

static void objectives_page_is_complete(void **state)
{
    char *page = docs_read("docs/objectives.md");
    (void)state;
    docs_has_keys(page, objective_config_keys, objective_config_keys_count);
    for (size_t k = 0; k < objective_count(); k++) {
        docs_has_name(page, objective_at(k)->name);
        docs_has_keys(page, objective_at(k)->keys, objective_at(k)->keys_count);
    }
    free(page);
}

static void encoders_page_is_complete(void **state)
{
    char *page = docs_read("docs/encoders.md");
    (void)state;
    docs_has_keys(page, model_config_keys, model_config_keys_count);
    for (size_t k = 0; k < model_encoder_count(); k++) docs_has_name(page, model_encoder_at(k)->name);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(objectives_page_is_complete), cmocka_unit_test(encoders_page_is_complete)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
