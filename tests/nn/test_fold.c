/* SPDX-License-Identifier: Apache-2.0 */
/* Products that take on what follows them: the same results as one operation after another in double, and less memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "nn/nn.h"

enum { BATCH = 3, TIME = 37, IN = 20, OUT = 24 };

static const nn_init NORMAL = {.kind = NN_INIT_NORMAL, .a = 0.3};

static nn_id norm(nn_graph *g, nn_id x, const char *scope)
{
    const nn_shape c = nn_shape1(OUT);
    nn_scope_push(g, "%s", scope);
    nn_id gamma = nn_param(g, "gamma", c, (nn_init){.kind = NN_INIT_RANGE, .a = -1.5, .b = 1.5}), beta = nn_param(g, "beta", c, NORMAL);
    nn_id mean = nn_param(g, "mean", c, (nn_init){.kind = NN_INIT_NORMAL, .a = 1, .buffer = true});
    nn_id variance = nn_param(g, "variance", c, (nn_init){.kind = NN_INIT_RANGE, .a = 0.1, .b = 3, .buffer = true});
    nn_id y = nn_batch_norm(g, x, gamma, beta, mean, variance, 0.1, 1e-5);
    nn_scope_pop(g);
    return y;
}

static nn_id conv(nn_graph *g, nn_id x, const char *scope, int64_t groups, bool bias)
{
    const int64_t in = nn_shape_of(g, x).n[2];
    nn_scope_push(g, "%s", scope);
    nn_id w = nn_param(g, "weight", nn_shape3(OUT, 5, in / groups), NORMAL),
          b = bias ? nn_param(g, "bias", nn_shape1(OUT), NORMAL) : NN_NONE;
    nn_id y = nn_conv1d(g, x, w, b, (nn_conv1d_args){.stride = 2, .pad_left = 2, .pad_right = 2, .groups = groups});
    nn_scope_pop(g);
    return y;
}

static nn_id linear(nn_graph *g, nn_id x, const char *scope, int64_t out)
{
    nn_scope_push(g, "%s", scope);
    nn_id y =
        nn_linear(g, x, nn_param(g, "weight", nn_shape2(out, nn_shape_of(g, x).n[2]), NORMAL), nn_param(g, "bias", nn_shape1(out), NORMAL));
    nn_scope_pop(g);
    return y;
}

static nn_id norm_relu(nn_graph *g, nn_id x)
{
    return nn_relu(g, norm(g, conv(g, x, "a", 1, false), "n"));
}

/* Batch norms whose ReLU may not join them: read twice; and one that may, without a product before it. */
static nn_id norms_alone(nn_graph *g, nn_id x)
{
    nn_id a = norm(g, conv(g, x, "a", 1, false), "n"), b = nn_relu(g, norm(g, nn_tanh(g, a), "m"));
    return nn_add(g, nn_add(g, nn_relu(g, a), a), b);
}

static nn_id norm_with_bias_and_groups(nn_graph *g, nn_id x)
{
    return norm(g, conv(g, x, "a", 4, true), "n");
}

/* Both sides of the sum could take it on; one does. */
static nn_id residual(nn_graph *g, nn_id x)
{
    nn_id branch = norm(g, conv(g, x, "a", 1, false), "n");
    return nn_relu(g, nn_add(g, branch, norm(g, conv(g, x, "b", 1, true), "m")));
}

/* Deeper than the products that stay in registers, and the other tensor on the left of the sum. */
static nn_id deep(nn_graph *g, nn_id x)
{
    nn_id wide = nn_gelu(g, linear(g, x, "wide", 700));
    return nn_gelu(g, nn_add(g, linear(g, x, "skip", OUT), linear(g, wide, "narrow", OUT)));
}

/* The result of the product is read twice, once through another name: nothing may join it. */
static nn_id read_twice(nn_graph *g, nn_id x)
{
    nn_id a = linear(g, x, "a", OUT);
    nn_id flat = nn_reshape(g, a, nn_shape2(BATCH * TIME, OUT));
    return nn_add(g, nn_reshape(g, nn_relu(g, a), nn_shape2(BATCH * TIME, OUT)), flat);
}

/* The addition broadcasts: it stays an operation of its own. */
static nn_id broadcast(nn_graph *g, nn_id x)
{
    return nn_relu(g, nn_add(g, linear(g, x, "a", OUT), nn_param(g, "row", nn_shape1(OUT), NORMAL)));
}

static nn_id gelus(nn_graph *g, nn_id x)
{
    nn_id a = conv(g, x, "a", 4, true), b = linear(g, nn_gelu(g, a), "b", OUT);
    return nn_add(g, nn_mul(g, nn_gelu(g, b), b), a);
}

