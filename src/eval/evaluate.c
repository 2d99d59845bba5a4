/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_evaluate: read, choose thresholds on validation, measure, resample, write. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "eval/evaluation.h"

enum { BOOTSTRAPS = 1000 };

pclr_status evaluation_choices(const pclr_evaluate_options *options, resample_options *resampling, const pclr_callbacks *callbacks,
                               pclr_error *error)
{
    *resampling = (resample_options){.count = options->bootstraps ? options->bootstraps : BOOTSTRAPS,
                                     .seed = options->seed,
                                     .kind = INTERVAL_BCA,
                                     .stratified = options->stratified,
                                     .threads = options->threads,
                                     .callbacks = callbacks};
    if (options->interval && strcmp(options->interval, "percentile") == 0)
        resampling->kind = INTERVAL_PERCENTILE;
    else if (options->interval && strcmp(options->interval, "bca") != 0)
        return error_set(error, PCLR_E_ARGUMENT, "--interval %s: the kinds are bca and percentile", options->interval);
    if (options->sensitivity_at < 0 || options->sensitivity_at >= 1)
        return error_set(error, PCLR_E_ARGUMENT, "specificity %g; it must lie between 0 and 1", options->sensitivity_at);
    if (options->prevalence < 0 || options->prevalence >= 1)
        return error_set(error, PCLR_E_ARGUMENT, "prevalence %g; it must lie between 0 and 1", options->prevalence);
    return PCLR_OK;
}

static pclr_status describe(pclr_evaluation *e, const evaluation_input *input, pclr_error *error)
{
    const pclr_evaluate_options *options = input->options;
    const char *model = input->operating ? input->operating->model : NULL;
    TRY(mem_strdup(&e->name, input->name ? input->name : path_base(model ? model : input->predictions), error));
    if (model)
        TRY(mem_strdup(&e->model, path_base(model), error));
    else
        TRY(mem_strdup(&e->predictions, path_base(input->predictions), error));
    TRY(mem_strdup(&e->labels, path_base(input->labels), error));
    TRY(mem_strdup(&e->task, options->task, error));
    TRY(mem_strdup(&e->split, options->split, error));
    e->specificity = options->sensitivity_at > 0 ? options->sensitivity_at : 0.9;
    e->prevalence = options->prevalence;
    e->segments = options->segments;
    e->temperature = NAN;
    e->model_temperature = input->operating ? input->operating->temperature : NAN;
    TRY(mem_strdup(&e->model_details, input->operating ? input->operating->details : NULL, error));
    return evaluation_hashes(e, input, error);
}

static pclr_status read_set(pclr_evaluation *e, const evaluation_input *input, pclr_error *error)
{
    const pclr_evaluate_options *options = input->options;
    eval_source source = {.predictions = input->predictions,
                          .labels = input->labels,
                          .task = options->task,
                          .split = options->split,
                          .classes = options->classes,
                          .class_list = input->class_list,
                          .class_count = input->class_count,
                          .allow_missing = options->allow_missing,
                          .level = options->segments ? EVAL_SEGMENTS : EVAL_RECORDS};
    TRY(eval_set_read(&e->set, &source, error));
    return describe(e, input, error);
}

pclr_status evaluation_read(pclr_evaluation **evaluation, const evaluation_input *input, pclr_error *error)
{
    pclr_evaluation *e = NULL;
    *evaluation = NULL;
    TRY(mem_alloc(&e, 1, sizeof *e, error));
    pclr_status status = read_set(e, input, error);
    if (status != PCLR_OK) pclr_evaluation_destroy(&e);
    *evaluation = e;
    return status;
}

pclr_status evaluation_score(pclr_evaluation *e, const evaluation_input *input, pclr_error *error)
{
    double *threshold = NULL;
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&e->class_result, e->set.classes, sizeof *e->class_result, error));
    TRY_GOTO(evaluation_thresholds(e, input, error));
    TRY_GOTO(mem_alloc(&threshold, e->set.classes, sizeof *threshold, error));
    for (size_t c = 0; c < e->set.classes; c++) threshold[c] = e->class_result[c].threshold;
    eval_choices choices = {.threshold = threshold, .specificity = e->specificity, .prevalence = e->prevalence};
    TRY_GOTO(scoring_create(&e->scores, &e->set, &choices, error));
    TRY_GOTO(evaluation_class_results(e, error));
done:
    mem_free(threshold);
    return status;
}

/* An average over one class is that class, its interval too. */
static void averages_of_one_class(pclr_evaluation *e)
{
    static const char *const average[] = {"macro", "weighted", "micro"}, *const of[] = {"auroc", "sensitivity", "specificity", "precision"};
    const size_t same = e->defined != 1 ? 0 : e->set.classes == 1 ? 3 : 2;
    for (size_t c = 0; c < e->set.classes && same > 0; c++) {
        if (e->class_result[c].positives == 0 || e->class_result[c].negatives == 0) continue;
        for (size_t k = 0; k < 4 * same; k++) {
            char name[64];
            pclr_estimate own = evaluation_of_class(e, of[k % 4], c);
            snprintf(name, sizeof name, "%s_%s", average[k / 4], of[k % 4]);
            if (own.defined) e->overall[measure_overall(name)] = own;
        }
    }
}

