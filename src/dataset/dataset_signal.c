/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of an open dataset, read with pread from their places in the file, so that any number of threads may read at once and the
 * cost of a window does not depend on the size of the archive.
 */
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "base/memory.h"
#include "dataset/opened.h"
#include "record/record.h"

static pclr_status read_bytes(const pclr_dataset *d, uint64_t offset, size_t size, uint8_t *out, pclr_error *error)
{
    while (size > 0) {
        ssize_t n = pread(d->descriptor, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_io(error, d->path, "read", errno);
        if (n == 0)
            return error_set(error, PCLR_E_FORMAT, "%s: ends at byte %llu within the signal; expected more; import it again", d->path,
                             (unsigned long long)offset);
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return PCLR_OK;
}

pclr_status pclr_dataset_read(const pclr_dataset *d, size_t record, int64_t first, int64_t length, int16_t *out, pclr_error *error)
{
    if (record >= d->records) return error_set(error, PCLR_E_ARGUMENT, "record %zu; the dataset has %zu", record, d->records);
    if (first < 0 || length < 0 || first > d->length[record] || length > d->length[record] - first) {
        return error_set(error, PCLR_E_ARGUMENT, "samples %lld + %lld of record %s; it has %lld", (long long)first, (long long)length,
                         d->text[0][record], (long long)d->length[record]);
    }
    size_t row_bytes = d->leads * sizeof(int16_t);
    for (int64_t at = d->start[record] + first, left = length; left > 0;) {
        size_t chunk = (size_t)(at / d->chunk_rows);
        int64_t inside = at % d->chunk_rows, n = d->chunk_rows - inside < left ? d->chunk_rows - inside : left;
        if (d->chunk_address[chunk] == UINT64_MAX) {
            for (size_t i = 0; i < (size_t)n * d->leads; i++) out[i] = PCLR_SAMPLE_MISSING;
        } else {
            TRY(read_bytes(d, d->chunk_address[chunk] + (uint64_t)inside * row_bytes, (size_t)n * row_bytes, (uint8_t *)out, error));
        }
        out += (size_t)n * d->leads;
        at += n;
        left -= n;
    }
    return PCLR_OK;
}

void dataset_unpack(const int16_t *packed, const char *const *lead_name, size_t leads, uint32_t mask, pclr_record *r)
{
    size_t to = 0;
    for (size_t lead = 0; lead < leads; lead++) {
        if (!(mask >> lead & 1)) continue;
        record_set_channel(r, to, lead_name[lead]);
        float *out = r->signal + to * r->samples;
        for (size_t i = 0; i < r->samples; i++) {
            int16_t v = packed[i * leads + lead];
            out[i] = v == PCLR_SAMPLE_MISSING ? NAN : (float)(v * 1e-3);
        }
        to++;
    }
}

pclr_status pclr_dataset_record(const pclr_dataset *d, size_t record, pclr_record **out, pclr_error *error)
{
    pclr_dataset_row row = pclr_dataset_get_row(d, record);
    int16_t *packed = NULL;
    size_t leads = 0;
    pclr_status status;

    *out = NULL;
    if (record >= d->records) return error_set(error, PCLR_E_ARGUMENT, "record %zu; the dataset has %zu", record, d->records);
    for (size_t k = 0; k < d->leads; k++) leads += row.lead_mask >> k & 1;
    TRY_GOTO(pclr_record_create(out, row.id, d->rate, leads, (size_t)row.length, error));
    TRY_GOTO(mem_alloc(&packed, (size_t)row.length * d->leads, sizeof *packed, error));
    TRY_GOTO(pclr_dataset_read(d, record, 0, row.length, packed, error));
    dataset_unpack(packed, (const char *const *)d->lead_name, d->leads, row.lead_mask, *out);
    (*out)->age = row.age;
    (*out)->sex = row.sex;
    if (row.patient[0]) TRY_GOTO(mem_strdup(&(*out)->patient, row.patient, error));
    TRY_GOTO(mem_strdup(&(*out)->source_format, "dataset", error));
    TRY_GOTO(record_settle(*out, error));
done:
    mem_free(packed);
    if (status != PCLR_OK) pclr_record_destroy(out);
    return status;
}
