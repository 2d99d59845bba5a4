/* SPDX-License-Identifier: Apache-2.0 */
/* An evaluation as a table for people, and as CSV. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/write.h"

void write_interval(text *out, pclr_estimate e, int width)
{
    char field[64];
    if (!e.defined)
        snprintf(field, sizeof field, "undefined");
    else if (isnan(e.low))
        snprintf(field, sizeof field, "%.4f", e.value);
    else
        snprintf(field, sizeof field, "%.4f [%.4f, %.4f]", e.value, e.low, e.high);
    text_add(out, "%-*s", width, field);
}

static void heading(text *out, const pclr_evaluation *e)
{
    text_add(out, "%s against %s", e->name, e->labels);
    if (e->model && strcmp(e->model, e->name) != 0) text_add(out, ", model %s", e->model);
    if (e->task) text_add(out, ", task %s", e->task);
    if (e->split) text_add(out, ", split %s", e->split);
    text_add(out, "\n%zu %s of %zu patients, ", e->set.records, e->segments ? "segments" : "records", e->set.patients);
    if (e->defined < e->set.classes)
        text_add(out, "%zu of %zu classes defined\n", e->defined, e->set.classes);
    else
        text_add(out, e->set.classes == 1 ? "one class\n" : "%zu classes\n", e->set.classes);
    text_add(out,
             "95 %% intervals over patients: AUROC of a class from DeLong's variance, shares of a class Wilson's; others %s bootstrap, %zu "
             "resamples, seed %llu%s\n",
             e->interval == INTERVAL_BCA ? "BCa" : "percentile", e->bootstraps, (unsigned long long)e->seed,
             e->stratified ? ", stratified" : "");
    if (e->validation_records)
        text_add(out, "thresholds (best F1) and temperature from %zu validation records; temperature %.3f\n", e->validation_records,
                 e->temperature);
    if (!isnan(e->model_temperature)) text_add(out, "the scores carry the model's temperature, %.3f\n", e->model_temperature);
}

static void overall_table(text *out, const pclr_evaluation *e)
{
    size_t count;
    const measure *table = measures_overall(&count);
    text_add(out, "\n");
    for (size_t m = 0; m < count; m++) {
        const char *title = measure_title(&table[m], e->set.classes);
        if (!e->overall[m].defined || title == NULL) continue;
        text_add(out, "%-22s", title);
        write_interval(out, e->overall[m], 0);
        text_add(out, "\n");
    }
}

/* What is asked of a binary task besides: the two-by-two table, and what depends on a chosen specificity or prevalence. */
static void binary_table(text *out, const pclr_evaluation *e)
{
    const evaluation_class *k = &e->class_result[0];
    pclr_estimate sensitivity = evaluation_of_class(e, "sensitivity_at", 0), ppv = evaluation_of_class(e, "ppv_at", 0);
    char title[64];
    if (sensitivity.defined) {
        snprintf(title, sizeof title, "sens. at spec. %g", e->specificity);
        text_add(out, "%-22s", title);
        write_interval(out, sensitivity, 0);
        text_add(out, "\n");
    }
    if (ppv.defined) {
        snprintf(title, sizeof title, "PPV at prev. %g", e->prevalence);
        text_add(out, "%-22s", title);
        write_interval(out, ppv, 0);
        text_add(out, "\n");
    }
    if (isnan(k->threshold)) return;
    text_add(out, "\n%-22s%10s%12s\n", "", "called", "not called");
    text_add(out, "%-22s%10.0f%12.0f\n", "present", k->true_positives, (double)k->positives - k->true_positives);
    text_add(out, "%-22s%10.0f%12.0f\n", "absent", k->false_positives, (double)k->negatives - k->false_positives);
}

static int widest_name(const pclr_evaluation *e)
{
    size_t widest = 5;
    for (size_t c = 0; c < e->set.classes; c++) {
        size_t length = strlen(e->set.class_name[c]);
        if (length > widest) widest = length;
    }
    return widest > 40 ? 40 : (int)widest;
}

