/* SPDX-License-Identifier: Apache-2.0 */
/* The one list of formats. A new format is one file and one line here. */
#include "record/formats/format.h"

extern const record_format record_format_scp, record_format_wfdb, record_format_edf, record_format_ishne, record_format_npy,
    record_format_csv, record_format_muse, record_format_aecg, record_format_philips, record_format_dicom, record_format_matlab4,
    record_format_matlab5, record_format_tracings;

/* Formats with a signature come first, those that are only recognised by their look last; the usual one as early as it may. */
const record_format *const record_formats[] = {
    &record_format_edf,     &record_format_ishne,
    &record_format_dicom,   &record_format_scp,
    &record_format_npy,     &record_format_tracings,
    &record_format_matlab5, &record_format_wfdb,
    &record_format_muse,    &record_format_aecg,
    &record_format_philips, &record_format_matlab4,
    &record_format_csv,     NULL,
};

const record_format *record_format_find(const format_input *input)
{
    for (size_t k = 0; record_formats[k]; k++) {
        if (record_formats[k]->probe(input)) return record_formats[k];
    }
    return NULL;
}
