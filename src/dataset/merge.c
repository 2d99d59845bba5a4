/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of an archive, imported by several processes or machines, become one dataset: records one after another in the order of the
 * parts, labels by task and class name, splits by the rules that the parts were imported with. Parts made by --shard of one list give,
 * byte for byte, what one import of the whole list gives.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "dataset/import.h"
#include "dataset/physiology.h"

/* What a part holds beyond the public rows. */
typedef struct part {
    const char *path;
    pclr_dataset *dataset;
    size_t records, first; /* first: index of its first record in the whole */
    uint64_t *hash;
    uint8_t *told_split;
    char *time_block;
    const char **time;
    char *rules, *seed; /* of its splits */
    pclr_measurements *measures;
} part;

typedef struct merge_job {
    const pclr_callbacks *callbacks;
    part *part; /* [count] */
    size_t count, records;
    convert_target target;
    store *store;
    label_set labels;
    code_book codes;
    measure_set measures;
} merge_job;

/* ---- opening ---- */

static pclr_status read_extras(part *p, hid_t file, pclr_error *error)
{
    size_t n = p->records;

    TRY(mem_alloc(&p->hash, n, sizeof *p->hash, error));
    TRY(mem_alloc(&p->told_split, n, 1, error));
    TRY(mem_alloc(&p->time, n, sizeof *p->time, error));
    if (!h5_has(file, "/records/told_split") || !h5_has(file, "/records/hash"))
        return error_set(error, PCLR_E_FORMAT, "/records/told_split: not there; expected a dataset of this release; import the part again");
    TRY(h5_read(file, "/records/hash", H5T_NATIVE_UINT64, n, 0, p->hash, error));
    TRY(h5_read(file, "/records/told_split", H5T_NATIVE_UINT8, n, 0, p->told_split, error));
    TRY(h5_read_texts(file, "/records/time", n, &p->time_block, p->time, error));
    TRY(h5_get_text(file, "/", "split_rules", &p->rules, error));
    TRY(h5_get_text(file, "/", "split_seed", &p->seed, error));
    return PCLR_OK;
}

static pclr_status open_part(part *p, const char *path, pclr_error *error)
{
    hid_t file = -1;

    p->path = path;
    TRY(pclr_dataset_open(&p->dataset, path, error));
    p->records = pclr_dataset_records(p->dataset);
    TRY(h5_open(&file, path, false, error));
    pclr_status status = read_extras(p, file, error);
    if (h5_close(&file, path, NULL) != PCLR_OK) file = -1; /* nothing was written */
    if (status == PCLR_OK) status = pclr_dataset_measurements(p->dataset, &p->measures, error);
    return status == PCLR_OK ? PCLR_OK : error_prefix(error, "%s", path);
}

static void close_part(part *p)
{
    pclr_dataset_destroy(&p->dataset);
    pclr_measurements_destroy(&p->measures);
    void *owned[] = {p->hash, p->told_split, p->time_block, p->time, p->rules, p->seed};
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) mem_free(owned[k]);
}

/* Rate and leads are those of the first part. */
static pclr_status check_shape(merge_job *job, const part *p, pclr_error *error)
{
    const pclr_dataset *d = p->dataset;
    convert_target *t = &job->target;

    if (p == job->part) {
        t->rate = pclr_dataset_rate(d);
        t->leads = pclr_dataset_leads(d);
        for (size_t k = 0; k < t->leads; k++) snprintf(t->lead_name[k], sizeof t->lead_name[k], "%.15s", pclr_dataset_lead_name(d, k));
        return PCLR_OK;
    }
    bool same = t->rate == pclr_dataset_rate(d) && t->leads == pclr_dataset_leads(d);
    for (size_t k = 0; same && k < t->leads; k++) same = strcmp(t->lead_name[k], pclr_dataset_lead_name(d, k)) == 0;
    if (same) return PCLR_OK;
    return error_set(error, PCLR_E_DATA,
                     "%s: %zu leads at %g Hz; expected the %zu leads and %g Hz of %s; import it with --leads and --rate", p->path,
                     pclr_dataset_leads(d), pclr_dataset_rate(d), t->leads, t->rate, job->part->path);
}

/* ---- the same recording twice? ---- */

typedef struct recording_key {
    uint64_t hash;
    size_t part, record;
} recording_key;

