/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pretraining: dataset and configuration in, run folder out. The order of a run is pretrain_run at the bottom.
 *
 * Several processes run these steps side by side, each on its rows of the batch. They agree (world_agree) after setting up, before every
 * step and at the end, so that a failure of one is the failure of all; between two agreements none of them can fail alone. Only process 0
 * writes files and calls back.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/world.h"
#include "train/checkpoint.h"
#include "train/guard.h"
#include "train/initial.h"
#include "train/loader.h"
#include "train/metrics.h"
#include "train/modelfile.h"
#include "train/reduce.h"
#include "train/schedule.h"
#include "train/space.h"
#include "train/together.h"

/* One graph with its objective and the batches it is fed. */
typedef struct side {
    nn_graph *graph;
    objective *objective;
    loader *loader;
    size_t *record;
    size_t records;
    nn_id loss;
} side;

enum { BUCKET_BYTES = 1 << 20 }; /* of gradients summed at once: a few layers, so that most sums begin early in the backward pass */

typedef struct run {
    pclr_world *world;
    bool writes; /* process 0 */
    const pclr_config *config;
    const char *folder;
    const pclr_callbacks *callbacks;
    const objective_type *type;
    pool pool;
    feature_space space;
    pclr_labels *labels; /* for diagnostics; NULL: none asked for */
    model_encoder_spec encoder;
    nn_backend *backend;
    nn_params *params;
    nn_adamw *optimiser;
    side train, validation;
    metrics log;
    guard guard;
    reduce reduce;
    checkpoint_counters at;
    int64_t total, epoch_steps;
    double begin; /* clock when this part of the run began */
    double last_loss;
} run;

/* ---- setting up ---- */

static const char *view_key(int v)
{
    static const char *const key[OBJECTIVE_MAX_VIEWS] = {"views.first", "views.second", "views.third", "views.fourth"};
    return key[v];
}

static pclr_status parse_views(const run *r, loader_spec *spec, pclr_error *error)
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

static pclr_status make_loader_spec(const run *r, const side *s, loader_spec *spec, pclr_error *error)
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

static pclr_status build_graph(run *r, side *s, nn_mode mode, pclr_error *error)
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
    return nn_graph_compile(s->graph, s->loss, error);
}

static pclr_status open_data(run *r, const char *dataset_path, pclr_error *error)
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

static pclr_status open_network(run *r, pclr_error *error)
{
    const pclr_config *c = r->config;
    nn_adamw_args adam = {config_real(c, "train.beta1"), config_real(c, "train.beta2"), config_real(c, "train.epsilon"),
                          config_real(c, "train.weight_decay"), config_real(c, "train.clip_norm")};
    TRY(model_spec_from_config(&r->encoder, c, r->pool.preprocess.leads, error));
    TRY(nn_backend_create(&r->backend, config_text(c, "train.backend"), (int)config_int(c, "train.threads"), error));
    nn_backend_share(r->backend, r->world);
    TRY(nn_params_create(&r->params, (uint64_t)config_int(c, "seed"), error));
    TRY(build_graph(r, &r->train, NN_TRAIN, error));
    if (r->validation.records > 0 && config_int(c, "train.validation_batches") > 0) TRY(build_graph(r, &r->validation, NN_INFER, error));
    TRY(guard_create(&r->guard, r->params, config_int(c, "train.bad_steps"), error));
    TRY(reduce_create(&r->reduce, r->world, r->train.graph, r->params, BUCKET_BYTES, error));
    return nn_adamw_create(&r->optimiser, r->params, adam, error);
}

static pclr_status open_loaders(run *r, pclr_error *error)
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
static pclr_status count_steps(run *r, pclr_error *error)
{
    loader_spec spec;
    TRY(make_loader_spec(r, &r->train, &spec, error));
    r->epoch_steps = loader_epoch_steps(&spec);
    r->total = config_int(r->config, "train.steps");
    if (r->total == 0) r->total = (int64_t)ceil(config_real(r->config, "train.epochs") * (double)r->epoch_steps);
    return PCLR_OK;
}

/* The run folder with its configuration and metrics. */
static pclr_status open_folder(run *r, pclr_error *error)
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

