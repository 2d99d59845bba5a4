/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees: Chen & Guestrin 2016 (XGBoost), logistic loss, shrinkage 0.05, four fifths of the records and half of the features a tree.
 * Tried on validation: depths 2 and 4, every 25 rounds up to 400.
 */
#include "train/trees.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#ifdef PCLR_HAVE_XGBOOST
#include <xgboost/c_api.h>

#include "base/config.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "eval/auroc.h"
#include "train/task.h"

enum { ROUNDS = 400, CHECK_EVERY = 25 };
static const char *const depths[] = {"2", "4"};

typedef struct matrix {
    float *value; /* [rows][features]; NaN: missing */
    size_t rows;
} matrix;

typedef struct trees {
    pool pool;
    task task;
    size_t classes, features;
    size_t *scored_record; /* [scored.rows] indices into the pool */
    matrix train, validation, scored;
    DMatrixHandle validation_handle, scored_handle;
    double *validation_score, *score, *best_score; /* [rows][classes] */
    double best;
    int best_rounds;
    const char *best_depth;
} trees;

static pclr_status xgboost_error(pclr_error *error)
{
    return error_set(error, PCLR_E_UNSUPPORTED, "boosted trees: XGBoost says: %s", XGBGetLastError());
}

#define XGB(call)                                                                                                                          \
    do {                                                                                                                                   \
        if ((call) != 0) {                                                                                                                 \
            status = xgboost_error(error);                                                                                                 \
            goto done;                                                                                                                     \
        }                                                                                                                                  \
    } while (0)

static pclr_status read_features(const pool *p, const size_t *record, size_t records, matrix *m, pclr_error *error)
{
    size_t features = p->physiology.features;
    uint8_t *valid = NULL;
    TRY(mem_alloc(&m->value, records, features * sizeof *m->value, error));
    TRY(mem_alloc(&valid, features, 1, error));
    m->rows = records;
    for (size_t r = 0; r < records; r++) {
        float *row = m->value + r * features;
        pool_features(p, record[r], 0, 0, row, valid);
        for (size_t f = 0; f < features; f++)
            if (!valid[f]) row[f] = NAN;
    }
    mem_free(valid);
    return PCLR_OK;
}

static pclr_status open_trees(trees *t, const char *dataset_path, const pclr_downstream_options *o, const pclr_config *config,
                              pclr_split part, const pclr_callbacks *callbacks, pclr_error *error)
{
    size_t count = 0;
    pclr_status status;
    TRY_GOTO(pool_open(&t->pool, dataset_path, NULL, config, true, error));
    TRY_GOTO(pool_check_extractor(&t->pool, callbacks, error));
    TRY_GOTO(pool_split_named(&t->pool, o->split, error));
    TRY_GOTO(task_open(&t->task, &t->pool, o->task, o->label_fraction, o->label_seed, error));
    t->classes = t->task.labels->classes;
    t->features = t->pool.physiology.features;
    TRY_GOTO(pool_part(&t->pool, part, &t->scored_record, &count, error));
    TRY_GOTO(read_features(&t->pool, t->task.train.record, t->task.train.records, &t->train, error));
    TRY_GOTO(read_features(&t->pool, t->task.validation.record, t->task.validation.records, &t->validation, error));
    TRY_GOTO(read_features(&t->pool, t->scored_record, count, &t->scored, error));
    XGB(XGDMatrixCreateFromMat(t->validation.value, t->validation.rows, t->features, NAN, &t->validation_handle));
    XGB(XGDMatrixCreateFromMat(t->scored.value, count ? count : 1, t->features, NAN, &t->scored_handle));
    TRY_GOTO(mem_alloc(&t->validation_score, t->validation.rows, t->classes * sizeof(double), error));
    TRY_GOTO(mem_alloc(&t->score, count, t->classes * sizeof(double), error));
    TRY_GOTO(mem_alloc(&t->best_score, count, t->classes * sizeof(double), error));
    t->best = -INFINITY;
done:
    return status;
}

