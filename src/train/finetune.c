/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fine-tuning: encoder and head on the labels (multi-label cross-entropy), windows cropped at random, evaluated on whole validation
 * recordings (mean logit over their windows); the weights with the best validation macro AUROC are kept. Several members, trained from
 * seeds that follow each other, may be averaged. Without an encoder file this is supervised training from scratch.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "eval/auroc.h"
#include "train/average.h"
#include "train/downstream.h"
#include "train/guard.h"
#include "train/loader.h"
#include "train/schedule.h"

enum { WINDOWS_A_PASS = 32, EVALUATIONS = 30 };

typedef struct member {
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
    runner validation;
    loader *loader;
    average average;
    guard guard;
    nn_id signal, feature, target, known, loss;
    float *logit; /* [validation records][classes] of the best weights */
    float *trial;
    double best;
    int64_t best_step, step;
} member;

typedef struct finetune {
    downstream d;
    member member[64];
    size_t members;
    int64_t batch, total;
    size_t *place; /* [dataset records] index in the training part */
} finetune;

/* ---- setting up ---- */

static void read_spec(finetune *f)
{
    const pclr_config *c = f->d.config;
    model_classifier_spec *s = &f->d.spec;
    snprintf(s->pool, sizeof s->pool, "%s", config_text(c, "finetune.pool"));
    s->hidden = config_int(c, "finetune.hidden");
    s->dropout = config_real(c, "finetune.dropout");
    if (!model_classifier_uses_features(s)) return;
    s->feature_hidden = config_int(c, "finetune.feature_hidden");
    s->feature_dropout = config_real(c, "finetune.feature_dropout");
}

/* Weight of each class's positives. */
static nn_id class_weights(finetune *f, nn_graph *g, pclr_error *error)
{
    const char *kind = config_text(f->d.config, "finetune.class_weights");
    size_t classes = f->d.task.labels->classes;
    float *weight = NULL;
    if (strcmp(kind, "none") == 0 || mem_alloc(&weight, classes, sizeof *weight, error) != PCLR_OK) return NN_NONE;
    for (size_t c = 0; c < classes; c++) {
        double positives = (double)f->d.task.positives[c], odds = ((double)f->d.task.train.records - positives) / fmax(positives, 1.0);
        if (strcmp(kind, "root") == 0) odds = sqrt(odds);
        weight[c] = (float)fmin(fmax(odds, 0.01), 100.0);
    }
    nn_id id = nn_constant(g, nn_shape1((int64_t)classes), weight);
    mem_free(weight);
    return id;
}

static pclr_status build_training(finetune *f, member *m, pclr_error *error)
{
    const preprocess_spec *in = &f->d.pool.preprocess;
    const model_classifier_spec *s = &f->d.spec;
    m->feature = NN_NONE;
    TRY(nn_graph_create(&m->graph, f->d.backend, m->params, NN_TRAIN, error));
    m->signal = nn_input(m->graph, "signal", NN_F32, nn_shape3(f->batch, preprocess_window_samples(in), in->leads));
    if (model_classifier_uses_features(s)) m->feature = nn_input(m->graph, "features", NN_F32, nn_shape2(f->batch, s->features));
    m->target = nn_input(m->graph, "target", NN_F32, nn_shape2(f->batch, s->classes));
    m->known = nn_input(m->graph, "known", NN_F32, nn_shape2(f->batch, s->classes));
    nn_id logits = model_classifier_build(m->graph, m->signal, m->feature, s);
    m->loss = nn_bce_logits(m->graph, logits, m->target, m->known, class_weights(f, m->graph, error));
    return nn_graph_compile(m->graph, m->loss, error);
}

/* Head and features at the full rate; the encoder's last layer at encoder_rate, its first at encoder_rate * layer_decay, in between
 * geometrically in the order the layers were built. From scratch everything learns at the full rate. */
