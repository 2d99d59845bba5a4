/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of the report that need nothing but the evaluations. */
#include <math.h>
#include <stdio.h>

#include "eval/write.h"
#include "report/page.h"

void section_summary(report_page *p)
{
    text *out = &p->out;
    text_add(out, "<div class=cards>\n");
    for (size_t k = 0; k < p->count; k++) {
        const pclr_evaluation *e = p->evaluation[k];
        pclr_estimate macro = evaluation_overall(e, "macro_auroc");
        text_add(out, "<div class=card style='border-left-color:%s'>", chart_colour((int)k));
        html_escape(out, page_name(p, k));
        if (macro.defined) text_add(out, "<b>%.3f</b>macro AUROC, 95 %% interval %.3f to %.3f<br>", macro.value, macro.low, macro.high);
        else text_add(out, "<b>undefined</b>macro AUROC<br>");
        text_add(out, "<span class=dim>%zu %s of %zu patients, %zu classes</span></div>\n", e->set.records, e->segments ? "segments" : "records",
                 e->set.patients, e->set.classes);
    }
    text_add(out, "</div>\n<p class=dim>Intervals: %s bootstrap over patients, %zu resamples, every class kept defined.</p>\n",
             p->evaluation[0]->interval == INTERVAL_BCA ? "BCa" : "percentile", p->evaluation[0]->bootstraps);
    for (size_t k = 0; k < p->count; k++) {
        for (size_t n = 0; n < p->evaluation[k]->set.notes; n++) {
            text_add(out, "<p class=note>");
            html_escape(out, page_name(p, k));
            text_add(out, ": ");
            html_escape(out, p->evaluation[k]->set.note[n]);
            text_add(out, "</p>\n");
        }
    }
}

/* <thead> with one column an evaluation behind the given ones. */
static void table_head(report_page *p, const char *first)
{
    text_add(&p->out, "<div class=scroll><table><thead><tr>%s", first);
    for (size_t k = 0; k < p->count; k++) {
        text_add(&p->out, "<th style='color:%s'>", chart_colour((int)k));
        html_escape(&p->out, page_name(p, k));
        text_add(&p->out, "</th>");
    }
    text_add(&p->out, "</tr></thead><tbody>\n");
}

static void class_rows(report_page *p, const char *measure_name)
{
    const pclr_evaluation *first = p->evaluation[0];
    for (size_t c = 0; c < first->set.classes; c++) {
        const evaluation_class *x = &first->class_result[c];
        text_add(&p->out, "<tr><td>");
        html_escape(&p->out, first->set.class_name[c]);
        text_add(&p->out, "</td><td>%zu</td><td>%zu</td>", x->positives, x->negatives);
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            text_add(&p->out, "<td>");
            if (own >= 0) page_estimate(&p->out, evaluation_of_class(p->evaluation[k], measure_name, (size_t)own));
            text_add(&p->out, "</td>");
        }
        text_add(&p->out, "</tr>\n");
    }
}

void section_classes(report_page *p)
{
    size_t count;
    const measure *table = measures_overall(&count);
    text_add(&p->out, "<h2>AUROC by class</h2>\n");
    table_head(p, "<th>class</th><th>positive</th><th>negative</th>");
    class_rows(p, "auroc");
    text_add(&p->out, "</tbody></table></div>\n<h2>All measures over the classes</h2>\n");
    table_head(p, "<th>measure</th>");
    for (size_t m = 0; m < count; m++) {
        bool any = false;
        for (size_t k = 0; k < p->count; k++) any |= p->evaluation[k]->overall[m].defined;
        if (!any) continue;
        text_add(&p->out, "<tr><td>%s<br><span class=dim>%s</span></td>", table[m].title, table[m].definition);
        for (size_t k = 0; k < p->count; k++) {
            text_add(&p->out, "<td>");
            page_estimate(&p->out, p->evaluation[k]->overall[m]);
            text_add(&p->out, "</td>");
        }
        text_add(&p->out, "</tr>\n");
    }
    text_add(&p->out, "</tbody></table></div>\n<details><summary>AUPRC by class (chance level is the prevalence)</summary>\n");
    table_head(p, "<th>class</th><th>positive</th><th>negative</th>");
    class_rows(p, "auprc");
    text_add(&p->out, "</tbody></table></div></details>\n");
}

