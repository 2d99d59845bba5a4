/* SPDX-License-Identifier: Apache-2.0 */
#include "train/downstream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "eval/auroc.h"
#include "train/calibrate.h"
#include "train/predictions.h"

static pclr_status set_input(downstream *d, pclr_error *error)
{
    static const char *const known[] = {"embedding", "features", "both", NULL};
    const char *input = d->options->input ? d->options->input : "embedding";
    for (const char *const *k = known; *k; k++)
        if (strcmp(*k, input) == 0) {
            snprintf(d->spec.input, sizeof d->spec.input, "%s", input);
            return PCLR_OK;
        }
    return error_set(error, PCLR_E_ARGUMENT, "input: found \"%s\", expected embedding, features or both", input);
}

/* Architecture and preprocessing: of the encoder file, else of the configuration (a network without pretraining). */
static pclr_status read_encoder(downstream *d, const char *dataset_path, double seconds, preprocess_spec *input, pclr_error *error)
{
    pclr_dataset *dataset = NULL;
    pclr_status status;
    if (d->options->encoder && model_classifier_uses_signal(&d->spec)) {
        TRY(st_open(&d->encoder_file, d->options->encoder, error));
        status = modelfile_read_encoder(d->encoder_file, &d->spec.encoder, input, error);
        if (status != PCLR_OK) return error_prefix(error, "%s", d->options->encoder);
    } else {
        TRY_GOTO(pclr_dataset_open(&dataset, dataset_path, error));
        TRY_GOTO(pool_input_from_config(input, d->config, dataset, error));
        TRY_GOTO(model_spec_from_config(&d->spec.encoder, d->config, input->leads, error));
    }
    if (seconds > 0.0) input->seconds = seconds;
    status = PCLR_OK;
done:
    pclr_dataset_destroy(&dataset);
    return status;
}

/* The test part is never read here: nothing can be decided on it. */
static void hide_test_part(pool *p)
{
    for (size_t k = 0; k < p->records; k++)
        if (p->record[k].part > PCLR_SPLIT_VALIDATION) p->record[k].part = PCLR_SPLIT_NONE;
}

static pclr_status open_features(downstream *d, pclr_error *error)
{
    size_t *train = NULL, count = 0;
    pclr_status status;
    TRY_GOTO(pool_part(&d->pool, PCLR_SPLIT_TRAIN, &train, &count, error));
    TRY_GOTO(space_fit(&d->space, &d->pool, train, count, true, d->config, error));
    TRY_GOTO(space_records(&d->space, &d->pool, d->task.train.record, d->task.train.records, &d->train_feature, error));
    TRY_GOTO(space_records(&d->space, &d->pool, d->task.validation.record, d->task.validation.records, &d->validation_feature, error));
    d->spec.features = (int64_t)d->space.features;
done:
    mem_free(train);
    return status;
}

static pclr_status open_folder(downstream *d, pclr_error *error)
{
    char *path = NULL;
    TRY(file_make_folder(d->folder, error));
    TRY(path_join(&path, d->folder, "config.yaml", error));
    pclr_status status = pclr_config_save(d->config, path, error);
    mem_free(path);
    if (status != PCLR_OK) return status;
    return metrics_open(&d->log, d->folder, 0, error);
}

static void announce(const downstream *d)
{
    const task *t = &d->task;
    text list = {0};
    for (size_t c = 0; c < t->labels->classes; c++) text_add(&list, "%s%s %zu", c ? ", " : "", t->labels->class_name[c], t->positives[c]);
    callbacks_log(d->callbacks, PCLR_LOG_INFO,
                  "%s on task %s (%s): %zu training records of %zu patients (positives: %s), %zu validation records", d->method, t->labels->task,
                  nn_backend_precision_name(d->backend), t->train.records, t->train_patients, list.data ? list.data : "", t->validation.records);
    text_free(&list);
}

