/* SPDX-License-Identifier: Apache-2.0 */
/* Paired differences to the first system. */
#include <math.h>
#include <string.h>

#include "report/page.h"

static void heads(report_page *p, const pclr_comparison *c, const char *first)
{
    text_add(&p->out, "<div class=scroll><table class=narrow><thead><tr>%s", first);
    for (size_t m = 1; m < c->models; m++) {
        text_add(&p->out, "<th style='color:%s'>", chart_colour((int)m));
        html_escape(&p->out, page_name(p, m));
        text_add(&p->out, "</th><th>p</th>");
    }
    text_add(&p->out, "</tr></thead><tbody>\n");
}

static void difference(text *out, double value, double low, double high)
{
    text_add(out, "<td>%+.3f", value);
    if (isfinite(low)) text_add(out, " <i>[%+.3f, %+.3f]</i>", low, high);
    text_add(out, "</td>");
}

static void class_table(report_page *p, const pclr_comparison *c)
{
    heads(p, c, "<th>AUROC of</th>");
    for (size_t k = 0; k < c->classes; k++) {
        const evaluation_class *x = &p->evaluation[0]->class_result[k];
        if (x->positives == 0 || x->negatives == 0) continue;
        text_add(&p->out, "<tr><td>");
        html_escape(&p->out, p->evaluation[0]->set.class_name[k]);
        text_add(&p->out, "<br><span class=dim>%zu of %zu positive</span></td>", x->positives, x->positives + x->negatives);
        for (size_t m = 1; m < c->models; m++) {
            const class_difference *d = &c->by_class[m * c->classes + k];
            if (!d->defined) {
                text_add(&p->out, "<td><i>too few patients</i></td><td></td>");
                continue;
            }
            difference(&p->out, d->delong.value, d->delong.low, d->delong.high);
            text_add(&p->out, "<td>");
            page_p(&p->out, d->holm, 1e-4);
            text_add(&p->out, "<br><span class=dim>DeLong ");
            page_p(&p->out, d->delong.p_wald, 1e-4);
            text_add(&p->out, "</span></td>");
        }
        text_add(&p->out, "</tr>\n");
    }
    text_add(&p->out, "</tbody></table></div>\n");
}

static void measure_table(report_page *p, const pclr_comparison *c)
{
    size_t count;
    const measure *table = measures_overall(&count);
    heads(p, c, "<th>measure</th>");
    for (size_t k = 0; k < count; k++) {
        bool any = false;
        for (size_t m = 1; m < c->models; m++) any |= c->difference[m * count + k].defined;
        const char *title = measure_title(&table[k], c->classes);
        if (!any || title == NULL) continue;
        text_add(&p->out, "<tr><td>%s</td>", title);
        for (size_t m = 1; m < c->models; m++) {
            pclr_estimate d = c->difference[m * count + k];
            if (!d.defined) {
                text_add(&p->out, "<td><i>undefined</i></td><td></td>");
                continue;
            }
            difference(&p->out, d.value, d.low, d.high);
            text_add(&p->out, "<td>");
            page_p(&p->out, c->p[m * count + k], 2 / ((double)c->resampling.count + 1));
            text_add(&p->out, "</td>");
        }
        text_add(&p->out, "</tr>\n");
    }
    text_add(&p->out, "</tbody></table></div>\n");
}

void section_differences(report_page *p)
{
    const pclr_comparison *c = p->options->comparison;
    if (c == NULL) return;
    text_add(&p->out, "<h2>Paired differences</h2>\n<p class=dim>Minus ");
    html_escape(&p->out, page_name(p, 0));
    text_add(&p->out,
             ", on the same records. By class from DeLong's variance over patients, widened where they are few; p corrected by Holm over "
             "the classes; below it that of DeLong's test as published, uncorrected. Over the classes a paired bootstrap over patients; "
             "with %zu resamples p cannot fall below %.2g, and p of different measures are not corrected for "
             "each other. Of Brier scores the smaller is the better.</p>\n",
             c->resampling.count, 2 / ((double)c->resampling.count + 1));
    class_table(p, c);
    text_add(&p->out, "<details><summary>Differences of all measures over the classes</summary>\n");
    measure_table(p, c);
    text_add(&p->out, "</details>\n");
}