static void draw_curves(report_page *p, size_t c, bool roc)
{
    double x[CURVE_POINTS];
    chart plot = {&p->out, p->evaluation[0]->set.class_name[c], roc ? "1 − specificity" : "recall", roc ? "sensitivity" : "precision", 0, 1, 0, 1};
    for (size_t i = 0; i < CURVE_POINTS; i++) x[i] = (double)i / (CURVE_POINTS - 1);
    chart_begin(&plot);
    const evaluation_class *first = &p->evaluation[0]->class_result[c];
    double prevalence = (double)first->positives / (double)(first->positives + first->negatives);
    if (roc) chart_guide(&plot, 0, 0, 1, 1);
    else chart_guide(&plot, 0, prevalence, 1, prevalence);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            if (own < 0) continue;
            const curve *v = roc ? &p->curves[k][own].roc : &p->curves[k][own].precision;
            if (pass == 0) chart_band(&plot, x, v->low, v->high, CURVE_POINTS, (int)k);
            else chart_line(&plot, x, v->value, CURVE_POINTS, (int)k);
        }
    }
    chart_end(&plot);
}

void section_curves(report_page *p)
{
    for (int roc = 1; roc >= 0; roc--) {
        text_add(&p->out, "<h2>%s curves</h2>\n<p class=dim>Bands: pointwise 95 %%, bootstrap over patients. Dashed: %s.</p>\n",
                 roc ? "ROC" : "Precision–recall", roc ? "chance" : "prevalence");
        page_legend(p);
        text_add(&p->out, "<div class=charts>\n");
        for (size_t c = 0; c < p->evaluation[0]->set.classes; c++) {
            const evaluation_class *x = &p->evaluation[0]->class_result[c];
            if (x->positives > 0 && x->negatives > 0) draw_curves(p, c, roc);
        }
        text_add(&p->out, "</div>\n");
    }
}

static void draw_reliability(report_page *p, size_t c)
{
    chart plot = {&p->out, p->evaluation[0]->set.class_name[c], "predicted probability", "observed share", 0, 1, 0, 1};
    chart_begin(&plot);
    chart_guide(&plot, 0, 0, 1, 1);
    for (size_t k = 0; k < p->count; k++) {
        int64_t own = page_class(p, k, c);
        double x[RELIABILITY_BINS], y[RELIABILITY_BINS];
        if (own < 0) continue;
        const evaluation_class *r = &p->evaluation[k]->class_result[own];
        for (size_t b = 0; b < r->bins; b++) {
            x[b] = r->bin[b].predicted;
            y[b] = r->bin[b].observed;
            chart_dot(&plot, x[b], y[b], (int)k);
        }
        chart_line(&plot, x, y, r->bins, (int)k);
    }
    chart_end(&plot);
}

void section_calibration(report_page *p)
{
    const pclr_evaluation *first = p->evaluation[0];
    if (!first->scores.probabilities) return;
    text_add(&p->out, "<h2>Calibration</h2>\n<p class=dim>Ten bins of equal size; on the dashed line probabilities mean what they say.</p>\n");
    page_legend(p);
    text_add(&p->out, "<div class=charts>\n");
    for (size_t c = 0; c < first->set.classes; c++) draw_reliability(p, c);
    text_add(&p->out, "</div>\n<div class=scroll><table><thead><tr><th>class</th><th>evaluation</th><th>Brier</th><th>calibration error</th>"
                      "<th>after temperature</th></tr></thead><tbody>\n");
    for (size_t c = 0; c < first->set.classes; c++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            if (own < 0) continue;
            const evaluation_class *x = &p->evaluation[k]->class_result[own];
            text_add(&p->out, "<tr><td>");
            html_escape(&p->out, first->set.class_name[c]);
            text_add(&p->out, "</td><td>");
            html_escape(&p->out, page_name(p, k));
            text_add(&p->out, "</td><td>");
            page_estimate(&p->out, evaluation_of_class(p->evaluation[k], "brier", (size_t)own));
            text_add(&p->out, isfinite(x->calibration_error) ? "</td><td>%.3f</td>" : "</td><td>-</td>", x->calibration_error);
            text_add(&p->out, isfinite(x->calibration_error_scaled) ? "<td>%.3f</td></tr>\n" : "<td>-</td></tr>\n", x->calibration_error_scaled);
        }
    }
    text_add(&p->out, "</tbody></table></div>\n");
}

