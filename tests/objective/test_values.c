/* SPDX-License-Identifier: Apache-2.0 */
/* The losses and their gradients against PyTorch (tests/oracles/objectives.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "objective/contrast.h"
#include "objective/losses.h"
#include "objective/masks.h"
#include "objective/pair_contrast.h"
#include "objective/pairs.h"
#include "waves.h"

static const double TAU = 0.1;
enum { P = 6 };

typedef struct rig {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_id x;
    pclr_error error;
} rig;

static void must(rig *r, pclr_status status)
{
    if (status != PCLR_OK) fail_msg("%s", r->error.message);
}

/* x [rows][columns] is the input whose gradient is compared. */
static void rig_open(rig *r, int64_t rows, int64_t columns)
{
    memset(r, 0, sizeof *r);
    must(r, nn_backend_create(&r->backend, "reference", 1, &r->error));
    must(r, nn_params_create(&r->params, 1, &r->error));
    must(r, nn_graph_create(&r->graph, r->backend, r->params, NN_TRAIN, &r->error));
    r->x = nn_input(r->graph, "x", NN_F32, nn_shape2(rows, columns));
    nn_want_grad(r->graph, r->x);
}

static void rig_compile(rig *r, nn_id loss, double seed)
{
    must(r, nn_graph_compile(r->graph, loss, &r->error));
    waves_fill(nn_data(r->graph, r->x), nn_shape_size(nn_shape_of(r->graph, r->x)), seed, 1);
}

