/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products in bf16. On values that are bf16 already nothing is rounded, so that results and gradients equal those in double to the rounding of
 * float sums: odd shapes and edge sizes, any number of threads. On other values they keep to the bounds of the rounding.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "nn/nn.h"
#ifdef PCLR_HAVE_ONEDNN
#include "nn/onednn/bf16.h"
#endif

typedef enum kind { LINEAR, CONV, DECONV, ATTENTION } kind;

typedef struct product_case {
    kind kind;
    int64_t B, T, in, out, taps; /* linear: B T rows; attention: in = width, out = heads, taps = dropout in percent */
    nn_conv1d_args args;
} product_case;

static const product_case CASES[] = {
    {LINEAR, 1, 1, 1, 1, 0, {0}},
    {LINEAR, 1, 5, 7, 4, 0, {0}},
    {LINEAR, 1, 15, 31, 15, 0, {0}},
    {LINEAR, 1, 16, 32, 16, 0, {0}},
    {LINEAR, 1, 17, 33, 17, 0, {0}},
    {LINEAR, 2, 31, 63, 31, 0, {0}},
    {LINEAR, 2, 32, 64, 32, 0, {0}},
    {LINEAR, 3, 33, 65, 33, 0, {0}},
    {LINEAR, 4, 300, 100, 130, 0, {0}},
    {LINEAR, 2, 67, 700, 49, 0, {0}},
    {CONV, 2, 9, 3, 4, 5, {.pad_left = 2, .pad_right = 2}},
    {CONV, 3, 1, 2, 2, 5, {.pad_left = 2, .pad_right = 2}},
    {CONV, 2, 4, 2, 3, 3, {.pad_left = 5, .pad_right = 4}},
    {CONV, 2, 101, 12, 33, 5, {.stride = 2, .pad_left = 2, .pad_right = 2}},
    {CONV, 5, 79, 17, 20, 5, {.pad_left = 2, .pad_right = 2}},
    {CONV, 1, 1200, 12, 32, 10, {.stride = 5, .pad_left = 3, .pad_right = 2}},
    {CONV, 2, 64, 5, 40, 4, {.stride = 4}},
    {CONV, 2, 130, 7, 9, 3, {.stride = 3, .pad_left = 1}},
    {CONV, 2, 90, 6, 18, 3, {.dilation = 3, .pad_left = 4, .pad_right = 1}},
    {CONV, 2, 90, 6, 5, 4, {.stride = 2, .dilation = 2, .pad_left = 4, .pad_right = 1}},
    {CONV, 2, 45, 48, 48, 16, {.groups = 3, .pad_left = 8, .pad_right = 7}},
    {CONV, 1, 40, 32, 32, 128, {.groups = 2, .pad_left = 64, .pad_right = 63}},
    {CONV, 2, 40, 6, 9, 6, {.groups = 3, .pad_left = 3, .pad_right = 2}},
    {CONV, 2, 150, 64, 128, 5, {.pad_left = 2, .pad_right = 2}},
    {CONV, 3, 70, 96, 48, 3, {.pad_left = 1, .pad_right = 1}},
    {DECONV, 2, 35, 9, 7, 4, {.stride = 2, .pad_left = 1, .pad_right = 1}},
    {DECONV, 2, 35, 33, 17, 2, {.stride = 2}},
    {DECONV, 1, 34, 3, 2, 5, {.stride = 3, .pad_left = 2}},
    {DECONV, 2, 5, 3, 2, 3, {.stride = 1, .pad_left = 1}},
    {ATTENTION, 2, 1, 6, 2, 0, {0}},
    {ATTENTION, 2, 5, 6, 3, 0, {0}},
    {ATTENTION, 1, 33, 40, 2, 0, {0}},
    {ATTENTION, 2, 157, 64, 2, 0, {0}},
    {ATTENTION, 2, 16, 64, 1, 0, {0}},
    {ATTENTION, 1, 70, 128, 2, 0, {0}},
    {ATTENTION, 2, 157, 128, 2, 25, {0}},
};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

static bool has_bf16_on(const char *backend)
{
    nn_backend *b = NULL;
    const bool there = nn_backend_create(&b, backend, 1, NULL) == PCLR_OK && nn_backend_precision(b, "bf16", NULL) == PCLR_OK;
    nn_backend_destroy(&b);
    if (!there) print_message("no bf16 on %s, or not in this build: skipped\n", backend);
    return there;
}

