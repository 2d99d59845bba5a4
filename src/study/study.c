/* SPDX-License-Identifier: Apache-2.0 */
/* A study: objectives x encoders x inputs x label fractions x seeds x methods, cell by cell, resumable, by several processes at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "dataset/dataset.h"
#include "study/paired.h"
#include "study/study.h"
#include "study/table.h"
#include "train/trees.h"

static const char *item(const json_t *list, size_t k)
{
    return json_string_value(json_array_get(list, k));
}

/* ---- classifiers ---- */

static bool scores_validation(const study *s)
{
    const char *part = strrchr(s->evaluate, ':');
    return part && strcmp(part, ":validation") == 0;
}

static const char *predictions_file(const study *s)
{
    return scores_validation(s) ? "validation.csv" : "predictions.csv";
}

/* Training has written its predictions on the validation part; those on the test part are made from the model file. */
static pclr_status predictions(const study *s, const position *at, const cell *c, char **csv, pclr_error *error)
{
    const char *input[1] = {s->dataset_path};
    const pclr_inference_options options = {.split = s->evaluate};
    char *model = NULL;
    TRY(cell_path(c, predictions_file(s), csv, error));
    if (scores_validation(s) || strcmp(at->method, "trees") == 0) return PCLR_OK;
    pclr_status status = cell_path(c, "model.safetensors", &model, error);
    if (status == PCLR_OK) status = pclr_predict(model, input, 1, *csv, &options, s->callbacks, NULL, error);
    mem_free(model);
    return status;
}

static pclr_status score(const study *s, const position *at, const cell *c, pclr_evaluation **evaluation, pclr_error *error)
{
    char *csv = NULL;
    pclr_evaluate_options options = {.task = at->task, .split = s->evaluate};
    pclr_status status = predictions(s, at, c, &csv, error);
    if (status == PCLR_OK) status = pclr_evaluate(evaluation, csv, s->dataset_path, &options, NULL, error);
    mem_free(csv);
    return status;
}

static json_t *estimate(pclr_estimate e)
{
    return e.defined ? json_pack("{s:f, s:f, s:f}", "value", e.value, "low", e.low, "high", e.high) : json_null();
}

/* {class: AUROC}; null where a class is not defined. */
static json_t *class_aurocs(const json_t *evaluation)
{
    json_t *out = json_object();
    const json_t *classes = json_object_get(evaluation, "classes");
    for (size_t k = 0; k < json_array_size(classes); k++) {
        const json_t *one = json_array_get(classes, k), *auroc = json_object_get(json_object_get(one, "measures"), "auroc");
        const json_t *value = json_object_get(auroc, "value");
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name) json_object_set_new(out, name, json_is_number(value) ? json_real(json_number_value(value)) : json_null());
    }
    return out;
}

static json_t *describe(const position *at, const study_encoder *encoder, const cell *c, const pclr_evaluation *evaluation,
                        const pclr_train_summary *summary, double fraction)
{
    json_t *whole = json_loads(pclr_evaluation_json(evaluation), 0, NULL);
    json_t *result =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:s, s:o, s:o, s:f, s:f, s:f, s:s}", "kind", "classifier", "task", at->task, "arm",
                  at->arm->name, "encoder", at->encoder, "method", at->method, "input", at->input, "fraction", fraction, "seed", at->seed,
                  "auroc", estimate(pclr_evaluation_macro_auroc(evaluation)), "class_auroc", class_aurocs(whole), "validation_auroc",
                  summary->best_value, "seconds", summary->seconds, "peak_bytes", cell_peak_bytes(), "folder", c->folder);
    if (result && encoder->path) {
        json_object_set_new(result, "pretraining_seconds", json_real(encoder->seconds));
        json_object_set_new(result, "pretraining_bytes", json_real(encoder->planned_bytes));
    }
    if (result)
        json_object_set_new(result, "evaluation", whole);
    else
        json_decref(whole);
    return result;
}

