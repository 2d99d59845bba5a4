/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_compare: several prediction files on the records and classes they share, paired by patient; the first against each other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "eval/delong.h"
#include "eval/names.h"
#include "eval/write.h"

typedef struct class_difference {
    delong_difference delong;
    bool defined;
    double holm;             /* p of DeLong's test, corrected over the classes (Holm 1979) */
} class_difference;

struct pclr_comparison {
    size_t models, classes;
    char **name;             /* [models] */
    eval_set *set;           /* [models], same records and classes in the same order */
    resample_options resampling;
    pclr_estimate *estimate;   /* [models][overall measures] */
    pclr_estimate *difference; /* [models][overall measures]: model minus the first */
    double *p;                 /* the same, from the resamples */
    pclr_estimate *class_auroc;       /* [models][classes] */
    class_difference *by_class;       /* [models][classes] */
    text notes;
    char *json, *text;
};

void pclr_comparison_destroy(pclr_comparison **comparison)
{
    pclr_comparison *c = *comparison;
    if (c == NULL) return;
    for (size_t m = 0; m < c->models; m++) {
        if (c->name) mem_free(c->name[m]);
        if (c->set) eval_set_free(&c->set[m]);
    }
    mem_free(c->name);
    mem_free(c->set);
    mem_free(c->estimate);
    mem_free(c->difference);
    mem_free(c->p);
    mem_free(c->class_auroc);
    mem_free(c->by_class);
    mem_free(c->json);
    mem_free(c->text);
    text_free(&c->notes);
    mem_release(comparison);
}

const char *pclr_comparison_json(const pclr_comparison *comparison)
{
    return comparison->json;
}

const char *pclr_comparison_text(const pclr_comparison *comparison)
{
    return comparison->text;
}

/* Classes that every set has, as a list for --classes. */
static pclr_status common_classes(const eval_set *set, size_t models, text *list, pclr_error *error)
{
    for (size_t c = 0; c < set[0].classes; c++) {
        size_t have = 0;
        for (size_t m = 0; m < models; m++) {
            for (size_t k = 0; k < set[m].classes; k++) have += strcmp(set[m].class_name[k], set[0].class_name[c]) == 0;
        }
        if (have == models) text_add(list, "%s%s", list->length ? "," : "", set[0].class_name[c]);
    }
    if (list->length == 0) return error_set(error, PCLR_E_DATA, "the prediction files share no class; give files of the same task");
    return text_ok(list, error);
}

static pclr_status read_all(pclr_comparison *c, const char *const *files, const char *labels, const pclr_evaluate_options *options,
                            const char *classes, pclr_error *error)
{
    for (size_t m = 0; m < c->models; m++) {
        eval_source source = {files[m], labels, options->task, options->split, classes, options->allow_missing,
                              options->segments ? EVAL_SEGMENTS : EVAL_RECORDS};
        eval_set_free(&c->set[m]);
        TRY(eval_set_read(&c->set[m], &source, error));
    }
    return PCLR_OK;
}

/* Keeps the records that all sets have; sets are in the order of the labels, so equal ids line up. */
static pclr_status keep_common(pclr_comparison *c, pclr_error *error)
{
    uint32_t *keep = NULL;
    names_index *index = NULL;
    pclr_status status = PCLR_OK;
    TRY_GOTO(mem_alloc(&index, c->models, sizeof *index, error));
    for (size_t m = 0; m < c->models; m++) TRY_GOTO(names_index_create(&index[m], (const char *const *)c->set[m].id, c->set[m].records, error));
    for (size_t m = 0; m < c->models; m++) {
        eval_set kept;
        size_t count = 0;
        TRY_GOTO(mem_alloc(&keep, c->set[m].records, sizeof *keep, error));
        for (size_t r = 0; r < c->set[m].records; r++) {
            size_t have = 0;
            for (size_t k = 0; k < c->models; k++) have += k == m || names_find(&index[k], c->set[m].id[r]) >= 0;
            if (have == c->models) keep[count++] = (uint32_t)r;
        }
        if (count < c->set[m].records)
            text_add(&c->notes, "%zu of %zu records of %s are not in every file and are not compared\n", c->set[m].records - count,
                     c->set[m].records, c->name[m]);
        if (count == 0) TRY_GOTO(error_set(error, PCLR_E_DATA, "%s: no record is in every prediction file", c->name[m]));
        TRY_GOTO(eval_set_select(&kept, &c->set[m], keep, count, error));
        mem_release(&keep);
        eval_set_free(&c->set[m]);
        c->set[m] = kept;
        names_index_free(&index[m]);
        TRY_GOTO(names_index_create(&index[m], (const char *const *)c->set[m].id, c->set[m].records, error));
    }
done:
    for (size_t m = 0; index && m < c->models; m++) names_index_free(&index[m]);
    mem_free(index);
    mem_free(keep);
    return status;
}

