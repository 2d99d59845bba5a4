/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison as a table for people, as JSON and as CSV. */
#include <math.h>
#include <string.h>

#include "eval/comparison.h"
#include "eval/write.h"

static double smallest_p(const pclr_comparison *c)
{
    return 2 / ((double)c->resampling.count + 1);
}

static void heading(text *out, const pclr_comparison *c)
{
    const pclr_evaluation *first = c->evaluation[0];
    text_add(out, "%zu models on the same %zu %s of %zu patients, ", c->models, first->set.records,
             first->segments ? "segments" : "records", first->set.patients);
    if (first->defined < c->classes)
        text_add(out, "%zu of %zu classes defined", first->defined, c->classes);
    else
        text_add(out, c->classes == 1 ? "one class" : "%zu classes", c->classes);
    text_add(out, "; differences are to %s\n", first->name);
    text_add(
        out,
        "95 %% intervals (%s) and p by paired bootstrap over patients, %zu resamples, p not below %.2g; p of different measures are not\n"
        "corrected for each other. AUROC of a class: interval and p from DeLong's variance widened for few patients, p corrected by Holm "
        "over\n"
        "the classes; the published test, which is too sure with few patients, beside it\n",
        first->interval == INTERVAL_BCA ? "BCa" : "percentile", c->resampling.count, smallest_p(c));
}

static int widest_name(const pclr_comparison *c)
{
    size_t widest = 8;
    for (size_t m = 0; m < c->models; m++) {
        size_t length = strlen(c->evaluation[m]->name);
        if (length > widest) widest = length;
    }
    return widest > 40 ? 40 : (int)widest;
}

/* An estimate with signs, padded. */
static void signed_interval(text *out, double value, double low, double high)
{
    if (isnan(low))
        text_add(out, "%+.4f%20s", value, "");
    else
        text_add(out, "%+.4f [%+.4f, %+.4f]", value, low, high);
}

static void overall_tables(text *out, const pclr_comparison *c, int width)
{
    size_t count;
    const measure *table = measures_overall(&count);
    for (size_t k = 0; k < count; k++) {
        bool any = false;
        for (size_t m = 0; m < c->models; m++) any |= c->evaluation[m]->overall[k].defined;
        const char *title = measure_title(&table[k], c->classes);
        if (!any || title == NULL) continue;
        text_add(out, "\n%s\n", title);
        for (size_t m = 0; m < c->models; m++) {
            const pclr_estimate *d = &c->difference[m * count + k];
            text_add(out, "  %-*.*s  ", width, width, c->evaluation[m]->name);
            write_interval(out, c->evaluation[m]->overall[k], 26);
            if (m > 0 && d->defined) {
                signed_interval(out, d->value, d->low, d->high);
                text_add(out, "  p %.4f", c->p[m * count + k]);
            }
            text_add(out, "\n");
        }
    }
}

static void class_tables(text *out, const pclr_comparison *c, int width)
{
    for (size_t k = 0; k < c->classes; k++) {
        const evaluation_class *x = &c->evaluation[0]->class_result[k];
        text_add(out, "\nAUROC of %s (%zu positives, %zu negatives)\n", c->evaluation[0]->set.class_name[k], x->positives, x->negatives);
        for (size_t m = 0; m < c->models; m++) {
            const class_difference *d = &c->by_class[m * c->classes + k];
            text_add(out, "  %-*.*s  ", width, width, c->evaluation[m]->name);
            write_interval(out, evaluation_of_class(c->evaluation[m], "auroc", k), 26);
            if (m > 0 && d->defined) {
                signed_interval(out, d->delong.value, d->delong.low, d->delong.high);
                text_add(out, "  p %.2g (Holm %.2g; DeLong's test %.2g)", d->delong.p, d->holm, d->delong.p_wald);
            }
            text_add(out, "\n");
        }
    }
}

/* Notes of the evaluations, equal ones once. */
static void notes(text *out, const pclr_comparison *c)
{
    text_add(out, "\n%s", c->notes.length ? c->notes.data : "");
    for (size_t m = 0; m < c->models; m++) {
        const eval_set *set = &c->evaluation[m]->set;
        for (size_t n = 0; n < set->notes; n++) {
            size_t have = 0;
            bool before = false;
            for (size_t i = 0; i < c->models; i++) {
                bool same = eval_set_has_note(&c->evaluation[i]->set, set->note[n]);
                have += same;
                before |= same && i < m;
            }
            if (before) continue;
            if (have == c->models)
                text_add(out, "note: %s\n", set->note[n]);
            else
                text_add(out, "note on %s: %s\n", c->evaluation[m]->name, set->note[n]);
        }
    }
}

