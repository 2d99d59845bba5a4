/* SPDX-License-Identifier: Apache-2.0 */
/* Records and archives with a known truth. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "record/record.h"
#include "simulate/noise.h"

enum { WFDB_NORMAL = 1, WFDB_P = 24, WFDB_T = 27, WFDB_OPEN = 39, WFDB_CLOSE = 40 };

/* Options with the defaults filled in. */
typedef struct sim_setup {
    pclr_simulate_options options;
    double prevalence[CONDITIONS];
} sim_setup;

static pclr_status make_setup(sim_setup *setup, const pclr_simulate_options *options, pclr_error *error)
{
    pclr_simulate_options *o = &setup->options;
    *o = options ? *options : (pclr_simulate_options){0};
    if (o->records == 0) o->records = 100;
    if (o->rate == 0.0) o->rate = 500.0;
    if (o->seconds == 0.0) o->seconds = 10.0;
    if (o->records_per_patient == 0.0) o->records_per_patient = 1.5;
    if (!(o->rate >= 50.0 && o->rate <= 10000.0))
        return error_set(error, PCLR_E_ARGUMENT, "simulate: rate %g Hz; expected 50 to 10000 Hz; choose e.g. 500", o->rate);
    if (!(o->seconds >= 1.0 && o->seconds <= 86400.0))
        return error_set(error, PCLR_E_ARGUMENT, "simulate: %g seconds; expected 1 to 86400; choose e.g. 10", o->seconds);
    if (!(o->records_per_patient >= 1.0 && o->records_per_patient <= 100.0))
        return error_set(error, PCLR_E_ARGUMENT, "simulate: %g records per patient; expected 1 to 100; choose e.g. 1.5",
                         o->records_per_patient);
    return conditions_parse(setup->prevalence, o->conditions, error);
}

/*
 * The patient of a record. Records come in blocks of fixed size which are divided among patients by the block's own random
 * stream, so that a record is found without going through all those before it. Sizes are 1 + geometric.
 */
static uint64_t patient_of(uint64_t record, const sim_setup *setup)
{
    enum { BLOCK = 64 };
    rng random = rng_make(setup->options.seed, "simulate patients", record / BLOCK);
    double another = 1.0 - 1.0 / setup->options.records_per_patient; /* probability that a patient has one more */
    uint64_t patient = 0;
    for (uint64_t k = 0; k < record % BLOCK; k++)
        if (rng_uniform(&random) >= another) patient++;
    return record / BLOCK * BLOCK + patient;
}

/* ---- truth ------------------------------------------------------------------------------------------------ */

typedef struct mark {
    int64_t sample;
    int code, subtype, num, order;
} mark;

