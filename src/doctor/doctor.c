/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_check: every recording by itself, then all against each other. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "doctor/findings.h"

typedef struct patient_file {
    char *id, *patient; /* patient NULL: unknown */
    uint64_t hash;      /* of the samples; 0: not read */
    float quality;
    findings found;
} patient_file;

typedef struct checkup {
    const pclr_record_list *list;
    const pclr_check_options *options;
    const pclr_callbacks *callbacks;
    patient_file *file; /* [list->count] */
    progress bar;
    atomic_size_t done;
} checkup;

/* Text that fits between parentheses of a findings list. */
static void tame(char *words)
{
    for (char *p = words; *p; p++) {
        if (strchr(";()\n\r", *p)) *p = ',';
    }
}

static pclr_status examine(patient_file *file, const char *path, const pclr_read_options *reading, pclr_error *error)
{
    pclr_record *record = NULL;
    pclr_fiducials *marks = NULL;
    pclr_error why = {0};
    pclr_status status = pclr_record_read(&record, path, reading, &why);
    if (status != PCLR_OK) {
        tame(why.message);
        findings_add(&file->found, FINDING_UNREADABLE, "%s", why.message);
        TRY(mem_strdup(&file->id, path_base(path), error));
        char *dot = strrchr(file->id, '.');
        if (dot && dot > file->id) *dot = '\0';
        return text_ok(&file->found.words, error);
    }
    TRY_GOTO(mem_strdup(&file->id, record->id, error));
    TRY_GOTO(mem_strdup(&file->patient, record->patient, error));
    file->hash = hash_fnv1a(record->signal, record->leads * record->samples * sizeof *record->signal) | 1;
    if (pclr_fiducials_compute(&marks, record, NULL, &why) == PCLR_OK && marks->beats > 0) file->quality = marks->quality;
    checks_run(&file->found, record, marks);
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
    pclr_read_options reading = c->options->read;
    reading.derive_leads = false;
    if (callbacks_stop(c->callbacks)) return error_set(error, PCLR_E_INTERRUPTED, "check interrupted");
    TRY(examine(&c->file[index], c->list->path[index], &reading, error));
    size_t done = atomic_fetch_add(&c->done, 1) + 1;
    if (thread == 0) progress_update(&c->bar, done, NULL);
    return PCLR_OK;
}

static int by_hash(const void *a, const void *b, void *user)
{
    const patient_file *file = user;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (file[x].hash != file[y].hash) return file[x].hash < file[y].hash ? -1 : 1;
    return (x > y) - (x < y);
}

/* The later of two equal recordings is the duplicate. */
static pclr_status find_duplicates(checkup *c, pclr_error *error)
{
    size_t *order = NULL, n = c->list->count;
    TRY(mem_alloc(&order, n, sizeof *order, error));
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, by_hash, c->file);
    for (size_t k = 1, first = 0; k < n; k++) {
        patient_file *a = &c->file[order[first]], *b = &c->file[order[k]];
        if (a->hash != b->hash || a->hash == 0) {
            first = k;
            continue;
        }
        findings_add(&b->found, FINDING_DUPLICATE, "%s", a->id);
        if (a->patient && b->patient && strcmp(a->patient, b->patient) != 0)
            findings_add(&b->found, FINDING_PATIENT, "%s and %s", a->patient, b->patient);
    }
    mem_free(order);
    return PCLR_OK;
}

static pclr_status write_csv(const checkup *c, const char *path, pclr_error *error)
{
    text out = {0};
    file_out to;
    text_add(&out, "record_id,quality,findings\n");
    for (size_t i = 0; i < c->list->count; i++) {
        text_add_csv(&out, c->file[i].id);
        text_add(&out, ",%.4f,", (double)c->file[i].quality);
        text_add_csv(&out, c->file[i].found.words.data ? c->file[i].found.words.data : "");
        text_add(&out, "\n");
    }
    pclr_status status = text_ok(&out, error);
    if (status == PCLR_OK) status = file_out_open(&to, path, error);
    if (status == PCLR_OK) {
        fwrite(out.data, 1, out.length, to.stream); /* commit reports what failed */
        status = file_out_commit(&to, error);
    }
    text_free(&out);
    return status;
}

static void summarise(const checkup *c, pclr_check_summary *summary)
{
    summary->found = c->list->count;
    for (size_t i = 0; i < c->list->count; i++) {
        uint32_t kinds = c->file[i].found.kinds;
        summary->readable += !(kinds >> FINDING_UNREADABLE & 1);
        summary->clean += kinds == 0;
        for (size_t k = 0; k < PCLR_FINDINGS; k++) summary->records[k] += kinds >> k & 1;
    }
}

pclr_status pclr_check(const char *const *sources, size_t source_count, const char *csv_path, const pclr_check_options *options,
                       const pclr_callbacks *callbacks, pclr_check_summary *summary, pclr_error *error)
{
    static const pclr_check_options defaults = {0};
    pclr_record_list *list = NULL;
    checkup c = {.options = options ? options : &defaults, .callbacks = callbacks};
    pclr_check_summary own = {0};
    double begin = clock_seconds();
    pclr_status status = PCLR_OK;

    TRY_GOTO(pclr_record_find(&list, sources, source_count, error));
    c.list = list;
    TRY_GOTO(mem_alloc(&c.file, list->count, sizeof *c.file, error));
    c.bar = progress_begin(callbacks, "check", "records", list->count);
    TRY_GOTO(parallel_for(list->count, c.options->threads, examine_one, &c, error));
    progress_update(&c.bar, list->count, NULL);
    progress_end(&c.bar, NULL);
    TRY_GOTO(find_duplicates(&c, error));
    if (csv_path) TRY_GOTO(write_csv(&c, csv_path, error));
    summarise(&c, &own);
    own.seconds = clock_seconds() - begin;
    if (summary) *summary = own;
done:
    for (size_t i = 0; c.file && i < list->count; i++) {
        mem_free(c.file[i].id);
        mem_free(c.file[i].patient);
        findings_free(&c.file[i].found);
    }
    mem_free(c.file);
    pclr_record_list_destroy(&list);
    return status;
}
