/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trees.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "train/predictions.h"

enum { STUDY_ROUNDS = 200 };

pclr_status trees_features(const pool *p, size_t record, float *feature, pclr_error *error)
{
    size_t features = p->physiology.features;
    uint8_t *valid = NULL;
    TRY(mem_alloc(&valid, features, 1, error));
    pool_features(p, record, 0, 0, feature, valid);
    for (size_t f = 0; f < features; f++)
        if (!valid[f]) feature[f] = NAN;
    mem_free(valid);
    return PCLR_OK;
}

void trees_free(trees_fitted *t)
{
    model_trees_free(&t->model);
    mem_release(&t->validation);
}

#ifdef PCLR_HAVE_XGBOOST
#include <jansson.h>
#include <xgboost/c_api.h>

#include "eval/auroc.h"

/* Shrinkage 0.05, four fifths of the records and half of the features a tree. */
enum { CHECK_EVERY = 25 };
static const char *const depths[] = {"2", "4"};

typedef struct matrix {
    float *value; /* [rows][features]; NaN: missing */
    size_t rows;
} matrix;

typedef struct fit {
    const task *task;
    const pclr_config *config;
    const pclr_callbacks *callbacks;
    size_t classes, features;
    int rounds;
    matrix train, validation;
    DMatrixHandle validation_handle;
    double *score; /* [validation records][classes] */
    double best;
    int best_rounds;
    const char *best_depth;
    char **best_json; /* [classes] boosters as JSON; NULL: the class has only one sort of label */
} fit;

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

static pclr_status read_features(const pool *p, const task_part *part, matrix *m, pclr_error *error)
{
    size_t features = p->physiology.features;
    TRY(mem_alloc(&m->value, part->records, features * sizeof *m->value, error));
    m->rows = part->records;
    for (size_t r = 0; r < part->records; r++) TRY(trees_features(p, part->record[r], m->value + r * features, error));
    return PCLR_OK;
}

