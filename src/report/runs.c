/* SPDX-License-Identifier: Apache-2.0 */
/* Training curves and configuration of run folders, from metrics.jsonl, config.yaml and README.md. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "report/page.h"

typedef struct series {
    const char *event, *key; /* NULL event: any */
    const char *name;
    double *x, *y;
    size_t count;
} series;

/* Adds the numbers that a line of metrics.jsonl holds to the series that want them. A broken last line (a killed run) is passed over. */
static pclr_status take_line(const char *line, size_t length, series *list, size_t lists, pclr_error *error)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    pclr_status status = PCLR_OK;
    json_t *step = object ? json_object_get(object, "step") : NULL;
    const char *event = object ? json_string_value(json_object_get(object, "event")) : NULL;
    for (size_t k = 0; k < lists && json_is_number(step); k++) {
        series *s = &list[k];
        json_t *value = json_object_get(object, s->key);
        if (!json_is_number(value) || (s->event && (event == NULL || strcmp(event, s->event) != 0))) continue;
        TRY_GOTO(mem_grow(&s->x, s->count, s->count + 1, sizeof *s->x, error));
        TRY_GOTO(mem_grow(&s->y, s->count, s->count + 1, sizeof *s->y, error));
        s->x[s->count] = json_number_value(step);
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
static void draw(text *out, const char *title, const char *label, const series *list, size_t lists)
{
    chart c = {out, title, "step", label, 0, 1, INFINITY, -INFINITY};
    for (size_t k = 0; k < lists; k++) {
        for (size_t i = 0; i < list[k].count; i++) {
            c.x_high = fmax(c.x_high, list[k].x[i]);
            c.y_low = fmin(c.y_low, list[k].y[i]);
            if (i >= list[k].count / 50) c.y_high = fmax(c.y_high, list[k].y[i]);
        }
    }
    if (!isfinite(c.y_low) || !isfinite(c.y_high)) return;
    if (c.y_high - c.y_low < 1e-9) c.y_high = c.y_low + 1;
    double pad = (c.y_high - c.y_low) * 0.05;
    c.y_low -= pad, c.y_high += pad;
    chart_begin(&c);
    for (size_t k = 0; k < lists; k++) {
        for (size_t i = 0; i < list[k].count; i++) list[k].y[i] = fmin(list[k].y[i], c.y_high);
        chart_line(&c, list[k].x, list[k].y, list[k].count, (int)k);
        if (list[k].count == 1) chart_dot(&c, list[k].x[0], list[k].y[0], (int)k);
        if (list[k].count)
            text_add(out, "<text x='%d' y='%zu' style='fill:%s'>%s</text>", 220, 46 + 14 * k, chart_colour((int)k), list[k].name);
    }
    chart_end(&c);
}

static void add_file(text *out, const char *run, const char *name, const char *title)
{
    char *path = NULL, *data = NULL;
    size_t size;
    if (path_join(&path, run, name, NULL) == PCLR_OK && file_read(path, 1 << 20, &data, &size, NULL) == PCLR_OK) {
        text_add(out, "<details class=long><summary>%s</summary><pre>", title);
        html_escape(out, data);
        text_add(out, "</pre></details>\n");
    }
    mem_free(path);
    mem_free(data);
}

static pclr_status add_run(report_page *p, const char *run, pclr_error *error)
{
    series loss[] = {{.event = "train", .key = "loss", .name = "training"},
                     {.event = "validation", .key = "loss", .name = "validation"},
                     {.key = "training_loss", .name = "training"},
                     {.key = "val_loss", .name = "validation"}};
    series value[] = {{.key = "auroc", .name = "validation macro AUROC"}};
    series rate[] = {{.key = "learning_rate", .name = "learning rate"}};
    enum { LOSSES = sizeof loss / sizeof *loss };
    pclr_status status = PCLR_OK;

    text_add(&p->out, "<h3>");
    html_escape(&p->out, path_base(run));
    text_add(&p->out, "</h3>\n<div class=charts>\n");
    TRY_GOTO(read_metrics(run, loss, LOSSES, error));
    TRY_GOTO(read_metrics(run, value, 1, error));
    TRY_GOTO(read_metrics(run, rate, 1, error));
    draw(&p->out, "loss", "loss", loss, LOSSES);
    draw(&p->out, "validation AUROC", "macro AUROC", value, 1);
    draw(&p->out, "learning rate", "learning rate", rate, 1);
    text_add(&p->out, "</div>\n");
    add_file(&p->out, run, "config.yaml", "configuration");
    add_file(&p->out, run, "README.md", "model card");
done:
    for (size_t k = 0; k < LOSSES; k++) mem_free(loss[k].x), mem_free(loss[k].y);
    mem_free(value[0].x), mem_free(value[0].y), mem_free(rate[0].x), mem_free(rate[0].y);
    return status;
}

pclr_status section_runs(report_page *p, pclr_error *error)
{
    if (p->options->runs == 0) return PCLR_OK;
    text_add(&p->out, "<h2>Training</h2>\n");
    for (size_t k = 0; k < p->options->runs; k++) TRY(add_run(p, p->options->run[k], error));
    return PCLR_OK;
}
