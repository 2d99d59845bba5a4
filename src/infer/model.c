/* SPDX-License-Identifier: Apache-2.0 */
#include "infer/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* ---- graphs ---- */

static void pass_free(infer_pass *p)
{
    nn_graph_destroy(&p->graph);
}

/* Declares the network of member k for so many windows; embedding: only up to the pooled encoder output. */
static void build(pclr_model *m, infer_pass *p, bool embedding)
{
    const model_classifier_spec *s = &m->spec;
    nn_graph *g = p->graph;
    p->signal = p->feature = NN_NONE;
    if (embedding || model_classifier_uses_signal(s))
        p->signal = nn_input(g, "signal", NN_F32, nn_shape3(p->windows, preprocess_window_samples(&m->preprocess), m->preprocess.leads));
    if (embedding) {
        p->out = model_pool(g, model_encode(g, p->signal, &s->encoder), s->pool);
    } else {
        if (model_classifier_uses_features(s)) p->feature = nn_input(g, "features", NN_F32, nn_shape2(p->windows, s->features));
        p->out = model_classifier_build(g, p->signal, p->feature, s);
    }
    nn_keep(g, p->out);
}

static pclr_status pass_create(pclr_model *m, infer_worker *w, infer_pass *p, size_t member, bool embedding, int64_t windows,
                               pclr_error *error)
{
    char prefix[32];
    pass_free(p);
    p->windows = windows;
    TRY(nn_graph_create(&p->graph, w->backend, m->params[member], NN_INFER, error));
    build(m, p, embedding);
    /* The first graph declares the parameters; they are filled before it is compiled and only read from then on. */
    snprintf(prefix, sizeof prefix, "member.%zu.", member);
    if (!m->declared) TRY(model_weights_load(m->params[member], "", m->classifier ? prefix : "", m->file, error));
    return nn_graph_compile(p->graph, NN_NONE, error);
}

/* The pass for a number of windows, built when the number changes. */
static pclr_status pass_for(pclr_model *m, infer_worker *w, infer_pass *p, size_t member, bool embedding, int64_t windows,
                            pclr_error *error)
{
    if (p->graph && p->windows == windows) return PCLR_OK;
    pthread_mutex_lock(&m->building);
    pclr_status status = pass_create(m, w, p, member, embedding, windows, error);
    if (status != PCLR_OK) pass_free(p);
    pthread_mutex_unlock(&m->building);
    return status;
}

/* ---- one recording ---- */

typedef struct prepared {
    float *whole; /* [samples][leads] */
    int64_t samples;
    int64_t *start; /* [windows] */
    size_t windows;
    float *feature; /* [F] standardised */
    float *raw;     /* [F] NaN where missing */
} prepared;

static void prepared_free(prepared *r)
{
    mem_release(&r->whole);
    mem_release(&r->start);
    mem_release(&r->feature);
    mem_release(&r->raw);
}

/* From a recording in the form of the training dataset to the network's inputs. */
static pclr_status prepare_stored(pclr_model *m, const pclr_record *record, bool embedding, prepared *r, pclr_error *error)
{
    r->windows = 1;
    if (embedding || model_classifier_uses_signal(&m->spec)) {
        r->samples = preprocess_samples(&m->preprocess, (int64_t)record->samples, record->rate);
        if (r->samples < 1)
            return error_set(error, PCLR_E_DATA, "%s: %zu samples at %g Hz are too few for the model", record->id, record->samples,
                             record->rate);
        TRY(mem_alloc(&r->whole, (size_t)(r->samples * m->preprocess.leads), sizeof *r->whole, error));
        TRY(preprocess_record(&m->preprocess, record, r->whole, error));
        TRY(preprocess_windows(&m->preprocess, r->samples, &r->start, &r->windows, error));
    }
    if (embedding || !model_classifier_uses_features(&m->spec)) return PCLR_OK;
    TRY(mem_alloc(&r->feature, (size_t)m->spec.features, sizeof *r->feature, error));
    TRY(mem_alloc(&r->raw, (size_t)m->spec.features, sizeof *r->raw, error));
    return infer_recording_features(&m->features, record, r->raw, r->feature, error);
}