static void close_trees(trees *t)
{
    if (t->validation_handle) (void)XGDMatrixFree(t->validation_handle);
    if (t->scored_handle) (void)XGDMatrixFree(t->scored_handle);
    mem_free(t->train.value);
    mem_free(t->validation.value);
    mem_free(t->scored.value);
    mem_free(t->scored_record);
    mem_free(t->validation_score);
    mem_free(t->score);
    mem_free(t->best_score);
    task_close(&t->task);
    pool_close(&t->pool);
}

/* The class's known training records as XGBoost wants them; *handle NULL: only one sort of label, nothing to learn. */
static pclr_status class_matrix(const trees *t, size_t c, DMatrixHandle *handle, pclr_error *error)
{
    size_t rows = 0, positives = 0, n = t->train.rows;
    float *value = NULL, *label = NULL;
    pclr_status status;
    *handle = NULL;
    TRY_GOTO(mem_alloc(&value, n, t->features * sizeof *value, error));
    TRY_GOTO(mem_alloc(&label, n, sizeof *label, error));
    for (size_t r = 0; r < n; r++) {
        uint8_t known = t->task.train.label[r * t->classes + c];
        if (known > 1) continue;
        memcpy(value + rows * t->features, t->train.value + r * t->features, t->features * sizeof *value);
        label[rows++] = (float)known;
        positives += known;
    }
    if (positives == 0 || positives == rows) goto done;
    XGB(XGDMatrixCreateFromMat(value, rows, t->features, NAN, handle));
    XGB(XGDMatrixSetFloatInfo(*handle, "label", label, rows));
done:
    mem_free(value);
    mem_free(label);
    return status;
}

static pclr_status booster_create(DMatrixHandle train, const char *depth, const char *threads, const char *seed, BoosterHandle *booster,
                                  pclr_error *error)
{
    const char *const parameter[][2] = {{"objective", "binary:logistic"},
                                        {"eta", "0.05"},
                                        {"subsample", "0.8"},
                                        {"colsample_bytree", "0.5"},
                                        {"tree_method", "hist"},
                                        {"verbosity", "0"},
                                        {"max_depth", depth},
                                        {"nthread", threads},
                                        {"seed", seed}};
    pclr_status status = PCLR_OK;
    XGB(XGBoosterCreate(&train, 1, booster));
    for (size_t k = 0; k < sizeof parameter / sizeof *parameter; k++) XGB(XGBoosterSetParam(*booster, parameter[k][0], parameter[k][1]));
done:
    return status;
}

static pclr_status predict_column(BoosterHandle booster, DMatrixHandle rows, size_t count, size_t classes, size_t c, double *out,
                                  pclr_error *error)
{
    const float *value = NULL;
    bst_ulong length = 0;
    pclr_status status = PCLR_OK;
    if (count == 0) return PCLR_OK;
    XGB(XGBoosterPredict(booster, rows, 0, 0, 0, &length, &value));
    for (size_t r = 0; r < count && r < length; r++) out[r * classes + c] = (double)value[r];
done:
    return status;
}

/* Predicts with what the boosters are so far and keeps the answer if validation likes it best. */
static pclr_status check(trees *t, BoosterHandle *booster, int rounds, const char *depth, pclr_error *error)
{
    auroc_average average;
    for (size_t c = 0; c < t->classes; c++) {
        if (!booster[c]) continue;
        TRY(predict_column(booster[c], t->validation_handle, t->validation.rows, t->classes, c, t->validation_score, error));
        TRY(predict_column(booster[c], t->scored_handle, t->scored.rows, t->classes, c, t->score, error));
    }
    TRY(auroc_macro(t->validation_score, t->task.validation.label, t->validation.rows, t->classes, &average, NULL, error));
    if (!(average.macro > t->best)) return PCLR_OK;
    t->best = average.macro;
    t->best_rounds = rounds;
    t->best_depth = depth;
    memcpy(t->best_score, t->score, t->scored.rows * t->classes * sizeof(double));
    return PCLR_OK;
}

