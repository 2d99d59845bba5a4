/* SPDX-License-Identifier: Apache-2.0 */
/* Boosted trees of a model file: a leaf is found as written, and tensors that would lead a walk astray are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "folder.h"
#include "model/trees.h"

enum { CLASSES = 2, FEATURES = 3, TREES = 3, NODES = 9 };

/* Two trees of class 0 (a stump and two levels) and one of class 1 that is a leaf. */
typedef struct forest {
    float base[CLASSES], value[NODES];
    int32_t class_of[TREES], begin[TREES + 1];
    model_tree_node node[NODES];
} forest;

static const forest SOUND = {
    .base = {0.5f, -1},
    .class_of = {0, 0, 1},
    .begin = {0, 3, 8, 9},
    .node = {{0, 1, 2, 1},
             {-1, 0, 0, 0},
             {-1, 0, 0, 0},
             {2, 1, 2, 2},
             {-1, 0, 0, 0},
             {1, 3, 4, 3},
             {-1, 0, 0, 0},
             {-1, 0, 0, 0},
             {-1, 0, 0, 0}},
    .value = {1.5f, -0.25f, 0.75f, 0, 2, 10, 3, 4, 8},
};

static const char *write_forest(const forest *f, int64_t trees, int64_t nodes)
{
    const char *path = in_folder("trees.safetensors");
    pclr_error error = {0};
    st_writer *w = NULL;
    must(st_writer_create(&w, &error), &error);
    must(st_writer_add(w, "trees.base", "F32", nn_shape1(CLASSES), f->base, &error), &error);
    must(st_writer_add(w, "trees.class", "I32", nn_shape1(trees), f->class_of, &error), &error);
    must(st_writer_add(w, "trees.begin", "I32", nn_shape1(trees + 1), f->begin, &error), &error);
    must(st_writer_add(w, "trees.node", "I32", nn_shape2(nodes, 4), f->node, &error), &error);
    must(st_writer_add(w, "trees.value", "F32", nn_shape1(nodes), f->value, &error), &error);
    must(st_writer_write(w, path, &error), &error);
    st_writer_destroy(&w);
    return path;
}

static pclr_status load(model_trees *t, const char *path, pclr_error *error)
{
    st_file *f = NULL;
    must(st_open(&f, path, error), error);
    pclr_status status = model_trees_load(t, f, CLASSES, FEATURES, error);
    st_close(&f);
    return status;
}

static void leaves_are_found(void **state)
{
    (void)state;
    static const struct {
        float feature[FEATURES];
        double logit[CLASSES];
    } cases[] = {{{1, 0, -1}, {0.5 - 0.25 + 2, 7}},     /* below 1.5; below 0 */
                 {{1.5f, 9, 0}, {0.5 + 0.75 + 3, 7}},   /* a value on the threshold is not below it */
                 {{NAN, 10, 1}, {0.5 - 0.25 + 4, 7}},   /* missing goes where the node says */
                 {{2, NAN, NAN}, {0.5 + 0.75 + 3, 7}}}; /* twice */
    model_trees t;
    pclr_error error = {0};
    double logit[CLASSES];
    must(load(&t, write_forest(&SOUND, TREES, NODES), &error), &error);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        model_trees_apply(&t, cases[k].feature, logit);
        assert_memory_equal(logit, cases[k].logit, sizeof logit);
    }
    model_trees_free(&t);
}

static void refuse(const forest *f, int64_t trees, int64_t nodes, const char *word)
{
    model_trees t;
    pclr_error error = {0};
    assert_int_equal(load(&t, write_forest(f, trees, nodes), &error), PCLR_E_FORMAT);
    assert_null(t.node);
    if (!strstr(error.message, word)) fail_msg("'%s' does not name '%s'", error.message, word);
}

