/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_report_write: the sections in order, one file. */
#include "base/file.h"
#include "report/page.h"

static pclr_status build(report_page *p, pclr_error *error)
{
    for (size_t k = 0; k < p->count; k++) TRY(curves_create(&p->curves[k], p->evaluation[k], error));
    page_head(&p->out, p->options->title ? p->options->title : "ECG classification report");
    section_summary(p);
    section_differences(p);
    TRY(section_classes(p, error));
    section_measures(p);
    section_curves(p);
    section_calibration(p);
    TRY(section_calls(p, error));
    TRY(section_groups(p, error));
    TRY(section_examples(p, error));
    TRY(section_runs(p, error));
    section_methods(p);
    section_provenance(p);
    page_foot(&p->out);
    return text_ok(&p->out, error);
}

pclr_status pclr_report_write(const char *html_path, const pclr_evaluation *const *evaluations, size_t count,
                              const pclr_report_options *options, pclr_error *error)
{
    static const pclr_report_options defaults = {0};
    report_page page = {.evaluation = evaluations, .count = count, .options = options ? options : &defaults};
    if (count == 0) return error_set(error, PCLR_E_ARGUMENT, "%s: no evaluation to report on", html_path);
    TRY(mem_alloc(&page.curves, count, sizeof *page.curves, error));
    pclr_status status = build(&page, error);
    if (status == PCLR_OK) status = file_write(html_path, page.out.data, page.out.length, error);
    for (size_t k = 0; k < count; k++) mem_free(page.curves[k]);
    mem_free(page.curves);
    text_free(&page.out);
    return status;
}
