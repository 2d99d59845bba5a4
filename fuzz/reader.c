/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: every reader that takes its file from memory, chosen by the content as in use. What is read must be finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/formats/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const pclr_read_options options = {.unit = "uV", .rate = 250, .leads = "I,II"};
    format_input input = {.path = "fuzz", .data = data, .size = size, .options = &options};
    pclr_record *r = NULL;
    const record_format *format = size ? record_format_find(&input) : NULL;

    /* These two open the file by its name. */
    if (!format || strcmp(format->name, "matlab5") == 0 || format->members) return 0;
    if (format->read(&r, &input, NULL) == PCLR_OK) {
        for (size_t i = 0; i < r->leads * r->samples; i++) {
            if (!isfinite(r->signal[i])) abort();
        }
    }
    pclr_record_destroy(&r);
    return 0;
}
