/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/set.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "eval/names.h"

void eval_set_free(eval_set *set)
{
    arena_destroy(&set->memory);
    *set = (eval_set){0};
}

pclr_status eval_set_note(eval_set *set, pclr_error *error, const char *format, ...)
{
    enum { STEP = 16 };
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (set->notes % STEP == 0) {
        char **wider = arena_alloc(set->memory, (set->notes + STEP) * sizeof *wider);
        if (wider == NULL) return error_memory(error, set->notes * sizeof *wider);
        if (set->notes > 0) memcpy(wider, set->note, set->notes * sizeof *wider);
        set->note = wider;
    }
    set->note[set->notes] = arena_strdup(set->memory, line);
    if (set->note[set->notes] == NULL) return error_memory(error, sizeof line);
    set->notes++;
    return PCLR_OK;
}

bool eval_set_has_note(const eval_set *set, const char *note)
{
    for (size_t k = 0; k < set->notes; k++) {
        if (strcmp(set->note[k], note) == 0) return true;
    }
    return false;
}

void eval_set_count(const eval_set *set, size_t class_index, size_t *positives, size_t *negatives)
{
    *positives = *negatives = 0;
    for (size_t r = 0; r < set->records; r++) {
        uint8_t label = set->label[r * set->classes + class_index];
        *positives += label == 1;
        *negatives += label == 0;
    }
}

pclr_status eval_set_allocate(eval_set *set, size_t records, size_t classes, pclr_error *error)
{
    if (classes == 0 || records > SIZE_MAX / 64 / classes)
        return error_set(error, PCLR_E_DATA, "%zu records with %zu classes to evaluate; at least one class is needed", records, classes);
    set->records = records;
    set->classes = classes;
    set->id = arena_alloc(set->memory, records * sizeof *set->id);
    set->class_name = arena_alloc(set->memory, classes * sizeof *set->class_name);
    set->score = arena_alloc(set->memory, records * classes * sizeof *set->score);
    set->label = arena_alloc(set->memory, records * classes);
    set->patient = arena_alloc(set->memory, records * sizeof *set->patient);
    set->source = arena_alloc(set->memory, records * sizeof *set->source);
    set->age = arena_alloc(set->memory, records * sizeof *set->age);
    set->sex = arena_alloc(set->memory, records);
    set->row = arena_alloc(set->memory, records * sizeof *set->row);
    if (!set->id || !set->class_name || !set->score || !set->label || !set->patient || !set->source || !set->age || !set->sex || !set->row)
        return error_memory(error, records * (classes + 4) * sizeof(double));
    return PCLR_OK;
}

/* Renumbers id[count] (values below `limit`) in order of first appearance; returns how many there are. */
static size_t renumber(uint32_t *id, size_t count, uint32_t *table, size_t limit)
{
    uint32_t next = 0;
    memset(table, 0xff, limit * sizeof *table);
    for (size_t i = 0; i < count; i++) {
        uint32_t *number = &table[id[i]];
        if (*number == UINT32_MAX) *number = next++;
        id[i] = *number;
    }
    return next;
}

static void copy_record(eval_set *out, size_t to, const eval_set *set, size_t from)
{
    size_t classes = set->classes;
    out->id[to] = set->id[from];
    memcpy(out->score + to * classes, set->score + from * classes, classes * sizeof *out->score);
    memcpy(out->label + to * classes, set->label + from * classes, classes);
    out->patient[to] = set->patient[from];
    out->source[to] = set->source[from];
    out->age[to] = set->age[from];
    out->sex[to] = set->sex[from];
    out->row[to] = set->row[from];
}

static pclr_status copy_names(eval_set *out, const eval_set *set, pclr_error *error)
{
    for (size_t r = 0; r < out->records; r++) {
        out->id[r] = arena_strdup(out->memory, out->id[r]);
        if (out->id[r] == NULL) return error_memory(error, 64);
    }
    for (size_t c = 0; c < set->classes; c++) {
        out->class_name[c] = arena_strdup(out->memory, set->class_name[c]);
        if (out->class_name[c] == NULL) return error_memory(error, 64);
    }
    return PCLR_OK;
}

/* After copying, source[] still holds the old numbers. */
static pclr_status copy_sources(eval_set *out, const eval_set *set, uint32_t *table, pclr_error *error)
{
    out->sources = renumber(out->source, out->records, table, set->sources);
    out->source_name = arena_alloc(out->memory, out->sources * sizeof *out->source_name);
    if (out->source_name == NULL) return error_memory(error, out->sources);
    for (size_t s = 0; s < set->sources; s++) {
        if (table[s] == UINT32_MAX) continue;
        out->source_name[table[s]] = arena_strdup(out->memory, set->source_name[s]);
        if (out->source_name[table[s]] == NULL) return error_memory(error, 64);
    }
    return PCLR_OK;
}

/* After renumbering, table[] holds the new number of each old patient. */
static pclr_status copy_patients(eval_set *out, const eval_set *set, const uint32_t *table, pclr_error *error)
{
    if (set->patient_key == NULL) return PCLR_OK;
    out->patient_key = arena_alloc(out->memory, out->patients * sizeof *out->patient_key);
    if (out->patient_key == NULL) return error_memory(error, out->patients);
    for (size_t p = 0; p < set->patients; p++) {
        if (table[p] == UINT32_MAX) continue;
        out->patient_key[table[p]] = arena_strdup(out->memory, set->patient_key[p]);
        if (out->patient_key[table[p]] == NULL) return error_memory(error, 64);
    }
    return PCLR_OK;
}

pclr_status eval_set_select(eval_set *out, const eval_set *set, const uint32_t *keep, size_t count, pclr_error *error)
{
    uint32_t *table = NULL;
    size_t limit = set->patients > set->sources ? set->patients : set->sources;
    pclr_status status = PCLR_OK;

    *out = (eval_set){0};
    TRY(mem_alloc(&table, limit, sizeof *table, error));
    TRY_GOTO(arena_create(&out->memory, error));
    TRY_GOTO(eval_set_allocate(out, count, set->classes, error));
    for (size_t k = 0; k < count; k++) copy_record(out, k, set, keep[k]);
    TRY_GOTO(copy_names(out, set, error));
    out->patients = renumber(out->patient, count, table, set->patients);
    TRY_GOTO(copy_patients(out, set, table, error));
    TRY_GOTO(copy_sources(out, set, table, error));
done:
    mem_free(table);
    if (status != PCLR_OK) eval_set_free(out);
    return status;
}
