/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_evaluate: read, choose thresholds on validation, measure, resample, write. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "eval/delong.h"
#include "eval/evaluation.h"

enum { BOOTSTRAPS = 1000 };

pclr_status evaluation_choices(const pclr_evaluate_options *options, resample_options *resampling, const pclr_callbacks *callbacks,
                               pclr_error *error)
{
    *resampling = (resample_options){.count = options->bootstraps ? options->bootstraps : BOOTSTRAPS,
                                     .seed = options->seed,
                                     .kind = INTERVAL_PERCENTILE,
                                     .stratified = options->stratified,
                                     .threads = options->threads,
                                     .callbacks = callbacks};
    if (options->interval && strcmp(options->interval, "bca") == 0) resampling->kind = INTERVAL_BCA;
    else if (options->interval && strcmp(options->interval, "percentile") != 0)
        return error_set(error, PCLR_E_ARGUMENT, "--interval %s: the kinds are percentile and bca", options->interval);
    if (options->sensitivity_at < 0 || options->sensitivity_at >= 1)
        return error_set(error, PCLR_E_ARGUMENT, "specificity %g; it must lie between 0 and 1", options->sensitivity_at);
    if (options->prevalence < 0 || options->prevalence >= 1)
        return error_set(error, PCLR_E_ARGUMENT, "prevalence %g; it must lie between 0 and 1", options->prevalence);
    return PCLR_OK;
}

static pclr_status describe(pclr_evaluation *e, const char *predictions, const char *labels, const pclr_evaluate_options *options,
                            pclr_error *error)
{
    TRY(mem_strdup(&e->name, path_base(predictions), error));
    TRY(mem_strdup(&e->labels, path_base(labels), error));
    TRY(mem_strdup(&e->task, options->task, error));
    TRY(mem_strdup(&e->split, options->split, error));
    e->specificity = options->sensitivity_at > 0 ? options->sensitivity_at : 0.9;
    e->prevalence = options->prevalence;
    e->segments = options->segments;
    e->temperature = NAN;
    return PCLR_OK;
}

static pclr_status class_delong(pclr_evaluation *e, size_t c, double *score, uint8_t *label, pclr_error *error)
{
    const eval_set *set = &e->set;
    const double *only = score;
    pclr_estimate *out = &e->class_result[c].delong;
    pclr_error why = {0};
    delong d;

    *out = (pclr_estimate){.value = NAN, .low = NAN, .high = NAN};
    for (size_t r = 0; r < set->records; r++) {
        score[r] = set->score[r * set->classes + c];
        label[r] = set->label[r * set->classes + c];
    }
    pclr_status status = delong_create(&d, &only, 1, label, set->patient, set->patients, set->records, &why);
    if (status == PCLR_E_DATA) return PCLR_OK; /* too few patients for a variance: no interval */
    if (status != PCLR_OK) return error_set(error, status, "%s", why.message);
    *out = (pclr_estimate){.value = d.auroc[0], .defined = true};
    delong_interval(&d, 0, 0.05, &out->low, &out->high);
    delong_free(&d);
    return PCLR_OK;
}

/* Expected calibration error after dividing all logits by the temperature. */
static pclr_status scaled_error(const pclr_evaluation *e, size_t c, double *score, uint8_t *label, double *out, pclr_error *error)
{
    const eval_set *set = &e->set;
    reliability_bin bin[RELIABILITY_BINS];
    ranking scaled;
    for (size_t r = 0; r < set->records; r++) {
        score[r] = calibration_apply(set->score[r * set->classes + c], e->temperature);
        label[r] = set->label[r * set->classes + c];
    }
    TRY(ranking_create(&scaled, score, label, set->records, 1, 1, error));
    *out = calibration_error(bin, calibration_bins(&scaled, bin, RELIABILITY_BINS));
    ranking_free(&scaled);
    return PCLR_OK;
}

static pclr_status class_results(pclr_evaluation *e, pclr_error *error)
{
    double *score = NULL;
    uint8_t *label = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&score, e->set.records, sizeof *score, error));
    TRY_GOTO(mem_alloc(&label, e->set.records, 1, error));
    for (size_t c = 0; c < e->set.classes; c++) {
        evaluation_class *k = &e->class_result[c];
        const ranking *rank = &e->scores.rank[c];
        ranking_areas areas = ranking_measure(rank, NULL, e->scores.cut[c]);
        k->positives = rank->positives;
        k->negatives = rank->negatives;
        k->constant = rank->n > 1 && rank->score[0] == rank->score[rank->n - 1];
        k->true_positives = areas.true_positives;
        k->false_positives = areas.false_positives;
        k->calibration_error = k->calibration_error_scaled = NAN;
        TRY_GOTO(class_delong(e, c, score, label, error));
        if (!e->scores.probabilities) continue;
        k->bins = calibration_bins(rank, k->bin, RELIABILITY_BINS);
        k->calibration_error = calibration_error(k->bin, k->bins);
        if (!isnan(e->temperature)) TRY_GOTO(scaled_error(e, c, score, label, &k->calibration_error_scaled, error));
    }
