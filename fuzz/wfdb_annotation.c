/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any bytes as a WFDB annotation file. */
#include "record/formats/wfdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pclr_record *record = NULL;
    if (pclr_record_create(&record, "fuzz", 360, 1, 1, NULL) != PCLR_OK) return 0;
    pclr_status status = wfdb_annotations_parse(record, "fuzz.atr", data, size, 360, NULL);
    (void)status;
    pclr_record_destroy(&record);
    return 0;
}
