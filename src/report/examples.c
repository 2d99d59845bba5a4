/* SPDX-License-Identifier: Apache-2.0 */
/* The worst errors of each system as ECGs with marks and measurements. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"

typedef struct mistake {
    size_t record, class_index;
    double margin; /* distance from the threshold, larger is worse */
    bool positive; /* label: a miss; else a false alarm */
} mistake;

static int worse(const void *a, const void *b)
{
    const mistake *x = a, *y = b;
    if (x->margin != y->margin) return x->margin > y->margin ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

/* All wrong calls, the worst first. The distance is told in logits where scores are probabilities, so that 0.99 beats 0.9. */
static pclr_status find_mistakes(const pclr_evaluation *e, mistake **list, size_t *count, pclr_error *error)
{
    const eval_set *set = &e->set;
    *count = 0;
    TRY(mem_alloc(list, set->records * set->classes, sizeof **list, error));
    for (size_t r = 0; r < set->records; r++) {
        for (size_t c = 0; c < set->classes; c++) {
            uint8_t label = set->label[r * set->classes + c];
            double score = set->score[r * set->classes + c], threshold = e->class_result[c].threshold;
            if (label > 1 || isnan(threshold) || (score >= threshold) == (label == 1)) continue;
            double margin = fabs(score - threshold);
            if (e->scores.probabilities)
                margin = fabs(log((score + 1e-9) / (1 - score + 1e-9)) - log((threshold + 1e-9) / (1 - threshold + 1e-9)));
            (*list)[(*count)++] = (mistake){r, c, margin, label == 1};
        }
    }
    qsort(*list, *count, sizeof **list, worse);
    return PCLR_OK;
}

/* " QTc" of "qtc_median", " P amplitude" of "p_amplitude_median". */
static void add_feature_name(text *out, const char *name)
{
    static const char *const waves[][2] = {{"rr", "RR"}, {"pr", "PR"}, {"qrs", "QRS"}, {"qtc", "QTc"}, {"p", "P"}, {"t", "T"}, {"r", "R"}};
    for (const char *word = name; *word;) {
        size_t length = strcspn(word, "_");
        const char *known = NULL;
        for (size_t k = 0; k < sizeof waves / sizeof *waves; k++) {
            if (strlen(waves[k][0]) == length && memcmp(word, waves[k][0], length) == 0) known = waves[k][1];
        }
        if (length != 6 || memcmp(word, "median", 6) != 0) {
            text_add(out, " ");
            html_escape_part(out, known ? known : word, known ? strlen(known) : length);
        }
        word += length + (word[length] == '_');
    }
}

/* Medians over the beats, by the plain definitions of the feature table. */
static void add_measurements(text *out, const pclr_record *record, const pclr_fiducials *marks)
{
    const pclr_feature_layout *layout = pclr_feature_layout_find(NULL);
    float value[512];
    uint8_t valid[512];
    size_t shown = 0;
    if (layout == NULL || layout->count > 512 ||
        pclr_features_compute(layout, record, marks, 0, (double)record->samples, value, valid, NULL, NULL) != PCLR_OK)
        return;
    text_add(out, "<p class=dim>%zu beats, signal quality %.2f; medians:", marks->beats, (double)marks->quality);
    for (size_t k = 0; k < layout->count; k++) {
        const char *name = pclr_feature_name(layout, k);
        if (!valid[k] || strstr(name, "median") == NULL) continue;
        text_add(out, "%s", shown++ ? ";" : "");
        add_feature_name(out, name);
        text_add(out, " %.3g ", (double)value[k]);
        html_escape(out, pclr_feature_unit(layout, k));
    }
    text_add(out, "</p>\n");
}

/* What another system of a comparison (the same records in the same order) says of the record. */
static void add_other(report_page *p, size_t k, const mistake *m)
{
    const pclr_evaluation *e = p->evaluation[k];
    double score = e->set.score[m->record * e->set.classes + m->class_index], threshold = e->class_result[m->class_index].threshold;
    text_add(&p->out, " ");
    html_escape(&p->out, page_name(p, k));
    text_add(&p->out, ": score %.4g", score);
    if (!isnan(threshold))
        text_add(&p->out, ", threshold %.4g, %s", threshold, (score >= threshold) == m->positive ? "right" : "wrong too");
    text_add(&p->out, ".");
}

static void add_scores(report_page *p, size_t k, const mistake *m)
{
    const pclr_evaluation *e = p->evaluation[k];
    const eval_set *set = &e->set;
    text *out = &p->out;
    text_add(out, "<h4>%s ", m->positive ? "Missed" : "False alarm of");
    html_escape(out, set->class_name[m->class_index]);
    text_add(out, ": record ");
    html_escape(out, set->id[m->record]);
    text_add(out, "</h4>\n<p class=dim>Score %.4g, threshold %.4g. Labels:", set->score[m->record * set->classes + m->class_index],
             e->class_result[m->class_index].threshold);
    bool any = false;
    for (size_t c = 0; c < set->classes; c++) {
        if (set->label[m->record * set->classes + c] != 1) continue;
        text_add(out, any ? ", " : " ");
        html_escape(out, set->class_name[c]);
        any = true;
    }
    text_add(out, "%s.", any ? "" : " none");
    for (size_t other = 0; other < p->count && p->options->comparison; other++) {
        if (other != k) add_other(p, other, m);
    }
    text_add(out, "</p>\n");
}

/* Rows of the dataset that are drawn already: a record is drawn once, however many systems err on it. */
typedef struct gallery {
    pclr_dataset *dataset;
    int64_t *row;
    size_t count;
} gallery;

static bool is_drawn(const gallery *g, size_t from, int64_t row)
{
    for (size_t k = from; k < g->count; k++) {
        if (g->row[k] == row) return true;
    }
    return false;
}

static pclr_status draw(report_page *p, const gallery *g, int64_t row, pclr_error *error)
{
    pclr_record *record = NULL;
    pclr_fiducials *marks = NULL;
    pclr_plot_options options = {.marks = true};
    pclr_status status = PCLR_OK;

    TRY_GOTO(pclr_dataset_record(g->dataset, (size_t)row, &record, error));
    TRY_GOTO(pclr_fiducials_compute(&marks, record, NULL, error));
    add_measurements(&p->out, record, marks);
    if (record->leads >= PCLR_LEAD_STANDARD) options.layout = "paper";
    TRY_GOTO(page_plot(&p->out, record, marks, &options, error));
done:
    pclr_fiducials_destroy(&marks);
    pclr_record_destroy(&record);
    return status;
}

static pclr_status add_example(report_page *p, gallery *g, size_t k, const mistake *m, int64_t row, pclr_error *error)
{
    bool before = is_drawn(g, 0, row);
    text_add(&p->out, "<div class=example>");
    add_scores(p, k, m);
    if (before)
        text_add(&p->out, "<p>The recording is drawn above.</p>\n");
    else
        TRY(draw(p, g, row, error));
    text_add(&p->out, "</div>\n");
    TRY(mem_grow(&g->row, g->count, g->count + 1, sizeof *g->row, error));
    g->row[g->count++] = row;
    return PCLR_OK;
}

/* Misses and false alarms in turn, the worst first, a record at most once. */
static pclr_status add_examples(report_page *p, gallery *g, size_t k, const mistake *list, size_t count, size_t wanted, pclr_error *error)
{
    size_t own = g->count;
    for (size_t turn = 0; turn < wanted; turn++) {
        for (size_t i = 0; i < count; i++) {
            int64_t row = pclr_dataset_find(g->dataset, p->evaluation[k]->set.id[list[i].record]);
            if (list[i].positive != (turn % 2 == 0) || row < 0 || is_drawn(g, own, row)) continue;
            TRY(add_example(p, g, k, &list[i], row, error));
            break;
        }
    }
    return PCLR_OK;
}

/* Folded for all systems but the first, so that a comparison stays readable; print opens them. */
static pclr_status add_system(report_page *p, gallery *g, size_t k, size_t wanted, pclr_error *error)
{
    mistake *list = NULL;
    size_t count = 0;
    pclr_status status = PCLR_OK;
    TRY_GOTO(find_mistakes(p->evaluation[k], &list, &count, error));
    if (p->count > 1) {
        text_add(&p->out, "<details%s><summary>", k == 0 ? " open" : "");
        page_system(p, k);
        text_add(&p->out, ": the worst of %zu wrong call%s</summary>\n", count, count == 1 ? "" : "s");
    } else {
        text_add(&p->out, "<p class=dim>%zu calls of %zu are wrong.</p>\n", count,
                 p->evaluation[k]->set.records * p->evaluation[k]->set.classes);
    }
    TRY_GOTO(add_examples(p, g, k, list, count, wanted, error));
    if (p->count > 1) text_add(&p->out, "</details>\n");
done:
    mem_free(list);
    return status;
}

pclr_status section_examples(report_page *p, pclr_error *error)
{
    enum { MOST = 100, DEFAULT = 4 };
    size_t wanted = p->options->examples ? p->options->examples : DEFAULT;
    gallery g = {0};
    pclr_status status = PCLR_OK;

    if (p->options->dataset == NULL) return PCLR_OK;
    TRY_GOTO(pclr_dataset_open(&g.dataset, p->options->dataset, error));
    text_add(&p->out, "<h2>Worst errors</h2>\n<p class=dim>The calls furthest on the wrong side of their threshold, misses and false "
                      "alarms in turn.</p>\n");
    for (size_t k = 0; k < p->count; k++) TRY_GOTO(add_system(p, &g, k, wanted < MOST ? wanted : MOST, error));
done:
    mem_free(g.row);
    pclr_dataset_destroy(&g.dataset);
    return status;
}
