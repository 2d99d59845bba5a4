/* SPDX-License-Identifier: Apache-2.0 */
/* One description of every operation: shapes of its inputs and how it is built. Serves finite differences and comparison of backends. */
#ifndef PCLR_TESTS_NN_CASES_H
#define PCLR_TESTS_NN_CASES_H

#include "nn/nn.h"

/* What an input is filled with. Rough: any family of values; smooth: kept away from kinks; the others get no gradient. */
typedef enum fill { ROUGH, POSITIVE, MASK, INDEX } fill;

typedef struct op_input {
    nn_shape shape;
    fill fill;
} op_input;

#define S1(a) {{1, {a}}, ROUGH}
#define S2(a, b) {{2, {a, b}}, ROUGH}
#define S3(a, b, c) {{3, {a, b, c}}, ROUGH}
#define S4(a, b, c, d) {{4, {a, b, c, d}}, ROUGH}

typedef struct op_case {
    const char *name;
    nn_id (*build)(nn_graph *g, const nn_id *x);
    op_input in[7];
} op_case;

#define BUILD(name, expression)                            \
    static nn_id name(nn_graph *g, const nn_id *x)         \
    {                                                      \
        return expression;                                 \
    }

BUILD(b_linear, nn_linear(g, x[0], x[1], x[2]))
BUILD(b_linear_plain, nn_linear(g, x[0], x[1], NN_NONE))
BUILD(b_matmul, nn_matmul(g, x[0], x[1], false, false))
BUILD(b_matmul_tb, nn_matmul(g, x[0], x[1], false, true))
BUILD(b_matmul_ta, nn_matmul(g, x[0], x[1], true, false))
BUILD(b_matmul_tt, nn_matmul(g, x[0], x[1], true, true))
#define CONV(...) nn_conv1d(g, x[0], x[1], x[2], (nn_conv1d_args){__VA_ARGS__})
BUILD(b_conv_same, CONV(.pad_left = 2, .pad_right = 2))
BUILD(b_conv_stride, CONV(.stride = 2, .pad_left = 2, .pad_right = 2))
BUILD(b_conv_patch, CONV(.stride = 2))
BUILD(b_conv_stride3, CONV(.stride = 3, .pad_left = 1))
BUILD(b_conv_dilated, CONV(.dilation = 3, .pad_left = 4, .pad_right = 1))
BUILD(b_conv_groups, CONV(.groups = 3, .pad_left = 3, .pad_right = 2))
BUILD(b_conv_wide_pad, CONV(.pad_left = 5, .pad_right = 4))
BUILD(b_conv_no_bias, nn_conv1d(g, x[0], x[1], NN_NONE, (nn_conv1d_args){.stride = 2, .pad_left = 1}))
#define DECONV(...) nn_conv_transpose1d(g, x[0], x[1], x[2], (nn_conv1d_args){__VA_ARGS__})
BUILD(b_deconv_double, DECONV(.stride = 2, .pad_left = 1, .pad_right = 1))
BUILD(b_deconv_patch, DECONV(.stride = 2))
BUILD(b_deconv_one, DECONV(.stride = 1, .pad_left = 1))
BUILD(b_deconv_plain, nn_conv_transpose1d(g, x[0], x[1], NN_NONE, (nn_conv1d_args){.stride = 3, .pad_left = 2}))
BUILD(b_add, nn_add(g, x[0], x[1]))
BUILD(b_add_self, nn_add(g, x[0], x[0]))
BUILD(b_sub, nn_sub(g, x[0], x[1]))
BUILD(b_mul, nn_mul(g, x[0], x[1]))
BUILD(b_mul_self, nn_mul(g, x[0], x[0]))
BUILD(b_div, nn_div(g, x[0], x[1]))
BUILD(b_affine, nn_affine(g, x[0], -1.7, 0.3))
BUILD(b_relu, nn_relu(g, x[0]))
BUILD(b_gelu, nn_gelu(g, x[0]))
BUILD(b_silu, nn_silu(g, x[0]))
BUILD(b_tanh, nn_tanh(g, x[0]))
BUILD(b_sigmoid, nn_sigmoid(g, x[0]))
BUILD(b_softplus, nn_softplus(g, x[0]))
BUILD(b_exp, nn_exp(g, nn_tanh(g, x[0])))
BUILD(b_log, nn_log(g, x[0]))
BUILD(b_sqrt, nn_sqrt(g, x[0]))
BUILD(b_square, nn_square(g, x[0]))
BUILD(b_glu, nn_glu(g, x[0]))
BUILD(b_where, nn_where(g, x[0], x[1], x[2]))
BUILD(b_dropout, nn_dropout(g, x[0], 0.3))
BUILD(b_layer_norm, nn_layer_norm(g, x[0], x[1], x[2], 1e-5))
BUILD(b_group_norm, nn_group_norm(g, x[0], x[1], x[2], 3, 1e-5))
BUILD(b_group_norm_each, nn_group_norm(g, x[0], x[1], x[2], 6, 1e-5))
BUILD(b_weight_norm, nn_weight_norm(g, x[0], x[1]))
BUILD(b_l2_normalize, nn_l2_normalize(g, x[0], 1e-8))
BUILD(b_sum0, nn_sum(g, x[0], 0))
BUILD(b_mean1, nn_mean(g, x[0], 1))
BUILD(b_mean2, nn_mean(g, x[0], 2))
BUILD(b_max1, nn_max(g, x[0], 1))
BUILD(b_sum_all, nn_sum_all(g, x[0]))
BUILD(b_mean_all, nn_mean_all(g, x[0]))
BUILD(b_softmax, nn_softmax(g, x[0]))
BUILD(b_log_softmax, nn_log_softmax(g, x[0]))
BUILD(b_masked_logsumexp, nn_masked_logsumexp(g, x[0], x[1]))
BUILD(b_max_pool, nn_max_pool1d(g, x[0], 3, 2, 1))
BUILD(b_avg_pool, nn_avg_pool1d(g, x[0], 3, 2, 1))
BUILD(b_avg_pool2, nn_avg_pool1d(g, x[0], 2, 2, 0))
BUILD(b_attention, nn_attention(g, x[0], x[1], x[2], 2, 0))
BUILD(b_attention_self, nn_attention(g, x[0], x[0], x[0], 3, 0))
BUILD(b_attention_dropout, nn_attention(g, x[0], x[1], x[2], 2, 0.25))
#define SSM(reverse) nn_s4d(g, x[0], nn_affine(g, nn_tanh(g, x[1]), 1, -1), nn_tanh(g, x[2]), nn_affine(g, x[3], 2, 1), x[4], x[5], x[6], reverse)
BUILD(b_s4d, SSM(false))
BUILD(b_s4d_reverse, SSM(true))
BUILD(b_reshape, nn_mul(g, nn_reshape(g, x[0], nn_shape2(5, 6)), x[1]))
static nn_id b_permute(nn_graph *g, const nn_id *x)
{
    return nn_permute(g, x[0], (const int[]){2, 0, 1});
}
BUILD(b_concat, nn_concat(g, x, 3, 1))
BUILD(b_slice, nn_slice(g, x[0], 1, 1, 3))
BUILD(b_gather, nn_gather(g, x[0], x[1]))
BUILD(b_stop, nn_add(g, nn_stop_gradient(g, x[0]), x[1]))
BUILD(b_mse, nn_mse(g, x[0], x[1], x[2]))
BUILD(b_mse_plain, nn_mse(g, x[0], x[1], NN_NONE))
BUILD(b_huber, nn_huber(g, x[0], x[1], x[2], 0.7))
BUILD(b_bce, nn_bce_logits(g, x[0], x[1], x[2], x[3]))
BUILD(b_cross_entropy, nn_cross_entropy(g, x[0], x[1]))
static nn_id b_batch_norm(nn_graph *g, const nn_id *x)
{
    const nn_shape c = nn_shape_of(g, x[1]);
    nn_id mean = nn_param(g, "mean", c, (nn_init){.kind = NN_INIT_ZEROS, .buffer = true});
    nn_id variance = nn_param(g, "variance", c, (nn_init){.kind = NN_INIT_ONES, .buffer = true});
    return nn_batch_norm(g, x[0], x[1], x[2], mean, variance, 0.1, 1e-5);
}
/* Several readers of one tensor, operations that may work in place, aliases on both sides: the plan's hard part. */
static nn_id b_branches(nn_graph *g, const nn_id *x)
{
    nn_id a = nn_relu(g, nn_linear(g, x[0], x[1], NN_NONE));
    nn_id b = nn_tanh(g, nn_affine(g, a, 2, 0.1));
    nn_id c = nn_reshape(g, nn_add(g, a, b), nn_shape1(20));
    nn_id d = nn_mul(g, c, nn_sigmoid(g, nn_reshape(g, a, nn_shape1(20))));
    return nn_add(g, nn_add(g, d, c), nn_exp(g, nn_affine(g, c, -0.5, 0)));
}

