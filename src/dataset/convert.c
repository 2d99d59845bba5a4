/* SPDX-License-Identifier: Apache-2.0 */
/* A recording as the dataset stores it: its leads in the dataset's order, at the dataset's rate, int16 microvolts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dataset/dataset.h"
#include "dataset/import.h"
#include "record/record.h"
#include "signal/interpolate.h"
#include "signal/resample.h"
#include "signal/vector.h"

enum { RESAMPLERS = 8, LEADS_MAX = 12 };

struct converter {
    convert_target target;
    struct {
        double rate;
        resampler *resampler;
    } cached[RESAMPLERS];
    size_t next;          /* place that is given up next */
    float *bridged, *out; /* work space */
    int16_t *packed;      /* [lead][sample] */
    size_t bridged_size, out_size, packed_size;
};

pclr_status converter_create(converter **c, const convert_target *target, pclr_error *error)
{
    TRY(mem_alloc(c, 1, sizeof **c, error));
    (*c)->target = *target;
    return PCLR_OK;
}

void converter_destroy(converter **c)
{
    if (!c || !*c) return;
    for (size_t k = 0; k < RESAMPLERS; k++) resampler_destroy(&(*c)->cached[k].resampler);
    mem_free((*c)->bridged);
    mem_free((*c)->out);
    mem_free((*c)->packed);
    mem_release(c);
}

static pclr_status find_resampler(converter *c, double rate, resampler **r, pclr_error *error)
{
    *r = NULL;
    if (rate == c->target.rate) return PCLR_OK;
    for (size_t k = 0; k < RESAMPLERS; k++) {
        if (c->cached[k].resampler && c->cached[k].rate == rate) {
            *r = c->cached[k].resampler;
            return PCLR_OK;
        }
    }
    size_t place = c->next++ % RESAMPLERS;
    resampler_destroy(&c->cached[place].resampler);
    TRY(resampler_create(&c->cached[place].resampler, rate, c->target.rate, error));
    c->cached[place].rate = rate;
    *r = c->cached[place].resampler;
    return PCLR_OK;
}

static pclr_status need_space(void *space_address, size_t *size, size_t wanted, size_t width, pclr_error *error)
{
    if (wanted <= *size) return PCLR_OK;
    mem_release(space_address);
    *size = 0;
    TRY(mem_alloc(space_address, wanted, width, error));
    *size = wanted;
    return PCLR_OK;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Median of at most 4096 evenly drawn samples: good enough for an offset. */
static double rough_median(const float *x, size_t n)
{
    float drawn[4096];
    size_t count = n < 4096 ? n : 4096;
    for (size_t k = 0; k < count; k++) drawn[k] = x[k * n / count];
    qsort(drawn, count, sizeof *drawn, compare_floats);
    return (double)drawn[count / 2];
}

/* Largest |x|: the bits of floats without their sign are in the order of the values. */
VECTOR_CLONES
static float largest_value(const float *x, size_t n)
{
    int32_t largest = 0;
    float value;

    for (size_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= INT32_MAX;
        largest = bits > largest ? bits : largest;
    }
    memcpy(&value, &largest, sizeof value);
    return value;
}

/* Millivolts within +-32.767 -> microvolts, rounded to the nearest even: a number of doubles beside 2^52 has no digits behind the point. */
VECTOR_CLONES
static void round_lead(const float *restrict x, size_t n, int16_t *restrict out)
{
    const double whole = 0x1.8p52;
    for (size_t i = 0; i < n; i++) {
        double v = (double)x[i] * 1000 + whole;
        out[i] = (int16_t)(int32_t)(v - whole);
    }
}

/* Electrode offsets may lie far beyond +-32.767 mV, the range of int16 microvolts; then the lead's median is taken away. */
static void pack_lead(const float *x, size_t n, int16_t *out, bool *offset_removed)
{
    if (largest_value(x, n) * 1000 < INT16_MAX + 0.5f) {
        round_lead(x, n, out);
        return;
    }
    double offset = rough_median(x, n);
    *offset_removed = true;
    for (size_t i = 0; i < n; i++) {
        double v = ((double)x[i] - offset) * 1000;
        v = v > INT16_MAX ? INT16_MAX : v < -INT16_MAX ? -INT16_MAX : v;
        out[i] = (int16_t)lrint(v);
    }
}

/* A stored sample is missing where the nearest recorded one is. */
static void mark_missing(const uint8_t *valid, size_t n_in, size_t n, double step, int16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t nearest = (size_t)((double)i * step + 0.5);
        if (nearest >= n_in) nearest = n_in - 1;
        if (!valid[nearest]) out[i] = PCLR_SAMPLE_MISSING;
    }
}

