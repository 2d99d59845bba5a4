/* SPDX-License-Identifier: Apache-2.0 */
/* An evaluation as JSON. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "eval/evaluation.h"
#include "eval/write.h"

json_t *write_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *write_estimate(pclr_estimate e)
{
    if (!e.defined) return json_null();
    return json_pack("{s:o, s:o, s:o}", "value", write_number(e.value), "low", write_number(e.low), "high", write_number(e.high));
}

const char *write_origin(threshold_origin origin)
{
    static const char *const names[] = {"none", "given", "validation", "default 0.5", "model"};
    return names[origin];
}

static json_t *confusion(const evaluation_class *k)
{
    double tp = k->true_positives, fp = k->false_positives;
    if (isnan(k->threshold)) return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "true_positives", (json_int_t)tp, "false_positives", (json_int_t)fp, "false_negatives",
                     (json_int_t)((double)k->positives - tp), "true_negatives", (json_int_t)((double)k->negatives - fp));
}

static json_t *bins(const evaluation_class *k)
{
    json_t *list = json_array();
    for (size_t b = 0; b < k->bins; b++) {
        const reliability_bin *x = &k->bin[b];
        json_array_append_new(list, json_pack("{s:f, s:f, s:I, s:I}", "predicted", x->predicted, "observed", x->observed, "records",
                                              (json_int_t)x->count, "positives", (json_int_t)x->positives));
    }
    return list;
}

static json_t *class_object(const pclr_evaluation *e, size_t c)
{
    const evaluation_class *k = &e->class_result[c];
    size_t count;
    const measure *table = measures_of_class(&count);
    json_t *measures = json_object();
    for (size_t m = 0; m < count; m++) json_object_set_new(measures, table[m].name, write_estimate(e->of_class[m * e->set.classes + c]));
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", e->set.class_name[c],
                     "positives", (json_int_t)k->positives, "negatives", (json_int_t)k->negatives, "positive_patients",
                     (json_int_t)k->positive_patients, "negative_patients", (json_int_t)k->negative_patients, "prevalence",
                     write_number((double)k->positives / (double)(k->positives + k->negatives)), "threshold", write_number(k->threshold),
                     "threshold_from", write_origin(k->origin), "measures", measures, "auroc_bootstrap", write_estimate(k->auroc_bootstrap),
                     "confusion", confusion(k), "calibration_error", write_number(k->calibration_error), "calibration_error_scaled",
                     write_number(k->calibration_error_scaled), "calibration_error_unscaled", write_number(k->calibration_error_unscaled),
                     "reliability", bins(k));
}

static json_t *group_classes(const pclr_evaluation *e, const evaluation_group *g)
{
    json_t *list = json_array();
    for (size_t c = 0; c < e->set.classes; c++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:o}", "name", e->set.class_name[c], "positives",
                                              (json_int_t)g->by_class[c].positives, "negatives", (json_int_t)g->by_class[c].negatives,
                                              "auroc", write_estimate(g->by_class[c].auroc)));
    return list;
}

static json_t *groups(const pclr_evaluation *e)
{
    json_t *list = json_array();
    for (size_t g = 0; g < e->groups; g++) {
        const evaluation_group *x = &e->group[g];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "kind", x->kind, "name", x->name, "records",
                                              (json_int_t)x->records, "patients", (json_int_t)x->patients, "positives",
                                              (json_int_t)x->positives, "classes_defined", (json_int_t)x->defined, "macro_auroc",
                                              write_estimate(x->macro_auroc), "classes", group_classes(e, x)));
    }
    return list;
}

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *intervals(const pclr_evaluation *e)
{
    return json_pack("{s:s, s:f, s:I, s:I, s:b, s:s, s:I, s:I}", "kind", e->interval == INTERVAL_BCA ? "bca" : "percentile", "coverage",
                     0.95, "resamples", (json_int_t)e->bootstraps, "seed", (json_int_t)e->seed, "stratified", (int)e->stratified, "unit",
                     "patient", "exchanged", (json_int_t)e->exchanged, "incomplete", (json_int_t)e->incomplete);
}

pclr_status write_dump(json_t *root, char **json, pclr_error *error)
{
    char *dumped = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    pclr_status status = dumped
                             ? mem_strdup(json, dumped, error)
                             : error_set(error, PCLR_E_MEMORY, "the result does not fit as JSON (no memory, or a name that is not UTF-8)");
    free(dumped);
    json_decref(root);
    return status;
}

pclr_status evaluation_write_json(pclr_evaluation *e, pclr_error *error)
{
    size_t count;
    const measure *table = measures_overall(&count);
    json_t *overall = json_object(), *classes = json_array(), *notes = json_array();
    for (size_t m = 0; m < count; m++) json_object_set_new(overall, table[m].name, write_estimate(e->overall[m]));
    for (size_t c = 0; c < e->set.classes; c++) json_array_append_new(classes, class_object(e, c));
    for (size_t k = 0; k < e->set.notes; k++) json_array_append_new(notes, json_string(e->set.note[k]));
    json_t *root =
        json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:I}", "format", "physioclr-evaluation", "version", 1,
                  "program", pclr_version(), "name", e->name, "predictions", text_or_null(e->predictions), "model", text_or_null(e->model),
                  "labels", e->labels, "task", text_or_null(e->task), "split", text_or_null(e->split), "unit",
                  e->segments ? "segment" : "record", "records", (json_int_t)e->set.records, "patients", (json_int_t)e->set.patients,
                  "classes_defined", (json_int_t)e->defined, "validation_records", (json_int_t)e->validation_records);
    json_t *rest = json_pack("{s:s, s:s, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "predictions_sha256", e->predictions_hash,
                             "labels_sha256", e->labels_hash, "interval", intervals(e), "specificity_for_sensitivity", e->specificity,
                             "prevalence_for_ppv", e->prevalence > 0 ? json_real(e->prevalence) : json_null(), "temperature",
                             write_number(e->temperature), "model_temperature", write_number(e->model_temperature), "overall", overall,
                             "classes", classes, "groups", groups(e), "notes", notes);
    if (root == NULL || rest == NULL || json_object_update(root, rest) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(rest);
    return write_dump(root, &e->json, error);
}