pclr_status comparison_write_text(pclr_comparison *c, pclr_error *error)
{
    text out = {0};
    int width = widest_name(c);
    heading(&out, c);
    overall_tables(&out, c, width);
    class_tables(&out, c, width);
    notes(&out, c);
    return write_hand_over(&out, &c->text, error);
}

/* ---- JSON ---- */

static json_t *difference_object(const class_difference *d)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "difference", d->delong.value, "low", d->delong.low, "high",
                     d->delong.high, "standard_error", d->delong.error, "z", d->delong.z, "p_wald", d->delong.p_wald, "p", d->delong.p,
                     "p_holm", d->holm);
}

static json_t *class_list(const pclr_comparison *c, size_t m)
{
    json_t *list = json_array();
    for (size_t k = 0; k < c->classes; k++) {
        const class_difference *d = &c->by_class[m * c->classes + k];
        json_t *entry = json_pack("{s:s, s:o}", "name", c->evaluation[0]->set.class_name[k], "auroc",
                                  write_estimate(evaluation_of_class(c->evaluation[m], "auroc", k)));
        if (m > 0 && d->defined) json_object_set_new(entry, "delong", difference_object(d));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *model_object(const pclr_comparison *c, size_t m)
{
    size_t count;
    const measure *table = measures_overall(&count);
    json_t *overall = json_object(), *differences = json_object();
    for (size_t k = 0; k < count; k++) {
        json_object_set_new(overall, table[k].name, write_estimate(c->evaluation[m]->overall[k]));
        if (m == 0 || !c->difference[m * count + k].defined) continue;
        json_t *d = write_estimate(c->difference[m * count + k]);
        json_object_set_new(d, "p", write_number(c->p[m * count + k]));
        json_object_set_new(differences, table[k].name, d);
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", c->evaluation[m]->name, "overall", overall, "difference_to_first", differences,
                     "classes", class_list(c, m), "evaluation", json_loads(c->evaluation[m]->json, 0, NULL));
}

pclr_status comparison_write_json(pclr_comparison *c, pclr_error *error)
{
    const pclr_evaluation *first = c->evaluation[0];
    json_t *models = json_array();
    for (size_t m = 0; m < c->models; m++) json_array_append_new(models, model_object(c, m));
    json_t *root = json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:s, s:f, s:s, s:o}", "format", "physioclr-comparison", "version", 1,
                             "program", pclr_version(), "records", (json_int_t)first->set.records, "patients",
                             (json_int_t)first->set.patients, "resamples", (json_int_t)c->resampling.count, "seed",
                             (json_int_t)c->resampling.seed, "interval", first->interval == INTERVAL_BCA ? "bca" : "percentile",
                             "smallest_p", smallest_p(c), "notes", c->notes.length ? c->notes.data : "", "models", models);
    return write_dump(root, &c->json, error);
}

/* ---- CSV ---- */

static void difference_row(text *out, const char *model, const char *scope, const char *name, const char *measure_name,
                           const double value[4], const evaluation_class *counts)
{
    text_add_csv(out, model);
    text_add(out, ",%s,", scope);
    text_add_csv(out, name);
    text_add(out, ",%s", measure_name);
    for (size_t k = 0; k < 3; k++) {
        text_add(out, ",");
        text_add_double(out, value[k]);
    }
    if (counts)
        text_add(out, ",%zu,%zu,", counts->positives, counts->negatives);
    else
        text_add(out, ",,,");
    text_add_double(out, value[3]);
    text_add(out, "\n");
}

pclr_status comparison_write_csv(pclr_comparison *c, pclr_error *error)
{
    text out = {0};
    size_t count;
    const measure *table = measures_overall(&count);
    text_add(&out, "model,scope,name,measure,value,low,high,positives,negatives,p\n");
    for (size_t m = 0; m < c->models; m++) write_csv_rows(&out, c->evaluation[m], c->evaluation[m]->name);
    for (size_t m = 1; m < c->models; m++) {
        const char *name = c->evaluation[m]->name;
        for (size_t k = 0; k < count; k++) {
            pclr_estimate d = c->difference[m * count + k];
            if (d.defined)
                difference_row(&out, name, "difference", "", table[k].name, (double[]){d.value, d.low, d.high, c->p[m * count + k]}, NULL);
        }
        for (size_t k = 0; k < c->classes; k++) {
            const class_difference *d = &c->by_class[m * c->classes + k];
            if (!d->defined) continue;
            difference_row(&out, name, "class difference", c->evaluation[0]->set.class_name[k], "auroc_delong",
                           (double[]){d->delong.value, d->delong.low, d->delong.high, d->delong.p}, &c->evaluation[0]->class_result[k]);
        }
    }
    return write_hand_over(&out, &c->csv, error);
}
