/* SPDX-License-Identifier: Apache-2.0 */
/* nn_graph_on_gradient: every parameter is told once, and what its gradient holds then is what it holds after the pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nn/nn.h"

enum { ROWS = 5, WIDTH = 4, MOST = 16 };

typedef struct told {
    const char *name[MOST];
    float first[MOST]; /* value of the gradient when told */
    size_t count;
} told;

static void hear(void *user, nn_parameter *p)
{
    told *t = user;
    assert_true(t->count < MOST);
    t->name[t->count] = p->name;
    t->first[t->count++] = p->grad[0];
}

static void must(pclr_status status, const pclr_error *error)
{
    if (status != PCLR_OK) fail_msg("%s", error->message);
}

static nn_id layer(nn_graph *g, nn_id x, const char *name)
{
    nn_scope_push(g, "%s", name);
    nn_id w = nn_param(g, "weight", nn_shape2(WIDTH, WIDTH), (nn_init){.kind = NN_INIT_NORMAL, .a = 0.5});
    nn_id b = nn_param(g, "bias", nn_shape1(WIDTH), (nn_init){.kind = NN_INIT_NORMAL, .a = 0.5});
    nn_scope_pop(g);
    return nn_tanh(g, nn_linear(g, x, w, b));
}

/* "shared" is used first and last, so that it is complete only at the end; the loss does not depend on "aside". */
static void test_each_parameter_is_told_once_and_complete(void **state)
{
    static const char *const expected[] = {"second.bias", "second.weight", "first.bias", "first.weight", "shared.bias", "shared.weight"};
    nn_backend *backend = NULL;
    nn_params *params = NULL;
    nn_graph *g = NULL;
    pclr_error error = {0};
    told t = {.count = 0};
    (void)state;
    must(nn_backend_create(&backend, "auto", 1, &error), &error);
    must(nn_params_create(&params, 3, &error), &error);
    must(nn_graph_create(&g, backend, params, NN_TRAIN, &error), &error);
    nn_id x = nn_input(g, "x", NN_F32, nn_shape2(ROWS, WIDTH)), h = layer(g, x, "shared");
    nn_id aside = layer(g, h, "aside");
    nn_keep(g, aside);
    h = layer(g, layer(g, layer(g, h, "first"), "second"), "shared");
    nn_id loss = nn_mean_all(g, nn_square(g, h));
    assert_int_equal(nn_graph_on_gradient(g, hear, &t, &error), PCLR_E_ARGUMENT); /* not compiled */
    must(nn_graph_compile(g, loss, &error), &error);
    must(nn_graph_on_gradient(g, hear, &t, &error), &error);
    for (int k = 0; k < ROWS * WIDTH; k++) ((float *)nn_data(g, x))[k] = (float)(k % 7) - 3;
    for (int pass = 0; pass < 2; pass++) {
        t.count = 0;
        nn_params_zero_grad(params);
        must(nn_graph_forward(g, 0, &error), &error);
        must(nn_graph_backward(g, 1.0, &error), &error);
        assert_int_equal(t.count, 6);
        for (size_t k = 0; k < t.count; k++) {
            assert_string_equal(t.name[k], expected[k]);
            assert_true(t.first[k] != 0);
            assert_memory_equal(&t.first[k], nn_params_find(params, t.name[k])->grad, sizeof(float));
        }
    }
    must(nn_graph_on_gradient(g, NULL, NULL, &error), &error);
    must(nn_graph_forward(g, 0, &error), &error);
    must(nn_graph_backward(g, 1.0, &error), &error);
    assert_int_equal(t.count, 6);
    nn_graph_destroy(&g);
    nn_params_destroy(&params);
    nn_backend_destroy(&backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_parameter_is_told_once_and_complete)};
    return cmocka_run_group_tests_name("completion", tests, NULL, NULL);
}
