/* SPDX-License-Identifier: Apache-2.0 */
/* Setting up a run of pretraining, and closing it. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "train/initial.h"
#include "train/pretrain.h"

enum { BUCKET_BYTES = 1 << 20 }; /* of gradients summed at once: a few layers, so that most sums begin early in the backward pass */

static const char *view_key(int v)
{
    static const char *const key[OBJECTIVE_MAX_VIEWS] = {"views.first", "views.second", "views.third", "views.fourth"};
    return key[v];
}

static pclr_status parse_views(const pretrain *r, loader_spec *spec, pclr_error *error)
{
    for (int v = 0; v < spec->views; v++) {
        const char *names = config_text(r->config, view_key(v));
        if (strcmp(names, "auto") == 0) names = r->type->augment[v];
        if (!names || strcmp(names, "none") == 0) names = "";
        pclr_status status = augment_chain_parse(&spec->chain[v], names, error);
        if (status != PCLR_OK) return error_prefix(error, "%s", view_key(v));
    }
    return PCLR_OK;
}

static pclr_status make_loader_spec(const pretrain *r, const pretrain_side *s, loader_spec *spec, pclr_error *error)
{
    const pclr_config *c = r->config;
    *spec = (loader_spec){.source = &r->pool,
                          .record = s->record,
                          .records = s->records,
                          .space = r->pool.has_physiology && r->space.features ? &r->space : NULL,
                          .labels = r->labels,
                          .config = c,
                          .items = config_int(c, "train.batch"),
                          .rank = pclr_world_rank(r->world),
                          .size = pclr_world_size(r->world),
                          .pairs = r->type->needs_pairs,
                          .pair_patient = config_is(c, "data.pairs", "patient"),
                          .scope_record = config_is(c, "features.scope", "record"),
                          .views = r->type->views,
                          .window_ms = config_real(c, "objective.peak_window"),
                          .window_p = config_is(c, "objective.peak_waves", "PRT"),
                          .window_t = config_is(c, "objective.peak_waves", "PRT"),
                          .seed = (uint64_t)config_int(c, "seed"),
                          .prefetch = (int)config_int(c, "train.prefetch")};
    if (spec->pairs && spec->items % 2)
        return error_set(error, PCLR_E_ARGUMENT, "train.batch: found %lld, expected an even number (pairs of segments)",
                         (long long)spec->items);
    int64_t unit = (int64_t)spec->size * (spec->pairs ? 2 : 1);
    if (spec->items % unit)
        return error_set(error, PCLR_E_ARGUMENT,
                         "train.batch: found %lld, expected a multiple of %lld (the same number of %s for each of %d processes)",
                         (long long)spec->items, (long long)unit, spec->pairs ? "pairs" : "segments", spec->size);
    return parse_views(r, spec, error);
}

static pclr_status build_graph(pretrain *r, pretrain_side *s, nn_mode mode, pclr_error *error)
{
    TRY(nn_graph_create(&s->graph, r->backend, r->params, mode, error));
    objective_setup setup = {.graph = s->graph,
                             .encoder = &r->encoder,
                             .config = r->config,
                             .items = config_int(r->config, "train.batch") / pclr_world_size(r->world),
                             .samples = preprocess_window_samples(&r->pool.preprocess),
                             .leads = r->pool.preprocess.leads,
                             .features = (int64_t)r->space.features,
                             .components = (int64_t)r->space.components};
    TRY(r->type->create(&s->objective, &setup, &s->loss, error));
    pclr_status status = nn_graph_compile(s->graph, s->loss, error);
    if (status != PCLR_E_MEMORY) return status;
    return error_prefix(error, "train.batch: %lld segments of %s %s", (long long)config_int(r->config, "train.batch"), r->encoder.name,
                        r->encoder.size);
}

static pclr_status open_data(pretrain *r, const char *dataset_path, pclr_error *error)
{
    int threads = (int)config_int(r->config, "train.threads");
    TRY(pool_open(&r->pool, dataset_path, NULL, r->config, r->type->needs_features, error));
    if (r->type->needs_features) TRY(pool_check_extractor(&r->pool, r->callbacks, error));
    TRY(pool_split_pretraining(&r->pool, r->config, error));
    pool_drop_unused(&r->pool);
    TRY(pool_load(&r->pool, NULL, r->config, parallel_threads(threads), r->callbacks, error));
    TRY(pool_part(&r->pool, PCLR_SPLIT_TRAIN, &r->train.record, &r->train.records, error));
    TRY(pool_part(&r->pool, PCLR_SPLIT_VALIDATION, &r->validation.record, &r->validation.records, error));
    if (r->train.records == 0)
        return error_set(error, PCLR_E_DATA, "dataset: no usable record in the training part; check data.split and `physioclr check`");
    if (config_text(r->config, "data.labels")[0])
        TRY(pclr_dataset_labels(r->pool.dataset, config_text(r->config, "data.labels"), &r->labels, error));
    if (r->pool.has_physiology && r->type->needs_features)
        TRY(space_fit(&r->space, &r->pool, r->train.record, r->train.records, false, r->config, error));
    return PCLR_OK;
}

