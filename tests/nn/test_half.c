/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors between operations that are bf16 in memory: which ones are, and that results and gradients keep to the bounds of that rounding
 * beside the reference. Each network has a product before and behind what it tests, so that what lies between is bf16.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "nn/graph.h"

enum { BATCH = 3, TIME = 53, IN = 12, MID = 40, OUT = 5 };

static const nn_init UNIT = {.kind = NN_INIT_NORMAL, .a = 1};

static nn_id conv(nn_graph *g, nn_id x, const char *name, int64_t out, int64_t taps, int64_t stride, int64_t groups, bool bias)
{
    const int64_t in = nn_shape_of(g, x).n[2] / groups;
    const nn_init init = {.kind = NN_INIT_NORMAL, .a = 1 / sqrt((double)(taps * in))};
    nn_scope_push(g, "%s", name);
    const nn_id w = nn_param(g, "weight", nn_shape3(out, taps, in), init), b = bias ? nn_param(g, "bias", nn_shape1(out), UNIT) : NN_NONE;
    nn_scope_pop(g);
    return nn_conv1d(g, x, w, b, (nn_conv1d_args){.stride = stride, .pad_left = taps / 2, .pad_right = taps / 2, .groups = groups});
}

static nn_id linear(nn_graph *g, nn_id x, const char *name, int64_t out)
{
    const int64_t in = nn_shape_of(g, x).n[2];
    const nn_init init = {.kind = NN_INIT_NORMAL, .a = 1 / sqrt((double)in)};
    nn_scope_push(g, "%s", name);
    const nn_id w = nn_param(g, "weight", nn_shape2(out, in), init), b = nn_param(g, "bias", nn_shape1(out), UNIT);
    nn_scope_pop(g);
    return nn_linear(g, x, w, b);
}

static nn_id norm(nn_graph *g, nn_id x, const char *name)
{
    const nn_shape c = nn_shape1(nn_shape_of(g, x).n[2]);
    nn_scope_push(g, "%s", name);
    const nn_id gamma = nn_param(g, "gamma", c, UNIT), beta = nn_param(g, "beta", c, UNIT);
    const nn_id mean = nn_param(g, "mean", c, (nn_init){.kind = NN_INIT_ZEROS, .buffer = true}),
                variance = nn_param(g, "variance", c, (nn_init){.kind = NN_INIT_ONES, .buffer = true});
    nn_scope_pop(g);
    return nn_batch_norm(g, x, gamma, beta, mean, variance, 0.1, 1e-5);
}

static nn_id products(nn_graph *g, nn_id x)
{
    return linear(g, conv(g, linear(g, x, "a", MID), "b", MID, 3, 1, 1, true), "c", OUT);
}

/* Phases of the gradient, taps that meet nothing. */
static nn_id strides(nn_graph *g, nn_id x)
{
    return conv(g, conv(g, conv(g, x, "a", MID, 5, 2, 1, true), "b", MID, 1, 3, 1, true), "c", OUT, 3, 1, 1, true);
}

static nn_id norms(nn_graph *g, nn_id x)
{
    return conv(g, norm(g, conv(g, x, "a", MID, 5, 1, 1, false), "n"), "b", OUT, 3, 1, 1, true);
}

static nn_id norms_and_relu(nn_graph *g, nn_id x)
{
    return conv(g, nn_relu(g, norm(g, conv(g, x, "a", MID, 5, 1, 1, false), "n")), "b", OUT, 3, 1, 1, true);
}

/* As in xresnet1d: a sum one side of which is read twice. */
static nn_id residual(nn_graph *g, nn_id x)
{
    const nn_id a = nn_relu(g, conv(g, x, "a", MID, 3, 1, 1, true));
    const nn_id branch = norm(g, conv(g, a, "b", MID, 5, 2, 1, false), "n"),
                other = conv(g, nn_avg_pool1d(g, a, 2, 2, 1), "c", MID, 1, 1, 1, true);
    return linear(g, nn_relu(g, nn_add(g, branch, other)), "d", OUT);
}

