/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation against central differences in double, and every backend against the reference in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "cases.h"

/* Families of values that break careless kernels. */
typedef enum family { NORMAL, OFFSET, CONSTANT, SPIKE, DENORMAL, FAMILIES } family;
static const char *const family_names[] = {"normal", "offset 300", "constant", "spike", "denormal"};

static double draw(family f, fill kind, rng *r, int64_t k, int64_t size)
{
    const double z = rng_normal(r);
    if (kind == POSITIVE) return 0.5 + rng_uniform(r);
    if (kind == MASK) return k % 3 == 1 ? 0 : k % 5 == 0 ? 1 : rng_uniform(r);
    switch (f) {
    case OFFSET: return 300 + 0.5 * z;
    case CONSTANT: return 0.75;
    case SPIKE: return k == size / 2 ? 40 : 0.01 * z;
    case DENORMAL: return 1e-41 * z;
    default: return z;
    }
}

typedef struct run {
    nn_backend *backend;
    nn_params *params;
    nn_graph *g;
    nn_id x[MOST_INPUTS], y, loss;
    int inputs;
} run;

static bool differentiable(const op_case *c, int k)
{
    return c->in[k].fill == ROUGH || c->in[k].fill == POSITIVE;
}

/* loss = sum of the result times fixed random weights. */
static void build(run *r, const op_case *c, const char *backend, int threads)
{
    pclr_error error = {0};
    memset(r, 0, sizeof *r);
    assert_int_equal(nn_backend_create(&r->backend, backend, threads, &error), PCLR_OK);
    assert_int_equal(nn_params_create(&r->params, 7, &error), PCLR_OK);
    assert_int_equal(nn_graph_create(&r->g, r->backend, r->params, NN_TRAIN, &error), PCLR_OK);
    while (r->inputs < MOST_INPUTS && (c->in[r->inputs].shape.rank > 0 || (r->inputs == 1 && strstr(c->name, "scalar")))) {
        const op_input *in = &c->in[r->inputs];
        r->x[r->inputs] = nn_input(r->g, "x", in->fill == INDEX ? NN_I32 : NN_F32, in->shape);
        if (differentiable(c, r->inputs)) nn_want_grad(r->g, r->x[r->inputs]);
        r->inputs++;
    }
    r->y = c->build(r->g, r->x);
    float weight[8192];
    const nn_shape shape = nn_shape_of(r->g, r->y);
    rng random = rng_make(3, "weights", 0);
    assert_true(nn_shape_size(shape) <= 8192);
    for (int64_t k = 0; k < nn_shape_size(shape); k++) weight[k] = (float)rng_normal(&random);
    nn_keep(r->g, r->y);
    r->loss = nn_sum_all(r->g, nn_mul(r->g, r->y, nn_constant(r->g, shape, weight)));
    if (nn_graph_compile(r->g, r->loss, &error) != PCLR_OK) fail_msg("%s: %s", c->name, error.message);
}

