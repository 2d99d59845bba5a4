/* SPDX-License-Identifier: Apache-2.0 */
/* One recording of an import: read and converted in any thread, then taken in order. */
#include "dataset/import_job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one recording, in any thread ---- */

static void ask_layouts(const import_job *job, size_t index, import_item *it)
{
    const archive *a = &job->archives.archive[job->archive_of[index]];
    const layout_facts nothing = {.age = NAN, .sex = PCLR_SEX_UNKNOWN, .fold = -1, .row = -1};

    it->facts = it->told = nothing;
    if (a->layout) a->layout->facts(a->state, job->list->path[index], &it->facts);
    if (job->archives.labels.layout) job->archives.labels.layout->facts(job->archives.labels.state, job->list->path[index], &it->told);
}

static void describe(import_item *it)
{
    const stored_record *s = &it->stored;
    const pclr_record *r = s->record;

    it->entry.length = s->length;
    it->entry.source_rate = s->source_rate;
    it->entry.lead_mask = s->lead_mask;
    it->entry.warnings = (uint32_t)r->warnings;
    it->entry.hash = s->hash;
    it->entry.offset_removed = s->offset_removed;
    it->entry.sex = (uint8_t)r->sex;
    it->entry.age = r->age;
    it->entry.patient = r->patient;
    it->entry.diagnoses = r->diagnoses;
    it->entry.comments = r->comments;
    it->entry.time = r->start_time;
}

static void read_item(import_job *job, size_t index, int thread, import_item *it)
{
    pclr_record *record = NULL;
    pclr_read_options read = job->options->read;

    read.derive_leads = true;
    it->status = pclr_record_read(&record, job->list->path[index], &read, &it->error);
    if (it->status == PCLR_OK) {
        it->entry.bytes = (int64_t)(record->leads * record->samples * sizeof(int16_t));
        it->status = convert_record(job->converter[thread], &it->stored, &record, it->facts.lead, &it->error);
        atomic_fetch_add(&job->held, (size_t)it->stored.length * job->target.leads * sizeof *it->stored.sample);
    }
    pclr_record_destroy(&record);
    if (it->status == PCLR_OK) {
        describe(it);
    } else {
        it->entry.outcome = JOURNAL_REFUSED;
        it->entry.reason = it->error.message;
    }
}

pclr_status import_work(void *user, size_t k, int thread, pclr_error *error)
{
    import_job *job = user;
    import_item *it = &job->item[k];
    size_t index = job->first + k;

    (void)error; /* a recording that fails is listed and stops nothing */
    it->put_off = k > 0 && atomic_load(&job->held) > IMPORT_HELD_MOST;
    if (it->put_off) return PCLR_OK;
    ask_layouts(job, index, it);
    if (index - job->begin < job->resumed) {
        journal_get(job->journal, index - job->begin, &it->entry);
        it->stored.length = it->entry.length;
        it->stored.in_file = true;
    } else if (it->facts.leave_out) {
        it->entry.outcome = JOURNAL_LEFT_OUT;
    } else {
        read_item(job, index, thread, it);
    }
    return PCLR_OK;
}

/* ---- one recording, in order ---- */

static void reject(import_job *job, const char *path, const char *reason)
{
    text_add_csv(&job->rejects, path);
    text_add(&job->rejects, ",");
    text_add_csv(&job->rejects, reason);
    text_add(&job->rejects, "\n");
    job->summary->refused++;
}

static uint8_t split_from_word(const char *word)
{
    if (!word) return PCLR_SPLIT_NONE;
    if (strcmp(word, "train") == 0) return PCLR_SPLIT_TRAIN;
    if (strcmp(word, "validation") == 0 || strcmp(word, "val") == 0 || strcmp(word, "valid") == 0) return PCLR_SPLIT_VALIDATION;
    return strcmp(word, "test") == 0 ? PCLR_SPLIT_TEST : PCLR_SPLIT_NONE;
}

/* Texts of a row that are made for it. */
typedef struct row_texts {
    char id[512], time[40], patient[PSEUDONYM_SIZE];
} row_texts;