static int compare_marks(const void *a, const void *b)
{
    const mark *x = a, *y = b;
    if (x->sample != y->sample) return x->sample < y->sample ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Three marks of a wave that lies wholly inside the recording. num tells the wave: 0 P, 1 QRS, 2 T, as in the QT Database. */
static void add_marks(mark *list, size_t *count, const wave_mark *w, int wave, beat_origin origin, double rate, size_t samples)
{
    static const int CODE[WAVES] = {WFDB_P, WFDB_NORMAL, WFDB_T};
    double first = round(w->onset * rate), last = round(w->offset * rate);
    if (!w->present || first < 0.0 || last > (double)samples - 1.0) return;
    double at[3] = {first, round(w->peak * rate), last};
    int code[3] = {WFDB_OPEN, CODE[wave], WFDB_CLOSE};
    for (int k = 0; k < 3; k++) {
        list[*count] = (mark){(int64_t)at[k], code[k], wave == WAVE_QRS ? (int)origin : 0, wave, (int)*count};
        (*count)++;
    }
}

static pclr_status store_marks(pclr_record *record, mark *list, size_t count, pclr_error *error)
{
    size_t capacity = 0;
    qsort(list, count, sizeof *list, compare_marks);
    for (size_t k = 0; k < count; k++)
        TRY(record_add_annotation(record, &capacity, list[k].sample, list[k].code, list[k].subtype, 0, list[k].num, NULL, error));
    return PCLR_OK;
}

/* ---- one record --------------------------------------------------------------------------------------------- */

static pclr_status draw_heart(pclr_record *record, const sim_patient *patient, const sim_state *state, const sim_rhythm *rhythm,
                              rng *random, pclr_error *error)
{
    dipole_track dipole = {0};
    mark *marks = NULL;
    size_t count = 0;
    pclr_status status = PCLR_OK;
    TRY_GOTO(dipole_create(&dipole, record->samples, record->rate, error));
    TRY_GOTO(mem_alloc(&marks, 9 * rhythm->count, sizeof *marks, error));
    for (size_t b = 0; b < rhythm->count; b++) {
        beat_shape shape;
        const sim_beat *beat = &rhythm->beat[b];
        double breath = sin(2.0 * M_PI * rhythm->respiration * beat->time + rhythm->respiration_phase);
        beat_make(&shape, patient, state, beat, breath, random);
        dipole_add_beat(&dipole, &shape);
        for (int w = 0; w < WAVES; w++) add_marks(marks, &count, &shape.mark[w], w, beat->origin, record->rate, record->samples);
    }
    dipole_add_atria(&dipole, &rhythm->atria);
    torso_project(&dipole, patient, record->signal);
    status = store_marks(record, marks, count, error);
done:
    mem_free(marks);
    dipole_free(&dipole);
    return status;
}

/* A premature beat that fell outside the recording is not a finding of it. */
static condition_set keep_visible(condition_set set, const sim_rhythm *rhythm, double seconds)
{
    bool atrial = false, ventricular = false;
    for (size_t b = 0; b < rhythm->count; b++) {
        if (rhythm->beat[b].time < 0.0 || rhythm->beat[b].time > seconds) continue;
        atrial |= rhythm->beat[b].origin == BEAT_ATRIAL;
        ventricular |= rhythm->beat[b].origin == BEAT_VENTRICULAR;
    }
    if (!atrial) set &= ~(1U << COND_PAC);
    if (!ventricular) set &= ~(1U << COND_PVC);
    return set;
}

static pclr_status describe(pclr_record *record, const sim_patient *patient, condition_set set, double snr, pclr_error *error)
{
    char codes[512], patient_id[32], comments[128];
    conditions_codes(set, codes, sizeof codes);
    snprintf(patient_id, sizeof patient_id, "p%llu", (unsigned long long)patient->number);
    snprintf(comments, sizeof comments, "SNR: %.1f dB", snr);
    record->age = (float)patient->age;
    record->sex = patient->sex;
    for (size_t l = 0; l < record->leads; l++) record_set_channel(record, l, pclr_lead_name((pclr_lead)l));
    TRY(record_set_text(&record->diagnoses, codes, error));
    TRY(record_set_text(&record->patient, patient_id, error));
    return record_set_text(&record->comments, comments, error);
}

static pclr_status simulate_one(pclr_record **out, size_t index, const sim_setup *setup, pclr_error *error)
{
    const pclr_simulate_options *o = &setup->options;
    char id[32];
    sim_rhythm rhythm = {0};
    pclr_record *record = NULL;
    pclr_status status = PCLR_OK;
    sim_patient patient = patient_make(o->seed, patient_of(index, setup), setup->prevalence);
    rng random = rng_make(o->seed, "simulate record", index), noise = rng_make(o->seed, "simulate noise", index);
    condition_set set = conditions_of_record(setup->prevalence, patient.age, patient.inclination, &random);
    sim_state state = state_make(&patient, set, &random);
    double drawn = rng_range(&noise, 12.0, 30.0), snr = o->snr_set && !isnan(o->snr) ? o->snr : drawn;

    snprintf(id, sizeof id, "sim%06zu", index);
    TRY_GOTO(rhythm_make(&rhythm, &patient, set, o->seconds, &random, error));
    TRY_GOTO(pclr_record_create(&record, id, o->rate, PCLR_LEAD_STANDARD, (size_t)(o->seconds * o->rate + 0.5), error));
    TRY_GOTO(draw_heart(record, &patient, &state, &rhythm, &random, error));
    if (isfinite(snr)) TRY_GOTO(noise_add(record->signal, record->samples, o->rate, snr, &noise, error));
    TRY_GOTO(describe(record, &patient, keep_visible(set, &rhythm, o->seconds), snr, error));
    *out = record;
    record = NULL;
done:
    rhythm_free(&rhythm);
    pclr_record_destroy(&record);
    return status;
}

pclr_status pclr_simulate_record(pclr_record **record, size_t index, const pclr_simulate_options *options, pclr_error *error)
{
    sim_setup setup;
    *record = NULL;
    TRY(make_setup(&setup, options, error));
    return simulate_one(record, index, &setup, error);
}

/* ---- an archive ------------------------------------------------------------------------------------------------ */

typedef struct archive_part {
    const sim_setup *setup;
    const char *folder;
    size_t first;
} archive_part;

static pclr_status write_one(void *user, size_t index, int thread, pclr_error *error)
{
    const archive_part *part = user;
    pclr_record *record = NULL;
    (void)thread;
    TRY(simulate_one(&record, part->first + index, part->setup, error));
    pclr_status status = pclr_record_write_wfdb(record, part->folder, "atr", error);
    pclr_record_destroy(&record);
    return status;
}

pclr_status pclr_simulate(const char *folder, const pclr_simulate_options *options, const pclr_callbacks *callbacks, pclr_error *error)
{
    enum { PART = 64 }; /* between two looks at the stop callback */
    sim_setup setup;
    TRY(make_setup(&setup, options, error));
    TRY(file_make_folder(folder, error));
    size_t total = setup.options.records;
    progress p = progress_begin(callbacks, "simulate", "records", total);
    for (size_t first = 0; first < total; first += PART) {
        archive_part part = {&setup, folder, first};
        size_t count = total - first < PART ? total - first : PART;
        if (callbacks_stop(callbacks))
            return error_set(error, PCLR_E_INTERRUPTED, "%s: stopped after %zu of %zu records; those written are whole", folder, first,
                             total);
        TRY(parallel_for(count, parallel_threads(setup.options.threads), write_one, &part, error));
        progress_update(&p, first + count, NULL);
    }
    progress_end(&p, NULL);
    return PCLR_OK;
}