static void hostile_tensors_are_refused(void **state)
{
    (void)state;
    forest f;
#define REFUSE(change, word) f = SOUND, (change), refuse(&f, TREES, NODES, word)
    REFUSE(f.node[3].below = 0, "leads nowhere");     /* itself */
    REFUSE(f.node[5].otherwise = 0, "leads nowhere"); /* a circle */
    REFUSE(f.node[0].below = -1, "leads nowhere");    /* before the tree */
    REFUSE(f.node[0].below = INT32_MIN, "leads nowhere");
    REFUSE(f.node[0].otherwise = 3, "leads nowhere");     /* into the next tree */
    REFUSE(f.node[5].below = INT32_MAX, "leads nowhere"); /* far behind the end */
    REFUSE(f.node[0].missing = 0, "leads nowhere");
    REFUSE(f.node[0].feature = FEATURES, "leads nowhere"); /* a feature that does not exist */
    REFUSE(f.node[0].feature = INT32_MAX, "leads nowhere");
    REFUSE(f.value[0] = NAN, "leads nowhere"); /* a threshold, a leaf, a constant */
    REFUSE(f.value[8] = INFINITY, "leads nowhere");
    REFUSE(f.base[1] = NAN, "not finite");
    REFUSE(f.class_of[2] = CLASSES, "no class");
    REFUSE(f.class_of[0] = -1, "no class");
    REFUSE(f.begin[0] = 1, "cover");
    REFUSE(f.begin[3] = 8, "cover");
    REFUSE(f.begin[3] = INT32_MAX, "cover");
    REFUSE(f.begin[3] = -1, "cover");
    REFUSE(f.begin[1] = 0, "without nodes");
    REFUSE(f.begin[1] = INT32_MAX, "without nodes");
    REFUSE(f.begin[2] = INT32_MIN, "without nodes");
    REFUSE(f.begin[1] = 9, "leads nowhere");
#undef REFUSE
    refuse(&SOUND, TREES, NODES - 1, "cover");
    refuse(&SOUND, TREES - 1, NODES, "cover");
}

/* Tensors of another type, size or name, and files that end early. */
static void wrong_tensors_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"trees.base", "trees.class", "trees.begin", "trees.node", "trees.value"};
    enum { TENSORS = sizeof names / sizeof *names };
    const void *data[TENSORS] = {SOUND.base, SOUND.class_of, SOUND.begin, SOUND.node, SOUND.value};
    static const int64_t count[TENSORS] = {CLASSES, TREES, TREES + 1, 4 * NODES, NODES};
    static const char *const type[TENSORS] = {"F32", "I32", "I32", "I32", "F32"};
    pclr_error error = {0};
    model_trees t;
    for (size_t wrong = 0; wrong < TENSORS; wrong++) {
        for (int how = 0; how < 4; how++) { /* missing, of another type, one value short, empty */
            st_writer *w = NULL;
            must(st_writer_create(&w, &error), &error);
            for (size_t k = 0; k < TENSORS; k++) {
                int64_t n = k != wrong || how < 2 ? count[k] : how == 2 ? count[k] - 1 : 0;
                const char *as = k == wrong && how == 1 ? (type[k][0] == 'F' ? "I32" : "F32") : type[k];
                if (k != wrong || how > 0) must(st_writer_add(w, names[k], as, nn_shape1(n), data[k], &error), &error);
            }
            must(st_writer_write(w, in_folder("wrong.safetensors"), &error), &error);
            st_writer_destroy(&w);
            assert_int_equal(load(&t, in_folder("wrong.safetensors"), &error), PCLR_E_FORMAT);
            assert_non_null(strstr(error.message, "damaged"));
        }
    }
}

/* Whatever the integers are: either they are refused, or every walk ends in a finite leaf. */
static void random_changes_end_in_a_leaf_or_a_message(void **state)
{
    (void)state;
    size_t loaded = 0, refusals = 0;
    for (uint64_t k = 0; k < 400; k++) {
        rng random = rng_make(3, "trees", k);
        forest f = SOUND;
        int32_t *words = k % 2 ? (int32_t *)f.node : f.begin;
        size_t n = k % 2 ? 4 * NODES : TREES + 1;
        for (int change = 0; change < 1 + (int)(k % 3); change++) words[rng_below(&random, n)] = (int32_t)rng_below(&random, 12) - 2;
        model_trees t;
        pclr_error error = {0};
        if (load(&t, write_forest(&f, TREES, NODES), &error) != PCLR_OK) {
            refusals++;
            continue;
        }
        loaded++;
        double logit[CLASSES];
        model_trees_apply(&t, (const float[FEATURES]){(float)rng_normal(&random), NAN, 1}, logit);
        assert_true(isfinite(logit[0]) && isfinite(logit[1]));
        model_trees_free(&t);
    }
    assert_true(loaded > 20 && refusals > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_are_found), cmocka_unit_test(hostile_tensors_are_refused),
                                       cmocka_unit_test(wrong_tensors_are_refused),
                                       cmocka_unit_test(random_changes_end_in_a_leaf_or_a_message)};
    return cmocka_run_group_tests(tests, folder_set_up, folder_tear_down);
}
