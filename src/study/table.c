/* SPDX-License-Identifier: Apache-2.0 */
#include "study/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

/* One line of the table: everything of a cell but the seed. */
typedef struct group {
    const char *task, *arm, *encoder, *method, *input;
    double fraction;
    double sum, squares, low, high, seconds;
    size_t seeds;
} group;

static const char *word(const json_t *cell, const char *key)
{
    const char *value = json_string_value(json_object_get(cell, key));
    return value ? value : "";
}

static int compare_groups(const void *a, const void *b)
{
    const group *x = a, *y = b;
    const char *const left[] = {x->task, x->arm, x->encoder, x->method, x->input}, *const right[] = {y->task, y->arm, y->encoder, y->method,
                                                                                                     y->input};
    for (int k = 0; k < 5; k++) {
        int order = strcmp(left[k], right[k]);
        if (order != 0) return order;
    }
    return (x->fraction > y->fraction) - (x->fraction < y->fraction);
}

static group group_of(const json_t *cell)
{
    const json_t *auroc = json_object_get(cell, "auroc");
    double value = json_number_value(json_object_get(auroc, "value"));
    return (group){word(cell, "task"),
                   word(cell, "arm"),
                   word(cell, "encoder"),
                   word(cell, "method"),
                   word(cell, "input"),
                   json_number_value(json_object_get(cell, "fraction")),
                   value,
                   value * value,
                   json_number_value(json_object_get(auroc, "low")),
                   json_number_value(json_object_get(auroc, "high")),
                   json_number_value(json_object_get(cell, "seconds")),
                   1};
}

static pclr_status make_groups(const json_t *cells, group **out, size_t *count, pclr_error *error)
{
    size_t n = 0;
    TRY(mem_alloc(out, json_array_size(cells), sizeof **out, error));
    for (size_t k = 0; k < json_array_size(cells); k++) {
        const json_t *cell = json_array_get(cells, k);
        if (json_is_object(json_object_get(cell, "auroc"))) (*out)[n++] = group_of(cell);
    }
    qsort(*out, n, sizeof **out, compare_groups);
    *count = 0;
    for (size_t k = 0; k < n; k++) {
        group *last = *count > 0 ? &(*out)[*count - 1] : NULL;
        if (!last || compare_groups(last, &(*out)[k]) != 0) {
            (*out)[(*count)++] = (*out)[k];
            continue;
        }
        last->sum += (*out)[k].sum;
        last->squares += (*out)[k].squares;
        last->low += (*out)[k].low;
        last->high += (*out)[k].high;
        last->seconds += (*out)[k].seconds;
        last->seeds++;
    }
    return PCLR_OK;
}

static double mean_of(const group *g)
{
    return g->sum / (double)g->seeds;
}

/* Standard deviation over seeds (n - 1); 0 for one seed. */
static double sd_of(const group *g)
{
    double n = (double)g->seeds, spread = g->squares - g->sum * g->sum / n;
    return g->seeds > 1 && spread > 0.0 ? sqrt(spread / (n - 1.0)) : 0.0;
}

static pclr_status write_csv(const group *g, size_t count, const char *folder, pclr_error *error)
{
    text t = {0};
    char *path = NULL;
    text_add(&t, "task,arm,encoder,method,input,label_fraction,auroc,sd_over_seeds,low,high,seeds,seconds\n");
    for (size_t k = 0; k < count; k++, g++) {
        const char *const field[] = {g->task, g->arm, g->encoder, g->method, g->input};
        for (int f = 0; f < 5; f++) {
            text_add_csv(&t, field[f]);
            text_add(&t, ",");
        }
        text_add(&t, "%g,%.4f,%.4f,%.4f,%.4f,%zu,%.1f\n", g->fraction, mean_of(g), sd_of(g), g->low / (double)g->seeds,
                 g->high / (double)g->seeds, g->seeds, g->seconds / (double)g->seeds);
    }
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK) status = path_join(&path, folder, "study.csv", error);
    if (status == PCLR_OK) status = file_write(path, t.data, t.length, error);
    mem_free(path);
    text_free(&t);
    return status;
}

