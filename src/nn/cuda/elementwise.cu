/* SPDX-License-Identifier: Apache-2.0 */
/* Element by element; formulas in reference/elementwise.h. Eight values a thread where operands have the same size. */
#include "nn/cuda/common.cuh"

/* ---- N operands of one size: f(values of the operands) ---- */

template <int N> struct operands {
    view in[N];
};

template <int N, class F> __global__ void map_kernel(int64_t n, operands<N> from, view to, bool add, F f)
{
    const int64_t eights = n / 8, step = (int64_t)gridDim.x * blockDim.x, first = blockIdx.x * (int64_t)blockDim.x + threadIdx.x;
    for (int64_t e = first; e < eights; e += step) {
        float x[N][8], y[8];
#pragma unroll
        for (int k = 0; k < N; k++) from.in[k].get8(8 * e, x[k]);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float one[N];
#pragma unroll
            for (int k = 0; k < N; k++) one[k] = x[k][i];
            y[i] = f(one);
        }
        to.give8(8 * e, y, add);
    }
    for (int64_t i = 8 * eights + first; i < n; i += step) {
        float one[N];
#pragma unroll
        for (int k = 0; k < N; k++) one[k] = from.in[k].get(i);
        to.give(i, f(one), add);
    }
}

template <int N, class F> static void map(const nn_call *c, int64_t n, operands<N> from, view to, bool add, F f)
{
    map_kernel<N><<<blocks_for(ceil_div(n, 8), BLOCK), BLOCK, 0, stream_of(c)>>>(n, from, to, add, f);
    cuda_note(device_of(c), cudaGetLastError(), "elementwise kernel");
}

void cuda_convert(const nn_call *c, int64_t n, view from, view to)
{
    map<1>(c, n, {{from}}, to, false, [] __device__(const float x[1]) { return x[0]; });
}

/* ---- one input ---- */

