/* SPDX-License-Identifier: Apache-2.0 */
#include "study/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char *group_word(const json_t *cell, const char *key)
{
    const char *value = json_string_value(json_object_get(cell, key));
    return value ? value : "";
}

static int compare_groups(const void *a, const void *b)
{
    const group *x = a, *y = b;
    const char *const left[] = {x->task, x->arm, x->encoder, x->method, x->input}, *const right[] = {y->task, y->arm, y->encoder, y->method,
                                                                                                     y->input};
    for (int k = 0; k < 5; k++) {
        int order = strcmp(left[k], right[k]);
        if (order != 0) return order;
    }
    return (x->fraction > y->fraction) - (x->fraction < y->fraction);
}

double group_number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

/* Appends a cell's {class: AUROC} to {class: [AUROC]}. */
static void add_classes(json_t *classes, const json_t *cell)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(cell, "class_auroc"), name, value)
    {
        json_t *list = json_object_get(classes, name);
        if (!list) {
            list = json_array();
            json_object_set_new(classes, name, list);
        }
        if (json_is_number(value)) json_array_append(list, value);
    }
}

static group group_of(const json_t *cell)
{
    const json_t *auroc = json_object_get(cell, "auroc");
    double value = group_number(auroc, "value");
    group g = {.task = group_word(cell, "task"),
               .arm = group_word(cell, "arm"),
               .encoder = group_word(cell, "encoder"),
               .method = group_word(cell, "method"),
               .input = group_word(cell, "input"),
               .fraction = group_number(cell, "fraction"),
               .sum = value,
               .squares = value * value,
               .low = group_number(auroc, "low"),
               .high = group_number(auroc, "high"),
               .seconds = group_number(cell, "seconds"),
               .peak = group_number(cell, "peak_bytes"),
               .pretraining_seconds = group_number(cell, "pretraining_seconds"),
               .pretraining_peak = group_number(cell, "pretraining_bytes"),
               .seeds = 1,
               .classes = json_object()};
    add_classes(g.classes, cell);
    return g;
}

/* Adds one more seed, `more`, which is used up. */
static void merge_group(group *g, group *more)
{
    const char *name;
    json_t *list;
    g->sum += more->sum;
    g->squares += more->squares;
    g->low += more->low;
    g->high += more->high;
    g->seconds += more->seconds;
    g->pretraining_seconds += more->pretraining_seconds;
    g->peak = fmax(g->peak, more->peak);
    g->pretraining_peak = fmax(g->pretraining_peak, more->pretraining_peak);
    g->seeds += more->seeds;
    json_object_foreach(more->classes, name, list)
    {
        json_t *mine = json_object_get(g->classes, name);
        if (mine)
            json_array_extend(mine, list);
        else
            json_object_set(g->classes, name, list);
    }
    json_decref(more->classes);
    more->classes = NULL;
}

pclr_status groups_make(const json_t *cells, group **out, size_t *count, pclr_error *error)
{
    size_t n = 0;
    TRY(mem_alloc(out, json_array_size(cells), sizeof **out, error));
    for (size_t k = 0; k < json_array_size(cells); k++) {
        const json_t *cell = json_array_get(cells, k);
        if (json_is_object(json_object_get(cell, "auroc"))) (*out)[n++] = group_of(cell);
    }
    qsort(*out, n, sizeof **out, compare_groups);
    *count = 0;
    for (size_t k = 0; k < n; k++) {
        group *last = *count > 0 ? &(*out)[*count - 1] : NULL;
        if (!last || compare_groups(last, &(*out)[k]) != 0) {
            group moved = (*out)[k];
            (*out)[(*count)++] = moved;
            continue;
        }
        merge_group(last, &(*out)[k]);
    }
    return PCLR_OK;
}

double group_mean_over(const group *g, double sum)
{
    return sum / (double)g->seeds;
}

double group_mean(const group *g)
{
    return group_mean_over(g, g->sum);
}

/* Mean over the seeds for which a class is defined; NAN: for none. */
double group_list_mean(const json_t *list)
{
    double sum = 0.0;
    size_t n = json_array_size(list);
    for (size_t k = 0; k < n; k++) sum += json_number_value(json_array_get(list, k));
    return n ? sum / (double)n : NAN;
}

/* {class: mean AUROC}; null where no seed defines it. */
json_t *group_class_means(const group *g)
{
    json_t *out = json_object();
    const char *name;
    json_t *list;
    json_object_foreach(g->classes, name, list)
    {
        double mean = group_list_mean(list);
        json_object_set_new(out, name, isfinite(mean) ? json_real(mean) : json_null());
    }
    return out;
}

/* Standard deviation over seeds (n - 1); 0 for one seed. */
double group_sd(const group *g)
{
    double n = (double)g->seeds, spread = g->squares - g->sum * g->sum / n;
    return g->seeds > 1 && spread > 0.0 ? sqrt(spread / (n - 1.0)) : 0.0;
}

void groups_free(group *g, size_t count)
{
    for (size_t k = 0; k < count; k++) json_decref(g[k].classes);
    mem_free(g);
}
