/* SPDX-License-Identifier: Apache-2.0 */
#include "study/paired.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "dataset/dataset.h"
#include "eval/ranking.h"

enum { DRAWS = 1000, MAX_SEEDS = 64 };

/* All seeds of one way to get a classifier. */
typedef struct way {
    const json_t *cell[MAX_SEEDS];
    size_t seeds;
    double mean;
} way;

static const char *word(const json_t *cell, const char *key)
{
    const char *value = json_string_value(json_object_get(cell, key));
    return value ? value : "";
}

static double value_of(const json_t *cell)
{
    return json_number_value(json_object_get(json_object_get(cell, "auroc"), "value"));
}

static bool same(const json_t *a, const json_t *b, const char *const *key, size_t keys)
{
    for (size_t k = 0; k < keys; k++)
        if (strcmp(word(a, key[k]), word(b, key[k])) != 0) return false;
    return json_number_value(json_object_get(a, "fraction")) == json_number_value(json_object_get(b, "fraction"));
}

static const char *const way_keys[] = {"task", "arm", "encoder", "method", "input"};

static bool defined(const json_t *cell)
{
    return json_is_object(json_object_get(cell, "auroc"));
}

/* The cells that differ from `like` by their seed alone. */
static way way_of(const json_t *cells, const json_t *like)
{
    way w = {.seeds = 0};
    for (size_t k = 0; k < json_array_size(cells) && w.seeds < MAX_SEEDS; k++) {
        const json_t *cell = json_array_get(cells, k);
        if (defined(cell) && same(cell, like, way_keys, sizeof way_keys / sizeof *way_keys)) w.cell[w.seeds++] = cell;
    }
    for (size_t k = 0; k < w.seeds; k++) w.mean += value_of(w.cell[k]) / (double)w.seeds;
    return w;
}

/* Which ways are looked at; NULL: any. */
typedef struct choice {
    const char *kind, *arm, *input;
} choice;

static bool chosen(const choice *want, const json_t *kinds, const json_t *cell)
{
    const char *arm = word(cell, "arm");
    return (!want->kind || strcmp(word(kinds, arm), want->kind) == 0) && (!want->arm || strcmp(arm, want->arm) == 0) &&
           (!want->input || strcmp(word(cell, "input"), want->input) == 0);
}

/* The best of the chosen ways on the task and label fraction of `like`; seeds 0: there is none. */
static way best_way(const json_t *cells, const json_t *kinds, const json_t *like, choice want)
{
    static const char *const task_key[] = {"task"};
    way best = {.seeds = 0};
    for (size_t k = 0; k < json_array_size(cells); k++) {
        const json_t *cell = json_array_get(cells, k);
        if (!defined(cell) || !same(cell, like, task_key, 1) || !chosen(&want, kinds, cell)) continue;
        way w = way_of(cells, cell);
        if (best.seeds == 0 || w.mean > best.mean) best = w;
    }
    return best;
}

/* ---- predictions ---- */

/* Records that every file has and that are labelled, grouped by patient. */
typedef struct table {
    const pclr_labels *labels;
    size_t records, patients;
    size_t *row;                  /* [records] of the dataset, those of a patient in a row */
    size_t *patient_begin;        /* [patients + 1] */
    double *score[2 * MAX_SEEDS]; /* [dataset records][classes]: one side's seeds, then the other's */
    ranking *rank;                /* [files][classes] of the records, sorted once for all draws */
    size_t files, ranks;
} table;

static void table_free(table *t)
{
    for (size_t k = 0; k < t->files; k++) mem_free(t->score[k]);
    for (size_t k = 0; k < t->ranks; k++) ranking_free(&t->rank[k]);
    mem_free(t->rank);
    mem_free(t->row);
    mem_free(t->patient_begin);
}

/* score[dataset records][classes] of a file; NaN where it has no record. */
static pclr_status read_scores(const pclr_dataset *dataset, const pclr_labels *labels, const json_t *cell, const char *file, double **score,
                               pclr_error *error)
{
    char *path = NULL;
    csv_table csv = {0};
    size_t classes = labels->classes;
    pclr_status status;
    TRY_GOTO(path_join(&path, word(cell, "folder"), file, error));
    TRY_GOTO(csv_read(&csv, path, error));
    TRY_GOTO(mem_alloc(score, labels->records, classes * sizeof **score, error));
    for (size_t k = 0; k < labels->records * classes; k++) (*score)[k] = NAN;
    for (size_t c = 0; c < classes; c++) {
        int column = csv_column(&csv, labels->class_name[c]);
        for (size_t r = 0; r < csv.rows && column >= 0; r++) {
            int64_t row = pclr_dataset_find(dataset, csv_get(&csv, r, 0));
            double value;
            if (row >= 0 && parse_double(csv_get(&csv, r, column), &value)) (*score)[(size_t)row * classes + c] = value;
        }
    }
done:
    csv_free(&csv);
    mem_free(path);
    return status;
}