static void class_areas(text *out, const pclr_evaluation *e, int width)
{
    text_add(out, "\n%-*s %7s %7s  %-26s%-26s%s\n", width, "class", "pos", "neg", "AUROC", "AUPRC", "prevalence");
    for (size_t c = 0; c < e->set.classes; c++) {
        const evaluation_class *k = &e->class_result[c];
        text_add(out, "%-*.*s %7zu %7zu  ", width, width, e->set.class_name[c], k->positives, k->negatives);
        write_interval(out, evaluation_of_class(e, "auroc", c), 26);
        write_interval(out, evaluation_of_class(e, "auprc", c), 26);
        text_add(out, "%.4f\n", (double)k->positives / (double)(k->positives + k->negatives));
    }
}

static void plain(text *out, pclr_estimate e, int width)
{
    if (e.defined)
        text_add(out, "%*.4f", width, e.value);
    else
        text_add(out, "%*s", width, "-");
}

static void number(text *out, double value, int width)
{
    plain(out, (pclr_estimate){.value = value, .defined = isfinite(value)}, width);
}

static void class_calls(text *out, const pclr_evaluation *e, int width)
{
    text_add(out, "\n%-*s %10s %-12s%7s%7s%7s%7s%9s%9s%9s%9s%9s%9s%9s\n", width, "class", "threshold", " from", "TP", "FP", "FN", "TN",
             "sens.", "spec.", "prec.", "F1", "sens.at", "Brier", "ECE");
    for (size_t c = 0; c < e->set.classes; c++) {
        const evaluation_class *k = &e->class_result[c];
        text_add(out, "%-*.*s ", width, width, e->set.class_name[c]);
        if (isnan(k->threshold))
            text_add(out, "%10s %-12s%7s%7s%7s%7s", "-", " none", "-", "-", "-", "-");
        else
            text_add(out, "%10.4f  %-11s%7.0f%7.0f%7.0f%7.0f", k->threshold, write_origin(k->origin), k->true_positives, k->false_positives,
                     (double)k->positives - k->true_positives, (double)k->negatives - k->false_positives);
        plain(out, evaluation_of_class(e, "sensitivity", c), 9);
        plain(out, evaluation_of_class(e, "specificity", c), 9);
        plain(out, evaluation_of_class(e, "precision", c), 9);
        plain(out, evaluation_of_class(e, "f1", c), 9);
        plain(out, evaluation_of_class(e, "sensitivity_at", c), 9);
        plain(out, evaluation_of_class(e, "brier", c), 9);
        number(out, k->calibration_error, 9);
        if (e->set.classes > 1 && evaluation_of_class(e, "ppv_at", c).defined) {
            text_add(out, "  PPV at prevalence %g: ", e->prevalence);
            write_interval(out, evaluation_of_class(e, "ppv_at", c), 0);
        }
        text_add(out, "\n");
    }
    text_add(out, "sens.at: sensitivity at specificity %g\n", e->specificity);
}

static void group_table(text *out, const pclr_evaluation *e)
{
    if (e->groups == 0) return;
    text_add(out, "\n%-16s%-20s%9s%9s%9s  %s\n", "group", "", "records", "patients", "classes", "macro AUROC");
    for (size_t g = 0; g < e->groups; g++) {
        const evaluation_group *x = &e->group[g];
        text_add(out, "%-16s%-20s%9zu%9zu%9zu  ", x->kind, x->name, x->records, x->patients, x->defined);
        write_interval(out, x->macro_auroc, 0);
        text_add(out, "\n");
    }
}

pclr_status write_hand_over(text *from, char **to, pclr_error *error)
{
    pclr_status status = text_ok(from, error);
    if (status == PCLR_OK) status = mem_strdup(to, from->data, error);
    text_free(from);
    return status;
}

