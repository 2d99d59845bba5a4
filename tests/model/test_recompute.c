/* SPDX-License-Identifier: Apache-2.0 */
/* Layers computed again in the backward pass: every parameter, running statistics too, has the same bytes after some steps, in less memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "model/model.h"

enum { ITEMS = 3, SAMPLES = 300, LEADS = 3, STEPS = 3 };

typedef struct run {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
} run;

static void must(pclr_status status, const pclr_error *error)
{
    if (status != PCLR_OK) fail_msg("%s", error->message);
}

static void train(run *r, const char *backend, const char *precision, const model_encoder_spec *spec, bool recompute)
{
    const nn_adamw_args adam = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip_norm = 1};
    pclr_error error = {0};
    rng random = rng_make(5, "signal", 0);
    *r = (run){0};
    must(nn_backend_create(&r->backend, backend, 2, &error), &error);
    must(nn_backend_precision(r->backend, precision, &error), &error);
    nn_backend_recompute(r->backend, recompute);
    must(nn_params_create(&r->params, 1, &error), &error);
    must(nn_graph_create(&r->graph, r->backend, r->params, NN_TRAIN, &error), &error);
    nn_graph *g = r->graph;
    const nn_id x = nn_input(g, "signal", NN_F32, nn_shape3(ITEMS, SAMPLES, LEADS));
    const nn_id loss = nn_mean_all(g, nn_square(g, nn_affine(g, model_pool(g, model_encode(g, x, spec), "mean"), 1, -0.5)));
    must(nn_graph_compile(g, loss, &error), &error);
    must(nn_adamw_create(&r->optimiser, r->params, adam, &error), &error);
    for (uint64_t step = 0; step < STEPS; step++) {
        float *signal = nn_data(g, x);
        for (int k = 0; k < ITEMS * SAMPLES * LEADS; k++) signal[k] = (float)rng_normal(&random);
        must(nn_graph_forward(g, step, &error), &error);
        must(nn_graph_backward(g, 1, &error), &error);
        must(nn_adamw_step(r->optimiser, r->backend, 0.01, NULL, &error), &error);
    }
}

static void release(run *r)
{
    nn_adamw_destroy(&r->optimiser);
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static void check(const char *backend, const char *precision, const char *name, const char *size, int64_t width, double most)
{
    model_encoder_spec spec = {.leads = LEADS, .dropout = strcmp(name, "xresnet1d") == 0 ? 0 : 0.1, .width = width};
    run plain, again;
    (void)snprintf(spec.name, sizeof spec.name, "%s", name);
    (void)snprintf(spec.size, sizeof spec.size, "%s", size);
    train(&plain, backend, precision, &spec, false);
    train(&again, backend, precision, &spec, true);
    for (size_t k = 0; k < nn_params_count(plain.params); k++) {
        const nn_parameter *a = nn_params_at(plain.params, k), *b = nn_params_find(again.params, a->name);
        assert_non_null(b);
        if (memcmp(nn_parameter_read(a), nn_parameter_read(b), (size_t)nn_shape_size(a->shape) * sizeof(float)) != 0) fail_msg("%s: %s has other values", name, a->name);
    }
    const double share = (double)nn_graph_memory(again.graph).activations / (double)nn_graph_memory(plain.graph).activations;
    print_message("%s %s, %s in %s: %.2f of the memory of activations\n", name, size, backend, precision, share);
    assert_true(share < most);
    release(&plain);
    release(&again);
}

static bool has_cuda(void)
{
    nn_backend *b = NULL;
    const bool there = nn_backend_create(&b, "cuda", 1, NULL) == PCLR_OK;
    nn_backend_destroy(&b);
    return there;
}

static bool has_bf16(void)
{
    nn_backend *b = NULL;
    const bool there = nn_backend_create(&b, "auto", 1, NULL) == PCLR_OK && nn_backend_precision(b, "bf16", NULL) == PCLR_OK;
    nn_backend_destroy(&b);
    return there;
}

static void test_transformer(void **state)
{
    (void)state;
    check("auto", "fp32", "transformer", "small", 64, 0.8);
    if (has_bf16()) check("auto", "bf16", "transformer", "small", 64, 0.85);
    check("reference", "fp32", "transformer", "tiny", 32, 0.8);
}

static void test_xresnet1d(void **state)
{
    (void)state;
    check("auto", "fp32", "xresnet1d", "18", 16, 0.5);
    if (has_bf16()) check("auto", "bf16", "xresnet1d", "50", 16, 0.5);
    check("reference", "fp32", "xresnet1d", "50", 4, 0.5);
}

static void test_s4(void **state)
{
    (void)state;
    check("auto", "fp32", "s4", "small", 32, 0.6);
    check("reference", "fp32", "s4", "tiny", 16, 0.75);
}

/* Dropout, running statistics and what kernels save, once kernel by kernel and then from the recording of the pass. */
static void test_cuda(void **state)
{
    (void)state;
    if (!has_cuda()) skip();
    check("cuda", "fp32", "transformer", "small", 64, 0.8);
    check("cuda", "fp32", "xresnet1d", "18", 16, 0.6);
    check("cuda", "fp32", "xresnet1d", "50", 16, 0.6);
    check("cuda", "fp32", "s4", "small", 32, 0.75);
}

static void test_layers_do_not_nest(void **state)
{
    run r = {0};
    pclr_error error = {0};
    (void)state;
    must(nn_backend_create(&r.backend, "auto", 1, &error), &error);
    must(nn_params_create(&r.params, 1, &error), &error);
    must(nn_graph_create(&r.graph, r.backend, r.params, NN_TRAIN, &error), &error);
    nn_layer_begin(r.graph);
    nn_layer_begin(r.graph);
    assert_int_equal(nn_graph_compile(r.graph, NN_NONE, &error), PCLR_E_ARGUMENT);
    release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transformer),
        cmocka_unit_test(test_xresnet1d),
        cmocka_unit_test(test_s4),
        cmocka_unit_test(test_cuda),
        cmocka_unit_test(test_layers_do_not_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