static void scale_rates(finetune *f, nn_params *params)
{
    double top = config_real(f->d.config, "finetune.encoder_rate"), decay = config_real(f->d.config, "finetune.layer_decay");
    size_t count = 0, at = 0;
    if (!f->d.encoder_file) return;
    for (size_t k = 0; k < nn_params_count(params); k++) count += strncmp(nn_params_at(params, k)->name, "encoder.", 8) == 0;
    for (size_t k = 0; k < nn_params_count(params); k++) {
        nn_parameter *p = nn_params_at(params, k);
        if (strncmp(p->name, "encoder.", 8) != 0) continue;
        double depth = count > 1 ? 1.0 - (double)at / (double)(count - 1) : 0.0;
        p->init.lr_scale = (p->init.lr_scale > 0.0 ? p->init.lr_scale : 1.0) * fmax(top * pow(decay, depth), 1e-9);
        at++;
    }
}

static pclr_status open_loader(finetune *f, member *m, uint64_t seed, pclr_error *error)
{
    loader_spec spec = {.source = &f->d.pool,
                        .record = f->d.task.train.record,
                        .records = f->d.task.train.records,
                        .config = f->d.config,
                        .items = f->batch,
                        .views = 1,
                        .seed = seed,
                        .threads = (int)config_int(f->d.config, "train.loader_threads"),
                        .prefetch = (int)config_int(f->d.config, "train.prefetch")};
    pclr_status status = augment_chain_parse(&spec.chain[0], config_text(f->d.config, "finetune.augment"), error);
    if (status != PCLR_OK) return error_prefix(error, "finetune.augment");
    return loader_create(&m->loader, &spec, error);
}

static pclr_status open_member(finetune *f, member *m, uint64_t seed, pclr_error *error)
{
    const pclr_config *c = f->d.config;
    nn_adamw_args adam = {config_real(c, "train.beta1"), config_real(c, "train.beta2"), config_real(c, "train.epsilon"),
                          config_real(c, "finetune.weight_decay"), config_real(c, "finetune.clip_norm")};
    size_t outputs = f->d.task.validation.records * f->d.task.labels->classes;
    m->best = -INFINITY;
    TRY(nn_params_create(&m->params, seed, error));
    TRY(build_training(f, m, error));
    TRY(downstream_load_encoder(&f->d, m->params, error));
    scale_rates(f, m->params);
    TRY(runner_create_classifier(&m->validation, f->d.backend, m->params, &f->d.spec, &f->d.pool.preprocess, WINDOWS_A_PASS, error));
    TRY(nn_adamw_create(&m->optimiser, m->params, adam, error));
    TRY(average_create(&m->average, m->params, config_real(c, "finetune.average"), error));
    TRY(guard_create(&m->guard, m->params, config_int(c, "train.bad_steps"), error));
    TRY(mem_alloc(&m->logit, outputs, sizeof *m->logit, error));
    TRY(mem_alloc(&m->trial, outputs, sizeof *m->trial, error));
    return open_loader(f, m, seed, error);
}

/* What only training needs; weights and validation outputs stay for the model file. */
static void end_training(member *m)
{
    loader_destroy(&m->loader);
    nn_graph_destroy(&m->graph);
    nn_adamw_destroy(&m->optimiser);
    runner_destroy(&m->validation);
    average_free(&m->average);
    guard_free(&m->guard);
    mem_release(&m->trial);
}

static pclr_status index_training(finetune *f, pclr_error *error)
{
    TRY(mem_alloc(&f->place, pclr_dataset_records(f->d.pool.dataset), sizeof *f->place, error));
    for (size_t k = 0; k < f->d.task.train.records; k++) f->place[f->d.pool.record[f->d.task.train.record[k]].row] = k;
    return PCLR_OK;
}