/* A recording is first brought to the form of the training dataset, so that a file and the dataset imported from it give the same. */
static pclr_status prepare(pclr_model *m, infer_worker *w, const pclr_record *record, bool embedding, prepared *r, pclr_error *error)
{
    pclr_record *stored = NULL;
    const char *single = m->form.leads == 1 ? m->form.lead_name[0] : m->preprocess.leads == 1 ? m->preprocess.lead_name[0] : NULL;
    if (record->samples == 0) return error_set(error, PCLR_E_DATA, "%s: the recording has no samples", record->id);
    if (!w->to_form) return prepare_stored(m, record, embedding, r, error);
    TRY(convert_as_stored(w->to_form, record, single, &stored, error));
    pclr_status status = prepare_stored(m, stored, embedding, r, error);
    pclr_record_destroy(&stored);
    return status;
}

/* Adds the outputs of windows [first, first + count) to sum[width]. */
static pclr_status run_windows(pclr_model *m, infer_pass *p, const prepared *r, size_t first, size_t count, double *sum, pclr_error *error)
{
    int64_t points = preprocess_window_samples(&m->preprocess) * m->preprocess.leads;
    for (size_t k = 0; k < (size_t)p->windows; k++) {
        size_t window = first + (k < count ? k : 0); /* surplus places hold a copy that is not read */
        if (p->signal != NN_NONE)
            preprocess_window(&m->preprocess, r->whole, r->samples, r->start[window],
                              (float *)nn_data(p->graph, p->signal) + (int64_t)k * points);
        if (p->feature != NN_NONE)
            memcpy((float *)nn_data(p->graph, p->feature) + (int64_t)k * m->spec.features, r->feature,
                   (size_t)m->spec.features * sizeof(float));
    }
    TRY(nn_graph_forward(p->graph, 0, error));
    const float *value = nn_data(p->graph, p->out);
    int64_t width = nn_shape_of(p->graph, p->out).n[1];
    for (size_t k = 0; k < count; k++)
        for (int64_t c = 0; c < width; c++) sum[c] += (double)value[(int64_t)k * width + c];
    return PCLR_OK;
}

/* mean[width]: a member's outputs averaged over the windows. */
static pclr_status run_member(pclr_model *m, infer_worker *w, size_t member, bool embedding, const prepared *r, double *mean, size_t width,
                              pclr_error *error)
{
    infer_pass *p = embedding ? &w->embed : &w->predict[member];
    size_t at_once = r->windows < INFER_MAX_WINDOWS ? r->windows : INFER_MAX_WINDOWS;
    TRY(pass_for(m, w, p, member, embedding, (int64_t)at_once, error));
    memset(mean, 0, width * sizeof *mean);
    for (size_t first = 0; first < r->windows; first += at_once) {
        size_t count = r->windows - first < at_once ? r->windows - first : at_once;
        TRY(run_windows(m, p, r, first, count, mean, error));
    }
    for (size_t k = 0; k < width; k++) mean[k] /= (double)r->windows;
    return PCLR_OK;
}

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

/* The mean probability of members and trees, its log odds divided by the temperature that validation chose. */
static double calibrated(const pclr_model *m, double probability, double logit)
{
    if (m->members > 1 || m->trees_weight > 0.0) {
        double p = fmin(fmax(probability, 1e-12), 1.0 - 1e-12);
        logit = log(p / (1.0 - p));
    }
    return sigmoid(logit / m->temperature);
}

pclr_status infer_predict(pclr_model *m, infer_worker *w, const pclr_record *record, float *probability, pclr_error *error)
{
    prepared r = {0};
    size_t classes = (size_t)m->spec.classes;
    double *logit = NULL, *mean = NULL, share = (1.0 - m->trees_weight) / (double)m->members;
    pclr_status status;
    if (!m->classifier)
        return error_set(error, PCLR_E_ARGUMENT,
                         "model: it is a bare encoder and has no classes; train a classifier with `physioclr probe` or `finetune`");
    TRY_GOTO(mem_alloc(&logit, classes, sizeof *logit, error));
    TRY_GOTO(mem_alloc(&mean, classes, sizeof *mean, error));
    TRY_GOTO(prepare(m, w, record, false, &r, error));
    for (size_t k = 0; k < m->members; k++) {
        TRY_GOTO(run_member(m, w, k, false, &r, logit, classes, error));
        for (size_t c = 0; c < classes; c++) mean[c] += share * sigmoid(logit[c]);
    }
    if (m->trees_weight > 0.0) {
        model_trees_apply(&m->trees, r.raw, logit);
        for (size_t c = 0; c < classes; c++) mean[c] += m->trees_weight * sigmoid(logit[c]);
    }
    for (size_t c = 0; c < classes; c++) {
        probability[c] = (float)calibrated(m, mean[c], logit[c]);
        if (!isfinite(probability[c])) {
            status = error_set(error, PCLR_E_NUMERIC, "%s: the network's output is not finite; look at the record with `physioclr check`",
                               record->id);
            goto done;
        }
    }
done:
    prepared_free(&r);
    mem_free(logit);
    mem_free(mean);
    return status;
}

