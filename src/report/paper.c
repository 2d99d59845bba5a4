/* SPDX-License-Identifier: Apache-2.0 */
#include "report/paper.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MM_PER_SECOND = 25, MM_PER_MV = 10, COLUMNS = 4, GRID_ROWS = 3 };
static const double margin = 6, header = 14, footer = 8, pulse_width = 10; /* mm */
static const double least_reach = 8, most_reach = 50;                      /* mm of a row above and below its zero line */
static const double label = 3.4, gap = 1;                                  /* mm: height of a lead's name, space around traces */
static const double densest = 0.12;                                        /* mm between points of a trace */

typedef struct colour {
    double r, g, b, a;
} colour;
static const colour background = {1, 0.985, 0.98, 1}, fine = {0.96, 0.80, 0.78, 1}, coarse = {0.90, 0.58, 0.55, 1},
                    ink = {0.07, 0.07, 0.09, 1};
static const colour of_p = {0.10, 0.37, 0.80, 1}, of_qrs = {0.03, 0.50, 0.25, 1}, of_t = {0.60, 0.15, 0.75, 1};

static const pclr_lead grid_lead[GRID_ROWS][COLUMNS] = {{PCLR_LEAD_I, PCLR_LEAD_AVR, PCLR_LEAD_V1, PCLR_LEAD_V4},
                                                        {PCLR_LEAD_II, PCLR_LEAD_AVL, PCLR_LEAD_V2, PCLR_LEAD_V5},
                                                        {PCLR_LEAD_III, PCLR_LEAD_AVF, PCLR_LEAD_V3, PCLR_LEAD_V6}};

static void use(cairo_t *cr, colour c)
{
    cairo_set_source_rgba(cr, c.r, c.g, c.b, c.a);
}

/* Channel of a standard lead, or -1. */
static int channel_of(const pclr_record *record, pclr_lead lead)
{
    for (size_t k = 0; k < record->leads; k++) {
        if (record->channel[k].lead == lead) return (int)k;
    }
    return -1;
}

static bool has_standard_leads(const pclr_record *record)
{
    for (int lead = 0; lead < PCLR_LEAD_STANDARD; lead++) {
        if (channel_of(record, (pclr_lead)lead) < 0) return false;
    }
    return true;
}

/* One lead from `begin` to `end` (samples) with its zero line at y. */
typedef struct strip {
    size_t lead, begin, end;
    double x, y, baseline; /* mm, mm, mV */
} strip;

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Median of (a sample of) the strip, so that an electrode offset does not move the trace off its row. */
static double strip_median(const pclr_record *record, const strip *s)
{
    enum { MOST = 1024 };
    float value[MOST];
    size_t step = (s->end - s->begin) / MOST + 1, n = 0;
    for (size_t i = s->begin; i < s->end && n < MOST; i += step) {
        size_t at = s->lead * record->samples + i;
        if (!record->valid || record->valid[at]) value[n++] = record->signal[at];
    }
    if (n == 0) return 0;
    qsort(value, n, sizeof *value, compare_floats);
    return value[n / 2];
}

static double x_of(const pclr_record *record, const strip *s, double sample)
{
    return s->x + (sample - (double)s->begin) / record->rate * MM_PER_SECOND;
}

static double y_of(const strip *s, double millivolt)
{
    return s->y - (millivolt - s->baseline) * MM_PER_MV;
}

static size_t sample_at(const paper_page *page, double seconds)
{
    double at = (page->first + seconds) * page->record->rate;
    return at >= (double)page->record->samples ? page->record->samples : (size_t)llround(at);
}