static pclr_status train_classifier(study *s, const position *at, const pclr_config *config, const study_encoder *encoder, const cell *c,
                                    pclr_error *error)
{
    pclr_train_summary summary = {0};
    pclr_evaluation *evaluation = NULL;
    double fraction = 1.0;
    pclr_status status;
    (void)parse_double(at->fraction, &fraction);
    pclr_downstream_options options = {
        .task = at->task, .encoder = encoder->path, .split = s->plan.split, .input = at->input, .label_fraction = fraction, .resume = true};
    callbacks_log(s->callbacks, PCLR_LOG_INFO, "study: cell %zu of %zu: %s, %s, %s, %s, %s labels of %s, seed %s", s->seen, s->total,
                  at->method, at->arm->name, at->encoder, at->input, at->fraction, at->task, at->seed);
    cell_peak_reset();
    if (strcmp(at->method, "trees") == 0)
        TRY_GOTO(trees_run(s->dataset_path, &options, config, c->folder, predictions_file(s),
                           scores_validation(s) ? PCLR_SPLIT_VALIDATION : PCLR_SPLIT_TEST, s->callbacks, &summary, error));
    else if (strcmp(at->method, "finetune") == 0)
        TRY_GOTO(pclr_finetune(s->dataset_path, &options, config, c->folder, s->callbacks, &summary, error));
    else
        TRY_GOTO(probe_run(s->dataset_path, &options, config, c->folder, s->callbacks, &s->kept, &summary, error));
    TRY_GOTO(score(s, at, c, &evaluation, error));
    TRY_GOTO(cell_finish(c, describe(at, encoder, c, evaluation, &summary, fraction), error));
done:
    pclr_evaluation_destroy(&evaluation);
    return status;
}

/* Two entries with the same settings share their cells; each has its own row in the tables. */
static void collect(study *s, const position *at, const cell *c)
{
    json_t *result = cell_result(c);
    if (!result) return;
    json_object_set_new(result, "arm", json_string(at->arm->name));
    json_object_set_new(result, "encoder", json_string(at->encoder));
    json_object_del(result, "evaluation"); /* stays in the cell; the table needs the macro AUROC */
    json_array_append_new(s->cells, result);
}

/* One cell that can fail for want of data (a fraction too small for the task) does not end the study. */
static pclr_status run_claimed(study *s, const position *at, const pclr_config *config, const study_encoder *encoder, const cell *c,
                               pclr_error *error)
{
    pclr_status status = train_classifier(s, at, config, encoder, c, error);
    if (status == PCLR_OK) return status;
    if (status == PCLR_E_DATA && error) {
        callbacks_log(s->callbacks, PCLR_LOG_WARNING, "study: cell left empty: %s", error->message);
        return cell_finish(
            c, json_pack("{s:s, s:s, s:s, s:s}", "kind", "classifier", "task", at->task, "arm", at->arm->name, "refused", error->message),
            error);
    }
    cell_release(c);
    return status;
}

/* The cell's identity: dataset, settings, encoder, and what is done with them. */
static pclr_status open_cell(const study *s, const position *at, const pclr_config *config, const char *encoder_hash, cell *c,
                             pclr_error *error)
{
    char *yaml = NULL, *identity = NULL;
    pclr_status status;
    TRY_GOTO(config_to_yaml(config, &yaml, error));
    TRY_GOTO(mem_printf(&identity, error, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n%s", s->fingerprint, yaml,
                        at->arm->objective ? encoder_hash : at->arm->name, at->task, at->input, at->fraction,
                        s->plan.split ? s->plan.split : "", s->evaluate));
    TRY_GOTO(cell_open(c, s->folder, at->method, identity, error));
done:
    mem_free(yaml);
    mem_free(identity);
    return status;
}