static pclr_status begin_or_resume(run *r, bool resume, pclr_error *error)
{
    const char *initial = config_text(r->config, "train.initial");
    r->at = (checkpoint_counters){.best = NAN};
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

/* ---- steps ---- */

/* Called by all processes. */
static pclr_status save_checkpoint(run *r, pclr_error *error)
{
    TRY(together_weights(r->world, r->params, error));
    if (!r->writes) return PCLR_OK;
    checkpoint_counters now = r->at;
    now.bad_steps = r->guard.bad_total;
    now.metrics_offset = metrics_offset(&r->log);
    now.seconds += clock_seconds() - r->begin;
    return checkpoint_save(r->folder, r->params, r->optimiser, r->train.objective, &now, r->config, r->pool.fingerprint, error);
}

static double term_value(side *s, size_t k)
{
    const struct objective_term *term = &objective_base_of(s->objective)->term[k];
    return term->id == NN_NONE ? term->value : (double)*(const float *)nn_data(s->graph, term->id);
}

static pclr_status log_step(run *r, double loss, double rate, double norm, pclr_error *error)
{
    text line;
    metrics_begin(&line, "train", r->at.step);
    metrics_number(&line, "epoch", (double)r->at.step / (double)r->epoch_steps);
    metrics_number(&line, "loss", loss);
    metrics_number(&line, "learning_rate", rate);
    metrics_number(&line, "gradient_norm", norm);
    for (size_t k = 0; k < objective_base_of(r->train.objective)->terms; k++)
        metrics_number(&line, objective_base_of(r->train.objective)->term[k].name, term_value(&r->train, k));
    metrics_number(&line, "bad_steps", (double)r->guard.bad_total);
    return metrics_write(&r->log, &line, error);
}

/* The batch of step `step` of a side, in its graph's inputs. */
static pclr_status next_batch(run *r, side *s, int64_t step, const objective_batch **batch, pclr_error *error)
{
    TRY(loader_get(s->loader, step, batch, error));
    return r->type->feed(s->objective, *batch, error);
}

/* One step on a batch that was fed. A loss or gradient that is not finite changes nothing but the count of bad steps. */
static pclr_status train_step(run *r, const objective_batch *batch, pclr_error *error)
{
    side *s = &r->train;
    double norm = NAN, rate = schedule_rate(config_text(r->config, "train.schedule"), config_real(r->config, "train.learning_rate"),
                                            config_real(r->config, "train.warmup"), r->at.step, r->total);
    guard_keep(&r->guard);
    TRY(nn_graph_forward(s->graph, (uint64_t)r->at.step, error));
    double loss = *(const float *)nn_data(s->graph, s->loss);
    pclr_status status = isfinite(loss) ? PCLR_OK : PCLR_E_NUMERIC;
    if (status == PCLR_OK) {
        TRY(nn_graph_backward(s->graph, 1.0, error));
        reduce_finish(&r->reduce);
        status = nn_adamw_step(r->optimiser, r->backend, rate, &norm, error);
    }
    if (status != PCLR_OK && status != PCLR_E_NUMERIC) return status;
    if (status == PCLR_OK && r->type->after_step) TRY(r->type->after_step(s->objective, batch, error));
    r->at.step++;
    r->last_loss = loss;
    if (r->at.step % config_int(r->config, "train.log_every") == 0 || r->at.step == 1) TRY(log_step(r, loss, rate, norm, error));
    return guard_check(&r->guard, status == PCLR_OK, r->at.step, error);
}

/* Mean loss over the first validation batches, always the same ones. */
static pclr_status validate(run *r, pclr_error *error)
{
    side *s = &r->validation;
    int64_t batches = config_int(r->config, "train.validation_batches");
    double sum = 0.0;
    text line;
    if (!s->graph) return PCLR_OK;
    for (int64_t k = 0; k < batches; k++) {
        const objective_batch *batch = NULL;
        TRY(world_agree(r->world, next_batch(r, s, k, &batch, error), NULL, error));
        TRY(nn_graph_forward(s->graph, (uint64_t)k, error));
        sum += *(const float *)nn_data(s->graph, s->loss);
    }
    double loss = sum / (double)batches;
    if (isnan(r->at.best) || loss < r->at.best) r->at.best = loss;
    metrics_begin(&line, "validation", r->at.step);
    metrics_number(&line, "epoch", (double)r->at.step / (double)r->epoch_steps);
    metrics_number(&line, "loss", loss);
    return metrics_write(&r->log, &line, error);
}

static bool is_due(const run *r, const char *every)
{
    return r->at.step == r->total || r->at.step % config_int(r->config, every) == 0;
}

static pclr_status interrupt(run *r, pclr_error *error)
{
    TRY(save_checkpoint(r, error));
    return error_set(error, PCLR_E_INTERRUPTED, "%s: interrupted after step %lld of %lld, checkpoint saved; go on with --resume", r->folder,
                     (long long)r->at.step, (long long)r->total);
}

/* What follows a step in some places: validation, and a checkpoint. `status` is this process's so far. */
static pclr_status follow_up(run *r, pclr_status status, pclr_error *error)
{
    if (status == PCLR_E_NUMERIC) { /* in all processes: the loss is that of all */
        TRY(save_checkpoint(r, NULL));
        return status;
    }
    if (is_due(r, "train.validate_every")) {
        TRY(world_agree(r->world, status, NULL, error));
        status = validate(r, error);
    }
    if (is_due(r, "train.checkpoint_every")) {
        TRY(world_agree(r->world, status, NULL, error));
        status = save_checkpoint(r, error);
    }
    return status;
}

static pclr_status train(run *r, pclr_error *error)
{
    pclr_status status = PCLR_OK;
    progress bar = progress_begin(r->callbacks, "pretrain", "steps", (uint64_t)r->total);
    bar.done = bar.last_done = (uint64_t)r->at.step;
    while (r->at.step < r->total) {
        const objective_batch *batch = NULL;
        char detail[64];
        bool stop = callbacks_stop(r->callbacks);
        if (status == PCLR_OK && !stop) status = next_batch(r, &r->train, r->at.step, &batch, error);
        TRY(world_agree(r->world, status, &stop, error));
        if (stop) return interrupt(r, error);
        status = follow_up(r, train_step(r, batch, error), error);
        snprintf(detail, sizeof detail, "loss %.4f", r->last_loss);
        progress_update(&bar, (uint64_t)r->at.step, detail);
    }
    progress_end(&bar, NULL);
    return world_agree(r->world, status, NULL, error);
}

/* ---- results ---- */

static pclr_status write_card(run *r, const modelfile *m, pclr_error *error)
{
    text body = {0};
    text_add(&body,
             "An ECG encoder (%s %s, %lld parameters, embedding of %lld values) pretrained without labels by %s (%s): %lld steps of %lld "
             "segments, seed %lld.\n\n"
             "Last training loss %.4f",
             r->encoder.name, r->encoder.size, (long long)nn_params_size(r->params, "encoder."), (long long)model_dimensions(&r->encoder),
             r->type->title, r->type->paper, (long long)r->at.step, (long long)config_int(r->config, "train.batch"),
             (long long)config_int(r->config, "seed"), r->last_loss);
    if (!isnan(r->at.best)) text_add(&body, ", best validation loss %.4f", r->at.best);
    text_add(&body, "; %lld steps were skipped because their loss was not finite.\n\n", (long long)r->guard.bad_total);
    pclr_status status = text_ok(&body, error);
    if (status == PCLR_OK) status = modelfile_card(m, r->folder, "ECG encoder", "encoder.safetensors", body.data, error);
    text_free(&body);
    return status;
}

static pclr_status write_encoder(run *r, pclr_error *error)
{
    modelfile m = {.source = &r->pool,
                   .space = r->space.features ? &r->space : NULL,
                   .config = r->config,
                   .format = MODEL_FORMAT_ENCODER,
                   .objective = r->type->name};
    char *architecture = NULL;
    pclr_status status;
    if (!r->writes) return PCLR_OK;
    TRY_GOTO(modelfile_begin(&m, error));
    TRY_GOTO(model_spec_to_json(&r->encoder, &architecture, error));
    TRY_GOTO(modelfile_metadata(&m, "architecture", architecture, error));
    TRY_GOTO(modelfile_metadata(&m, "pool", "mean", error));
    TRY_GOTO(model_weights_save(r->params, "encoder.", "", m.writer, error));
    TRY_GOTO(modelfile_write(&m, r->folder, "encoder.safetensors", error));
    TRY_GOTO(write_card(r, &m, error));
done:
    mem_free(architecture);
    modelfile_end(&m);
    return status;
}

static uint64_t planned_bytes(const run *r)
{
    nn_memory m = nn_graph_memory(r->train.graph);
    return m.parameters + m.gradients + m.activations + m.workspace + reduce_bytes(&r->reduce);
}

static pclr_status log_end(run *r, int64_t steps, pclr_train_summary *summary, pclr_error *error)
{
    double seconds = clock_seconds() - r->begin, replaced = (double)loader_fallbacks(r->train.loader);
    text line;
    world_sum(r->world, &replaced, 1);
    *summary =
        (pclr_train_summary){.steps = r->at.step,
                             .epochs = r->at.step / r->epoch_steps,
                             .seconds = seconds,
                             .segments_per_second = seconds > 0 ? (double)(steps * config_int(r->config, "train.batch")) / seconds : 0,
                             .best_value = r->at.best,
                             .peak_bytes = planned_bytes(r)};
    snprintf(summary->best_name, sizeof summary->best_name, "validation loss");
    metrics_begin(&line, "end", r->at.step);
    metrics_number(&line, "seconds", seconds);
    metrics_number(&line, "segments_per_second", summary->segments_per_second);
    metrics_number(&line, "loader_wait_seconds", loader_stall_seconds(r->train.loader));
    metrics_number(&line, "augmentations_replaced", replaced);
    metrics_number(&line, "planned_bytes", (double)summary->peak_bytes);
    if (pclr_world_size(r->world) > 1) {
        metrics_number(&line, "processes", (double)pclr_world_size(r->world));
        metrics_number(&line, "exchange_seconds", world_costs(r->world).calls);
        metrics_number(&line, "gradient_wait_seconds", world_costs(r->world).sums);
        metrics_number(&line, "exchange_bytes", (double)world_costs(r->world).bytes);
    }
    return metrics_write(&r->log, &line, error);
}

/* Asking turns profiling on; asking again tells. */
static pclr_status profile(run *r, bool tell, pclr_error *error)
{
    char *lines = NULL;
    if (!config_bool(r->config, "train.profile")) return PCLR_OK;
    TRY(nn_graph_profile(r->train.graph, &lines, error));
    if (tell) callbacks_log(r->callbacks, PCLR_LOG_INFO, "time by operation:\n%s", lines);
    mem_free(lines);
    return PCLR_OK;
}

static void announce(const run *r)
{
    char processes[32] = "";
    if (pclr_world_size(r->world) > 1) (void)snprintf(processes, sizeof processes, "%d processes, ", pclr_world_size(r->world));
    callbacks_log(r->callbacks, PCLR_LOG_INFO,
                  "%s on %s %s (%lld parameters), %sbackend %s with %d threads: %zu training and %zu validation records, %lld steps, %.0f "
                  "MiB planned",
                  r->type->title, r->encoder.name, r->encoder.size, (long long)nn_params_size(r->params, "encoder."), processes,
                  nn_backend_name(r->backend), nn_backend_threads(r->backend), r->train.records, r->validation.records, (long long)r->total,
                  (double)planned_bytes(r) / 1048576.0);
}

static void close_side(run *r, side *s)
{
    loader_destroy(&s->loader);
    if (s->objective) r->type->destroy(&s->objective);
    nn_graph_destroy(&s->graph);
    mem_release(&s->record);
}

static void close_run(run *r)
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

static pclr_status find_objective(run *r, pclr_error *error)
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

static pclr_status set_up(run *r, const char *dataset_path, bool resume, pclr_error *error)
{
    TRY(find_objective(r, error));
    TRY(open_data(r, dataset_path, error));
    TRY(open_network(r, error));
    TRY(count_steps(r, error));
    TRY(begin_or_resume(r, resume, error));
    return open_loaders(r, error);
}

/* Called by all processes. */
static pclr_status write_results(run *r, int64_t steps, pclr_train_summary *summary, pclr_error *error)
{
    TRY(profile(r, true, error));
    TRY(log_end(r, steps, summary, error));
    return write_encoder(r, error);
}

static pclr_status pretrain_run(run *r, const char *dataset_path, bool resume, pclr_train_summary *summary, pclr_error *error)
{
    TRY(world_agree(r->world, set_up(r, dataset_path, resume, error), NULL, error));
    TRY(together_begin(r->world, r->config, r->pool.fingerprint, r->at.step, &r->space, r->params, error));
    announce(r);
    int64_t before = r->at.step;
    r->begin = clock_seconds();
    TRY(world_agree(r->world, profile(r, false, error), NULL, error));
    TRY(train(r, error));
    return world_agree(r->world, write_results(r, r->at.step - before, summary, error), NULL, error);
}

pclr_status pclr_pretrain_together(pclr_world *world, const char *dataset_path, const pclr_config *config, const char *folder, bool resume,
                                   const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    pclr_callbacks silent = {.user = callbacks ? callbacks->user : NULL, .stop = callbacks ? callbacks->stop : NULL};
    bool writes = pclr_world_rank(world) == 0;
    run r = {.world = world,
             .writes = writes,
             .config = config,
             .folder = folder,
             .callbacks = writes ? callbacks : &silent,
             .begin = clock_seconds(),
             .last_loss = NAN};
    pclr_train_summary unused;
    pclr_status status = pretrain_run(&r, dataset_path, resume, summary ? summary : &unused, error);
    close_run(&r);
    return status;
}

pclr_status pclr_pretrain(const char *dataset_path, const pclr_config *config, const char *folder, bool resume,
                          const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    return pclr_pretrain_together(NULL, dataset_path, config, folder, resume, callbacks, summary, error);
}