static pclr_status write_json(const group *g, size_t count, const json_t *cells, const json_t *paired, const char *folder,
                              pclr_error *error)
{
    char *path = NULL, *dump;
    json_t *rows = json_array();
    for (size_t k = 0; k < count; k++, g++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:f}", "task", g->task, "arm",
                                              g->arm, "encoder", g->encoder, "method", g->method, "input", g->input, "fraction",
                                              g->fraction, "auroc", mean_of(g), "sd_over_seeds", sd_of(g), "low", g->low / (double)g->seeds,
                                              "high", g->high / (double)g->seeds, "seeds", (json_int_t)g->seeds, "seconds",
                                              g->seconds / (double)g->seeds));
    json_t *root = json_pack("{s:o, s:O, s:O}", "rows", rows, "paired", paired, "cells", cells);
    dump = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    pclr_status status = dump ? path_join(&path, folder, "study.json", error) : error_memory(error, 0);
    if (status == PCLR_OK) status = file_write(path, dump, strlen(dump), error);
    free(dump);
    mem_free(path);
    return status;
}

/* ---- the page ---- */

static void add_escaped(text *t, const char *s)
{
    for (; *s; s++) {
        if (*s == '<')
            text_add(t, "&lt;");
        else if (*s == '&')
            text_add(t, "&amp;");
        else
            text_add_bytes(t, s, 1);
    }
}

/* Two lines of a curve chart belong together when all but the fraction is equal. */
static bool same_line(const group *a, const group *b)
{
    return strcmp(a->task, b->task) == 0 && strcmp(a->arm, b->arm) == 0 && strcmp(a->encoder, b->encoder) == 0 &&
           strcmp(a->method, b->method) == 0 && strcmp(a->input, b->input) == 0;
}

static double chart_x(double fraction)
{
    return 560.0 + 500.0 * log10(fmax(fraction, 1e-3)) / 3.0;
}

static double chart_y(double auroc)
{
    return 20.0 + 300.0 * (1.0 - (fmin(fmax(auroc, 0.5), 1.0) - 0.5) / 0.5);
}

static const char *colour(size_t k)
{
    static const char *const palette[] = {"#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b",
                                          "#2f4f4f", "#d1478c", "#708090", "#6b4226", "#0fa3b1"};
    return palette[k % (sizeof palette / sizeof *palette)];
}

static size_t count_lines(const group *g, size_t count)
{
    size_t lines = 0;
    for (size_t k = 0; k < count; k++) lines += k == 0 || !same_line(&g[k - 1], &g[k]);
    return lines;
}

/* AUROC against the share of labels (logarithmic), one line an arm, encoder, method and input; dashed where features go in. */
static void add_chart(text *t, const group *g, size_t count)
{
    double height = fmax(360.0, 40.0 + 16.0 * (double)count_lines(g, count));
    text_add(t, "<svg viewBox='0 0 900 %.0f' role='img' aria-label='AUROC by share of labels'>", height);
    for (int k = 5; k <= 10; k++)
        text_add(t, "<line x1='60' x2='560' y1='%.1f' y2='%.1f' stroke='#ddd'/><text x='52' y='%.1f' text-anchor='end'>%.1f</text>",
                 chart_y(0.1 * k), chart_y(0.1 * k), chart_y(0.1 * k) + 4, 0.1 * k);
    static const double tick[] = {0.001, 0.01, 0.1, 1};
    for (int k = 0; k < 4; k++) text_add(t, "<text x='%.1f' y='340' text-anchor='middle'>%g %%</text>", chart_x(tick[k]), 100 * tick[k]);
    for (size_t k = 0, line = 0; k < count; line++) {
        size_t end = k;
        text_add(t, "<polyline fill='none' stroke='%s' stroke-width='2'%s points='", colour(line),
                 strcmp(g[k].input, "embedding") == 0 ? "" : " stroke-dasharray='6 3'");
        for (; end < count && same_line(&g[k], &g[end]); end++)
            text_add(t, "%.1f,%.1f ", chart_x(g[end].fraction), chart_y(mean_of(&g[end])));
        text_add(t, "'/><text x='575' y='%.1f' fill='%s'>", 30.0 + 16.0 * (double)line, colour(line));
        add_escaped(t, g[k].arm);
        text_add(t, ", ");
        add_escaped(t, g[k].encoder);
        text_add(t, ", %s, %s</text>", g[k].method, g[k].input);
        k = end;
    }
    text_add(t, "</svg>\n");
}