static pclr_status allocate(pclr_comparison *c, const char *const *files, const pclr_evaluate_options *options, pclr_error *error)
{
    TRY(mem_alloc(&c->name, c->models, sizeof *c->name, error));
    TRY(mem_alloc(&c->set, c->models, sizeof *c->set, error));
    for (size_t m = 0; m < c->models; m++) TRY(mem_strdup(&c->name[m], options->name ? options->name[m] : path_base(files[m]), error));
    return PCLR_OK;
}

static int by_p(const void *a, const void *b)
{
    double x = (*(class_difference *const *)a)->delong.p, y = (*(class_difference *const *)b)->delong.p;
    return (x > y) - (x < y);
}

/* p of rank k (from 0) times the number of tests not yet done, never below its predecessor. */
static pclr_status correct(class_difference *list, size_t classes, pclr_error *error)
{
    class_difference **order = NULL;
    size_t n = 0;
    double last = 0;
    TRY(mem_alloc(&order, classes, sizeof *order, error));
    for (size_t c = 0; c < classes; c++) {
        if (list[c].defined) order[n++] = &list[c];
    }
    qsort(order, n, sizeof *order, by_p);
    for (size_t k = 0; k < n; k++) last = order[k]->holm = fmin(1, fmax(last, order[k]->delong.p * (double)(n - k)));
    mem_free(order);
    return PCLR_OK;
}

static pclr_status class_tests(pclr_comparison *c, pclr_error *error)
{
    const eval_set *first = &c->set[0];
    size_t n = first->records;
    double *scores = NULL;
    const double **model = NULL;
    uint8_t *label = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&scores, c->models * n, sizeof *scores, error));
    TRY_GOTO(mem_alloc(&model, c->models, sizeof *model, error));
    TRY_GOTO(mem_alloc(&label, n, 1, error));
    for (size_t k = 0; k < c->classes; k++) {
        delong d;
        for (size_t r = 0; r < n; r++) label[r] = first->label[r * c->classes + k];
        for (size_t m = 0; m < c->models; m++) {
            model[m] = scores + m * n;
            for (size_t r = 0; r < n; r++) scores[m * n + r] = c->set[m].score[r * c->classes + k];
        }
        status = delong_create(&d, model, c->models, label, first->patient, first->patients, n, error);
        if (status == PCLR_E_DATA) status = PCLR_OK; /* too few patients for a test */
        else if (status != PCLR_OK) goto done;
        else {
            for (size_t m = 1; m < c->models; m++) c->by_class[m * c->classes + k] = (class_difference){delong_compare(&d, m, 0, 0.05), true, NAN};
            delong_free(&d);
        }
    }
    for (size_t m = 1; m < c->models; m++) TRY_GOTO(correct(c->by_class + m * c->classes, c->classes, error));
done:
    mem_free(scores);
    mem_free(model);
    mem_free(label);
    return status;
}

