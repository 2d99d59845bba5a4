/* SPDX-License-Identifier: Apache-2.0 */
#include "report/page.h"

#include <math.h>
#include <string.h>

#include "report/paper.h"

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light}*{box-sizing:border-box}\n"
    "body{font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#16181d;background:#fff;max-width:1180px;margin:0 auto;"
    "padding:1rem}\n"
    "h1{font-size:1.6rem;line-height:1.2;margin:.4rem 0 1rem}h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-bottom:2px solid #e4e6eb}"
    "h3,h4{font-size:1rem;margin:1.2rem 0 .2rem}\n"
    "p,li{max-width:80ch}.dim{color:#5b6270;font-size:.875rem;overflow-wrap:anywhere}.counts "
    "td:first-child{white-space:normal}h2+.dim,h3+.dim{margin:.2rem 0 .7rem}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:.8rem}.card{border:1px solid #d9dce3;border-left:6px solid;border-radius:6px;padding:.6rem "
    "1rem;"
    "flex:1 1 240px;max-width:420px;overflow-wrap:anywhere}\n"
    ".card b{font-size:1.7rem;line-height:1.3;display:block}.findings{padding-left:1.2rem}.scroll{overflow-x:auto;margin:.4rem 0}\n"
    "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}th,td{padding:.25rem .6rem;border-bottom:1px solid "
    "#e4e6eb;text-align:right;white-space:nowrap}\n"
    "th:first-child,td:first-child,.name{text-align:left}.stack i{display:block}td .dim{font-size:.93em}thead th{border-bottom:2px "
    "solid #b9bec9;vertical-align:bottom}td i,p i,li "
    "i{color:#5b6270;"
    "font-style:normal}td[rowspan]{vertical-align:top}caption{text-align:left;padding:.2rem 0;font-weight:600}\n"
    ".forest td{vertical-align:middle}.forest td:first-child{white-space:normal;min-width:5.5rem}.forest .plot{padding:0 "
    ".3rem;width:260px;min-width:130px}.forest .plot svg{display:block;width:100%;"
    "height:auto}.axis td{border:0}.dot{font-size:.7em;vertical-align:.15em}\n"
    ".confusion{margin:.3rem 1.2rem .6rem 0}.confusion td{font-size:1.1rem;text-align:center;padding:.5rem 1rem}.right{background:#dcebf5}"
    ".wrong{background:#fbe6da}.heat td,.heat th{padding:.2rem .5rem}.heat td{min-width:2.6rem}"
    ".heats{display:flex;flex-wrap:wrap;column-gap:1.5rem}.many{font-size:.75rem}.many th span{writing-mode:vertical-rl;transform:rotate("
    "180deg)}.many td,.many th{padding:.1rem .2rem}.many td{min-width:1.7rem}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:.8rem}.chart{width:100%;height:auto}\n"
    "svg text{font:11px system-ui,sans-serif;fill:#333}svg .t{font-weight:600;font-size:12px}svg .g{stroke:#e8eaee;fill:none}"
    "svg .d{stroke:#999;stroke-dasharray:4 3;fill:none}\n"
    ".legend{margin:.3rem 0}.legend span{display:inline-block;margin-right:1.2rem}.legend i{display:inline-block;width:.8rem;height:.8rem;"
    "border-radius:2px;margin-right:.35rem;vertical-align:-1px}\n"
    ".note{background:#fff7e0;border-left:4px solid #e0a800;padding:.4rem .9rem;margin:.8rem 0;font-size:.9rem;overflow-wrap:anywhere}"
    ".note ul{margin:.2rem 0;padding-left:1.1rem}\n"
    ".ecg{width:100%;height:auto;border:1px solid "
    "#e4c9c5;mix-blend-mode:multiply}pre{background:#f5f6f8;padding:.7rem;overflow-x:auto;font-size:.8rem;"
    "white-space:pre-wrap;overflow-wrap:anywhere}details{margin:.5rem 0}summary{cursor:pointer;color:#0b5cad}\n"
    /* A shadow at the side to which a table goes on; it is covered where the table ends. */
    ".scroll{background:linear-gradient(to right,#fff 50%,#fff0) 0 0/2rem 100% no-repeat local,linear-gradient(to left,#fff 50%,#fff0) "
    "100% "
    "0/2rem 100% no-repeat local,linear-gradient(to right,#0003,#0000) 0 0/.5rem 100% no-repeat scroll,linear-gradient(to "
    "left,#0003,#0000) 100% 0/.5rem 100% no-repeat scroll}\n"
    /* Phones: ECG paper in its own size, to be moved sideways; systems by their colour alone, a forest row in two lines, intervals below
       their value. */
    "@media(max-width:600px){.ecg{width:var(--paper)}body{padding:.7rem;font-size:15px}table{font-size:.8rem}th,td{padding:.2rem .35rem}.card{max-width:none}"
    ".narrow{font-size:.72rem}.narrow th,.narrow td{padding:.2rem}.narrow i{display:block}td.name "
    ".sys{display:none}th.name{font-size:0}.narrow thead th{white-space:normal}"
    ".forest thead{display:none}.forest,.forest tbody{display:block}.forest tr{display:grid;grid-template-columns:1fr 9.6rem;"
    "border-bottom:1px solid #e4e6eb;padding:.3rem 0}.forest td{border:0;padding:0}.forest td:first-child{grid-column:1/-1}"
    ".forest td br:has(+.dim){display:none}.forest .dim{margin-left:.5rem}.forest .plot{width:auto;min-width:0}.forest "
    ".axis{border:0}.forest .axis td:first-child{display:none}}\n"
    "@media print{@page{size:A4;margin:14mm}details:not(.long)::details-content{content-visibility:visible}details.long{display:none}"
    "summary{list-style:none;color:inherit;font-weight:600;break-after:avoid}"
    "body{font-size:9.5pt;max-width:none;padding:0}p,li{max-width:none}h2,h3,h4,.dim,.legend{break-after:avoid}.chart,.card,figure,tr,"
    ".example,.confusion,.heat{break-inside:avoid}.charts{grid-template-columns:repeat(3,1fr)}.scroll{overflow:visible;background:none}"
    "table{font-size:8pt}th,td{padding:.15rem .35rem}td i{white-space:nowrap}.stack{font-size:7pt}.stack th,.stack td{padding:.1rem "
    ".2rem}.wraps td{white-space:normal}.heats{display:block}.many{font-size:6.5pt}.many td,.many "
    "th{padding:.1rem}.many td{min-width:0}pre{font-size:7pt}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}\n"
    "</style>\n";