static void add_rows(text *t, const group *g, size_t count)
{
    text_add(t, "<table><tr><th>arm<th>encoder<th>method<th>input<th>labels<th>macro AUROC<th>95 %% interval<th>sd over "
                "seeds<th>seeds<th>seconds</tr>\n");
    for (size_t k = 0; k < count; k++, g++) {
        text_add(t, "<tr><td>");
        add_escaped(t, g->arm);
        text_add(t, "<td>");
        add_escaped(t, g->encoder);
        text_add(t, "<td>%s<td>%s<td>%g %%<td><b>%.4f</b><td>%.4f to %.4f<td>%.4f<td>%zu<td>%.0f</tr>\n", g->method, g->input,
                 100 * g->fraction, mean_of(g), g->low / (double)g->seeds, g->high / (double)g->seeds, sd_of(g), g->seeds,
                 g->seconds / (double)g->seeds);
    }
    text_add(t, "</table>\n");
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

/* PhysioCLR's best arm less the best rival's, a line a share of labels. */
static void add_paired(text *t, const json_t *paired, const char *task)
{
    bool any = false;
    for (size_t k = 0; k < json_array_size(paired); k++) {
        const json_t *row = json_array_get(paired, k);
        if (strcmp(word(row, "task"), task) != 0) continue;
        if (!any)
            text_add(t, "<h3>Is PhysioCLR ahead?</h3><table><tr><th>labels<th>PhysioCLR<th>strongest rival<th>difference<th>95 %% "
                        "interval<th></tr>\n");
        any = true;
        double low = number(row, "low"), high = number(row, "high");
        text_add(t, "<tr><td>%g %%<td>", 100 * number(row, "fraction"));
        add_escaped(t, word(row, "arm"));
        text_add(t, " %.3f<td>", number(row, "arm_auroc"));
        add_escaped(t, word(row, "rival"));
        text_add(t, " %.3f<td><b>%+.4f</b><td>%+.4f to %+.4f<td>%s</tr>\n", number(row, "rival_auroc"), number(row, "difference"), low,
                 high,
                 low > 0    ? "ahead"
                 : high < 0 ? "behind"
                            : "no difference shown");
    }
    if (any) text_add(t, "</table>\n");
}

static pclr_status write_html(const group *g, size_t count, const json_t *paired, const char *folder, pclr_error *error)
{
    text t = {0};
    char *path = NULL;
    text_add(&t, "<!doctype html><html lang='en'><meta charset='utf-8'><title>Study</title><style>body{font:15px/1.4 sans-serif;margin:2em "
                 "auto;max-width:62em}"
                 "table{border-collapse:collapse}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:left}svg text{font:12px "
                 "sans-serif}</style>"
                 "<h1>Study</h1><p>Macro AUROC by share of labels; intervals are bootstrap over patients, averaged over seeds.</p>"
                 "<p>Differences: the arm with the largest mean AUROC over seeds on each side, by bootstrap over patients and seeds, both "
                 "sides on the same draws. Rivals of two sorts, a line each: pretrained ones, and those without pretraining.</p>\n");
    for (size_t k = 0; k < count;) {
        size_t end = k;
        while (end < count && strcmp(g[end].task, g[k].task) == 0) end++;
        text_add(&t, "<h2>");
        add_escaped(&t, g[k].task);
        text_add(&t, "</h2>\n");
        add_chart(&t, g + k, end - k);
        add_paired(&t, paired, g[k].task);
        add_rows(&t, g + k, end - k);
        k = end;
    }
    text_add(&t, "</html>\n");
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK) status = path_join(&path, folder, "report.html", error);
    if (status == PCLR_OK) status = file_write(path, t.data, t.length, error);
    mem_free(path);
    text_free(&t);
    return status;
}

pclr_status table_write(const json_t *cells, const json_t *paired, const char *folder, pclr_error *error)
{
    group *g = NULL;
    size_t count = 0;
    pclr_status status;
    TRY_GOTO(make_groups(cells, &g, &count, error));
    TRY_GOTO(write_json(g, count, cells, paired, folder, error));
    TRY_GOTO(write_csv(g, count, folder, error));
    TRY_GOTO(write_html(g, count, paired, folder, error));
done:
    mem_free(g);
    return status;
}
