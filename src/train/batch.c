/* SPDX-License-Identifier: Apache-2.0 */
#include "train/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MAX_BEATS = 4096 }; /* of one crop */

pclr_status batch_create(batch *b, const loader_spec *spec, pclr_error *error)
{
    const pool *p = spec->source;
    int64_t samples = preprocess_window_samples(&p->preprocess), leads = p->preprocess.leads;
    int64_t own = spec->size > 0 ? spec->items / spec->size : spec->items, before = own * spec->rank;
    size_t items = (size_t)spec->items, points = (size_t)(samples * leads);
    memset(b, 0, sizeof *b);
    b->view = (objective_batch){
        .items = own, .before = before, .after = spec->items - own - before, .samples = samples, .leads = leads, .seed = spec->seed};
    for (int v = 0; v < spec->views; v++) {
        TRY(mem_alloc(&b->signal[v], (size_t)own * points, sizeof(float), error));
        b->view.view[v] = b->signal[v];
    }
    TRY(mem_alloc(&b->pair, items, sizeof *b->pair, error));
    TRY(mem_alloc(&b->patient, items, sizeof *b->patient, error));
    TRY(mem_alloc(&b->record, items, sizeof *b->record, error));
    TRY(mem_alloc(&b->wave_weight, (size_t)own * (size_t)samples, sizeof(float), error));
    TRY(mem_alloc(&b->scratch, points, sizeof(float), error));
    TRY(mem_alloc(&b->peak, MAX_BEATS, sizeof(double), error));
    TRY(mem_alloc(&b->cut, MAX_BEATS, sizeof(double), error));
    b->view.pair = b->pair;
    b->view.patient = b->patient;
    b->view.record = b->record;
    b->view.wave_weight = b->wave_weight;
    if (spec->labels) {
        TRY(mem_alloc(&b->label, items, spec->labels->classes, error));
        b->view.label = b->label;
        b->view.classes = (int64_t)spec->labels->classes;
    }
    if (!spec->space) return PCLR_OK;
    size_t features = spec->space->features, components = spec->space->components;
    TRY(mem_alloc(&b->raw, items * features, sizeof(float), error));
    TRY(mem_alloc(&b->feature, items * features, sizeof(float), error));
    TRY(mem_alloc(&b->feature_valid, items * features, 1, error));
    TRY(mem_alloc(&b->component, items * components, sizeof(float), error));
    b->view.features = (int64_t)features;
    b->view.components = (int64_t)components;
    b->view.feature = b->feature;
    b->view.feature_valid = b->feature_valid;
    b->view.component = b->component;
    return PCLR_OK;
}

void batch_free(batch *b)
{
    for (int v = 0; v < OBJECTIVE_MAX_VIEWS; v++) mem_release(&b->signal[v]);
    mem_release(&b->feature);
    mem_release(&b->component);
    mem_release(&b->wave_weight);
    mem_release(&b->feature_valid);
    mem_release(&b->label);
    mem_release(&b->pair);
    mem_release(&b->patient);
    mem_release(&b->record);
    mem_release(&b->raw);
    mem_release(&b->peak);
    mem_release(&b->cut);
    mem_release(&b->scratch);
}

/* ---- which recordings ---- */

static int64_t patient_at(const loader_spec *spec, size_t place)
{
    return spec->source->record[spec->record[place]].patient;
}

static int compare_patients(const void *a, const void *b, void *user)
{
    const loader_spec *spec = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int64_t one = patient_at(spec, x), other = patient_at(spec, y);
    return one != other ? (one > other) - (one < other) : (x > y) - (x < y);
}

pclr_status batch_order_create(batch_order *order, const loader_spec *spec, pclr_error *error)
{
    order->epoch = -1;
    TRY(mem_alloc(&order->permutation, spec->records, sizeof *order->permutation, error));
    if (!spec->pair_patient) return PCLR_OK;
    TRY(mem_alloc(&order->by_patient, spec->records, sizeof *order->by_patient, error));
    for (size_t k = 0; k < spec->records; k++) order->by_patient[k] = (uint32_t)k;
    qsort_r(order->by_patient, spec->records, sizeof *order->by_patient, compare_patients, (void *)(uintptr_t)spec);
    return PCLR_OK;
}

void batch_order_free(batch_order *order)
{
    mem_release(&order->permutation);
    mem_release(&order->by_patient);
}

/* The n-th recording drawn since the run began. */
static size_t nth_record(batch_order *order, const loader_spec *spec, int64_t n)
{
    int64_t epoch = n / (int64_t)spec->records;
    if (order->epoch != epoch) {
        rng random = rng_make(spec->seed, "order", (uint64_t)epoch);
        for (size_t k = 0; k < spec->records; k++) order->permutation[k] = (uint32_t)k;
        rng_shuffle(&random, order->permutation, spec->records);
        order->epoch = epoch;
    }
    return spec->record[order->permutation[n % (int64_t)spec->records]];
}

