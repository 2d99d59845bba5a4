/* SPDX-License-Identifier: Apache-2.0 */
/* A whole step of each encoder in bf16 beside the same in fp32: embedding and gradients keep to the bounds of the rounding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "model/model.h"

enum { ITEMS = 4, SAMPLES = 500, LEADS = 12, MOST_WIDTH = 1024 };

typedef struct step {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_id embedding;
} step;

static bool take_step(step *s, const model_encoder_spec *spec, const char *precision)
{
    pclr_error error = {0};
    *s = (step){0};
    assert_int_equal(nn_backend_create(&s->backend, "auto", 2, &error), PCLR_OK);
    if (nn_backend_precision(s->backend, precision, &error) != PCLR_OK) {
        nn_backend_destroy(&s->backend);
        return false;
    }
    assert_int_equal(nn_params_create(&s->params, 1, &error), PCLR_OK);
    assert_int_equal(nn_graph_create(&s->graph, s->backend, s->params, NN_TRAIN, &error), PCLR_OK);
    const nn_id x = nn_input(s->graph, "signal", NN_F32, nn_shape3(ITEMS, SAMPLES, LEADS));
    s->embedding = model_pool(s->graph, model_encode(s->graph, x, spec), "mean");
    nn_keep(s->graph, s->embedding);
    /* Each item and channel is drawn its own way: what pulls all alike is taken out by batch norm, and its rounding alone would be left. */
    float target[ITEMS * MOST_WIDTH];
    const nn_shape shape = nn_shape_of(s->graph, s->embedding);
    rng r = rng_make(5, "signal", 0);
    assert_true(nn_shape_size(shape) <= ITEMS * MOST_WIDTH);
    for (int64_t k = 0; k < nn_shape_size(shape); k++) target[k] = (float)rng_normal(&r);
    const nn_id loss = nn_mean_all(s->graph, nn_square(s->graph, nn_sub(s->graph, s->embedding, nn_constant(s->graph, shape, target))));
    if (nn_graph_compile(s->graph, loss, &error) != PCLR_OK) fail_msg("%s", error.message);
    float *signal = nn_data(s->graph, x);
    for (int k = 0; k < ITEMS * SAMPLES * LEADS; k++) signal[k] = (float)rng_normal(&r);
    assert_int_equal(nn_graph_forward(s->graph, 0, &error), PCLR_OK);
    assert_int_equal(nn_graph_backward(s->graph, 1, &error), PCLR_OK);
    return true;
}

static void release(step *s)
{
    nn_graph_destroy(&s->graph);
    nn_params_destroy(&s->params);
    nn_backend_destroy(&s->backend);
}

/* Adds the squares of a - b and of b. */
static void gather(const float *a, const float *b, int64_t n, double *apart, double *size)
{
    for (int64_t k = 0; k < n; k++) {
        *apart += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
        *size += (double)b[k] * (double)b[k];
    }
}

static void check(const char *name, const char *size_name, double embedding_bound, double gradient_bound)
{
    model_encoder_spec spec = {.leads = LEADS, .dropout = 0.1};
    step half, full;
    double apart = 0, size = 0;
    (void)snprintf(spec.name, sizeof spec.name, "%s", name);
    (void)snprintf(spec.size, sizeof spec.size, "%s", size_name);
    if (strcmp(name, "xresnet1d") == 0) spec.dropout = 0;
    if (!take_step(&half, &spec, "bf16")) {
        print_message("no bf16 on this processor or in this build: skipped\n");
        skip();
    }
    assert_true(take_step(&full, &spec, "fp32"));
    gather(nn_data(half.graph, half.embedding), nn_data(full.graph, full.embedding), nn_shape_size(nn_shape_of(full.graph, full.embedding)), &apart,
           &size);
    const double embedding = sqrt(apart / size);
    apart = size = 0;
    for (size_t k = 0; k < nn_params_count(full.params); k++) {
        const nn_parameter *a = nn_params_at(half.params, k), *b = nn_params_at(full.params, k);
        assert_string_equal(a->name, b->name);
        if (b->grad) gather(a->grad, b->grad, nn_shape_size(b->shape), &apart, &size);
    }
    const double gradient = sqrt(apart / size);
    print_message("%s %s: embedding apart by %.4f of its length, gradient by %.4f\n", name, size_name, embedding, gradient);
    assert_true(embedding > 0 && embedding < embedding_bound);
    assert_true(gradient > 0 && gradient < gradient_bound);
    release(&half);
    release(&full);
}

/* ReLU's kinks turn roundings into steps of the gradient, which batch norm over few items enlarges: PyTorch's autocast is apart by 0.44 there. */
static void test_xresnet1d(void **state)
{
    (void)state;
    check("xresnet1d", "18", 0.01, 0.3);
}

static void test_transformer(void **state)
{
    (void)state;
    check("transformer", "tiny", 0.01, 0.01);
}

static void test_s4(void **state)
{
    (void)state;
    check("s4", "tiny", 0.01, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_xresnet1d), cmocka_unit_test(test_transformer), cmocka_unit_test(test_s4)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
