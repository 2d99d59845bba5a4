/* SPDX-License-Identifier: Apache-2.0 */
/* The complete step of each encoder against PyTorch (tests/oracles/learning.py): every gradient, and the losses of ten steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/model.h"
#include "waves.h"

enum { B = 3, T = 203, C = 5, STEPS = 10 };

typedef struct rig {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
    nn_id loss;
    pclr_error error;
} rig;

static void must(rig *r, pclr_status status)
{
    if (status != PCLR_OK) fail_msg("%s", r->error.message);
}

/* The loss is the mean square of the pooled output minus sines. */
static void open_rig(rig *r, const char *backend, const model_encoder_spec *spec)
{
    const nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    *r = (rig){0};
    must(r, nn_backend_create(&r->backend, backend, 2, &r->error));
    must(r, nn_params_create(&r->params, 1, &r->error));
    must(r, nn_graph_create(&r->graph, r->backend, r->params, NN_TRAIN, &r->error));
    nn_id x = nn_input(r->graph, "signal", NN_F32, nn_shape3(B, T, C)), y = model_pool(r->graph, model_encode(r->graph, x, spec), "mean");
    nn_id target = nn_input(r->graph, "target", NN_F32, nn_shape_of(r->graph, y));
    r->loss = nn_mse(r->graph, y, target, NN_NONE);
    must(r, nn_graph_compile(r->graph, r->loss, &r->error));
    must(r, nn_adamw_create(&r->optimiser, r->params, args, &r->error));
    waves_fill(nn_data(r->graph, x), B * T * C, 1, 1);
    waves_fill(nn_data(r->graph, target), nn_shape_size(nn_shape_of(r->graph, y)), 4, 1);
    waves_fill_params(r->params);
}

static void close_rig(rig *r)
{
    nn_adamw_destroy(&r->optimiser);
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

/* Norm, and product with sines, of every gradient, within `tolerance` of the norm. */
static void check_gradients(const rig *r, const char *encoder, double tolerance)
{
    char line[64], name[128];
    size_t checked = 0;
    (void)snprintf(line, sizeof line, "gradients.%s", encoder);
    char *stored = waves_stored("learning.txt", line), *at = stored;
    assert_non_null(stored);
    for (int used; sscanf(at, "%127s%n", name, &used) == 1; checked++) {
        at += used;
        const double norm = strtod(at, &at), projection = strtod(at, &at);
        const nn_parameter *p = nn_params_find(r->params, name);
        assert_non_null(p);
        const int64_t size = nn_shape_size(p->shape);
        float *wave = malloc((size_t)size * sizeof *wave);
        double square = 0, product = 0, waves = 0;
        waves_fill(wave, size, 3, 1);
        for (int64_t k = 0; k < size; k++) {
            square += (double)p->grad[k] * (double)p->grad[k];
            product += (double)p->grad[k] * (double)wave[k];
            waves += (double)wave[k] * (double)wave[k];
        }
        free(wave);
        /* gradients that cancel to nothing, as a bias before a norm does, are compared to 1e-6 */
        if (!(fabs(sqrt(square) - norm) <= tolerance * norm + 1e-6) ||
            !(fabs(product - projection) <= tolerance * norm * sqrt(waves) + 1e-6))
            fail_msg("%s: gradient of %s has norm %.9g and projection %.9g, expected %.9g and %.9g", encoder, name, sqrt(square), product,
                     norm, projection);
    }
    free(stored);
    size_t trained = 0;
    for (size_t k = 0; k < nn_params_count(r->params); k++) trained += !nn_params_at(r->params, k)->init.buffer;
    assert_int_equal(checked, trained);
}

static void check(const char *backend, int steps, const char *name, const char *size, int64_t width, int64_t stem_stride)
{
    model_encoder_spec spec = {.leads = C, .width = width, .stem_stride = stem_stride};
    char line[64];
    rig r;
    (void)snprintf(spec.name, sizeof spec.name, "%s", name);
    (void)snprintf(spec.size, sizeof spec.size, "%s", size);
    (void)snprintf(line, sizeof line, "curve.%s", name);
    open_rig(&r, backend, &spec);
    char *stored = waves_stored("learning.txt", line), *at = stored;
    assert_non_null(stored);
    for (int step = 0; step < steps; step++) {
        must(&r, nn_graph_forward(r.graph, (uint64_t)step, &r.error));
        must(&r, nn_graph_backward(r.graph, 1, &r.error));
        if (step == 0) check_gradients(&r, name, 1e-4);
        const double loss = (double)*(float *)nn_data(r.graph, r.loss), expected = strtod(at, &at);
        /* Adam divides gradients by their size: what rounding leaves of a vanishing gradient moves its parameter all the same */
        if (!(fabs(loss - expected) <= (step == 0 ? 1e-5 : 1e-3) * expected))
            fail_msg("%s on %s, step %d: loss %.9g, expected %.9g", name, backend, step, loss, expected);
        must(&r, nn_adamw_step(r.optimiser, r.backend, 0.001, NULL, &r.error));
    }
    free(stored);
    close_rig(&r);
}

static void check_all(const char *backend, int steps)
{
    check(backend, steps, "xresnet1d", "18", 8, 0);
    check(backend, steps, "transformer", "tiny", 0, 4);
    check(backend, steps, "s4", "tiny", 0, 0);
}

static void steps_equal_pytorch(void **state)
{
    (void)state;
    check_all("reference", 1); /* it is slow: the gradients and the loss before the first step */
}

static void steps_equal_pytorch_on_the_fast_backend(void **state)
{
    (void)state;
    check_all("auto", STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_equal_pytorch),
        cmocka_unit_test(steps_equal_pytorch_on_the_fast_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