/* Signals of the task's records, and of no others. */
static pclr_status load_signals(downstream *d, pclr_error *error)
{
    const pclr_downstream_options *o = d->options;
    const task_part *part[2] = {&d->task.train, &d->task.validation};
    uint8_t *wanted = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&wanted, d->pool.records, 1, error));
    for (int which = 0; which < 2; which++)
        for (size_t r = 0; r < part[which]->records; r++) {
            size_t k = part[which]->record[r];
            wanted[k] = !d->known || !embeddings_known(d->known, d->pool.record[k].row);
        }
    TRY_GOTO(pool_load(&d->pool, wanted, d->config, parallel_threads((int)config_int(d->config, "train.threads")), d->callbacks, error));
    if (d->pool.refused > 0) {
        task_close(&d->task);
        TRY_GOTO(task_open(&d->task, &d->pool, o->task, o->label_fraction, o->label_seed, error));
    }
done:
    mem_free(wanted);
    return status;
}

pclr_status downstream_open(downstream *d, const char *dataset_path, double seconds, pclr_error *error)
{
    preprocess_spec input = {0};
    const pclr_downstream_options *o = d->options;
    d->begin = clock_seconds();
    TRY(set_input(d, error));
    bool signal = model_classifier_uses_signal(&d->spec), features = model_classifier_uses_features(&d->spec);
    TRY(read_encoder(d, dataset_path, seconds, &input, error));
    TRY(pool_open(&d->pool, dataset_path, &input, d->config, features, error));
    if (features) TRY(pool_check_extractor(&d->pool, d->callbacks, error));
    TRY(pool_split_named(&d->pool, o->split, error));
    hide_test_part(&d->pool);
    pool_drop_unused(&d->pool);
    TRY(task_open(&d->task, &d->pool, o->task, o->label_fraction, o->label_seed, error));
    if (signal) TRY(load_signals(d, error));
    d->spec.classes = (int64_t)d->task.labels->classes;
    if (features) TRY(open_features(d, error));
    TRY(nn_backend_create(&d->backend, config_text(d->config, "train.backend"), (int)config_int(d->config, "train.threads"), error));
    TRY(nn_backend_precision(d->backend, d->frozen ? "fp32" : config_text(d->config, "train.precision"), error));
    nn_backend_recompute(d->backend, config_bool(d->config, "train.recompute"));
    announce(d);
    return open_folder(d, error);
}

void downstream_close(downstream *d)
{
    metrics_close(&d->log);
    nn_backend_destroy(&d->backend);
    st_close(&d->encoder_file);
    feature_space_free(&d->space);
    mem_release(&d->train_feature);
    mem_release(&d->validation_feature);
    trees_free(&d->trees);
    task_close(&d->task);
    pool_close(&d->pool);
}

pclr_status downstream_load_encoder(const downstream *d, nn_params *params, pclr_error *error)
{
    if (!d->encoder_file) return PCLR_OK;
    pclr_status status = model_weights_load(params, "encoder.", "", d->encoder_file, error);
    return status == PCLR_OK ? status : error_prefix(error, "%s", d->options->encoder);
}

void downstream_mean_logit(const float *const *logit, size_t members, size_t n, double *out)
{
    for (size_t k = 0; k < n; k++) {
        if (members == 1) {
            out[k] = logit[0][k];
            continue;
        }
        double mean = 0.0;
        for (size_t m = 0; m < members; m++) mean += 1.0 / (1.0 + exp(-(double)logit[m][k])) / (double)members;
        mean = fmin(fmax(mean, 1e-12), 1.0 - 1e-12);
        out[k] = log(mean / (1.0 - mean));
    }
}

/* ---- the model file ---- */

static const char *encoder_origin(const downstream *d)
{
    if (!model_classifier_uses_signal(&d->spec)) return "none";
    if (!d->encoder_file) return strcmp(d->method, "probe") == 0 ? "random" : "supervised";
    const char *objective = st_metadata(d->encoder_file, "objective");
    return objective ? objective : "unknown";
}