static bool has_bf16(void)
{
    return has_bf16_on("onednn");
}

typedef struct run {
    nn_backend *backend;
    nn_params *params;
    nn_graph *g;
    nn_id x[3], y, loss;
    int inputs;
} run;

static float round_to_bf16(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000u;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float draw(rng *r, bool whole)
{
    const float v = (float)rng_normal(r);
    return whole ? round_to_bf16(v) : v;
}

static void fill(void *to, int64_t n, bool wide, bool whole, uint64_t key)
{
    rng r = rng_make(11, "input", key);
    for (int64_t i = 0; i < n; i++) {
        const float v = draw(&r, whole);
        if (wide)
            ((double *)to)[i] = (double)v;
        else
            ((float *)to)[i] = v;
    }
}

static void build(run *r, const product_case *c, const char *backend, const char *precision, int threads, bool whole)
{
    pclr_error error = {0};
    *r = (run){0};
    assert_int_equal(nn_backend_create(&r->backend, backend, threads, &error), PCLR_OK);
    assert_int_equal(nn_backend_precision(r->backend, precision, &error), PCLR_OK);
    assert_string_equal(nn_backend_precision_name(r->backend), precision);
    assert_int_equal(nn_params_create(&r->params, 7, &error), PCLR_OK);
    assert_int_equal(nn_graph_create(&r->g, r->backend, r->params, NN_TRAIN, &error), PCLR_OK);
    nn_graph *g = r->g;
    const nn_shape x = nn_shape3(c->B, c->T, c->in);
    const int64_t groups = c->args.groups > 0 ? c->args.groups : 1;
    nn_shape shape[3] = {x, x, x};
    if (c->kind == LINEAR) shape[1] = nn_shape2(c->out, c->in);
    if (c->kind == CONV) shape[1] = nn_shape3(c->out, c->taps, c->in / groups);
    if (c->kind == DECONV) shape[1] = nn_shape3(c->in, c->taps, c->out);
    if (c->kind != ATTENTION) shape[2] = nn_shape1(c->out);
    r->inputs = 3;
    for (int k = 0; k < r->inputs; k++) {
        r->x[k] = nn_input(g, "x", NN_F32, shape[k]);
        nn_want_grad(g, r->x[k]);
    }
    if (c->kind == LINEAR) r->y = nn_linear(g, r->x[0], r->x[1], r->x[2]);
    if (c->kind == CONV) r->y = nn_conv1d(g, r->x[0], r->x[1], r->x[2], c->args);
    if (c->kind == DECONV) r->y = nn_conv_transpose1d(g, r->x[0], r->x[1], r->x[2], c->args);
    if (c->kind == ATTENTION) r->y = nn_attention(g, r->x[0], r->x[1], r->x[2], c->out, 0.01 * (double)c->taps);
    nn_keep(g, r->y);
    const nn_shape out = nn_shape_of(g, r->y);
    float *weight = NULL;
    assert_int_equal(mem_alloc(&weight, (size_t)nn_shape_size(out), sizeof *weight, &error), PCLR_OK);
    fill(weight, nn_shape_size(out), false, whole, 9);
    r->loss = nn_sum_all(g, nn_mul(g, r->y, nn_constant(g, out, weight)));
    mem_free(weight);
    if (nn_graph_compile(g, r->loss, &error) != PCLR_OK) fail_msg("%s", error.message);
    for (int k = 0; k < r->inputs; k++) fill(nn_data(g, r->x[k]), nn_shape_size(shape[k]), strcmp(backend, "reference64") == 0, whole, (uint64_t)k);
    for (int twice = 0; twice < 2; twice++) { /* the second run must not see what the first left behind */
        assert_int_equal(nn_graph_forward(g, 5, &error), PCLR_OK);
        assert_int_equal(nn_graph_backward(g, 1, &error), PCLR_OK);
    }
}

static void end(run *r)
{
    nn_graph_destroy(&r->g);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static void compare(int number, const char *what, const float *a, const double *b, int64_t size, double tolerance)
{
    double largest = 0, worst = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < size; i++) largest = fmax(largest, fabs(b[i]));
    for (int64_t i = 0; i < size; i++) {
        const double apart = fabs((double)a[i] - b[i]);
        if (!(apart <= worst)) {
            worst = apart;
            at = i;
        }
    }
    if (!(worst <= tolerance * fmax(largest, 1e-3)))
        fail_msg("case %d: %s element %lld of %lld is %.9g, in double %.9g, largest %.3g", number, what, (long long)at, (long long)size, (double)a[at],
                 b[at], largest);
}

static void check(int number, const char *backend, int threads, bool whole, double tolerance)
{
    static const char *const what[3] = {"gradient of input 0", "gradient of input 1", "gradient of input 2"};
    run a, b;
    build(&a, &CASES[number], backend, "bf16", threads, whole);
    build(&b, &CASES[number], "reference64", "fp32", 1, whole);
    compare(number, "result", nn_data(a.g, a.y), nn_data(b.g, b.y), nn_shape_size(nn_shape_of(a.g, a.y)), tolerance);
    for (int k = 0; k < a.inputs; k++)
        compare(number, what[k], nn_grad(a.g, a.x[k]), (const double *)(const void *)nn_grad(b.g, b.x[k]), nn_shape_size(nn_shape_of(a.g, a.x[k])),
                tolerance);
    end(&a);
    end(&b);
}

static void test_exact_on_bf16_values(void **state)
{
    (void)state;
    if (!has_bf16()) skip();
    for (int k = 0; k < CASE_COUNT; k++)
        for (int threads = 1; threads <= 5; threads += 2)
            check(k, "onednn", threads, true, CASES[k].kind == ATTENTION ? 1e-2 : 4e-6); /* probabilities are no bf16 */
}

static void test_bounds_on_any_values(void **state)
{
    (void)state;
    if (!has_bf16()) skip();
    for (int k = 0; k < CASE_COUNT; k++) check(k, "onednn", 2, false, CASES[k].kind == ATTENTION ? 2e-2 : 1e-2);
}

static void same_bytes(const char *backend)
{
    for (int k = 0; k < CASE_COUNT; k++) {
        run a, b;
        build(&a, &CASES[k], backend, "bf16", 3, false);
        build(&b, &CASES[k], backend, "bf16", 3, false);
        assert_memory_equal(nn_data(a.g, a.y), nn_data(b.g, b.y), (size_t)nn_shape_size(nn_shape_of(a.g, a.y)) * sizeof(float));
        for (int i = 0; i < a.inputs; i++)
            assert_memory_equal(nn_grad(a.g, a.x[i]), nn_grad(b.g, b.x[i]), (size_t)nn_shape_size(nn_shape_of(a.g, a.x[i])) * sizeof(float));
        end(&a);
        end(&b);
    }
}

static void test_same_bytes(void **state)
{
    (void)state;
    if (!has_bf16()) skip();
    same_bytes("onednn");
}

/* On a device gradients that pass through written-out windows are rounded once more. */
static void test_on_device(void **state)
{
    (void)state;
    if (!has_bf16_on("cuda")) skip();
    for (int k = 0; k < CASE_COUNT; k++) check(k, "cuda", 1, true, 1e-2);
    for (int k = 0; k < CASE_COUNT; k++) check(k, "cuda", 1, false, CASES[k].kind == ATTENTION ? 2e-2 : 1e-2);
    same_bytes("cuda");
}

/* The vector units' product beside the tile units', on this processor where it has both. */
static void test_vectors_and_tiles_agree(void **state)
{
    (void)state;
#if defined(PCLR_HAVE_ONEDNN) && PCLR_BF16
    enum { STEPS = 3, SIZE = BF16_BLOCK * BF16_BLOCK };
    if (!has_bf16()) skip();
    half a[BF16_BLOCK * BF16_STEP * STEPS], b[STEPS * BF16_STEP * BF16_BLOCK];
    float value[sizeof a / sizeof *a > sizeof b / sizeof *b ? sizeof a / sizeof *a : sizeof b / sizeof *b];
    fill(value, sizeof a / sizeof *a, false, true, 1);
    bf16_row(value, sizeof a / sizeof *a, a);
    fill(value, sizeof b / sizeof *b, false, true, 2);
    bf16_row(value, sizeof b / sizeof *b, b);
    for (int shape = 0; shape < 4; shape++) {
        const bf16_product p = {.a = {a, shape & 1 ? a + BF16_TILE * BF16_STEP * STEPS : NULL}, .b = {b, shape & 2 ? b + BF16_STEP : NULL},
                                .a_row = BF16_STEP * STEPS, .b_pair = 2 * BF16_BLOCK, .outer = 1, .inner = STEPS,
                                .a_inner = BF16_STEP, .b_inner = BF16_STEP * BF16_BLOCK};
        float sum[2][SIZE] = {{0}};
        const nn_bf16_units units[2] = {NN_BF16_VECTORS, nn_onednn_bf16()};
        for (int k = 0; k < 2; k++) {
            const bf16_kernel kernel = bf16_kernel_for(units[k]);
            kernel.begin();
            for (int times = 0; times < 2; times++) kernel.multiply(&p, times > 0 ? sum[k] : NULL, BF16_BLOCK, sum[k], BF16_BLOCK);
            kernel.end();
        }
        for (int k = 0; k < SIZE; k++) assert_true(fabsf(sum[0][k] - sum[1][k]) <= 2e-5f * (1 + fabsf(sum[0][k])));
        assert_true(sum[0][0] != 0);
    }
#else
    skip();
#endif
}

#if defined(PCLR_HAVE_ONEDNN) && PCLR_BF16
static double normal(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static void near_to(const char *what, int64_t k, float found, double expected, double most)
{
    if (!(fabs((double)found - expected) <= most)) fail_msg("%s at %lld: %.9g, in double %.9g", what, (long long)k, (double)found, expected);
}
#endif

/* GELU, its slope and softmax of the vectors of 16 over all that they meet, beside double: the error that math_bf16.c states, a unit in the last place of
 * the value more where it is large. */
static void test_functions(void **state)
{
    (void)state;
#if defined(PCLR_HAVE_ONEDNN) && PCLR_BF16
    enum { COUNT = 40003, WIDEST = 157 };
    static float x[COUNT], y[COUNT], ones[COUNT], slope[COUNT];
    if (!has_bf16()) skip();
    for (int k = 0; k < COUNT; k++) {
        x[k] = (float)(k - COUNT / 2) * 6e-4f;
        ones[k] = 1;
        slope[k] = 2;
    }
    bf16_gelu(x, COUNT, y);
    bf16_gelu_back(x, ones, COUNT, true, slope);
    for (int k = 0; k < COUNT; k++) {
        const double v = (double)x[k], density = exp(-v * v / 2) / sqrt(2 * acos(-1));
        near_to("gelu", k, y[k], v * normal(v), 1e-6 * fmax(1, fabs(v)));
        near_to("slope of gelu", k, slope[k], 2 + normal(v) + v * density, 1e-6);
    }
    for (int64_t T = 1; T <= WIDEST; T += T < 40 ? 1 : 39)
        for (int family = 0; family < 3; family++) {
            const float spread = (float[]){0.1f, 5, 400}[family], scale = 0.125f;
            double p[WIDEST], sum = 0, most = -INFINITY, dot = 0;
            float s[WIDEST], dp[WIDEST];
            for (int64_t k = 0; k < T; k++) {
                s[k] = spread * sinf((float)(k * 37 % 101));
                most = fmax(most, (double)s[k]);
            }
            for (int64_t k = 0; k < T; k++) sum += p[k] = exp(((double)s[k] - most) * (double)scale);
            bf16_softmax(s, T, scale);
            for (int64_t k = 0; k < T; k++) {
                near_to("softmax", k, s[k], p[k] /= sum, 1e-6);
                dp[k] = cosf((float)k);
                dot += p[k] * (double)dp[k];
            }
            bf16_softmax_back(s, dp, NULL, T, scale);
            for (int64_t k = 0; k < T; k++) near_to("gradient of softmax", k, dp[k], (double)scale * p[k] * ((double)cosf((float)k) - dot), 1e-6);
        }
#else
    skip();
#endif
}

static void test_refused_where_it_is_not(void **state)
{
    nn_backend *b = NULL;
    pclr_error error = {0};
    (void)state;
    assert_int_equal(nn_backend_create(&b, "reference", 1, &error), PCLR_OK);
    assert_int_equal(nn_backend_precision(b, "bf16", &error), PCLR_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "reference"));
    assert_int_equal(nn_backend_precision(b, "half", &error), PCLR_E_ARGUMENT);
    assert_int_equal(nn_backend_precision(b, "auto", &error), PCLR_OK);
    assert_string_equal(nn_backend_precision_name(b), "fp32");
    nn_backend_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_on_bf16_values),    cmocka_unit_test(test_bounds_on_any_values),    cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_on_device),
        cmocka_unit_test(test_vectors_and_tiles_agree), cmocka_unit_test(test_functions),
        cmocka_unit_test(test_refused_where_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
