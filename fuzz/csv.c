/* SPDX-License-Identifier: Apache-2.0 */
/* Tables from anywhere: every field of what is accepted can be read. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    csv_table table;
    pclr_error error = {0};
    if (csv_parse(&table, "fuzz.csv", (const char *)data, size, &error) != PCLR_OK) {
        if (error.message[0] == '\0') abort();
        return 0;
    }
    size_t bytes = 0;
    for (size_t row = 0; row < table.rows; row++)
        for (size_t column = 0; column < table.columns; column++) bytes += strlen(csv_get(&table, row, (int)column));
    if (bytes > size) abort();
    csv_free(&table);
    return 0;
}
