/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nn: tensors, a table of operations, a graph that is built once and run many times, parameters, optimiser.
 * Knows nothing of ECGs. Signals and features are channels-last: [B][T][C].
 *
 * Way of use:
 *     nn_backend_create(&backend, "onednn", threads, error)
 *     nn_params_create(&params, seed, error)
 *     nn_graph_create(&g, backend, params, NN_TRAIN, error)
 *         x = nn_input(g, "signal", NN_F32, nn_shape3(B, T, C));
 *         h = nn_relu(g, nn_conv1d(g, x, nn_param(g, "stem.weight", ...), NN_NONE, ...));
 *         loss = nn_mean_all(g, nn_square(g, h));
 *     nn_graph_compile(g, loss, error)                  plans and allocates all memory; reports the first building error
 *     loop: write nn_data(g, x); nn_graph_forward(g, step, error); nn_graph_backward(g, error); nn_adamw_step(...)
 *
 * Building errors stick: a builder that fails returns NN_NONE, later builders accept it, nn_graph_compile tells the first one.
 * Nothing is allocated between compile and destroy. Several graphs (training, evaluation, other batch sizes) may share one
 * nn_params. A graph is used by one thread at a time; it computes with the backend's threads. Same inputs, same step, same
 * thread count: same bytes.
 */
#ifndef PCLR_NN_NN_H
#define PCLR_NN_NN_H

#include "base/error.h"

typedef enum nn_type { NN_F32, NN_I32, NN_BF16 /* inside of a graph, never kept */ } nn_type;

#define NN_MAX_RANK 4
typedef struct nn_shape {
    int rank;
    int64_t n[NN_MAX_RANK];
} nn_shape;
nn_shape nn_shape0(void); /* a scalar */
nn_shape nn_shape1(int64_t a);
nn_shape nn_shape2(int64_t a, int64_t b);
nn_shape nn_shape3(int64_t a, int64_t b, int64_t c);
nn_shape nn_shape4(int64_t a, int64_t b, int64_t c, int64_t d);
int64_t nn_shape_size(nn_shape s);

/* ---- backend: where operations run ---- */
typedef struct nn_backend nn_backend;
/* name: "reference", "onednn", "auto" (the fastest of the processor's in this build), or "cuda" (an NVIDIA GPU; the build needs nvcc).
 * threads <= 0: all processors. */
pclr_status nn_backend_create(nn_backend **backend, const char *name, int threads, pclr_error *error);
void nn_backend_destroy(nn_backend **backend);
/* Number format of the products' operands in graphs that are compiled from here on: "fp32" (as after nn_backend_create), "bf16" (8 bits of
 * mantissa, sums in fp32; tensors between products and what follows them value by value or along time are bf16 in memory too, with their
 * gradients; weights, losses and the update stay fp32) or "auto" (bf16 where the processor is faster
 * with it: tile units, AMD's AVX512_BF16; else fp32). PCLR_E_UNSUPPORTED: bf16 on a back end or processor without it. */
pclr_status nn_backend_precision(nn_backend *backend, const char *precision, pclr_error *error);
/* Whether graphs compiled after it keep only the results of each layer for the backward pass, which computes the others again: less
 * memory for up to one more forward pass of time, the same bytes. */
void nn_backend_recompute(nn_backend *backend, bool recompute);
const char *nn_backend_precision_name(const nn_backend *backend); /* "fp32" or "bf16" */
const char *nn_backend_name(const nn_backend *backend);
const char *nn_backend_device(const nn_backend *backend); /* "NVIDIA H100 80GB HBM3"; NULL: the processor */
int nn_backend_threads(const nn_backend *backend);
/* Graphs of this backend that are built from here on belong to one graph that all processes of `world` run together: each computes its own rows
 * of the batch. Batch norm takes its statistics over the rows of all; nn_all_rows and nn_all_mean join what the processes have. A loss that
 * ends in nn_all_mean is the same everywhere, and the sum over the processes of a parameter's gradients is its gradient. Dropout differs by
 * process. */
void nn_backend_share(nn_backend *backend, pclr_world *world);

