/* SPDX-License-Identifier: Apache-2.0 */
/* pclr_plot_record: a page of ECG paper as SVG, PDF or PNG. */
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "report/paper.h"

static const double points_per_mm = 72 / 25.4, pixels_per_mm = 8;

/* cairo's write callback into a text. */
static cairo_status_t collect(void *user, const unsigned char *data, unsigned length)
{
    text *out = user;
    text_add_bytes(out, (const char *)data, length);
    return out->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static cairo_status_t draw_on(cairo_surface_t *surface, const paper_page *page, double scale)
{
    cairo_t *cr = cairo_create(surface);
    cairo_scale(cr, scale, scale);
    paper_draw(page, cr);
    cairo_show_page(cr);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    return status;
}

typedef enum plot_kind { PLOT_SVG, PLOT_PDF, PLOT_PNG } plot_kind;

static pclr_status render(const paper_page *page, plot_kind kind, text *out, pclr_error *error)
{
    cairo_surface_t *surface;
    double w = page->width * points_per_mm, h = page->height * points_per_mm;
    if (kind == PLOT_PNG)
        surface =
            cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(page->width * pixels_per_mm), (int)ceil(page->height * pixels_per_mm));
    else
        surface = kind == PLOT_SVG ? cairo_svg_surface_create_for_stream(collect, out, w, h)
                                   : cairo_pdf_surface_create_for_stream(collect, out, w, h);
    cairo_status_t status = draw_on(surface, page, kind == PLOT_PNG ? pixels_per_mm : points_per_mm);
    if (status == CAIRO_STATUS_SUCCESS && kind == PLOT_PNG) status = cairo_surface_write_to_png_stream(surface, collect, out);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS)
        return error_set(error, PCLR_E_MEMORY, "%s: cannot draw: %s", page->record->id, cairo_status_to_string(status));
    return text_ok(out, error);
}

pclr_status paper_svg(const paper_page *page, char **svg, size_t *size, pclr_error *error)
{
    text out = {0};
    pclr_status status = render(page, PLOT_SVG, &out, error);
    if (status == PCLR_OK) status = mem_strndup(svg, out.data, out.length, error);
    *size = out.length;
    text_free(&out);
    return status;
}

static pclr_status kind_of(const char *path, plot_kind *kind, pclr_error *error)
{
    const char *extension = path_extension(path);
    if (text_compare_nocase(extension, ".svg") == 0)
        *kind = PLOT_SVG;
    else if (text_compare_nocase(extension, ".pdf") == 0)
        *kind = PLOT_PDF;
    else if (text_compare_nocase(extension, ".png") == 0)
        *kind = PLOT_PNG;
    else
        return error_set(error, PCLR_E_ARGUMENT, "%s: extension '%s'; plots are written as .svg, .png or .pdf", path, extension);
    return PCLR_OK;
}

pclr_status pclr_plot_record(const char *path, const pclr_record *record, const pclr_fiducials *fiducials, const pclr_plot_options *options,
                             pclr_error *error)
{
    plot_kind kind = PLOT_SVG;
    paper_page page;
    text out = {0};
    TRY(kind_of(path, &kind, error));
    TRY(paper_layout(&page, record, fiducials, options, error));
    pclr_status status = render(&page, kind, &out, error);
    if (status == PCLR_OK) status = file_write(path, out.data, out.length, error);
    text_free(&out);
    return status;
}
