/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a WFDB record: header, format-16 signal file with 1 uV a step (coarser for a lead beyond 32.767 mV), annotations. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "record/formats/wfdb.h"

static double lead_gain(const pclr_record *r, size_t lead)
{
    float largest = 0;
    for (size_t i = 0; i < r->samples; i++) {
        float a = fabsf(r->signal[lead * r->samples + i]);
        if (isfinite(a) && a > largest) largest = a;
    }
    return (double)largest * 1000 > INT16_MAX ? floor(INT16_MAX / (double)largest * 1e6) / 1e6 : 1000;
}

static int16_t step_of(const pclr_record *r, size_t lead, size_t i, double gain)
{
    size_t at = lead * r->samples + i;
    if ((r->valid && !r->valid[at]) || !isfinite(r->signal[at])) return INT16_MIN;
    double v = (double)r->signal[at] * gain;
    return (int16_t)lrint(v > INT16_MAX ? INT16_MAX : v < -INT16_MAX ? -INT16_MAX : v);
}

/* Does a comment already tell what its own line would tell? */
static bool told_by_comments(const char *comments, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = comments; p && *p; p++) {
        if ((p == comments || p[-1] == '\n' || p[-1] == ' ' || p[-1] == '<') && strncasecmp(p, key, n) == 0 && (p[n] == ':' || p[n] == '>'))
            return true;
    }
    return false;
}

static void add_comments(text *t, const pclr_record *r)
{
    const char *c = r->comments;

    if (r->age >= 0 && !told_by_comments(c, "age")) {
        text_add(t, "#Age: ");
        text_add_float(t, r->age);
        text_add(t, "\n");
    }
    if (r->sex != PCLR_SEX_UNKNOWN && !told_by_comments(c, "sex")) text_add(t, "#Sex: %s\n", r->sex == PCLR_SEX_MALE ? "Male" : "Female");
    if (r->patient && !told_by_comments(c, "patient")) text_add(t, "#Patient: %s\n", r->patient);
    if (r->diagnoses && !told_by_comments(c, "dx")) text_add(t, "#Dx: %s\n", r->diagnoses);
    while (c && *c) {
        size_t n = strcspn(c, "\n");
        text_add(t, "#%.*s\n", (int)n, c);
        c += n + (c[n] == '\n');
    }
}

/* "2020-05-12T12:33:59" -> " 12:33:59 12/05/2020" */
static void add_start(text *t, const char *iso)
{
    int y, mo, d, h, mi, s;
    if (iso && sscanf(iso, "%4d-%2d-%2dT%2d:%2d:%2d", &y, &mo, &d, &h, &mi, &s) == 6)
        text_add(t, " %02d:%02d:%02d %02d/%02d/%04d", h, mi, s, d, mo, y);
}

static pclr_status write_files(const pclr_record *r, const char *base, const char *annotator, const double *gain, pclr_error *error)
{
    size_t bytes = r->leads * r->samples * 2;
    uint8_t *data = NULL, *marks = NULL;
    char *path = NULL;
    text header = {0};
    size_t marks_size = 0;
    pclr_status status;

    TRY_GOTO(mem_alloc(&data, bytes, 1, error));
    text_add(&header, "%s %zu ", r->id, r->leads);
    text_add_double(&header, r->rate);
    text_add(&header, " %zu", r->samples);
    add_start(&header, r->start_time);
    text_add(&header, "\n");
    for (size_t k = 0; k < r->leads; k++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < r->samples; i++) {
            int16_t v = step_of(r, k, i, gain[k]);
            sum = sum + (uint16_t)v;
            data[2 * (i * r->leads + k)] = (uint8_t)((uint16_t)v & 0xff);
            data[2 * (i * r->leads + k) + 1] = (uint8_t)((uint16_t)v >> 8);
        }
        text_add(&header, "%s.dat 16 ", r->id);
        text_add_double(&header, gain[k]);
        text_add(&header, "(0)/mV 16 0 %d %d 0 %s\n", step_of(r, k, 0, gain[k]), (int16_t)(sum & 0xffff), r->channel[k].name);
    }
    add_comments(&header, r);
    TRY_GOTO(text_ok(&header, error));
    TRY_GOTO(mem_printf(&path, error, "%s.dat", base));
    TRY_GOTO(file_write(path, data, bytes, error));
    if (r->annotations) {
        TRY_GOTO(wfdb_annotations_format(r->annotation, r->annotations, &marks, &marks_size, error));
        mem_release(&path);
        TRY_GOTO(mem_printf(&path, error, "%s.%s", base, annotator ? annotator : "atr"));
        TRY_GOTO(file_write(path, marks, marks_size, error));
    }
    mem_release(&path);
    TRY_GOTO(mem_printf(&path, error, "%s.hea", base)); /* last: a header promises that the rest is there */
    TRY_GOTO(file_write(path, header.data, header.length, error));
done:
    mem_free(data);
    mem_free(marks);
    mem_free(path);
    text_free(&header);
    return status;
}

pclr_status pclr_record_write_wfdb(const pclr_record *record, const char *folder, const char *annotator, pclr_error *error)
{
    double *gain = NULL;
    char *base = NULL;
    pclr_status status;

    for (const char *p = record->id; *p; p++) {
        if (isalnum((unsigned char)*p) || strchr("_-.", *p)) continue;
        return error_set(error, PCLR_E_ARGUMENT, "record name \"%s\"; expected letters, digits, '_', '-' and '.'", record->id);
    }
    if (!record->id[0]) return error_set(error, PCLR_E_ARGUMENT, "a record without a name cannot be written");
    TRY_GOTO(file_make_folder(folder, error));
    TRY_GOTO(path_join(&base, folder, record->id, error));
    TRY_GOTO(mem_alloc(&gain, record->leads, sizeof *gain, error));
    for (size_t k = 0; k < record->leads; k++) gain[k] = lead_gain(record, k);
    TRY_GOTO(write_files(record, base, annotator, gain, error));
done:
    mem_free(gain);
    mem_free(base);
    return status;
}