static pclr_status run_cell(study *s, const position *at, pclr_error *error)
{
    pclr_config *config = NULL;
    study_encoder encoder = {.path = NULL};
    cell c = {0};
    cell_state state = CELL_BUSY;
    pclr_status status;
    s->seen++;
    TRY_GOTO(study_config(s, at, &config, error));
    TRY_GOTO(study_encoder_find(s, at, &encoder, error));
    TRY_GOTO(open_cell(s, at, config, encoder.hash, &c, error));
    json_t *done = cell_result(&c);
    if (!done) {
        study_encoder_free(&encoder);
        TRY_GOTO(study_encoder_get(s, at, &encoder, error));
        if (encoder.ready) TRY_GOTO(cell_claim(&c, &state, error));
        if (state == CELL_MINE) TRY_GOTO(run_claimed(s, at, config, &encoder, &c, error));
        if (!encoder.ready || state == CELL_BUSY) s->busy++;
    }
    json_decref(done);
    collect(s, at, &c);
done:
    pclr_config_destroy(&config);
    study_encoder_free(&encoder);
    cell_close(&c);
    return status;
}

/* ---- the loops ---- */

/* Calls `visit` for every cell of the plan; fine-tuning on features alone does not exist. */
static pclr_status for_each_cell(study *s, pclr_status (*visit)(study *, const position *, pclr_error *), pclr_error *error)
{
    const study_plan *p = &s->plan;
    for (size_t seed = 0; seed < json_array_size(p->seeds); seed++)
        for (size_t arm = 0; arm < p->arms; arm++)
            for (size_t e = 0; e < json_array_size(p->encoders); e++)
                for (size_t t = 0; t < json_array_size(p->tasks); t++)
                    for (size_t m = 0; m < json_array_size(p->arm[arm].methods); m++)
                        for (size_t i = 0; i < json_array_size(p->arm[arm].inputs); i++)
                            for (size_t f = 0; f < json_array_size(p->fractions); f++) {
                                position at = {&p->arm[arm],
                                               item(p->encoders, e),
                                               item(p->tasks, t),
                                               item(p->arm[arm].methods, m),
                                               item(p->arm[arm].inputs, i),
                                               item(p->fractions, f),
                                               item(p->seeds, seed)};
                                bool features = strcmp(at.input, "features") == 0;
                                if (features && strcmp(at.method, "finetune") == 0) continue;
                                if (((features && strcmp(at.method, "probe") == 0) || !at.arm->seeded) && (seed > 0 || e > 0)) continue;
                                TRY(visit(s, &at, error));
                            }
    return PCLR_OK;
}

static pclr_status count_cell(study *s, const position *at, pclr_error *error)
{
    double fraction;
    if (strcmp(at->method, "probe") != 0 && strcmp(at->method, "finetune") != 0 && strcmp(at->method, "trees") != 0)
        return error_set(error, PCLR_E_ARGUMENT, "methods: found \"%s\", expected probe or finetune", at->method);
    if (!parse_double(at->fraction, &fraction) || fraction <= 0 || fraction > 1)
        return error_set(error, PCLR_E_ARGUMENT, "fractions: found \"%s\", expected more than 0 and at most 1", at->fraction);
    s->total++;
    return PCLR_OK;
}

/* The part that is scored: as planned, else the test part where the split has one. */
static pclr_status choose_part(study *s, const pclr_dataset *dataset, pclr_error *error)
{
    const char *split = s->plan.split, *part = s->plan.evaluate;
    uint8_t *value = NULL;
    if (pclr_dataset_splits(dataset) == 0)
        return error_set(error, PCLR_E_DATA, "%s: it has no split; import it with --split NAME=0.8/0.1/0.1", s->dataset_path);
    if (!split) split = pclr_dataset_split_name(dataset, 0);
    size_t records = pclr_dataset_records(dataset);
    TRY(mem_alloc(&value, records, 1, error));
    pclr_status status = pclr_dataset_split(dataset, split, value, error);
    bool test = false;
    for (size_t k = 0; k < records; k++) test = test || value[k] == PCLR_SPLIT_TEST;
    mem_free(value);
    if (status != PCLR_OK) return status;
    if (!part) part = test ? "test" : "validation";
    return mem_printf(&s->evaluate, error, "%s:%s", split, part);
}