pclr_status infer_embed(pclr_model *m, infer_worker *w, const pclr_record *record, float *embedding, pclr_error *error)
{
    prepared r = {0};
    size_t width = pclr_model_dimensions(m);
    double *mean = NULL;
    pclr_status status;
    if (width == 0) return error_set(error, PCLR_E_ARGUMENT, "model: it is made of features alone and has no embedding");
    TRY_GOTO(mem_alloc(&mean, width, sizeof *mean, error));
    TRY_GOTO(prepare(m, w, record, true, &r, error));
    TRY_GOTO(run_member(m, w, 0, true, &r, mean, width, error));
    for (size_t k = 0; k < width; k++) embedding[k] = (float)mean[k];
done:
    prepared_free(&r);
    mem_free(mean);
    return status;
}

/* ---- opening and closing ---- */

pclr_status infer_worker_create(infer_worker *w, pclr_model *model, int threads, pclr_error *error)
{
    *w = (infer_worker){0};
    if (model->form.leads > 0) TRY(converter_create(&w->to_form, &model->form, error));
    TRY(nn_backend_create(&w->backend, "auto", threads, error));
    for (size_t k = 0; k < model->members && model->classifier; k++) TRY(pass_for(model, w, &w->predict[k], k, false, 1, error));
    if (!model->classifier) TRY(pass_for(model, w, &w->embed, 0, true, 1, error));
    model->declared = true;
    return PCLR_OK;
}

void infer_worker_destroy(infer_worker *w)
{
    for (size_t k = 0; k < INFER_MAX_MEMBERS; k++) pass_free(&w->predict[k]);
    pass_free(&w->embed);
    nn_backend_destroy(&w->backend);
    converter_destroy(&w->to_form);
}

static pclr_status open_model(pclr_model *m, int threads, pclr_error *error)
{
    TRY(infer_read_metadata(m, error));
    for (size_t k = 0; k < m->members; k++) TRY(nn_params_create(&m->params[k], 0, error));
    return infer_worker_create(&m->main, m, threads, error);
}

pclr_status pclr_model_open(pclr_model **model, const char *path, int threads, pclr_error *error)
{
    pclr_model *m = NULL;
    *model = NULL;
    TRY(mem_alloc(&m, 1, sizeof *m, error));
    pthread_mutex_init(&m->building, NULL);
    pclr_status status = st_open(&m->file, path, error); /* its messages name the file */
    if (status == PCLR_OK) {
        status = open_model(m, threads, error);
        if (status != PCLR_OK) error_prefix(error, "%s", path);
    }
    if (status != PCLR_OK) pclr_model_destroy(&m);
    *model = m;
    return status;
}

void pclr_model_destroy(pclr_model **model)
{
    if (!model || !*model) return;
    pclr_model *m = *model;
    infer_worker_destroy(&m->main);
    for (size_t k = 0; k < INFER_MAX_MEMBERS; k++) nn_params_destroy(&m->params[k]);
    for (int64_t k = 0; m->class_name && k < m->spec.classes; k++) mem_free(m->class_name[k]);
    mem_free(m->class_name);
    mem_free(m->features.space.mean);
    mem_free(m->features.space.scale);
    model_trees_free(&m->trees);
    st_close(&m->file);
    pthread_mutex_destroy(&m->building);
    mem_release(model);
}

size_t pclr_model_classes(const pclr_model *model)
{
    return (size_t)model->spec.classes;
}

const char *pclr_model_class_name(const pclr_model *model, size_t k)
{
    return k < (size_t)model->spec.classes && model->class_name ? model->class_name[k] : NULL;
}

size_t pclr_model_dimensions(const pclr_model *model)
{
    if (!model_classifier_uses_signal(&model->spec)) return 0;
    return (size_t)model_pool_dimensions(model->spec.pool, model_dimensions(&model->spec.encoder));
}

const char *pclr_model_metadata(const pclr_model *model, const char *key)
{
    return st_metadata(model->file, key);
}

pclr_status pclr_model_predict(pclr_model *model, const pclr_record *record, float *probability, pclr_error *error)
{
    return infer_predict(model, &model->main, record, probability, error);
}

pclr_status pclr_model_embed(pclr_model *model, const pclr_record *record, float *embedding, pclr_error *error)
{
    return infer_embed(model, &model->main, record, embedding, error);
}