typedef struct keyed_row {
    const char *patient;
    size_t row;
} keyed_row;

static int compare_rows(const void *a, const void *b)
{
    const keyed_row *x = a, *y = b;
    int order = strcmp(x->patient, y->patient);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static bool usable(const table *t, size_t row)
{
    size_t classes = t->labels->classes;
    for (size_t f = 0; f < t->files; f++)
        for (size_t c = 0; c < classes; c++)
            if (!isfinite(t->score[f][row * classes + c])) return false;
    for (size_t c = 0; c < classes; c++)
        if (t->labels->value[row * classes + c] <= 1) return true;
    return false;
}

static pclr_status group_rows(table *t, const pclr_dataset *dataset, pclr_error *error)
{
    keyed_row *key = NULL;
    TRY(mem_alloc(&key, t->labels->records, sizeof *key, error));
    TRY(mem_alloc(&t->row, t->labels->records, sizeof *t->row, error));
    TRY(mem_alloc(&t->patient_begin, t->labels->records + 1, sizeof *t->patient_begin, error));
    for (size_t row = 0; row < t->labels->records; row++) {
        pclr_dataset_row r = pclr_dataset_get_row(dataset, row);
        if (usable(t, row)) key[t->records++] = (keyed_row){r.patient && r.patient[0] ? r.patient : r.id, row};
    }
    qsort(key, t->records, sizeof *key, compare_rows);
    for (size_t k = 0; k < t->records; k++) {
        if (k == 0 || strcmp(key[k].patient, key[k - 1].patient) != 0) t->patient_begin[t->patients++] = k;
        t->row[k] = key[k].row;
    }
    t->patient_begin[t->patients] = t->records;
    mem_free(key);
    return PCLR_OK;
}

static pclr_status rank_files(table *t, pclr_error *error)
{
    size_t classes = t->labels->classes;
    double *score = NULL;
    uint8_t *label = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&score, t->records, sizeof *score, error));
    TRY_GOTO(mem_alloc(&label, t->records, sizeof *label, error));
    TRY_GOTO(mem_alloc(&t->rank, t->files * classes, sizeof *t->rank, error));
    for (; t->ranks < t->files * classes; t->ranks++) {
        size_t file = t->ranks / classes, c = t->ranks % classes;
        for (size_t k = 0; k < t->records; k++) {
            score[k] = t->score[file][t->row[k] * classes + c];
            label[k] = t->labels->value[t->row[k] * classes + c];
        }
        TRY_GOTO(ranking_create(&t->rank[t->ranks], score, label, t->records, 1, 1, error));
    }
done:
    mem_free(score);
    mem_free(label);
    return status;
}

/* ---- the bootstrap ---- */

/* Macro AUROC of a file over the classes that are defined under weight[records]; NaN: none is. */
static double macro(const table *t, const uint16_t *weight, size_t file)
{
    size_t classes = t->labels->classes, known = 0;
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++) {
        double value = ranking_measure(&t->rank[file * classes + c], weight, 0).auroc;
        if (isnan(value)) continue;
        sum += value;
        known++;
    }
    return known ? sum / (double)known : NAN;
}

/* Mean over drawn seeds of one side's macro AUROC; `first`: index of its first file. */
static double side(const table *t, const uint16_t *weight, size_t first, size_t seeds, rng *random)
{
    double sum = 0.0, one[MAX_SEEDS];
    bool known[MAX_SEEDS] = {false};
    for (size_t k = 0; k < seeds; k++) {
        size_t seed = (size_t)rng_below(random, seeds);
        if (!known[seed]) one[seed] = macro(t, weight, first + seed);
        known[seed] = true;
        sum += one[seed] / (double)seeds;
    }
    return sum;
}

/* weight[records]: how often the patient of each was drawn. */
static void draw_patients(const table *t, uint16_t *weight, rng *random)
{
    memset(weight, 0, t->records * sizeof *weight);
    for (size_t k = 0; k < t->patients; k++) {
        size_t p = (size_t)rng_below(random, t->patients);
        for (size_t r = t->patient_begin[p]; r < t->patient_begin[p + 1]; r++) weight[r]++;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static pclr_status bootstrap(const table *t, size_t ours, size_t theirs, double interval[2], pclr_error *error)
{
    size_t kept = 0;
    double *difference = NULL;
    uint16_t *weight = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&weight, t->records, sizeof *weight, error));
    TRY_GOTO(mem_alloc(&difference, DRAWS, sizeof *difference, error));
    for (uint64_t k = 0; k < DRAWS; k++) {
        rng random = rng_make(1, "paired", k);
        draw_patients(t, weight, &random);
        double a = side(t, weight, 0, ours, &random), b = side(t, weight, ours, theirs, &random);
        if (isfinite(a - b)) difference[kept++] = a - b;
    }
    qsort(difference, kept, sizeof *difference, compare_doubles);
    interval[0] = kept ? difference[(size_t)(0.025 * (double)(kept - 1))] : NAN;
    interval[1] = kept ? difference[(size_t)ceil(0.975 * (double)(kept - 1))] : NAN;
done:
    mem_free(weight);
    mem_free(difference);
    return status;
}