/* Runs, and compares the loss with the stored value `name` and the gradient with `name`.grad. */
static void rig_compare(rig *r, nn_id loss, const char *name)
{
    char grad_name[64];
    must(r, nn_graph_forward(r->graph, 0, &r->error));
    must(r, nn_graph_backward(r->graph, 1, &r->error));
    (void)snprintf(grad_name, sizeof grad_name, "%s.grad", name);
    char *value = waves_stored("objectives.txt", name), *line = waves_stored("objectives.txt", grad_name), *at = line;
    assert_non_null(value);
    assert_non_null(line);
    double want = strtod(value, NULL), got = (double)*(float *)nn_data(r->graph, loss);
    if (fabs(got - want) > 2e-5 * (1 + fabs(want))) fail_msg("%s: %.9g instead of %.9g", name, got, want);
    const float *grad = nn_grad(r->graph, r->x);
    for (int64_t k = 0; k < nn_shape_size(nn_shape_of(r->graph, r->x)); k++) {
        want = strtod(at, &at);
        if (fabs((double)grad[k] - want) > 1e-4 * (1 + fabs(want)))
            fail_msg("%s: gradient %d is %.9g instead of %.9g", name, (int)k, (double)grad[k], want);
    }
    free(value);
    free(line);
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static nn_id rows(rig *r, nn_id x, int64_t begin, int64_t count)
{
    return nn_slice(r->graph, x, 0, begin, count);
}

/* ---- PhysioCLR ---- */
enum { B = 8, Z = 5, Q = 4 };

static void unit_rows(float *x, int64_t n, int64_t columns)
{
    for (int64_t i = 0; i < n; i++) {
        double norm = 0;
        for (int64_t k = 0; k < columns; k++) norm += (double)x[i * columns + k] * (double)x[i * columns + k];
        for (int64_t k = 0; k < columns; k++) x[i * columns + k] = (float)((double)x[i * columns + k] / sqrt(norm));
    }
}

static void physioclr_case(const char *name, physioclr_form form, pairs_options options, int64_t queue)
{
    static const int64_t queue_record[Q] = {0, 9, 10, -1};
    float component[B * Z], queued[Q * Z], similarity[B * (B + Q)], scratch[B * (B + Q)];
    int32_t pair[B];
    int64_t record[B];
    pairs_counts counts;
    rig r;
    for (int i = 0; i < B; i++) {
        pair[i] = i ^ 1;
        record[i] = i / 2;
    }
    waves_fill(component, B * Z, 2, 1);
    waves_fill(queued, Q * Z, 3, 1);
    pairs_cosines(component, B, component, B, Z, similarity, B + queue);
    pairs_cosines(component, B, queued, queue, Z, similarity + B, B + queue);
    rig_open(&r, 2 * B, P);
    nn_graph *g = r.graph;
    nn_id z = nn_l2_normalize(g, r.x, 1e-8), q = NN_NONE;
    if (queue > 0) q = nn_input(g, "queue", NN_F32, nn_shape2(Q, P));
    nn_id weight = nn_input(g, "weight", NN_F32, nn_shape2(B, 1 + B + queue));
    nn_id contrasted = nn_input(g, "contrasted", NN_F32, nn_shape2(B, 1 + B + queue));
    nn_id loss = physioclr_contrast(g, form, rows(&r, z, 0, B), rows(&r, z, B, B), q, weight, contrasted, TAU);
    rig_compile(&r, loss, 1);
    if (queue > 0) {
        waves_fill(nn_data(g, q), Q * P, 4, 1);
        unit_rows(nn_data(g, q), Q, P);
    }
    pairs_batch batch = {
        .items = B, .queue = queue, .similarity = similarity, .pair = pair, .record = record, .queue_record = queue_record};
    if (form == PHYSIOCLR_OFFICIAL)
        pairs_make_official(&batch, options.delta, nn_data(g, weight), nn_data(g, contrasted), &counts);
    else
        pairs_make(&options, &batch, nn_data(g, weight), nn_data(g, contrasted), scratch, &counts);
    rig_compare(&r, loss, name);
}

static void physioclr_equals_pytorch(void **state)
{
    pairs_options o = {.rule = PAIRS_THRESHOLD, .delta = 0.25, .share = 0.2, .temperature = 0.25, true, true, true, false}, c;
    (void)state;
    physioclr_case("physioclr.threshold", PHYSIOCLR_EACH, o, Q);
    physioclr_case("physioclr.no_queue", PHYSIOCLR_EACH, o, 0);
    physioclr_case("physioclr.official", PHYSIOCLR_OFFICIAL, o, 0);
    c = o, c.against_all = true;
    physioclr_case("physioclr.threshold_all", PHYSIOCLR_ALL, c, Q);
    c = o, c.rule = PAIRS_QUANTILE;
    physioclr_case("physioclr.quantile", PHYSIOCLR_EACH, c, Q);
    c = o, c.rule = PAIRS_TOP_K;
    physioclr_case("physioclr.top_k", PHYSIOCLR_EACH, c, Q);
    c = o, c.rule = PAIRS_SOFT;
    physioclr_case("physioclr.soft", PHYSIOCLR_ALL, c, Q);
    c = o, c.partner = c.neighbours = false;
    physioclr_case("physioclr.only_own", PHYSIOCLR_EACH, c, Q);
    c = o, c.own_view = c.partner = false, c.delta = 0.6;
    physioclr_case("physioclr.only_neighbours", PHYSIOCLR_EACH, c, Q);
}

/* ---- rivals ---- */
enum { N = 6 };
static const int32_t PAIR[N] = {1, 0, 3, 2, -1, -1};
static const int64_t PATIENT[N] = {0, 0, 1, 1, 0, 2};

static void views_case(const char *name, double seed, bool by_patient, bool partners)
{
    rig r;
    rig_open(&r, 2 * N, P);
    nn_graph *g = r.graph;
    nn_id z = nn_l2_normalize(g, r.x, 1e-8), logits = contrast_logits(g, z, z, TAU);
    nn_id weight = nn_input(g, "weight", NN_F32, nn_shape2(2 * N, 2 * N)), mask = nn_input(g, "mask", NN_F32, nn_shape2(2 * N, 2 * N));
    nn_id loss = by_patient ? contrast_each(g, logits, weight, mask) : contrast_all(g, logits, weight, mask);
    rig_compile(&r, loss, seed);
    if (by_patient)
        masks_patients(N, PATIENT, nn_data(g, weight), nn_data(g, mask));
    else
        masks_views(N, PAIR, partners, nn_data(g, weight), nn_data(g, mask));
    rig_compare(&r, loss, name);
}

static void simclr_equals_pytorch(void **state)
{
    (void)state;
    views_case("simclr.partners", 5, false, true);
    views_case("simclr.plain", 5, false, false);
}

static void threekg_equals_pytorch(void **state)
{
    (void)state;
    views_case("3kg", 6, true, false);
}

static void cmsc_equals_pytorch(void **state)
{
    static const int32_t pair[N] = {1, 0, 3, 2, 5, 4};
    static const int64_t patient[N] = {0, 0, 1, 1, 0, 0};
    objective_batch batch = {.items = N, .pair = pair, .patient = patient};
    pair_contrast pairs;
    rig r;
    (void)state;
    rig_open(&r, N, P);
    nn_id loss = pair_contrast_build(&pairs, r.graph, nn_l2_normalize(r.graph, r.x, 1e-8), TAU);
    rig_compile(&r, loss, 7);
    pair_contrast_feed(&pairs, r.graph, &batch);
    rig_compare(&r, loss, "cmsc");
}

static void vicreg_equals_pytorch(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, 2 * N, P);
    nn_graph *g = r.graph;
    vicreg_terms t = vicreg_build(g, nn_affine(g, rows(&r, r.x, 0, N), 1.5, 0), nn_affine(g, rows(&r, r.x, N, N), 0.5, 0));
    nn_id loss = nn_add(g, nn_affine(g, nn_add(g, t.invariance, t.variance), 25, 0), t.covariance);
    rig_compile(&r, loss, 8);
    rig_compare(&r, loss, "vicreg");
}