static pclr_status put_classifier(downstream *d, modelfile *m, const downstream_result *result, double temperature, const double *threshold,
                                  pclr_error *error)
{
    char *json = NULL, number[32];
    TRY(model_classifier_to_json(&d->spec, &json, error));
    pclr_status status = modelfile_metadata(m, "classifier", json, error);
    mem_free(json);
    if (status != PCLR_OK) return status;
    TRY(model_spec_to_json(&d->spec.encoder, &json, error));
    status = modelfile_metadata(m, "architecture", json, error);
    mem_free(json);
    if (status != PCLR_OK) return status;
    TRY(modelfile_metadata(m, "pool", d->spec.pool, error));
    TRY(modelfile_metadata(m, "method", d->method, error));
    TRY(modelfile_metadata(m, "task", d->task.labels->task, error));
    TRY(modelfile_strings(m, "classes", (const char *const *)d->task.labels->class_name, d->task.labels->classes, error));
    TRY(modelfile_numbers(m, "thresholds", threshold, d->task.labels->classes, error));
    TRY(modelfile_numbers(m, "temperature", &temperature, 1, error));
    snprintf(number, sizeof number, "%zu", result->members);
    TRY(modelfile_metadata(m, "members", number, error));
    if (d->trees_weight > 0.0) {
        TRY(modelfile_numbers(m, "trees", &d->trees_weight, 1, error));
        TRY(model_trees_save(&d->trees.model, m->writer, error));
    }
    for (size_t k = 0; k < result->members; k++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "member.%zu.", k);
        TRY(model_weights_save(result->member[k], "", prefix, m->writer, error));
    }
    return PCLR_OK;
}

static pclr_status write_card(downstream *d, const modelfile *m, const downstream_result *result, const double *per_class,
                              pclr_error *error)
{
    const task *t = &d->task;
    text body = {0};
    text_add(&body,
             "A classifier of `%s`, by %s (encoder: %s %s, %s; input: %s), trained on %zu records of %zu patients (label fraction %g).\n\n",
             t->labels->task, d->method, d->spec.encoder.name, d->spec.encoder.size, encoder_origin(d), d->spec.input, t->train.records,
             t->train_patients, d->options->label_fraction > 0 ? d->options->label_fraction : 1.0);
    if (d->trees_weight > 0.0)
        text_add(&body,
                 "Boosted trees on the features (%d rounds of depth %s, alone %.4f on validation) have a share of %.1f in the "
                 "probability.\n\n",
                 d->trees.rounds, d->trees.depth, d->trees.macro, d->trees_weight);
    text_add(&body,
             "%s\n\nValidation (%zu records, used for choices): macro AUROC %.4f.\n\n| class | training positives | validation AUROC "
             "|\n|---|---|---|\n",
             result->choices, t->validation.records, result->macro);
    for (size_t c = 0; c < t->labels->classes; c++) {
        text_add(&body, "| %s | %zu | ", t->labels->class_name[c], t->positives[c]);
        if (isnan(per_class[c]))
            text_add(&body, "undefined |\n");
        else
            text_add(&body, "%.4f |\n", per_class[c]);
    }
    text_add(&body, "\n");
    pclr_status status = text_ok(&body, error);
    if (status == PCLR_OK) status = modelfile_card(m, d->folder, "ECG classifier", "model.safetensors", body.data, error);
    text_free(&body);
    return status;
}

static pclr_status log_result(downstream *d, const downstream_result *result, const double *per_class, double temperature, double seconds,
                              pclr_error *error)
{
    text line;
    metrics_begin(&line, "end", result->steps);
    metrics_number(&line, "auroc", result->macro);
    for (size_t c = 0; c < d->task.labels->classes; c++) {
        char name[128];
        snprintf(name, sizeof name, "auroc.%.100s", d->task.labels->class_name[c]);
        if (!strpbrk(name, "\"\\")) metrics_number(&line, name, per_class[c]);
    }
    metrics_number(&line, "temperature", temperature);
    metrics_number(&line, "training_records", (double)d->task.train.records);
    metrics_number(&line, "seconds", seconds);
    return metrics_write(&d->log, &line, error);
}

/* ---- trees beside the network ---- */

static double log_odds_of_mix(double logit, double tree_logit, double weight)
{
    double p = (1.0 - weight) / (1.0 + exp(-logit)) + weight / (1.0 + exp(-tree_logit));
    p = fmin(fmax(p, 1e-12), 1.0 - 1e-12);
    return log(p / (1.0 - p));
}

