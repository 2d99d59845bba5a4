/* SPDX-License-Identifier: Apache-2.0 */
#include "train/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/text.h"
#include "physio/features.h"

static pclr_status set_lead(preprocess_spec *spec, const char *name, pclr_error *error)
{
    if (spec->leads == 12) return error_set(error, PCLR_E_UNSUPPORTED, "input.leads: more than 12 leads; an input has at most 12");
    snprintf(spec->lead_name[spec->leads++], sizeof spec->lead_name[0], "%s", name);
    return PCLR_OK;
}

pclr_status pool_input_from_config(preprocess_spec *spec, const pclr_config *config, const pclr_dataset *dataset, pclr_error *error)
{
    memset(spec, 0, sizeof *spec);
    spec->rate = config_real(config, "input.rate");
    spec->seconds = config_real(config, "input.seconds");
    spec->high_pass = config_real(config, "input.high_pass");
    spec->low_pass = config_real(config, "input.low_pass");
    spec->scale = config_real(config, "input.scale");
    spec->clip = config_real(config, "input.clip");
    snprintf(spec->normalize, sizeof spec->normalize, "%s", config_text(config, "input.normalize"));
    const char *leads = config_text(config, "input.leads");
    if (leads[0] == '\0') {
        for (size_t k = 0; k < pclr_dataset_leads(dataset); k++) TRY(set_lead(spec, pclr_dataset_lead_name(dataset, k), error));
        return PCLR_OK;
    }
    char **name = NULL;
    size_t count = 0;
    TRY(text_split(leads, ',', &name, &count, error));
    pclr_status status = PCLR_OK;
    for (size_t k = 0; k < count && status == PCLR_OK; k++) {
        const char *standard = pclr_lead_name(pclr_lead_from_name(name[k]));
        if (!standard)
            status = error_set(error, PCLR_E_ARGUMENT, "input.leads: \"%s\" is no standard lead; expected names of I, II, ... V6", name[k]);
        else
            status = set_lead(spec, standard, error);
    }
    mem_free(name);
    return status;
}

/* Bits of the dataset's leads that the input needs; 0 for single-lead inputs, which take the best lead there is. */
static pclr_status needed_leads(const pool *p, uint32_t *mask, pclr_error *error)
{
    *mask = 0;
    if (p->preprocess.leads == 1) return PCLR_OK;
    for (int64_t k = 0; k < p->preprocess.leads; k++) {
        size_t lead = 0;
        while (lead < pclr_dataset_leads(p->dataset) && strcmp(pclr_dataset_lead_name(p->dataset, lead), p->preprocess.lead_name[k]) != 0)
            lead++;
        if (lead == pclr_dataset_leads(p->dataset))
            return error_set(error, PCLR_E_DATA,
                             "lead %s: the dataset has no such lead; choose input.leads among the dataset's own, or import the lead",
                             p->preprocess.lead_name[k]);
        *mask |= UINT32_C(1) << lead;
    }
    return PCLR_OK;
}

typedef struct patient_key {
    const char *source, *patient;
    size_t record;
} patient_key;

static int compare_patients(const void *a, const void *b)
{
    const patient_key *x = a, *y = b;
    int order = strcmp(x->source, y->source);
    return order != 0 ? order : strcmp(x->patient, y->patient);
}

static const char *or_empty(const char *word)
{
    return word ? word : "";
}

/* Numbers the patients; a record without a patient is its own. */
static pclr_status number_patients(pool *p, pclr_error *error)
{
    patient_key *key = NULL;
    size_t known = 0;
    int64_t next = 0;
    TRY(mem_alloc(&key, p->records, sizeof *key, error));
    for (size_t k = 0; k < p->records; k++) {
        pclr_dataset_row row = pclr_dataset_get_row(p->dataset, p->record[k].row);
        if (row.patient && row.patient[0])
            key[known++] = (patient_key){or_empty(row.source), row.patient, k};
        else
            p->record[k].patient = -1;
    }
    qsort(key, known, sizeof *key, compare_patients);
    for (size_t k = 0; k < known; k++) {
        if (k > 0 && compare_patients(&key[k - 1], &key[k]) != 0) next++;
        p->record[key[k].record].patient = next;
    }
    for (size_t k = 0; k < p->records; k++)
        if (p->record[k].patient < 0) p->record[k].patient = ++next;
    mem_free(key);
    return PCLR_OK;
}

