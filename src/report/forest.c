/* SPDX-License-Identifier: Apache-2.0 */
#include "report/forest.h"

#include <math.h>

#include "report/chart.h"
#include "report/page.h"

enum { WIDTH = 240, PAD = 15, STEP = 12 };

bool forest_range(forest *f, const pclr_estimate *value, size_t n)
{
    f->low = INFINITY, f->high = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        if (!value[k].defined) continue;
        f->low = fmin(f->low, isnan(value[k].low) ? value[k].value : value[k].low);
        f->high = fmax(f->high, isnan(value[k].high) ? value[k].value : value[k].high);
    }
    if (f->low > f->high) return false;
    f->low = fmax(0, floor(f->low * 20 - 1e-9) / 20);
    f->high = fmin(1, ceil(f->high * 20 + 1e-9) / 20);
    if (f->high - f->low < 0.1) f->low = f->high - 0.1;
    return true;
}

static double at(const forest *f, double v)
{
    return PAD + (v - f->low) / (f->high - f->low) * (WIDTH - 2 * PAD);
}

void forest_begin(const forest *f, const char *head)
{
    text_add(f->out,
             "<div class=scroll><table class=forest><thead><tr><th>%s</th><th>95 %% interval</th><th>value</th></tr></thead><tbody>\n",
             head);
}

static double tick(const forest *f)
{
    return f->high - f->low > 0.5 ? 0.2 : f->high - f->low > 0.25 ? 0.1 : 0.05;
}

void forest_row(const forest *f, const char *label, const char *numbers, const pclr_estimate *value)
{
    int height = (int)f->systems * STEP + 8;
    text_add(f->out, "<tr><td>");
    html_escape(f->out, label);
    text_add(f->out, "<br><span class=dim>%s</span></td><td class=plot><svg viewBox='0 0 %d %d' role=img aria-label='point and interval'>",
             numbers, WIDTH, height);
    for (double v = ceil(f->low / tick(f) - 1e-9) * tick(f); v <= f->high + 1e-9; v += tick(f))
        text_add(f->out, "<path class=g d='M%.1f 0V%d'/>", at(f, v), height);
    for (size_t k = 0; k < f->systems; k++) {
        double y = 4 + STEP / 2.0 + (double)k * STEP;
        const char *colour = chart_colour((int)k);
        if (f->reference && isfinite(f->reference[k]))
            text_add(f->out, "<path d='M%.1f 0V%d' stroke='%s' stroke-dasharray='3 3' opacity=.55 />", at(f, f->reference[k]), height,
                     colour);
        if (!value[k].defined) continue;
        if (isfinite(value[k].low))
            text_add(f->out, "<path d='M%.1f %.1fH%.1f' stroke='%s' stroke-width=2 />", at(f, value[k].low), y, at(f, value[k].high),
                     colour);
        text_add(f->out, "<circle cx='%.1f' cy='%.1f' r=3.6 fill='%s'/>", at(f, value[k].value), y, colour);
    }
    text_add(f->out, "</svg></td><td>");
    for (size_t k = 0; k < f->systems; k++) {
        if (k) text_add(f->out, "<br>");
        if (f->systems > 1) text_add(f->out, "<b class=dot style='color:%s'>●</b> ", chart_colour((int)k));
        page_estimate(f->out, value[k]);
    }
    text_add(f->out, "</td></tr>\n");
}

void forest_end(const forest *f)
{
    text_add(f->out, "<tr class=axis><td></td><td class=plot><svg viewBox='0 0 %d 16' role=img aria-label='axis'>", WIDTH);
    for (double v = ceil(f->low / tick(f) - 1e-9) * tick(f); v <= f->high + 1e-9; v += tick(f))
        text_add(f->out, "<text x='%.1f' y='12' text-anchor=middle>%.2f</text>", at(f, v), fabs(v));
    text_add(f->out, "</svg></td><td></td></tr>\n</tbody></table></div>\n");
}
