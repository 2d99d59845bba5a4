/* SPDX-License-Identifier: Apache-2.0 */
#include "dataset/preprocess.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "signal/biquad.h"
#include "signal/resample.h"

/* ---- JSON ------------------------------------------------------------------------------------------------ */

pclr_status preprocess_to_json(const preprocess_spec *spec, char **json, pclr_error *error)
{
    *json = NULL;
    json_t *leads = json_array();
    for (int64_t k = 0; leads && k < spec->leads; k++) json_array_append_new(leads, json_string(spec->lead_name[k]));
    json_t *root = json_pack("{s:f, s:f, s:o, s:f, s:f, s:s, s:f, s:f}", "rate", spec->rate, "seconds", spec->seconds, "leads", leads, "high_pass",
                             spec->high_pass, "low_pass", spec->low_pass, "normalize", spec->normalize, "scale", spec->scale, "clip", spec->clip);
    char *dumped = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!dumped) return error_memory(error, 512);
    pclr_status status = mem_strdup(json, dumped, error);
    free(dumped);
    return status;
}

static pclr_status read_leads(preprocess_spec *spec, const json_t *leads, pclr_error *error)
{
    size_t n = json_array_size(leads);
    if (n < 1 || n > 12) return error_set(error, PCLR_E_FORMAT, "preprocessing: found %zu leads, expected 1 to 12", n);
    for (size_t k = 0; k < n; k++) {
        const char *name = json_string_value(json_array_get(leads, k));
        if (!name || strlen(name) >= sizeof spec->lead_name[k]) return error_set(error, PCLR_E_FORMAT, "preprocessing: lead %zu has no usable name", k + 1);
        strcpy(spec->lead_name[k], name);
    }
    spec->leads = (int64_t)n;
    return PCLR_OK;
}

static pclr_status check_spec(const preprocess_spec *s, pclr_error *error)
{
    bool known = strcmp(s->normalize, "none") == 0 || strcmp(s->normalize, "lead") == 0 || strcmp(s->normalize, "record") == 0;
    if (!known) return error_set(error, PCLR_E_FORMAT, "preprocessing: normalize is '%s', expected none, lead or record", s->normalize);
    if (!(s->rate >= 10 && s->rate <= 10000)) return error_set(error, PCLR_E_FORMAT, "preprocessing: rate is %g Hz, expected 10 to 10000", s->rate);
    if (!(s->seconds >= 0 && s->seconds <= 86400)) return error_set(error, PCLR_E_FORMAT, "preprocessing: seconds is %g, expected 0 to 86400", s->seconds);
    if (!(s->scale > 0) || !(s->clip >= 0)) return error_set(error, PCLR_E_FORMAT, "preprocessing: scale must be positive and clip not negative");
    bool corners = s->high_pass >= 0 && s->high_pass < s->rate / 2 && s->low_pass >= 0;
    if (!corners) return error_set(error, PCLR_E_FORMAT, "preprocessing: filter corners %g and %g Hz do not suit %g Hz", s->high_pass, s->low_pass, s->rate);
    return PCLR_OK;
}

pclr_status preprocess_from_json(preprocess_spec *spec, const char *json, pclr_error *error)
{
    *spec = (preprocess_spec){0};
    json_error_t problem;
    json_t *root = json_loads(json, 0, &problem), *leads = NULL;
    const char *normalize = NULL;
    if (!root) return error_set(error, PCLR_E_FORMAT, "preprocessing: not JSON: %s", problem.text);
    pclr_status status = PCLR_OK;
    if (json_unpack_ex(root, &problem, 0, "{s:F, s:F, s:o, s:F, s:F, s:s, s:F, s:F}", "rate", &spec->rate, "seconds", &spec->seconds, "leads", &leads,
                       "high_pass", &spec->high_pass, "low_pass", &spec->low_pass, "normalize", &normalize, "scale", &spec->scale, "clip", &spec->clip) != 0)
        status = error_set(error, PCLR_E_FORMAT, "preprocessing: %s", problem.text);
    else if (strlen(normalize) >= sizeof spec->normalize)
        status = error_set(error, PCLR_E_FORMAT, "preprocessing: normalize is '%.40s', expected none, lead or record", normalize);
    else
        strcpy(spec->normalize, normalize);
    if (status == PCLR_OK) status = read_leads(spec, leads, error);
    if (status == PCLR_OK) status = check_spec(spec, error);
    json_decref(root);
    return status;
}

/* ---- leads --------------------------------------------------------------------------------------------------- */

/* Where one input lead comes from: a sum of at most two of the record's leads. */
typedef struct lead_source {
    int index[2];
    float weight[2];
} lead_source;

