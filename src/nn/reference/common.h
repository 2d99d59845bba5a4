/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common ground of the reference kernels. They are compiled twice, with `real` float and double (reference32.c, reference64.c);
 * sums run in double either way. Gradients are always added (the caller zeroes them where nobody wrote before).
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"
#include "base/world.h"
#include "nn/graph.h"

static inline const real *reals(const nn_tensor *t)
{
    return t->data;
}

static inline const real *in_data(const nn_call *c, int k)
{
    return c->in[k].data;
}

static inline real *in_grad(const nn_call *c, int k)
{
    return c->in[k].grad;
}

static inline real *out_data(const nn_call *c)
{
    return c->out.data;
}

static inline const real *out_grad(const nn_call *c)
{
    return c->out.grad;
}

/* An optional input that was not given. */
static inline bool absent(const nn_call *c, int k)
{
    return k >= c->inputs || c->in[k].data == NULL;
}

/* Index into b, which broadcasts to a: the strides of b on a's axes, 0 where b has length 1. */
typedef struct broadcast {
    int rank;
    int64_t n[NN_MAX_RANK], stride[NN_MAX_RANK];
} broadcast;

static inline broadcast broadcast_make(nn_shape a, nn_shape b)
{
    broadcast r = {.rank = a.rank};
    int64_t stride = 1;
    for (int k = a.rank - 1; k >= 0; k--) {
        const int axis = k - (a.rank - b.rank);
        r.n[k] = a.n[k];
        r.stride[k] = axis >= 0 && b.n[axis] > 1 ? stride : 0;
        if (axis >= 0) stride *= b.n[axis];
    }
    return r;
}

static inline int64_t broadcast_index(const broadcast *b, int64_t i)
{
    int64_t index = 0;
    for (int k = b->rank - 1; k >= 0; k--) {
        index += i % b->n[k] * b->stride[k];
        i /= b->n[k];
    }
    return index;
}

/* [outer][axis][inner] view of a shape around one axis. */
typedef struct around {
    int64_t outer, length, inner;
} around;

static inline around around_axis(nn_shape s, int axis)
{
    around r = {1, 1, 1};
    for (int k = 0; k < s.rank; k++) {
        if (k < axis) r.outer *= s.n[k];
        if (k == axis) r.length = s.n[k];
        if (k > axis) r.inner *= s.n[k];
    }
    return r;
}

/* Whether element `index` of a dropout mask is kept: 16 random bits below 2^16 (1 - p). A run of 512 elements takes 64 Philox blocks of
 * four words: the lower halves of the first words of all blocks, of the second words ..., then the upper halves. */
static inline bool dropout_keeps(const nn_call *c, int64_t index)
{
    const uint64_t block = (uint64_t)(index / 512 * 64 + index % 64);
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)c->step, (uint32_t)(c->step >> 32)};
    uint32_t word[4];
    philox4x32(counter, c->key, word);
    const uint32_t both = word[index % 256 / 64], bits = index % 512 < 256 ? both & 0xffff : both >> 16;
    return bits < (uint32_t)(65536 * (1 - c->args->p));
}
