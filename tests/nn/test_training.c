/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdamW against PyTorch (tests/oracles/learning.py); frozen and averaged parameters; saved, loaded and continued; the memory of a step:
 * announced before it begins, and nothing allocated while it runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "waves.h"

/* ---- every allocation of this program is counted; sanitizers bring allocators of their own ---- */

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OWN_ALLOCATOR 1
#endif
#endif
#ifndef OWN_ALLOCATOR
#define COUNTS_ALLOCATIONS 1
#endif
#endif

static size_t allocations, allocated_bytes;

#ifdef COUNTS_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count(size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&allocated_bytes, size, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count(n * size);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    count(size);
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(size);
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    count(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
    count(size);
    *p = __libc_memalign(alignment, size);
    return *p ? 0 : ENOMEM;
}
#endif

/* ---- a small network ---- */

enum { ITEMS = 4, FRAMES = 30, WIDTH = 16 };

typedef struct rig {
    nn_backend *backend;
    nn_params *params;
    nn_graph *graph;
    nn_adamw *optimiser;
    nn_id x, loss;
    pclr_error error;
} rig;

static void must(rig *r, pclr_status status)
{
    if (status != PCLR_OK) fail_msg("%s", r->error.message);
}

static nn_id weight(nn_graph *g, const char *name, nn_shape shape)
{
    return nn_param(g, name, shape, (nn_init){.kind = NN_INIT_NORMAL, .a = 0.2});
}

/* Convolution, attention and a linear layer, with dropout: kernels that need scratch of every kind. */
static void open_rig(rig *r, const char *backend)
{
    const nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip_norm = 1};
    *r = (rig){0};
    must(r, nn_backend_create(&r->backend, backend, 2, &r->error));
    must(r, nn_params_create(&r->params, 3, &r->error));
    must(r, nn_graph_create(&r->graph, r->backend, r->params, NN_TRAIN, &r->error));
    nn_graph *g = r->graph;
    r->x = nn_input(g, "x", NN_F32, nn_shape3(ITEMS, FRAMES, 3));
    nn_id h =
        nn_conv1d(g, r->x, weight(g, "first.weight", nn_shape3(WIDTH, 5, 3)), NN_NONE, (nn_conv1d_args){.pad_left = 2, .pad_right = 2});
    h = nn_dropout(g, nn_gelu(g, h), 0.1);
    h = nn_add(g, h, nn_attention(g, h, h, h, 2, 0.1));
    h = nn_linear(g, h, weight(g, "second.weight", nn_shape2(WIDTH, WIDTH)), NN_NONE);
    r->loss = nn_mean_all(g, nn_square(g, nn_affine(g, nn_mean(g, h, 1), 1, -1)));
    must(r, nn_graph_compile(g, r->loss, &r->error));
    must(r, nn_adamw_create(&r->optimiser, r->params, args, &r->error));
    waves_fill(nn_data(g, r->x), ITEMS * FRAMES * 3, 1, 1);
}

static void close_rig(rig *r)
{
    nn_adamw_destroy(&r->optimiser);
    nn_graph_destroy(&r->graph);
    nn_params_destroy(&r->params);
    nn_backend_destroy(&r->backend);
}

static float train(rig *r, uint64_t begin, uint64_t end)
{
    for (uint64_t step = begin; step < end; step++) {
        must(r, nn_graph_forward(r->graph, step, &r->error));
        must(r, nn_graph_backward(r->graph, 1, &r->error));
        must(r, nn_adamw_step(r->optimiser, r->backend, 0.01, NULL, &r->error));
    }
    return *(float *)nn_data(r->graph, r->loss);
}

/* ---- AdamW ---- */

