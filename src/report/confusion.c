/* SPDX-License-Identifier: Apache-2.0 */
/* Calls at the thresholds: counts, confusion, and which calls records of each class get. */
#include <math.h>

#include "eval/write.h"
#include "report/page.h"

enum { UPRIGHT_NAMES = 8 }; /* with more classes the heads of the heat map stand on end */

static void call_row(report_page *p, size_t k, size_t c)
{
    const pclr_evaluation *e = p->evaluation[k];
    const evaluation_class *x = &e->class_result[c];
    static const char *const shown[] = {"sensitivity", "specificity", "precision", "f1", "sensitivity_at", "ppv_at"};
    text_add(&p->out, "<tr><td>");
    html_escape(&p->out, e->set.class_name[c]);
    if (p->count > 1) {
        text_add(&p->out, "</td><td class=name>");
        page_system(p, k);
    }
    if (isnan(x->threshold))
        text_add(&p->out, "</td><td>none</td><td>-</td><td>-</td><td>-</td><td>-</td>");
    else
        text_add(&p->out, "</td><td>%.3f <i>%s</i></td><td>%.0f</td><td>%.0f</td><td>%.0f</td><td>%.0f</td>", x->threshold,
                 write_origin(x->origin), x->true_positives, x->false_positives, (double)x->positives - x->true_positives,
                 (double)x->negatives - x->false_positives);
    for (size_t m = 0; m < sizeof shown / sizeof *shown - (e->prevalence > 0 ? 0 : 1); m++) {
        text_add(&p->out, "<td>");
        page_estimate(&p->out, evaluation_of_class(e, shown[m], c));
        text_add(&p->out, "</td>");
    }
    text_add(&p->out, "</tr>\n");
}

static void call_table(report_page *p)
{
    const pclr_evaluation *first = p->evaluation[0];
    page_legend(p);
    text_add(&p->out,
             "<div class=scroll><table class=stack><thead><tr><th>class</th>%s<th>threshold</th><th>TP</th><th>FP</th><th>FN</th>"
             "<th>TN</th><th>sensitivity</th><th>specificity</th><th>precision</th><th>F1</th><th>sens. at spec. %g</th>",
             p->count > 1 ? "<th class=name>system</th>" : "", first->specificity);
    if (first->prevalence > 0) text_add(&p->out, "<th>PPV at prev. %g</th>", first->prevalence);
    text_add(&p->out, "</tr></thead><tbody>\n");
    for (size_t c = 0; c < first->set.classes; c++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            if (own >= 0) call_row(p, k, (size_t)own);
        }
    }
    text_add(&p->out, "</tbody></table></div>\n");
}

/* The two-by-two table of a single class. */
static void two_by_two(report_page *p, size_t k)
{
    const evaluation_class *x = &p->evaluation[k]->class_result[0];
    if (isnan(x->threshold)) return;
    text_add(&p->out, "<table class=confusion><caption>");
    page_system(p, k);
    text_add(
        &p->out,
        "</caption><thead><tr><td></td><th>called</th><th>not called</th></tr></thead><tbody><tr><th>present</th><td class=right>%.0f</td>"
        "<td class=wrong>%.0f</td></tr><tr><th>absent</th><td class=wrong>%.0f</td><td class=right>%.0f</td></tr></tbody></table>\n",
        x->true_positives, (double)x->positives - x->true_positives, x->false_positives, (double)x->negatives - x->false_positives);
}

/* share[classes + 1]: of the records labelled `row`, the share called as each class, and as none. Returns how many records. */
static size_t row_shares(const pclr_evaluation *e, size_t row, double *share)
{
    const eval_set *set = &e->set;
    size_t records = 0;
    for (size_t c = 0; c <= set->classes; c++) share[c] = 0;
    for (size_t r = 0; r < set->records; r++) {
        bool any = false;
        if (set->label[r * set->classes + row] != 1) continue;
        records++;
        for (size_t c = 0; c < set->classes; c++) {
            bool called = set->score[r * set->classes + c] >= e->class_result[c].threshold;
            share[c] += called;
            any |= called;
        }
        share[set->classes] += !any;
    }
    for (size_t c = 0; c <= set->classes && records > 0; c++) share[c] /= (double)records;
    return records;
}

static void heat_cell(text *out, double share, bool diagonal)
{
    /* Blue where the call is the label, orange where it is another; darker with the share. */
    text_add(out, "<td style='background:rgba(%s,%.2f)%s'>%.0f</td>", diagonal ? "0,114,178" : "213,94,0", share * 0.85,
             share > 0.75 ? ";color:#fff" : "", 100 * share);
}

static pclr_status heat_map(report_page *p, size_t k, pclr_error *error)
{
    const pclr_evaluation *e = p->evaluation[k];
    double *share = NULL;
    TRY(mem_alloc(&share, e->set.classes + 1, sizeof *share, error));
    text_add(&p->out, "<div class=scroll><table class='heat%s'><caption>", e->set.classes > UPRIGHT_NAMES ? " many" : "");
    page_system(p, k);
    text_add(&p->out, "</caption><thead><tr><th>labelled</th><th>records</th>");
    for (size_t c = 0; c < e->set.classes; c++) {
        text_add(&p->out, "<th><span>");
        html_escape(&p->out, e->set.class_name[c]);
        text_add(&p->out, "</span></th>");
    }
    text_add(&p->out, "<th><span>no call</span></th></tr></thead><tbody>\n");
    for (size_t row = 0; row < e->set.classes; row++) {
        size_t records = row_shares(e, row, share);
        if (records == 0) continue;
        text_add(&p->out, "<tr><th>");
        html_escape(&p->out, e->set.class_name[row]);
        text_add(&p->out, "</th><td>%zu</td>", records);
        for (size_t c = 0; c <= e->set.classes; c++) heat_cell(&p->out, share[c], c == row);
        text_add(&p->out, "</tr>\n");
    }
    text_add(&p->out, "</tbody></table></div>\n");
    mem_free(share);
    return PCLR_OK;
}

pclr_status section_calls(report_page *p, pclr_error *error)
{
    const pclr_evaluation *first = p->evaluation[0];
    text_add(&p->out, "<h2>Calls at the thresholds</h2>\n<p class=dim>");
    if (first->validation_records)
        text_add(&p->out, "Thresholds with the largest F1 on %zu validation records. ", first->validation_records);
    text_add(&p->out, "Sensitivity at a specificity of %g is over all thresholds", first->specificity);
    if (first->prevalence > 0)
        text_add(&p->out, "; the predictive value is what the threshold would give at a prevalence of %g", first->prevalence);
    text_add(&p->out, ".</p>\n");
    if (first->set.classes == 1) {
        text_add(&p->out, "<div class=cards>\n");
        for (size_t k = 0; k < p->count; k++) two_by_two(p, k);
        text_add(&p->out, "</div>\n");
    }
    call_table(p);
    if (first->set.classes == 1) return PCLR_OK;
    text_add(&p->out, "<h3>Confusion</h3>\n<p class=dim>Of the records labelled as the row, the percentage called as the column. A record "
                      "may have several "
                      "labels and several calls.</p>\n");
    text_add(&p->out, "<div class=heats>\n");
    for (size_t k = 0; k < p->count; k++) TRY(heat_map(p, k, error));
    text_add(&p->out, "</div>\n");
    return PCLR_OK;
}
