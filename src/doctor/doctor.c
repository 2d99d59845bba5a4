/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_check: every recording by itself, then all against each other. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "doctor/checkup.h"

/* ---- one recording, in any thread ---- */

/* Text that fits between parentheses of a findings list. */
static void tame(char *words)
{
    for (char *p = words; *p; p++) {
        if (strchr(";()\n\r", *p)) *p = ',';
    }
}

/* Microvolts hash the same from whichever format they were read. */
static uint64_t hash_signal(const pclr_record *r)
{
    uint64_t hash = hash_fnv1a(&r->samples, sizeof r->samples);
    for (size_t i = 0; i < r->leads * r->samples; i++) {
        int32_t v = (int32_t)lrint((double)r->signal[i] * 1000);
        hash = (hash ^ (uint32_t)v) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    return hash | 1;
}

/* What the reader tolerated; an age nobody has is a kind of its own. */
static void note_warnings(findings *f, const pclr_record *r)
{
    char words[256];
    for (size_t k = 0; k < r->warnings; k++) {
        snprintf(words, sizeof words, "%s", r->warning[k]);
        tame(words);
        double age;
        if (sscanf(words, "age %lf", &age) == 1) {
            findings_add(f, FINDING_AGE, "%g", age);
        } else {
            findings_add(f, FINDING_HEADER, "%s", words);
        }
    }
}

static void note_facts(checked_file *file, const pclr_record *r)
{
    const layout_facts *facts = &file->facts;
    file->sex = facts->sex != PCLR_SEX_UNKNOWN ? facts->sex : r->sex;
    if (facts->age > 120) findings_add(&file->found, FINDING_AGE, "%g", facts->age);
}

static pclr_status note_texts(checked_file *file, const pclr_record *r, pclr_error *error)
{
    TRY(mem_strdup(&file->id, r->id, error));
    TRY(mem_strdup(&file->patient, file->facts.patient[0] ? file->facts.patient : r->patient, error));
    TRY(mem_strdup(&file->diagnoses, r->diagnoses, error));
    return mem_strdup(&file->comments, r->comments, error);
}

static pclr_status unreadable(checked_file *file, const char *path, pclr_error *why, pclr_error *error)
{
    tame(why->message);
    findings_add(&file->found, FINDING_UNREADABLE, "%s", why->message);
    TRY(mem_strdup(&file->id, path_base(path), error));
    char *dot = strrchr(file->id, '.');
    if (dot && dot > file->id) *dot = '\0';
    return text_ok(&file->found.words, error);
}

static pclr_status examine(checked_file *file, const char *path, const pclr_read_options *reading, pclr_error *error)
{
    pclr_record *record = NULL;
    pclr_fiducials *marks = NULL;
    pclr_error why = {0};
    pclr_status status = pclr_record_read(&record, path, reading, &why);

    if (status != PCLR_OK) return unreadable(file, path, &why, error);
    TRY_GOTO(note_texts(file, record, error));
    file->hash = hash_signal(record);
    if (pclr_fiducials_compute(&marks, record, NULL, &why) == PCLR_OK && marks->beats > 0) file->quality = marks->quality;
    note_warnings(&file->found, record);
    note_facts(file, record);
    checks_run(&file->found, record, marks);
    file->heart_rate = (float)checks_heart_rate(marks);
    if (file->found.kinds >> FINDING_FLAT & 1 && file->found.kinds >> FINDING_NO_BEATS & 1) file->hash = 0; /* flat lines are all alike */
    status = file->found.words.length ? text_ok(&file->found.words, error) : PCLR_OK;
done:
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
    return status;
}

static pclr_status examine_one(void *user, size_t index, int thread, pclr_error *error)
{
    checkup *c = user;
    const archive *a = &c->archives.archive[c->archive_of[index]];
    checked_file *file = &c->file[index];
    pclr_read_options reading = c->options->read;

    reading.derive_leads = false;
    file->heart_rate = NAN;
    file->sex = PCLR_SEX_UNKNOWN;
    file->facts = (layout_facts){.age = NAN, .sex = PCLR_SEX_UNKNOWN, .fold = -1, .row = -1};
    if (a->layout) a->layout->facts(a->state, c->list->path[index], &file->facts);
    if (callbacks_stop(c->callbacks)) return error_set(error, PCLR_E_INTERRUPTED, "check interrupted");
    TRY(examine(file, c->list->path[index], &reading, error));
    size_t done = atomic_fetch_add(&c->done, 1) + 1;
    if (thread == 0) progress_update(&c->bar, done, NULL);
    return PCLR_OK;
}

/* ---- the result ---- */

static void summarise(pclr_checkup *result)
{
    pclr_check_summary *s = &result->summary;
    s->found = result->count;
    for (size_t i = 0; i < result->count; i++) {
        uint32_t kinds = result->record[i].kinds;
        s->readable += !(kinds >> FINDING_UNREADABLE & 1);
        s->clean += kinds == 0;
        for (size_t k = 0; k < PCLR_FINDINGS; k++) s->records[k] += kinds >> k & 1;
    }
}

static pclr_status hand_over(checkup *c, pclr_checkup **out, pclr_error *error)
{
    TRY(mem_alloc(out, 1, sizeof **out, error));
    TRY(mem_alloc(&(*out)->record, c->list->count, sizeof *(*out)->record, error));
    for (size_t i = 0; i < c->list->count; i++) {
        checked_file *f = &c->file[i];
        pclr_checked *r = &(*out)->record[i];
        TRY(mem_strdup(&r->path, c->list->path[i], error));
        (*out)->count = i + 1;
        r->id = f->id;
        r->findings = f->found.words.data;
        r->kinds = f->found.kinds;
        r->quality = f->quality;
        f->id = NULL;
        f->found.words = (text){0};
    }
    summarise(*out);
    return PCLR_OK;
}

void pclr_checkup_destroy(pclr_checkup **address)
{
    if (!address || !*address) return;
    pclr_checkup *c = *address;
    for (size_t k = 0; k < c->count; k++) {
        mem_free(c->record[k].id);
        mem_free(c->record[k].path);
        mem_free(c->record[k].findings);
    }
    mem_free(c->record);
    mem_release(address);
}

static pclr_status compare_all(checkup *c, pclr_error *error)
{
    measure_set measures = {0};
    label_set labels = {.measures = &measures};
    pclr_status status = statements_check(c, &labels, error);

    if (status == PCLR_OK) status = compare_files(c, &labels, error);
    labels_free(&labels);
    measures_free(&measures);
    return status;
}

static pclr_status run(checkup *c, const char *const *sources, size_t source_count, pclr_error *error)
{
    size_t n = c->list->count;

    TRY(mem_alloc(&c->file, n, sizeof *c->file, error));
    TRY(mem_alloc(&c->archive_of, n, sizeof *c->archive_of, error));
    TRY(archives_find(&c->archives, c->archive_of, c->list, sources, source_count, NULL, NULL, error));
    c->bar = progress_begin(c->callbacks, "check", "records", n);
    TRY(parallel_for(n, c->options->threads, examine_one, c, error));
    progress_update(&c->bar, n, NULL);
    progress_end(&c->bar, NULL);
    return compare_all(c, error);
}

static void release(checkup *c)
{
    for (size_t i = 0; c->file && i < c->list->count; i++) {
        checked_file *f = &c->file[i];
        mem_free(f->id);
        mem_free(f->patient);
        mem_free(f->diagnoses);
        mem_free(f->comments);
        findings_free(&f->found);
    }
    mem_free(c->file);
    mem_free(c->archive_of);
    archives_free(&c->archives);
}

pclr_status pclr_check_run(pclr_checkup **result, const char *const *sources, size_t source_count, const pclr_check_options *options,
                           const pclr_callbacks *callbacks, pclr_error *error)
{
    static const pclr_check_options defaults = {0};
    pclr_record_list *list = NULL;
    checkup c = {.options = options ? options : &defaults, .callbacks = callbacks};
    double begin = clock_seconds();

    *result = NULL;
    TRY(pclr_record_find(&list, sources, source_count, error));
    c.list = list;
    pclr_status status = run(&c, sources, source_count, error);
    if (status == PCLR_OK) status = hand_over(&c, result, error);
    if (status == PCLR_OK) (*result)->summary.seconds = clock_seconds() - begin;
    if (status != PCLR_OK) pclr_checkup_destroy(result);
    release(&c);
    pclr_record_list_destroy(&list);
    return status;
}

pclr_status pclr_check(const char *const *sources, size_t source_count, const char *csv_path, const pclr_check_options *options,
                       const pclr_callbacks *callbacks, pclr_check_summary *summary, pclr_error *error)
{
    pclr_checkup *c = NULL;
    pclr_status status = pclr_check_run(&c, sources, source_count, options, callbacks, error);

    if (status == PCLR_OK && csv_path) status = pclr_checkup_csv(c, csv_path, false, error);
    if (status == PCLR_OK && summary) *summary = c->summary;
    pclr_checkup_destroy(&c);
    return status;
}