/* Another recording of the same patient, -1 if there is none: found by halving, whatever the number of recordings. */
static int64_t other_of_patient(const batch_order *order, const loader_spec *spec, size_t k, rng *random)
{
    int64_t patient = spec->source->record[k].patient, chosen = -1, seen = 0;
    size_t low = 0, high = spec->records;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (patient_at(spec, order->by_patient[middle]) < patient)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < spec->records && patient_at(spec, order->by_patient[low]) == patient; low++) {
        size_t other = spec->record[order->by_patient[low]];
        if (other != k && rng_below(random, (uint64_t)++seen) == 0) chosen = (int64_t)other;
    }
    return chosen;
}

/* ---- where in a recording ---- */

static int64_t any_start(int64_t samples, int64_t window, rng *random)
{
    return samples > window ? (int64_t)rng_below(random, (uint64_t)(samples - window + 1)) : 0;
}

/* Two starts at least a quarter of a window apart, without overlap where the recording is long enough; false: it is too short. */
static bool two_starts(int64_t samples, int64_t window, rng *random, int64_t start[2])
{
    int64_t slack = samples - 2 * window;
    if (slack >= 0) {
        int64_t a = (int64_t)rng_below(random, (uint64_t)slack + 1), b = (int64_t)rng_below(random, (uint64_t)slack + 1);
        start[0] = a < b ? a : b;
        start[1] = (a < b ? b : a) + window;
    } else {
        int64_t room = samples - window, gap = window / 4;
        if (room < gap) return false;
        int64_t shift = (int64_t)rng_below(random, (uint64_t)(room - gap) / 2 + 1);
        start[0] = shift;
        start[1] = room - shift;
        if (start[1] - start[0] < gap) start[1] = start[0] + gap;
    }
    if (rng_below(random, 2)) {
        int64_t first = start[0];
        start[0] = start[1];
        start[1] = first;
    }
    return true;
}

/* ---- one item ---- */

typedef struct crop {
    size_t record; /* in the pool */
    int64_t start; /* samples at the input's rate */
} crop;

static void mark(float *weight, int64_t samples, double centre, double half)
{
    int64_t first = (int64_t)ceil(centre - half), last = (int64_t)floor(centre + half);
    for (int64_t t = first < 0 ? 0 : first; t <= last && t < samples; t++) weight[t] = 1.0f;
}

/* Boundary between beat b and the next: middle between T end and the next P onset, else of R-R. In samples of the dataset. */
static double boundary(const dataset_physiology *y, int64_t b)
{
    double t_end = y->t_offset ? (double)y->t_offset[b] : NAN, p_onset = y->p_onset ? (double)y->p_onset[b + 1] : NAN;
    if (!isnan(t_end) && !isnan(p_onset) && p_onset > t_end) return 0.5 * (t_end + p_onset);
    return 0.5 * ((double)y->r_peak[b] + (double)y->r_peak[b + 1]);
}

/* R peaks and cuts of a crop, in its own samples; marks the waves in wave_weight. */
static void locate_beats(batch *b, const loader_spec *spec, crop c, float *weight, augment_segment *segment)
{
    const pool *p = spec->source;
    const dataset_physiology *y = &p->physiology;
    int64_t samples = b->view.samples;
    double ratio = p->preprocess.rate / pclr_dataset_rate(p->dataset), half = spec->window_ms * 1e-3 * p->preprocess.rate;
    segment->peaks = segment->cuts = 0;
    memset(weight, 0, (size_t)samples * sizeof *weight);
    if (!p->has_physiology) return;
    int64_t first = y->beat_start[p->record[c.record].row], last = y->beat_start[p->record[c.record].row + 1];
    for (int64_t n = first; n < last; n++) {
        double peak = (double)y->r_peak[n] * ratio - (double)c.start;
        mark(weight, samples, peak, half);
        if (spec->window_p && y->p_peak && !isnan(y->p_peak[n]))
            mark(weight, samples, (double)y->p_peak[n] * ratio - (double)c.start, half);
        if (spec->window_t && y->t_peak && !isnan(y->t_peak[n]))
            mark(weight, samples, (double)y->t_peak[n] * ratio - (double)c.start, half);
        if (peak >= 0.0 && peak < (double)samples && segment->peaks < MAX_BEATS) segment->peak[segment->peaks++] = peak;
        if (n + 1 == last) break;
        double cut = boundary(y, n) * ratio - (double)c.start;
        if (cut > 0.0 && cut < (double)samples && segment->cuts < MAX_BEATS) segment->cut[segment->cuts++] = cut;
    }
}

