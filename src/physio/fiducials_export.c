/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of many recordings as one CSV file and, on request, as WFDB annotation files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "physio/recordings_csv.h"
#include "record/formats/wfdb.h"

/* ---- CSV --------------------------------------------------------------------------------------------- */

static void add_position(text *t, const pclr_wave *wave, int point, double position)
{
    text_add_bytes(t, ",", 1);
    if (wave->has & point) text_add(t, "%.2f", position);
}

static void add_wave(text *t, const char *record, const char *lead, const char *name, const pclr_wave *wave)
{
    if (!wave->has) return;
    text_add_csv(t, record);
    text_add_bytes(t, ",", 1);
    text_add_csv(t, lead);
    text_add(t, ",%s", name);
    add_position(t, wave, PCLR_HAS_ONSET, wave->onset);
    add_position(t, wave, PCLR_HAS_PEAK, wave->peak);
    add_position(t, wave, PCLR_HAS_OFFSET, wave->offset);
    text_add_bytes(t, "\n", 1);
}

static void add_lead(text *t, const pclr_record *record, const pclr_fiducials *marks, size_t lead)
{
    const char *name = lead == PCLR_FUSED ? "global" : record->channel[lead].name;
    for (size_t b = 0; b < marks->beats; b++) {
        const pclr_beat *beat = pclr_fiducials_beat(marks, lead, b);
        add_wave(t, record->id, name, "P", &beat->p);
        add_wave(t, record->id, name, "QRS", &beat->qrs);
        add_wave(t, record->id, name, "T", &beat->t);
    }
}

/* By the file's own spelling, else by what the name means ("II" finds "MLII"). */
static size_t find_lead(const pclr_record *record, const char *name)
{
    for (size_t l = 0; l < record->leads; l++)
        if (text_compare_nocase(record->channel[l].name, name) == 0) return l;
    pclr_lead standard = pclr_lead_from_name(name);
    for (size_t l = 0; l < record->leads; l++)
        if (standard != PCLR_LEAD_OTHER && record->channel[l].lead == standard) return l;
    return record->leads;
}

static pclr_status add_leads(text *t, const pclr_record *record, const pclr_fiducials *marks, const char *which, pclr_error *error)
{
    if (which && text_compare_nocase(which, "global") == 0) {
        add_lead(t, record, marks, PCLR_FUSED);
    } else if (!which || text_compare_nocase(which, "all") == 0) {
        for (size_t l = 0; l < record->leads; l++)
            if (!record->channel[l].derived) add_lead(t, record, marks, l);
    } else {
        size_t lead = find_lead(record, which);
        if (lead == record->leads)
            return error_set(error, PCLR_E_DATA, "%s: no lead \"%s\"; expected one of its %zu leads; see `physioclr info`", record->path,
                             which, record->leads);
        add_lead(t, record, marks, lead);
    }
    return text_ok(t, error);
}

/* ---- WFDB annotations ---------------------------------------------------------------------------------- */

enum { CODE_NORMAL = 1, CODE_PVC = 5, CODE_PACED = 12, CODE_P = 24, CODE_T = 27, CODE_BEGIN = 39, CODE_END = 40 };

static int compare_annotations(const void *a, const void *b)
{
    const pclr_annotation *x = a, *y = b;
    if (x->sample != y->sample) return (x->sample > y->sample) - (x->sample < y->sample);
    return (x->code > y->code) - (x->code < y->code);
}

/* `num` tells which wave a bracket belongs to, as in WFDB's ecgpuwave: 0 P, 1 QRS, 2 T. */
static size_t add_annotations(pclr_annotation *list, const pclr_wave *wave, int code, int num)
{
    size_t n = 0;
    if (wave->has & PCLR_HAS_ONSET) list[n++] = (pclr_annotation){.sample = llround(wave->onset), .code = CODE_BEGIN, .num = num};
    if (wave->has & PCLR_HAS_PEAK) list[n++] = (pclr_annotation){.sample = llround(wave->peak), .code = code, .num = 0};
    if (wave->has & PCLR_HAS_OFFSET) list[n++] = (pclr_annotation){.sample = llround(wave->offset), .code = CODE_END, .num = num};
    return n;
}

static pclr_status annotate(pclr_annotation *list, const pclr_fiducials *marks, const char *path, pclr_error *error)
{
    size_t n = 0, size = 0;
    uint8_t *data = NULL;
    for (size_t b = 0; b < marks->beats; b++) {
        const pclr_beat *beat = pclr_fiducials_beat(marks, PCLR_FUSED, b);
        n += add_annotations(list + n, &beat->p, CODE_P, 0);
        n += add_annotations(list + n, &beat->qrs, beat->paced ? CODE_PACED : beat->ventricular ? CODE_PVC : CODE_NORMAL, 1);
        n += add_annotations(list + n, &beat->t, CODE_T, 2);
    }
    qsort(list, n, sizeof *list, compare_annotations);
    while (n > 0 && list[0].sample < 0) list++, n--;
    pclr_status status = wfdb_annotations_format(list, n, &data, &size, error);
    if (status == PCLR_OK) status = file_write(path, data, size, error);
    mem_free(data);
    return status;
}

static pclr_status write_annotations(const pclr_record *record, const pclr_fiducials *marks, const pclr_marks_options *options,
                                     pclr_error *error)
{
    char *folder = NULL, *path = NULL;
    pclr_annotation *list = NULL;
    pclr_status status;
    TRY_GOTO(options->folder ? mem_strdup(&folder, options->folder, error) : path_folder(&folder, record->path, error));
    TRY_GOTO(mem_printf(&path, error, "%s/%s.%s", folder, record->id, options->annotator));
    TRY_GOTO(mem_alloc(&list, marks->beats * 9, sizeof *list, error));
    TRY_GOTO(annotate(list, marks, path, error));
done:
    mem_free(list);
    mem_free(path);
    mem_free(folder);
    return status;
}

/* ---- many recordings ------------------------------------------------------------------------------------- */

static pclr_status one_recording(const void *user, const char *path, text *rows, pclr_error *error)
{
    const pclr_marks_options *options = user;
    pclr_record *record = NULL;
    pclr_fiducials *marks = NULL;
    pclr_status status;
    TRY_GOTO(pclr_record_read(&record, path, &options->read, error));
    TRY_GOTO(pclr_fiducials_compute(&marks, record, &options->fiducials, error));
    if (options->annotator) TRY_GOTO(write_annotations(record, marks, options, error));
    TRY_GOTO(add_leads(rows, record, marks, options->leads, error));
done:
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
    return status;
}

pclr_status pclr_fiducials_export(const char *const *inputs, size_t input_count, const char *csv_path, const pclr_marks_options *options,
                                  const pclr_callbacks *callbacks, pclr_batch_summary *summary, pclr_error *error)
{
    static const pclr_marks_options defaults;
    if (!options) options = &defaults;
    if (options->annotator && options->folder) TRY(file_make_folder(options->folder, error));
    recordings_csv job = {.stage = "fiducials",
                          .header = "record,lead,wave,onset,peak,offset\n",
                          .rows = one_recording,
                          .user = options,
                          .threads = options->threads};
    return recordings_csv_write(&job, inputs, input_count, csv_path, callbacks, summary, error);
}