/* III, aVR, aVL, aVF from I and II (Einthoven, Goldberger). */
static bool derived(pclr_lead lead, float *of_i, float *of_ii)
{
    static const struct {
        pclr_lead lead;
        float i, ii;
    } table[] = {{PCLR_LEAD_III, -1, 1}, {PCLR_LEAD_AVR, -0.5f, -0.5f}, {PCLR_LEAD_AVL, 1, -0.5f}, {PCLR_LEAD_AVF, -0.5f, 1}};
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
        if (table[k].lead != lead) continue;
        *of_i = table[k].i;
        *of_ii = table[k].ii;
        return true;
    }
    return false;
}

static int by_name(const pclr_record *record, const char *name)
{
    for (size_t k = 0; k < record->leads; k++)
        if (text_compare_nocase(record->channel[k].name, name) == 0) return (int)k;
    return -1;
}

/* A single-lead model takes what a one-lead device gives: II, else I, else the first lead. */
static int single_lead(const pclr_record *record)
{
    int k = pclr_record_find_lead(record, PCLR_LEAD_II);
    if (k < 0) k = pclr_record_find_lead(record, PCLR_LEAD_I);
    return k < 0 ? 0 : k;
}

static pclr_status find_source(const preprocess_spec *spec, const pclr_record *record, int64_t at, lead_source *source, pclr_error *error)
{
    const char *name = spec->lead_name[at];
    pclr_lead lead = pclr_lead_from_name(name);
    int k = lead == PCLR_LEAD_OTHER ? by_name(record, name) : pclr_record_find_lead(record, lead);
    *source = (lead_source){{k, -1}, {1, 0}};
    if (k >= 0) return PCLR_OK;
    int i = pclr_record_find_lead(record, PCLR_LEAD_I), ii = pclr_record_find_lead(record, PCLR_LEAD_II);
    if (i >= 0 && ii >= 0 && derived(lead, &source->weight[0], &source->weight[1])) {
        source->index[0] = i;
        source->index[1] = ii;
        return PCLR_OK;
    }
    if (spec->leads == 1 && record->leads > 0) {
        source->index[0] = single_lead(record);
        return PCLR_OK;
    }
    return error_set(error, PCLR_E_DATA, "%s: lead %s is neither in the record nor derivable; the model needs %lld leads, use one trained on the leads that are there",
                     record->id, name, (long long)spec->leads);
}

/* ---- one recording --------------------------------------------------------------------------------------------- */

/* One lead in mV with gaps bridged by straight lines, so that filters do not ring at them; gap[n] marks the bridged samples.
 * Returns false when nothing is valid. */
static bool gather(const pclr_record *record, const lead_source *source, float *x, uint8_t *gap)
{
    int64_t n = (int64_t)record->samples, last = -1;
    for (int64_t t = 0; t < n; t++) {
        double sum = 0;
        bool valid = true;
        for (int s = 0; s < 2 && source->index[s] >= 0; s++) {
            size_t at = (size_t)source->index[s] * record->samples + (size_t)t;
            valid = valid && (!record->valid || record->valid[at]) && isfinite(record->signal[at]);
            sum += (double)source->weight[s] * (double)record->signal[at];
        }
        gap[t] = !valid;
        x[t] = (float)sum;
        if (!valid) continue;
        for (int64_t k = last + 1; k < t; k++) x[k] = last < 0 ? x[t] : x[last] + (x[t] - x[last]) * (float)(k - last) / (float)(t - last);
        last = t;
    }
    for (int64_t k = last + 1; last >= 0 && k < n; k++) x[k] = x[last];
    return last >= 0;
}

static void filter(const preprocess_spec *spec, float *x, int64_t n)
{
    if (spec->high_pass > 0) {
        biquad f = biquad_high_pass(spec->high_pass, spec->rate);
        biquad_zero_phase(&f, x, (size_t)n, 1);
    }
    if (spec->low_pass > 0 && spec->low_pass < spec->rate / 2) {
        biquad f = biquad_low_pass(spec->low_pass, spec->rate);
        biquad_zero_phase(&f, x, (size_t)n, 1);
    }
}

/* z-score over one lead (count = 1) or over all leads together; missing samples stay 0 and are not counted. A constant signal becomes 0. */
static void z_score(float *out, const uint8_t *missing, int64_t n, int64_t leads, int64_t first, int64_t count)
{
    double sum = 0, squares = 0;
    int64_t used = 0;
    for (int64_t t = 0; t < n; t++)
        for (int64_t c = first; c < first + count; c++)
            if (!missing[c * n + t]) sum += (double)out[t * leads + c], used++;
    double mean = used ? sum / (double)used : 0;
    for (int64_t t = 0; t < n; t++)
        for (int64_t c = first; c < first + count; c++)
            if (!missing[c * n + t]) squares += ((double)out[t * leads + c] - mean) * ((double)out[t * leads + c] - mean);
    double sd = used ? sqrt(squares / (double)used) : 0, factor = sd > 1e-6 ? 1 / sd : 0;
    for (int64_t t = 0; t < n; t++)
        for (int64_t c = first; c < first + count; c++) out[t * leads + c] = (float)(((double)out[t * leads + c] - mean) * factor);
}

