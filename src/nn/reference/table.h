/* SPDX-License-Identifier: Apache-2.0 */
/* The whole table, for reference32.c and reference64.c, which define `real` and REFERENCE_FILL before including it. */
#include "nn/reference/common.h"

#include "nn/reference/products.h"
#include "nn/reference/convolution.h"
#include "nn/reference/elementwise.h"
#include "nn/reference/normalise.h"
#include "nn/reference/reduce.h"
#include "nn/reference/time.h"
#include "nn/reference/s4d.h"
#include "nn/reference/shape.h"
#include "nn/reference/losses.h"
#include "nn/reference/processes.h"

enum { X = 1, W = 2, ALL = 0xff, OUT = NN_READS_OUT, NOTHING = 0 };

#define ROW(name, read, ...) {.forward = name##_forward, .backward = name##_backward, .reads = (unsigned)(read), __VA_ARGS__}

static const nn_kernel table[NN_OPS] = {
    [NN_OP_LINEAR] = ROW(linear, X | W),
    [NN_OP_MATMUL] = ROW(matmul, X | W),
    [NN_OP_CONV1D] = ROW(conv1d, X | W),
    [NN_OP_CONV_TRANSPOSE1D] = ROW(conv_transpose1d, X | W),
    [NN_OP_ADD] = ROW(add, NOTHING, .flags = NN_IN_PLACE),
    [NN_OP_SUB] = ROW(sub, NOTHING, .flags = NN_IN_PLACE),
    [NN_OP_MUL] = ROW(mul, X | W),
    [NN_OP_DIV] = ROW(div, X | W),
    [NN_OP_AFFINE] = ROW(affine, NOTHING, .flags = NN_IN_PLACE),
    [NN_OP_RELU] = ROW(relu, OUT, .flags = NN_IN_PLACE),
    [NN_OP_GELU] = ROW(gelu, X),
    [NN_OP_SILU] = ROW(silu, X),
    [NN_OP_TANH] = ROW(tanh, OUT, .flags = NN_IN_PLACE),
    [NN_OP_SIGMOID] = ROW(sigmoid, OUT, .flags = NN_IN_PLACE),
    [NN_OP_SOFTPLUS] = ROW(softplus, X),
    [NN_OP_EXP] = ROW(exp, OUT, .flags = NN_IN_PLACE),
    [NN_OP_LOG] = ROW(log, X),
    [NN_OP_SQRT] = ROW(sqrt, OUT, .flags = NN_IN_PLACE),
    [NN_OP_SQUARE] = ROW(square, X),
    [NN_OP_GLU] = ROW(glu, X),
    [NN_OP_WHERE] = ROW(where, X),
    [NN_OP_DROPOUT] = ROW(dropout, NOTHING, .flags = NN_IN_PLACE),
    [NN_OP_LAYER_NORM] = ROW(layer_norm, X | W, .saved = layer_norm_saved),
    [NN_OP_GROUP_NORM] = ROW(group_norm, X | W, .saved = group_norm_saved),
    [NN_OP_BATCH_NORM] = ROW(batch_norm, X | W, .saved = batch_norm_saved),
    [NN_OP_WEIGHT_NORM] = ROW(weight_norm, X | W),
    [NN_OP_L2_NORMALIZE] = ROW(l2_normalize, X),
    [NN_OP_SUM] = ROW(sum, NOTHING),
    [NN_OP_MEAN] = ROW(mean, NOTHING),
    [NN_OP_MAX] = ROW(max, NOTHING, .saved = max_saved),
    [NN_OP_SUM_ALL] = ROW(sum_all, NOTHING),
    [NN_OP_MEAN_ALL] = ROW(mean_all, NOTHING),
    [NN_OP_SOFTMAX] = ROW(softmax, OUT),
    [NN_OP_LOG_SOFTMAX] = ROW(log_softmax, OUT),
    [NN_OP_MASKED_LOGSUMEXP] = ROW(masked_logsumexp, X | W | OUT),
    [NN_OP_MAX_POOL1D] = ROW(max_pool1d, NOTHING, .saved = max_pool1d_saved),
    [NN_OP_AVG_POOL1D] = ROW(avg_pool1d, NOTHING),
    [NN_OP_ATTENTION] = ROW(attention, ALL, .saved = attention_saved, .work = attention_work),
    [NN_OP_S4D] = ROW(s4d, ALL, .work = s4d_work),
    [NN_OP_PERMUTE] = ROW(permute, NOTHING),
    [NN_OP_CONCAT] = ROW(concat, NOTHING),
    [NN_OP_SLICE] = ROW(slice, NOTHING),
    [NN_OP_GATHER] = ROW(gather, W),
    [NN_OP_ONE_HOT_MAX] = {.forward = one_hot_max_forward},
    [NN_OP_ALL_ROWS] = ROW(all_rows, NOTHING, .work = all_rows_work),
    [NN_OP_ALL_MEAN] = ROW(all_mean, NOTHING, .saved = all_mean_saved, .work = all_mean_work),
    [NN_OP_MSE] = ROW(mse, ALL),
    [NN_OP_HUBER] = ROW(huber, ALL),
    [NN_OP_BCE_LOGITS] = ROW(bce_logits, ALL),
    [NN_OP_CROSS_ENTROPY] = ROW(cross_entropy, ALL),
};

void REFERENCE_FILL(nn_kernel kernel[NN_OPS])
{
    memcpy(kernel, table, sizeof table);
}