static pclr_status choose_records(pool *p, pclr_error *error)
{
    uint32_t mask = 0;
    size_t rows = pclr_dataset_records(p->dataset);
    TRY(needed_leads(p, &mask, error));
    TRY(mem_alloc(&p->record, rows, sizeof *p->record, error));
    for (size_t row = 0; row < rows; row++) {
        pclr_dataset_row r = pclr_dataset_get_row(p->dataset, row);
        if ((r.lead_mask & mask) != mask || r.lead_mask == 0) {
            p->without_leads++;
            continue;
        }
        pool_record *record = &p->record[p->records++];
        record->row = row;
        record->part = PCLR_SPLIT_NONE;
        record->samples = preprocess_samples(&p->preprocess, r.length, pclr_dataset_rate(p->dataset));
    }
    if (p->records == 0)
        return error_set(error, PCLR_E_DATA, "dataset: none of its %zu records has all leads of the input; choose fewer input.leads", rows);
    return number_patients(p, error);
}

/* Segments grouped by record, so that a record's own are found at once. */
static pclr_status index_segments(pool *p, pclr_error *error)
{
    const dataset_physiology *y = &p->physiology;
    size_t rows = pclr_dataset_records(p->dataset);
    TRY(mem_alloc(&p->segment_begin, rows + 2, sizeof *p->segment_begin, error));
    TRY(mem_alloc(&p->segment_order, y->segments, sizeof *p->segment_order, error));
    for (size_t s = 0; s < y->segments; s++) {
        if (y->segment_record[s] < 0 || (size_t)y->segment_record[s] >= rows)
            return error_set(error, PCLR_E_FORMAT,
                             "/segments/record: segment %zu belongs to record %lld, expected less than %zu; compute the features again", s,
                             (long long)y->segment_record[s], rows);
        p->segment_begin[y->segment_record[s] + 2]++;
    }
    for (size_t r = 2; r < rows + 2; r++) p->segment_begin[r] += p->segment_begin[r - 1];
    for (size_t s = 0; s < y->segments; s++) p->segment_order[p->segment_begin[y->segment_record[s] + 1]++] = s;
    return PCLR_OK;
}

pclr_status pool_open(pool *p, const char *dataset_path, const preprocess_spec *spec, const pclr_config *config, bool needs_physiology,
                      pclr_error *error)
{
    memset(p, 0, sizeof *p);
    TRY(pclr_dataset_open(&p->dataset, dataset_path, error));
    if (spec)
        p->preprocess = *spec;
    else
        TRY(pool_input_from_config(&p->preprocess, config, p->dataset, error));
    TRY(choose_records(p, error));
    TRY(dataset_fingerprint(p->dataset, p->fingerprint, error));
    pclr_status status = dataset_physiology_read(p->dataset, &p->physiology, error);
    if (status == PCLR_E_DATA && !needs_physiology) {
        if (error) *error = (pclr_error){0};
        return PCLR_OK;
    }
    if (status != PCLR_OK) return status;
    p->has_physiology = true;
    if (p->physiology.features > POOL_MAX_FEATURES)
        return error_set(error, PCLR_E_UNSUPPORTED, "/physiology/features: %zu features, expected at most %d", p->physiology.features,
                         POOL_MAX_FEATURES);
    return index_segments(p, error);
}

void pool_close(pool *p)
{
    if (!p) return;
    for (size_t k = 0; k < p->records; k++) mem_release(&p->record[k].signal);
    mem_release(&p->record);
    if (p->has_physiology) dataset_physiology_free(&p->physiology);
    mem_release(&p->segment_begin);
    mem_release(&p->segment_order);
    pclr_dataset_destroy(&p->dataset);
    p->records = 0;
    p->has_physiology = false;
}

pclr_status pool_check_extractor(const pool *p, const pclr_callbacks *callbacks, pclr_error *error)
{
    const char *path = dataset_path(p->dataset);
    if (p->physiology.extractor == FEATURE_EXTRACTOR) return PCLR_OK;
    if (p->physiology.extractor != 0)
        return error_set(error, PCLR_E_DATA,
                         "%s: /physiology was computed by feature extractor %d, this program has extractor %d; run `physioclr features %s`",
                         path, p->physiology.extractor, FEATURE_EXTRACTOR, path);
    callbacks_log(callbacks, PCLR_LOG_WARNING,
                  "%s: /physiology does not tell which feature extractor computed it; if in doubt run `physioclr features %s`", path, path);
    return PCLR_OK;
}

/* ---- parts ---- */