static pclr_status try_depth(trees *t, const char *depth, const pclr_config *config, const pclr_callbacks *callbacks, pclr_error *error)
{
    DMatrixHandle *train = NULL;
    BoosterHandle *booster = NULL;
    char threads[16], seed[24];
    pclr_status status;
    (void)snprintf(threads, sizeof threads, "%d", parallel_threads((int)config_int(config, "train.threads")));
    (void)snprintf(seed, sizeof seed, "%lld", (long long)config_int(config, "seed"));
    TRY_GOTO(mem_alloc(&train, t->classes, sizeof *train, error));
    TRY_GOTO(mem_alloc(&booster, t->classes, sizeof *booster, error));
    for (size_t c = 0; c < t->classes; c++) {
        TRY_GOTO(class_matrix(t, c, &train[c], error));
        if (train[c]) TRY_GOTO(booster_create(train[c], depth, threads, seed, &booster[c], error));
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t c = 0; c < t->classes; c++)
            if (booster[c]) XGB(XGBoosterUpdateOneIter(booster[c], round, train[c]));
        if ((round + 1) % CHECK_EVERY == 0) TRY_GOTO(check(t, booster, round + 1, depth, error));
        if (callbacks_stop(callbacks)) {
            status = error_set(error, PCLR_E_INTERRUPTED, "boosted trees: interrupted; nothing was written");
            goto done;
        }
    }
done:
    for (size_t c = 0; c < t->classes; c++) {
        if (booster && booster[c]) (void)XGBoosterFree(booster[c]);
        if (train && train[c]) (void)XGDMatrixFree(train[c]);
    }
    mem_free(booster);
    mem_free(train);
    return status;
}

static pclr_status write_scores(const trees *t, const char *folder, const char *file, pclr_error *error)
{
    char *path = NULL;
    text out = {0};
    text_add(&out, "record_id");
    for (size_t c = 0; c < t->classes; c++) {
        text_add(&out, ",");
        text_add_csv(&out, t->task.labels->class_name[c]);
    }
    text_add(&out, "\n");
    for (size_t r = 0; r < t->scored.rows; r++) {
        text_add_csv(&out, pclr_dataset_get_row(t->pool.dataset, t->pool.record[t->scored_record[r]].row).id);
        for (size_t c = 0; c < t->classes; c++) text_add(&out, ",%.8g", t->best_score[r * t->classes + c]);
        text_add(&out, "\n");
    }
    pclr_status status = text_ok(&out, error);
    if (status == PCLR_OK) status = file_make_folder(folder, error);
    if (status == PCLR_OK) status = path_join(&path, folder, file, error);
    if (status == PCLR_OK) status = file_write(path, out.data, out.length, error);
    mem_free(path);
    text_free(&out);
    return status;
}

pclr_status trees_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *folder,
                      const char *file, pclr_split part, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    trees t = {0};
    double begin = clock_seconds();
    pclr_status status;
    TRY_GOTO(open_trees(&t, dataset_path, options, config, part, callbacks, error));
    for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) TRY_GOTO(try_depth(&t, depths[k], config, callbacks, error));
    TRY_GOTO(write_scores(&t, folder, file, error));
    callbacks_log(callbacks, PCLR_LOG_INFO, "boosted trees: %d rounds of depth %s, validation macro AUROC %.4f", t.best_rounds,
                  t.best_depth ? t.best_depth : "none", t.best);
    if (summary) {
        *summary = (pclr_train_summary){.steps = t.best_rounds, .seconds = clock_seconds() - begin, .best_value = t.best};
        (void)snprintf(summary->best_name, sizeof summary->best_name, "validation macro AUROC");
    }
done:
    close_trees(&t);
    return status;
}

#else

pclr_status trees_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *folder,
                      const char *file, pclr_split part, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    (void)dataset_path, (void)options, (void)config, (void)folder, (void)file, (void)part, (void)callbacks, (void)summary;
    return error_set(error, PCLR_E_UNSUPPORTED,
                     "boosted trees: the program was built without XGBoost; install libxgboost-dev and configure again");
}

#endif