void page_head(text *out, const char *title)
{
    text_add(out, "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport "
                  "content='width=device-width,initial-scale=1'>\n<title>");
    html_escape(out, title);
    text_add(out, "</title>\n");
    text_add_bytes(out, style, sizeof style - 1);
    text_add(out, "</head><body>\n<h1>");
    html_escape(out, title);
    text_add(out, "</h1>\n");
}

void page_foot(text *out)
{
    text_add(out, "<p class=dim>Made by physioclr %s. %s</p>\n</body></html>\n", pclr_version(), pclr_build_info());
}

const char *page_name(const report_page *p, size_t k)
{
    return p->options->name && p->options->name[k] ? p->options->name[k] : p->evaluation[k]->name;
}

int64_t page_class(const report_page *p, size_t k, size_t c)
{
    const eval_set *set = &p->evaluation[k]->set;
    for (size_t i = 0; i < set->classes; i++) {
        if (strcmp(set->class_name[i], p->evaluation[0]->set.class_name[c]) == 0) return (int64_t)i;
    }
    return -1;
}

void page_estimate(text *out, pclr_estimate e)
{
    if (!e.defined)
        text_add(out, "<i>undefined</i>");
    else if (isnan(e.low))
        text_add(out, "%.3f", e.value);
    else
        text_add(out, "%.3f <i>[%.3f, %.3f]</i>", e.value, e.low, e.high);
}

void page_legend(report_page *p)
{
    if (p->count < 2) return;
    text_add(&p->out, "<p class=legend>");
    for (size_t k = 0; k < p->count; k++) {
        text_add(&p->out, "<span><i style='background:%s'></i>", chart_colour((int)k));
        html_escape(&p->out, page_name(p, k));
        text_add(&p->out, "</span>");
    }
    text_add(&p->out, "</p>\n");
}

void page_system(report_page *p, size_t k)
{
    if (p->count > 1) text_add(&p->out, "<b class=dot style='color:%s'>●</b> ", chart_colour((int)k));
    text_add(&p->out, "<span class=sys>");
    html_escape(&p->out, page_name(p, k));
    text_add(&p->out, "</span>");
}

void page_p(text *out, double p, double limit)
{
    if (p <= limit * (1 + 1e-9))
        text_add(out, "&le; %.2g", limit);
    else
        text_add(out, "%.*f", p < 0.001 ? 4 : 3, p);
}

static void add_base64(text *out, const char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = (uint32_t)(uint8_t)data[i] << 16;
        if (i + 1 < size) v |= (uint32_t)(uint8_t)data[i + 1] << 8;
        if (i + 2 < size) v |= (uint8_t)data[i + 2];
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < size ? digits[v >> 6 & 63] : '=',
                        i + 2 < size ? digits[v & 63] : '='};
        text_add_bytes(out, four, 4);
    }
}

pclr_status page_plot(text *out, const pclr_record *record, const pclr_fiducials *fiducials, const pclr_plot_options *options,
                      pclr_error *error)
{
    paper_page page;
    char *svg = NULL;
    size_t size = 0;
    TRY(paper_layout(&page, record, fiducials, options, error));
    TRY(paper_svg(&page, &svg, &size, error));
    text_add(out, "<div class=scroll><img class=ecg style='--paper:%.0fmm' alt='ECG of ", page.width);
    html_escape(out, record->id);
    text_add(out, "' src='data:image/svg+xml;base64,");
    add_base64(out, svg, size);
    text_add(out, "'></div>\n");
    mem_free(svg);
    return text_ok(out, error);
}
