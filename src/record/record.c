/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

pclr_status record_check_size(const char *place, uint64_t leads, uint64_t samples, pclr_error *error)
{
    if (leads == 0 || leads > RECORD_LEADS_MAX) {
        return error_set(error, PCLR_E_FORMAT, "%s: %llu signals; expected 1 to %d; the file is damaged or is no recording", place,
                         (unsigned long long)leads, RECORD_LEADS_MAX);
    }
    if (samples == 0) return error_set(error, PCLR_E_DATA, "%s: no samples; expected at least one; leave the recording out", place);
    if (samples > RECORD_VALUES_MAX / leads) {
        return error_set(
            error, PCLR_E_FORMAT,
            "%s: %llu signals of %llu samples; expected at most %llu values in all; read it in parts, or the length is damaged", place,
            (unsigned long long)leads, (unsigned long long)samples, (unsigned long long)RECORD_VALUES_MAX);
    }
    return PCLR_OK;
}

pclr_status record_check_expansion(const char *place, uint64_t values, size_t bytes, pclr_error *error)
{
    enum { EXPANSION_MAX = 1032 };
    if (values / EXPANSION_MAX <= bytes) return PCLR_OK;
    return error_set(error, PCLR_E_FORMAT, "%s: announces %llu values in %zu bytes; expected at most %d a byte; the file is damaged", place,
                     (unsigned long long)values, bytes, EXPANSION_MAX);
}

static pclr_status fill_new_record(pclr_record *r, const char *id, double rate, size_t leads, size_t samples, pclr_error *error)
{
    r->rate = rate;
    r->leads = leads;
    r->samples = samples;
    r->age = -1;
    r->sex = PCLR_SEX_UNKNOWN;
    TRY(mem_strdup(&r->id, id, error));
    TRY(mem_alloc(&r->channel, leads, sizeof *r->channel, error));
    for (size_t k = 0; k < leads; k++) r->channel[k].lead = PCLR_LEAD_OTHER;
    return mem_alloc(&r->signal, leads * samples, sizeof *r->signal, error);
}

pclr_status pclr_record_create(pclr_record **record, const char *id, double rate, size_t leads, size_t samples, pclr_error *error)
{
    pclr_record *r = NULL;

    *record = NULL;
    if (!(rate > 0) || !isfinite(rate)) {
        return error_set(error, PCLR_E_ARGUMENT, "record %s: rate %g Hz; expected a positive number", id ? id : "", rate);
    }
    TRY(record_check_size(id ? id : "record", leads, samples, error));
    TRY(mem_alloc(&r, 1, sizeof *r, error));
    pclr_status status = fill_new_record(r, id ? id : "", rate, leads, samples, error);
    if (status != PCLR_OK) {
        pclr_record_destroy(&r);
        return status;
    }
    *record = r;
    return PCLR_OK;
}

void pclr_record_destroy(pclr_record **record)
{
    if (!record || !*record) return;
    pclr_record *r = *record;
    for (size_t k = 0; k < r->annotations; k++) mem_free(r->annotation[k].aux);
    for (size_t k = 0; k < r->warnings; k++) mem_free(r->warning[k]);
    void *owned[] = {r->id,      r->path,      r->source_format, r->channel,    r->signal,     r->valid,
                     r->patient, r->diagnoses, r->comments,      r->start_time, r->annotation, r->warning};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) mem_free(owned[k]);
    mem_free(r);
    *record = NULL;
}

int pclr_record_find_lead(const pclr_record *record, pclr_lead lead)
{
    for (size_t k = 0; k < record->leads; k++) {
        if (lead != PCLR_LEAD_OTHER && record->channel[k].lead == lead) return (int)k;
    }
    return -1;
}

void record_set_channel(pclr_record *record, size_t channel, const char *name)
{
    pclr_channel *c = &record->channel[channel];
    size_t length = 0;

    c->lead = PCLR_LEAD_OTHER;
    for (; *name && length + 1 < sizeof c->name; name++) {
        if ((unsigned char)*name >= ' ') c->name[length++] = *name;
    }
    while (length > 0 && c->name[length - 1] == ' ') length--;
    c->name[length] = '\0';
    pclr_lead lead = pclr_lead_from_name(c->name);
    if (lead != PCLR_LEAD_OTHER && pclr_record_find_lead(record, lead) < 0) c->lead = lead;
}

pclr_status record_settle(pclr_record *record, pclr_error *error)
{
    size_t count = record->leads * record->samples;
    size_t first = 0;

    while (first < count && isfinite(record->signal[first])) first++;
    if (first == count) return PCLR_OK;
    if (!record->valid) {
        TRY(mem_alloc(&record->valid, count, 1, error));
        memset(record->valid, 1, count);
    }
    for (size_t i = first; i < count; i++) {
        if (!isfinite(record->signal[i])) {
            record->signal[i] = 0;
            record->valid[i] = 0;
        }
    }
    return PCLR_OK;
}

pclr_status record_warn(pclr_record *record, pclr_error *error, const char *format, ...)
{
    char line[512];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    TRY(mem_grow(&record->warning, record->warnings, record->warnings + 1, sizeof *record->warning, error));
    TRY(mem_strdup(&record->warning[record->warnings], line, error));
    record->warnings++;
    return PCLR_OK;
}

pclr_status record_add_annotation(pclr_record *record, size_t *capacity, int64_t sample, int code, int subtype, int chan, int num,
                                  const char *aux, pclr_error *error)
{
    if (record->annotations == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 64;
        TRY(mem_grow(&record->annotation, *capacity, larger, sizeof *record->annotation, error));
        *capacity = larger;
    }
    pclr_annotation *a = &record->annotation[record->annotations];
    *a = (pclr_annotation){.sample = sample, .code = code, .subtype = subtype, .chan = chan, .num = num};
    TRY(mem_strdup(&a->aux, aux, error));
    record->annotations++;
    return PCLR_OK;
}

pclr_status record_set_text(char **member, const char *value, pclr_error *error)
{
    char *copy = NULL;

    TRY(mem_strdup(&copy, value, error));
    mem_free(*member);
    *member = copy;
    return PCLR_OK;
}

void record_drop_channels(pclr_record *record, const bool *keep)
{
    size_t to = 0;

    for (size_t k = 0; k < record->leads; k++) {
        if (!keep[k]) continue;
        if (to != k) {
            record->channel[to] = record->channel[k];
            memmove(record->signal + to * record->samples, record->signal + k * record->samples, record->samples * sizeof(float));
            if (record->valid) memmove(record->valid + to * record->samples, record->valid + k * record->samples, record->samples);
        }
        to++;
    }
    record->leads = to;
}