static void describe(const way *w, char out[256])
{
    const json_t *cell = w->cell[0];
    (void)snprintf(out, 256, "%s (%s, %s)", word(cell, "arm"), word(cell, "method"), word(cell, "input"));
}

static pclr_status compare_ways(const pclr_dataset *dataset, const way *ours, const way *theirs, const char *against, const char *file,
                                json_t *out, pclr_error *error)
{
    const way *both[2] = {ours, theirs};
    table t = {0};
    pclr_labels *labels = NULL;
    char name[2][256];
    double interval[2] = {NAN, NAN};
    pclr_status status;
    TRY_GOTO(pclr_dataset_labels(dataset, word(ours->cell[0], "task"), &labels, error));
    t.labels = labels;
    for (int w = 0; w < 2; w++)
        for (size_t k = 0; k < both[w]->seeds; k++) {
            status = read_scores(dataset, labels, both[w]->cell[k], file, &t.score[t.files], error);
            if (t.score[t.files]) t.files++;
            if (status != PCLR_OK) goto done;
        }
    TRY_GOTO(group_rows(&t, dataset, error));
    if (t.records > 0) TRY_GOTO(rank_files(&t, error));
    if (t.records > 0) TRY_GOTO(bootstrap(&t, ours->seeds, theirs->seeds, interval, error));
    describe(ours, name[0]);
    describe(theirs, name[1]);
    if (isfinite(interval[0]))
        json_array_append_new(out, json_pack("{s:s, s:O, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:I}", "task", word(ours->cell[0], "task"),
                                             "fraction", json_object_get(ours->cell[0], "fraction"), "against", against, "arm", name[0],
                                             "rival", name[1], "arm_auroc", ours->mean, "rival_auroc", theirs->mean, "difference",
                                             ours->mean - theirs->mean, "low", interval[0], "high", interval[1], "seeds",
                                             (json_int_t)ours->seeds));
done:
    table_free(&t);
    pclr_labels_destroy(&labels);
    return status;
}

/* Is `cells[k]` the first of its task and fraction? */
static bool first_of_group(const json_t *cells, size_t k)
{
    static const char *const task_key[] = {"task"};
    const json_t *cell = json_array_get(cells, k);
    if (!defined(cell)) return false;
    for (size_t j = 0; j < k; j++)
        if (defined(json_array_get(cells, j)) && same(json_array_get(cells, j), cell, task_key, 1)) return false;
    return true;
}

/* The best arm of all against the best rival of each sort; then bare embeddings, against each pretrained rival by itself. */
static pclr_status compare_group(const pclr_dataset *dataset, const json_t *cells, const json_t *kinds, const json_t *like,
                                 const char *file, json_t *out, pclr_error *error)
{
    static const char *const rivals[] = {"pretrained", "simple"};
    const char *arm;
    json_t *kind;
    way ours = best_way(cells, kinds, like, (choice){.kind = "physioclr"});
    for (int r = 0; r < 2 && ours.seeds > 0; r++) {
        way theirs = best_way(cells, kinds, like, (choice){.kind = rivals[r]});
        if (theirs.seeds > 0) TRY(compare_ways(dataset, &ours, &theirs, rivals[r], file, out, error));
    }
    ours = best_way(cells, kinds, like, (choice){.kind = "physioclr", .input = "embedding"});
    if (ours.seeds == 0) return PCLR_OK;
    json_object_foreach((json_t *)kinds, arm, kind)
    {
        if (strcmp(json_string_value(kind), "pretrained") != 0) continue;
        way theirs = best_way(cells, kinds, like, (choice){.arm = arm, .input = "embedding"});
        if (theirs.seeds > 0) TRY(compare_ways(dataset, &ours, &theirs, "embedding", file, out, error));
    }
    return PCLR_OK;
}

pclr_status paired_compare(const char *dataset_path, const json_t *cells, const json_t *kinds, const char *file, json_t **out,
                           pclr_error *error)
{
    pclr_dataset *dataset = NULL;
    pclr_status status = PCLR_OK;
    *out = json_array();
    TRY(pclr_dataset_open(&dataset, dataset_path, error));
    for (size_t k = 0; k < json_array_size(cells) && status == PCLR_OK; k++)
        if (first_of_group(cells, k)) status = compare_group(dataset, cells, kinds, json_array_get(cells, k), file, *out, error);
    pclr_dataset_destroy(&dataset);
    return status;
}