/* Windows that overlap. */
static nn_id pools(nn_graph *g, nn_id x)
{
    const nn_id a = nn_max_pool1d(g, conv(g, x, "a", MID, 3, 1, 1, true), 3, 2, 1);
    return conv(g, nn_avg_pool1d(g, conv(g, a, "b", MID, 3, 1, 1, true), 3, 2, 1), "c", OUT, 3, 1, 1, true);
}

static nn_id gelus(nn_graph *g, nn_id x)
{
    return linear(g, nn_gelu(g, linear(g, x, "a", MID)), "b", OUT);
}

/* GELU of its own: the product's result is read by two. */
static nn_id gelu_and_sum(nn_graph *g, nn_id x)
{
    const nn_id a = linear(g, x, "a", MID), b = nn_gelu(g, nn_add(g, a, linear(g, x, "b", MID)));
    return linear(g, nn_add(g, b, a), "c", OUT);
}

/* Groups, other readers, other names and broadcasts: these stay floats. */
static nn_id not_these(nn_graph *g, nn_id x)
{
    const nn_id a = nn_gelu(g, conv(g, x, "a", MID, 3, 1, 4, true)), b = nn_sigmoid(g, linear(g, a, "b", MID));
    const nn_id c = linear(g, b, "c", MID), flat = nn_reshape(g, c, nn_shape3(BATCH, TIME, MID));
    return linear(g, nn_add(g, conv(g, flat, "d", MID, 3, 1, 2, true), nn_param(g, "row", nn_shape1(MID), UNIT)), "e", OUT);
}

static const struct {
    const char *name;
    nn_id (*build)(nn_graph *g, nn_id x);
    int halves, folded_halves; /* in training; in inference */
    double most; /* of the distance of gradients: at the kinks of ReLU and between samples of a maximum rounding lets others through */
} CASES[] = {{"products", products, 2, 2, 0.01},  {"strides", strides, 2, 2, 0.01},
             {"norms", norms, 2, 1, 0.015},       {"norms and relu", norms_and_relu, 2, 1, 0.025},
             {"residual", residual, 8, 4, 0.06},  {"pools", pools, 4, 4, 0.08},
             {"gelus", gelus, 2, 1, 0.01},        {"gelu and sum", gelu_and_sum, 5, 3, 0.01},
             {"not these", not_these, 0, 0, 0.01}};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

typedef struct run {
    nn_backend *backend;
    nn_params *params;
    nn_graph *g;
    nn_id x, y;
} run;

/* false: no bf16 here. */
static bool build(run *r, int number, nn_mode mode, bool bf16, int threads)
{
    pclr_error error = {0};
    *r = (run){0};
    assert_int_equal(nn_backend_create(&r->backend, bf16 ? "onednn" : "reference", threads, &error), PCLR_OK);
    if (bf16 && nn_backend_precision(r->backend, "bf16", &error) != PCLR_OK) {
        nn_backend_destroy(&r->backend);
        return false;
    }
    assert_int_equal(nn_params_create(&r->params, 3, &error), PCLR_OK);
    assert_int_equal(nn_graph_create(&r->g, r->backend, r->params, mode, &error), PCLR_OK);
    r->x = nn_input(r->g, "x", NN_F32, nn_shape3(BATCH, TIME, IN));
    if (mode == NN_TRAIN) nn_want_grad(r->g, r->x);
    r->y = CASES[number].build(r->g, r->x);
    nn_keep(r->g, r->y);
    rng random = rng_make(4, "weights", (uint64_t)number);
    const nn_shape out = nn_shape_of(r->g, r->y);
    float weight[BATCH * TIME * OUT];
    for (int64_t k = 0; k < nn_shape_size(out); k++) weight[k] = (float)rng_normal(&random);
    const nn_id loss = mode == NN_TRAIN ? nn_sum_all(r->g, nn_mul(r->g, r->y, nn_constant(r->g, out, weight))) : NN_NONE;
    if (nn_graph_compile(r->g, loss, &error) != PCLR_OK) fail_msg("%s: %s", CASES[number].name, error.message);
    random = rng_make(4, "input", (uint64_t)number);
    for (int k = 0; k < BATCH * TIME * IN; k++) ((float *)nn_data(r->g, r->x))[k] = (float)rng_normal(&random);
    for (uint64_t step = 0; step < 2; step++) { /* the second run must not see what the first left behind */
        assert_int_equal(nn_graph_forward(r->g, step, &error), PCLR_OK);
        if (mode == NN_TRAIN) assert_int_equal(nn_graph_backward(r->g, 1, &error), PCLR_OK);
    }
    return true;
}