static void end(run *r)
{
    nn_graph_destroy(&r->g);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

/* Values are rounded to float, so that all backends see the same. */
static void fill_inputs(run *r, const op_case *c, family f, bool wide)
{
    for (int k = 0; k < r->inputs; k++) {
        rng random = rng_make(11, "input", (uint64_t)k);
        const int64_t size = nn_shape_size(c->in[k].shape);
        for (int64_t i = 0; i < size; i++) {
            if (c->in[k].fill == INDEX) {
                ((int32_t *)nn_data(r->g, r->x[k]))[i] = i == 2 ? -1 : (int32_t)(i * 7 % 4);
                continue;
            }
            const double v = (double)(float)draw(k == 0 ? f : NORMAL, c->in[k].fill, &random, i, size);
            if (wide)
                ((double *)nn_data(r->g, r->x[k]))[i] = v;
            else
                ((float *)nn_data(r->g, r->x[k]))[i] = (float)v;
        }
    }
}

static double forward(run *r)
{
    pclr_error error = {0};
    assert_int_equal(nn_graph_forward(r->g, 5, &error), PCLR_OK);
    return *(double *)nn_data(r->g, r->loss);
}

static void backward(run *r)
{
    pclr_error error = {0};
    assert_int_equal(nn_graph_backward(r->g, 1, &error), PCLR_OK);
}

/* Central difference of fourth order: error of the order of h^4. */
static double difference(run *r, double *value)
{
    const double h = 1e-4, v = *value;
    double f[4];
    const double at[4] = {-2, -1, 1, 2};
    for (int k = 0; k < 4; k++) {
        *value = v + at[k] * h;
        f[k] = forward(r);
    }
    *value = v;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

static void check_differences(const op_case *c)
{
    run r;
    build(&r, c, "reference64", 1);
    fill_inputs(&r, c, NORMAL, true);
    forward(&r);
    backward(&r);
    for (int k = 0; k < r.inputs; k++) {
        if (!differentiable(c, k)) continue;
        const int64_t size = nn_shape_size(c->in[k].shape), step = size > 200 ? 37 : 1;
        double gradient[4096];
        assert_true(size <= 4096);
        memcpy(gradient, nn_grad(r.g, r.x[k]), (size_t)size * sizeof *gradient);
        for (int64_t i = 0; i < size; i += step) {
            const double expected = strcmp(c->name, "stop_gradient") == 0 && k == 0 ? 0 : difference(&r, (double *)nn_data(r.g, r.x[k]) + i);
            if (!(fabs(gradient[i] - expected) <= 1e-7 * (1 + fabs(expected))))
                fail_msg("%s: input %d element %lld: gradient %.12g, central difference %.12g", c->name, k, (long long)i, gradient[i], expected);
        }
    }
    end(&r);
}

static void test_finite_differences(void **state)
{
    (void)state;
    for (int k = 0; k < OP_CASES; k++) check_differences(&op_cases[k]);
}

/* Values beyond the range of float (gradients of normalised denormals) are left out. |a - b| within `tolerance` of the largest |b|, or of 1e-3 where everything is tiny. */
static void compare(const char *what, const op_case *c, const char *backend, family f, const float *a, const double *b, int64_t size, double tolerance)
{
    double largest = 1e-3;
    for (int64_t i = 0; i < size; i++) largest = fabs(b[i]) < 1e37 ? fmax(largest, fabs(b[i])) : largest;
    for (int64_t i = 0; i < size; i++)
        if (fabs(b[i]) < 1e37 && !(fabs((double)a[i] - b[i]) <= tolerance * largest))
            fail_msg("%s on %s (%s): %s element %lld is %.9g, in double %.9g, largest %.3g", c->name, backend, family_names[f], what, (long long)i,
                     (double)a[i], b[i], largest);
}

/* An offset of 300 costs a float about nine bits before any kernel sees it; the tolerance allows for that and no more. */
static double tolerance_of(const op_case *c, family f)
{
    if (f == OFFSET && strstr(c->name, "attention")) return 5e-2; /* scores are differences of products of the offsets */
    return f == OFFSET ? 2e-3 : 2e-5;
}

static void compare_backend(const op_case *c, const char *backend, int threads, family f)
{
    run a, b;
    build(&a, c, backend, threads);
    build(&b, c, "reference64", 1);
    fill_inputs(&a, c, f, false);
    fill_inputs(&b, c, f, true);
    pclr_error error = {0};
    for (int twice = 0; twice < 2; twice++) { /* the second run must not see what the first left behind */
        assert_int_equal(nn_graph_forward(a.g, 5, &error), PCLR_OK);
        forward(&b);
        backward(&a);
        backward(&b);
    }
    compare("result", c, backend, f, nn_data(a.g, a.y), nn_data(b.g, b.y), nn_shape_size(nn_shape_of(a.g, a.y)), tolerance_of(c, f));
    for (int k = 0; k < a.inputs; k++) {
        if (!differentiable(c, k)) continue;
        char what[32];
        snprintf(what, sizeof what, "gradient of input %d", k);
        compare(what, c, backend, f, nn_grad(a.g, a.x[k]), (const double *)nn_grad(b.g, b.x[k]), nn_shape_size(c->in[k].shape), tolerance_of(c, f));
    }
    end(&a);
    end(&b);
}

static bool has_backend(const char *name)
{
    nn_backend *b = NULL;
    const bool there = nn_backend_create(&b, name, 1, NULL) == PCLR_OK;
    nn_backend_destroy(&b);
    return there;
}

static void test_reference_in_float(void **state)
{
    (void)state;
    for (int k = 0; k < OP_CASES; k++)
        for (family f = 0; f < FAMILIES; f++) compare_backend(&op_cases[k], "reference", 1, f);
}

/* On a device, one operation a test. */
static void test_cuda(void **state)
{
    const op_case *c = *state;
    if (!has_backend("cuda")) skip();
    for (family f = 0; f < FAMILIES; f++) compare_backend(c, "cuda", 1, f);
}

static void test_onednn(void **state)
{
    (void)state;
    if (!has_backend("onednn")) skip();
    for (int k = 0; k < OP_CASES; k++)
        for (family f = 0; f < FAMILIES; f++) compare_backend(&op_cases[k], "onednn", f == NORMAL ? 3 : 1, f);
}

int main(void)
{
    struct CMUnitTest tests[3 + OP_CASES] = {
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_reference_in_float),
        cmocka_unit_test(test_onednn),
    };
    for (int k = 0; k < OP_CASES; k++) tests[3 + k] = (struct CMUnitTest){.name = op_cases[k].name, .test_func = test_cuda, .initial_state = (void *)(uintptr_t)&op_cases[k]};
    const size_t count = has_backend("cuda") ? 3 + OP_CASES : 3;
    return _cmocka_run_group_tests("operations", tests, count, NULL, NULL);
}