/* One lead -> out[n] */
static pclr_status convert_lead(converter *c, const pclr_record *r, size_t channel, const resampler *rate_change, size_t n, int16_t *out,
                                bool *offset_removed, pclr_error *error)
{
    const float *x = r->signal + channel * r->samples;
    const uint8_t *valid = r->valid ? r->valid + channel * r->samples : NULL;

    if (valid && memchr(valid, 0, r->samples)) {
        TRY(need_space(&c->bridged, &c->bridged_size, r->samples, sizeof *c->bridged, error));
        bridge_gaps(x, valid, r->samples, INFINITY, c->bridged);
        x = c->bridged;
    } else {
        valid = NULL;
    }
    if (rate_change) {
        TRY(need_space(&c->out, &c->out_size, n, sizeof *c->out, error));
        resampler_apply(rate_change, x, (int64_t)r->samples, 1, c->out, 1);
        x = c->out;
    }
    pack_lead(x, n, out, offset_removed);
    if (valid) mark_missing(valid, r->samples, n, r->rate / c->target.rate, out);
    return PCLR_OK;
}

uint64_t convert_hash(const int16_t *sample, size_t count)
{
    uint64_t h = UINT64_C(0x9e3779b97f4a7c15), word;
    size_t bytes = count * sizeof *sample, at = 0;

    for (; at + 8 <= bytes; at += 8) {
        memcpy(&word, (const char *)sample + at, 8);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, (const char *)sample + at, bytes - at);
    h = (h ^ word ^ (uint64_t)bytes << 48) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 29;
}

static int find_channel(const pclr_record *r, const char *name)
{
    pclr_lead lead = pclr_lead_from_name(name);
    if (lead != PCLR_LEAD_OTHER) return pclr_record_find_lead(r, lead);
    for (size_t k = 0; k < r->leads; k++) {
        if (r->channel[k].lead == PCLR_LEAD_OTHER && strcmp(r->channel[k].name, name) == 0) return (int)k;
    }
    return -1;
}

/* in[leads][n] -> out[n][leads] */
static inline void interleave_leads(const int16_t *restrict in, size_t n, size_t leads, int16_t *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < leads; k++) out[i * leads + k] = in[k * n + i];
    }
}

/* Twelve leads are told to the compiler, which then needs no inner loop. */
static void interleave(const int16_t *in, size_t n, size_t leads, int16_t *out)
{
    if (leads == 12)
        interleave_leads(in, n, 12, out);
    else
        interleave_leads(in, n, leads, out);
}

static pclr_status convert_leads(converter *c, stored_record *s, const pclr_record *r, pclr_error *error)
{
    resampler *rate_change = NULL;
    size_t leads = c->target.leads;
    int channel[LEADS_MAX];

    for (size_t k = 0; k < leads; k++) {
        channel[k] = find_channel(r, c->target.lead_name[k]);
        if (channel[k] >= 0) s->lead_mask |= UINT32_C(1) << k;
    }
    if (s->lead_mask == 0) {
        return error_set(error, PCLR_E_DATA,
                         "%s: leads %s%s; none of them is in the dataset; import it alone, or name its leads with --leads",
                         r->path ? r->path : r->id, r->channel[0].name, r->leads > 1 ? ", ..." : "");
    }
    TRY(find_resampler(c, r->rate, &rate_change, error));
    s->length = rate_change ? resampler_length(rate_change, (int64_t)r->samples) : (int64_t)r->samples;
    TRY(record_check_size(r->path, leads, (uint64_t)s->length, error));
    TRY(need_space(&s->sample, &s->capacity, (size_t)s->length * leads, sizeof *s->sample, error));
    size_t n = (size_t)s->length;
    TRY(need_space(&c->packed, &c->packed_size, n * leads, sizeof *c->packed, error));
    for (size_t k = 0; k < leads; k++) {
        int16_t *row = c->packed + k * n;
        if (channel[k] >= 0) {
            TRY(convert_lead(c, r, (size_t)channel[k], rate_change, n, row, &s->offset_removed, error));
        } else {
            for (size_t i = 0; i < n; i++) row[i] = PCLR_SAMPLE_MISSING;
        }
    }
    interleave(c->packed, n, leads, s->sample);
    s->source_rate = r->rate;
    s->hash = convert_hash(s->sample, (size_t)s->length * leads);
    return PCLR_OK;
}

void convert_name_single_lead(pclr_record *r, const char *single)
{
    if (single && r->leads == 1 && r->channel[0].lead == PCLR_LEAD_OTHER) record_set_channel(r, 0, single);
}