/* One lead of a part of the page, `from` to `to` seconds after its begin; x and y are left to the caller. */
static strip strip_of(const paper_page *page, size_t lead, double from, double to)
{
    strip s = {.lead = lead, .begin = sample_at(page, from), .end = sample_at(page, to)};
    s.baseline = strip_median(page->record, &s);
    return s;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* mm that a row takes above and below its zero line. */
typedef struct reach {
    double above, below;
} reach;

static double limited(double x)
{
    return fmin(fmax(x, least_reach), most_reach);
}

/* Wide enough for the trace and, above, the calibration pulse or the lead's name, so that no row runs into another. */
static reach widen(reach r, const paper_page *page, const strip *s)
{
    const float *signal = page->record->signal + s->lead * page->record->samples;
    double high = s->baseline, low = high;
    for (size_t i = s->begin; i < s->end; i++) {
        high = fmax(high, (double)signal[i]);
        low = fmin(low, (double)signal[i]);
    }
    double above = (high - s->baseline) * MM_PER_MV + gap + (page->grid ? label + gap : 0);
    return (reach){fmax(r.above, limited(above)), fmax(r.below, limited((s->baseline - low) * MM_PER_MV + gap))};
}

/* Standard leads in their order, then the others as they stand in the recording. */
static size_t lead_of_row(const pclr_record *record, size_t row)
{
    for (int lead = 0; lead < PCLR_LEAD_STANDARD; lead++) {
        int k = channel_of(record, (pclr_lead)lead);
        if (k >= 0 && row-- == 0) return (size_t)k;
    }
    for (size_t k = 0; k < record->leads; k++) {
        if (record->channel[k].lead == PCLR_LEAD_OTHER && row-- == 0) return k;
    }
    return 0;
}

static size_t rows_of(const paper_page *page)
{
    return page->grid ? GRID_ROWS + 1 : page->record->leads;
}

/* Strips of a row, at most COLUMNS; the last row of the grid is the rhythm strip. */
static size_t strips_of_row(const paper_page *page, size_t row, strip strips[COLUMNS])
{
    double column = page->seconds / COLUMNS;
    if (!page->grid || row == GRID_ROWS) {
        size_t lead = page->grid ? (size_t)channel_of(page->record, PCLR_LEAD_II) : lead_of_row(page->record, row);
        strips[0] = strip_of(page, lead, 0, page->seconds);
        return 1;
    }
    for (int k = 0; k < COLUMNS; k++)
        strips[k] = strip_of(page, (size_t)channel_of(page->record, grid_lead[row][k]), k * column, (k + 1) * column);
    return COLUMNS;
}

static reach reach_of_row(const paper_page *page, const strip *strips, size_t count)
{
    reach r = {.above = MM_PER_MV + label + 2 * gap, .below = least_reach};
    for (size_t k = 0; k < count; k++) r = widen(r, page, &strips[k]);
    return r;
}

static double height_of_rows(const paper_page *page)
{
    strip strips[COLUMNS];
    double height = 0;
    for (size_t row = 0; row < rows_of(page); row++) {
        reach r = reach_of_row(page, strips, strips_of_row(page, row, strips));
        height += r.above + r.below;
    }
    return height;
}

pclr_status paper_layout(paper_page *page, const pclr_record *record, const pclr_fiducials *fiducials, const pclr_plot_options *options,
                         pclr_error *error)
{
    static const pclr_plot_options defaults = {0};
    const pclr_plot_options *o = options ? options : &defaults;
    double length = (double)record->samples / record->rate;
    bool marks = fiducials != NULL && o->marks;

    *page = (paper_page){.record = record, .fiducials = marks ? fiducials : NULL, .title = o->title, .first = o->first};
    if (!(o->first >= 0) || o->first >= length || !(o->seconds >= 0) || record->leads == 0)
        return error_set(error, PCLR_E_ARGUMENT, "%s: nothing to draw from %g s on; the recording has %zu leads of %g s", record->id,
                         o->first, record->leads, length);
    page->seconds = fmin(o->seconds > 0 ? o->seconds : 10, length - o->first);
    page->grid = has_standard_leads(record) && !marks;
    if (o->layout && strcmp(o->layout, "rows") == 0)
        page->grid = false;
    else if (o->layout && strcmp(o->layout, "paper") == 0) {
        if (!has_standard_leads(record))
            return error_set(error, PCLR_E_ARGUMENT, "%s: layout 'paper' needs the 12 standard leads; use 'rows'", record->id);
        page->grid = true;
    } else if (o->layout)
        return error_set(error, PCLR_E_ARGUMENT, "layout '%s'; the layouts are paper and rows", o->layout);
    if (page->seconds > 60) return error_set(error, PCLR_E_ARGUMENT, "%g s do not fit on a page; at most 60 s can be drawn", page->seconds);
    page->width = 2 * margin + pulse_width + page->seconds * MM_PER_SECOND;
    page->height = header + footer + height_of_rows(page);
    return PCLR_OK;
}

static void rule(cairo_t *cr, double step, double width, double height, colour c, double line)
{
    use(cr, c);
    cairo_set_line_width(cr, line);
    for (double x = 0; x <= width; x += step) cairo_move_to(cr, x, 0), cairo_line_to(cr, x, height);
    for (double y = 0; y <= height; y += step) cairo_move_to(cr, 0, y), cairo_line_to(cr, width, y);
    cairo_stroke(cr);
}

static void say(cairo_t *cr, double x, double y, double size, bool bold, const char *words)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
    cairo_move_to(cr, x, y);
    cairo_show_text(cr, words);
}

