/* SPDX-License-Identifier: Apache-2.0 */
#include "report/chart.h"

#include <math.h>

enum { WIDTH = 340, HEIGHT = 290, LEFT = 50, RIGHT = 12, TOP = 28, BOTTOM = 44 };

/* Distinguishable with the common colour blindnesses (Okabe & Ito). */
const char *chart_colour(int k)
{
    static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555"};
    return colours[(size_t)k % (sizeof colours / sizeof *colours)];
}

static double px(const chart *c, double x)
{
    return LEFT + (x - c->x_low) / (c->x_high - c->x_low) * (WIDTH - LEFT - RIGHT);
}

static double py(const chart *c, double y)
{
    return HEIGHT - BOTTOM - (y - c->y_low) / (c->y_high - c->y_low) * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, so that at most about six ticks fit. */
static double tick_step(double range)
{
    double raw = range / 5, power = pow(10, floor(log10(raw))), rest = raw / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

static void draw_ticks(const chart *c)
{
    double step = tick_step(c->x_high - c->x_low);
    for (double x = ceil(c->x_low / step - 1e-9) * step; x <= c->x_high + step * 1e-9; x += step)
        text_add(c->out, "<path class=g d='M%.1f %d V%d'/><text x='%.1f' y='%d' text-anchor=middle>%g</text>", px(c, x), TOP,
                 HEIGHT - BOTTOM, px(c, x), HEIGHT - BOTTOM + 14, fabs(x) < step * 1e-9 ? 0 : x);
    step = tick_step(c->y_high - c->y_low);
    for (double y = ceil(c->y_low / step - 1e-9) * step; y <= c->y_high + step * 1e-9; y += step)
        text_add(c->out, "<path class=g d='M%d %.1f H%d'/><text x='%d' y='%.1f' text-anchor=end>%g</text>", LEFT, py(c, y), WIDTH - RIGHT,
                 LEFT - 5, py(c, y) + 4, fabs(y) < step * 1e-9 ? 0 : y);
}

void chart_begin(const chart *c)
{
    text_add(c->out, "<svg class=chart viewBox='0 0 %d %d' role=img aria-label='", WIDTH, HEIGHT);
    html_escape(c->out, c->title);
    text_add(c->out, "'><text class=t x='%d' y='18'>", LEFT);
    html_escape(c->out, c->title);
    text_add(c->out, "</text>");
    draw_ticks(c);
    text_add(c->out, "<text x='%d' y='%d' text-anchor=middle>%s</text>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, c->x_label);
    text_add(c->out, "<text transform='translate(13 %d) rotate(-90)' text-anchor=middle>%s</text>", (TOP + HEIGHT - BOTTOM) / 2,
             c->y_label);
}

void chart_line(const chart *c, const double *x, const double *y, size_t n, int colour)
{
    bool pen = false;
    text_add(c->out, "<path fill=none stroke='%s' stroke-width=1.8 d='", chart_colour(colour));
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i]) && isfinite(y[i])) text_add(c->out, "%c%.1f %.1f", pen ? 'L' : 'M', px(c, x[i]), py(c, y[i]));
        pen = isfinite(x[i]) && isfinite(y[i]);
    }
    text_add(c->out, "'/>");
}

void chart_band(const chart *c, const double *x, const double *low, const double *high, size_t n, int colour)
{
    bool pen = false;
    text_add(c->out, "<path fill='%s' fill-opacity=.16 d='", chart_colour(colour));
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(high[i])) continue;
        text_add(c->out, "%c%.1f %.1f", pen ? 'L' : 'M', px(c, x[i]), py(c, high[i]));
        pen = true;
    }
    for (size_t i = n; i-- > 0;) {
        if (isfinite(low[i]) && pen) text_add(c->out, "L%.1f %.1f", px(c, x[i]), py(c, low[i]));
    }
    text_add(c->out, "'/>");
}

void chart_dot(const chart *c, double x, double y, int colour)
{
    text_add(c->out, "<circle cx='%.1f' cy='%.1f' r=3.5 fill='%s'/>", px(c, x), py(c, y), chart_colour(colour));
}

void chart_guide(const chart *c, double x0, double y0, double x1, double y1)
{
    text_add(c->out, "<path class=d d='M%.1f %.1fL%.1f %.1f'/>", px(c, x0), py(c, y0), px(c, x1), py(c, y1));
}

void chart_end(const chart *c)
{
    text_add(c->out, "</svg>\n");
}
