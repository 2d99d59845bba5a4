/* SPDX-License-Identifier: Apache-2.0 */
/* Subgroups: forest plots of macro AUROC, and the classes of each group. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/forest.h"
#include "report/page.h"

enum { MOST_PRINTED = 120 }; /* rows of the classes' table on paper; the CSV has all */

/* The group of evaluation k that has the kind and name of group g of the first; NULL: none. */
static const evaluation_group *same_group(const report_page *p, size_t k, size_t g)
{
    const evaluation_group *wanted = &p->evaluation[0]->group[g];
    for (size_t i = 0; i < p->evaluation[k]->groups; i++) {
        const evaluation_group *x = &p->evaluation[k]->group[i];
        if (strcmp(x->kind, wanted->kind) == 0 && strcmp(x->name, wanted->name) == 0) return x;
    }
    return NULL;
}

static void group_label(text *out, const evaluation_group *g)
{
    text_add(out, "<td>%s: ", g->kind);
    html_escape(out, g->name);
    text_add(out, "</td>");
}

static pclr_status group_forest(report_page *p, pclr_error *error)
{
    const pclr_evaluation *first = p->evaluation[0];
    pclr_estimate *value = NULL;
    double *reference = NULL;
    pclr_status status = PCLR_OK;

    TRY_GOTO(mem_alloc(&value, first->groups * p->count, sizeof *value, error));
    TRY_GOTO(mem_alloc(&reference, p->count, sizeof *reference, error));
    for (size_t k = 0; k < p->count; k++) {
        pclr_estimate all = evaluation_overall(p->evaluation[k], "macro_auroc");
        reference[k] = all.defined ? all.value : NAN;
        for (size_t g = 0; g < first->groups; g++) {
            const evaluation_group *x = same_group(p, k, g);
            value[g * p->count + k] = x ? x->macro_auroc : (pclr_estimate){NAN, NAN, NAN, false};
        }
    }
    forest f = {.out = &p->out, .systems = p->count, .reference = reference};
    if (!forest_range(&f, value, first->groups * p->count)) goto done;
    forest_begin(&f, "group");
    for (size_t g = 0; g < first->groups; g++) {
        const evaluation_group *x = &first->group[g];
        char label[96], numbers[128];
        snprintf(label, sizeof label, "%s: %s", x->kind, x->name);
        snprintf(numbers, sizeof numbers, "%zu records, %zu positives, %zu classes", x->records, x->positives, x->defined);
        forest_row(&f, label, numbers, &value[g * p->count]);
    }
    forest_end(&f);
done:
    mem_free(value);
    mem_free(reference);
    return status;
}

/* Rows of the table below: classes that have positives and negatives in a group. */
static size_t class_rows(const pclr_evaluation *e)
{
    size_t rows = 0;
    for (size_t g = 0; g < e->groups; g++) rows += e->group[g].defined;
    return rows;
}

static void class_tables(report_page *p)
{
    const pclr_evaluation *first = p->evaluation[0];
    bool prints = class_rows(first) <= MOST_PRINTED;
    text_add(&p->out,
             "<details%s><summary>AUROC of the classes in each group</summary>\n<p class=dim>Where a group has positives and negatives of "
             "the class.</p>\n<div class=scroll><table><thead><tr><th>group</th><th class=name>class</th><th>positives</th>"
             "<th>negatives</th>",
             prints ? "" : " class=long");
    for (size_t k = 0; k < p->count; k++) {
        text_add(&p->out, "<th>");
        page_system(p, k);
        text_add(&p->out, "</th>");
    }
    text_add(&p->out, "</tr></thead><tbody>\n");
    for (size_t g = 0; g < first->groups; g++) {
        for (size_t c = 0; c < first->set.classes; c++) {
            const group_class *x = &first->group[g].by_class[c];
            if (x->positives == 0 || x->negatives == 0) continue;
            text_add(&p->out, "<tr>");
            group_label(&p->out, &first->group[g]);
            text_add(&p->out, "<td class=name>");
            html_escape(&p->out, first->set.class_name[c]);
            text_add(&p->out, "</td><td>%zu</td><td>%zu</td>", x->positives, x->negatives);
            for (size_t k = 0; k < p->count; k++) {
                const evaluation_group *same = same_group(p, k, g);
                int64_t own = page_class(p, k, c);
                text_add(&p->out, "<td>");
                if (same && own >= 0) page_estimate(&p->out, same->by_class[own].auroc);
                text_add(&p->out, "</td>");
            }
            text_add(&p->out, "</tr>\n");
        }
    }
    text_add(&p->out, "</tbody></table></div></details>\n");
}

pclr_status section_groups(report_page *p, pclr_error *error)
{
    if (p->evaluation[0]->groups == 0) return PCLR_OK;
    text_add(&p->out, "<h2>Subgroups</h2>\n<p class=dim>Macro AUROC over the classes defined in the group; dashed: all records. \"Without "
                      "source\" leaves "
                      "one source out.</p>\n");
    page_legend(p);
    TRY(group_forest(p, error));
    class_tables(p);
    return PCLR_OK;
}