static pclr_status measure_all(pclr_comparison *c, const pclr_evaluate_options *options, pclr_error *error)
{
    eval_choices choices = {.specificity = options->sensitivity_at > 0 ? options->sensitivity_at : 0.9};
    scoring *scores = NULL;
    resample draws = {0};
    double *scratch = NULL;
    size_t of_class, overall;
    pclr_status status = PCLR_OK;

    measures_of_class(&of_class);
    measures_overall(&overall);
    c->classes = c->set[0].classes;
    TRY_GOTO(mem_alloc(&scores, c->models, sizeof *scores, error));
    TRY_GOTO(mem_alloc(&c->estimate, c->models * overall, sizeof *c->estimate, error));
    TRY_GOTO(mem_alloc(&c->difference, c->models * overall, sizeof *c->difference, error));
    TRY_GOTO(mem_alloc(&c->p, c->models * overall, sizeof *c->p, error));
    TRY_GOTO(mem_alloc(&c->class_auroc, c->models * c->classes, sizeof *c->class_auroc, error));
    TRY_GOTO(mem_alloc(&c->by_class, c->models * c->classes, sizeof *c->by_class, error));
    for (size_t m = 0; m < c->models; m++) TRY_GOTO(scoring_create(&scores[m], &c->set[m], &choices, error));
    TRY_GOTO(resample_create(&draws, scores, c->models, &c->resampling, error));
    TRY_GOTO(mem_alloc(&scratch, draws.count + draws.groups, sizeof *scratch, error));
    for (size_t m = 1; m < c->models; m++) {
        for (size_t k = 0; k < overall; k++)
            c->difference[m * overall + k] = resample_difference(&draws, m, 0, of_class * c->classes + k, scratch, &c->p[m * overall + k]);
    }
    for (size_t m = 0; m < c->models; m++) {
        for (size_t k = 0; k < overall; k++) c->estimate[m * overall + k] = resample_estimate(&draws, m, of_class * c->classes + k);
        for (size_t k = 0; k < c->classes; k++)
            c->class_auroc[m * c->classes + k] = resample_estimate(&draws, m, measure_of_class("auroc") * c->classes + k);
    }
    TRY_GOTO(class_tests(c, error));
done:
    for (size_t m = 0; scores && m < c->models; m++) {
        if (scores[m].set) scoring_free(&scores[m]);
    }
    mem_free(scores);
    mem_free(scratch);
    resample_free(&draws);
    return status;
}

static pclr_status write_text(pclr_comparison *c, pclr_error *error)
{
    text out = {0};
    size_t count;
    const measure *table = measures_overall(&count);
    text_add(&out, "%zu models on the same %zu records of %zu patients, %zu classes; differences are to %s\n", c->models, c->set[0].records,
             c->set[0].patients, c->classes, c->name[0]);
    text_add(&out, "95 %% intervals and p by paired bootstrap over patients, %zu resamples; by class DeLong's test, p corrected by Holm\n",
             c->resampling.count);
    for (size_t k = 0; k < count; k++) {
        if (!c->estimate[k].defined) continue;
        text_add(&out, "\n%s\n", table[k].title);
        for (size_t m = 0; m < c->models; m++) {
            text_add(&out, "  %-30s ", c->name[m]);
            write_interval(&out, c->estimate[m * count + k], 26);
            if (m > 0) {
                write_interval(&out, c->difference[m * count + k], 28);
                text_add(&out, " p %.4f", c->p[m * count + k]);
            }
            text_add(&out, "\n");
        }
    }
    for (size_t k = 0; k < c->classes; k++) {
        text_add(&out, "\nAUROC of %s\n", c->set[0].class_name[k]);
        for (size_t m = 0; m < c->models; m++) {
            const class_difference *d = &c->by_class[m * c->classes + k];
            text_add(&out, "  %-30s ", c->name[m]);
            write_interval(&out, c->class_auroc[m * c->classes + k], 26);
            if (m > 0 && d->defined)
                text_add(&out, "%+.4f [%+.4f, %+.4f]  z %.3f p %.4f (Holm %.4f)", d->delong.value, d->delong.low, d->delong.high, d->delong.z,
                         d->delong.p, d->holm);
            text_add(&out, "\n");
        }
    }
    if (c->notes.length) text_add(&out, "\n%s", c->notes.data);
    pclr_status status = text_ok(&out, error);
    if (status == PCLR_OK) status = mem_strdup(&c->text, out.data, error);
    text_free(&out);
    return status;
}

