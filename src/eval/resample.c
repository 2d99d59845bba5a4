/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/resample.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/parallel.h"
#include "eval/bootstrap.h"

enum { JACKKNIFE_GROUPS = 200, CHUNK = 8 };
static const double alpha = 0.05;

/* What one thread writes to. */
typedef struct workspace {
    uint16_t *weight, *patient_weight;
    scoring_sums *sums; /* [models] */
    double *value;      /* [total] */
} workspace;

typedef struct job {
    resample *out;
    const scoring *const *scorings;
    const bootstrap *draws;
    workspace *space;
    const resample_options *options;
    progress bar;
    atomic_size_t done, exchanged, incomplete;
} job;

static void workspace_free(workspace *w, size_t models)
{
    for (size_t m = 0; w->sums && m < models; m++) scoring_sums_free(&w->sums[m]);
    mem_free(w->weight);
    mem_free(w->patient_weight);
    mem_free(w->sums);
    mem_free(w->value);
}

static pclr_status workspace_create(workspace *w, const scoring *const *scorings, size_t models, size_t total, pclr_error *error)
{
    const eval_set *set = scorings[0]->set;
    TRY(mem_alloc(&w->weight, set->records, sizeof *w->weight, error));
    TRY(mem_alloc(&w->patient_weight, set->patients, sizeof *w->patient_weight, error));
    TRY(mem_alloc(&w->value, total, sizeof *w->value, error));
    TRY(mem_alloc(&w->sums, models, sizeof *w->sums, error));
    for (size_t m = 0; m < models; m++) TRY(scoring_sums_create(&w->sums[m], scorings[m], error));
    return PCLR_OK;
}

/* Values of all models under weights into column `index` of a matrix [models][total][columns]. */
static void measure_into(const job *j, workspace *w, const uint16_t *weight, double *matrix, size_t columns, size_t index)
{
    const resample *out = j->out;
    for (size_t m = 0; m < out->models; m++) {
        scoring_measure(j->scorings[m], weight, &w->sums[m]);
        measures_evaluate(j->scorings[m], &w->sums[m], w->value);
        for (size_t k = 0; k < out->total; k++) matrix[(m * out->total + k) * columns + index] = w->value[k];
    }
}

static pclr_status draw_chunk(void *user, size_t chunk, int thread, pclr_error *error)
{
    job *j = user;
    workspace *w = &j->space[thread];
    size_t count = j->out->count, end = (chunk + 1) * CHUNK < count ? (chunk + 1) * CHUNK : count;
    if (callbacks_stop(j->options->callbacks)) return error_set(error, PCLR_E_INTERRUPTED, "bootstrap interrupted");
    for (size_t index = chunk * CHUNK; index < end; index++) {
        bootstrap_outcome outcome = bootstrap_draw(j->draws, index, w->weight, w->patient_weight);
        if (outcome == BOOTSTRAP_EXCHANGED) atomic_fetch_add(&j->exchanged, 1);
        if (outcome == BOOTSTRAP_INCOMPLETE) atomic_fetch_add(&j->incomplete, 1);
        measure_into(j, w, w->weight, j->out->value, count, index);
    }
    size_t done = atomic_fetch_add(&j->done, end - chunk * CHUNK) + end - chunk * CHUNK;
    if (thread == 0) progress_update(&j->bar, done, NULL);
    return PCLR_OK;
}

/* All patients but those of one group (patient number modulo groups). */
static pclr_status leave_group_out(void *user, size_t group, int thread, pclr_error *error)
{
    job *j = user;
    workspace *w = &j->space[thread];
    const eval_set *set = j->scorings[0]->set;
    (void)error;
    for (size_t r = 0; r < set->records; r++) w->weight[r] = set->patient[r] % j->out->groups != group;
    measure_into(j, w, w->weight, j->out->jackknife, j->out->groups, group);
    return PCLR_OK;
}