pclr_status pool_split_named(pool *p, const char *name, pclr_error *error)
{
    if (!name || !name[0]) {
        if (pclr_dataset_splits(p->dataset) == 0)
            return error_set(error, PCLR_E_DATA, "dataset: it has no split; import it with --split NAME=0.8/0.1/0.1");
        name = pclr_dataset_split_name(p->dataset, 0);
    }
    uint8_t *part = NULL;
    TRY(mem_alloc(&part, pclr_dataset_records(p->dataset), 1, error));
    pclr_status status = pclr_dataset_split(p->dataset, name, part, error);
    for (size_t k = 0; status == PCLR_OK && k < p->records; k++) p->record[k].part = part[p->record[k].row];
    mem_free(part);
    return status;
}

static pclr_status exclude_sources(pool *p, const char *sources, pclr_error *error)
{
    char **name = NULL;
    size_t count = 0;
    if (sources[0] == '\0') return PCLR_OK;
    TRY(text_split(sources, ',', &name, &count, error));
    for (size_t n = 0; n < count; n++) {
        size_t found = 0;
        for (size_t k = 0; k < p->records; k++) {
            if (strcmp(or_empty(pclr_dataset_get_row(p->dataset, p->record[k].row).source), name[n]) != 0) continue;
            p->record[k].part = PCLR_SPLIT_NONE;
            found++;
        }
        if (found == 0) {
            pclr_status status = error_set(error, PCLR_E_ARGUMENT,
                                           "data.exclude_source: no record of source \"%s\" in the dataset; see `physioclr info`", name[n]);
            mem_free(name);
            return status;
        }
    }
    mem_free(name);
    return PCLR_OK;
}

/* A share of the patients by a draw keyed by the patient's name, so that it does not change when records are added. */
static void hold_out(pool *p, double share, uint64_t seed)
{
    for (size_t k = 0; k < p->records; k++) {
        if (p->record[k].part != PCLR_SPLIT_TRAIN) continue;
        pclr_dataset_row row = pclr_dataset_get_row(p->dataset, p->record[k].row);
        const char *name = row.patient && row.patient[0] ? row.patient : or_empty(row.id);
        rng random = rng_make(seed, "holdout", hash_fnv1a(name, strlen(name)));
        if (rng_uniform(&random) < share) p->record[k].part = PCLR_SPLIT_VALIDATION;
    }
}

pclr_status pool_split_pretraining(pool *p, const pclr_config *config, pclr_error *error)
{
    const char *name = config_text(config, "data.split");
    size_t count[2] = {0, 0};
    if (name[0]) TRY(pool_split_named(p, name, error));
    for (size_t k = 0; k < p->records; k++) {
        if (!name[0]) p->record[k].part = PCLR_SPLIT_TRAIN;
        if (p->record[k].part > PCLR_SPLIT_VALIDATION) p->record[k].part = PCLR_SPLIT_NONE;
    }
    TRY(exclude_sources(p, config_text(config, "data.exclude_source"), error));
    for (size_t k = 0; k < p->records; k++)
        if (p->record[k].part <= PCLR_SPLIT_VALIDATION) count[p->record[k].part]++;
    if (count[PCLR_SPLIT_VALIDATION] == 0) hold_out(p, config_real(config, "data.validation"), (uint64_t)config_int(config, "seed"));
    if (count[PCLR_SPLIT_TRAIN] == 0)
        return error_set(error, PCLR_E_DATA, "dataset: no record is left for training; check data.split and data.exclude_source");
    return PCLR_OK;
}

pclr_status pool_part(const pool *p, pclr_split part, size_t **index, size_t *count, pclr_error *error)
{
    *count = 0;
    TRY(mem_alloc(index, p->records, sizeof **index, error));
    for (size_t k = 0; k < p->records; k++)
        if (p->record[k].part == part) (*index)[(*count)++] = k;
    return PCLR_OK;
}

/* ---- signals ---- */

static pclr_status preprocess_row(const pool *p, size_t k, float **signal, pclr_error *error)
{
    pclr_record *record = NULL;
    pclr_status status;
    *signal = NULL;
    TRY_GOTO(pclr_dataset_record(p->dataset, p->record[k].row, &record, error));
    TRY_GOTO(mem_alloc(signal, (size_t)(p->record[k].samples * p->preprocess.leads), sizeof(float), error));
    TRY_GOTO(preprocess_record(&p->preprocess, record, *signal, error));
done:
    pclr_record_destroy(&record);
    if (status != PCLR_OK) mem_release(signal);
    return status;
}

pclr_status pool_signal(const pool *p, size_t k, const float **signal, float **own, pclr_error *error)
{
    *own = NULL;
    if (!p->record[k].signal) TRY(preprocess_row(p, k, own, error));
    *signal = *own ? *own : p->record[k].signal;
    return PCLR_OK;
}