/* Steps by epochs, within the limits; the batch is not larger than the set of labels (but at least 8). */
static void plan(finetune *f)
{
    const pclr_config *c = f->d.config;
    int64_t records = (int64_t)f->d.task.train.records;
    f->batch = config_int(c, "finetune.batch");
    if (f->batch > records) f->batch = records > 8 ? records : 8;
    f->total = (int64_t)ceil(config_real(c, "finetune.epochs") * (double)records / (double)f->batch);
    if (f->total < config_int(c, "finetune.min_steps")) f->total = config_int(c, "finetune.min_steps");
    if (f->total > config_int(c, "finetune.max_steps")) f->total = config_int(c, "finetune.max_steps");
}

/* ---- training ---- */

static void feed(finetune *f, member *m, const objective_batch *batch)
{
    size_t classes = f->d.task.labels->classes, features = (size_t)f->d.spec.features;
    float *target = nn_data(m->graph, m->target), *known = nn_data(m->graph, m->known);
    float smoothing = (float)config_real(f->d.config, "finetune.smoothing");
    memcpy(nn_data(m->graph, m->signal), batch->view[0], (size_t)(batch->items * batch->samples * batch->leads) * sizeof(float));
    for (size_t b = 0; b < (size_t)batch->items; b++) {
        size_t at = f->place[batch->record[b]];
        const uint8_t *label = f->d.task.train.label + at * classes;
        for (size_t c = 0; c < classes; c++) {
            known[b * classes + c] = label[c] <= 1 ? 1.0f : 0.0f;
            target[b * classes + c] = label[c] == 1 ? 1.0f - smoothing : smoothing;
        }
        if (m->feature != NN_NONE)
            memcpy((float *)nn_data(m->graph, m->feature) + b * features, f->d.train_feature + at * features, features * sizeof(float));
    }
}

static pclr_status train_step(finetune *f, member *m, double *loss, pclr_error *error)
{
    const pclr_config *c = f->d.config;
    const objective_batch *batch = NULL;
    double rate = schedule_rate(config_text(c, "finetune.schedule"), config_real(c, "finetune.learning_rate"),
                                config_real(c, "finetune.warmup"), m->step, f->total);
    TRY(loader_get(m->loader, m->step, &batch, error));
    feed(f, m, batch);
    guard_keep(&m->guard);
    TRY(nn_graph_forward(m->graph, (uint64_t)m->step, error));
    *loss = *(const float *)nn_data(m->graph, m->loss);
    pclr_status status = isfinite(*loss) ? PCLR_OK : PCLR_E_NUMERIC;
    if (status == PCLR_OK) TRY(nn_graph_backward(m->graph, 1.0, error));
    if (status == PCLR_OK) status = nn_adamw_step(m->optimiser, f->d.backend, rate, NULL, error);
    if (status != PCLR_OK && status != PCLR_E_NUMERIC) return status;
    m->step++;
    TRY(guard_check(&m->guard, status == PCLR_OK, m->step, error));
    if (status == PCLR_OK) average_update(&m->average);
    return PCLR_OK;
}

static pclr_status evaluate(finetune *f, member *m, double loss, pclr_error *error)
{
    const task_part *part = &f->d.task.validation;
    size_t classes = f->d.task.labels->classes;
    auroc_average macro;
    text line;
    average_use(&m->average);
    pclr_status status =
        runner_run(&m->validation, &f->d.pool, part->record, part->records, f->d.validation_feature, m->trial, NULL, "validate", error);
    average_return(&m->average);
    if (status != PCLR_OK) return status;
    TRY(auroc_macro_float(m->trial, part->label, part->records, classes, &macro, NULL, error));
    if (macro.macro > m->best) {
        m->best = macro.macro;
        m->best_step = m->step;
        average_keep_best(&m->average);
        memcpy(m->logit, m->trial, part->records * classes * sizeof(float));
    }
    metrics_begin(&line, "validation", m->step);
    metrics_number(&line, "member", (double)(m - f->member));
    metrics_number(&line, "training_loss", loss);
    metrics_number(&line, "auroc", macro.macro);
    return metrics_write(&f->d.log, &line, error);
}