static pclr_status allocate(resample *out, pclr_error *error)
{
    size_t rows = out->models * out->total;
    if (out->count > SIZE_MAX / 16 / rows) return error_set(error, PCLR_E_ARGUMENT, "%zu resamples are too many", out->count);
    TRY(mem_alloc(&out->estimate, rows, sizeof *out->estimate, error));
    TRY(mem_alloc(&out->value, rows * out->count, sizeof *out->value, error));
    return mem_alloc(&out->jackknife, rows * out->groups, sizeof *out->jackknife, error);
}

pclr_status resample_create(resample *out, const scoring *const *scorings, size_t models, const resample_options *options,
                            pclr_error *error)
{
    const eval_set *set = scorings[0]->set;
    int threads = parallel_threads(options->threads);
    bootstrap draws = {0};
    job j = {.out = out, .scorings = scorings, .draws = &draws, .options = options};
    pclr_status status = PCLR_OK;

    *out = (resample){.kind = options->kind, .models = models, .total = measures_total(scorings[0]), .count = options->count};
    if (options->kind == INTERVAL_BCA) out->groups = set->patients < JACKKNIFE_GROUPS ? set->patients : JACKKNIFE_GROUPS;
    TRY_GOTO(allocate(out, error));
    TRY_GOTO(bootstrap_create(&draws, set, options->seed, options->stratified, error));
    TRY_GOTO(mem_alloc(&j.space, (size_t)threads, sizeof *j.space, error));
    for (int t = 0; t < threads; t++) TRY_GOTO(workspace_create(&j.space[t], scorings, models, out->total, error));
    j.bar = progress_begin(options->callbacks, "bootstrap", "resamples", out->count);
    measure_into(&j, &j.space[0], NULL, out->estimate, 1, 0);
    TRY_GOTO(parallel_for((out->count + CHUNK - 1) / CHUNK, threads, draw_chunk, &j, error));
    TRY_GOTO(parallel_for(out->groups, threads, leave_group_out, &j, error));
    progress_update(&j.bar, out->count, NULL);
    progress_end(&j.bar, NULL);
    out->exchanged = j.exchanged;
    out->incomplete = j.incomplete;
done:
    for (int t = 0; j.space && t < threads; t++) workspace_free(&j.space[t], models);
    mem_free(j.space);
    bootstrap_free(&draws);
    if (status != PCLR_OK) resample_free(out);
    return status;
}

void resample_free(resample *r)
{
    mem_free(r->estimate);
    mem_free(r->value);
    mem_free(r->jackknife);
    *r = (resample){0};
}

static pclr_estimate as_estimate(interval_kind kind, double *value, size_t count, double estimate, const double *jackknife, size_t groups)
{
    pclr_estimate e = {.value = estimate, .low = NAN, .high = NAN, .defined = !isnan(estimate)};
    if (e.defined) interval_bootstrap(kind, value, count, estimate, jackknife, groups, alpha, &e.low, &e.high);
    return e;
}

pclr_estimate resample_estimate(resample *r, size_t model, size_t k)
{
    size_t row = model * r->total + k;
    pclr_estimate e =
        as_estimate(r->kind, r->value + row * r->count, r->count, r->estimate[row], r->jackknife + row * r->groups, r->groups);
    if (e.low == e.high) e.low = e.high = NAN;
    return e;
}

pclr_estimate resample_difference(const resample *r, size_t a, size_t b, size_t k, double *scratch, double *p)
{
    size_t ra = a * r->total + k, rb = b * r->total + k;
    double *jackknife = scratch + r->count;
    for (size_t i = 0; i < r->count; i++) scratch[i] = r->value[ra * r->count + i] - r->value[rb * r->count + i];
    for (size_t g = 0; g < r->groups; g++) jackknife[g] = r->jackknife[ra * r->groups + g] - r->jackknife[rb * r->groups + g];
    double estimate = r->estimate[ra] - r->estimate[rb];
    if (p) *p = interval_p(r->kind, scratch, r->count, estimate, jackknife, r->groups);
    return as_estimate(r->kind, scratch, r->count, estimate, jackknife, r->groups);
}
