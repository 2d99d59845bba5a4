/* SPDX-License-Identifier: Apache-2.0 */
/* ECG paper: 25 mm/s, 10 mm/mV, drawn with cairo in millimetres. */
#ifndef PCLR_REPORT_PAPER_H
#define PCLR_REPORT_PAPER_H

#include <cairo.h>

#include "base/error.h"

typedef struct paper_page {
    const pclr_record *record;
    const pclr_fiducials *fiducials; /* NULL: no marks */
    const char *title;
    double first, seconds; /* part drawn */
    bool grid;             /* 3 rows of 4 leads and a rhythm strip; else a row a lead */
    double width, height;  /* mm, from paper_layout */
} paper_page;

/* Chooses layout and size. PCLR_E_ARGUMENT when the part or the layout's name is impossible. */
pclr_status paper_layout(paper_page *page, const pclr_record *record, const pclr_fiducials *fiducials, const pclr_plot_options *options,
                         pclr_error *error);
/* Draws onto a context whose unit is the millimetre. */
void paper_draw(const paper_page *page, cairo_t *cr);
/* The whole page as SVG text from mem_alloc. */
pclr_status paper_svg(const paper_page *page, char **svg, size_t *size, pclr_error *error);

#endif
