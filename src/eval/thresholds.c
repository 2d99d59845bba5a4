/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds and temperature of an evaluation: given, chosen on validation records, or brought by a model file; never chosen on the
 * records that are evaluated. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "eval/evaluation.h"
#include "eval/names.h"

/* "0.4" for all classes, or "CLASS=0.4,CLASS=0.2". */
static pclr_status parse_given(pclr_evaluation *e, const char *given, pclr_error *error)
{
    char **piece = NULL;
    size_t pieces = 0;
    double value;
    pclr_status status = PCLR_OK;

    TRY_GOTO(text_split(given, ',', &piece, &pieces, error));
    for (size_t k = 0; k < pieces; k++) {
        char *equals = strrchr(piece[k], '=');
        size_t matched = 0;
        if (!parse_double(equals ? equals + 1 : piece[k], &value) || !isfinite(value))
            TRY_GOTO(error_set(error, PCLR_E_ARGUMENT, "--thresholds: '%s' is neither a number nor CLASS=NUMBER", piece[k]));
        if (equals) *equals = '\0';
        for (size_t c = 0; c < e->set.classes; c++) {
            if (equals && strcmp(piece[k], e->set.class_name[c]) != 0) continue;
            e->class_result[c].threshold = value;
            e->class_result[c].origin = THRESHOLD_GIVEN;
            matched++;
        }
        if (matched == 0) TRY_GOTO(error_set(error, PCLR_E_ARGUMENT, "--thresholds: no evaluated class is called '%s'", piece[k]));
    }
done:
    mem_free(piece);
    return status;
}

/* "NAME:validation" for "NAME:test", from mem_alloc; NULL when the split is another. */
static pclr_status validation_part(const pclr_evaluate_options *options, char **split, pclr_error *error)
{
    const char *part = options->split ? strrchr(options->split, ':') : NULL;
    *split = NULL;
    if (options->validation_split) return mem_strdup(split, options->validation_split, error);
    if (options->split && strcmp(options->split, "test") == 0) return mem_strdup(split, "validation", error);
    if (part == NULL || strcmp(part, ":test") != 0) return PCLR_OK;
    return mem_printf(split, error, "%.*s:validation", (int)(part - options->split), options->split);
}

static pclr_status check_disjoint(const eval_set *set, const eval_set *validation, pclr_error *error)
{
    names_index evaluated;
    pclr_status status = PCLR_OK;
    TRY(names_index_create(&evaluated, (const char *const *)set->id, set->records, error));
    for (size_t r = 0; r < validation->records && status == PCLR_OK; r++) {
        if (names_find(&evaluated, validation->id[r]) < 0) continue;
        status = error_set(error, PCLR_E_DATA,
                           "record '%s' is both evaluated and used for thresholds; choose disjoint --split and --validation-split",
                           validation->id[r]);
    }
    names_index_free(&evaluated);
    return status;
}

/* Records of one patient on both sides are no independent choice. */
static pclr_status note_shared_patients(eval_set *set, const eval_set *validation, pclr_error *error)
{
    names_index chosen;
    size_t shared = 0;
    if (set->patient_key == NULL || validation->patient_key == NULL) return PCLR_OK;
    TRY(names_index_create(&chosen, (const char *const *)validation->patient_key, validation->patients, error));
    for (size_t p = 0; p < set->patients; p++) shared += names_find(&chosen, set->patient_key[p]) >= 0;
    names_index_free(&chosen);
    if (shared == 0) return PCLR_OK;
    return eval_set_note(set, error,
                         "%zu of %zu evaluated patients also have records among those that chose thresholds and temperature: what depends "
                         "on them is optimistic",
                         shared, set->patients);
}

static pclr_status fit(pclr_evaluation *e, const eval_set *validation, pclr_error *error)
{
    bool probabilities = true;
    size_t classes = e->set.classes;
    for (size_t i = 0; i < validation->records * classes; i++) probabilities &= validation->score[i] >= 0 && validation->score[i] <= 1;
    e->validation_records = validation->records;
    if (probabilities) e->temperature = calibration_temperature(validation->score, validation->label, validation->records * classes);
    for (size_t c = 0; c < classes; c++) {
        ranking rank;
        TRY(ranking_create(&rank, validation->score + c, validation->label + c, validation->records, classes, 1, error));
        double threshold = calibration_threshold(&rank);
        ranking_free(&rank);
        if (isnan(threshold) || e->class_result[c].origin == THRESHOLD_GIVEN) continue;
        e->class_result[c].threshold = threshold;
        e->class_result[c].origin = THRESHOLD_VALIDATION;
    }
    return PCLR_OK;
}

/* Validation is needed when it was asked for; otherwise it is used when the prediction file holds it. */
static pclr_status from_validation(pclr_evaluation *e, const evaluation_input *input, pclr_error *error)
{
    const pclr_evaluate_options *options = input->options;
    bool asked = input->validation || options->validation_split;
    char *split = NULL;
    eval_set validation = {0};
    pclr_error why = {0};
    pclr_status status = PCLR_OK;

    TRY_GOTO(validation_part(options, &split, error));
    if (split == NULL && !input->validation) goto done;
    eval_source source = {.predictions = input->validation ? input->validation : input->predictions,
                          .labels = input->labels,
                          .task = options->task,
                          .split = split,
                          .class_list = (const char *const *)e->set.class_name,
                          .class_count = e->set.classes,
                          .allow_missing = true,
                          .may_be_empty = !asked};
    status = eval_set_read(&validation, &source, &why);
    if (status != PCLR_OK) TRY_GOTO(error_set(error, status, "validation: %s", why.message));
    if (validation.records == 0) goto done;
    TRY_GOTO(check_disjoint(&e->set, &validation, error));
    TRY_GOTO(note_shared_patients(&e->set, &validation, error));
    TRY_GOTO(fit(e, &validation, error));
done:
    mem_free(split);
    eval_set_free(&validation);
    return status;
}

static void from_model(pclr_evaluation *e, const pclr_operating_points *model)
{
    for (size_t c = 0; c < e->set.classes; c++) {
        for (size_t k = 0; k < model->classes; k++) {
            if (strcmp(model->class_name[k], e->set.class_name[c]) != 0 || isnan(model->threshold[k])) continue;
            e->class_result[c].threshold = model->threshold[k];
            e->class_result[c].origin = THRESHOLD_MODEL;
        }
    }
}

pclr_status evaluation_thresholds(pclr_evaluation *e, const evaluation_input *input, pclr_error *error)
{
    bool probabilities = true;
    for (size_t i = 0; i < e->set.records * e->set.classes; i++) probabilities &= e->set.score[i] >= 0 && e->set.score[i] <= 1;
    for (size_t c = 0; c < e->set.classes; c++) {
        e->class_result[c].threshold = probabilities ? 0.5 : NAN;
        e->class_result[c].origin = probabilities ? THRESHOLD_HALF : THRESHOLD_NONE;
    }
    if (input->operating) from_model(e, input->operating);
    if (input->options->thresholds) TRY(parse_given(e, input->options->thresholds, error));
    return from_validation(e, input, error);
}
