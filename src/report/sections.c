/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of measures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/forest.h"
#include "report/page.h"

/* ---- by class ---- */

static pclr_status class_forest(report_page *p, const char *measure_name, pclr_error *error)
{
    const pclr_evaluation *first = p->evaluation[0];
    size_t classes = first->set.classes;
    pclr_estimate *value = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&value, classes * p->count, sizeof *value, error));
    for (size_t c = 0; c < classes; c++) {
        for (size_t k = 0; k < p->count; k++) {
            int64_t own = page_class(p, k, c);
            value[c * p->count + k] =
                own >= 0 ? evaluation_of_class(p->evaluation[k], measure_name, (size_t)own) : (pclr_estimate){NAN, NAN, NAN, false};
        }
    }
    forest f = {.out = &p->out, .systems = p->count};
    if (!forest_range(&f, value, classes * p->count)) goto done;
    forest_begin(&f, "class");
    for (size_t c = 0; c < classes; c++) {
        const evaluation_class *x = &first->class_result[c];
        char numbers[96];
        snprintf(numbers, sizeof numbers, "%zu of %zu positive", x->positives, x->positives + x->negatives);
        forest_row(&f, first->set.class_name[c], numbers, &value[c * p->count]);
    }
    forest_end(&f);
done:
    mem_free(value);
    return status;
}

pclr_status section_classes(report_page *p, pclr_error *error)
{
    text_add(
        &p->out,
        "<h2>AUROC by class</h2>\n<p class=dim>Intervals from DeLong's variance, widened where few patients carry it (Methods).</p>\n");
    page_legend(p);
    TRY(class_forest(p, "auroc", error));
    text_add(&p->out, "<details><summary>AUPRC by class (its chance level is the prevalence, the share of positives)</summary>\n");
    TRY(class_forest(p, "auprc", error));
    text_add(&p->out, "</details>\n");
    return PCLR_OK;
}

/* ---- over the classes ---- */

/* "macro_auroc" of "auroc"; undefined where there is none. */
static pclr_estimate averaged(const pclr_evaluation *e, const char *average, const char *of)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", average, of);
    return evaluation_overall(e, name);
}

static void average_rows(report_page *p, const char *of, const char *title)
{
    static const char *const average[] = {"macro", "weighted", "micro"};
    const size_t averages = p->evaluation[0]->set.classes > 1 ? 3 : 1; /* of one class they are all the same */
    bool any = false;
    for (size_t k = 0; k < p->count; k++)
        any |= averaged(p->evaluation[k], "macro", of).defined || averaged(p->evaluation[k], "micro", of).defined;
    for (size_t k = 0; k < p->count && any; k++) {
        text_add(&p->out, k == 0 ? "<tr><td rowspan=%zu>%s</td>" : "<tr>", p->count, title);
        if (p->count > 1) {
            text_add(&p->out, "<td class=name>");
            page_system(p, k);
            text_add(&p->out, "</td>");
        }
        for (size_t a = 0; a < averages; a++) {
            text_add(&p->out, "<td>");
            page_estimate(&p->out, averaged(p->evaluation[k], average[a], of));
            text_add(&p->out, "</td>");
        }
        text_add(&p->out, "</tr>\n");
    }
}

/* Measures without averages: Fmax, the Challenge's score. */
static void single_rows(report_page *p)
{
    static const char *const single[] = {"fmax", "challenge2021"};
    size_t count;
    const measure *table = measures_overall(&count);
    for (size_t s = 0; s < sizeof single / sizeof *single; s++) {
        bool any = false;
        for (size_t k = 0; k < p->count; k++) any |= evaluation_overall(p->evaluation[k], single[s]).defined;
        for (size_t k = 0; k < p->count && any; k++) {
            text_add(&p->out, k == 0 ? "<tr><td rowspan=%zu>%s</td>" : "<tr>", p->count, table[measure_overall(single[s])].title);
            if (p->count > 1) {
                text_add(&p->out, "<td class=name>");
                page_system(p, k);
                text_add(&p->out, "</td>");
            }
            text_add(&p->out, p->evaluation[0]->set.classes > 1 ? "<td colspan=3>" : "<td>");
            page_estimate(&p->out, evaluation_overall(p->evaluation[k], single[s]));
            text_add(&p->out, "</td></tr>\n");
        }
    }
}

void section_measures(report_page *p)
{
    static const struct {
        const char *name, *title;
    } family[] = {{"auroc", "AUROC"},
                  {"auprc", "AUPRC"},
                  {"f1", "F1"},
                  {"precision", "precision"},
                  {"sensitivity", "sensitivity"},
                  {"specificity", "specificity"},
                  {"brier", "Brier"}};
    bool single = p->evaluation[0]->set.classes == 1;
    text_add(&p->out, single ? "<h2>Measures</h2>\n" : "<h2>Measures over the classes</h2>\n");
    page_legend(p);
    text_add(&p->out, "<div class=scroll><table class=narrow><thead><tr><th>measure</th>%s%s</tr></thead><tbody>\n",
             p->count > 1 ? "<th class=name>system</th>" : "", single ? "<th>value</th>" : "<th>macro</th><th>weighted</th><th>micro</th>");
    for (size_t m = 0; m < sizeof family / sizeof *family; m++) average_rows(p, family[m].name, family[m].title);
    single_rows(p);
    text_add(
        &p->out,
        "</tbody></table></div>\n<p class=dim>%sF1, precision, sensitivity and specificity at the thresholds. Of Brier scores the smaller "
        "is the better. Fmax: the largest sample-centric F over thresholds 0, 0.01 … 1.</p>\n",
        single ? "" : "Macro: mean over the defined classes; weighted: by their positives; micro: all pairs of record and class. ");
}