static void end(run *r)
{
    nn_graph_destroy(&r->g);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

/* Distance over length; a few roundings of 1/512 each. */
static void compare(const char *name, const char *what, const float *a, const float *exact, int64_t n, double most)
{
    double apart = 0, length = 0;
    for (int64_t k = 0; k < n; k++) {
        apart += ((double)a[k] - (double)exact[k]) * ((double)a[k] - (double)exact[k]);
        length += (double)exact[k] * (double)exact[k];
    }
    if (!(sqrt(apart) <= most * sqrt(length) + 1e-4))
        fail_msg("%s: %s is apart by %.4f of its length %.3g", name, what, sqrt(apart / length), sqrt(length));
}

static void check(nn_mode mode)
{
    for (int k = 0; k < CASE_COUNT; k++)
        for (int threads = 1; threads <= 3; threads += 2) {
            run a, b;
            int halves = 0;
            if (!build(&a, k, mode, true, threads)) skip();
            build(&b, k, mode, false, 1);
            for (size_t n = 0; n < a.g->nodes; n++) halves += a.g->node[n].type == NN_BF16;
            if (halves != (mode == NN_TRAIN ? CASES[k].halves : CASES[k].folded_halves))
                fail_msg("%s: %d tensors are bf16", CASES[k].name, halves);
            compare(CASES[k].name, "the result", nn_data(a.g, a.y), nn_data(b.g, b.y), nn_shape_size(nn_shape_of(a.g, a.y)), 0.01);
            if (mode == NN_TRAIN)
                compare(CASES[k].name, "the input's gradient", nn_grad(a.g, a.x), nn_grad(b.g, b.x), BATCH * TIME * IN, CASES[k].most);
            for (size_t p = 0; p < nn_params_count(a.params); p++) {
                const nn_parameter *own = nn_params_at(a.params, p), *exact = nn_params_at(b.params, p);
                const int64_t size = nn_shape_size(own->shape);
                if (mode == NN_TRAIN && !own->init.buffer) compare(CASES[k].name, own->name, own->grad, exact->grad, size, CASES[k].most);
                if (own->init.buffer) compare(CASES[k].name, own->name, own->value, exact->value, size, 0.01);
            }
            end(&a);
            end(&b);
        }
}

static void test_training(void **state)
{
    (void)state;
    check(NN_TRAIN);
}

static void test_inference(void **state)
{
    (void)state;
    check(NN_INFER);
}

static void test_same_bytes(void **state)
{
    (void)state;
    for (int k = 0; k < CASE_COUNT; k++) {
        run a, b;
        if (!build(&a, k, NN_TRAIN, true, 3)) skip();
        build(&b, k, NN_TRAIN, true, 3);
        assert_memory_equal(nn_data(a.g, a.y), nn_data(b.g, b.y), (size_t)nn_shape_size(nn_shape_of(a.g, a.y)) * sizeof(float));
        assert_memory_equal(nn_grad(a.g, a.x), nn_grad(b.g, b.x), BATCH * TIME * IN * sizeof(float));
        end(&a);
        end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_training), cmocka_unit_test(test_inference),
                                       cmocka_unit_test(test_same_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