/* Fingerprints of the datasets that arms are pretrained on. */
static pclr_status fingerprint_arms(study_plan *plan, pclr_error *error)
{
    for (size_t k = 0; k < plan->arms; k++) {
        study_arm *arm = &plan->arm[k];
        pclr_dataset *dataset = NULL;
        if (!arm->objective || !arm->pretrain) continue;
        TRY(pclr_dataset_open(&dataset, arm->pretrain, error));
        pclr_status status = dataset_fingerprint(dataset, arm->fingerprint, error);
        pclr_dataset_destroy(&dataset);
        if (status != PCLR_OK) return status;
    }
    return PCLR_OK;
}

static pclr_status open_study(study *s, const char *yaml, const pclr_study_options *options, pclr_error *error)
{
    pclr_dataset *dataset = NULL;
    pclr_status status;
    TRY_GOTO(study_plan_read(&s->plan, yaml, options, error));
    TRY_GOTO(pclr_dataset_open(&dataset, s->dataset_path, error));
    TRY_GOTO(dataset_fingerprint(dataset, s->fingerprint, error));
    TRY_GOTO(fingerprint_arms(&s->plan, error));
    for (size_t t = 0; t < json_array_size(s->plan.tasks); t++) {
        pclr_labels *labels = NULL;
        status = pclr_dataset_labels(dataset, item(s->plan.tasks, t), &labels, error);
        pclr_labels_destroy(&labels);
        if (status != PCLR_OK) goto done;
    }
    TRY_GOTO(choose_part(s, dataset, error));
    TRY_GOTO(for_each_cell(s, count_cell, error));
    TRY_GOTO(file_make_folder(s->folder, error));
    if (s->total == 0) status = error_set(error, PCLR_E_ARGUMENT, "%s: the plan has no cell", yaml);
done:
    pclr_dataset_destroy(&dataset);
    return status;
}

/* {arm: kind} for paired_compare. */
static json_t *kinds_of_arms(const study_plan *p)
{
    json_t *kinds = json_object();
    for (size_t k = 0; k < p->arms; k++) {
        const char *objective = p->arm[k].objective;
        const char *kind = !objective ? "simple" : strcmp(objective, "physioclr") == 0 ? "physioclr" : "pretrained";
        json_object_set_new(kinds, p->arm[k].name, json_string(kind));
    }
    return kinds;
}

static pclr_status write_tables(study *s, pclr_error *error)
{
    json_t *kinds = kinds_of_arms(&s->plan), *paired = NULL;
    pclr_status status;
    TRY_GOTO(paired_compare(s->dataset_path, s->cells, kinds, predictions_file(s), &paired, error));
    TRY_GOTO(table_write(s->cells, paired, s->folder, error));
done:
    json_decref(kinds);
    json_decref(paired);
    return status;
}

/* Rounds until nothing is being worked on elsewhere; the tables are written after each, so that an interrupted study can be read. */
static pclr_status run_rounds(study *s, pclr_error *error)
{
    for (;;) {
        s->seen = s->busy = 0;
        json_array_clear(s->cells);
        pclr_status status = for_each_cell(s, run_cell, error);
        pclr_error ignored = {0};
        pclr_status written = write_tables(s, status == PCLR_OK ? error : &ignored);
        if (status != PCLR_OK) return status;
        if (written != PCLR_OK || s->busy == 0) return written;
        callbacks_log(s->callbacks, PCLR_LOG_INFO, "study: waiting for %zu cells of other processes", s->busy);
        for (int k = 0; k < 10; k++) {
            if (callbacks_stop(s->callbacks))
                return error_set(error, PCLR_E_INTERRUPTED, "%s: interrupted while other processes were at work", s->folder);
            sleep(1);
        }
    }
}

pclr_status pclr_study(const char *dataset_path, const char *study_yaml, const char *folder, const pclr_study_options *options,
                       const pclr_callbacks *callbacks, pclr_error *error)
{
    const pclr_study_options none = {0};
    study s = {.dataset_path = dataset_path, .folder = folder, .callbacks = callbacks, .cells = json_array()};
    pclr_status status = open_study(&s, study_yaml, options ? options : &none, error);
    if (status == PCLR_OK) status = run_rounds(&s, error);
    study_plan_free(&s.plan);
    embeddings_free(&s.kept);
    mem_free(s.evaluate);
    json_decref(s.cells);
    return status;
}
