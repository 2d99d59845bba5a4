/* SPDX-License-Identifier: Apache-2.0 */
/* Training curves and configuration of run folders, from metrics.jsonl, config.yaml and README.md. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "report/page.h"

typedef struct series {
    const char *event, *key; /* NULL event: any */
    const char *x_key;       /* what it is drawn over; NULL: the step, of lines without an L2 strength */
    const char *name;
    double *x, *y;
    size_t count;
} series;

/* Adds the numbers that a line of metrics.jsonl holds to the series that want them. A broken last line (a killed run) is passed over. */
static pclr_status take_line(const char *line, size_t length, series *list, size_t lists, pclr_error *error)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    pclr_status status = PCLR_OK;
    const char *event = object ? json_string_value(json_object_get(object, "event")) : NULL;
    for (size_t k = 0; k < lists && object; k++) {
        series *s = &list[k];
        json_t *value = json_object_get(object, s->key), *x = json_object_get(object, s->x_key ? s->x_key : "step");
        if (s->x_key == NULL && json_object_get(object, "l2")) continue; /* a step of one of several fits: no curve */
        if (!json_is_number(value) || !json_is_number(x) || (s->event && (event == NULL || strcmp(event, s->event) != 0))) continue;
        TRY_GOTO(mem_grow(&s->x, s->count, s->count + 1, sizeof *s->x, error));
        TRY_GOTO(mem_grow(&s->y, s->count, s->count + 1, sizeof *s->y, error));
        s->x[s->count] = s->x_key ? log10(fmax(json_number_value(x), 1e-300)) : json_number_value(x);
        s->y[s->count++] = json_number_value(value);
    }
done:
    json_decref(object);
    return status;
}

static pclr_status read_metrics(const char *run, series *list, size_t lists, pclr_error *error)
{
    char *path = NULL, *data = NULL;
    size_t size = 0;
    pclr_status status = PCLR_OK;
    TRY_GOTO(path_join(&path, run, "metrics.jsonl", error));
    TRY_GOTO(file_read(path, 0, &data, &size, error));
    for (char *line = data; line < data + size;) {
        char *end = memchr(line, '\n', (size_t)(data + size - line));
        if (end == NULL) end = data + size;
        TRY_GOTO(take_line(line, (size_t)(end - line), list, lists, error));
        line = end + 1;
    }
done:
    mem_free(path);
    mem_free(data);
    return status;
}

/* Every series of a chart in one range; the range ignores the highest 2 % so that a first spike does not flatten the rest. */
static void draw(text *out, const char *title, const char *x_label, const char *label, const series *list, size_t lists)
{
    chart c = {out, title, x_label, label, list[0].x_key ? INFINITY : 0, list[0].x_key ? -INFINITY : 1, INFINITY, -INFINITY};
    size_t drawn = 0;
    for (size_t k = 0; k < lists; k++) {
        drawn += list[k].count > 0;
        for (size_t i = 0; i < list[k].count; i++) {
            c.x_low = fmin(c.x_low, list[k].x[i]);
            c.x_high = fmax(c.x_high, list[k].x[i]);
            c.y_low = fmin(c.y_low, list[k].y[i]);
            if (i >= list[k].count / 50) c.y_high = fmax(c.y_high, list[k].y[i]);
        }
    }
    if (!isfinite(c.y_low) || !isfinite(c.y_high)) return;
    if (c.y_high - c.y_low < 1e-9) c.y_high = c.y_low + 1;
    if (c.x_high - c.x_low < 1e-9) c.x_high = c.x_low + 1;
    double pad = (c.y_high - c.y_low) * 0.05;
    c.y_low -= pad, c.y_high += pad;
    chart_begin(&c);
    for (size_t k = 0; k < lists; k++) {
        for (size_t i = 0; i < list[k].count; i++) list[k].y[i] = fmin(list[k].y[i], c.y_high);
        chart_line(&c, list[k].x, list[k].y, list[k].count, (int)k);
        if (list[k].count == 1) chart_dot(&c, list[k].x[0], list[k].y[0], (int)k);
        if (list[k].count && drawn > 1)
            text_add(out, "<text x='%d' y='%zu' style='fill:%s'>%s</text>", 220, 46 + 14 * k, chart_colour((int)k), list[k].name);
    }
    chart_end(&c);
}