/* What stands behind an activation does not join the product before it. */
static nn_id sum_behind(nn_graph *g, nn_id x)
{
    nn_id a = linear(g, x, "a", OUT);
    return nn_add(g, nn_gelu(g, nn_add(g, a, linear(g, x, "b", OUT))), a);
}

typedef nn_id (*network)(nn_graph *g, nn_id x);
static const struct {
    const char *name;
    network build;
} CASES[] = {{"norm and relu", norm_relu},
             {"norms alone", norms_alone},
             {"bias, groups and norm", norm_with_bias_and_groups},
             {"residual", residual},
             {"deep", deep},
             {"read twice", read_twice},
             {"broadcast", broadcast},
             {"gelus", gelus},
             {"sum behind", sum_behind}};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

typedef struct run {
    nn_backend *backend;
    nn_params *params;
    nn_graph *g;
    nn_id x, y, loss;
} run;

static void build(run *r, network what, const char *backend, nn_mode mode, int threads)
{
    pclr_error error = {0};
    memset(r, 0, sizeof *r);
    assert_int_equal(nn_backend_create(&r->backend, backend, threads, &error), PCLR_OK);
    assert_int_equal(nn_params_create(&r->params, 5, &error), PCLR_OK);
    assert_int_equal(nn_graph_create(&r->g, r->backend, r->params, mode, &error), PCLR_OK);
    r->x = nn_input(r->g, "x", NN_F32, nn_shape3(BATCH, TIME, IN));
    if (mode == NN_TRAIN) nn_want_grad(r->g, r->x);
    r->y = what(r->g, r->x);
    nn_keep(r->g, r->y);
    r->loss = mode == NN_TRAIN ? nn_sum_all(r->g, nn_tanh(r->g, nn_affine(r->g, r->y, 0.5, 0.3))) : NN_NONE;
    if (nn_graph_compile(r->g, r->loss, &error) != PCLR_OK) fail_msg("%s", error.message);
}

static void end(run *r)
{
    nn_graph_destroy(&r->g);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static void go(run *r, bool wide)
{
    pclr_error error = {0};
    rng random = rng_make(2, "x", 0);
    void *x = nn_data(r->g, r->x);
    for (int64_t k = 0; k < BATCH * TIME * IN; k++) {
        const float v = (float)rng_normal(&random);
        if (wide)
            ((double *)x)[k] = (double)v;
        else
            ((float *)x)[k] = v;
    }
    for (int twice = 0; twice < 2; twice++) { /* the second run must not see what the first left behind */
        assert_int_equal(nn_graph_forward(r->g, 0, &error), PCLR_OK);
        if (r->loss != NN_NONE) assert_int_equal(nn_graph_backward(r->g, 1, &error), PCLR_OK);
    }
}

static void compare(const char *name, const char *what, const float *a, const double *b, int64_t size)
{
    double largest = 0;
    for (int64_t k = 0; k < size; k++) largest = fmax(largest, fabs(b[k]));
    assert_true(largest > 0);
    for (int64_t k = 0; k < size; k++)
        if (!(fabs((double)a[k] - b[k]) <= 1e-5 * largest))
            fail_msg("%s: %s %lld is %.9g, in double %.9g", name, what, (long long)k, (double)a[k], b[k]);
}

static void check(nn_mode mode)
{
    for (size_t k = 0; k < CASE_COUNT; k++)
        for (int threads = 1; threads <= 3; threads += 2) {
            run a, b;
            build(&a, CASES[k].build, "auto", mode, threads);
            build(&b, CASES[k].build, "reference64", mode, 1);
            go(&a, false);
            go(&b, true);
            compare(CASES[k].name, "result", nn_data(a.g, a.y), nn_data(b.g, b.y), nn_shape_size(nn_shape_of(a.g, a.y)));
            if (mode == NN_TRAIN)
                compare(CASES[k].name, "gradient", nn_grad(a.g, a.x), (const double *)nn_grad(b.g, b.x), BATCH * TIME * IN);
            end(&a);
            end(&b);
        }
}

static void test_inference(void **state)
{
    (void)state;
    check(NN_INFER);
}

static void test_training(void **state)
{
    (void)state;
    check(NN_TRAIN);
}

/* Floats of the activations of a chain that joins: nothing but its input and its result. */
static void test_nothing_between(void **state)
{
    (void)state;
    run r;
    build(&r, norm_relu, "auto", NN_INFER, 1);
    if (strcmp(nn_backend_name(r.backend), "onednn") != 0) {
        end(&r);
        skip();
    }
    const size_t floats = (size_t)(BATCH * TIME * IN + nn_shape_size(nn_shape_of(r.g, r.y)));
    assert_in_range(nn_graph_memory(r.g).activations, 4 * floats, 4 * floats + 256);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inference), cmocka_unit_test(test_training),
                                       cmocka_unit_test(test_nothing_between)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