static __device__ float sigmoid(float x)
{
    const float e = expf(-fabsf(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static __device__ float normal_cdf(float x)
{
    return 0.5f + 0.5f * erff(x * 0.70710678118654752f);
}

static __device__ float normal_density(float x)
{
    return 0.3989422804014327f * expf(-0.5f * x * x);
}

/* y = value, dx = dy derivative; the derivative reads x or y, as reads_x says. */
#define UNARY(name, reads_x, value, derivative)                                                                                     \
    static void name##_forward(const nn_call *c)                                                                                    \
    {                                                                                                                               \
        const float scale = (float)c->args->scale, shift = (float)c->args->shift;                                                   \
        map<1>(c, c->out.size, {{value_of(&c->in[0])}}, value_of(&c->out), false, [=] __device__(const float one[1]) {              \
            const float x = one[0];                                                                                                 \
            (void)scale, (void)shift;                                                                                               \
            return (float)(value);                                                                                                  \
        });                                                                                                                         \
    }                                                                                                                               \
    static void name##_backward(const nn_call *c)                                                                                   \
    {                                                                                                                               \
        const float scale = (float)c->args->scale;                                                                                  \
        const view kept = reads_x ? value_of(&c->in[0]) : value_of(&c->out);                                                        \
        map<2>(c, c->out.size, {{grad_of(&c->out), kept}}, grad_of(&c->in[0]), c->in[0].add, [=] __device__(const float two[2]) {   \
            const float x = two[1], y = two[1];                                                                                     \
            (void)scale, (void)x, (void)y;                                                                                          \
            return two[0] * (float)(derivative);                                                                                    \
        });                                                                                                                         \
    }

UNARY(relu, false, x > 0 ? x : 0, y > 0 ? 1 : 0)
UNARY(gelu, true, x *normal_cdf(x), normal_cdf(x) + x * normal_density(x))
UNARY(silu, true, x *sigmoid(x), sigmoid(x) * (1 + x * (1 - sigmoid(x))))
UNARY(tanh, false, tanhf(x), 1 - y * y)
UNARY(sigmoid, false, sigmoid(x), y *(1 - y))
UNARY(softplus, true, (x > 0 ? x : 0) + log1pf(expf(-fabsf(x))), sigmoid(x))
UNARY(exp, false, expf(x), y)
UNARY(log, true, logf(x > 1e-30f ? x : 1e-30f), x > 1e-30f ? 1 / x : 0)
UNARY(sqrt, false, sqrtf(x), y > 0 ? 0.5f / y : 0)
UNARY(square, true, x *x, 2 * x)

static void affine_forward(const nn_call *c)
{
    const float scale = (float)c->args->scale, shift = (float)c->args->shift;
    map<1>(c, c->out.size, {{value_of(&c->in[0])}}, value_of(&c->out), false, [=] __device__(const float x[1]) { return scale * x[0] + shift; });
}

static void affine_backward(const nn_call *c)
{
    const float scale = (float)c->args->scale;
    map<1>(c, c->out.size, {{grad_of(&c->out)}}, grad_of(&c->in[0]), c->in[0].add, [=] __device__(const float dy[1]) { return scale * dy[0]; });
}

/* ---- two inputs, b broadcast to a ---- */

static bool same_shape(const nn_call *c)
{
    if (c->in[0].shape.rank != c->in[1].shape.rank) return false;
    for (int k = 0; k < c->in[0].shape.rank; k++)
        if (c->in[0].shape.n[k] != c->in[1].shape.n[k]) return false;
    return true;
}

/* The elements of a that share an element of b: b's index gives the first, `count` more lie along the broadcast axes. */
struct sharing {
    int rank;
    int64_t n[NN_MAX_RANK], stride[NN_MAX_RANK], b_stride[NN_MAX_RANK]; /* of a; b_stride 0: shared along this axis */
    int64_t count, b_size;
    __device__ int64_t first(int64_t j) const
    {
        int64_t at = 0;
        for (int k = 0; k < rank; k++)
            if (b_stride[k] > 0) at += j / b_stride[k] % n[k] * stride[k];
        return at;
    }
    __device__ int64_t offset(int64_t m) const
    {
        int64_t at = 0;
        for (int k = rank - 1; k >= 0; k--)
            if (b_stride[k] == 0) {
                at += m % n[k] * stride[k];
                m /= n[k];
            }
        return at;
    }
};

static sharing sharing_of(nn_shape a, nn_shape b, int64_t b_size)
{
    const broadcast at = broadcast_make(a, b);
    sharing s = {};
    int64_t stride = 1;
    s.rank = a.rank;
    s.count = 1;
    s.b_size = b_size;
    for (int k = a.rank - 1; k >= 0; k--) {
        s.n[k] = a.n[k];
        s.stride[k] = stride;
        s.b_stride[k] = at.stride[k];
        if (at.stride[k] == 0) s.count *= a.n[k];
        stride *= a.n[k];
    }
    return s;
}

/* db = sum over the elements of a that share it of f(index into a, index into b). A block an element; threads where few share it. */
template <class F> static void sum_shared(const nn_call *c, const nn_tensor *b, nn_shape a, F f)
{
    const sharing s = sharing_of(a, b->shape, b->size);
    const view db = grad_of(b);
    const bool add = b->add;
    if (s.count >= 32)
        each_row(c, s.b_size, [=] __device__(int64_t j) {
            const int64_t first = s.first(j);
            double sum = 0;
            for (int64_t m = threadIdx.x; m < s.count; m += BLOCK) sum += (double)f(first + s.offset(m), j);
            sum = block_sum(sum);
            if (threadIdx.x == 0) db.give(j, (float)sum, add);
        });
    else
        each(c, s.b_size, [=] __device__(int64_t j) {
            const int64_t first = s.first(j);
            double sum = 0;
            for (int64_t m = 0; m < s.count; m++) sum += (double)f(first + s.offset(m), j);
            db.give(j, (float)sum, add);
        });
}

/* A last-axis vector that all rows share, as biases are. */
static bool is_row(const nn_call *c)
{
    return c->in[1].shape.rank == 1 && c->in[1].size == last_of(c->in[0].shape) && c->in[0].size > c->in[1].size;
}

static size_t binary_work(const nn_call *c)
{
    return is_row(c) ? columns_work(1, 1, c->in[0].size / c->in[1].size, c->in[1].size) : 0;
}

#define BINARY(name, value, da_factor, db_factor)                                                                                      \
    static void name##_forward(const nn_call *c)                                                                                       \
    {                                                                                                                                  \
        const view pa = value_of(&c->in[0]), pb = value_of(&c->in[1]), y = value_of(&c->out);                                          \
        if (same_shape(c)) {                                                                                                           \
            map<2>(c, c->out.size, {{pa, pb}}, y, false, [=] __device__(const float x[2]) {                                            \
                const float a = x[0], b = x[1];                                                                                        \
                return value;                                                                                                          \
            });                                                                                                                        \
            return;                                                                                                                    \
        }                                                                                                                              \
        const broadcast at = broadcast_make(c->in[0].shape, c->in[1].shape);                                                           \
        each(c, c->out.size, [=] __device__(int64_t i) {                                                                               \
            const float a = pa.get(i), b = pb.get(at(i));                                                                              \
            y.put(i, value);                                                                                                           \
        });                                                                                                                            \
    }                                                                                                                                  \
    static void name##_backward(const nn_call *c)                                                                                      \
    {                                                                                                                                  \
        const bool reads = name##_reads;                                                                                               \
        const view dy = grad_of(&c->out), pa = reads ? value_of(&c->in[0]) : dy, pb = reads ? value_of(&c->in[1]) : dy;                \
        const bool same = same_shape(c);                                                                                               \
        const broadcast at = broadcast_make(c->in[0].shape, c->in[1].shape);                                                           \
        if (c->in[0].grad && same && !reads)                                                                                           \
            map<1>(c, c->out.size, {{dy}}, grad_of(&c->in[0]), c->in[0].add, [=] __device__(const float x[1]) {                        \
                const float a = 0, b = 0;                                                                                              \
                (void)a, (void)b;                                                                                                      \
                return x[0] * (float)(da_factor);                                                                                      \
            });                                                                                                                        \
        if (c->in[0].grad && same && reads)                                                                                            \
            map<3>(c, c->out.size, {{dy, pa, pb}}, grad_of(&c->in[0]), c->in[0].add, [=] __device__(const float x[3]) {                \
                const float a = x[1], b = x[2];                                                                                        \
                (void)a, (void)b;                                                                                                      \
                return x[0] * (float)(da_factor);                                                                                      \
            });                                                                                                                        \
        if (c->in[0].grad && !same) {                                                                                                  \
            const view da = grad_of(&c->in[0]);                                                                                        \
            const bool add = c->in[0].add;                                                                                             \
            each(c, c->out.size, [=] __device__(int64_t i) {                                                                           \
                const float a = reads ? pa.get(i) : 0, b = reads ? pb.get(at(i)) : 0;                                                  \
                (void)a, (void)b;                                                                                                      \
                da.give(i, dy.get(i) * (float)(da_factor), add);                                                                       \
            });                                                                                                                        \
        }                                                                                                                              \
        if (!c->in[1].grad) return;                                                                                                    \
        if (same && !reads) {                                                                                                          \
            map<1>(c, c->out.size, {{dy}}, grad_of(&c->in[1]), c->in[1].add, [=] __device__(const float x[1]) {                        \
                const float a = 0, b = 0;                                                                                              \
                (void)a, (void)b;                                                                                                      \
                return x[0] * (float)(db_factor);                                                                                      \
            });                                                                                                                        \
        } else if (same) {                                                                                                             \
            map<3>(c, c->out.size, {{dy, pa, pb}}, grad_of(&c->in[1]), c->in[1].add, [=] __device__(const float x[3]) {                \
                const float a = x[1], b = x[2];                                                                                        \
                (void)a, (void)b;                                                                                                      \
                return x[0] * (float)(db_factor);                                                                                      \
            });                                                                                                                        \
        } else if (is_row(c)) {                                                                                                        \
            const int64_t C = c->in[1].size;                                                                                           \
            const view db = grad_of(&c->in[1]);                                                                                        \
            const bool add = c->in[1].add;                                                                                             \
            column_sums<1>(                                                                                                            \
                c, 1, c->in[0].size / C, C, c->work,                                                                                   \
                terms_of([=] __device__(int64_t, int64_t r, int64_t k, int n, float term[1][8]) {                                      \
                    float d[8];                                                                                                        \
                    dy.load(r * C + k, n, d);                                                                                          \
                    _Pragma("unroll") for (int i = 0; i < 8; i++) {                                                                    \
                        if (i >= n) continue;                                                                                          \
                        const float a = reads ? pa.get(r * C + k + i) : 0, b = reads ? pb.get(k + i) : 0;                              \
                        (void)a, (void)b;                                                                                              \
                        term[0][i] = d[i] * (float)(db_factor);                                                                        \
                    }                                                                                                                  \
                }),                                                                                                                    \
                [=] __device__(int64_t, int64_t k, const double sum[1]) { db.give(k, (float)sum[0], add); });                          \
        } else {                                                                                                                       \
            sum_shared(c, &c->in[1], c->in[0].shape, [=] __device__(int64_t i, int64_t j) {                                            \
                const float a = reads ? pa.get(i) : 0, b = reads ? pb.get(j) : 0;                                                      \
                (void)a, (void)b;                                                                                                      \
                return dy.get(i) * (float)(db_factor);                                                                                 \
            });                                                                                                                        \
        }                                                                                                                              \
    }

enum { add_reads = 0, sub_reads = 0, mul_reads = 1, div_reads = 1 };
BINARY(add, a + b, 1, 1)
BINARY(sub, a - b, 1, -1)
BINARY(mul, a *b, b, a)
BINARY(div, a / b, 1 / b, -a / (b * b))

/* ---- glu, where ---- */

static void glu_forward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), y = value_of(&c->out);
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t at = i / C * 2 * C + i % C;
        y.put(i, x.get(at) * sigmoid(x.get(at + C)));
    });
}