/* Gradient 3 sines + p, so that it depends on what the steps before did. */
static void check_adamw(const char *name, double decay, double clip, const double *rates)
{
    rig r = {0};
    char line[64];
    const nn_adamw_args args = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = decay, .clip_norm = clip};
    must(&r, nn_backend_create(&r.backend, "reference", 1, &r.error));
    must(&r, nn_params_create(&r.params, 1, &r.error));
    must(&r, nn_graph_create(&r.graph, r.backend, r.params, NN_TRAIN, &r.error));
    must(&r, nn_graph_compile(r.graph, nn_sum_all(r.graph, weight(r.graph, "p", nn_shape1(7))), &r.error));
    must(&r, nn_adamw_create(&r.optimiser, r.params, args, &r.error));
    nn_parameter *p = nn_params_find(r.params, "p");
    waves_fill(p->value, 7, 2, 1);
    for (int step = 0; step < 5; step++) {
        waves_fill(p->grad, 7, 10 + step, 3);
        for (int k = 0; k < 7; k++) p->grad[k] += p->value[k];
        must(&r, nn_adamw_step(r.optimiser, r.backend, rates[step], NULL, &r.error));
    }
    (void)snprintf(line, sizeof line, "adamw.%s", name);
    char *stored = waves_stored("learning.txt", line), *at = stored;
    assert_non_null(stored);
    for (int k = 0; k < 7; k++) {
        const double expected = strtod(at, &at);
        if (!(fabs((double)p->value[k] - expected) <= 2e-6))
            fail_msg("%s, value %d: %.9g instead of %.9g", name, k, (double)p->value[k], expected);
    }
    free(stored);
    close_rig(&r);
}

static void test_adamw_is_pytorchs(void **state)
{
    static const double constant[5] = {0.1, 0.1, 0.1, 0.1, 0.1}, schedule[5] = {0.02, 0.04, 0.1, 0.05, 0.01};
    (void)state;
    check_adamw("plain", 0, 0, constant);
    check_adamw("decay", 0.3, 0, constant);
    check_adamw("clip", 0.3, 1.5, constant);
    check_adamw("schedule", 0.3, 0, schedule);
}

/* ---- frozen, averaged ---- */

static void test_frozen_parameters_stay(void **state)
{
    rig r;
    float before[WIDTH * 5 * 3];
    (void)state;
    open_rig(&r, "auto");
    nn_parameter *first = nn_params_find(r.params, "first.weight"), *second = nn_params_find(r.params, "second.weight");
    const float moving = second->value[0];
    memcpy(before, first->value, sizeof before);
    nn_params_freeze(r.params, "first.", true);
    train(&r, 0, 2);
    assert_memory_equal(first->value, before, sizeof before);
    assert_true(second->value[0] != moving);
    nn_params_freeze(r.params, "first.", false);
    train(&r, 2, 3);
    assert_true(memcmp(first->value, before, sizeof before) != 0);
    close_rig(&r);
}

static void test_moving_average(void **state)
{
    rig r = {0};
    (void)state;
    must(&r, nn_backend_create(&r.backend, "reference", 1, &r.error));
    must(&r, nn_params_create(&r.params, 1, &r.error));
    must(&r, nn_graph_create(&r.graph, r.backend, r.params, NN_INFER, &r.error));
    const nn_id online = weight(r.graph, "online.w", nn_shape1(3)), target = weight(r.graph, "target.w", nn_shape1(3));
    nn_keep(r.graph, nn_add(r.graph, online, target));
    must(&r, nn_graph_compile(r.graph, NN_NONE, &r.error));
    float *from = nn_params_find(r.params, "online.w")->value, *to = nn_params_find(r.params, "target.w")->value;
    for (int k = 0; k < 3; k++) {
        from[k] = (float)(k + 1);
        to[k] = -1;
    }
    must(&r, nn_params_ema(r.params, "online.", "target.", 0.75, &r.error));
    for (int k = 0; k < 3; k++) assert_float_equal(to[k], -0.75F + 0.25F * (float)(k + 1), 1e-6F);
    assert_int_not_equal(nn_params_ema(r.params, "nowhere.", "target.", 0.75, &r.error), PCLR_OK);
    close_rig(&r);
}

