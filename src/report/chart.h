/* SPDX-License-Identifier: Apache-2.0 */
/* Small charts as inline SVG: axes, lines, bands. No ids and no scripts, so that any number of them may share a page. */
#ifndef PCLR_REPORT_CHART_H
#define PCLR_REPORT_CHART_H

#include "base/html.h"

typedef struct chart {
    text *out;
    const char *title, *x_label, *y_label;
    double x_low, x_high, y_low, y_high; /* data range */
} chart;

void chart_begin(const chart *c);                                                        /* frame, ticks and labels */
void chart_line(const chart *c, const double *x, const double *y, size_t n, int colour); /* NaN parts the line */
void chart_band(const chart *c, const double *x, const double *low, const double *high, size_t n, int colour);
void chart_dot(const chart *c, double x, double y, int colour);
void chart_guide(const chart *c, double x0, double y0, double x1, double y1); /* dashed grey line */
void chart_end(const chart *c);
/* Colour of the k-th series, as CSS. */
const char *chart_colour(int k);

#endif