static void wav2vec2_equals_pytorch(void **state)
{
    enum { ITEMS = 2, FRAMES = 5, WIDTH = 8, GROUPS = 2, CODES = 320, ENTRY = 128, ROWS = ITEMS * FRAMES };
    rig r;
    (void)state;
    rig_open(&r, ROWS, WIDTH);
    nn_graph *g = r.graph;
    nn_id noise = nn_input(g, "noise", NN_F32, nn_shape3(ROWS, GROUPS, CODES)), temperature = nn_input(g, "t", NN_F32, nn_shape1(1));
    nn_id context = nn_input(g, "context", NN_F32, nn_shape3(ITEMS, FRAMES, GROUPS * ENTRY));
    nn_id drawn = nn_input(g, "drawn", NN_F32, nn_shape3(ITEMS, FRAMES, FRAMES));
    quantised q = wav2vec2_quantise(g, r.x, noise, temperature);
    nn_id target = nn_reshape(g, nn_l2_normalize(g, q.code, 1e-8), nn_shape3(ITEMS, FRAMES, GROUPS * ENTRY));
    nn_id choice = nn_reshape(g, q.choice, nn_shape3(ITEMS, FRAMES, GROUPS * CODES));
    nn_id contrast = wav2vec2_contrast(g, nn_l2_normalize(g, context, 1e-8), target, choice, drawn, TAU);
    nn_id loss = nn_add(g, contrast, nn_affine(g, q.diversity, 0.1, 0));
    nn_keep(g, q.diversity);
    rig_compile(&r, loss, 9);
    waves_fill(nn_params_find(r.params, "quantiser.weight")->value, GROUPS * CODES * WIDTH, 10, 1);
    waves_fill(nn_params_find(r.params, "quantiser.codebook")->value, GROUPS * CODES * ENTRY, 11, 1);
    float *x = nn_data(g, r.x), *n = nn_data(g, noise), *count = nn_data(g, drawn);
    waves_fill(n, ROWS * GROUPS * CODES, 12, 1);
    memcpy(x + 3 * WIDTH, x + WIDTH, WIDTH * sizeof(float)); /* two frames with one target */
    memcpy(n + 3 * GROUPS * CODES, n + GROUPS * CODES, GROUPS * CODES * sizeof(float));
    waves_fill(nn_data(g, context), ROWS * GROUPS * ENTRY, 13, 1);
    *(float *)nn_data(g, temperature) = 1.5f;
    for (int b = 0; b < ITEMS; b++)
        for (int i = 0; i < FRAMES; i++)
            for (int j = 0; j < FRAMES; j++) count[(b * FRAMES + i) * FRAMES + j] = i == j ? 0.0f : (float)((3 * i + 5 * j + b) % 4);
    must(&r, nn_graph_forward(g, 0, &r.error));
    char *stored = waves_stored("objectives.txt", "wav2vec2.diversity");
    assert_non_null(stored);
    assert_true(fabs((double)*(float *)nn_data(g, q.diversity) - strtod(stored, NULL)) < 1e-5);
    free(stored);
    rig_compare(&r, loss, "wav2vec2");
}

static void mae_normalises_patches(void **state)
{
    float x[10], y[10] = {0};
    double mean = 0, square = 0;
    (void)state;
    for (int k = 0; k < 10; k++) x[k] = (float)(100 + k * k);
    mae_normalise(x, 5, 2, y);
    for (int k = 0; k < 5; k++) {
        mean += (double)y[2 * k] / 5;
        square += (double)y[2 * k] * (double)y[2 * k] / 5;
        assert_true(y[2 * k + 1] == 0);
    }
    assert_true(fabs(mean) < 1e-6 && fabs(square - 1) < 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(physioclr_equals_pytorch), cmocka_unit_test(simclr_equals_pytorch), cmocka_unit_test(threekg_equals_pytorch),
        cmocka_unit_test(cmsc_equals_pytorch),      cmocka_unit_test(vicreg_equals_pytorch), cmocka_unit_test(wav2vec2_equals_pytorch),
        cmocka_unit_test(mae_normalises_patches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