pclr_status evaluation_write_text(pclr_evaluation *e, pclr_error *error)
{
    text out = {0};
    int width = widest_name(e);
    heading(&out, e);
    overall_table(&out, e);
    if (e->set.classes == 1) binary_table(&out, e);
    class_areas(&out, e, width);
    class_calls(&out, e, width);
    group_table(&out, e);
    if (e->set.notes) text_add(&out, "\n");
    for (size_t k = 0; k < e->set.notes; k++) text_add(&out, "note: %s\n", e->set.note[k]);
    return write_hand_over(&out, &e->text, error);
}

/* ---- CSV ---- */

typedef struct csv_writer {
    text *out;
    const char *model; /* first column; NULL: no such column, and none for p */
} csv_writer;

static void csv_row(const csv_writer *w, const char *scope, const char *name, const char *measure_name, pclr_estimate e, size_t positives,
                    size_t negatives)
{
    const double value[] = {e.value, e.low, e.high};
    if (w->model) {
        text_add_csv(w->out, w->model);
        text_add(w->out, ",");
    }
    text_add(w->out, "%s,", scope);
    text_add_csv(w->out, name);
    text_add(w->out, ",");
    text_add_csv(w->out, measure_name);
    for (size_t k = 0; k < 3; k++) {
        text_add(w->out, ",");
        text_add_double(w->out, value[k]);
    }
    text_add(w->out, ",%zu,%zu%s\n", positives, negatives, w->model ? "," : "");
}

static void class_csv(const csv_writer *w, const pclr_evaluation *e, size_t c)
{
    const evaluation_class *k = &e->class_result[c];
    const struct {
        const char *name;
        double value;
    } single[] = {{"threshold", k->threshold},
                  {"calibration_error", k->calibration_error},
                  {"calibration_error_scaled", k->calibration_error_scaled},
                  {"calibration_error_unscaled", k->calibration_error_unscaled}};
    const char *name = e->set.class_name[c];
    size_t count;
    const measure *table = measures_of_class(&count);
    for (size_t m = 0; m < count; m++)
        csv_row(w, "class", name, table[m].name, e->of_class[m * e->set.classes + c], k->positives, k->negatives);
    csv_row(w, "class", name, "auroc_bootstrap", k->auroc_bootstrap, k->positives, k->negatives);
    for (size_t m = 0; m < sizeof single / sizeof *single; m++)
        csv_row(w, "class", name, single[m].name, (pclr_estimate){single[m].value, NAN, NAN, true}, k->positives, k->negatives);
}

static void group_csv(const csv_writer *w, const pclr_evaluation *e, const evaluation_group *g)
{
    size_t negatives = 0;
    for (size_t c = 0; c < e->set.classes; c++) negatives += g->by_class[c].negatives;
    csv_row(w, g->kind, g->name, "macro_auroc", g->macro_auroc, g->positives, negatives);
    for (size_t c = 0; c < e->set.classes; c++) {
        text name = {0};
        text_add(&name, "auroc of %s", e->set.class_name[c]);
        if (!name.failed) csv_row(w, g->kind, g->name, name.data, g->by_class[c].auroc, g->by_class[c].positives, g->by_class[c].negatives);
        w->out->failed |= name.failed;
        text_free(&name);
    }
}

void write_csv_rows(text *out, const pclr_evaluation *e, const char *model)
{
    csv_writer w = {out, model};
    size_t count, positives = 0, negatives = 0;
    const measure *table = measures_overall(&count);
    for (size_t c = 0; c < e->set.classes; c++) {
        positives += e->class_result[c].positives;
        negatives += e->class_result[c].negatives;
    }
    for (size_t m = 0; m < count; m++) csv_row(&w, "overall", "", table[m].name, e->overall[m], positives, negatives);
    for (size_t c = 0; c < e->set.classes; c++) class_csv(&w, e, c);
    for (size_t g = 0; g < e->groups; g++) group_csv(&w, e, &e->group[g]);
}

pclr_status evaluation_write_csv(pclr_evaluation *e, pclr_error *error)
{
    text out = {0};
    text_add(&out, "scope,name,measure,value,low,high,positives,negatives\n");
    write_csv_rows(&out, e, NULL);
    return write_hand_over(&out, &e->csv, error);
}