/* Views of item `own` of this process. */
static void make_views(batch *b, const loader_spec *spec, crop c, int64_t own, const float *whole, const char *const *lead_name)
{
    const pool *p = spec->source;
    int64_t samples = b->view.samples, leads = b->view.leads, points = samples * leads;
    for (int v = 0; v < spec->views; v++) {
        augment_segment segment = {.signal = b->signal[v] + own * points,
                                   .samples = samples,
                                   .leads = leads,
                                   .rate = p->preprocess.rate,
                                   .lead_name = lead_name,
                                   .peak = b->peak,
                                   .cut = b->cut,
                                   .scratch = b->scratch};
        locate_beats(b, spec, c, b->wave_weight + own * samples, &segment);
        preprocess_window(&p->preprocess, whole, p->record[c.record].samples, c.start, segment.signal);
        rng random = rng_make(spec->seed, "view", objective_draw(&b->view, own) * OBJECTIVE_MAX_VIEWS + (uint64_t)v);
        b->fallbacks += augment_chain_apply(&spec->chain[v], &segment, spec->config, &random);
    }
}

static pclr_status make_own(batch *b, const loader_spec *spec, crop c, int64_t own, pclr_error *error)
{
    const pool *p = spec->source;
    const char *lead_name[12];
    const float *whole = NULL;
    float *computed = NULL;
    for (int64_t k = 0; k < p->preprocess.leads; k++) lead_name[k] = p->preprocess.lead_name[k];
    TRY(pool_signal(p, c.record, &whole, &computed, error));
    make_views(b, spec, c, own, whole, lead_name);
    mem_free(computed);
    return PCLR_OK;
}

/* Who item `item` of the batch is; and its views, when it is this process's. */
static pclr_status make_item(batch *b, const loader_spec *spec, crop c, int64_t item, pclr_error *error)
{
    const pool *p = spec->source;
    int64_t own = item - b->view.before;
    if (own >= 0 && own < b->view.items) TRY(make_own(b, spec, c, own, error));
    b->patient[item] = p->record[c.record].patient;
    b->record[item] = (int64_t)p->record[c.record].row;
    if (spec->labels) {
        size_t classes = spec->labels->classes;
        memcpy(b->label + (size_t)item * classes, spec->labels->value + p->record[c.record].row * classes, classes);
    }
    if (!spec->space) return PCLR_OK;
    size_t features = spec->space->features;
    int64_t length = spec->scope_record ? 0 : b->view.samples;
    pool_features(p, c.record, c.start, length, b->raw + (size_t)item * features, b->feature_valid + (size_t)item * features);
    return PCLR_OK;
}

/* Crops of items 2 k and 2 k + 1: two of one recording, or of two recordings of the patient; where neither is possible the second
 * is of any recording and the two are no pair. */
static bool choose_pair(const batch_order *order, const loader_spec *spec, size_t record, int64_t window, rng *random, crop c[2])
{
    const pool *p = spec->source;
    int64_t start[2];
    c[0] = (crop){record, any_start(p->record[record].samples, window, random)};
    if (spec->pair_patient) {
        int64_t other = other_of_patient(order, spec, record, random);
        if (other >= 0) {
            c[1] = (crop){(size_t)other, any_start(p->record[other].samples, window, random)};
            return true;
        }
    }
    if (two_starts(p->record[record].samples, window, random, start)) {
        c[0].start = start[0];
        c[1] = (crop){record, start[1]};
        return true;
    }
    size_t stranger = spec->record[rng_below(random, spec->records)];
    c[1] = (crop){stranger, any_start(p->record[stranger].samples, window, random)};
    return false;
}

pclr_status batch_fill(batch *b, batch_order *order, const loader_spec *spec, int64_t step, pclr_error *error)
{
    int64_t per = spec->pairs ? 2 : 1, groups = spec->items / per;
    b->fallbacks = 0;
    b->view.step = (uint64_t)step;
    for (int64_t g = 0; g < groups; g++) {
        int64_t n = step * groups + g;
        rng random = rng_make(spec->seed, "crop", (uint64_t)n);
        crop c[2];
        bool paired = false;
        size_t record = nth_record(order, spec, n);
        if (spec->pairs)
            paired = choose_pair(order, spec, record, b->view.samples, &random, c);
        else
            c[0] = (crop){record, any_start(spec->source->record[record].samples, b->view.samples, &random)};
        for (int64_t k = 0; k < per; k++) {
            int64_t item = g * per + k;
            TRY(make_item(b, spec, c[k], item, error));
            b->pair[item] = paired ? (int32_t)(g * per + 1 - k) : -1;
        }
    }
    if (spec->space) feature_space_apply(spec->space, b->raw, b->feature_valid, (size_t)spec->items, b->feature, b->component);
    return PCLR_OK;
}