static bool has_file(const char *run, const char *name)
{
    char *path = NULL;
    bool there = path_join(&path, run, name, NULL) == PCLR_OK && file_exists(path);
    mem_free(path);
    return there;
}

/* class: "long" for what a printed page leaves out. */
static void add_file(text *out, const char *run, const char *name, const char *title, const char *class)
{
    char *path = NULL, *data = NULL;
    size_t size;
    if (path_join(&path, run, name, NULL) == PCLR_OK && file_read(path, 1 << 20, &data, &size, NULL) == PCLR_OK) {
        text_add(out, "<details%s><summary>%s</summary><pre>", class, title);
        html_escape(out, data);
        text_add(out, "</pre></details>\n");
    }
    mem_free(path);
    mem_free(data);
}

static pclr_status add_curves(text *out, const char *run, pclr_error *error)
{
    series loss[] = {{.event = "train", .key = "loss", .name = "training"},
                     {.event = "validation", .key = "loss", .name = "validation"},
                     {.key = "training_loss", .name = "training"},
                     {.key = "val_loss", .name = "validation"}};
    series value[] = {{.event = "validation", .key = "auroc", .name = "validation macro AUROC"}};
    series strength[] = {{.event = "validation", .key = "auroc", .x_key = "l2", .name = "validation macro AUROC"}};
    series rate[] = {{.key = "learning_rate", .name = "learning rate"}};
    enum { LOSSES = sizeof loss / sizeof *loss };
    pclr_status status = PCLR_OK;

    TRY_GOTO(read_metrics(run, loss, LOSSES, error));
    TRY_GOTO(read_metrics(run, value, 1, error));
    TRY_GOTO(read_metrics(run, strength, 1, error));
    TRY_GOTO(read_metrics(run, rate, 1, error));
    text_add(out, "<div class=charts>\n");
    draw(out, "loss", "step", "loss", loss, LOSSES);
    draw(out, "validation AUROC", "step", "macro AUROC", value, 1);
    draw(out, "validation AUROC of each strength", "log10 of the L2 strength", "macro AUROC", strength, 1);
    draw(out, "learning rate", "step", "learning rate", rate, 1);
    text_add(out, "</div>\n");
done:
    for (size_t k = 0; k < LOSSES; k++) mem_free(loss[k].x), mem_free(loss[k].y);
    mem_free(value[0].x), mem_free(value[0].y), mem_free(rate[0].x), mem_free(rate[0].y);
    mem_free(strength[0].x), mem_free(strength[0].y);
    return status;
}

static pclr_status add_run(report_page *p, const char *run, const char *name, pclr_error *error)
{
    bool metrics = has_file(run, "metrics.jsonl");
    if (!metrics && !has_file(run, "config.yaml") && !has_file(run, "README.md"))
        return error_set(error, PCLR_E_DATA, "%s: no metrics.jsonl, config.yaml or README.md; name the folder of a run", run);
    text_add(&p->out, "<h3>");
    html_escape(&p->out, name ? name : path_base(run));
    text_add(&p->out, "</h3>\n");
    if (metrics) TRY(add_curves(&p->out, run, error));
    add_file(&p->out, run, "README.md", "model card", "");
    add_file(&p->out, run, "config.yaml", "configuration", " class=long");
    return PCLR_OK;
}

pclr_status section_runs(report_page *p, pclr_error *error)
{
    const pclr_report_options *o = p->options;
    if (o->runs == 0) return PCLR_OK;
    text_add(&p->out, "<h2>Training</h2>\n");
    for (size_t k = 0; k < o->runs; k++) TRY(add_run(p, o->run[k], o->run_name ? o->run_name[k] : NULL, error));
    return PCLR_OK;
}