/* The trees' share in the probability, in tenths, by validation macro AUROC; of equal ones the smallest. out: the mixed log odds. */
static pclr_status choose_weight(const downstream *d, const double *logit, const double *tree_logit, double *out, double *weight,
                                 double *macro, pclr_error *error)
{
    size_t n = d->task.validation.records, count = n * d->task.labels->classes;
    auroc_average average;
    *macro = -INFINITY;
    *weight = 0.0;
    for (int tenth = 0; tenth <= 10; tenth++) {
        for (size_t k = 0; k < count; k++) out[k] = log_odds_of_mix(logit[k], tree_logit[k], 0.1 * tenth);
        TRY(auroc_macro(out, d->task.validation.label, n, d->task.labels->classes, &average, NULL, error));
        if (!(average.macro > *macro)) continue;
        *macro = average.macro;
        *weight = 0.1 * tenth;
    }
    for (size_t k = 0; k < count; k++) out[k] = log_odds_of_mix(logit[k], tree_logit[k], *weight);
    return PCLR_OK;
}

/* Fits trees where the configuration asks for them, and replaces result->logit and macro by those of the mixture (owned by *mixed). */
static pclr_status add_trees(downstream *d, downstream_result *result, double **mixed, pclr_error *error)
{
    int rounds = (int)config_int(d->config, "trees.rounds");
    *mixed = NULL;
    if (rounds == 0) return PCLR_OK;
    if (!model_classifier_uses_features(&d->spec))
        return error_set(error, PCLR_E_ARGUMENT, "trees.rounds: trees need the features; use --input features or both");
    TRY(trees_fit(&d->trees, &d->pool, &d->task, rounds, d->config, d->callbacks, error));
    TRY(mem_alloc(mixed, d->task.validation.records, d->task.labels->classes * sizeof **mixed, error));
    TRY(choose_weight(d, result->logit, d->trees.validation, *mixed, &d->trees_weight, &result->macro, error));
    result->logit = *mixed;
    return PCLR_OK;
}

pclr_status downstream_save(downstream *d, downstream_result *result, pclr_train_summary *summary, pclr_error *error)
{
    size_t classes = d->task.labels->classes, n = d->task.validation.records;
    modelfile m = {.source = &d->pool,
                   .space = d->space.features ? &d->space : NULL,
                   .config = d->config,
                   .format = MODEL_FORMAT_CLASSIFIER,
                   .objective = encoder_origin(d)};
    double *threshold = NULL, *per_class = NULL, *mixed = NULL, seconds = 0.0;
    auroc_average average;
    pclr_status status;
    TRY_GOTO(add_trees(d, result, &mixed, error));
    seconds = clock_seconds() - d->begin;
    TRY_GOTO(mem_alloc(&threshold, classes, sizeof *threshold, error));
    TRY_GOTO(mem_alloc(&per_class, classes, sizeof *per_class, error));
    double temperature = calibrate_temperature(result->logit, d->task.validation.label, n, classes);
    TRY_GOTO(calibrate_thresholds(result->logit, d->task.validation.label, n, classes, temperature, threshold, error));
    TRY_GOTO(auroc_macro(result->logit, d->task.validation.label, n, classes, &average, per_class, error));
    TRY_GOTO(modelfile_begin(&m, error));
    TRY_GOTO(put_classifier(d, &m, result, temperature, threshold, error));
    TRY_GOTO(modelfile_write(&m, d->folder, "model.safetensors", error));
    TRY_GOTO(predictions_write(&d->pool, d->task.labels, d->task.validation.record, n, result->logit, temperature, d->folder,
                               "validation.csv", error));
    TRY_GOTO(write_card(d, &m, result, per_class, error));
    TRY_GOTO(log_result(d, result, per_class, temperature, seconds, error));
    if (summary) {
        *summary = (pclr_train_summary){.steps = result->steps, .seconds = seconds, .best_value = result->macro};
        snprintf(summary->best_name, sizeof summary->best_name, "validation macro AUROC");
    }
done:
    modelfile_end(&m);
    mem_free(threshold);
    mem_free(per_class);
    mem_free(mixed);
    return status;
}
