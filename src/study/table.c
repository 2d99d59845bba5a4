/* SPDX-License-Identifier: Apache-2.0 */
#include "study/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

static pclr_status write_csv(const group *g, size_t count, const char *folder, pclr_error *error)
{
    text t = {0};
    char *path = NULL;
    text_add(&t, "task,arm,encoder,method,input,label_fraction,auroc,sd_over_seeds,low,high,seeds,seconds,peak_mb,"
                 "pretraining_seconds,pretraining_mb\n");
    for (size_t k = 0; k < count; k++, g++) {
        const char *const field[] = {g->task, g->arm, g->encoder, g->method, g->input};
        for (int f = 0; f < 5; f++) {
            text_add_csv(&t, field[f]);
            text_add(&t, ",");
        }
        text_add(&t, "%g,%.4f,%.4f,%.4f,%.4f,%zu,%.1f,%.0f,%.1f,%.0f\n", g->fraction, group_mean(g), group_sd(g),
                 group_mean_over(g, g->low), group_mean_over(g, g->high), g->seeds, group_mean_over(g, g->seconds), g->peak / 1e6,
                 group_mean_over(g, g->pretraining_seconds), g->pretraining_peak / 1e6);
    }
    pclr_status status = text_ok(&t, error);
    if (status == PCLR_OK) status = path_join(&path, folder, "study.csv", error);
    if (status == PCLR_OK) status = file_write(path, t.data, t.length, error);
    mem_free(path);
    text_free(&t);
    return status;
}

static pclr_status write_json(const group *g, size_t count, const json_t *cells, const json_t *paired, const char *folder,
                              pclr_error *error)
{
    char *path = NULL, *dump;
    json_t *rows = json_array();
    for (size_t k = 0; k < count; k++, g++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:o, s:I, s:f, s:f, s:f, s:f}", "task",
                                              g->task, "arm", g->arm, "encoder", g->encoder, "method", g->method, "input", g->input,
                                              "fraction", g->fraction, "auroc", group_mean(g), "sd_over_seeds", group_sd(g), "low",
                                              group_mean_over(g, g->low), "high", group_mean_over(g, g->high), "class_auroc",
                                              group_class_means(g), "seeds", (json_int_t)g->seeds, "seconds",
                                              group_mean_over(g, g->seconds), "peak_bytes", g->peak, "pretraining_seconds",
                                              group_mean_over(g, g->pretraining_seconds), "pretraining_bytes", g->pretraining_peak));
    json_t *root = json_pack("{s:o, s:O, s:O}", "rows", rows, "paired", paired, "cells", cells);
    dump = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    pclr_status status = dump ? path_join(&path, folder, "study.json", error) : error_memory(error, 0);
    if (status == PCLR_OK) status = file_write(path, dump, strlen(dump), error);
    free(dump);
    mem_free(path);
    return status;
}

pclr_status table_write(const json_t *cells, const json_t *paired, const char *folder, pclr_error *error)
{
    group *g = NULL;
    size_t count = 0;
    pclr_status status;
    TRY_GOTO(groups_make(cells, &g, &count, error));
    TRY_GOTO(write_json(g, count, cells, paired, folder, error));
    TRY_GOTO(write_csv(g, count, folder, error));
    TRY_GOTO(page_write(g, count, paired, folder, error));
done:
    groups_free(g, count);
    return status;
}