static pclr_status estimates(pclr_evaluation *e, resample *draws, size_t model, const resample_options *resampling, pclr_error *error)
{
    size_t of_class, overall, classes = e->set.classes;
    measures_of_class(&of_class);
    measures_overall(&overall);
    TRY(mem_alloc(&e->of_class, of_class * classes, sizeof *e->of_class, error));
    TRY(mem_alloc(&e->overall, overall, sizeof *e->overall, error));
    for (size_t k = 0; k < of_class * classes; k++) e->of_class[k] = resample_estimate(draws, model, k);
    for (size_t k = 0; k < overall; k++) e->overall[k] = resample_estimate(draws, model, of_class * classes + k);
    pclr_estimate *auroc = e->of_class + measure_of_class("auroc") * classes;
    for (size_t c = 0; c < classes; c++) {
        e->class_result[c].auroc_bootstrap = auroc[c];
        auroc[c] = e->class_result[c].auroc;
    }
    TRY(evaluation_class_shares(e, error));
    averages_of_one_class(e);
    e->bootstraps = draws->count;
    e->exchanged = draws->exchanged;
    e->incomplete = draws->incomplete;
    e->seed = resampling->seed;
    e->stratified = resampling->stratified;
    e->interval = resampling->kind;
    return PCLR_OK;
}

pclr_status evaluation_finish(pclr_evaluation *e, resample *draws, size_t model, const resample_options *resampling, pclr_error *error)
{
    TRY(estimates(e, draws, model, resampling, error));
    TRY(evaluation_note_classes(e, error));
    TRY(evaluation_groups(e, resampling, error));
    TRY(evaluation_write_json(e, error));
    TRY(evaluation_write_text(e, error));
    return evaluation_write_csv(e, error);
}

static pclr_status evaluate(pclr_evaluation **e, const evaluation_input *input, const pclr_callbacks *callbacks, pclr_error *error)
{
    resample_options resampling;
    resample draws = {0};
    pclr_status status = PCLR_OK;

    TRY_GOTO(evaluation_choices(input->options, &resampling, callbacks, error));
    TRY_GOTO(evaluation_read(e, input, error));
    TRY_GOTO(evaluation_score(*e, input, error));
    TRY_GOTO(resample_create(&draws, &(const scoring *){&(*e)->scores}, 1, &resampling, error));
    TRY_GOTO(evaluation_finish(*e, &draws, 0, &resampling, error));
done:
    resample_free(&draws);
    return status;
}

pclr_status pclr_evaluate(pclr_evaluation **evaluation, const char *predictions_csv, const char *labels_path,
                          const pclr_evaluate_options *options, const pclr_callbacks *callbacks, pclr_error *error)
{
    static const pclr_evaluate_options defaults = {0};
    const pclr_evaluate_options *o = options ? options : &defaults;
    evaluation_input input = {.predictions = predictions_csv,
                              .labels = labels_path,
                              .name = o->name ? o->name[0] : NULL,
                              .validation = o->validations ? o->validations[0] : o->validation,
                              .operating = o->operating ? o->operating[0] : NULL,
                              .options = o};
    pclr_evaluation *e = NULL;
    pclr_status status = evaluate(&e, &input, callbacks, error);
    if (status != PCLR_OK) pclr_evaluation_destroy(&e);
    *evaluation = e;
    return status;
}

void pclr_evaluation_destroy(pclr_evaluation **evaluation)
{
    pclr_evaluation *e = *evaluation;
    if (e == NULL) return;
    if (e->scores.set) scoring_free(&e->scores);
    eval_set_free(&e->set);
    mem_free(e->name);
    mem_free(e->predictions);
    mem_free(e->model);
    mem_free(e->model_details);
    mem_free(e->labels);
    mem_free(e->task);
    mem_free(e->split);
    mem_free(e->class_result);
    mem_free(e->of_class);
    mem_free(e->overall);
    for (size_t g = 0; g < e->groups; g++) mem_free(e->group[g].by_class);
    mem_free(e->group);
    mem_free(e->json);
    mem_free(e->text);
    mem_free(e->csv);
    mem_release(evaluation);
}

pclr_estimate evaluation_of_class(const pclr_evaluation *e, const char *name, size_t class_index)
{
    size_t m = measure_of_class(name);
    return m == SIZE_MAX ? (pclr_estimate){NAN, NAN, NAN, false} : e->of_class[m * e->set.classes + class_index];
}

pclr_estimate evaluation_overall(const pclr_evaluation *e, const char *name)
{
    size_t m = measure_overall(name);
    return m == SIZE_MAX ? (pclr_estimate){NAN, NAN, NAN, false} : e->overall[m];
}

pclr_estimate pclr_evaluation_macro_auroc(const pclr_evaluation *evaluation)
{
    return evaluation_overall(evaluation, "macro_auroc");
}

const char *pclr_evaluation_json(const pclr_evaluation *evaluation)
{
    return evaluation->json;
}

const char *pclr_evaluation_text(const pclr_evaluation *evaluation)
{
    return evaluation->text;
}

const char *pclr_evaluation_csv(const pclr_evaluation *evaluation)
{
    return evaluation->csv;
}
