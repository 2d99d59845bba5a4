/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pretraining: dataset and configuration in, run folder out. The order of a run is pretrain_run at the bottom; pretrain_setup.c and
 * pretrain_results.c are its two ends.
 *
 * Several processes run these steps side by side, each on its rows of the batch. They agree (world_agree) after setting up, before every
 * step and at the end, so that a failure of one is the failure of all; between two agreements none of them can fail alone. Only process 0
 * writes files and calls back.
 */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "train/pretrain.h"
#include "train/schedule.h"
#include "train/together.h"

/* Called by all processes. */
static pclr_status save_checkpoint(pretrain *r, pclr_error *error)
{
    TRY(together_weights(r->world, r->params, error));
    if (!r->writes) return PCLR_OK;
    checkpoint_counters now = r->at;
    now.bad_steps = r->guard.bad_total;
    now.metrics_offset = metrics_offset(&r->log);
    now.seconds += clock_seconds() - r->begin;
    return checkpoint_save(r->folder, r->params, r->optimiser, r->train.objective, &now, r->config, r->pool.fingerprint, error);
}

static double term_value(pretrain_side *s, size_t k)
{
    const struct objective_term *term = &objective_base_of(s->objective)->term[k];
    return term->id == NN_NONE ? term->value : (double)*(const float *)nn_data(s->graph, term->id);
}

static pclr_status log_step(pretrain *r, double loss, double rate, double norm, pclr_error *error)
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
static pclr_status next_batch(pretrain *r, pretrain_side *s, int64_t step, const objective_batch **batch, pclr_error *error)
{
    TRY(loader_get(s->loader, step, batch, error));
    return r->type->feed(s->objective, *batch, error);
}

/* One step on a batch that was fed. A loss or gradient that is not finite changes nothing but the count of bad steps. */
static pclr_status train_step(pretrain *r, const objective_batch *batch, pclr_error *error)
{
    pretrain_side *s = &r->train;
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
static pclr_status validate(pretrain *r, pclr_error *error)
{
    pretrain_side *s = &r->validation;
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

static bool is_due(const pretrain *r, const char *every)
{
    return r->at.step == r->total || r->at.step % config_int(r->config, every) == 0;
}

static pclr_status interrupt(pretrain *r, pclr_error *error)
{
    TRY(save_checkpoint(r, error));
    return error_set(error, PCLR_E_INTERRUPTED, "%s: interrupted after step %lld of %lld, checkpoint saved; go on with --resume", r->folder,
                     (long long)r->at.step, (long long)r->total);
}

/* What follows a step in some places: validation, and a checkpoint. `status` is this process's so far. */
static pclr_status follow_up(pretrain *r, pclr_status status, pclr_error *error)
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

static pclr_status train(pretrain *r, pclr_error *error)
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

static void announce(const pretrain *r)
{
    char processes[32] = "";
    if (pclr_world_size(r->world) > 1) (void)snprintf(processes, sizeof processes, "%d processes, ", pclr_world_size(r->world));
    callbacks_log(r->callbacks, PCLR_LOG_INFO,
                  "%s on %s %s (%lld parameters), %sbackend %s in %s with %d threads: %zu training and %zu validation records, %lld steps, %.0f "
                  "MiB planned",
                  r->type->title, r->encoder.name, r->encoder.size, (long long)nn_params_size(r->params, "encoder."), processes,
                  nn_backend_name(r->backend), nn_backend_precision_name(r->backend), nn_backend_threads(r->backend), r->train.records,
                  r->validation.records, (long long)r->total, (double)pretrain_planned_bytes(r) / 1048576.0);
}

static pclr_status pretrain_run(pretrain *r, const char *dataset_path, bool resume, pclr_train_summary *summary, pclr_error *error)
{
    TRY(world_agree(r->world, pretrain_set_up(r, dataset_path, resume, error), NULL, error));
    TRY(together_begin(r->world, r->config, r->pool.fingerprint, r->at.step, &r->space, r->params,
                       nn_backend_precision_name(r->backend), error));
    announce(r);
    int64_t before = r->at.step;
    r->begin = clock_seconds();
    TRY(world_agree(r->world, pretrain_profile(r, false, error), NULL, error));
    TRY(train(r, error));
    return world_agree(r->world, pretrain_write_results(r, r->at.step - before, summary, error), NULL, error);
}

pclr_status pclr_pretrain_together(pclr_world *world, const char *dataset_path, const pclr_config *config, const char *folder, bool resume,
                                   const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    pclr_callbacks silent = {.user = callbacks ? callbacks->user : NULL, .stop = callbacks ? callbacks->stop : NULL};
    bool writes = pclr_world_rank(world) == 0;
    pretrain r = {.world = world,
                  .writes = writes,
                  .config = config,
                  .folder = folder,
                  .callbacks = writes ? callbacks : &silent,
                  .begin = clock_seconds(),
                  .last_loss = NAN};
    pclr_train_summary unused;
    pclr_status status = pretrain_run(&r, dataset_path, resume, summary ? summary : &unused, error);
    pretrain_close(&r);
    return status;
}

pclr_status pclr_pretrain(const char *dataset_path, const pclr_config *config, const char *folder, bool resume,
                          const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    return pclr_pretrain_together(NULL, dataset_path, config, folder, resume, callbacks, summary, error);
}
