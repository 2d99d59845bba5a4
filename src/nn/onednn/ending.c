/* SPDX-License-Identifier: Apache-2.0 */
/* What products do to their results while they are near (nn/fold.c): batch norm by running statistics, a sum, ReLU or GELU. */
#include "nn/onednn/stretch.h"
#include "nn/onednn/vector_math.h"

int64_t folded_floats(const nn_call *c, int64_t N)
{
    return c->inputs == NN_FOLDED_INPUTS && c->in[NN_FOLDED_NORM].size > 0 ? ceil_div(2 * N, 16) * 16 : 0;
}

folded folded_of(const nn_call *c, int64_t N, float *memory)
{
    const float *bias = c->in[2].data;
    folded f = {.bias = bias, .end.followed = c->followed, .end.followed_half = c->followed_type == NN_BF16, .end.bf16 = c->bf16};
    if (c->inputs != NN_FOLDED_INPUTS) return f;
    f.end.other = c->in[NN_FOLDED_OTHER].data;
    f.end.other_half = c->in[NN_FOLDED_OTHER].type == NN_BF16;
    f.end.activation = (nn_op)c->args->activation;
    const nn_tensor *norm = c->in + NN_FOLDED_NORM;
    if (!norm->data) return f;
    const float *gamma = norm[0].data, *beta = norm[1].data, *mean = norm[2].data, *variance = norm[3].data;
    float *factor = memory, *shift = memory + N;
    for (int64_t n = 0; n < N; n++) {
        const double scale = (double)gamma[n] / sqrt((double)variance[n] + c->args->eps);
        factor[n] = (float)scale;
        shift[n] = (float)((double)beta[n] + ((bias ? (double)bias[n] : 0) - (double)mean[n]) * scale);
    }
    f.factor = factor;
    f.bias = shift;
    return f;
}

static const float *from(const float *x, int64_t n)
{
    return x ? x + n : NULL;
}

folded folded_from(folded f, int64_t n)
{
    f.factor = from(f.factor, n);
    f.bias = from(f.bias, n);
    f.end.other = from(f.end.other, n);
    f.end.followed = f.end.followed ? f.end.followed + n : NULL;
    return f;
}

NN_CLONES static void add_row(float *y, const float *other, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] += other[k];
}

NN_CLONES static void relu_row(float *y, int64_t n)
{
    for (int64_t k = 0; k < n; k++) y[k] = y[k] > 0 ? y[k] : 0;
}

NN_CLONES static void gelu_row(const float *x, float *y, int64_t n)
{
    for (int64_t k = 0; k < n; k++) {
        float density;
        y[k] = x[k] * vm_normal(x[k], &density);
    }
}

static void gelu(const ending *end, const float *x, float *y, int64_t n)
{
    if (PCLR_BF16 && end->bf16)
        bf16_gelu(x, n, y);
    else
        gelu_row(x, y, n);
}

void finish_row(const ending *end, float *y, int64_t at, int64_t columns)
{
    if (end->other) {
        const nn_type type = end->other_half ? NN_BF16 : NN_F32;
        float room[MOST_TILE_COLUMNS];
        add_row(y, stretch_of(type, end->other, at, columns, room), columns);
    }
    if (end->activation == NN_OP_RELU) relu_row(y, columns);
    if (end->activation == NN_OP_GELU) gelu(end, y, y, columns);
    if (end->followed) {
        const nn_type type = end->followed_half ? NN_BF16 : NN_F32;
        float room[MOST_TILE_COLUMNS], *to = stretch_for(type, end->followed, at, columns, false, room);
        gelu(end, y, to, columns);
        stretch_end(type, end->followed, at, columns, to);
    }
}