static pclr_status open_network(pretrain *r, pclr_error *error)
{
    const pclr_config *c = r->config;
    nn_adamw_args adam = {config_real(c, "train.beta1"), config_real(c, "train.beta2"), config_real(c, "train.epsilon"),
                          config_real(c, "train.weight_decay"), config_real(c, "train.clip_norm")};
    TRY(model_spec_from_config(&r->encoder, c, r->pool.preprocess.leads, error));
    TRY(nn_backend_create(&r->backend, config_text(c, "train.backend"), (int)config_int(c, "train.threads"), error));
    TRY(nn_backend_precision(r->backend, config_text(c, "train.precision"), error));
    nn_backend_recompute(r->backend, config_bool(c, "train.recompute"));
    nn_backend_share(r->backend, r->world);
    TRY(nn_params_create(&r->params, (uint64_t)config_int(c, "seed"), error));
    TRY(build_graph(r, &r->train, NN_TRAIN, error));
    if (r->validation.records > 0 && config_int(c, "train.validation_batches") > 0) TRY(build_graph(r, &r->validation, NN_INFER, error));
    TRY(guard_create(&r->guard, r->params, config_int(c, "train.bad_steps"), error));
    TRY(reduce_create(&r->reduce, r->world, r->train.graph, r->params, BUCKET_BYTES, error));
    return nn_adamw_create(&r->optimiser, r->params, adam, error);
}

static pclr_status open_loaders(pretrain *r, pclr_error *error)
{
    loader_spec spec;
    TRY(make_loader_spec(r, &r->train, &spec, error));
    spec.threads = (int)config_int(r->config, "train.loader_threads");
    spec.first_step = r->at.step;
    TRY(loader_create(&r->train.loader, &spec, error));
    if (!r->validation.graph) return PCLR_OK;
    TRY(make_loader_spec(r, &r->validation, &spec, error));
    return loader_create(&r->validation.loader, &spec, error);
}

/* Number of steps: asked for, or passes over the training records. */
static pclr_status count_steps(pretrain *r, pclr_error *error)
{
    loader_spec spec;
    TRY(make_loader_spec(r, &r->train, &spec, error));
    r->epoch_steps = loader_epoch_steps(&spec);
    r->total = config_int(r->config, "train.steps");
    if (r->total == 0) r->total = (int64_t)ceil(config_real(r->config, "train.epochs") * (double)r->epoch_steps);
    return PCLR_OK;
}

/* The run folder with its configuration and metrics. */
static pclr_status open_folder(pretrain *r, pclr_error *error)
{
    char *path = NULL;
    if (!r->writes) return PCLR_OK;
    TRY(file_make_folder(r->folder, error));
    TRY(path_join(&path, r->folder, "config.yaml", error));
    pclr_status status = pclr_config_save(r->config, path, error);
    mem_free(path);
    if (status != PCLR_OK) return status;
    return metrics_open(&r->log, r->folder, r->at.metrics_offset, error);
}

static pclr_status begin_or_resume(pretrain *r, bool resume, pclr_error *error)
{
    const char *initial = config_text(r->config, "train.initial");
    r->at = (checkpoint_counters){.best = NAN, .precision = nn_backend_precision_name(r->backend)};
    if (resume) {
        if (!checkpoint_exists(r->folder))
            return error_set(error, PCLR_E_DATA, "%s: no checkpoint to resume from; start the run without --resume", r->folder);
        TRY(checkpoint_load(r->folder, r->params, r->optimiser, r->train.objective, &r->at, r->config, r->pool.fingerprint, error));
        r->guard.bad_total = r->at.bad_steps;
    } else if (initial[0]) {
        TRY(initial_weights(r->params, &r->encoder, &r->pool.preprocess, initial, error));
    }
    return open_folder(r, error);
}

static pclr_status find_objective(pretrain *r, pclr_error *error)
{
    const char *name = config_text(r->config, "objective.name");
    r->type = objective_find(name);
    if (r->type) return PCLR_OK;
    const char *names[64];
    size_t count = objective_count() < 64 ? objective_count() : 64;
    for (size_t k = 0; k < count; k++) names[k] = objective_at(k)->name;
    const char *near = text_nearest(name, names, count);
    return error_set(error, PCLR_E_ARGUMENT, "objective.name: \"%s\" is unknown; did you mean \"%s\"?", name, near ? near : names[0]);
}

pclr_status pretrain_set_up(pretrain *r, const char *dataset_path, bool resume, pclr_error *error)
{
    TRY(find_objective(r, error));
    TRY(open_data(r, dataset_path, error));
    TRY(open_network(r, error));
    TRY(count_steps(r, error));
    TRY(begin_or_resume(r, resume, error));
    return open_loaders(r, error);
}

static void close_side(pretrain *r, pretrain_side *s)
{
    loader_destroy(&s->loader);
    if (s->objective) r->type->destroy(&s->objective);
    nn_graph_destroy(&s->graph);
    mem_release(&s->record);
}

void pretrain_close(pretrain *r)
{
    close_side(r, &r->train);
    close_side(r, &r->validation);
    nn_adamw_destroy(&r->optimiser);
    guard_free(&r->guard);
    reduce_free(&r->reduce);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
    metrics_close(&r->log);
    feature_space_free(&r->space);
    pclr_labels_destroy(&r->labels);
    pool_close(&r->pool);
}