/* Dense signals keep the lowest and the highest sample of every 2 * `densest` mm, in their order: no peak is lost. */
static void draw_trace(cairo_t *cr, const pclr_record *record, const strip *s)
{
    size_t step = (size_t)fmax(1, floor(2 * densest * record->rate / MM_PER_SECOND));
    const float *signal = record->signal + s->lead * record->samples;
    const uint8_t *valid = record->valid ? record->valid + s->lead * record->samples : NULL;
    bool pen = false;
    for (size_t i = s->begin; i < s->end; i += step) {
        size_t low = i, high = i, last = i + step < s->end ? i + step : s->end;
        bool whole = true;
        for (size_t k = i; k < last; k++) {
            if (valid && !valid[k]) whole = false;
            if (signal[k] < signal[low]) low = k;
            if (signal[k] > signal[high]) high = k;
        }
        if (!whole) {
            pen = false;
            continue;
        }
        size_t points[2] = {low < high ? low : high, low < high ? high : low};
        for (int k = 0; k < (low == high ? 1 : 2); k++) {
            double x = x_of(record, s, (double)points[k]), y = y_of(s, (double)signal[points[k]]);
            if (pen)
                cairo_line_to(cr, x, y);
            else
                cairo_move_to(cr, x, y);
            pen = true;
        }
    }
    use(cr, ink);
    cairo_set_line_width(cr, 0.25);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(cr);
}

static double signal_at(const pclr_record *record, const strip *s, double sample)
{
    size_t i = sample < 0 ? 0 : (size_t)llround(sample);
    if (i >= record->samples) i = record->samples - 1;
    return (double)record->signal[s->lead * record->samples + i];
}

/* A band from onset to end under the trace, ticks at its borders and a dot on the peak. */
static void draw_wave(cairo_t *cr, const pclr_record *record, const strip *s, const pclr_wave *wave, colour c)
{
    double begin = (double)s->begin, end = (double)s->end;
    bool on = (wave->has & PCLR_HAS_ONSET) && wave->onset >= begin && wave->onset < end;
    bool off = (wave->has & PCLR_HAS_OFFSET) && wave->offset >= begin && wave->offset < end;
    bool peak = (wave->has & PCLR_HAS_PEAK) && wave->peak >= begin && wave->peak < end;
    bool bounded = (wave->has & PCLR_HAS_ONSET) && (wave->has & PCLR_HAS_OFFSET);
    if (bounded && wave->offset > begin && wave->onset < end) {
        double from = x_of(record, s, fmax(wave->onset, begin)), to = x_of(record, s, fmin(wave->offset, end));
        use(cr, (colour){c.r, c.g, c.b, 0.16});
        cairo_rectangle(cr, from, s->y - 6, to - from, 12);
        cairo_fill(cr);
    }
    use(cr, c);
    cairo_set_line_width(cr, 0.2);
    for (int k = 0; k < 2; k++) {
        if (!(k ? off : on)) continue;
        double x = x_of(record, s, k ? wave->offset : wave->onset);
        cairo_move_to(cr, x, s->y - 6), cairo_line_to(cr, x, s->y + 6);
        cairo_stroke(cr);
    }
    if (!peak) return;
    cairo_arc(cr, x_of(record, s, wave->peak), y_of(s, signal_at(record, s, wave->peak)), 0.6, 0, 2 * acos(-1));
    cairo_fill(cr);
}

static void draw_marks(cairo_t *cr, const paper_page *page, const strip *s)
{
    const pclr_fiducials *f = page->fiducials;
    for (size_t b = 0; f && b < f->beats && s->lead < f->leads; b++) {
        const pclr_beat *beat = &f->beat[s->lead * f->beats + b];
        draw_wave(cr, page->record, s, &beat->p, of_p);
        draw_wave(cr, page->record, s, &beat->qrs, of_qrs);
        draw_wave(cr, page->record, s, &beat->t, of_t);
    }
}

static const char *name_of(const pclr_channel *channel)
{
    const char *standard = pclr_lead_name(channel->lead);
    return standard ? standard : channel->name;
}

