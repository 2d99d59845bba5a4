/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's page: counts, then each kind of finding with its remedy and some recordings drawn, then the list of all findings. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "report/page.h"

enum { LISTED_MOST = 2000, EXAMPLES_DEFAULT = 2 };

static void add_counts(text *out, const pclr_checkup *c)
{
    const pclr_check_summary *s = &c->summary;

    text_add(out, "<p>%zu recordings, %zu readable, <b>%zu without findings</b>.</p>\n", s->found, s->readable, s->clean);
    text_add(out, "<div class=scroll><table class=counts><thead><tr><th>finding<th>recordings<th>share</thead><tbody>\n");
    for (size_t k = 0; k < PCLR_FINDINGS; k++) {
        if (s->records[k] == 0) continue;
        double percent = 100 * (double)s->records[k] / (double)s->found;
        text_add(out, "<tr><td><a href='#%s'>%s</a>: %s<td>%zu<td>", pclr_finding_name(k), pclr_finding_name(k), pclr_finding_meaning(k),
                 s->records[k]);
        text_add(out, percent < 0.1 ? "&lt; 0.1 %%\n" : "%.1f %%\n", percent);
    }
    text_add(out, "</tbody></table></div>\n");
}

/* What stands in parentheses behind a kind's name in "flat(V2);mains(50 Hz)". */
static void add_detail(text *out, const char *findings, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = findings; p && *p; p += strcspn(p, ";"), p += *p == ';') {
        if (strncmp(p, name, length) != 0 || p[length] != '(') continue;
        char words[600];
        snprintf(words, sizeof words, "%.*s", (int)(strcspn(p, ";") - length), p + length + 1);
        words[strlen(words) - 1] = '\0'; /* the closing one, or the last of what fits */
        html_escape(out, words);
        text_add(out, " ");
    }
}

static pclr_status draw(text *out, const pclr_checked *checked, const pclr_read_options *read, pclr_error *error)
{
    pclr_record *record = NULL;
    pclr_plot_options options = {0};

    if (pclr_record_read(&record, checked->path, read, NULL) != PCLR_OK) return PCLR_OK; /* an unreadable one has no picture */
    pclr_status status = page_plot(out, record, NULL, &options, error);
    pclr_record_destroy(&record);
    return status;
}

static pclr_status add_kind(text *out, const pclr_checkup *c, size_t k, const pclr_read_options *read, size_t examples, pclr_error *error)
{
    const char *name = pclr_finding_name(k);
    size_t drawn = 0;

    if (c->summary.records[k] == 0) return PCLR_OK;
    text_add(out, "<h2 id=%s>%s</h2>\n<p>%zu recording%s: %s.</p>\n<p class=note>Remedy: ", name, name, c->summary.records[k],
             c->summary.records[k] == 1 ? "" : "s", pclr_finding_meaning(k));
    html_escape(out, pclr_finding_remedy(k));
    text_add(out, ".</p>\n");
    for (size_t i = 0; i < c->count && drawn < examples; i++) {
        const pclr_checked *r = &c->record[i];
        if (!(r->kinds >> k & 1)) continue;
        drawn++;
        text_add(out, "<h3>");
        html_escape(out, r->id);
        text_add(out, "</h3>\n<p class=dim>");
        add_detail(out, r->findings, name);
        text_add(out, "</p>\n");
        TRY(draw(out, r, read, error));
    }
    return PCLR_OK;
}

static void add_list(text *out, const pclr_checkup *c)
{
    size_t listed = 0, all = c->summary.found - c->summary.clean;

    if (all == 0) return;
    text_add(out,
             "<h2>All findings</h2>\n<details%s><summary>%zu recordings</summary>\n<div class=scroll><table><thead><tr><th>recording"
             "<th>quality<th>findings</thead><tbody>\n",
             all <= 50 ? " open" : "", all);
    for (size_t i = 0; i < c->count && listed < LISTED_MOST; i++) {
        if (!c->record[i].findings) continue;
        listed++;
        text_add(out, "<tr><td>");
        html_escape(out, c->record[i].id);
        text_add(out, "<td>%.2f<td style='text-align:left;white-space:normal'>", (double)c->record[i].quality);
        html_escape(out, c->record[i].findings);
        text_add(out, "\n");
    }
    text_add(out, "</tbody></table></div></details>\n");
    if (listed < all) text_add(out, "<p class=dim>The first %zu of %zu; the CSV has them all.</p>\n", listed, all);
}

pclr_status pclr_checkup_report(const pclr_checkup *c, const char *html_path, const char *title, const pclr_read_options *read,
                                size_t examples, pclr_error *error)
{
    static const pclr_read_options defaults = {0};
    text out = {0};
    pclr_status status = PCLR_OK;

    page_head(&out, title ? title : "What is wrong with this archive");
    add_counts(&out, c);
    for (size_t k = 0; k < PCLR_FINDINGS && status == PCLR_OK; k++)
        status = add_kind(&out, c, k, read ? read : &defaults, examples ? examples : EXAMPLES_DEFAULT, error);
    add_list(&out, c);
    page_foot(&out);
    if (status == PCLR_OK) status = text_ok(&out, error);
    if (status == PCLR_OK) status = file_write(html_path, out.data, out.length, error);
    text_free(&out);
    return status;
}