/* ---- parameters: named float32 tensors with gradients, shared by graphs ---- */
typedef struct nn_params nn_params;
typedef enum nn_init_kind {
    NN_INIT_ZEROS, NN_INIT_ONES, NN_INIT_CONSTANT /* a */, NN_INIT_NORMAL /* sd a */, NN_INIT_UNIFORM /* in [-a, a) */, NN_INIT_KAIMING /* normal, sd sqrt(2 / fan_in), fan_in = a */,
    NN_INIT_RANGE /* uniform in [a, b) */, NN_INIT_LOG_RANGE /* exp of uniform in [log a, log b) */, NN_INIT_S4D_IMAG /* last axis n: pi * n */
} nn_init_kind;
typedef struct nn_init {
    nn_init_kind kind;
    double a, b;
    bool no_decay;     /* left out of weight decay: biases, norms */
    bool buffer;       /* not trained: running statistics; saved and loaded with the rest */
    double lr_scale;   /* factor on the learning rate; 0 means 1 */
} nn_init;

typedef struct nn_parameter {
    const char *name;
    nn_shape shape;
    nn_init init;
    float *value, *grad; /* on the host; grad NULL for buffers. See nn_parameter_read */
    bool frozen;         /* no gradient, no update */
    struct nn_parameter_there *there; /* what a device holds of it; NULL: nothing */
} nn_parameter;

pclr_status nn_params_create(nn_params **params, uint64_t seed, pclr_error *error);
void nn_params_destroy(nn_params **params);
size_t nn_params_count(const nn_params *params);
nn_parameter *nn_params_at(nn_params *params, size_t k);
nn_parameter *nn_params_find(nn_params *params, const char *name); /* NULL: none */
/* Where graphs run on a device, the newest values may lie there. These give them on the host: to read, or to change, which later passes see. */
const float *nn_parameter_read(const nn_parameter *parameter);
float *nn_parameter_write(nn_parameter *parameter);
int64_t nn_params_size(const nn_params *params, const char *prefix); /* trained values under a prefix; NULL: all */
void nn_params_zero_grad(nn_params *params);
/* Freezes (or frees) every parameter whose name begins with `prefix`; graphs compiled later save its backward pass. */
void nn_params_freeze(nn_params *params, const char *prefix, bool frozen);
void nn_params_scale_lr(nn_params *params, const char *prefix, double scale);

/* ---- graph ---- */
typedef struct nn_graph nn_graph;
typedef int32_t nn_id;
#define NN_NONE ((nn_id)-1)
typedef enum nn_mode { NN_TRAIN, NN_INFER } nn_mode; /* INFER: batch norm by running statistics, no dropout, no backward */

