/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: the bytes of one file, read by the format that recognises them. Formats that other libraries open by name (HDF5, MATLAB 5)
 * end there. */
#include "base/memory.h"
#include "record/formats/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const pclr_read_options options = {.unit = "mV", .rate = 500};
    uint8_t *copy = NULL; /* of the exact size: a byte beyond is noticed */
    pclr_record *record = NULL;

    if (size == 0 || mem_alloc(&copy, size, 1, NULL) != PCLR_OK) return 0;
    for (size_t k = 0; k < size; k++) copy[k] = data[k];
    format_input input = {.path = "/nonexistent/fuzz", .data = copy, .size = size, .options = &options};
    const record_format *format = record_format_find(&input);
    if (format && format->read(&record, &input, NULL) == PCLR_OK && pclr_record_derive_leads(record, NULL) != PCLR_OK) size = 0;
    pclr_record_destroy(&record);
    mem_free(copy);
    return 0;
}
