/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a study: curves, differences, tables. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/html.h"
#include "base/memory.h"
#include "study/table.h"

/* Two lines of a curve chart belong together when all but the fraction is equal. */
static bool same_line(const group *a, const group *b)
{
    return strcmp(a->task, b->task) == 0 && strcmp(a->arm, b->arm) == 0 && strcmp(a->encoder, b->encoder) == 0 &&
           strcmp(a->method, b->method) == 0 && strcmp(a->input, b->input) == 0;
}

/* Pixels of the chart: labels on a logarithmic scale from the smallest share, AUROC from the lowest tenth that occurs. */
typedef struct scale {
    double fraction, auroc; /* lower ends */
} scale;

static scale scale_of(const group *g, size_t count)
{
    scale s = {0.1, 0.9};
    for (size_t k = 0; k < count; k++) {
        s.fraction = fmin(s.fraction, g[k].fraction);
        s.auroc = fmin(s.auroc, floor(10.0 * group_mean(&g[k])) / 10.0);
    }
    return s;
}

static double chart_x(const scale *s, double fraction)
{
    return 80.0 + 470.0 * log(fraction / s->fraction) / -log(s->fraction);
}

static double chart_y(const scale *s, double auroc)
{
    return 320.0 - 300.0 * fmin(fmax((auroc - s->auroc) / (1.0 - s->auroc), 0.0), 1.0);
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

/* 95 % intervals of one line, moved a little to the side so that those of other lines stay visible. */
static void add_whiskers(text *t, const scale *s, const group *g, size_t count, size_t line)
{
    double aside = 1.5 * (double)(line % 9) - 6.0;
    for (size_t k = 0; k < count; k++) {
        double x = chart_x(s, g[k].fraction) + aside;
        text_add(t, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-opacity='.45'/>", x, x,
                 chart_y(s, group_mean_over(&g[k], g[k].low)), chart_y(s, group_mean_over(&g[k], g[k].high)), colour(line));
    }
}

/* The line with the most shares of labels: a share that is too small for a task leaves cells empty. */
static const group *longest_line(const group *g, size_t count, size_t *length)
{
    const group *longest = g;
    *length = 0;
    for (size_t k = 0, end = 0; k < count; k = end) {
        while (end < count && same_line(&g[k], &g[end])) end++;
        if (end - k > *length) longest = g + k;
        if (end - k > *length) *length = end - k;
    }
    return longest;
}

static void add_axes(text *t, const scale *s, const group *g, size_t count)
{
    size_t ticks = 0;
    const group *tick = longest_line(g, count, &ticks);
    for (int k = (int)round(10.0 * s->auroc); k <= 10; k++)
        text_add(t, "<line x1='70' x2='560' y1='%.1f' y2='%.1f' stroke='#ddd'/><text x='62' y='%.1f' text-anchor='end'>%.1f</text>",
                 chart_y(s, 0.1 * k), chart_y(s, 0.1 * k), chart_y(s, 0.1 * k) + 4, 0.1 * k);
    for (size_t k = 0; k < ticks; k++)
        text_add(t, "<text x='%.1f' y='340' text-anchor='middle'>%g %%</text>", chart_x(s, tick[k].fraction), 100 * tick[k].fraction);
}

/* "arm", with encoder, method and input where the task has several of them. */
static void add_name(text *t, const group *of, const group *g, size_t count)
{
    bool encoders = false, methods = false, inputs = false;
    for (size_t k = 1; k < count; k++) {
        encoders = encoders || strcmp(g[k].encoder, g[0].encoder) != 0;
        methods = methods || strcmp(g[k].method, g[0].method) != 0;
        inputs = inputs || strcmp(g[k].input, g[0].input) != 0;
    }
    html_escape(t, of->arm);
    if (encoders) text_add(t, ", ");
    if (encoders) html_escape(t, of->encoder);
    if (methods) text_add(t, ", %s", of->method);
    if (inputs) text_add(t, ", %s", of->input);
}

/* AUROC with its interval against the share of labels, one line an arm, encoder, method and input; dashed where features go in. */
static void add_chart(text *t, const group *g, size_t count)
{
    scale s = scale_of(g, count);
    double height = fmax(360.0, 40.0 + 16.0 * (double)count_lines(g, count));
    text_add(t, "<svg viewBox='0 0 960 %.0f' role='img' aria-label='AUROC by share of labels'>", height);
    add_axes(t, &s, g, count);
    for (size_t k = 0, line = 0; k < count; line++) {
        size_t end = k;
        text_add(t, "<polyline fill='none' stroke='%s' stroke-width='2'%s points='", colour(line),
                 strcmp(g[k].input, "embedding") == 0 ? "" : " stroke-dasharray='6 3'");
        for (; end < count && same_line(&g[k], &g[end]); end++)
            text_add(t, "%.1f,%.1f ", chart_x(&s, g[end].fraction), chart_y(&s, group_mean(&g[end])));
        text_add(t, "'/>");
        add_whiskers(t, &s, g + k, end - k, line);
        text_add(t, "<text x='580' y='%.1f' fill='%s'>", 30.0 + 16.0 * (double)line, colour(line));
        add_name(t, &g[k], g, count);
        text_add(t, "</text>");
        k = end;
    }
    text_add(t, "</svg>\n");
}

/* Largest mean of one share of labels. */
static double best_of(const group *g, size_t count, double fraction)
{
    double best = -INFINITY;
    for (size_t k = 0; k < count; k++)
        if (g[k].fraction == fraction) best = fmax(best, group_mean(&g[k]));
    return best;
}

/* A line an arm, a column a share of labels, the best of each column in bold. */
static void add_overview(text *t, const group *g, size_t count)
{
    size_t columns = 0;
    const group *column = longest_line(g, count, &columns);
    text_add(t, "<table><tr><th>macro AUROC");
    for (size_t c = 0; c < columns; c++) text_add(t, "<th>%g %%", 100 * column[c].fraction);
    text_add(t, "</tr>\n");
    for (size_t k = 0; k < count;) {
        size_t end = k;
        text_add(t, "<tr><td>");
        add_name(t, &g[k], g, count);
        for (size_t c = 0; c < columns; c++) {
            if (end == count || !same_line(&g[k], &g[end]) || g[end].fraction != column[c].fraction) {
                text_add(t, "<td>");
                continue;
            }
            bool best = group_mean(&g[end]) == best_of(g, count, column[c].fraction);
            text_add(t, "<td title='%.3f to %.3f'>%s%.3f%s", group_mean_over(&g[end], g[end].low), group_mean_over(&g[end], g[end].high),
                     best ? "<b>" : "", group_mean(&g[end]), best ? "</b>" : "");
            end++;
        }
        text_add(t, "</tr>\n");
        while (end < count && same_line(&g[k], &g[end])) end++;
        k = end;
    }
    text_add(t, "</table>\n");
}

static void add_rows(text *t, const group *g, size_t count)
{
    text_add(t, "<details><summary>Intervals, seeds, time and memory</summary>"
                "<table><tr><th>arm<th>encoder<th>method<th>input<th>labels<th>macro AUROC<th>95 %% interval<th>sd over "
                "seeds<th>seeds<th>seconds<th>MB<th>pretraining, s<th>MB</tr>\n");
    for (size_t k = 0; k < count; k++, g++) {
        text_add(t, "<tr><td>");
        html_escape(t, g->arm);
        text_add(t, "<td>");
        html_escape(t, g->encoder);
        text_add(t, "<td>%s<td>%s<td>%g %%<td><b>%.4f</b><td class=n>%.4f to %.4f<td>%.4f<td>%zu<td>%.0f<td>%.0f", g->method, g->input,
                 100 * g->fraction, group_mean(g), group_mean_over(g, g->low), group_mean_over(g, g->high), group_sd(g), g->seeds,
                 group_mean_over(g, g->seconds), g->peak / 1e6);
        if (g->pretraining_peak > 0)
            text_add(t, "<td>%.0f<td>%.0f</tr>\n", group_mean_over(g, g->pretraining_seconds), g->pretraining_peak / 1e6);
        else
            text_add(t, "<td><td></tr>\n");
    }
    text_add(t, "</table></details>\n");
}

/* AUROC of each class, a line as in add_rows. */
static void add_classes_table(text *t, const group *g, size_t count)
{
    const char *name;
    json_t *list;
    text_add(t, "<details><summary>AUROC by class</summary><table><tr><th>arm<th>encoder<th>method<th>input<th>labels");
    json_object_foreach(g->classes, name, list)
    {
        text_add(t, "<th>");
        html_escape(t, name);
    }
    text_add(t, "</tr>\n");
    for (size_t k = 0; k < count; k++) {
        text_add(t, "<tr><td>");
        html_escape(t, g[k].arm);
        text_add(t, "<td>");
        html_escape(t, g[k].encoder);
        text_add(t, "<td>%s<td>%s<td>%g %%", g[k].method, g[k].input, 100 * g[k].fraction);
        json_object_foreach(g->classes, name, list)
        {
            double mean = group_list_mean(json_object_get(g[k].classes, name));
            if (isfinite(mean))
                text_add(t, "<td>%.3f", mean);
            else
                text_add(t, "<td>undefined");
        }
        text_add(t, "</tr>\n");
    }
    text_add(t, "</table></details>\n");
}

/* A line of a share of labels: PhysioCLR's arm, a rival, and their difference. */
static void add_difference(text *t, const json_t *row)
{
    double low = group_number(row, "low"), high = group_number(row, "high");
    text_add(t, "<tr><td>%g %%<td>", 100 * group_number(row, "fraction"));
    html_escape(t, group_word(row, "arm"));
    text_add(t, " %.3f<td>", group_number(row, "arm_auroc"));
    html_escape(t, group_word(row, "rival"));
    text_add(t, " %.3f<td><b>%+.4f</b><td class=n>%+.4f to %+.4f<td>%s</tr>\n", group_number(row, "rival_auroc"),
             group_number(row, "difference"), low, high,
             low > 0    ? "ahead"
             : high < 0 ? "behind"
                        : "no difference shown");
}

/* The lines of a task: the strongest rivals of both sorts, or (embedding) every pretrained rival by its bare embedding. */
static void add_paired(text *t, const json_t *paired, const char *task, bool embedding)
{
    bool any = false;
    for (size_t k = 0; k < json_array_size(paired); k++) {
        const json_t *row = json_array_get(paired, k);
        if (strcmp(group_word(row, "task"), task) != 0 || (strcmp(group_word(row, "against"), "embedding") == 0) != embedding) continue;
        if (!any)
            text_add(t, "%s<table><tr><th>labels<th>PhysioCLR<th>%s<th>difference<th>95 %% interval<th></tr>\n",
                     embedding ? "<details><summary>Bare embeddings: PhysioCLR against each pretrained rival</summary>"
                               : "<h3>Is PhysioCLR ahead?</h3>",
                     embedding ? "rival" : "strongest rival");
        any = true;
        add_difference(t, row);
    }
    if (any) text_add(t, embedding ? "</table></details>\n" : "</table>\n");
}

pclr_status page_write(const group *g, size_t count, const json_t *paired, const char *folder, pclr_error *error)
{
    text t = {0};
    char *path = NULL;
    text_add(&t, "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' "
                 "content='width=device-width'><title>Study</title><style>body{font:15px/1.4 sans-serif;margin:2em "
                 "auto;max-width:64em;padding:0 1em}"
                 "table{border-collapse:collapse}td,th{padding:.2em .7em;border-bottom:1px solid "
                 "#ddd;text-align:left}td.n{white-space:nowrap}table,details{margin:1em 0}summary{cursor:pointer}svg text{font:12px "
                 "sans-serif}</style>"
                 "<h1>Study</h1><p>Macro AUROC by share of labels; intervals are bootstrap over patients, averaged over seeds.</p>"
                 "<p>Differences: the arm with the largest mean AUROC over seeds on each side, by bootstrap over patients and seeds, both "
                 "sides on the same draws. Rivals of two sorts, a line each: pretrained ones, and those without pretraining.</p>\n");
    for (size_t k = 0; k < count;) {
        size_t end = k;
        while (end < count && strcmp(g[end].task, g[k].task) == 0) end++;
        text_add(&t, "<h2>");
        html_escape(&t, g[k].task);
        text_add(&t, "</h2>\n");
        add_chart(&t, g + k, end - k);
        add_overview(&t, g + k, end - k);
        add_paired(&t, paired, g[k].task, false);
        add_paired(&t, paired, g[k].task, true);
        add_rows(&t, g + k, end - k);
        add_classes_table(&t, g + k, end - k);
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