/* The class's known training records as XGBoost wants them; *handle NULL: only one sort of label, nothing to learn. */
static pclr_status class_matrix(const fit *t, size_t c, DMatrixHandle *handle, pclr_error *error)
{
    size_t rows = 0, positives = 0, n = t->train.rows;
    float *value = NULL, *label = NULL;
    pclr_status status;
    *handle = NULL;
    TRY_GOTO(mem_alloc(&value, n, t->features * sizeof *value, error));
    TRY_GOTO(mem_alloc(&label, n, sizeof *label, error));
    for (size_t r = 0; r < n; r++) {
        uint8_t known = t->task->train.label[r * t->classes + c];
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

static pclr_status booster_create(const fit *t, DMatrixHandle train, const char *depth, BoosterHandle *booster, pclr_error *error)
{
    char threads[16], seed[24];
    const char *const parameter[][2] = {
        {"objective", "binary:logistic"}, {"base_score", "0.5"}, {"eta", "0.05"},      {"subsample", "0.8"}, {"colsample_bytree", "0.5"},
        {"tree_method", "hist"},          {"verbosity", "0"},    {"max_depth", depth}, {"nthread", threads}, {"seed", seed}};
    pclr_status status = PCLR_OK;
    (void)snprintf(threads, sizeof threads, "%d", parallel_threads((int)config_int(t->config, "train.threads")));
    (void)snprintf(seed, sizeof seed, "%lld", (long long)config_int(t->config, "seed"));
    XGB(XGBoosterCreate(&train, 1, booster));
    for (size_t k = 0; k < sizeof parameter / sizeof *parameter; k++) XGB(XGBoosterSetParam(*booster, parameter[k][0], parameter[k][1]));
done:
    return status;
}

static pclr_status keep(fit *t, BoosterHandle *booster, pclr_error *error)
{
    pclr_status status = PCLR_OK;
    for (size_t c = 0; c < t->classes; c++) {
        const char *data = NULL;
        bst_ulong length = 0;
        mem_release(&t->best_json[c]);
        if (!booster[c]) continue;
        XGB(XGBoosterSaveModelToBuffer(booster[c], "{\"format\": \"json\"}", &length, &data));
        TRY_GOTO(mem_printf(&t->best_json[c], error, "%.*s", (int)length, data));
    }
done:
    return status;
}

/* Keeps the boosters as they are now if validation likes them best. */
static pclr_status judge(fit *t, BoosterHandle *booster, int rounds, const char *depth, pclr_error *error)
{
    auroc_average average;
    pclr_status status = PCLR_OK;
    for (size_t c = 0; c < t->classes; c++) {
        const float *value = NULL;
        bst_ulong length = 0;
        if (!booster[c]) continue;
        XGB(XGBoosterPredict(booster[c], t->validation_handle, 0, 0, 0, &length, &value));
        for (size_t r = 0; r < t->validation.rows && r < length; r++) t->score[r * t->classes + c] = (double)value[r];
    }
    TRY_GOTO(auroc_macro(t->score, t->task->validation.label, t->validation.rows, t->classes, &average, NULL, error));
    if (!(average.macro > t->best)) goto done;
    t->best = average.macro;
    t->best_rounds = rounds;
    t->best_depth = depth;
    status = keep(t, booster, error);
done:
    return status;
}

static pclr_status try_depth(fit *t, const char *depth, pclr_error *error)
{
    DMatrixHandle *train = NULL;
    BoosterHandle *booster = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&train, t->classes, sizeof *train, error));
    TRY_GOTO(mem_alloc(&booster, t->classes, sizeof *booster, error));
    for (size_t c = 0; c < t->classes; c++) {
        TRY_GOTO(class_matrix(t, c, &train[c], error));
        if (train[c]) TRY_GOTO(booster_create(t, train[c], depth, &booster[c], error));
    }
    for (int round = 1; round <= t->rounds; round++) {
        for (size_t c = 0; c < t->classes; c++)
            if (booster[c]) XGB(XGBoosterUpdateOneIter(booster[c], round - 1, train[c]));
        if (round % CHECK_EVERY == 0 || round == t->rounds) TRY_GOTO(judge(t, booster, round, depth, error));
        if (callbacks_stop(t->callbacks)) {
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

/* ---- from XGBoost's JSON to our trees ---- */

static const json_t *list_of_trees(const json_t *booster)
{
    const json_t *learner = json_object_get(booster, "learner");
    return json_object_get(json_object_get(json_object_get(learner, "gradient_booster"), "model"), "trees");
}

static int32_t integer_at(const json_t *tree, const char *key, size_t k)
{
    const json_t *value = json_array_get(json_object_get(tree, key), k);
    return json_is_true(value) ? 1 : (int32_t)json_integer_value(value);
}

/* split_conditions holds the thresholds, and the values of leaves. */
static void add_tree(model_trees *m, const json_t *tree, size_t class_of)
{
    size_t nodes = json_array_size(json_object_get(tree, "left_children"));
    for (size_t k = 0; k < nodes; k++) {
        int32_t left = integer_at(tree, "left_children", k), right = integer_at(tree, "right_children", k);
        bool is_leaf = left < 0;
        m->node[m->nodes] = (model_tree_node){.feature = is_leaf ? -1 : integer_at(tree, "split_indices", k),
                                              .below = left,
                                              .otherwise = right,
                                              .missing = integer_at(tree, "default_left", k) ? left : right};
        m->value[m->nodes++] = (float)json_number_value(json_array_get(json_object_get(tree, "split_conditions"), k));
    }
    m->class_of[m->trees++] = (int32_t)class_of;
    m->begin[m->trees] = (int32_t)m->nodes;
}

/* A class without boosters gets the log odds of its smoothed share. */
static float constant(const task *t, size_t c)
{
    size_t classes = t->labels->classes;
    double positive = 0.5, negative = 0.5;
    for (size_t r = 0; r < t->train.records; r++) {
        positive += t->train.label[r * classes + c] == 1;
        negative += t->train.label[r * classes + c] == 0;
    }
    return (float)log(positive / negative);
}

static pclr_status convert(const fit *t, model_trees *m, pclr_error *error)
{
    json_t **booster = NULL;
    size_t trees = 0, nodes = 0;
    pclr_status status;
    *m = (model_trees){.classes = t->classes, .features = t->features};
    TRY_GOTO(mem_alloc(&booster, t->classes, sizeof(json_t *), error));
    for (size_t c = 0; c < t->classes; c++) {
        if (!t->best_json[c]) continue;
        booster[c] = json_loads(t->best_json[c], 0, NULL);
        const json_t *list = list_of_trees(booster[c]);
        trees += json_array_size(list);
        for (size_t k = 0; k < json_array_size(list); k++)
            nodes += json_array_size(json_object_get(json_array_get(list, k), "left_children"));
    }
    TRY_GOTO(mem_alloc(&m->base, t->classes, sizeof *m->base, error));
    TRY_GOTO(mem_alloc(&m->class_of, trees, sizeof *m->class_of, error));
    TRY_GOTO(mem_alloc(&m->begin, trees + 1, sizeof *m->begin, error));
    TRY_GOTO(mem_alloc(&m->node, nodes, sizeof *m->node, error));
    TRY_GOTO(mem_alloc(&m->value, nodes, sizeof *m->value, error));
    for (size_t c = 0; c < t->classes; c++) {
        const json_t *list = list_of_trees(booster[c]);
        for (size_t k = 0; k < json_array_size(list); k++) add_tree(m, json_array_get(list, k), c);
        if (!booster[c]) m->base[c] = constant(t->task, c); /* with boosters: base_score 0.5, log odds 0 */
    }
done:
    for (size_t c = 0; booster && c < t->classes; c++) json_decref(booster[c]);
    mem_free(booster);
    return status;
}

static pclr_status finish(const fit *t, trees_fitted *out, pclr_error *error)
{
    out->macro = t->best;
    out->rounds = t->best_rounds;
    out->depth = t->best_depth;
    TRY(convert(t, &out->model, error));
    TRY(mem_alloc(&out->validation, t->validation.rows, t->classes * sizeof *out->validation, error));
    for (size_t r = 0; r < t->validation.rows; r++)
        model_trees_apply(&out->model, t->validation.value + r * t->features, out->validation + r * t->classes);
    return PCLR_OK;
}

pclr_status trees_fit(trees_fitted *out, const pool *p, const task *t, int rounds, const pclr_config *config,
                      const pclr_callbacks *callbacks, pclr_error *error)
{
    fit f = {.task = t,
             .config = config,
             .callbacks = callbacks,
             .classes = t->labels->classes,
             .features = p->physiology.features,
             .rounds = rounds,
             .best = -INFINITY};
    pclr_status status;
    *out = (trees_fitted){.rounds = 0};
    TRY_GOTO(read_features(p, &t->train, &f.train, error));
    TRY_GOTO(read_features(p, &t->validation, &f.validation, error));
    XGB(XGDMatrixCreateFromMat(f.validation.value, f.validation.rows, f.features, NAN, &f.validation_handle));
    TRY_GOTO(mem_alloc(&f.score, f.validation.rows, f.classes * sizeof *f.score, error));
    TRY_GOTO(mem_alloc(&f.best_json, f.classes, sizeof *f.best_json, error));
    for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) TRY_GOTO(try_depth(&f, depths[k], error));
    TRY_GOTO(finish(&f, out, error));
    callbacks_log(callbacks, PCLR_LOG_INFO, "boosted trees: %d rounds of depth %s, validation macro AUROC %.4f", out->rounds,
                  out->depth ? out->depth : "none", out->macro);
done:
    if (f.validation_handle) (void)XGDMatrixFree(f.validation_handle);
    for (size_t c = 0; f.best_json && c < f.classes; c++) mem_free(f.best_json[c]);
    mem_free(f.best_json);
    mem_free(f.train.value);
    mem_free(f.validation.value);
    mem_free(f.score);
    if (status != PCLR_OK) trees_free(out);
    return status;
}

#else

pclr_status trees_fit(trees_fitted *out, const pool *p, const task *t, int rounds, const pclr_config *config,
                      const pclr_callbacks *callbacks, pclr_error *error)
{
    (void)p, (void)t, (void)rounds, (void)config, (void)callbacks;
    *out = (trees_fitted){.rounds = 0};
    return error_set(error, PCLR_E_UNSUPPORTED,
                     "boosted trees: the program was built without XGBoost; install libxgboost-dev and configure again");
}

#endif

static pclr_status predict_part(const trees_fitted *t, const pool *p, const size_t *record, size_t records, double *logit,
                                pclr_error *error)
{
    float *feature = NULL;
    pclr_status status;
    TRY_GOTO(mem_alloc(&feature, p->physiology.features, sizeof *feature, error));
    for (size_t r = 0; r < records; r++) {
        TRY_GOTO(trees_features(p, record[r], feature, error));
        model_trees_apply(&t->model, feature, logit + r * t->model.classes);
    }
done:
    mem_free(feature);
    return status;
}

pclr_status trees_run(const char *dataset_path, const pclr_downstream_options *options, const pclr_config *config, const char *folder,
                      const char *file, pclr_split part, const pclr_callbacks *callbacks, pclr_train_summary *summary, pclr_error *error)
{
    pool p = {0};
    task t = {0};
    trees_fitted fitted = {.rounds = 0};
    size_t *record = NULL, records = 0;
    double *logit = NULL, begin = clock_seconds();
    pclr_status status;
    TRY_GOTO(pool_open(&p, dataset_path, NULL, config, true, error));
    TRY_GOTO(pool_check_extractor(&p, callbacks, error));
    TRY_GOTO(pool_split_named(&p, options->split, error));
    TRY_GOTO(task_open(&t, &p, options->task, options->label_fraction, options->label_seed, error));
    TRY_GOTO(trees_fit(&fitted, &p, &t, STUDY_ROUNDS, config, callbacks, error));
    TRY_GOTO(pool_part(&p, part, &record, &records, error));
    TRY_GOTO(mem_alloc(&logit, records, t.labels->classes * sizeof *logit, error));
    TRY_GOTO(predict_part(&fitted, &p, record, records, logit, error));
    TRY_GOTO(file_make_folder(folder, error));
    TRY_GOTO(predictions_write(&p, t.labels, record, records, logit, 1.0, folder, file, error));
    if (summary) {
        *summary = (pclr_train_summary){.steps = fitted.rounds, .seconds = clock_seconds() - begin, .best_value = fitted.macro};
        (void)snprintf(summary->best_name, sizeof summary->best_name, "validation macro AUROC");
    }
done:
    trees_free(&fitted);
    mem_free(record);
    mem_free(logit);
    task_close(&t);
    pool_close(&p);
    return status;
}
