/* SPDX-License-Identifier: Apache-2.0 */
/* docs/features.md names every feature with the unit and definition that the program has. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <physioclr.h>

static void test_page(void **state)
{
    (void)state;
    static char page[200000], line[1024];
    FILE *f = fopen(PCLR_SOURCE_DIR "/docs/features.md", "rb");
    assert_non_null(f);
    size_t n = fread(page, 1, sizeof page - 1, f);
    fclose(f);
    assert_true(n > 0 && n < sizeof page - 1);
    static const char *const LAYOUT[] = {"paper150", "rich"};
    for (size_t k = 0; k < 2; k++) {
        const pclr_feature_layout *layout = pclr_feature_layout_find(LAYOUT[k]);
        snprintf(line, sizeof line, "## Layout %s: %zu values", LAYOUT[k], layout->count);
        const char *from = strstr(page, line);
        assert_non_null(from);
        for (size_t i = 0; i < layout->count; i++) {
            snprintf(line, sizeof line, "\n| %zu | `%s` | %s | %s |\n", i, pclr_feature_name(layout, i), pclr_feature_unit(layout, i),
                     pclr_feature_definition(layout, i));
            if (!strstr(from, line)) fail_msg("docs/features.md lacks the row%s", line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