pclr_status nn_graph_create(nn_graph **graph, nn_backend *backend, nn_params *params, nn_mode mode, pclr_error *error);
void nn_graph_destroy(nn_graph **graph);
nn_mode nn_graph_mode(const nn_graph *graph);
int nn_graph_processes(const nn_graph *graph); /* that share it; 1: one alone */
pclr_world *nn_graph_world(const nn_graph *graph);
/* Names inside a scope get its prefix: scope "encoder", "layers.3" -> "encoder.layers.3.weight". */
void nn_scope_push(nn_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nn_scope_pop(nn_graph *graph);
/* What is built between the two is a layer, all of whose nodes but its results may be computed again (nn_backend_recompute). */
void nn_layer_begin(nn_graph *graph);
void nn_layer_end(nn_graph *graph);

nn_id nn_input(nn_graph *graph, const char *name, nn_type type, nn_shape shape); /* filled by the caller through nn_data */
nn_id nn_param(nn_graph *graph, const char *name, nn_shape shape, nn_init init); /* made on first use, shared later; same shape required */
nn_id nn_constant(nn_graph *graph, nn_shape shape, const float *values);         /* copied; no gradient */
void nn_keep(nn_graph *graph, nn_id x);                                          /* readable after forward; implied for the loss */
void nn_want_grad(nn_graph *graph, nn_id x);                                     /* readable gradient after backward; also of inputs */
nn_shape nn_shape_of(const nn_graph *graph, nn_id x);
/* Marks an error from model code ("T must be at least 16"); sticks like the builders' own. */
nn_id nn_fail(nn_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* loss: a scalar, or NN_NONE for a graph that only runs forward. */
pclr_status nn_graph_compile(nn_graph *graph, nn_id loss, pclr_error *error);
/* step keys dropout (Philox over (seed, node, step)). */
pclr_status nn_graph_forward(nn_graph *graph, uint64_t step, pclr_error *error);
/* Adds d(loss * scale)/d(parameter) to every parameter's gradient. */
pclr_status nn_graph_backward(nn_graph *graph, double scale, pclr_error *error);
/* `ready` is called in the middle of nn_graph_backward, in the order of the pass, as soon as it has added all it will to a parameter's gradient;
 * for each parameter that the loss depends on, once. NULL: nobody is told. Set after nn_graph_compile. */
typedef void (*nn_gradient_ready)(void *user, nn_parameter *parameter);
pclr_status nn_graph_on_gradient(nn_graph *graph, nn_gradient_ready ready, void *user, pclr_error *error);
void *nn_data(nn_graph *graph, nn_id x);         /* float* or int32_t*; inputs, parameters, kept tensors */
const float *nn_grad(nn_graph *graph, nn_id x);
typedef struct nn_memory {
    size_t parameters, gradients, activations, workspace; /* bytes */
} nn_memory;
nn_memory nn_graph_memory(const nn_graph *graph);
/* Multiply-adds of one forward pass times two (FLOP), by the shapes. */
double nn_graph_flop(const nn_graph *graph);
/* Seconds by kind of operation since the last call, as text lines "conv1d 12.3 ms 45 %"; from mem_alloc; profiling is on from the first call. */
pclr_status nn_graph_profile(nn_graph *graph, char **text, pclr_error *error);

/* ---- operations. Unless said otherwise: x float32 of any shape, result of the same shape. ---- */

/* products */
nn_id nn_linear(nn_graph *g, nn_id x /* [..][K] */, nn_id w /* [N][K] */, nn_id bias /* [N] or NN_NONE */);  /* [..][N] */
nn_id nn_matmul(nn_graph *g, nn_id a, nn_id b, bool transpose_a, bool transpose_b); /* over the last two axes, leading axes equal */
typedef struct nn_conv1d_args {
    int64_t stride, pad_left, pad_right, dilation, groups; /* 0 means 1 for stride, dilation, groups */
} nn_conv1d_args;
nn_id nn_conv1d(nn_graph *g, nn_id x /* [B][T][Cin] */, nn_id w /* [Cout][K][Cin / groups] */, nn_id bias, nn_conv1d_args args); /* [B][T'][Cout] */
/* Inverse shapes of conv1d: T' = (T - 1) * stride + K - pad_left - pad_right. w [Cin][K][Cout] */
nn_id nn_conv_transpose1d(nn_graph *g, nn_id x, nn_id w, nn_id bias, nn_conv1d_args args);

/* element by element; b may broadcast to a by the NumPy rules (never a to b) */
nn_id nn_add(nn_graph *g, nn_id a, nn_id b);
nn_id nn_sub(nn_graph *g, nn_id a, nn_id b);
nn_id nn_mul(nn_graph *g, nn_id a, nn_id b);
nn_id nn_div(nn_graph *g, nn_id a, nn_id b);
nn_id nn_affine(nn_graph *g, nn_id x, double scale, double shift); /* scale * x + shift */
nn_id nn_relu(nn_graph *g, nn_id x);
nn_id nn_gelu(nn_graph *g, nn_id x); /* erf form */
nn_id nn_silu(nn_graph *g, nn_id x);
nn_id nn_tanh(nn_graph *g, nn_id x);
nn_id nn_sigmoid(nn_graph *g, nn_id x);
nn_id nn_softplus(nn_graph *g, nn_id x); /* log(1 + e^x), stable */
nn_id nn_exp(nn_graph *g, nn_id x);
nn_id nn_log(nn_graph *g, nn_id x);      /* of max(x, 1e-30) */
nn_id nn_sqrt(nn_graph *g, nn_id x);
nn_id nn_square(nn_graph *g, nn_id x);
nn_id nn_glu(nn_graph *g, nn_id x);      /* [..][2C] -> [..][C]: first half * sigmoid(second half) */
nn_id nn_where(nn_graph *g, nn_id mask, nn_id a, nn_id b); /* mask != 0 ? a : b; mask and b broadcast to a */
nn_id nn_dropout(nn_graph *g, nn_id x, double p);
nn_id nn_stop_gradient(nn_graph *g, nn_id x);

/* normalisation; gamma, beta [C] over the last axis */
nn_id nn_layer_norm(nn_graph *g, nn_id x, nn_id gamma, nn_id beta, double eps);
nn_id nn_group_norm(nn_graph *g, nn_id x /* [B][T][C] */, nn_id gamma, nn_id beta, int64_t groups, double eps); /* over time and the channels of a group */
nn_id nn_batch_norm(nn_graph *g, nn_id x /* [..][C] */, nn_id gamma, nn_id beta, nn_id running_mean, nn_id running_var /* buffers */, double momentum, double eps);
nn_id nn_weight_norm(nn_graph *g, nn_id v /* [Cout][K][Cin] */, nn_id gain /* [K] */); /* per tap: gain * v / |v over the other axes| */
nn_id nn_l2_normalize(nn_graph *g, nn_id x, double eps); /* last axis: x / max(|x|, eps) */

/* reductions (axis counted from 0; the axis is removed) */
nn_id nn_sum(nn_graph *g, nn_id x, int axis);
nn_id nn_mean(nn_graph *g, nn_id x, int axis);
nn_id nn_max(nn_graph *g, nn_id x, int axis);
nn_id nn_sum_all(nn_graph *g, nn_id x);  /* scalar, accumulated in double */
nn_id nn_mean_all(nn_graph *g, nn_id x);
nn_id nn_softmax(nn_graph *g, nn_id x);      /* last axis */
nn_id nn_log_softmax(nn_graph *g, nn_id x);  /* last axis */
/* [..][N], mask the same shape (weights >= 0) -> [..]: log sum_j mask_j e^x_j; -1e4 where the mask is empty (no gradient) */
nn_id nn_masked_logsumexp(nn_graph *g, nn_id x, nn_id mask);

/* time */
nn_id nn_max_pool1d(nn_graph *g, nn_id x /* [B][T][C] */, int64_t size, int64_t stride, int64_t pad);
nn_id nn_avg_pool1d(nn_graph *g, nn_id x, int64_t size, int64_t stride, int64_t pad); /* padding not counted */
/* softmax(q k^T / sqrt(D / heads)) v per head; q, k, v [B][T][D]; dropout on the weights */
nn_id nn_attention(nn_graph *g, nn_id q, nn_id k, nn_id v, int64_t heads, double dropout);
/* Diagonal state space (S4D), one direction. x [B][T][C]; log_dt [C]; log_re, im [C][N] (A = -exp(log_re) + i im);
 * c_re, c_im [C][N]; d [C]. Zero-order hold; y_t = 2 Re(sum_n c_n h_n,t) + d x_t. reverse: from the end to the start. */
nn_id nn_s4d(nn_graph *g, nn_id x, nn_id log_dt, nn_id log_re, nn_id im, nn_id c_re, nn_id c_im, nn_id d, bool reverse);

/* shape */
nn_id nn_reshape(nn_graph *g, nn_id x, nn_shape shape);
nn_id nn_permute(nn_graph *g, nn_id x, const int *axes);            /* result axis k is axis axes[k] of x */
nn_id nn_concat(nn_graph *g, const nn_id *xs, int count, int axis);
nn_id nn_slice(nn_graph *g, nn_id x, int axis, int64_t begin, int64_t length);
nn_id nn_gather(nn_graph *g, nn_id x /* [R][..] */, nn_id index /* int32 [M] */); /* rows -> [M][..] */
nn_id nn_one_hot_max(nn_graph *g, nn_id x);                          /* last axis: 1 at the largest, no gradient */

/* between processes (nn_backend_share); x itself where there is one */
nn_id nn_all_rows(nn_graph *g, nn_id x /* [R][..] */); /* rows of all processes, in order of rank: [processes * R][..] */
/* sum_k weight_k x_k / max(sum_k weight_k, 1e-12) over the processes k. weight: a scalar without gradient, NN_NONE: 1 each */
nn_id nn_all_mean(nn_graph *g, nn_id x, nn_id weight);

/* losses: scalars */
nn_id nn_mse(nn_graph *g, nn_id x, nn_id target, nn_id weight /* same shape, broadcast, or NN_NONE */);   /* sum w (x - t)^2 / max(sum w, 1e-12) */
nn_id nn_huber(nn_graph *g, nn_id x, nn_id target, nn_id weight, double delta);
/* sum w l / max(sum w, 1e-12), l = -(pos_weight t log p + (1 - t) log(1 - p)); x, target, weight [B][K]; pos_weight [K] or NN_NONE */
nn_id nn_bce_logits(nn_graph *g, nn_id x, nn_id target, nn_id weight, nn_id pos_weight);
nn_id nn_cross_entropy(nn_graph *g, nn_id logits /* [R][K] */, nn_id target /* int32 [R]; < 0: left out */); /* mean over rows */

/* ---- optimiser: AdamW (decoupled decay; Loshchilov & Hutter 2019) ---- */
typedef struct nn_adamw nn_adamw;
typedef struct nn_adamw_args {
    double beta1, beta2, eps, weight_decay, clip_norm; /* clip_norm 0: none */
} nn_adamw_args;
pclr_status nn_adamw_create(nn_adamw **opt, nn_params *params, nn_adamw_args args, pclr_error *error);
void nn_adamw_destroy(nn_adamw **opt);
/* Updates with the gradients and zeroes them; *grad_norm (may be NULL) before clipping. A non-finite norm: no update, PCLR_E_NUMERIC. */
pclr_status nn_adamw_step(nn_adamw *opt, nn_backend *backend, double learning_rate, double *grad_norm, pclr_error *error);
int64_t nn_adamw_steps(const nn_adamw *opt);

/* Exponential moving average of parameters (BYOL, evaluation weights): target += (1 - decay) (source - target), names matched after the prefixes. */
pclr_status nn_params_ema(nn_params *params, const char *source_prefix, const char *target_prefix, double decay, pclr_error *error);

/* ---- safetensors (https://huggingface.co/docs/safetensors) ---- */
typedef struct st_writer st_writer;
pclr_status st_writer_create(st_writer **w, pclr_error *error);
void st_writer_destroy(st_writer **w);
pclr_status st_writer_metadata(st_writer *w, const char *key, const char *value, pclr_error *error);
/* dtype "F32", "F64", "I32", "I64", "U8"; data must stay until st_writer_write. */
pclr_status st_writer_add(st_writer *w, const char *name, const char *dtype, nn_shape shape, const void *data, pclr_error *error);
pclr_status st_writer_write(st_writer *w, const char *path, pclr_error *error); /* whole or not at all */

typedef struct st_file st_file;
typedef struct st_tensor {
    const char *name, *dtype;
    nn_shape shape;
    const void *data; /* inside the file's mapping, aligned to 8 */
    size_t bytes;
} st_tensor;
pclr_status st_open(st_file **f, const char *path, pclr_error *error); /* every offset and shape checked */
void st_close(st_file **f);
size_t st_count(const st_file *f);
st_tensor st_at(const st_file *f, size_t k);
bool st_find(const st_file *f, const char *name, st_tensor *tensor);
const char *st_metadata(const st_file *f, const char *key); /* NULL: none */

/* All parameters under `prefix` (NULL: all) into a writer / from a file. Loading: missing or misshapen names are errors that list them;
 * parameters need not exist yet (they are kept aside and used when a graph declares them). */
pclr_status nn_params_save(const nn_params *params, const char *prefix, st_writer *w, pclr_error *error);
pclr_status nn_params_load(nn_params *params, const char *prefix, const st_file *f, pclr_error *error);
/* Optimiser state ("adamw.m.<name>", "adamw.v.<name>", step count) for bit-exact resume. */
pclr_status nn_adamw_save(const nn_adamw *opt, st_writer *w, pclr_error *error);
pclr_status nn_adamw_load(nn_adamw *opt, const st_file *f, pclr_error *error);

#endif