/* Within its row: what is higher than a row can be is cut off. */
static void draw_strip(cairo_t *cr, const paper_page *page, const strip *s, reach r)
{
    cairo_save(cr);
    cairo_rectangle(cr, s->x, s->y - r.above, x_of(page->record, s, (double)s->end) - s->x, r.above + r.below);
    cairo_clip(cr);
    draw_marks(cr, page, s);
    draw_trace(cr, page->record, s);
    cairo_restore(cr);
}

/* 1 mV for 0.2 s. */
static void draw_pulse(cairo_t *cr, double x, double y)
{
    use(cr, ink);
    cairo_set_line_width(cr, 0.25);
    cairo_move_to(cr, x + 1, y), cairo_line_to(cr, x + 2.5, y), cairo_line_to(cr, x + 2.5, y - MM_PER_MV);
    cairo_line_to(cr, x + 7.5, y - MM_PER_MV), cairo_line_to(cr, x + 7.5, y), cairo_line_to(cr, x + 9, y);
    cairo_stroke(cr);
}

/* A lead's name, smaller where it would run into the trace. */
static void say_name(cairo_t *cr, double x, double y, double most, const char *name)
{
    cairo_text_extents_t extents;
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    cairo_set_font_size(cr, label);
    cairo_text_extents(cr, name, &extents);
    say(cr, x, y, label * fmin(1, most / fmax(extents.x_advance, 1)), true, name);
}

/* Names stand where no trace runs: above it in the grid, above the calibration pulse elsewhere. */
static void draw_row(cairo_t *cr, const paper_page *page, double y, strip *strips, size_t count, reach r)
{
    double left = margin + pulse_width;
    draw_pulse(cr, margin, y);
    for (size_t k = 0; k < count; k++) {
        strip *s = &strips[k];
        s->x = left + (double)k * page->seconds / COLUMNS * MM_PER_SECOND;
        s->y = y;
        draw_strip(cr, page, s, r);
        use(cr, ink);
        const char *name = name_of(&page->record->channel[s->lead]);
        if (page->grid)
            say_name(cr, s->x + 1, y - r.above + label, page->seconds / COLUMNS * MM_PER_SECOND - 2, name);
        else
            say_name(cr, margin + 1, y - MM_PER_MV - gap, pulse_width - 2, name);
        if (count == 1) continue;
        cairo_move_to(cr, s->x, y - 4), cairo_line_to(cr, s->x, y + 4);
        cairo_stroke(cr);
    }
}

static void draw_rows(cairo_t *cr, const paper_page *page)
{
    strip strips[COLUMNS];
    double y = header;
    for (size_t row = 0; row < rows_of(page); row++) {
        size_t count = strips_of_row(page, row, strips);
        reach r = reach_of_row(page, strips, count);
        y += r.above;
        draw_row(cr, page, y, strips, count, r);
        y += r.below;
    }
}

static void draw_words(cairo_t *cr, const paper_page *page)
{
    const pclr_record *record = page->record;
    char line[256], age[32] = "";
    const char *sex = record->sex == PCLR_SEX_MALE ? ", male" : record->sex == PCLR_SEX_FEMALE ? ", female" : "";
    if (record->age >= 0) snprintf(age, sizeof age, ", %.0f years", (double)record->age);
    snprintf(line, sizeof line, "%s%s%s", record->id, age, sex);
    use(cr, ink);
    say(cr, margin, 6, 4, true, page->title ? page->title : line);
    snprintf(line, sizeof line, "25 mm/s   10 mm/mV   %g Hz   from %.1f s", record->rate, page->first);
    say(cr, margin, page->height - 3, 2.8, false, line);
    if (page->fiducials == NULL) return;
    static const char *const name[] = {"P", "QRS", "T"};
    const colour of[] = {of_p, of_qrs, of_t};
    for (int k = 0; k < 3; k++) {
        use(cr, of[k]);
        cairo_rectangle(cr, page->width - 44 + 13 * k, page->height - 5.4, 3, 3);
        cairo_fill(cr);
        say(cr, page->width - 40 + 13 * k, page->height - 3, 2.8, true, name[k]);
    }
}

void paper_draw(const paper_page *page, cairo_t *cr)
{
    use(cr, background);
    cairo_paint(cr);
    rule(cr, 1, page->width, page->height, fine, 0.06);
    rule(cr, 5, page->width, page->height, coarse, 0.12);
    draw_rows(cr, page);
    draw_words(cr, page);
}
