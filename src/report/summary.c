/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader sees first: the main figure of each system, the differences, what to know before reading on. */
#include <math.h>

#include "report/page.h"

static void card(report_page *p, size_t k)
{
    text *out = &p->out;
    const pclr_evaluation *e = p->evaluation[k];
    pclr_estimate macro = evaluation_overall(e, "macro_auroc");
    text_add(out, "<div class=card style='border-left-color:%s'>", chart_colour((int)k));
    html_escape(out, page_name(p, k));
    const char *word = e->set.classes > 1 ? "macro " : "";
    if (macro.defined)
        text_add(out, "<b>%.3f</b>%sAUROC, 95 %% interval %.3f to %.3f<br>", macro.value, word, macro.low, macro.high);
    else
        text_add(out, "<b>undefined</b>%sAUROC: no class has positives and negatives<br>", word);
    text_add(out, "<span class=dim>%zu %s of %zu patients; ", e->set.records, e->segments ? "segments" : "records", e->set.patients);
    if (e->defined < e->set.classes)
        text_add(out, "mean of the %zu of %zu classes that have positives and negatives", e->defined, e->set.classes);
    else
        text_add(out, e->set.classes == 1 ? "one class" : "mean of %zu classes", e->set.classes);
    text_add(out, "</span></div>\n");
}

/* "MI, CD" of the classes where a paired test on the 5 % level, corrected, tells the models apart. */
static size_t list_different(report_page *p, const pclr_comparison *c, size_t m, text *list)
{
    size_t count = 0;
    for (size_t k = 0; k < c->classes; k++) {
        const class_difference *d = &c->by_class[m * c->classes + k];
        if (!d->defined || d->holm >= 0.05) continue;
        text_add(list, count++ ? ", " : "");
        html_escape(list, p->evaluation[0]->set.class_name[k]);
    }
    return count;
}

static void difference_sentence(report_page *p, const pclr_comparison *c, size_t m)
{
    size_t count, at = measure_overall("macro_auroc");
    measures_overall(&count);
    pclr_estimate d = c->difference[m * count + at];
    text list = {0};
    if (!d.defined) return;
    text_add(&p->out, "<li>%s of <b>", c->classes > 1 ? "Macro AUROC" : "AUROC");
    html_escape(&p->out, page_name(p, m));
    text_add(&p->out, "</b> minus that of <b>");
    html_escape(&p->out, page_name(p, 0));
    text_add(&p->out, "</b>: %+.3f <i>[%+.3f, %+.3f]</i>, p ", d.value, d.low, d.high);
    page_p(&p->out, c->p[m * count + at], 2 / ((double)c->resampling.count + 1));
    size_t different = list_different(p, c, m, &list);
    if (different == 0)
        text_add(&p->out, "; no class differs (Holm-corrected, 5 %% level)");
    else
        text_add(&p->out, "; classes that differ (Holm-corrected, 5 %% level): %s", list.data ? list.data : "");
    text_add(&p->out, ".</li>\n");
    p->out.failed |= list.failed;
    text_free(&list);
}

/* One line for a note, however many systems have it. */
static void add_note(report_page *p, size_t k, const char *note)
{
    size_t have = 0, named = 0;
    for (size_t i = 0; i < p->count; i++) {
        bool same = eval_set_has_note(&p->evaluation[i]->set, note);
        if (same && i < k) return;
        have += same;
    }
    text_add(&p->out, "<li>");
    for (size_t i = k; i < p->count && have < p->count; i++) {
        if (!eval_set_has_note(&p->evaluation[i]->set, note)) continue;
        text_add(&p->out, named++ ? ", " : "");
        html_escape(&p->out, page_name(p, i));
    }
    text_add(&p->out, named ? ": " : "");
    html_escape(&p->out, note);
    text_add(&p->out, "</li>\n");
}

static void notes(report_page *p)
{
    const pclr_comparison *c = p->options->comparison;
    size_t count = 0;
    for (size_t k = 0; k < p->count; k++) count += p->evaluation[k]->set.notes;
    if (count == 0 && (c == NULL || c->notes.length == 0)) return;
    text_add(&p->out, "<div class=note><b>To know</b><ul>\n");
    for (const char *line = c && c->notes.length ? c->notes.data : ""; *line;) {
        const char *end = line;
        while (*end && *end != '\n') end++;
        text_add(&p->out, "<li>");
        html_escape_part(&p->out, line, (size_t)(end - line));
        text_add(&p->out, "</li>\n");
        line = end + (*end == '\n');
    }
    for (size_t k = 0; k < p->count; k++) {
        for (size_t n = 0; n < p->evaluation[k]->set.notes; n++) add_note(p, k, p->evaluation[k]->set.note[n]);
    }
    text_add(&p->out, "</ul></div>\n");
}

/* What was evaluated: "Task superclass, records of split folds:test of pool.h5". */
static void subject(report_page *p)
{
    const pclr_evaluation *e = p->evaluation[0];
    text *out = &p->out;
    text_add(out, "<p class=dim>");
    if (e->task) {
        text_add(out, "Task ");
        html_escape(out, e->task);
        text_add(out, ", ");
    }
    text_add(out, e->task ? "%s of " : "Of %s of ", e->segments ? "segments" : "records");
    if (e->split) {
        text_add(out, "split ");
        html_escape(out, e->split);
        text_add(out, " of ");
    }
    html_escape(out, e->labels);
    text_add(out, "</p>\n");
}

void section_summary(report_page *p)
{
    const pclr_comparison *c = p->options->comparison;
    subject(p);
    text_add(&p->out, "<div class=cards>\n");
    for (size_t k = 0; k < p->count; k++) card(p, k);
    text_add(&p->out, "</div>\n");
    if (c) {
        text_add(&p->out, "<ul class=findings>\n");
        for (size_t m = 1; m < c->models && m < p->count; m++) difference_sentence(p, c, m);
        text_add(&p->out, "</ul>\n");
    }
    notes(p);
}
