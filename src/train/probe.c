/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probe: the encoder stays as it is; its embedding (mean over the recording's windows), the features, or both, standardised on
 * the training records, go into one logistic regression a class; the L2 strength is the one with the best validation macro AUROC.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "eval/auroc.h"
#include "train/downstream.h"
#include "train/logistic.h"
#include "train/probe.h"

enum { WINDOWS_A_PASS = 32 };

typedef struct probe {
    downstream d;
    embeddings *kept;
    nn_params *params;
    size_t width;               /* embedding and features */
    double *train, *validation; /* [records][width] */
    double *centre, *scale;     /* [width] of the training records */
    logistic_design design;
    double *weight, *bias, *best_weight, *best_bias, *logit, *best_logit;
    double best, best_strength;
} probe;

/* Rows of the embedding and the features side by side. */
static void join(const float *embedding, size_t dimensions, const float *feature, size_t features, size_t records, double *out)
{
    for (size_t r = 0; r < records; r++, out += dimensions + features) {
        for (size_t k = 0; k < dimensions; k++) out[k] = embedding[r * dimensions + k];
        for (size_t k = 0; k < features; k++) out[dimensions + k] = feature[r * features + k];
    }
}

static pclr_status embed_part(probe *p, runner *r, const task_part *part, const float *feature, double **out, const char *stage,
                              pclr_error *error)
{
    float *embedding = NULL;
    size_t dimensions = r ? (size_t)r->width : 0, features = (size_t)p->d.spec.features;
    pclr_status status;
    p->width = dimensions + features;
    TRY_GOTO(mem_alloc(&embedding, part->records, dimensions * sizeof *embedding, error));
    TRY_GOTO(mem_alloc(out, part->records, p->width * sizeof **out, error));
    if (r) TRY_GOTO(embeddings_get(p->kept, r, &p->d.pool, part->record, part->records, embedding, p->d.callbacks, stage, error));
    join(embedding, dimensions, feature, features, part->records, *out);
done:
    mem_free(embedding);
    return status;
}

static pclr_status make_inputs(probe *p, pclr_error *error)
{
    runner r = {0};
    bool signal = model_classifier_uses_signal(&p->d.spec);
    pclr_status status;
    TRY_GOTO(nn_params_create(&p->params, (uint64_t)config_int(p->d.config, "seed"), error));
    if (signal) {
        TRY_GOTO(runner_create_encoder(&r, p->d.backend, p->params, &p->d.spec.encoder, p->d.spec.pool, &p->d.pool.preprocess,
                                       WINDOWS_A_PASS, error));
        TRY_GOTO(downstream_load_encoder(&p->d, p->params, error));
    }
    TRY_GOTO(embed_part(p, signal ? &r : NULL, &p->d.task.train, p->d.train_feature, &p->train, "embed training records", error));
    TRY_GOTO(embed_part(p, signal ? &r : NULL, &p->d.task.validation, p->d.validation_feature, &p->validation, "embed validation records",
                        error));
done:
    runner_destroy(&r);
    return status;
}

/* z-scores by the training records, both parts in place. A column that does not vary is only centred. */
static pclr_status standardise(probe *p, pclr_error *error)
{
    size_t n = p->d.task.train.records;
    TRY(mem_alloc(&p->centre, p->width, sizeof *p->centre, error));
    TRY(mem_alloc(&p->scale, p->width, sizeof *p->scale, error));
    for (size_t k = 0; k < p->width; k++) {
        double sum = 0.0, square = 0.0;
        for (size_t r = 0; r < n; r++) sum += p->train[r * p->width + k];
        p->centre[k] = sum / (double)n;
        for (size_t r = 0; r < n; r++) square += pow(p->train[r * p->width + k] - p->centre[k], 2.0);
        p->scale[k] = square > 1e-20 * (double)n ? sqrt(square / (double)n) : 1.0;
    }
    double *part[2] = {p->train, p->validation};
    size_t rows[2] = {n, p->d.task.validation.records};
    for (int which = 0; which < 2; which++)
        for (size_t r = 0; r < rows[which]; r++)
            for (size_t k = 0; k < p->width; k++)
                part[which][r * p->width + k] = (part[which][r * p->width + k] - p->centre[k]) / p->scale[k];
    return PCLR_OK;
}

static pclr_status try_strength(probe *p, double strength, pclr_error *error)
{
    size_t classes = p->d.task.labels->classes, n = p->d.task.validation.records;
    auroc_average average;
    text line;
    int iterations = 0;
    TRY(logistic_fit(&p->design, p->d.task.train.label, classes, strength, p->weight, p->bias, &iterations, error));
    logistic_apply(p->validation, n, p->width, p->weight, p->bias, classes, p->logit);
    TRY(auroc_macro(p->logit, p->d.task.validation.label, n, classes, &average, NULL, error));
    if (!(average.macro <= p->best)) {
        p->best = average.macro;
        p->best_strength = strength;
        memcpy(p->best_weight, p->weight, classes * p->width * sizeof(double));
        memcpy(p->best_bias, p->bias, classes * sizeof(double));
        memcpy(p->best_logit, p->logit, n * classes * sizeof(double));
    }
    metrics_begin(&line, "validation", iterations);
    metrics_number(&line, "l2", strength);
    metrics_number(&line, "auroc", average.macro);
    return metrics_write(&p->d.log, &line, error);
}

/* From the strongest to the weakest: each start value is the solution before; of equal strengths the strongest stays. */
static pclr_status choose_strength(probe *p, pclr_error *error)
{
    size_t classes = p->d.task.labels->classes, n = p->d.task.validation.records;
    double strongest = config_real(p->d.config, "probe.strongest"), weakest = config_real(p->d.config, "probe.weakest");
    int64_t count = config_int(p->d.config, "probe.strengths");
    p->best = -INFINITY;
    TRY(mem_alloc(&p->weight, classes, p->width * sizeof(double), error));
    TRY(mem_alloc(&p->best_weight, classes, p->width * sizeof(double), error));
    TRY(mem_alloc(&p->bias, classes, sizeof(double), error));
    TRY(mem_alloc(&p->best_bias, classes, sizeof(double), error));
    TRY(mem_alloc(&p->logit, n, classes * sizeof(double), error));
    TRY(mem_alloc(&p->best_logit, n, classes * sizeof(double), error));
    TRY(logistic_design_create(&p->design, p->train, p->d.task.train.records, p->width, error));
    for (int64_t k = 0; k < count; k++) {
        double share = count > 1 ? (double)k / (double)(count - 1) : 0.0;
        TRY(try_strength(p, strongest * pow(weakest / strongest, share), error));
        if (callbacks_stop(p->d.callbacks)) return error_set(error, PCLR_E_INTERRUPTED, "probe: interrupted; nothing was written");
    }
    return PCLR_OK;
}

/* The head of the classifier network: the solution, with the standardisation folded in. */
static pclr_status fill_head(probe *p, pclr_error *error)
{
    runner r = {0};
    TRY(runner_create_classifier(&r, p->d.backend, p->params, &p->d.spec, &p->d.pool.preprocess, 1, error));
    runner_destroy(&r);
    nn_parameter *weight = nn_params_find(p->params, "head.output.weight"), *bias = nn_params_find(p->params, "head.output.bias");
    size_t classes = p->d.task.labels->classes;
    if (!weight || !bias || nn_shape_size(weight->shape) != (int64_t)(classes * p->width))
        return error_set(error, PCLR_E_UNSUPPORTED, "probe: the classifier's head has another shape than the regression");
    float *weights = nn_parameter_write(weight), *biases = nn_parameter_write(bias);
    for (size_t c = 0; c < classes; c++) {
        double shift = p->best_bias[c];
        for (size_t k = 0; k < p->width; k++) {
            double w = p->best_weight[c * p->width + k] / p->scale[k];
            weights[c * p->width + k] = (float)w;
            shift -= w * p->centre[k];
        }
        biases[c] = (float)shift;
    }
    return PCLR_OK;
}

static void close_probe(probe *p)
{
    mem_free(p->train);
    mem_free(p->validation);
    mem_free(p->centre);
    mem_free(p->scale);
    logistic_design_free(&p->design);
    mem_free(p->weight);
    mem_free(p->bias);
    mem_free(p->best_weight);
    mem_free(p->best_bias);
    mem_free(p->logit);
    mem_free(p->best_logit);
    nn_params_destroy(&p->params);
    downstream_close(&p->d);
}

/* What makes two embeddings of a recording equal: encoder file, settings, dataset. */
static pclr_status begin_embeddings(embeddings *kept, const char *dataset_path, const pclr_downstream_options *options,
                                    const pclr_config *config, pclr_error *error)
{
    pclr_dataset *dataset = NULL;
    char *yaml = NULL, *key = NULL, fingerprint[65];
    pclr_status status;
    TRY_GOTO(pclr_dataset_open(&dataset, dataset_path, error));
    TRY_GOTO(dataset_fingerprint(dataset, fingerprint, error));
    TRY_GOTO(config_to_yaml(config, &yaml, error));
    config_drop_section(yaml, "trees");
    config_drop_section(yaml, "finetune");
    TRY_GOTO(mem_printf(&key, error, "%s\n%s\n%s", fingerprint, options->encoder ? options->encoder : "", yaml));
    status = embeddings_begin(kept, key, pclr_dataset_records(dataset), error);
done:
    pclr_dataset_destroy(&dataset);
    mem_free(yaml);
    mem_free(key);
    return status;
}

pclr_status probe_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *run,
                      const pclr_callbacks *callbacks, embeddings *kept, pclr_train_summary *summary, pclr_error *error)
{
    probe p = {
        .d =
            {.options = options, .config = config, .folder = run, .callbacks = callbacks, .method = "probe", .frozen = true, .known = kept},
        .kept = kept};
    char choices[256];
    pclr_status status;
    snprintf(p.d.spec.pool, sizeof p.d.spec.pool, "%s", config_text(config, "probe.pool"));
    TRY_GOTO(begin_embeddings(kept, dataset_path, options, config, error));
    TRY_GOTO(downstream_open(&p.d, dataset_path, 0.0, error));
    TRY_GOTO(make_inputs(&p, error));
    TRY_GOTO(standardise(&p, error));
    TRY_GOTO(choose_strength(&p, error));
    TRY_GOTO(fill_head(&p, error));
    snprintf(choices, sizeof choices, "Logistic regression on %zu inputs, L2 strength %.3g chosen among %lld by validation macro AUROC.",
             p.width, p.best_strength, (long long)config_int(config, "probe.strengths"));
    downstream_result result = {&p.params, 1, p.best_logit, p.best, 0, choices};
    TRY_GOTO(downstream_save(&p.d, &result, summary, error));
done:
    close_probe(&p);
    return status;
}

pclr_status pclr_probe(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *run,
                       const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    embeddings kept = {0};
    pclr_status status = probe_run(dataset_path, options, config, run, callbacks, &kept, summary, error);
    embeddings_free(&kept);
    return status;
}