/* Patience counts only in the second half: while the rate still rises, a pause in progress means nothing. */
static bool out_of_patience(const finetune *f, const member *m, int64_t every)
{
    return m->step > f->total / 2 && m->step - m->best_step >= every * config_int(f->d.config, "finetune.patience");
}

static pclr_status train_member(finetune *f, member *m, progress *bar, int64_t before, pclr_error *error)
{
    int64_t every = config_int(f->d.config, "finetune.evaluate_every");
    if (every == 0) every = f->total / EVALUATIONS > 0 ? f->total / EVALUATIONS : 1;
    while (m->step < f->total) {
        double loss;
        char detail[64];
        TRY(train_step(f, m, &loss, error));
        if (m->step % every == 0 || m->step == f->total) TRY(evaluate(f, m, loss, error));
        snprintf(detail, sizeof detail, "loss %.4f, AUROC %.4f", loss, m->best);
        progress_update(bar, (uint64_t)(before + m->step), detail);
        if (out_of_patience(f, m, every)) break;
        if (callbacks_stop(f->d.callbacks))
            return error_set(error, PCLR_E_INTERRUPTED,
                             "%s: interrupted at step %lld of %lld; finished members are kept, go on with --resume", f->d.folder,
                             (long long)m->step, (long long)f->total);
    }
    average_take_best(&m->average);
    return PCLR_OK;
}

/* ---- finished members, kept for --resume ---- */

static pclr_status member_path(const finetune *f, size_t k, char **path, pclr_error *error)
{
    return mem_printf(path, error, "%s/checkpoint/member.%zu.safetensors", f->d.folder, k);
}

static pclr_status keep_member(finetune *f, size_t k, pclr_error *error)
{
    member *m = &f->member[k];
    st_writer *w = NULL;
    char *path = NULL, *folder = NULL, *yaml = NULL, number[48];
    pclr_status status;
    TRY_GOTO(member_path(f, k, &path, error));
    TRY_GOTO(path_folder(&folder, path, error));
    TRY_GOTO(file_make_folder(folder, error));
    TRY_GOTO(config_to_yaml(f->d.config, &yaml, error));
    TRY_GOTO(st_writer_create(&w, error));
    TRY_GOTO(st_writer_metadata(w, "config", yaml, error));
    TRY_GOTO(st_writer_metadata(w, "dataset", f->d.pool.fingerprint, error));
    TRY_GOTO(st_writer_metadata(w, "precision", nn_backend_precision_name(f->d.backend), error));
    snprintf(number, sizeof number, "%.17g %lld", m->best, (long long)m->step);
    TRY_GOTO(st_writer_metadata(w, "best", number, error));
    TRY_GOTO(nn_params_save(m->params, NULL, w, error));
    TRY_GOTO(
        st_writer_add(w, "validation.logit", "F32", nn_shape2((int64_t)f->d.task.validation.records, f->d.spec.classes), m->logit, error));
    TRY_GOTO(st_writer_write(w, path, error));
done:
    st_writer_destroy(&w);
    mem_free(path);
    mem_free(folder);
    mem_free(yaml);
    return status;
}

/* True when the member's file is there and of the same run. */
static bool take_kept_member(finetune *f, size_t k)
{
    member *m = &f->member[k];
    char *path = NULL, *yaml = NULL;
    st_file *file = NULL;
    st_tensor logit;
    bool taken = false;
    if (member_path(f, k, &path, NULL) != PCLR_OK || st_open(&file, path, NULL) != PCLR_OK ||
        config_to_yaml(f->d.config, &yaml, NULL) != PCLR_OK)
        goto done;
    const char *config = st_metadata(file, "config"), *dataset = st_metadata(file, "dataset"), *best = st_metadata(file, "best");
    if (!config || !dataset || !best || strcmp(config, yaml) != 0 || strcmp(dataset, f->d.pool.fingerprint) != 0) goto done;
    const char *precision = st_metadata(file, "precision"); /* files that do not tell are of fp32 */
    if (strcmp(precision ? precision : "fp32", nn_backend_precision_name(f->d.backend)) != 0) goto done;
    if (!st_find(file, "validation.logit", &logit) ||
        logit.bytes != f->d.task.validation.records * f->d.task.labels->classes * sizeof(float))
        goto done;
    const char *at = best;
    double value;
    int64_t step;
    if (!scan_double(&at, &value) || *at++ != ' ' || !scan_int(&at, &step)) goto done;
    if (model_weights_load(m->params, "", "", file, NULL) != PCLR_OK) goto done;
    memcpy(m->logit, logit.data, logit.bytes);
    m->best = value;
    m->step = step;
    taken = true;
done:
    st_close(&file);
    mem_free(path);
    mem_free(yaml);
    return taken;
}

