/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ensemble of regression trees on the physiological features, as boosting makes it: the log odds of a class are a constant plus the
 * sum of one leaf of each of the class's trees. Tensors in a classifier file: trees.base [K] F32, trees.class [trees] I32, trees.begin
 * [trees + 1] I32, trees.node [nodes][4] I32, trees.value [nodes] F32.
 */
#ifndef PCLR_MODEL_TREES_H
#define PCLR_MODEL_TREES_H

#include "nn/nn.h"

typedef struct model_tree_node {
    int32_t feature;                   /* -1: a leaf */
    int32_t below, otherwise, missing; /* children, counted from the tree's first node: value below / not below the threshold / NaN */
} model_tree_node;

typedef struct model_trees {
    size_t classes, features, trees, nodes;
    float *base;           /* [classes] */
    int32_t *class_of;     /* [trees] */
    int32_t *begin;        /* [trees + 1] first node of each tree */
    model_tree_node *node; /* [nodes] */
    float *value;          /* [nodes] threshold, or a leaf's log odds */
} model_trees;

/* feature[features], NaN where missing -> logit[classes]. */
void model_trees_apply(const model_trees *t, const float *feature, double *logit);
/* The trees must stay until the writer wrote. */
pclr_status model_trees_save(const model_trees *t, st_writer *w, pclr_error *error);
/* Everything is checked: a walk through the loaded trees always ends in a leaf of its tree. */
pclr_status model_trees_load(model_trees *t, const st_file *f, size_t classes, size_t features, pclr_error *error);
void model_trees_free(model_trees *t);

#endif
