/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of the HTML report; each adds itself to `out`. */
#ifndef PCLR_REPORT_PAGE_H
#define PCLR_REPORT_PAGE_H

#include "eval/comparison.h"
#include "report/chart.h"
#include "report/curves.h"

typedef struct report_page {
    text out;
    const pclr_evaluation *const *evaluation;
    size_t count;
    const pclr_report_options *options;
    class_curves **curves; /* [count][classes of that evaluation] */
} report_page;

const char *page_name(const report_page *p, size_t k); /* of evaluation k */
/* Classes of evaluation k by the name of class c of evaluation 0; -1: it has none. */
int64_t page_class(const report_page *p, size_t k, size_t c);
void page_head(text *out, const char *title); /* doctype, style, heading */
void page_foot(text *out);
void page_estimate(text *out, pclr_estimate e);
void page_legend(report_page *p);
void page_system(report_page *p, size_t k); /* name of system k with its colour, where there are several */
/* "0.012", or "<= LIMIT" at or below what is told. */
void page_p(text *out, double p, double limit);

void section_summary(report_page *p);
void section_differences(report_page *p);
pclr_status section_classes(report_page *p, pclr_error *error); /* forest plots by class */
void section_measures(report_page *p);
void section_curves(report_page *p);
void section_calibration(report_page *p);
pclr_status section_calls(report_page *p, pclr_error *error);  /* thresholds and confusion */
pclr_status section_groups(report_page *p, pclr_error *error); /* forest plot */
pclr_status section_examples(report_page *p, pclr_error *error);
pclr_status section_runs(report_page *p, pclr_error *error);
void section_methods(report_page *p);
void section_provenance(report_page *p);
/* "data:image/svg+xml;base64,..." of a record on ECG paper as an <img>. */
pclr_status page_plot(text *out, const pclr_record *record, const pclr_fiducials *fiducials, const pclr_plot_options *options,
                      pclr_error *error);

#endif
