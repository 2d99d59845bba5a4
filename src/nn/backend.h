/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operations, seen from the inside. An operation is a row: the kernels of a backend, what they keep from the
 * forward to the backward pass, and what of the forward pass the backward kernel reads again (so that the plan knows how
 * long every tensor must live). `reference` fills the whole table; other backends replace rows.
 *
 * Shape letters: B batch, T time, C channels (N, K in products), D model width, H heads.
 */
#ifndef PCLR_NN_BACKEND_H
#define PCLR_NN_BACKEND_H

#include "nn/nn.h"

typedef enum nn_op {
    /* leaves and other names of the same memory: no kernels */
    NN_OP_INPUT, NN_OP_PARAM, NN_OP_CONSTANT, NN_OP_RESHAPE, NN_OP_STOP_GRADIENT,
    /* products */
    NN_OP_LINEAR, NN_OP_MATMUL, NN_OP_CONV1D, NN_OP_CONV_TRANSPOSE1D,
    /* element by element */
    NN_OP_ADD, NN_OP_SUB, NN_OP_MUL, NN_OP_DIV, NN_OP_AFFINE, NN_OP_RELU, NN_OP_GELU, NN_OP_SILU, NN_OP_TANH, NN_OP_SIGMOID,
    NN_OP_SOFTPLUS, NN_OP_EXP, NN_OP_LOG, NN_OP_SQRT, NN_OP_SQUARE, NN_OP_GLU, NN_OP_WHERE, NN_OP_DROPOUT,
    /* normalisation */
    NN_OP_LAYER_NORM, NN_OP_GROUP_NORM, NN_OP_BATCH_NORM, NN_OP_WEIGHT_NORM, NN_OP_L2_NORMALIZE,
    /* reductions */
    NN_OP_SUM, NN_OP_MEAN, NN_OP_MAX, NN_OP_SUM_ALL, NN_OP_MEAN_ALL, NN_OP_SOFTMAX, NN_OP_LOG_SOFTMAX, NN_OP_MASKED_LOGSUMEXP,
    /* time */
    NN_OP_MAX_POOL1D, NN_OP_AVG_POOL1D, NN_OP_ATTENTION, NN_OP_S4D,
    /* shape */
    NN_OP_PERMUTE, NN_OP_CONCAT, NN_OP_SLICE, NN_OP_GATHER, NN_OP_ONE_HOT_MAX,
    /* between processes */
    NN_OP_ALL_ROWS, NN_OP_ALL_MEAN,
    /* losses */
    NN_OP_MSE, NN_OP_HUBER, NN_OP_BCE_LOGITS, NN_OP_CROSS_ENTROPY,
    NN_OPS
} nn_op;

const char *nn_op_name(nn_op op);

/* Constants of an operation; each operation uses the members that bear its words. */
typedef struct nn_args {
    int64_t stride, pad_left, pad_right, dilation, groups, size; /* convolution, pooling, group norm */
    int64_t heads, begin;
    int axis, axes[NN_MAX_RANK];
    bool transpose_a, transpose_b, reverse;
    int activation; /* nn_op that a product applies to its result (fold.c); 0: none */
    double scale, shift, eps, momentum, p, delta;
} nn_args;

typedef struct nn_device nn_device; /* device.h */

typedef struct nn_tensor {
    nn_shape shape;
    nn_type type;
    int64_t size;  /* elements */
    void *data;    /* elements of the backend's type, int32, or bf16 */
    void *grad;    /* NULL: no gradient wanted */
    const void *half; /* a parameter's values as bf16, on a device (half.c); NULL: none */
    bool add;      /* the backward kernel adds to grad; otherwise it writes grad */
} nn_tensor;