static void call_row(report_page *p, size_t k, size_t c)
{
    const pclr_evaluation *e = p->evaluation[k];
    const evaluation_class *x = &e->class_result[c];
    static const char *const shown[] = {"sensitivity", "specificity", "precision", "f1", "sensitivity_at", "ppv_at"};
    text_add(&p->out, "<tr><td>");
    html_escape(&p->out, e->set.class_name[c]);
    text_add(&p->out, "</td><td>");
    html_escape(&p->out, page_name(p, k));
    if (isnan(x->threshold)) text_add(&p->out, "</td><td>none</td><td>-</td><td>-</td><td>-</td><td>-</td>");
    else
        text_add(&p->out, "</td><td>%.3f <i>%s</i></td><td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.0f</td>", x->threshold, write_origin(x->origin),
                 x->true_positives, x->false_positives, (double)x->positives - x->true_positives, (double)x->negatives - x->false_positives);
    for (size_t m = 0; m < sizeof shown / sizeof *shown - (e->prevalence > 0 ? 0 : 1); m++) {
        text_add(&p->out, "<td>");
        page_estimate(&p->out, evaluation_of_class(e, shown[m], c));
        text_add(&p->out, "</td>");
    }
    text_add(&p->out, "</tr>\n");
}

void section_calls(report_page *p)
{
    const pclr_evaluation *first = p->evaluation[0];
    text_add(&p->out, "<h2>Calls at the thresholds</h2>\n<p class=dim>");
    if (first->validation_records) text_add(&p->out, "Thresholds with the best F1 on %zu validation records. ", first->validation_records);
    text_add(&p->out, "Last column%s: sensitivity at specificity %g", first->prevalence > 0 ? "s" : "", first->specificity);
    if (first->prevalence > 0) text_add(&p->out, "; predictive value at a prevalence of %g", first->prevalence);
    text_add(&p->out, ".</p>\n<div class=scroll><table><thead><tr><th>class</th><th>evaluation</th><th>threshold</th><th>TP</th><th>FP</th><th>FN</th>"
                      "<th>TN</th><th>sensitivity</th><th>specificity</th><th>precision</th><th>F1</th><th>sens. at spec.</th>%s</tr></thead><tbody>\n",
             first->prevalence > 0 ? "<th>PPV</th>" : "");
    for (size_t c = 0; c < first->set.classes; c++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            if (own >= 0) call_row(p, k, (size_t)own);
        }
    }
    text_add(&p->out, "</tbody></table></div>\n");
}