static int by_hash(const void *a, const void *b)
{
    const recording_key *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    if (x->part != y->part) return x->part < y->part ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

/* A part named twice, or two parts that overlap, would let copies leak from training to test. */
static pclr_status refuse_overlap(const merge_job *job, pclr_error *error)
{
    recording_key *key = NULL;
    size_t n = 0;
    pclr_status status = PCLR_OK;

    TRY(mem_alloc(&key, job->records, sizeof *key, error));
    for (size_t p = 0; p < job->count; p++) {
        for (size_t r = 0; r < job->part[p].records; r++) key[n++] = (recording_key){job->part[p].hash[r], p, r};
    }
    if (n) qsort(key, n, sizeof *key, by_hash);
    for (size_t k = 1; status == PCLR_OK && k < n; k++) {
        if (key[k].hash != key[k - 1].hash || key[k].part == key[k - 1].part) continue;
        pclr_dataset_row a = pclr_dataset_get_row(job->part[key[k - 1].part].dataset, key[k - 1].record);
        pclr_dataset_row b = pclr_dataset_get_row(job->part[key[k].part].dataset, key[k].record);
        if (strcmp(a.id, b.id) != 0 || strcmp(a.path, b.path) != 0) continue; /* a duplicate within the archive: the doctor's business */
        status = error_set(error, PCLR_E_DATA, "record %s is in %s and in %s; expected every recording in one part; leave one out", a.id,
                           job->part[key[k - 1].part].path, job->part[key[k].part].path);
    }
    mem_free(key);
    return status;
}

/* ---- joining ---- */

static pclr_status copy_record(merge_job *job, const part *p, size_t record, int16_t **sample, size_t *capacity, pclr_error *error)
{
    pclr_dataset_row r = pclr_dataset_get_row(p->dataset, record);
    size_t values = (size_t)r.length * job->target.leads, index;
    store_row row = {.id = r.id,
                     .source = r.source,
                     .patient = r.patient,
                     .path = r.path,
                     .time = p->time[record],
                     .source_rate = r.source_rate,
                     .age = r.age >= 0 ? r.age : NAN,
                     .sex = (uint8_t)r.sex,
                     .lead_mask = r.lead_mask,
                     .fold = r.fold,
                     .hash = p->hash[record],
                     .told_split = p->told_split[record]};

    if (values > *capacity) {
        mem_release(sample);
        TRY(mem_alloc(sample, values, sizeof **sample, error));
        *capacity = values;
    }
    TRY(pclr_dataset_read(p->dataset, record, 0, r.length, *sample, error));
    stored_record stored = {.sample = *sample, .length = r.length};
    return store_append(job->store, &stored, &row, &index, error);
}

static pclr_status copy_signals(merge_job *job, pclr_import_summary *summary, pclr_error *error)
{
    int16_t *sample = NULL;
    size_t capacity = 0, done = 0;
    progress bar = progress_begin(job->callbacks, "merge", "records", job->records);
    pclr_status status = PCLR_OK;

    for (size_t k = 0; status == PCLR_OK && k < job->count; k++) {
        const part *p = &job->part[k];
        for (size_t r = 0; status == PCLR_OK && r < p->records; r++) {
            status = callbacks_stop(job->callbacks) ? error_set(error, PCLR_E_INTERRUPTED, "merge: stopped; nothing was written")
                                                    : copy_record(job, p, r, &sample, &capacity, error);
            int64_t length = pclr_dataset_get_row(p->dataset, r).length;
            summary->signal_hours += (double)length / job->target.rate / 3600;
            summary->bytes_read += (uint64_t)length * job->target.leads * sizeof *sample;
            progress_update(&bar, ++done, NULL);
        }
    }
    mem_free(sample);
    progress_end(&bar, NULL);
    return status;
}

static bool same_classes(const label_task *t, const pclr_labels *l)
{
    bool same = t->classes == l->classes;
    for (size_t c = 0; same && c < l->classes; c++) same = strcmp(t->class_name[c], l->class_name[c]) == 0;
    return same;
}

static pclr_status add_row(merge_job *job, size_t task, const pclr_labels *l, size_t row, size_t record, pclr_error *error)
{
    const uint8_t *value = l->value + row * l->classes;
    bool known = false, taken;

    for (size_t c = 0; c < l->classes; c++) known |= value[c] != 255;
    if (known) TRY(labels_know(&job->labels, task, record, error));
    for (size_t c = 0; c < l->classes; c++) {
        if (value[c] == 1) TRY(labels_state(&job->labels, task, record, l->class_name[c], &taken, error));
    }
    return PCLR_OK;
}

/* A task whose classes are the same in all parts keeps their order; else the classes are those of any part, sorted by name. */
static pclr_status copy_task(merge_job *job, const part *p, const char *name, pclr_error *error)
{
    pclr_labels *l = NULL;
    size_t task, tasks = job->labels.tasks;
    pclr_status status;

    TRY_GOTO(pclr_dataset_labels(p->dataset, name, &l, error));
    TRY_GOTO(labels_task(&job->labels, name, (const char *const *)l->class_name, l->classes, &task, error));
    label_task *t = &job->labels.task[task];
    if (task < tasks && !same_classes(t, l)) t->closed = false;
    for (size_t c = 0; !t->closed && c < l->classes; c++) TRY_GOTO(labels_class(&job->labels, task, l->class_name[c], error));
    for (size_t r = 0; r < p->records; r++) TRY_GOTO(add_row(job, task, l, r, p->first + r, error));
done:
    pclr_labels_destroy(&l);
    return status;
}

static pclr_status copy_tables(merge_job *job, pclr_error *error)
{
    for (size_t k = 0; k < job->count; k++) {
        const part *p = &job->part[k];
        for (size_t t = 0; t < pclr_dataset_tasks(p->dataset); t++) TRY(copy_task(job, p, pclr_dataset_task_name(p->dataset, t), error));
        const pclr_measurements *m = p->measures;
        for (size_t r = 0; m->columns && r < p->records; r++) {
            TRY(measures_set(&job->measures, p->first + r, (const char *const *)m->name, (const char *const *)m->unit, m->columns,
                             m->value + r * m->columns, error));
        }
    }
    TRY(labels_finish(&job->labels, error));
    return measures_finish(&job->measures, job->records, error);
}

/* ---- files beside the parts ---- */

static pclr_status join_rejects(const merge_job *job, const char *dataset_path, pclr_import_summary *summary, pclr_error *error)
{
    text all = {0};
    char *path = NULL;
    pclr_status status = PCLR_OK;

    text_add(&all, "record,reason\n");
    for (size_t k = 0; status == PCLR_OK && k < job->count; k++) {
        csv_table t = {0};
        mem_release(&path);
        status = beside_path(&path, job->part[k].path, true, "rejects.csv", error);
        if (status != PCLR_OK || !file_exists(path)) continue;
        status = csv_read(&t, path, error);
        for (size_t r = 0; status == PCLR_OK && r < t.rows && t.columns == 2; r++, summary->refused++) {
            text_add_csv(&all, csv_get(&t, r, 0));
            text_add(&all, ",");
            text_add_csv(&all, csv_get(&t, r, 1));
            text_add(&all, "\n");
        }
        csv_free(&t);
    }
    mem_release(&path);
    if (status == PCLR_OK) status = text_ok(&all, error);
    if (status == PCLR_OK) status = beside_path(&path, dataset_path, false, "rejects.csv", error);
    if (status == PCLR_OK) status = file_write(path, all.data, all.length, error);
    mem_free(path);
    text_free(&all);
    return status;
}

static pclr_status add_codes(code_book *book, const pclr_dataset *d, pclr_error *error)
{
    pclr_codes *c = NULL;

    TRY(pclr_dataset_codes(d, &c, error));
    pclr_status status = PCLR_OK;
    for (size_t k = 0; status == PCLR_OK && k < c->codes; k++)
        status = codes_add(book, c->code[k], c->name[k], c->known[k] ? c->class_name[k] : NULL, c->records[k], error);
    pclr_codes_destroy(&c);
    return status;
}

static pclr_status join_codes(merge_job *job, const char *dataset_path, pclr_error *error)
{
    char *path = NULL;
    uint64_t codes, records;

    for (size_t k = 0; k < job->count; k++) TRY(add_codes(&job->codes, job->part[k].dataset, error));
    TRY(beside_path(&path, dataset_path, false, "codes.csv", error));
    pclr_status status = codes_write(&job->codes, path, &codes, &records, error);
    mem_free(path);
    return status;
}

/* ---- the whole ---- */

static pclr_status open_parts(merge_job *job, const char *const *parts, size_t count, pclr_error *error)
{
    if (count == 0) return error_set(error, PCLR_E_ARGUMENT, "merge: no parts; expected the datasets to join");
    TRY(mem_alloc(&job->part, count, sizeof *job->part, error));
    job->count = count;
    for (size_t k = 0; k < count; k++) {
        part *p = &job->part[k];
        TRY(open_part(p, parts[k], error));
        TRY(check_shape(job, p, error));
        p->first = job->records;
        job->records += p->records;
    }
    return refuse_overlap(job, error);
}

/* Rules of the caller, or of the parts, which then must agree. */
static pclr_status choose_splits(const merge_job *job, const pclr_import_options *o, const char **rules, uint64_t *seed, pclr_error *error)
{
    const part *one = job->part;

    *rules = o->split;
    *seed = o->seed;
    if (o->split) return PCLR_OK;
    for (size_t k = 1; k < job->count; k++) {
        if (strcmp(job->part[k].rules, one->rules) == 0 && strcmp(job->part[k].seed, one->seed) == 0) continue;
        return error_set(error, PCLR_E_DATA, "%s: splits \"%s\" with seed %s; %s has \"%s\" with %s; say what holds with --split",
                         job->part[k].path, job->part[k].rules, job->part[k].seed, one->path, one->rules, one->seed);
    }
    *rules = one->rules[0] ? one->rules : NULL;
    *seed = strtoull(one->seed, NULL, 10);
    return PCLR_OK;
}

/* Features go along where all parts have the same; what keeps them from it is told. */
static pclr_status finish(merge_job *job, const char *rules, uint64_t seed, pclr_error *error)
{
    const pclr_dataset **dataset = NULL;
    named_physiology physiology = {0};
    char why[512];

    TRY(mem_alloc(&dataset, job->count, sizeof *dataset, error));
    for (size_t k = 0; k < job->count; k++) dataset[k] = job->part[k].dataset;
    pclr_status status = physiology_join(&physiology, dataset, job->count, why, sizeof why, error);
    mem_free(dataset);
    if (why[0]) callbacks_log(job->callbacks, PCLR_LOG_WARNING, "features are left out: %s; run `physioclr features` on the whole", why);
    bool kept = physiology.table.records > 0;
    if (status == PCLR_OK) status = store_finish(job->store, &job->labels, rules, seed, kept ? &physiology : NULL, error);
    named_physiology_free(&physiology);
    return status;
}

static pclr_status merge(merge_job *job, const char *dataset_path, const char *const *parts, size_t count,
                         const pclr_import_options *options, pclr_import_summary *summary, pclr_error *error)
{
    const char *rules;
    uint64_t seed;

    job->labels.codes = &job->codes;
    job->labels.measures = &job->measures;
    TRY(open_parts(job, parts, count, error));
    TRY(choose_splits(job, options, &rules, &seed, error));
    TRY(store_create(&job->store, dataset_path, &job->target, error));
    TRY(copy_signals(job, summary, error));
    TRY(copy_tables(job, error));
    TRY(join_rejects(job, dataset_path, summary, error));
    TRY(join_codes(job, dataset_path, error));
    summary->imported = job->records;
    summary->found = summary->imported + summary->refused;
    return finish(job, rules, seed, error);
}

pclr_status pclr_import_merge(const char *dataset_path, const char *const *parts, size_t count, const pclr_import_options *options,
                              const pclr_callbacks *callbacks, pclr_import_summary *summary, pclr_error *error)
{
    static const pclr_import_options defaults = {0};
    pclr_import_summary local = {0}, *s = summary ? summary : &local;
    merge_job job = {.callbacks = callbacks};
    double begin = clock_seconds();

    *s = (pclr_import_summary){0};
    pclr_status status = merge(&job, dataset_path, parts, count, options ? options : &defaults, s, error);
    s->seconds = clock_seconds() - begin;
    for (size_t k = 0; k < job.count; k++) close_part(&job.part[k]);
    mem_free(job.part);
    store_destroy(&job.store);
    labels_free(&job.labels);
    codes_free(&job.codes);
    measures_free(&job.measures);
    return status;
}