/* One node as its kernels see it. An absent optional input has data NULL and size 0. */
typedef struct nn_call {
    const nn_args *args;
    int inputs;
    nn_tensor *in;
    nn_tensor out;
    void *saved;        /* from the forward to the backward pass */
    void *work;         /* for the time of one kernel */
    void *state;        /* made by prepare, e.g. library primitives */
    bool training;      /* batch statistics, dropout, running statistics are updated */
    bool again;         /* the second time in a step: running statistics stay as they are */
    int threads;
    bool bf16;          /* products round their operands to bf16 */
    void *followed;     /* where the forward kernel writes the GELU of its result as well (fold.c); NULL: nowhere */
    nn_type followed_type;
    pclr_world *world;  /* the processes that share the batch; NULL: one alone */
    uint32_t key[2];    /* random numbers: Philox key of this node ... */
    uint64_t step;      /* ... and counter */
    nn_device *device;  /* where data lies and kernels run; NULL: the host */
    const uint64_t *step_at; /* on a device: where it finds the step */
} nn_call;

enum { NN_READS_OUT = 1 << 30 };   /* bit k: input k */
enum { NN_HALF_OUT = 1 << 30 };    /* bit k: input k */
enum { NN_IN_PLACE = 1,            /* flags: out may share memory with in[0] (same size) */
       NN_FOLDS = 2 };             /* batch norm takes on the ReLU that follows it, a product what fold.c tells: */
/* y = activation(norm(x w + bias) + other). Inputs of a product that fold.c extended; norm: gamma, beta, running mean, running variance */
enum { NN_FOLDED_NORM = 3, NN_FOLDED_OTHER = 7, NN_FOLDED_INPUTS = 8 };

struct nn_node;

typedef struct nn_kernel {
    void (*forward)(const nn_call *call);
    void (*backward)(const nn_call *call);      /* NULL: no gradient flows through */
    unsigned reads;                             /* what the backward kernel reads: inputs' bits, NN_READS_OUT */
    unsigned flags;
    unsigned halves;                            /* tensors that may be bf16, with their gradients: inputs' bits, NN_HALF_OUT; host (half.c) */
    bool (*halves_serve)(const struct nn_graph *graph, const struct nn_node *node); /* ... in this node; NULL: always */
    bool writes;                                /* honours nn_tensor.add; otherwise it always adds and is given zeros */
    size_t (*saved)(const nn_call *call);       /* bytes */
    size_t (*work)(const nn_call *call);        /* bytes */
    pclr_status (*prepare)(nn_call *call, pclr_error *error); /* shapes known, data not; sets state */
    void (*release)(void *state);
} nn_kernel;

struct nn_backend {
    const char *name;
    int threads;
    size_t element;            /* bytes of a real: 4, or 8 in reference64 */
    bool bf16;                 /* see nn_backend_precision */
    bool recompute;            /* see nn_backend_recompute */
    pclr_world *world;         /* NULL: one process alone */
    nn_device *device;         /* NULL: the host */
    void *module;              /* that the device came from */
    nn_kernel kernel[NN_OPS];
};

/* Whole tables, and replacements. reference64 computes in double: for finite differences. */
void nn_reference32_fill(nn_kernel kernel[NN_OPS]);
void nn_reference64_fill(nn_kernel kernel[NN_OPS]);
void nn_onednn_fill(nn_kernel kernel[NN_OPS]);

/* What the processor has for products of bf16 operands: nothing; dot products of pairs in vectors, not known to be faster than products of
 * floats, or nearly twice as fast; units for whole tiles. "auto" takes bf16 from NN_BF16_FAST_VECTORS on. */
typedef enum nn_bf16_units { NN_BF16_NONE, NN_BF16_VECTORS, NN_BF16_FAST_VECTORS, NN_BF16_TILES } nn_bf16_units;
nn_bf16_units nn_onednn_bf16(void);

/* Update of n parameters by AdamW; see adamw.c. */
typedef struct nn_adamw_update {
    double rate, beta1, beta2, eps, decay, correction1, correction2, gradient_scale;
} nn_adamw_update;

#endif