/* ---- saved and continued ---- */

static void test_saved_and_continued_is_continued(void **state)
{
    rig whole, part, rest;
    const char *under = getenv("TMPDIR");
    char path[2048];
    st_writer *w = NULL;
    st_file *f = NULL;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/physioclr-training-%d", under && under[0] ? under : "/tmp", (int)getpid());
    open_rig(&whole, "auto");
    const float expected = train(&whole, 0, 6);
    open_rig(&part, "auto");
    train(&part, 0, 3);
    must(&part, st_writer_create(&w, &part.error));
    must(&part, nn_params_save(part.params, NULL, w, &part.error));
    must(&part, nn_adamw_save(part.optimiser, w, &part.error));
    must(&part, st_writer_write(w, path, &part.error));
    st_writer_destroy(&w);
    open_rig(&rest, "auto");
    must(&rest, st_open(&f, path, &rest.error));
    must(&rest, nn_params_load(rest.params, "first.", f, &rest.error));
    must(&rest, nn_params_load(rest.params, "second.", f, &rest.error));
    must(&rest, nn_adamw_load(rest.optimiser, f, &rest.error));
    st_close(&f);
    assert_int_equal(nn_adamw_steps(rest.optimiser), 3);
    assert_true(train(&rest, 3, 6) == expected);
    for (size_t k = 0; k < nn_params_count(whole.params); k++) {
        const nn_parameter *a = nn_params_at(whole.params, k), *b = nn_params_find(rest.params, a->name);
        assert_memory_equal(a->value, b->value, (size_t)nn_shape_size(a->shape) * sizeof(float));
    }
    (void)remove(path);
    close_rig(&whole);
    close_rig(&part);
    close_rig(&rest);
}

/* ---- memory ---- */

static void test_a_step_allocates_nothing(void **state)
{
    rig r;
    (void)state;
#ifndef COUNTS_ALLOCATIONS
    skip();
#endif
    open_rig(&r, "auto");
    train(&r, 0, 2); /* threads are made at the first use */
    const size_t before = allocations;
    train(&r, 2, 5);
    assert_int_equal(allocations, before);
    close_rig(&r);
}

/* What compiling takes is what is announced, and the plan's own notes. */
static void test_memory_is_announced(void **state)
{
    rig r = {0};
    (void)state;
#ifndef COUNTS_ALLOCATIONS
    skip();
#endif
    must(&r, nn_backend_create(&r.backend, "auto", 2, &r.error));
    must(&r, nn_params_create(&r.params, 3, &r.error));
    must(&r, nn_graph_create(&r.graph, r.backend, r.params, NN_TRAIN, &r.error));
    nn_graph *g = r.graph;
    nn_id h = nn_input(g, "x", NN_F32, nn_shape3(64, 500, 12));
    for (int k = 0; k < 3; k++) {
        nn_scope_push(g, "%d", k);
        h = nn_gelu(g, nn_linear(g, h, weight(g, "weight", nn_shape2(64, nn_shape_of(g, h).n[2])), NN_NONE));
        nn_scope_pop(g);
    }
    const nn_id loss = nn_mean_all(g, nn_square(g, h));
    const size_t before = allocated_bytes;
    must(&r, nn_graph_compile(g, loss, &r.error));
    const nn_memory m = nn_graph_memory(g);
    const double announced = (double)(m.activations + m.workspace + m.gradients), taken = (double)(allocated_bytes - before);
    assert_true(announced > 64.0 * 500 * 64 * 6 * sizeof(float)); /* no less than the layers' inputs and outputs */
    assert_true(fabs(taken - announced) < 0.05 * announced);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw_is_pytorchs),        cmocka_unit_test(test_frozen_parameters_stay),
        cmocka_unit_test(test_moving_average),           cmocka_unit_test(test_saved_and_continued_is_continued),
        cmocka_unit_test(test_a_step_allocates_nothing), cmocka_unit_test(test_memory_is_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