static bool has_target_lead(const converter *c, const pclr_record *r)
{
    for (size_t k = 0; k < c->target.leads; k++) {
        if (find_channel(r, c->target.lead_name[k]) >= 0) return true;
    }
    return false;
}

/* Among recordings with standard leads, one whose leads are called "ECG1", "ECG 2", ...: the first stands as lead II, as recorders
 * use it, and the others are left out. */
static void name_ecg_lead(const converter *c, pclr_record *r)
{
    size_t first = r->leads;

    for (size_t k = r->leads; k-- > 0;) {
        if (strncasecmp(r->channel[k].name, "ECG", 3) == 0 || strncasecmp(r->channel[k].name, "EKG", 3) == 0) first = k;
    }
    if (first < r->leads && !has_target_lead(c, r)) record_set_channel(r, first, "II");
}

pclr_status convert_record(converter *c, stored_record *out, pclr_record **record, const char *single, pclr_error *error)
{
    stored_record_reset(out);
    out->record = *record;
    *record = NULL;
    convert_name_single_lead(out->record, single);
    name_ecg_lead(c, out->record);
    TRY(convert_leads(c, out, out->record, error));
    mem_release(&out->record->signal);
    mem_release(&out->record->valid);
    return PCLR_OK;
}

void stored_record_reset(stored_record *s)
{
    enum { KEPT_MOST = 1 << 20 }; /* values: 3 minutes of 12 leads */
    stored_record kept = {0};

    if (s->capacity <= KEPT_MOST) {
        kept.sample = s->sample;
        kept.capacity = s->capacity;
        s->sample = NULL;
    }
    stored_record_free(s);
    *s = kept;
}

void stored_record_free(stored_record *s)
{
    mem_free(s->sample);
    pclr_record_destroy(&s->record);
    memset(s, 0, sizeof *s);
}

/* ---- a recording that is not imported ---- */

static pclr_status copy_record(const pclr_record *r, pclr_record **copy, pclr_error *error)
{
    size_t values = r->leads * r->samples;

    TRY(pclr_record_create(copy, r->id, r->rate, r->leads, r->samples, error));
    memcpy((*copy)->channel, r->channel, r->leads * sizeof *r->channel);
    memcpy((*copy)->signal, r->signal, values * sizeof *r->signal);
    if (!r->valid) return PCLR_OK;
    TRY(mem_alloc(&(*copy)->valid, values, 1, error));
    memcpy((*copy)->valid, r->valid, values);
    return PCLR_OK;
}

static pclr_status choose_leads(const converter *c, pclr_record *r, const char *single, pclr_error *error)
{
    TRY(pclr_record_derive_leads(r, error));
    name_ecg_lead(c, r);
    if (has_target_lead(c, r)) return PCLR_OK;
    if (!single) {
        return error_set(error, PCLR_E_DATA, "%s: leads %s%s; expected at least one of %s%s; use a model trained on leads that are there",
                         r->id, r->channel[0].name, r->leads > 1 ? ", ..." : "", c->target.lead_name[0],
                         c->target.leads > 1 ? ", ..." : "");
    }
    int channel = pclr_record_find_lead(r, PCLR_LEAD_II);
    if (channel < 0) channel = pclr_record_find_lead(r, PCLR_LEAD_I);
    record_set_channel(r, channel < 0 ? 0 : (size_t)channel, single);
    return PCLR_OK;
}

static pclr_status give_back(const converter *c, const stored_record *s, const pclr_record *from, pclr_record **out, pclr_error *error)
{
    const char *name[LEADS_MAX];
    size_t leads = 0;

    for (size_t k = 0; k < c->target.leads; k++) {
        name[k] = c->target.lead_name[k];
        leads += s->lead_mask >> k & 1;
    }
    TRY(pclr_record_create(out, from->id, c->target.rate, leads, (size_t)s->length, error));
    dataset_unpack(s->sample, name, c->target.leads, s->lead_mask, *out);
    (*out)->age = from->age;
    (*out)->sex = from->sex;
    return record_settle(*out, error);
}

pclr_status convert_as_stored(converter *c, const pclr_record *record, const char *single, pclr_record **out, pclr_error *error)
{
    stored_record s = {0};
    pclr_status status;

    *out = NULL;
    TRY_GOTO(copy_record(record, &s.record, error));
    TRY_GOTO(choose_leads(c, s.record, single, error));
    TRY_GOTO(convert_leads(c, &s, s.record, error));
    TRY_GOTO(give_back(c, &s, record, out, error));
done:
    stored_record_free(&s);
    if (status != PCLR_OK) pclr_record_destroy(out);
    return status;
}