static json_t *class_list(const pclr_comparison *c, size_t m)
{
    json_t *list = json_array();
    for (size_t k = 0; k < c->classes; k++) {
        const class_difference *d = &c->by_class[m * c->classes + k];
        json_t *entry = json_pack("{s:s, s:o}", "name", c->set[0].class_name[k], "auroc", write_estimate(c->class_auroc[m * c->classes + k]));
        if (m > 0 && d->defined)
            json_object_set_new(entry, "delong",
                                json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "difference", d->delong.value, "low", d->delong.low, "high",
                                          d->delong.high, "standard_error", d->delong.error, "z", d->delong.z, "p", d->delong.p, "p_holm", d->holm));
        json_array_append_new(list, entry);
    }
    return list;
}

static pclr_status write_json(pclr_comparison *c, pclr_error *error)
{
    size_t count;
    const measure *table = measures_overall(&count);
    json_t *models = json_array();
    for (size_t m = 0; m < c->models; m++) {
        json_t *overall = json_object(), *differences = json_object();
        for (size_t k = 0; k < count; k++) {
            json_object_set_new(overall, table[k].name, write_estimate(c->estimate[m * count + k]));
            if (m == 0 || !c->difference[m * count + k].defined) continue;
            json_t *d = write_estimate(c->difference[m * count + k]);
            json_object_set_new(d, "p", write_number(c->p[m * count + k]));
            json_object_set_new(differences, table[k].name, d);
        }
        json_array_append_new(models, json_pack("{s:s, s:o, s:o, s:o}", "name", c->name[m], "overall", overall, "difference_to_first", differences,
                                                "classes", class_list(c, m)));
    }
    json_t *root = json_pack("{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:s, s:o}", "format", "physioclr-comparison", "version", 1, "program", pclr_version(),
                             "records", (json_int_t)c->set[0].records, "patients", (json_int_t)c->set[0].patients, "resamples",
                             (json_int_t)c->resampling.count, "seed", (json_int_t)c->resampling.seed, "notes",
                             c->notes.length ? c->notes.data : "", "models", models);
    return write_dump(root, &c->json, error);
}

static pclr_status compare(pclr_comparison *c, const char *const *files, const char *labels, const pclr_evaluate_options *options,
                           const pclr_callbacks *callbacks, pclr_error *error)
{
    text classes = {0};
    pclr_status status = PCLR_OK;
    TRY_GOTO(evaluation_choices(options, &c->resampling, callbacks, error));
    TRY_GOTO(allocate(c, files, options, error));
    TRY_GOTO(read_all(c, files, labels, options, options->classes, error));
    TRY_GOTO(common_classes(c->set, c->models, &classes, error));
    TRY_GOTO(read_all(c, files, labels, options, classes.data, error));
    TRY_GOTO(keep_common(c, error));
    TRY_GOTO(measure_all(c, options, error));
    TRY_GOTO(write_text(c, error));
    TRY_GOTO(write_json(c, error));
done:
    text_free(&classes);
    return status;
}

pclr_status pclr_compare(pclr_comparison **comparison, const char *const *predictions_csv, size_t count, const char *labels_path,
                         const pclr_evaluate_options *options, const pclr_callbacks *callbacks, pclr_error *error)
{
    static const pclr_evaluate_options defaults = {0};
    pclr_comparison *c = NULL;
    *comparison = NULL;
    if (count < 2) return error_set(error, PCLR_E_ARGUMENT, "%zu prediction file to compare; at least two are needed", count);
    TRY(mem_alloc(&c, 1, sizeof *c, error));
    c->models = count;
    pclr_status status = compare(c, predictions_csv, labels_path, options ? options : &defaults, callbacks, error);
    if (status != PCLR_OK) pclr_comparison_destroy(&c);
    *comparison = c;
    return status;
}
