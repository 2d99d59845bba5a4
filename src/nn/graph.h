/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the graph: nodes, and the helpers with which operations are built. */
#ifndef PCLR_NN_GRAPH_H
#define PCLR_NN_GRAPH_H

#include <stdarg.h>

#include "base/memory.h"
#include "nn/backend.h"

typedef struct nn_node {
    nn_op op;
    nn_type type;
    nn_shape shape;
    nn_args args;
    int inputs;
    nn_id *in;
    const char *name;           /* inputs and parameters */
    nn_parameter *parameter;
    void *constant;             /* values of a constant, float */
    nn_id root;                 /* the node whose memory this one names (reshape, stop_gradient); itself otherwise */
    unsigned no_grad;           /* bit k: no gradient flows to input k, by the operation's definition */
    double flop;                /* of the forward pass */
    bool keep, want_grad;
    nn_id follower;             /* the GELU that this product writes too; 0: none */
    bool with_input;            /* this GELU is written by the product it follows */
    nn_id layer;                /* numbered from 1; 0: in none (recompute.c) */
    /* set by the plan */
    bool used;                  /* the loss or a kept tensor depends on it */
    bool needs_grad;            /* something before it (or itself) wants a gradient */
    bool active;                /* and the loss depends on it: it has a gradient */
    bool runs_backward;
    bool own;                   /* only nodes of its own layer read it */
    bool again;                 /* the backward pass computes it again */
    size_t again_turn, back_turn;
    nn_call call;
    void *data, *grad;          /* of roots */
    void *seen, *seen_grad;     /* the host's side of them, where they lie on a device (mirror.c) */
} nn_node;

/* A parameter whose gradient is complete after the backward pass of a node. */
typedef struct nn_completion {
    nn_id node;
    nn_parameter *parameter;
} nn_completion;

/* A turn of the backward pass: a node's forward kernel again, or its backward kernel. */
typedef struct nn_turn {
    nn_id node;
    bool again;
} nn_turn;

/* What the host sees of a graph on a device: the same bytes on either side (mirror.c). */
typedef struct nn_mirror {
    void *there, *here;
    size_t kept, gradients, bytes; /* where each part begins; the whole */
} nn_mirror;

struct nn_graph {
    nn_backend *backend;
    nn_params *params;
    nn_mode mode;
    arena *memory;              /* nodes' small things */
    nn_node *node;
    size_t nodes, capacity;
    char scope[512];
    size_t scope_start[32];
    int scopes;
    nn_id layers, layer;        /* begun so far; the one that nodes belong to now, 0: none */
    pclr_error error;           /* the first building error */
    bool failed, compiled;
    nn_id loss;
    nn_turn *turn;              /* the backward pass; times of the plan go on from `nodes` */
    size_t turns;
    void *block;                /* tensors, their gradients, what kernels save, scratch: one block */
    nn_memory sizes;
    double *seconds;            /* [NN_OPS][2]: forward, backward; NULL: no profile asked for */
    bool ran_forward;
    nn_mirror mirror;           /* on a device */
    void *halves;               /* there: parameters to round at each pass (half.c) */
    size_t half_parts;
    void *recording[2];         /* forward and backward pass, from their second run on */
    int runs[2];
    uint64_t passed_step;
    nn_completion *completion;  /* in the order of the backward pass; NULL: nobody asked */
    size_t completions;
    nn_gradient_ready ready;
    void *ready_user;
};

/* A new node; inputs may hold NN_NONE for absent optional ones. NN_NONE when the graph has failed. */
nn_id nn_node_add(nn_graph *g, nn_op op, nn_shape shape, const nn_id *in, int inputs, nn_args args);
static inline nn_node *nn_node_at(const nn_graph *g, nn_id id)
{
    return &g->node[id];
}
static inline nn_shape nn_node_shape(const nn_graph *g, nn_id id)
{
    return g->node[id].shape;
}
/* True when no error has stuck and every id names a node; otherwise the error sticks. */
bool nn_node_inputs_ok(nn_graph *g, const char *op, const nn_id *in, int inputs);
/* "[32][156][256]" into text[64]; returns text. */
const char *nn_shape_text(nn_shape s, char text[96]);
bool nn_shape_equal(nn_shape a, nn_shape b);
/* fold.c: before the calls are made, after unused nodes are marked. */
pclr_status nn_graph_fold(nn_graph *graph, pclr_error *error);
/* recompute.c: once the calls are made; sets the turns of the backward pass. */
pclr_status nn_graph_turns(nn_graph *graph, pclr_error *error);
/* Product of all axes but the last (rows), the last axis (columns; 1 for scalars). */
int64_t nn_shape_rows(nn_shape s);
int64_t nn_shape_last(nn_shape s);

/* params.c */
uint64_t nn_params_seed(const nn_params *params);
pclr_status nn_params_declare(nn_params *params, const char *name, nn_shape shape, nn_init init, nn_parameter **parameter, pclr_error *error);
pclr_status nn_params_need_grad(nn_parameter *parameter, pclr_error *error);

#endif