/* What the tables tell goes before what the recording itself tells; --labels before the archive's own. */
static store_row make_row(const import_job *job, size_t index, const import_item *it, row_texts *texts)
{
    const journal_entry *e = &it->entry;
    const layout_facts *from[] = {&it->told, &it->facts};
    store_row row = {.id = texts->id,
                     .source = job->archives.archive[job->archive_of[index]].source,
                     .patient = e->patient ? e->patient : "",
                     .path = job->list->path[index],
                     .time = texts->time,
                     .source_rate = e->source_rate,
                     .age = e->age >= 0 ? e->age : NAN,
                     .sex = e->sex,
                     .lead_mask = e->lead_mask,
                     .fold = -1,
                     .hash = e->hash,
                     .told_split = PCLR_SPLIT_NONE};

    layout_record_id(job->list->path[index], texts->id, sizeof texts->id);
    snprintf(texts->time, sizeof texts->time, "%s", e->time ? e->time : "");
    for (int k = 1; k >= 0; k--) {
        if (from[k]->patient[0]) row.patient = from[k]->patient;
        if (from[k]->age >= 0 && from[k]->age <= 130) row.age = (float)from[k]->age;
        if (from[k]->sex != PCLR_SEX_UNKNOWN) row.sex = (uint8_t)from[k]->sex;
        if (from[k]->fold >= 0) row.fold = from[k]->fold;
        if (from[k]->time && *from[k]->time) snprintf(texts->time, sizeof texts->time, "%s", from[k]->time);
        if (split_from_word(from[k]->split) != PCLR_SPLIT_NONE) row.told_split = split_from_word(from[k]->split);
    }
    if (strlen(texts->time) > 10 && texts->time[10] == ' ') texts->time[10] = 'T';
    return row;
}

/* Ids become keyed hashes, dates move with the patient, paths are dropped. */
static void hide_person(const import_job *job, store_row *row, row_texts *texts)
{
    char key[640], time[40];

    snprintf(key, sizeof key, "%s/%s", row->source, row->patient[0] ? row->patient : texts->id);
    date_shift(texts->time, pseudonym_days(&job->pseudonyms, key), time, sizeof time);
    snprintf(texts->time, sizeof texts->time, "%s", time);
    pseudonym_make(&job->pseudonyms, "patient", row->patient[0] ? key : "", texts->patient);
    pseudonym_make(&job->pseudonyms, "record", texts->id, key);
    snprintf(texts->id, sizeof texts->id, "%.16s", key);
    row->patient = texts->patient;
    row->path = "";
    row->age = deidentify_age(row->age);
}

static pclr_status state_labels(import_job *job, size_t index, const import_item *it, size_t record, pclr_error *error)
{
    const archive *a = &job->archives.archive[job->archive_of[index]], *told = &job->archives.labels;

    TRY(header_labels(it->entry.diagnoses, it->entry.comments, record, &job->labels, error));
    if (a->layout) TRY(a->layout->label(a->state, &it->facts, record, &job->labels, error));
    return told->layout ? told->layout->label(told->state, &it->told, record, &job->labels, error) : PCLR_OK;
}

static pclr_status take_imported(import_job *job, size_t index, import_item *it, pclr_error *error)
{
    row_texts texts;
    size_t record;
    store_row row = make_row(job, index, it, &texts);

    if (job->options->deidentify) hide_person(job, &row, &texts);
    TRY(store_append(job->store, &it->stored, &row, &record, error));
    TRY(state_labels(job, index, it, record, error));
    job->summary->imported++;
    job->summary->signal_hours += (double)it->entry.length / job->target.rate / 3600;
    job->summary->bytes_read += (uint64_t)it->entry.bytes;
    job->offsets_removed += it->entry.offset_removed;
    job->warnings += it->entry.warnings;
    return PCLR_OK;
}

pclr_status import_take(import_job *job, size_t index, import_item *it, pclr_error *error)
{
    if (it->status == PCLR_E_MEMORY) {
        if (error) *error = it->error;
        return it->status;
    }
    switch (it->entry.outcome) {
    case JOURNAL_LEFT_OUT:
        job->left_out++;
        break;
    case JOURNAL_REFUSED:
        reject(job, job->list->path[index], it->entry.reason ? it->entry.reason : "");
        break;
    default:
        TRY(take_imported(job, index, it, error));
    }
    if (index - job->begin >= job->resumed) journal_add(job->journal, &it->entry);
    return PCLR_OK;
}
