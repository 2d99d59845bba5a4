/* SPDX-License-Identifier: Apache-2.0 */
/* The one list of formats. A new format is one file and one line here. */
#include "record/formats/format.h"

extern const record_format record_format_wfdb;

const record_format *const record_formats[] = {
    &record_format_wfdb,
    NULL,
};

const record_format *record_format_find(const format_input *input)
{
    for (size_t k = 0; record_formats[k]; k++) {
        if (record_formats[k]->probe(input)) return record_formats[k];
    }
    return NULL;
}