static void normalise(const preprocess_spec *spec, float *out, const uint8_t *missing, int64_t n)
{
    int64_t leads = spec->leads;
    if (strcmp(spec->normalize, "lead") == 0)
        for (int64_t c = 0; c < leads; c++) z_score(out, missing, n, leads, c, 1);
    else if (strcmp(spec->normalize, "record") == 0)
        z_score(out, missing, n, leads, 0, leads);
    else
        for (int64_t k = 0; k < n * leads; k++) out[k] = (float)((double)out[k] / spec->scale);
    for (int64_t c = 0; c < leads; c++)
        for (int64_t t = 0; t < n; t++) {
            float *v = &out[t * leads + c];
            if (missing[c * n + t] || !isfinite(*v)) *v = 0;
            if (spec->clip > 0) *v = fminf(fmaxf(*v, -(float)spec->clip), (float)spec->clip);
        }
}

int64_t preprocess_samples(const preprocess_spec *spec, int64_t samples, double rate)
{
    resampler *r = NULL;
    if (resampler_create(&r, rate, spec->rate, NULL) != PCLR_OK) return 0;
    int64_t n = resampler_length(r, samples);
    resampler_destroy(&r);
    return n;
}

typedef struct workspace {
    resampler *resample;
    float *raw, *lead;  /* [samples], [n] */
    uint8_t *gap;       /* [samples] */
    uint8_t *missing;   /* [leads][n] */
} workspace;

static void one_lead(const preprocess_spec *spec, const pclr_record *record, const lead_source *source, workspace *w, int64_t c, int64_t n, float *out)
{
    uint8_t *missing = w->missing + c * n;
    int64_t samples = (int64_t)record->samples;
    if (!gather(record, source, w->raw, w->gap)) {
        memset(missing, 1, (size_t)n);
        return;
    }
    resampler_apply(w->resample, w->raw, samples, 1, w->lead, 1);
    filter(spec, w->lead, n);
    for (int64_t t = 0; t < n; t++) {
        int64_t at = (int64_t)((double)t * record->rate / spec->rate);
        missing[t] = w->gap[at < samples ? at : samples - 1];
        out[t * spec->leads + c] = w->lead[t];
    }
}

pclr_status preprocess_record(const preprocess_spec *spec, const pclr_record *record, float *out, pclr_error *error)
{
    workspace w = {0};
    pclr_status status;
    if (record->samples == 0) return error_set(error, PCLR_E_DATA, "%s: the record has no samples", record->id);
    TRY_GOTO(resampler_create(&w.resample, record->rate, spec->rate, error));
    int64_t n = resampler_length(w.resample, (int64_t)record->samples);
    TRY_GOTO(mem_alloc(&w.raw, record->samples, sizeof *w.raw, error));
    TRY_GOTO(mem_alloc(&w.gap, record->samples, 1, error));
    TRY_GOTO(mem_alloc(&w.lead, (size_t)n, sizeof *w.lead, error));
    TRY_GOTO(mem_alloc(&w.missing, (size_t)(n * spec->leads), 1, error));
    memset(out, 0, (size_t)(n * spec->leads) * sizeof *out);
    for (int64_t c = 0; c < spec->leads; c++) {
        lead_source source;
        TRY_GOTO(find_source(spec, record, c, &source, error));
        one_lead(spec, record, &source, &w, c, n, out);
    }
    normalise(spec, out, w.missing, n);
done:
    mem_free(w.missing);
    mem_free(w.lead);
    mem_free(w.gap);
    mem_free(w.raw);
    resampler_destroy(&w.resample);
    return status;
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

int64_t preprocess_window_samples(const preprocess_spec *spec)
{
    return (int64_t)llround(spec->seconds * spec->rate);
}

pclr_status preprocess_windows(const preprocess_spec *spec, int64_t samples, int64_t **start, size_t *windows, pclr_error *error)
{
    int64_t width = preprocess_window_samples(spec);
    *windows = 1;
    if (width > 0 && samples > width) *windows = (size_t)((samples + width - 1) / width);
    *start = NULL;
    TRY(mem_alloc(start, *windows, sizeof **start, error));
    for (size_t k = 1; k < *windows; k++) (*start)[k] = (int64_t)k * (samples - width) / (int64_t)(*windows - 1);
    return PCLR_OK;
}

void preprocess_window(const preprocess_spec *spec, const float *whole, int64_t samples, int64_t start, float *out)
{
    int64_t width = preprocess_window_samples(spec), n = samples - start;
    if (width <= 0) width = samples;
    n = n < 0 ? 0 : n > width ? width : n;
    memcpy(out, whole + start * spec->leads, (size_t)(n * spec->leads) * sizeof *out);
    memset(out + n * spec->leads, 0, (size_t)((width - n) * spec->leads) * sizeof *out);
}