done:
    mem_free(score);
    mem_free(label);
    return status;
}

static pclr_status note_classes(pclr_evaluation *e, pclr_error *error)
{
    eval_set *set = &e->set;
    for (size_t c = 0; c < set->classes; c++) {
        const evaluation_class *k = &e->class_result[c];
        const char *name = set->class_name[c];
        if (k->positives == 0 || k->negatives == 0)
            TRY(eval_set_note(set, error, "class '%s' is undefined: %zu positives, %zu negatives; it is in no average", name, k->positives,
                              k->negatives));
        else if (k->constant)
            TRY(eval_set_note(set, error, "class '%s': every record has the score %g; its AUROC is 0.5 by ties", name,
                              e->scores.rank[c].score[0]));
        if (k->origin == THRESHOLD_NONE)
            TRY(eval_set_note(set, error, "class '%s' has no threshold; measures that need one are left out (give --thresholds or --validation)",
                              name));
    }
    if (!e->scores.probabilities)
        TRY(eval_set_note(set, error, "scores lie outside [0, 1]: Brier score, calibration and Fmax do not exist for them"));
    if (e->incomplete > 0)
        TRY(eval_set_note(set, error, "%zu resamples lack a class although patients were exchanged", e->incomplete));
    else if (e->exchanged > 0)
        TRY(eval_set_note(set, error, "in %zu of %zu resamples patients were exchanged to keep rare classes defined", e->exchanged, e->bootstraps));
    return PCLR_OK;
}

static pclr_status estimates(pclr_evaluation *e, const resample_options *resampling, pclr_error *error)
{
    size_t of_class, overall, classes = e->set.classes;
    resample draws;
    measures_of_class(&of_class);
    measures_overall(&overall);
    TRY(mem_alloc(&e->of_class, of_class * classes, sizeof *e->of_class, error));
    TRY(mem_alloc(&e->overall, overall, sizeof *e->overall, error));
    TRY(resample_create(&draws, &e->scores, 1, resampling, error));
    for (size_t k = 0; k < of_class * classes; k++) e->of_class[k] = resample_estimate(&draws, 0, k);
    for (size_t k = 0; k < overall; k++) e->overall[k] = resample_estimate(&draws, 0, of_class * classes + k);
    e->bootstraps = draws.count;
    e->exchanged = draws.exchanged;
    e->incomplete = draws.incomplete;
    e->seed = resampling->seed;
    e->stratified = resampling->stratified;
    e->interval = resampling->kind;
    resample_free(&draws);
    return PCLR_OK;
}

static pclr_status evaluate(pclr_evaluation *e, const char *predictions, const char *labels, const pclr_evaluate_options *options,
                            const pclr_callbacks *callbacks, pclr_error *error)
{
    eval_source source = {predictions, labels, options->task, options->split, options->classes, options->allow_missing,
                          options->segments ? EVAL_SEGMENTS : EVAL_RECORDS};
    eval_choices choices = {0};
    resample_options resampling;
    double *threshold = NULL;
    pclr_status status = PCLR_OK;

    TRY(evaluation_choices(options, &resampling, callbacks, error));
    TRY(eval_set_read(&e->set, &source, error));
    TRY(describe(e, predictions, labels, options, error));
    TRY(mem_alloc(&e->class_result, e->set.classes, sizeof *e->class_result, error));
    TRY(evaluation_thresholds(e, predictions, labels, options, error));
    TRY(mem_alloc(&threshold, e->set.classes, sizeof *threshold, error));
    for (size_t c = 0; c < e->set.classes; c++) threshold[c] = e->class_result[c].threshold;
    choices = (eval_choices){.threshold = threshold, .specificity = e->specificity, .prevalence = e->prevalence};
    status = scoring_create(&e->scores, &e->set, &choices, error);
    mem_free(threshold);
    TRY(status);
    TRY(class_results(e, error));
    TRY(estimates(e, &resampling, error));
    TRY(note_classes(e, error));
    TRY(evaluation_groups(e, &resampling, error));
    TRY(evaluation_write_json(e, error));
    TRY(evaluation_write_text(e, error));
    return evaluation_write_csv(e, error);
}

pclr_status pclr_evaluate(pclr_evaluation **evaluation, const char *predictions_csv, const char *labels_path,
                          const pclr_evaluate_options *options, const pclr_callbacks *callbacks, pclr_error *error)
{
    static const pclr_evaluate_options defaults = {0};
    pclr_evaluation *e = NULL;
    *evaluation = NULL;
    TRY(mem_alloc(&e, 1, sizeof *e, error));
    pclr_status status = evaluate(e, predictions_csv, labels_path, options ? options : &defaults, callbacks, error);
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
    mem_free(e->labels);
    mem_free(e->task);
    mem_free(e->split);
    mem_free(e->class_result);
    mem_free(e->of_class);
    mem_free(e->overall);
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