/* Rows of groups, a point and a bar an evaluation; the dashed line is everyone. */
static void forest(report_page *p)
{
    enum { ROW = 26, LABEL = 250, PLOT = 380, VALUES = 170 };
    const pclr_evaluation *first = p->evaluation[0];
    double low = 1, high = 0;
    for (size_t k = 0; k < p->count; k++) {
        for (size_t g = 0; g < p->evaluation[k]->groups; g++) {
            pclr_estimate e = p->evaluation[k]->group[g].macro_auroc;
            if (e.defined && isfinite(e.low)) low = fmin(low, e.low), high = fmax(high, e.high);
        }
    }
    if (low >= high) return;
    low = floor(low * 20) / 20, high = ceil(high * 20) / 20;
    size_t height = (first->groups + 2) * ROW;
    text_add(&p->out, "<div class=scroll><svg style='min-width:620px;max-width:%dpx;width:100%%' viewBox='0 0 %d %zu'>", LABEL + PLOT + VALUES,
             LABEL + PLOT + VALUES, height);
    for (double v = low; v <= high + 1e-9; v += 0.05)
        text_add(&p->out, "<path class=g d='M%.1f 8V%zu'/><text x='%.1f' y='%zu' text-anchor=middle>%.2f</text>", LABEL + (v - low) / (high - low) * PLOT,
                 height - ROW, LABEL + (v - low) / (high - low) * PLOT, height - 10, v);
    for (size_t k = 0; k < p->count; k++) {
        const pclr_evaluation *e = p->evaluation[k];
        double all = LABEL + (evaluation_overall(e, "macro_auroc").value - low) / (high - low) * PLOT;
        text_add(&p->out, "<path d='M%.1f 8V%zu' stroke='%s' stroke-dasharray='4 3' opacity=.6 />", all, height - ROW, chart_colour((int)k));
        for (size_t g = 0; g < e->groups && g < first->groups; g++) {
            const evaluation_group *x = &e->group[g];
            double y = (double)g * ROW + ROW / 2.0 + 6 + ((double)k - (double)(p->count - 1) / 2) * 6;
            if (k == 0) {
                text_add(&p->out, "<text x='0' y='%.1f'>%s: ", (double)g * ROW + ROW / 2.0 + 10, x->kind);
                html_escape(&p->out, x->name);
                text_add(&p->out, " (%zu records)</text>", x->records);
            }
            if (!x->macro_auroc.defined) continue;
            double at = LABEL + (x->macro_auroc.value - low) / (high - low) * PLOT;
            text_add(&p->out, "<path d='M%.1f %.1fH%.1f' stroke='%s' stroke-width=2 /><circle cx='%.1f' cy='%.1f' r=4 fill='%s'/>",
                     LABEL + (x->macro_auroc.low - low) / (high - low) * PLOT, y, LABEL + (x->macro_auroc.high - low) / (high - low) * PLOT,
                     chart_colour((int)k), at, y, chart_colour((int)k));
            if (p->count == 1)
                text_add(&p->out, "<text x='%d' y='%.1f'>%.3f [%.3f, %.3f]</text>", LABEL + PLOT + 12, y + 4, x->macro_auroc.value,
                         x->macro_auroc.low, x->macro_auroc.high);
        }
    }
    text_add(&p->out, "</svg></div>\n");
}

void section_groups(report_page *p)
{
    if (p->evaluation[0]->groups == 0) return;
    text_add(&p->out, "<h2>Subgroups</h2>\n<p class=dim>Macro AUROC over the classes defined in the group, 95 %% intervals; dashed: all records.</p>\n");
    page_legend(p);
    forest(p);
}

void section_provenance(report_page *p)
{
    text_add(&p->out, "<h2>Provenance</h2>\n<div class=scroll><table><thead><tr><th>evaluation</th><th>predictions</th><th>labels</th><th>task</th>"
                      "<th>split</th><th>records</th><th>resamples</th><th>seed</th><th>temperature</th></tr></thead><tbody>\n");
    for (size_t k = 0; k < p->count; k++) {
        const pclr_evaluation *e = p->evaluation[k];
        const char *cells[] = {page_name(p, k), e->name, e->labels, e->task ? e->task : "-", e->split ? e->split : "all labelled"};
        text_add(&p->out, "<tr>");
        for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
            text_add(&p->out, "<td>");
            html_escape(&p->out, cells[i]);
            text_add(&p->out, "</td>");
        }
        text_add(&p->out, "<td>%zu</td><td>%zu</td><td>%llu</td><td>", e->set.records, e->bootstraps, (unsigned long long)e->seed);
        if (isfinite(e->temperature)) text_add(&p->out, "%.3f", e->temperature);
        else text_add(&p->out, "-");
        text_add(&p->out, "</td></tr>\n");
    }
    text_add(&p->out, "</tbody></table></div>\n");
}