static const op_case op_cases[] = {
    {"linear", b_linear, {S3(3, 5, 7), S2(4, 7), S1(4)}},
    {"linear wide", b_linear_plain, {S2(70, 33), S2(65, 33)}},
    {"matmul", b_matmul, {S3(2, 5, 4), S3(2, 4, 3)}},
    {"matmul b transposed", b_matmul_tb, {S3(2, 5, 4), S3(2, 3, 4)}},
    {"matmul a transposed", b_matmul_ta, {S3(2, 4, 5), S3(2, 4, 3)}},
    {"matmul both transposed", b_matmul_tt, {S2(4, 35), S2(3, 4)}},
    {"conv1d same", b_conv_same, {S3(2, 9, 3), S3(4, 5, 3), S1(4)}},
    {"conv1d same, long", b_conv_same, {S3(1, 101, 3), S3(2, 5, 3), S1(2)}},
    {"conv1d stride", b_conv_stride, {S3(2, 9, 3), S3(4, 5, 3), S1(4)}},
    {"conv1d stride, long", b_conv_stride, {S3(2, 200, 2), S3(3, 5, 2), S1(3)}},
    {"conv1d patches", b_conv_patch, {S3(2, 8, 3), S3(5, 2, 3), S1(5)}},
    {"conv1d patches, odd length", b_conv_patch, {S3(2, 9, 3), S3(5, 2, 3), S1(5)}},
    {"conv1d patches, long", b_conv_patch, {S3(2, 201, 2), S3(3, 2, 2), S1(3)}},
    {"conv1d stride 3", b_conv_stride3, {S3(2, 13, 2), S3(3, 2, 2), S1(3)}},
    {"conv1d dilated", b_conv_dilated, {S3(2, 11, 2), S3(3, 3, 2), S1(3)}},
    {"conv1d groups", b_conv_groups, {S3(2, 7, 6), S3(9, 6, 2), S1(9)}},
    {"conv1d groups, one item", b_conv_groups, {S3(1, 7, 6), S3(9, 6, 2), S1(9)}},
    {"conv1d padding beyond the kernel", b_conv_wide_pad, {S3(2, 4, 2), S3(3, 3, 2), S1(3)}},
    {"conv1d length 1", b_conv_same, {S3(3, 1, 2), S3(2, 5, 2), S1(2)}},
    {"conv1d no bias", b_conv_no_bias, {S3(1, 8, 2), S3(3, 3, 2)}},
    {"conv_transpose1d double", b_deconv_double, {S3(2, 5, 3), S3(3, 4, 2), S1(2)}},
    {"conv_transpose1d patches", b_deconv_patch, {S3(2, 5, 3), S3(3, 2, 4), S1(4)}},
    {"conv_transpose1d stride 1", b_deconv_one, {S3(2, 5, 3), S3(3, 3, 2), S1(2)}},
    {"conv_transpose1d odd", b_deconv_plain, {S3(2, 4, 3), S3(3, 5, 2)}},
    {"add", b_add, {S3(2, 3, 4), S3(2, 3, 4)}},
    {"add bias", b_add, {S3(2, 3, 4), S1(4)}},
    {"add column", b_add, {S3(2, 3, 4), S3(2, 1, 4)}},
    {"add self", b_add_self, {S2(3, 4)}},
    {"sub scalar", b_sub, {S2(3, 4), {{0, {0}}, ROUGH}}},
    {"mul", b_mul, {S2(3, 4), S2(3, 4)}},
    {"mul by row factor", b_mul, {S3(2, 3, 4), S3(2, 3, 1)}},
    {"mul self", b_mul_self, {S2(3, 4)}},
    {"div", b_div, {S2(3, 4), {{2, {3, 1}}, POSITIVE}}},
    {"affine", b_affine, {S2(3, 5)}},
    {"relu", b_relu, {S2(3, 5)}},
    {"gelu", b_gelu, {S2(3, 65)}},
    {"silu", b_silu, {S2(3, 5)}},
    {"tanh", b_tanh, {S2(3, 5)}},
    {"sigmoid", b_sigmoid, {S2(3, 5)}},
    {"softplus", b_softplus, {S2(3, 5)}},
    {"exp", b_exp, {S2(3, 5)}},
    {"log", b_log, {{{2, {3, 5}}, POSITIVE}}},
    {"sqrt", b_sqrt, {{{2, {3, 5}}, POSITIVE}}},
    {"square", b_square, {S2(3, 5)}},
    {"glu", b_glu, {S3(2, 3, 8)}},
    {"where", b_where, {{{2, {3, 1}}, MASK}, S2(3, 4), S1(4)}},
    {"dropout", b_dropout, {S2(7, 9)}},
    {"dropout of whole runs", b_dropout, {S2(8, 128)}},
    {"layer_norm", b_layer_norm, {S3(2, 3, 7), S1(7), S1(7)}},
    {"layer_norm of eights", b_layer_norm, {S3(3, 11, 40), S1(40), S1(40)}},
    {"layer_norm wide", b_layer_norm, {S2(5, 67), S1(67), S1(67)}},
    {"group_norm", b_group_norm, {S3(2, 5, 6), S1(6), S1(6)}},
    {"group_norm per channel", b_group_norm_each, {S3(2, 5, 6), S1(6), S1(6)}},
    {"batch_norm", b_batch_norm, {S3(3, 4, 5), S1(5), S1(5)}},
    {"batch_norm of eights", b_batch_norm, {S2(41, 24), S1(24), S1(24)}},
    {"batch_norm wide", b_batch_norm, {S2(9, 67), S1(67), S1(67)}},
    {"weight_norm", b_weight_norm, {S3(4, 3, 2), S1(3)}},
    {"l2_normalize", b_l2_normalize, {S2(3, 5)}},
    {"sum axis 0", b_sum0, {S3(3, 4, 2)}},
    {"mean axis 1", b_mean1, {S3(3, 4, 2)}},
    {"mean axis 2", b_mean2, {S3(3, 4, 2)}},
    {"max axis 1", b_max1, {S3(3, 4, 2)}},
    {"sum_all", b_sum_all, {S2(3, 5)}},
    {"mean_all", b_mean_all, {S2(3, 5)}},
    {"softmax", b_softmax, {S2(3, 5)}},
    {"log_softmax", b_log_softmax, {S2(3, 5)}},
    {"masked_logsumexp", b_masked_logsumexp, {S2(4, 6), {{2, {4, 6}}, MASK}}},
    {"max_pool1d", b_max_pool, {S3(2, 7, 3)}},
    {"avg_pool1d", b_avg_pool, {S3(2, 7, 3)}},
    {"avg_pool1d halves", b_avg_pool2, {S3(2, 8, 3)}},
    {"attention", b_attention, {S3(2, 5, 6), S3(2, 5, 6), S3(2, 5, 6)}},
    {"attention of one tensor", b_attention_self, {S3(2, 7, 6)}},
    {"attention length 1", b_attention, {S3(2, 1, 6), S3(2, 1, 6), S3(2, 1, 6)}},
    {"attention dropout", b_attention_dropout, {S3(2, 5, 6), S3(2, 5, 6), S3(2, 5, 6)}},
    {"s4d", b_s4d, {S3(2, 9, 3), S1(3), S2(3, 4), S2(3, 4), S2(3, 4), S2(3, 4), S1(3)}},
    {"s4d reverse", b_s4d_reverse, {S3(2, 70, 10), S1(10), S2(10, 3), S2(10, 3), S2(10, 3), S2(10, 3), S1(10)}},
    {"reshape", b_reshape, {S3(2, 5, 3), S2(5, 6)}},
    {"permute", b_permute, {S3(2, 3, 4)}},
    {"concat", b_concat, {S3(2, 3, 2), S3(2, 1, 2), S3(2, 4, 2)}},
    {"slice", b_slice, {S3(2, 5, 3)}},
    {"gather", b_gather, {S2(4, 3), {{1, {6}}, INDEX}}},
    {"stop_gradient", b_stop, {S2(2, 3), S2(2, 3)}},
    {"mse", b_mse, {S2(3, 4), S2(3, 4), {{2, {3, 1}}, MASK}}},
    {"mse plain", b_mse_plain, {S2(3, 4), S2(3, 4)}},
    {"huber", b_huber, {S2(3, 4), S2(3, 4), {{2, {3, 4}}, MASK}}},
    {"bce_logits", b_bce, {S2(3, 4), {{2, {3, 4}}, MASK}, {{2, {3, 4}}, MASK}, {{1, {4}}, MASK}}},
    {"cross_entropy", b_cross_entropy, {S2(6, 4), {{1, {6}}, INDEX}}},
    {"branches and aliases", b_branches, {S2(5, 3), S2(4, 3)}},
};
enum { OP_CASES = sizeof op_cases / sizeof op_cases[0], MOST_INPUTS = 7 };

#endif
