/* SPDX-License-Identifier: Apache-2.0 */
/* ROC, precision-recall and reliability curves. */
#include <math.h>

#include "report/page.h"

/* Where the threshold lies on the curve. */
static void draw_threshold(report_page *p, size_t k, size_t c, bool roc, const chart *plot)
{
    int64_t own = page_class(p, k, c);
    const evaluation_class *x = own < 0 ? NULL : &p->evaluation[k]->class_result[own];
    if (x == NULL || isnan(x->threshold)) return;
    double sensitivity = x->true_positives / (double)x->positives, called = x->true_positives + x->false_positives;
    if (roc)
        chart_dot(plot, x->false_positives / (double)x->negatives, sensitivity, (int)k);
    else if (called > 0)
        chart_dot(plot, sensitivity, x->true_positives / called, (int)k);
}

static void draw_curves(report_page *p, size_t c, bool roc)
{
    double x[CURVE_POINTS];
    chart plot = {
        &p->out, p->evaluation[0]->set.class_name[c], roc ? "1 − specificity" : "recall", roc ? "sensitivity" : "precision", 0, 1, 0, 1};
    for (size_t i = 0; i < CURVE_POINTS; i++) x[i] = (double)i / (CURVE_POINTS - 1);
    chart_begin(&plot);
    const evaluation_class *first = &p->evaluation[0]->class_result[c];
    double prevalence = (double)first->positives / (double)(first->positives + first->negatives);
    if (roc)
        chart_guide(&plot, 0, 0, 1, 1);
    else
        chart_guide(&plot, 0, prevalence, 1, prevalence);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            if (own < 0) continue;
            const curve *v = roc ? &p->curves[k][own].roc : &p->curves[k][own].precision;
            if (pass == 0)
                chart_band(&plot, x, v->low, v->high, CURVE_POINTS, (int)k);
            else
                chart_line(&plot, x, v->value, CURVE_POINTS, (int)k);
        }
    }
    for (size_t k = 0; k < p->count; k++) draw_threshold(p, k, c, roc, &plot);
    chart_end(&plot);
}

void section_curves(report_page *p)
{
    for (int roc = 1; roc >= 0; roc--) {
        text_add(
            &p->out,
            "<h2>%s curves</h2>\n<p class=dim>Bands: pointwise 95 %%, bootstrap over patients. Dashed: %s. Dots: the thresholds.</p>\n",
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

/* End of both axes: rare classes stay near 0, where a whole axis would show nothing. */
static double reliability_end(const report_page *p, size_t c)
{
    static const double ends[] = {0.1, 0.2, 0.5};
    double largest = 0;
    for (size_t k = 0; k < p->count; k++) {
        int64_t own = page_class(p, k, c);
        const evaluation_class *r = own < 0 ? NULL : &p->evaluation[k]->class_result[own];
        for (size_t b = 0; r && b < r->bins; b++) largest = fmax(largest, fmax(r->bin[b].predicted, r->bin[b].observed));
    }
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        if (largest <= ends[k]) return ends[k];
    }
    return 1;
}

static void draw_reliability(report_page *p, size_t c)
{
    double end = reliability_end(p, c);
    chart plot = {&p->out, p->evaluation[0]->set.class_name[c], "predicted probability", "observed share", 0, end, 0, end};
    chart_begin(&plot);
    chart_guide(&plot, 0, 0, end, end);
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

static void error_cell(text *out, double value)
{
    if (isfinite(value))
        text_add(out, "<td>%.3f</td>", value);
    else
        text_add(out, "<td>-</td>");
}

static void calibration_table(report_page *p)
{
    const pclr_evaluation *first = p->evaluation[0];
    bool scaled = false, unscaled = false;
    for (size_t k = 0; k < p->count; k++) {
        scaled |= isfinite(p->evaluation[k]->temperature) != 0;
        unscaled |= isfinite(p->evaluation[k]->model_temperature) != 0;
    }
    text_add(&p->out,
             "<div class=scroll><table class=narrow><thead><tr><th>class</th>%s<th>Brier</th><th>calibration error</th>%s%s</tr></thead>"
             "<tbody>\n",
             p->count > 1 ? "<th class=name>system</th>" : "", unscaled ? "<th>without the model's temperature</th>" : "",
             scaled ? "<th>with the validation temperature</th>" : "");
    for (size_t c = 0; c < first->set.classes; c++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            if (own < 0) continue;
            const evaluation_class *x = &p->evaluation[k]->class_result[own];
            text_add(&p->out, "<tr><td>");
            html_escape(&p->out, first->set.class_name[c]);
            if (p->count > 1) {
                text_add(&p->out, "</td><td class=name>");
                page_system(p, k);
            }
            text_add(&p->out, "</td><td>");
            page_estimate(&p->out, evaluation_of_class(p->evaluation[k], "brier", (size_t)own));
            text_add(&p->out, "</td>");
            error_cell(&p->out, x->calibration_error);
            if (unscaled) error_cell(&p->out, x->calibration_error_unscaled);
            if (scaled) error_cell(&p->out, x->calibration_error_scaled);
            text_add(&p->out, "</tr>\n");
        }
    }
    text_add(&p->out, "</tbody></table></div>\n");
}

void section_calibration(report_page *p)
{
    const pclr_evaluation *first = p->evaluation[0];
    if (!first->scores.probabilities) return;
    text_add(&p->out, "<h2>Calibration</h2>\n<p class=dim>Ten bins of equal size; on the dashed line probabilities mean what they say; "
                      "axes of rare classes end "
                      "before 1. The calibration error "
                      "is that of the scores as evaluated; a model file's scores carry its temperature.</p>\n");
    page_legend(p);
    text_add(&p->out, "<div class=charts>\n");
    for (size_t c = 0; c < first->set.classes; c++) {
        if (first->class_result[c].positives > 0) draw_reliability(p, c);
    }
    text_add(&p->out, "</div>\n");
    calibration_table(p);
}
