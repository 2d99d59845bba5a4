/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as a WFDB header. */
#include "record/formats/wfdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wfdb_header header;
    if (wfdb_header_parse(&header, "fuzz.hea", (const char *)data, size, size & 1, NULL) == PCLR_OK) wfdb_header_free(&header);
    return 0;
}