static pclr_status train_members(finetune *f, pclr_error *error)
{
    uint64_t seed = (uint64_t)config_int(f->d.config, "seed");
    f->members = (size_t)config_int(f->d.config, "finetune.members");
    progress bar = progress_begin(f->d.callbacks, "finetune", "steps", f->members * (uint64_t)f->total);
    for (size_t k = 0; k < f->members; k++) {
        TRY(open_member(f, &f->member[k], seed + k, error));
        if (!f->d.options->resume || !take_kept_member(f, k)) {
            TRY(train_member(f, &f->member[k], &bar, (int64_t)k * f->total, error));
            if (f->members > 1) TRY(keep_member(f, k, error));
        }
        end_training(&f->member[k]);
    }
    progress_end(&bar, NULL);
    return PCLR_OK;
}

/* ---- result ---- */

static pclr_status save(finetune *f, pclr_train_summary *summary, pclr_error *error)
{
    size_t n = f->d.task.validation.records, classes = f->d.task.labels->classes;
    nn_params *params[64];
    const float *logit[64];
    double *joined = NULL;
    auroc_average macro;
    text choices = {0};
    int64_t steps = 0;
    pclr_status status;
    for (size_t k = 0; k < f->members; k++) {
        params[k] = f->member[k].params;
        logit[k] = f->member[k].logit;
        steps += f->member[k].step;
        text_add(&choices, "Member %zu: best of its validations at macro AUROC %.4f. ", k, f->member[k].best);
    }
    TRY_GOTO(text_ok(&choices, error));
    TRY_GOTO(mem_alloc(&joined, n * classes, sizeof *joined, error));
    downstream_mean_logit(logit, f->members, n * classes, joined);
    TRY_GOTO(auroc_macro(joined, f->d.task.validation.label, n, classes, &macro, NULL, error));
    downstream_result result = {params, f->members, joined, macro.macro, steps, choices.data};
    TRY_GOTO(downstream_save(&f->d, &result, summary, error));
done:
    mem_free(joined);
    text_free(&choices);
    return status;
}

static void close_finetune(finetune *f)
{
    for (size_t k = 0; k < f->members; k++) {
        end_training(&f->member[k]);
        nn_params_destroy(&f->member[k].params);
        mem_release(&f->member[k].logit);
    }
    mem_free(f->place);
    downstream_close(&f->d);
}

pclr_status pclr_finetune(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *run,
                          const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    finetune *f = NULL;
    pclr_status status;
    if (options->input && strcmp(options->input, "features") == 0)
        return error_set(
            error, PCLR_E_ARGUMENT,
            "input: fine-tuning needs the signal; expected embedding or both; `physioclr probe --input features` fits features alone");
    TRY(mem_alloc(&f, 1, sizeof *f, error));
    f->d = (downstream){.options = options, .config = config, .folder = run, .callbacks = callbacks, .method = "finetune"};
    TRY_GOTO(downstream_open(&f->d, dataset_path, config_real(config, "finetune.seconds"), error));
    read_spec(f);
    plan(f);
    TRY_GOTO(index_training(f, error));
    TRY_GOTO(train_members(f, error));
    TRY_GOTO(save(f, summary, error));
done:
    close_finetune(f);
    mem_free(f);
    return status;
}
