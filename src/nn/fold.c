/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows a product value by value joins it, where the backend's kernel of the product knows how (NN_FOLDS): its results are
 * finished while they are near, and the tensors between are neither written nor read.
 *
 *     inference   linear or conv1d, then batch norm, then the sum with another tensor, then ReLU or GELU (each may be absent): the
 *                 last node of the chain becomes the product. Batch norm by running statistics is a factor and a shift a channel.
 *     training    linear or conv1d, then GELU: the product writes both its result, which the backward pass reads, and the GELU of it
 *     either      batch norm that no product took on, then ReLU: the ReLU becomes the batch norm, whose backward pass tells from x where
 *                 its result was above 0
 */
#include "nn/graph.h"

/* A product that is not yet the end of a chain: that would lose what joined it. */
static bool folds(const nn_graph *g, const nn_node *n)
{
    return n->used && n->inputs < NN_FOLDED_INPUTS && (n->op == NN_OP_LINEAR || n->op == NN_OP_CONV1D) &&
           (g->backend->kernel[n->op].flags & NN_FOLDS);
}

/* The only node that reads x, through one input; NN_NONE where x is kept, or read otherwise. */
static nn_id only_reader(const nn_graph *g, nn_id x)
{
    nn_id reader = NN_NONE;
    if (g->node[x].keep) return NN_NONE;
    for (size_t k = (size_t)x + 1; k < g->nodes; k++)
        for (int i = 0; g->node[k].used && i < g->node[k].inputs; i++) {
            if (g->node[k].in[i] != x) continue;
            if (reader != NN_NONE) return NN_NONE;
            reader = (nn_id)k;
        }
    return reader;
}

/* ---- inference ---- */

/* A product and what joins it: batch norm, addition, activation; NN_NONE: absent. */
typedef struct chain {
    nn_id product, norm, sum, other, activation, last;
} chain;

static chain chain_from(const nn_graph *g, nn_id product)
{
    chain c = {product, NN_NONE, NN_NONE, NN_NONE, NN_NONE, product};
    nn_id next = only_reader(g, product);
    if (next != NN_NONE && g->node[next].op == NN_OP_BATCH_NORM) {
        c.norm = c.last = next;
        next = only_reader(g, next);
    }
    if (next != NN_NONE && g->node[next].op == NN_OP_ADD) {
        const nn_id *in = g->node[next].in, other = in[0] == c.last ? in[1] : in[0];
        if (nn_shape_equal(g->node[other].shape, g->node[c.last].shape)) {
            c.other = other;
            c.sum = c.last = next;
            next = only_reader(g, next);
        }
    }
    if (next != NN_NONE && (g->node[next].op == NN_OP_RELU || g->node[next].op == NN_OP_GELU)) c.activation = c.last = next;
    return c;
}

/* The last node of the chain becomes the product; the others are not computed. */
static pclr_status join(nn_graph *g, const chain *c, pclr_error *error)
{
    nn_node *last = &g->node[c->last], *product = &g->node[c->product];
    const nn_id gone[] = {c->product, c->norm, c->sum, c->activation};
    nn_id *in = arena_alloc(g->memory, NN_FOLDED_INPUTS * sizeof *in);
    if (!in) return error_memory(error, NN_FOLDED_INPUTS * sizeof *in);
    for (int k = 0; k < 3; k++) in[k] = product->in[k];
    for (int k = 1; k < 5; k++) in[NN_FOLDED_NORM + k - 1] = c->norm != NN_NONE ? g->node[c->norm].in[k] : NN_NONE;
    in[NN_FOLDED_OTHER] = c->other;

    nn_args args = product->args;
    args.eps = c->norm != NN_NONE ? g->node[c->norm].args.eps : 0;
    args.activation = c->activation != NN_NONE ? (int)g->node[c->activation].op : 0;
    last->op = product->op;
    last->args = args;
    last->in = in;
    last->inputs = NN_FOLDED_INPUTS;
    last->flop = product->flop;
    product->flop = 0;
    for (size_t k = 0; k < sizeof gone / sizeof *gone; k++)
        if (gone[k] != NN_NONE && gone[k] != c->last) g->node[gone[k]].used = false;
    return PCLR_OK;
}

/* ---- training ---- */

static void write_twice(nn_graph *g, nn_id product)
{
    for (size_t k = (size_t)product + 1; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        if (!n->used || n->op != NN_OP_GELU || n->in[0] != product) continue;
        g->node[product].follower = (nn_id)k;
        n->with_input = true;
        return;
    }
}

/* ---- batch norm and ReLU ---- */

static void take_on_relu(nn_graph *g, nn_id norm)
{
    nn_node *n = &g->node[norm];
    const nn_id reader = only_reader(g, norm);
    if (!n->used || n->want_grad || !(g->backend->kernel[n->op].flags & NN_FOLDS)) return;
    if (reader == NN_NONE || g->node[reader].op != NN_OP_RELU) return;
    nn_node *relu = &g->node[reader];
    relu->op = n->op;
    relu->args = n->args;
    relu->args.activation = NN_OP_RELU;
    relu->in = n->in;
    relu->inputs = n->inputs;
    relu->no_grad = n->no_grad;
    relu->flop += n->flop;
    n->flop = 0;
    n->used = false;
}

pclr_status nn_graph_fold(nn_graph *g, pclr_error *error)
{
    for (size_t k = 0; k < g->nodes; k++) {
        if (g->node[k].op == NN_OP_BATCH_NORM) take_on_relu(g, (nn_id)k);
        if (!folds(g, &g->node[k])) continue;
        if (g->mode == NN_TRAIN) {
            write_twice(g, (nn_id)k);
            continue;
        }
        const chain c = chain_from(g, (nn_id)k);
        if (c.last != c.product) TRY(join(g, &c, error));
    }
    return PCLR_OK;
}
