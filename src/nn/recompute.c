/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns of the backward pass, and what it computes again before them (activation checkpointing; Chen et al. 2016, arXiv 1604.06174).
 *
 * Of a layer (nn_layer_begin, nn_layer_end) only what others read lives from the forward to the backward pass. Before the first
 * backward turn of the layer its other nodes run again, those that the backward pass reads and what these are made of: same inputs,
 * same random numbers, same bytes. The last layer keeps what it has: its backward pass follows at once.
 */
#include "nn/graph.h"

/* What a layer's own nodes alone read may be thrown away. */
static void find_own(nn_graph *g)
{
    nn_id last = 0;
    for (size_t k = 0; k < g->nodes; k++)
        if (g->node[k].runs_backward && g->node[k].layer > last) last = g->node[k].layer;
    for (size_t k = 0; k < g->nodes; k++) {
        nn_node *n = &g->node[k];
        n->own = n->root == (nn_id)k && n->call.in && n->used && n->layer > 0 && n->layer != last && !n->keep && !n->want_grad;
    }
    for (size_t k = 0; k < g->nodes; k++)
        for (int i = 0; g->node[k].used && i < g->node[k].inputs; i++) {
            if (g->node[k].in[i] == NN_NONE) continue;
            nn_node *root = &g->node[g->node[g->node[k].in[i]].root];
            root->own = root->own && root->layer == g->node[k].layer;
        }
    for (size_t k = 0; k < g->nodes; k++) /* a product and the GELU that it writes share their fate */
        if (g->node[k].follower) {
            nn_node *n = &g->node[k], *gelu = &g->node[n->follower];
            n->own = gelu->own = n->own && gelu->own;
        }
}

static void run_again(nn_graph *g, nn_id x)
{
    nn_node *root = &g->node[g->node[x].root];
    root->again = root->again || root->own;
}

/* From the last node on: what is read backwards, what saves something for it, and what these read. */
static void find_again(nn_graph *g)
{
    for (size_t k = g->nodes; k-- > 0;) {
        nn_node *n = &g->node[k];
        const nn_kernel *kernel = &g->backend->kernel[n->op];
        if (!n->used || !n->call.in) continue;
        for (int i = 0; n->active && i < n->inputs; i++)
            if (n->in[i] != NN_NONE && (kernel->reads & (1u << i))) run_again(g, n->in[i]);
        if (n->active && (kernel->reads & NN_READS_OUT || (kernel->saved && kernel->saved(&n->call) > 0))) run_again(g, (nn_id)k);
        for (int i = 0; n->again && i < n->inputs; i++)
            if (n->in[i] != NN_NONE) run_again(g, n->in[i]);
        if (n->again && n->follower) g->node[n->follower].again = true; /* it is written with it */
    }
}

/* The backward pass: from the last node to the first, and before the last one of a layer its nodes that run again. */
pclr_status nn_graph_turns(nn_graph *g, pclr_error *error)
{
    if (g->backend->recompute && g->mode == NN_TRAIN && g->loss != NN_NONE) {
        find_own(g);
        find_again(g);
    }
    g->turn = arena_alloc(g->memory, 2 * g->nodes * sizeof *g->turn);
    if (!g->turn) return error_memory(error, 2 * g->nodes * sizeof *g->turn);
    nn_id layer = 0;
    for (size_t k = g->nodes; k-- > 0;) {
        const nn_id entered = g->node[k].layer;
        if (entered > 0 && entered != layer)
            for (size_t j = 0; j <= k; j++) {
                if (g->node[j].layer != entered || !g->node[j].again) continue;
                g->node[j].again_turn = g->nodes + g->turns;
                g->turn[g->turns++] = (nn_turn){(nn_id)j, true};
            }
        layer = entered > 0 ? entered : layer;
        g->node[k].back_turn = g->nodes + g->turns;
        g->turn[g->turns++] = (nn_turn){(nn_id)k, false};
    }
    return PCLR_OK;
}