static void glu_backward(const nn_call *c)
{
    const int64_t C = last_of(c->out.shape);
    const view x = value_of(&c->in[0]), dy = grad_of(&c->out), dx = grad_of(&c->in[0]);
    const bool add = c->in[0].add;
    each(c, c->out.size, [=] __device__(int64_t i) {
        const int64_t at = i / C * 2 * C + i % C;
        const float s = sigmoid(x.get(at + C)), d = dy.get(i);
        dx.give(at, d * s, add);
        dx.give(at + C, d * x.get(at) * s * (1 - s), add);
    });
}

static void where_forward(const nn_call *c)
{
    const broadcast mask_at = broadcast_make(c->in[1].shape, c->in[0].shape), b_at = broadcast_make(c->in[1].shape, c->in[2].shape);
    const view mask = value_of(&c->in[0]), a = value_of(&c->in[1]), b = value_of(&c->in[2]), y = value_of(&c->out);
    each(c, c->out.size, [=] __device__(int64_t i) { y.put(i, mask.get(mask_at(i)) != 0 ? a.get(i) : b.get(b_at(i))); });
}

static void where_backward(const nn_call *c)
{
    const broadcast mask_at = broadcast_make(c->in[1].shape, c->in[0].shape);
    const view mask = value_of(&c->in[0]), dy = grad_of(&c->out), da = grad_of(&c->in[1]);
    const bool add = c->in[1].add;
    if (c->in[1].grad) each(c, c->out.size, [=] __device__(int64_t i) { da.give(i, mask.get(mask_at(i)) != 0 ? dy.get(i) : 0, add); });
    if (c->in[2].grad)
        sum_shared(c, &c->in[2], c->in[1].shape, [=] __device__(int64_t i, int64_t) { return mask.get(mask_at(i)) != 0 ? 0 : dy.get(i); });
}

