/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of pretraining leaves: metrics, encoder, card. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "train/modelfile.h"
#include "train/pretrain.h"

static pclr_status write_card(pretrain *r, const modelfile *m, pclr_error *error)
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

static pclr_status write_encoder(pretrain *r, pclr_error *error)
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

uint64_t pretrain_planned_bytes(const pretrain *r)
{
    nn_memory m = nn_graph_memory(r->train.graph);
    return m.parameters + m.gradients + m.activations + m.workspace + reduce_bytes(&r->reduce);
}

static pclr_status log_end(pretrain *r, int64_t steps, pclr_train_summary *summary, pclr_error *error)
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
                             .peak_bytes = pretrain_planned_bytes(r)};
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

pclr_status pretrain_profile(pretrain *r, bool tell, pclr_error *error)
{
    char *lines = NULL;
    if (!config_bool(r->config, "train.profile")) return PCLR_OK;
    TRY(nn_graph_profile(r->train.graph, &lines, error));
    if (tell) callbacks_log(r->callbacks, PCLR_LOG_INFO, "time by operation:\n%s", lines);
    mem_free(lines);
    return PCLR_OK;
}

pclr_status pretrain_write_results(pretrain *r, int64_t steps, pclr_train_summary *summary, pclr_error *error)
{
    TRY(pretrain_profile(r, true, error));
    TRY(log_end(r, steps, summary, error));
    return write_encoder(r, error);
}
