/* SPDX-License-Identifier: Apache-2.0 */
/* A step that leaves the finite numbers is undone; after the limit training stops. Averaged weights come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "train/average.h"
#include "train/guard.h"

typedef struct rig {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_id x, loss;
    pclr_error error;
} rig;

static void must(rig *r, pclr_status status)
{
    if (status != PCLR_OK) fail_msg("%s", r->error.message);
}

/* Batch norm and a weight: running statistics and a gradient that a NaN would poison. */
static void open_rig(rig *r)
{
    *r = (rig){0};
    must(r, nn_backend_create(&r->backend, "reference", 1, &r->error));
    must(r, nn_params_create(&r->params, 1, &r->error));
    must(r, nn_graph_create(&r->graph, r->backend, r->params, NN_TRAIN, &r->error));
    nn_graph *g = r->graph;
    nn_init zero = {.kind = NN_INIT_ZEROS}, one = {.kind = NN_INIT_ONES};
    nn_init mean = {.kind = NN_INIT_ZEROS, .buffer = true}, var = {.kind = NN_INIT_ONES, .buffer = true};
    r->x = nn_input(g, "x", NN_F32, nn_shape2(4, 2));
    nn_id h = nn_batch_norm(g, r->x, nn_param(g, "gamma", nn_shape1(2), one), nn_param(g, "beta", nn_shape1(2), zero), nn_param(g, "mean", nn_shape1(2), mean),
                            nn_param(g, "var", nn_shape1(2), var), 0.1, 1e-5);
    r->loss = nn_mean_all(g, nn_square(g, nn_affine(g, h, 1.0, -1.0)));
    must(r, nn_graph_compile(g, r->loss, &r->error));
}

static void close_rig(rig *r)
{
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static void forward(rig *r, float spoil)
{
    float *x = nn_data(r->graph, r->x);
    for (int k = 0; k < 8; k++) x[k] = (float)k;
    x[3] += spoil;
    must(r, nn_graph_forward(r->graph, 0, &r->error));
}

static void test_bad_steps_are_undone_and_counted(void **state)
{
    rig r;
    guard g;
    (void)state;
    open_rig(&r);
    must(&r, guard_create(&g, r.params, 2, &r.error));
    nn_parameter *mean = nn_params_find(r.params, "mean"), *gamma = nn_params_find(r.params, "gamma");
    guard_keep(&g);
    forward(&r, 0.0f);
    must(&r, guard_check(&g, true, 1, &r.error));
    float good = mean->value[1];
    assert_true(good != 0.0f);
    guard_keep(&g);
    forward(&r, NAN);
    assert_true(isnan(mean->value[1]));
    gamma->grad[0] = NAN;
    must(&r, guard_check(&g, false, 2, &r.error));
    assert_true(mean->value[1] == good);
    assert_true(gamma->grad[0] == 0.0f);
    guard_keep(&g);
    forward(&r, 0.0f);
    must(&r, guard_check(&g, true, 3, &r.error)); /* a good step ends the row */
    must(&r, guard_check(&g, false, 4, &r.error));
    assert_int_equal(guard_check(&g, false, 5, &r.error), PCLR_E_NUMERIC);
    assert_int_equal(g.bad_total, 3);
    guard_free(&g);
    close_rig(&r);
}

static void test_average_is_used_and_returned(void **state)
{
    rig r;
    average a;
    (void)state;
    open_rig(&r);
    nn_parameter *beta = nn_params_find(r.params, "beta");
    must(&r, average_create(&a, r.params, 0.9, &r.error));
    beta->value[0] = 1.0f;
    average_update(&a); /* decay min(0.9, 1/10): mean 0 -> 0.9 */
    average_use(&a);
    assert_float_equal(beta->value[0], 0.9f, 1e-6);
    average_return(&a);
    assert_float_equal(beta->value[0], 1.0f, 0.0);
    average_keep_best(&a);
    beta->value[0] = 5.0f;
    average_update(&a); /* decay 2/11 */
    average_take_best(&a);
    assert_float_equal(beta->value[0], 0.9f, 1e-6);
    average_free(&a);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_steps_are_undone_and_counted),
        cmocka_unit_test(test_average_is_used_and_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
