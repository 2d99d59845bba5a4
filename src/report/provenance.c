/* SPDX-License-Identifier: Apache-2.0 */
/* How it was computed, in words that a methods section can take over, and from what. */
#include <math.h>

#include "report/page.h"

void section_methods(report_page *p)
{
    const pclr_evaluation *e = p->evaluation[0];
    text *out = &p->out;
    text_add(
        out,
        "<h2>Methods</h2>\n<p>The unit of evaluation is the %s%s. AUROC is the Mann–Whitney statistic with ties at one half; AUPRC is "
        "average "
        "precision, whose chance level is the prevalence. Classes without positives or without negatives are named and left out of macro "
        "and weighted averages; micro averages pool all pairs of record and class. ",
        e->segments ? "segment" : "record", e->segments ? "" : " (the mean over its segments where there are several)");
    text_add(
        out,
        "Intervals are 95 %% %s intervals of a bootstrap of %zu resamples over patients%s, all records of a patient together; a "
        "resample in "
        "which a class lost its last positive or negative was drawn again. Sensitivity, specificity and precision of a class have Wilson's "
        "interval with "
        "the records of a patient as a cluster (Korn and Graubard 1998). The interval of a class's AUROC, in subgroups too, holds the "
        "values "
        "whose distance to the estimate is at most Student's quantile times their standard error (Newcombe 2006, method 5), with Hanley "
        "and McNeil's variance scaled to that of DeLong (1988; for several records of a patient Obuchowski 1997); where DeLong's is the "
        "smaller, the scale is averaged with 1 by the weights of the patients on the rarer side and of 100. ",
        e->interval == INTERVAL_BCA ? "bias-corrected and accelerated (BCa)" : "percentile", e->bootstraps,
        e->stratified ? ", stratified by the rarest class of a patient" : "");
    if (e->validation_records)
        text_add(out, "Thresholds have the largest F1, and the temperature the smallest cross-entropy, on %zu validation records. ",
                 e->validation_records);
    for (size_t k = 0; k < p->count; k++) {
        if (p->evaluation[k]->model == NULL) continue;
        text_add(out, "Thresholds and temperature of model files were chosen on the validation records of their training. ");
        break;
    }
    if (p->options->comparison)
        text_add(out,
                 "Systems were compared on the same records and resamples. The difference of a class's AUROC has an interval and a p from "
                 "the widths of the two intervals and their correlation by DeLong, never narrower than DeLong's paired test; p are "
                 "corrected by Holm over the classes. ");
    text_add(out, "Calibration error is the mean distance of predicted and observed share over ten bins of equal size.</p>\n");
}

static void hash_cell(text *out, const char *name, const char *hash)
{
    text_add(out, "<td>");
    html_escape(out, name);
    text_add(out, "<br><code title='SHA-256 %s'>%.16s…</code></td>", hash, hash);
}

void section_provenance(report_page *p)
{
    text *out = &p->out;
    text_add(out,
             "<h2>Provenance</h2>\n<div class=scroll><table "
             "class=wraps><thead><tr><th>system</th><th>predictions</th><th>labels</th><th>task</th>"
             "<th>split</th><th>records</th><th>patients</th><th>resamples</th><th>seed</th><th>temperature</th></tr></thead><tbody>\n");
    for (size_t k = 0; k < p->count; k++) {
        const pclr_evaluation *e = p->evaluation[k];
        const char *cells[] = {e->task ? e->task : "-", e->split ? e->split : "all labelled"};
        text_add(out, "<tr><td>");
        page_system(p, k);
        text_add(out, "</td>");
        hash_cell(out, e->model ? e->model : e->predictions, e->predictions_hash);
        hash_cell(out, e->labels, e->labels_hash);
        for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
            text_add(out, "<td>");
            html_escape(out, cells[i]);
            text_add(out, "</td>");
        }
        text_add(out, "<td>%zu</td><td>%zu</td><td>%zu</td><td>%llu</td><td>", e->set.records, e->set.patients, e->bootstraps,
                 (unsigned long long)e->seed);
        if (isfinite(e->temperature))
            text_add(out, "%.3f <i>validation</i>", e->temperature);
        else if (isfinite(e->model_temperature))
            text_add(out, "%.3f <i>model</i>", e->model_temperature);
        else
            text_add(out, "-");
        text_add(out, "</td></tr>\n");
    }
    text_add(out, "</tbody></table></div>\n<p class=dim>Below the names: SHA-256 of the prediction file (of a model's predictions, where a "
                  "model is named), and "
                  "of the label file or the fingerprint of the dataset.</p>\n");
    for (size_t k = 0; k < p->count; k++) {
        if (p->evaluation[k]->model_details == NULL) continue;
        text_add(out, "<details class=long><summary>What the model file of ");
        html_escape(out, page_name(p, k));
        text_add(out, " says of itself</summary><pre>");
        html_escape(out, p->evaluation[k]->model_details);
        text_add(out, "</pre></details>\n");
    }
}
