/* SPDX-License-Identifier: Apache-2.0 */
#include "model/trees.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static float leaf(const model_trees *t, size_t tree, const float *feature)
{
    const model_tree_node *first = t->node + t->begin[tree], *at = first;
    while (at->feature >= 0) {
        float x = feature[at->feature];
        at = first + (isnan(x) ? at->missing : x < t->value[at - t->node] ? at->below : at->otherwise);
    }
    return t->value[at - t->node];
}

void model_trees_apply(const model_trees *t, const float *feature, double *logit)
{
    for (size_t c = 0; c < t->classes; c++) logit[c] = (double)t->base[c];
    for (size_t k = 0; k < t->trees; k++) logit[t->class_of[k]] += (double)leaf(t, k, feature);
}

void model_trees_free(model_trees *t)
{
    mem_release(&t->base);
    mem_release(&t->class_of);
    mem_release(&t->begin);
    mem_release(&t->node);
    mem_release(&t->value);
    *t = (model_trees){0};
}

pclr_status model_trees_save(const model_trees *t, st_writer *w, pclr_error *error)
{
    TRY(st_writer_add(w, "trees.base", "F32", nn_shape1((int64_t)t->classes), t->base, error));
    TRY(st_writer_add(w, "trees.class", "I32", nn_shape1((int64_t)t->trees), t->class_of, error));
    TRY(st_writer_add(w, "trees.begin", "I32", nn_shape1((int64_t)t->trees + 1), t->begin, error));
    TRY(st_writer_add(w, "trees.node", "I32", nn_shape2((int64_t)t->nodes, 4), t->node, error));
    return st_writer_add(w, "trees.value", "F32", nn_shape1((int64_t)t->nodes), t->value, error);
}

/* ---- loading ---- */

static pclr_status damaged(pclr_error *error, const char *what)
{
    return error_set(error, PCLR_E_FORMAT, "tensors trees.*: %s; the model file is damaged", what);
}

/* A tensor's values in memory of their own; count: of 4-byte values. */
static pclr_status copy(const st_file *f, const char *name, const char *type, void *out, size_t *count, pclr_error *error)
{
    st_tensor tensor;
    void **to = out;
    if (!st_find(f, name, &tensor) || strcmp(tensor.dtype, type) != 0 || tensor.bytes > (size_t)INT32_MAX * 4)
        return error_set(error, PCLR_E_FORMAT, "tensor %s: missing, or not %s; the model file is damaged", name, type);
    TRY(mem_alloc(to, tensor.bytes / 4, 4, error));
    memcpy(*to, tensor.data, tensor.bytes);
    *count = tensor.bytes / 4;
    return PCLR_OK;
}

/* Children lie behind their parent and inside the tree, so that every walk ends. */
static bool node_is_sound(const model_trees *t, size_t tree, int32_t k)
{
    const model_tree_node *n = &t->node[t->begin[tree] + k];
    int32_t size = t->begin[tree + 1] - t->begin[tree];
    if (!isfinite(t->value[t->begin[tree] + k]) || n->feature >= (int64_t)t->features) return false;
    if (n->feature < 0) return true;
    return n->below > k && n->below < size && n->otherwise > k && n->otherwise < size &&
           (n->missing == n->below || n->missing == n->otherwise);
}

static pclr_status check(const model_trees *t, pclr_error *error)
{
    for (size_t c = 0; c < t->classes; c++)
        if (!isfinite(t->base[c])) return damaged(error, "a constant is not finite");
    if (t->begin[0] != 0 || (size_t)t->begin[t->trees] != t->nodes) return damaged(error, "the trees do not cover the nodes");
    for (size_t k = 0; k < t->trees; k++) {
        if (t->class_of[k] < 0 || (size_t)t->class_of[k] >= t->classes) return damaged(error, "a tree of no class");
        if (t->begin[k + 1] <= t->begin[k] || (size_t)t->begin[k + 1] > t->nodes) return damaged(error, "a tree without nodes");
        for (int32_t n = 0; n < t->begin[k + 1] - t->begin[k]; n++)
            if (!node_is_sound(t, k, n)) return damaged(error, "a node that leads nowhere");
    }
    return PCLR_OK;
}

pclr_status model_trees_load(model_trees *t, const st_file *f, size_t classes, size_t features, pclr_error *error)
{
    size_t base = 0, begins = 0, words = 0, values = 0;
    pclr_status status;
    *t = (model_trees){.classes = classes, .features = features};
    TRY_GOTO(copy(f, "trees.base", "F32", &t->base, &base, error));
    TRY_GOTO(copy(f, "trees.class", "I32", &t->class_of, &t->trees, error));
    TRY_GOTO(copy(f, "trees.begin", "I32", &t->begin, &begins, error));
    TRY_GOTO(copy(f, "trees.node", "I32", &t->node, &words, error));
    TRY_GOTO(copy(f, "trees.value", "F32", &t->value, &values, error));
    t->nodes = values;
    if (base != classes || begins != t->trees + 1 || words != 4 * values)
        status = damaged(error, "their sizes do not agree");
    else
        status = check(t, error);
done:
    if (status != PCLR_OK) model_trees_free(t);
    return status;
}
