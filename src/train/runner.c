/* SPDX-License-Identifier: Apache-2.0 */
#include "train/runner.h"

#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"

static nn_id signal_input(nn_graph *g, const preprocess_spec *input, int64_t batch)
{
    return nn_input(g, "signal", NN_F32, nn_shape3(batch, preprocess_window_samples(input), input->leads));
}

static pclr_status finish(runner *r, pclr_error *error)
{
    nn_keep(r->graph, r->out);
    pclr_status status = nn_graph_compile(r->graph, NN_NONE, error);
    if (status != PCLR_OK) {
        runner_destroy(r);
        return status;
    }
    r->width = nn_shape_of(r->graph, r->out).n[1];
    return PCLR_OK;
}

pclr_status runner_create_encoder(runner *r, nn_backend *backend, nn_params *params, const model_encoder_spec *encoder,
                                  const char *pool_kind, const preprocess_spec *input, int64_t batch, pclr_error *error)
{
    *r = (runner){.batch = batch, .feature = NN_NONE};
    TRY(nn_graph_create(&r->graph, backend, params, NN_INFER, error));
    r->signal = signal_input(r->graph, input, batch);
    r->out = model_pool(r->graph, model_encode(r->graph, r->signal, encoder), pool_kind);
    return finish(r, error);
}

pclr_status runner_create_classifier(runner *r, nn_backend *backend, nn_params *params, const model_classifier_spec *spec,
                                     const preprocess_spec *input, int64_t batch, pclr_error *error)
{
    *r = (runner){.batch = batch, .signal = NN_NONE, .feature = NN_NONE, .features = spec->features};
    TRY(nn_graph_create(&r->graph, backend, params, NN_INFER, error));
    if (model_classifier_uses_signal(spec)) r->signal = signal_input(r->graph, input, batch);
    if (model_classifier_uses_features(spec)) r->feature = nn_input(r->graph, "features", NN_F32, nn_shape2(batch, spec->features));
    r->out = model_classifier_build(r->graph, r->signal, r->feature, spec);
    return finish(r, error);
}

void runner_destroy(runner *r)
{
    nn_graph_destroy(&r->graph);
}

/* What fills the places of a pass: which record each window belongs to. */
typedef struct filling {
    size_t owner[4096]; /* index into the caller's list */
    int64_t used;
    uint32_t *windows; /* [records] done */
    float *out;
} filling;

static pclr_status flush(runner *r, filling *f, pclr_error *error)
{
    if (f->used == 0) return PCLR_OK;
    TRY(nn_graph_forward(r->graph, 0, error));
    const float *value = nn_data(r->graph, r->out);
    for (int64_t b = 0; b < f->used; b++) {
        float *sum = f->out + f->owner[b] * (size_t)r->width;
        for (int64_t k = 0; k < r->width; k++) sum[k] += value[b * r->width + k];
        f->windows[f->owner[b]]++;
    }
    f->used = 0;
    return PCLR_OK;
}

/* Places the windows of one record (one empty place where the network takes features alone). */
static pclr_status place_record(runner *r, const pool *p, size_t k, size_t owner, const float *feature, filling *f, pclr_error *error)
{
    const float *signal = NULL;
    float *own = NULL;
    int64_t *start = NULL;
    size_t windows = 1;
    pclr_status status = PCLR_OK;
    if (r->signal != NN_NONE) {
        TRY_GOTO(pool_signal(p, k, &signal, &own, error));
        TRY_GOTO(preprocess_windows(&p->preprocess, p->record[k].samples, &start, &windows, error));
    }
    for (size_t w = 0; w < windows; w++) {
        if (r->signal != NN_NONE) {
            float *place =
                (float *)nn_data(r->graph, r->signal) + f->used * preprocess_window_samples(&p->preprocess) * p->preprocess.leads;
            preprocess_window(&p->preprocess, signal, p->record[k].samples, start[w], place);
        }
        if (r->feature != NN_NONE)
            memcpy((float *)nn_data(r->graph, r->feature) + f->used * r->features, feature + owner * (size_t)r->features,
                   (size_t)r->features * sizeof(float));
        f->owner[f->used++] = owner;
        if (f->used == r->batch) TRY_GOTO(flush(r, f, error));
    }
done:
    mem_free(own);
    mem_free(start);
    return status;
}

pclr_status runner_run(runner *r, const pool *p, const size_t *record, size_t records, const float *feature, float *out,
                       const pclr_callbacks *callbacks, const char *stage, pclr_error *error)
{
    filling f = {.out = out};
    progress bar = progress_begin(callbacks, stage, "records", records);
    pclr_status status;
    if (r->batch > (int64_t)(sizeof f.owner / sizeof *f.owner))
        return error_set(error, PCLR_E_ARGUMENT, "runner: batch of %lld; expected at most 4096", (long long)r->batch);
    TRY(mem_alloc(&f.windows, records, sizeof *f.windows, error));
    memset(out, 0, records * (size_t)r->width * sizeof *out);
    for (size_t n = 0; n < records; n++) {
        TRY_GOTO(place_record(r, p, record[n], n, feature, &f, error));
        progress_update(&bar, n + 1, NULL);
        if (callbacks_stop(callbacks)) {
            status = error_set(error, PCLR_E_INTERRUPTED, "%s: interrupted; nothing was written", stage);
            goto done;
        }
    }
    TRY_GOTO(flush(r, &f, error));
    for (size_t n = 0; n < records; n++)
        for (int64_t k = 0; k < r->width; k++) out[n * (size_t)r->width + (size_t)k] /= (float)f.windows[n];
    progress_end(&bar, NULL);
done:
    mem_free(f.windows);
    return status;
}
