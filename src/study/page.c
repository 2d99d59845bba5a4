/* SPDX-License-Identifier: Apache-2.0 */
/* The page of a study: curves, differences, tables. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "study/table.h"

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

/* 95 % intervals of one line, moved a little to the side so that those of other lines stay visible. */
static void add_whiskers(text *t, const group *g, size_t count, size_t line)
{
    double aside = 1.5 * (double)(line % 9) - 6.0;
    for (size_t k = 0; k < count; k++) {
        double x = chart_x(g[k].fraction) + aside;
        text_add(t, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-opacity='.45'/>", x, x,
                 chart_y(group_mean_over(&g[k], g[k].low)), chart_y(group_mean_over(&g[k], g[k].high)), colour(line));
    }
}

/* AUROC with its interval against the share of labels (logarithmic), one line an arm, encoder, method and input; dashed where features go
 * in. */
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
            text_add(t, "%.1f,%.1f ", chart_x(g[end].fraction), chart_y(group_mean(&g[end])));
        text_add(t, "'/>");
        add_whiskers(t, g + k, end - k, line);
        text_add(t, "<text x='575' y='%.1f' fill='%s'>", 30.0 + 16.0 * (double)line, colour(line));
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
                "seeds<th>seeds<th>seconds<th>MB<th>pretraining, s<th>MB</tr>\n");
    for (size_t k = 0; k < count; k++, g++) {
        text_add(t, "<tr><td>");
        add_escaped(t, g->arm);
        text_add(t, "<td>");
        add_escaped(t, g->encoder);
        text_add(t, "<td>%s<td>%s<td>%g %%<td><b>%.4f</b><td>%.4f to %.4f<td>%.4f<td>%zu<td>%.0f<td>%.0f", g->method, g->input,
                 100 * g->fraction, group_mean(g), group_mean_over(g, g->low), group_mean_over(g, g->high), group_sd(g), g->seeds,
                 group_mean_over(g, g->seconds), g->peak / 1e6);
        if (g->pretraining_peak > 0)
            text_add(t, "<td>%.0f<td>%.0f</tr>\n", group_mean_over(g, g->pretraining_seconds), g->pretraining_peak / 1e6);
        else
            text_add(t, "<td><td></tr>\n");
    }
    text_add(t, "</table>\n");
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
        add_escaped(t, name);
    }
    text_add(t, "</tr>\n");
    for (size_t k = 0; k < count; k++) {
        text_add(t, "<tr><td>");
        add_escaped(t, g[k].arm);
        text_add(t, "<td>");
        add_escaped(t, g[k].encoder);
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

/* PhysioCLR's best arm less the best rival's, a line a share of labels. */
static void add_paired(text *t, const json_t *paired, const char *task)
{
    bool any = false;
    for (size_t k = 0; k < json_array_size(paired); k++) {
        const json_t *row = json_array_get(paired, k);
        if (strcmp(group_word(row, "task"), task) != 0) continue;
        if (!any)
            text_add(t, "<h3>Is PhysioCLR ahead?</h3><table><tr><th>labels<th>PhysioCLR<th>strongest rival<th>difference<th>95 %% "
                        "interval<th></tr>\n");
        any = true;
        double low = group_number(row, "low"), high = group_number(row, "high");
        text_add(t, "<tr><td>%g %%<td>", 100 * group_number(row, "fraction"));
        add_escaped(t, group_word(row, "arm"));
        text_add(t, " %.3f<td>", group_number(row, "arm_auroc"));
        add_escaped(t, group_word(row, "rival"));
        text_add(t, " %.3f<td><b>%+.4f</b><td>%+.4f to %+.4f<td>%s</tr>\n", group_number(row, "rival_auroc"),
                 group_number(row, "difference"), low, high,
                 low > 0    ? "ahead"
                 : high < 0 ? "behind"
                            : "no difference shown");
    }
    if (any) text_add(t, "</table>\n");
}

pclr_status page_write(const group *g, size_t count, const json_t *paired, const char *folder, pclr_error *error)
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
