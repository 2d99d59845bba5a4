/* SPDX-License-Identifier: Apache-2.0 */
/* What an evaluation tells of each class without resamples, and the notes on classes. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "eval/evaluation.h"

/* Expected calibration error after dividing all log odds by the temperature. */
static pclr_status scaled_error(const pclr_evaluation *e, size_t c, double temperature, double *score, uint8_t *label, double *out,
                                pclr_error *error)
{
    const eval_set *set = &e->set;
    reliability_bin bin[RELIABILITY_BINS];
    ranking scaled;
    for (size_t r = 0; r < set->records; r++) {
        score[r] = calibration_apply(set->score[r * set->classes + c], temperature);
        label[r] = set->label[r * set->classes + c];
    }
    TRY(ranking_create(&scaled, score, label, set->records, 1, 1, error));
    *out = calibration_error(bin, calibration_bins(&scaled, bin, RELIABILITY_BINS));
    ranking_free(&scaled);
    return PCLR_OK;
}

pclr_status evaluation_class_results(pclr_evaluation *e, pclr_error *error)
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
        k->calibration_error = k->calibration_error_scaled = k->calibration_error_unscaled = NAN;
        e->defined += k->positives > 0 && k->negatives > 0;
        class_auroc area;
        TRY_GOTO(evaluation_class_auroc(&e->set, rank, c, &area, error));
        k->auroc = area.estimate;
        k->positive_patients = area.positive_patients;
        k->negative_patients = area.negative_patients;
        if (!e->scores.probabilities) continue;
        k->bins = calibration_bins(rank, k->bin, RELIABILITY_BINS);
        k->calibration_error = calibration_error(k->bin, k->bins);
        if (!isnan(e->temperature)) TRY_GOTO(scaled_error(e, c, e->temperature, score, label, &k->calibration_error_scaled, error));
        if (!isnan(e->model_temperature))
            TRY_GOTO(scaled_error(e, c, 1 / e->model_temperature, score, label, &k->calibration_error_unscaled, error));
    }
done:
    mem_free(score);
    mem_free(label);
    return status;
}

/* "A, B and C": the classes for which `is` holds; returns how many. */
static size_t list_classes(const pclr_evaluation *e, bool (*is)(const evaluation_class *), text *list)
{
    size_t count = 0, listed = 0;
    for (size_t c = 0; c < e->set.classes; c++) count += is(&e->class_result[c]);
    for (size_t c = 0; c < e->set.classes; c++) {
        if (!is(&e->class_result[c])) continue;
        text_add(list, "%s%s", listed == 0 ? "" : listed + 1 == count ? " and " : ", ", e->set.class_name[c]);
        listed++;
    }
    return count;
}

static bool no_positives(const evaluation_class *k)
{
    return k->positives == 0;
}

static bool no_negatives(const evaluation_class *k)
{
    return k->negatives == 0 && k->positives > 0;
}

static bool one_score(const evaluation_class *k)
{
    return k->constant && k->positives > 0 && k->negatives > 0;
}

static bool few_patients(const evaluation_class *k)
{
    size_t fewer = k->positive_patients < k->negative_patients ? k->positive_patients : k->negative_patients;
    return k->positives > 0 && k->negatives > 0 && fewer < FEW_PATIENTS;
}

static bool no_threshold(const evaluation_class *k)
{
    return k->origin == THRESHOLD_NONE;
}

static bool half(const evaluation_class *k)
{
    return k->origin == THRESHOLD_HALF;
}

/* One note for all classes of a kind; `one` and `many` follow the names. */
static pclr_status note_kind(pclr_evaluation *e, bool (*is)(const evaluation_class *), const char *one, const char *many, pclr_error *error)
{
    text list = {0};
    size_t count = list_classes(e, is, &list);
    pclr_status status = text_ok(&list, error);
    if (status == PCLR_OK && count > 0)
        status = eval_set_note(&e->set, error, "%s %s %s", count == 1 ? "class" : "classes", list.data, count == 1 ? one : many);
    text_free(&list);
    return status;
}

/* A threshold from validation or the model for some classes and 0.5 for others must not pass unseen. */
static pclr_status note_thresholds(pclr_evaluation *e, pclr_error *error)
{
    const char *part = e->split ? strrchr(e->split, ':') : NULL;
    size_t of_model = 0, chosen = 0;
    for (size_t c = 0; c < e->set.classes; c++) {
        of_model += e->class_result[c].origin == THRESHOLD_MODEL;
        chosen += e->class_result[c].origin == THRESHOLD_MODEL || e->class_result[c].origin == THRESHOLD_VALIDATION;
    }
    TRY(note_kind(e, no_threshold, "has no threshold; measures that need one are left out (give --thresholds or --validation)",
                  "have no threshold; measures that need one are left out (give --thresholds or --validation)", error));
    if (chosen > 0)
        TRY(note_kind(e, half, "has no threshold from validation and is called from 0.5 on",
                      "have no threshold from validation and are called from 0.5 on", error));
    if (of_model > 0 && strcmp(part ? part + 1 : e->split ? e->split : "", "validation") == 0)
        return eval_set_note(&e->set, error,
                             "thresholds and temperature were chosen on validation records and %s is a validation part: if it is "
                             "the same, what depends on them is optimistic",
                             e->split);
    if (e->model && e->split == NULL)
        return eval_set_note(&e->set, error, "no split was chosen: records that the model was trained on may be among those evaluated");
    return PCLR_OK;
}

pclr_status evaluation_note_classes(pclr_evaluation *e, pclr_error *error)
{
    eval_set *set = &e->set;
    TRY(note_kind(e, no_positives, "is undefined: no positives; it is in no macro or weighted average",
                  "are undefined: no positives; they are in no macro or weighted average", error));
    TRY(note_kind(e, no_negatives, "is undefined: no negatives; it is in no macro or weighted average",
                  "are undefined: no negatives; they are in no macro or weighted average", error));
    TRY(note_kind(e, one_score, "has the same score in every record; its AUROC is 0.5 by ties",
                  "have the same score in every record; their AUROC is 0.5 by ties", error));
    TRY(note_kind(
        e, few_patients,
        "rests on fewer than 30 positive or negative patients: its bootstrap intervals are too narrow (that of AUROC is no bootstrap's)",
        "rest on fewer than 30 positive or negative patients: their bootstrap intervals are too narrow (those of AUROC are no "
        "bootstrap's), and averages of "
        "AUPRC over them come out too high",
        error));
    TRY(note_thresholds(e, error));
    if (!e->scores.probabilities)
        TRY(eval_set_note(set, error, "scores lie outside [0, 1]: Brier score, calibration and Fmax do not exist for them"));
    if (e->incomplete > 0)
        TRY(eval_set_note(set, error, "%zu resamples lack a class although patients were exchanged", e->incomplete));
    else if (e->exchanged > 0)
        TRY(eval_set_note(set, error, "in %zu of %zu resamples patients were exchanged to keep rare classes defined", e->exchanged,
                          e->bootstraps));
    return PCLR_OK;
}