/* ---- dropout ---- */

static void drop(const nn_call *c, view from, view to, bool add)
{
    if (c->out.size % 512 == 0) {
        each_dropped8(c, c->out.size, [=] __device__(int64_t i, const float factor[8]) {
            float x[8];
            from.get8(i, x);
#pragma unroll
            for (int k = 0; k < 8; k++) x[k] = factor[k] > 0 ? x[k] * factor[k] : 0; /* what is dropped may be infinite */
            to.give8(i, x, add);
        });
        return;
    }
    each_dropped(c, c->out.size, [=] __device__(int64_t i, float factor) { to.give(i, factor > 0 ? from.get(i) * factor : 0, add); });
}

static void dropout_forward(const nn_call *c)
{
    drop(c, value_of(&c->in[0]), value_of(&c->out), false);
}

static void dropout_backward(const nn_call *c)
{
    drop(c, grad_of(&c->out), grad_of(&c->in[0]), c->in[0].add);
}

/* ---- table ---- */

static nn_kernel row(cuda_pass forward, cuda_pass backward, unsigned reads, unsigned flags, cuda_bytes work)
{
    nn_kernel k = cuda_row(forward, backward, reads, NULL, work);
    k.flags = flags;
    return k;
}

void cuda_elementwise(nn_kernel kernel[NN_OPS])
{
    const unsigned X = 1, B = 2, OUT = NN_READS_OUT, PLACE = NN_IN_PLACE;
    kernel[NN_OP_ADD] = row(add_forward, add_backward, 0, PLACE, binary_work);
    kernel[NN_OP_SUB] = row(sub_forward, sub_backward, 0, PLACE, binary_work);
    kernel[NN_OP_MUL] = row(mul_forward, mul_backward, X | B, 0, binary_work);
    kernel[NN_OP_DIV] = row(div_forward, div_backward, X | B, 0, binary_work);
    kernel[NN_OP_AFFINE] = row(affine_forward, affine_backward, 0, PLACE, NULL);
    kernel[NN_OP_RELU] = row(relu_forward, relu_backward, OUT, PLACE, NULL);
    kernel[NN_OP_GELU] = row(gelu_forward, gelu_backward, X, 0, NULL);
    kernel[NN_OP_SILU] = row(silu_forward, silu_backward, X, 0, NULL);
    kernel[NN_OP_TANH] = row(tanh_forward, tanh_backward, OUT, PLACE, NULL);
    kernel[NN_OP_SIGMOID] = row(sigmoid_forward, sigmoid_backward, OUT, PLACE, NULL);
    kernel[NN_OP_SOFTPLUS] = row(softplus_forward, softplus_backward, X, 0, NULL);
    kernel[NN_OP_EXP] = row(exp_forward, exp_backward, OUT, PLACE, NULL);
    kernel[NN_OP_LOG] = row(log_forward, log_backward, X, 0, NULL);
    kernel[NN_OP_SQRT] = row(sqrt_forward, sqrt_backward, OUT, PLACE, NULL);
    kernel[NN_OP_SQUARE] = row(square_forward, square_backward, X, 0, NULL);
    kernel[NN_OP_GLU] = row(glu_forward, glu_backward, X, 0, NULL);
    kernel[NN_OP_WHERE] = row(where_forward, where_backward, X, 0, NULL);
    kernel[NN_OP_DROPOUT] = row(dropout_forward, dropout_backward, 0, PLACE, NULL);
}