typedef struct load_work {
    pool *p;
    const uint8_t *wanted;
    const pclr_callbacks *callbacks;
    progress bar;
} load_work;

/* A record that cannot be used is left out, not a failure of the run. */
static pclr_status load_one(void *user, size_t k, int thread, pclr_error *error)
{
    load_work *w = user;
    pclr_error why = {0};
    float *signal = NULL;
    if (w->wanted && !w->wanted[k]) return PCLR_OK;
    if (callbacks_stop(w->callbacks))
        return error_set(error, PCLR_E_INTERRUPTED, "interrupted while the dataset was being read; nothing was written");
    pclr_status status = preprocess_row(w->p, k, &signal, &why);
    if (status == PCLR_E_MEMORY) return error_set(error, status, "%s", why.message);
    if (status != PCLR_OK) w->p->record[k].part = PCLR_SPLIT_NONE;
    w->p->record[k].signal = signal;
    if (thread == 0) progress_update(&w->bar, k, NULL);
    return PCLR_OK;
}

void pool_drop_unused(pool *p)
{
    size_t kept = 0;
    for (size_t k = 0; k < p->records; k++) {
        if (p->record[k].part == PCLR_SPLIT_NONE)
            mem_release(&p->record[k].signal);
        else
            p->record[kept++] = p->record[k];
    }
    p->records = kept;
}

pclr_status pool_load(pool *p, const uint8_t *wanted, const pclr_config *config, int threads, const pclr_callbacks *callbacks,
                      pclr_error *error)
{
    double bytes = 0.0, limit = config_real(config, "data.memory") * 1048576.0;
    for (size_t k = 0; k < p->records; k++)
        if (!wanted || wanted[k]) bytes += (double)(p->record[k].samples * p->preprocess.leads) * sizeof(float);
    if (p->without_leads)
        callbacks_log(callbacks, PCLR_LOG_INFO, "%zu records lack a lead of the input and are left out", p->without_leads);
    if (bytes > limit) {
        callbacks_log(callbacks, PCLR_LOG_INFO, "signals are read from the file as needed: %.0f MiB would exceed data.memory (%.0f MiB)",
                      bytes / 1048576.0, limit / 1048576.0);
        return PCLR_OK;
    }
    load_work work = {p, wanted, callbacks, progress_begin(callbacks, "load", "records", p->records)};
    size_t before = p->records;
    TRY(parallel_for(p->records, threads, load_one, &work, error));
    progress_update(&work.bar, before, NULL);
    progress_end(&work.bar, NULL);
    pool_drop_unused(p);
    p->refused = before - p->records;
    if (p->refused) callbacks_log(callbacks, PCLR_LOG_WARNING, "%zu records could not be preprocessed and are left out", p->refused);
    if (p->records == 0)
        return error_set(error, PCLR_E_DATA, "dataset: no record could be preprocessed for this input; check input.leads and input.rate");
    return PCLR_OK;
}

/* ---- features ---- */

static void add_segment(const pool *p, size_t segment, double weight, double *sum, double *mass)
{
    const float *feature = p->physiology.feature + segment * p->physiology.features;
    for (size_t f = 0; f < p->physiology.features; f++) {
        if (isnan(feature[f])) continue;
        sum[f] += weight * feature[f];
        mass[f] += weight;
    }
}

void pool_features(const pool *p, size_t k, int64_t start, int64_t length, float *value, uint8_t *valid)
{
    size_t row = p->record[k].row, count = p->physiology.features;
    double ratio = pclr_dataset_rate(p->dataset) / p->preprocess.rate;
    double first = (double)start * ratio, last = first + (double)length * ratio;
    double sum[POOL_MAX_FEATURES], mass[POOL_MAX_FEATURES];
    memset(sum, 0, sizeof sum);
    memset(mass, 0, sizeof mass);
    for (size_t s = p->segment_begin[row]; s < p->segment_begin[row + 1]; s++) {
        size_t segment = p->segment_order[s];
        double begin = (double)p->physiology.segment_start[segment], end = begin + (double)p->physiology.segment_length[segment];
        double overlap = length == 0 ? end - begin : fmin(end, last) - fmax(begin, first);
        if (overlap > 0.0) add_segment(p, segment, overlap, sum, mass);
    }
    for (size_t f = 0; f < count; f++) {
        valid[f] = mass[f] > 0.0;
        value[f] = valid[f] ? (float)(sum[f] / mass[f]) : 0.0f;
    }
}
