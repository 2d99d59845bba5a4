/* SPDX-License-Identifier: Apache-2.0 */
/* Element by element. */

/* ---- one input: y = f(x), dx = dy f'(x), f' from x or from y, whichever is kept ---- */

#define UNARY(name, value, derivative)                                                                \
    static void name##_forward(const nn_call *c)                                                      \
    {                                                                                                 \
        const nn_args *a = c->args;                                                                   \
        const real *in = c->in[0].data;                                                               \
        real *out = c->out.data;                                                                      \
        for (int64_t i = 0; i < c->out.size; i++) {                                                   \
            const double x = (double)in[i];                                                           \
            (void)a;                                                                                  \
            out[i] = (real)(value);                                                                   \
        }                                                                                             \
    }                                                                                                 \
    static void name##_backward(const nn_call *c)                                                     \
    {                                                                                                 \
        const nn_args *a = c->args;                                                                   \
        const real *in = c->in[0].data, *out = c->out.data, *dout = c->out.grad;                      \
        real *din = c->in[0].grad;                                                                    \
        for (int64_t i = 0; i < c->out.size; i++) {                                                   \
            const double x = name##_reads_x ? (double)in[i] : 0, y = name##_reads_x ? 0 : (double)out[i]; \
            (void)a, (void)x, (void)y;                                                                \
            din[i] += (real)((double)dout[i] * (derivative));                                         \
        }                                                                                             \
    }

/* Stable for large |x|: never exponentiates a positive number. */
static double sigmoid(double x)
{
    const double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* The standard normal distribution function and density: gelu(x) = x Phi(x), derivative Phi(x) + x phi(x). */
static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double normal_density(double x)
{
    return 0.39894228040143267794 * exp(-0.5 * x * x);
}

enum {
    affine_reads_x = 0, relu_reads_x = 0, gelu_reads_x = 1, silu_reads_x = 1, tanh_reads_x = 0, sigmoid_reads_x = 0,
    softplus_reads_x = 1, exp_reads_x = 0, log_reads_x = 1, sqrt_reads_x = 0, square_reads_x = 1
};
UNARY(affine, a->scale * x + a->shift, a->scale)
UNARY(relu, x > 0 ? x : 0, y > 0 ? 1 : 0)
UNARY(gelu, x * normal_cdf(x), normal_cdf(x) + x * normal_density(x))
UNARY(silu, x * sigmoid(x), sigmoid(x) * (1 + x * (1 - sigmoid(x))))
UNARY(tanh, tanh(x), 1 - y * y)
UNARY(sigmoid, sigmoid(x), y * (1 - y))
UNARY(softplus, (x > 0 ? x : 0) + log1p(exp(-fabs(x))), sigmoid(x))
UNARY(exp, exp(x), y)
UNARY(log, log(x > 1e-30 ? x : 1e-30), x > 1e-30 ? 1 / x : 0)
UNARY(sqrt, sqrt(x), y > 0 ? 0.5 / y : 0)
UNARY(square, x * x, 2 * x)

/* ---- two inputs, b broadcast to a ---- */

#define BINARY(name, value, da_factor, db_factor)                                                       \
    static void name##_forward(const nn_call *c)                                                        \
    {                                                                                                   \
        const broadcast at = broadcast_make(c->in[0].shape, c->in[1].shape);                            \
        const real *pa = c->in[0].data, *pb = c->in[1].data;                                            \
        real *out = c->out.data;                                                                        \
        for (int64_t i = 0; i < c->out.size; i++) {                                                     \
            const real a = pa[i], b = pb[broadcast_index(&at, i)];                                      \
            out[i] = (real)(value);                                                                     \
        }                                                                                               \
    }                                                                                                   \
    static void name##_backward(const nn_call *c)                                                       \
    {                                                                                                   \
        const broadcast at = broadcast_make(c->in[0].shape, c->in[1].shape);                            \
        const real *pa = c->in[0].data, *pb = c->in[1].data, *dout = c->out.grad;                       \
        real *da = c->in[0].grad, *db = c->in[1].grad;                                                  \
        for (int64_t i = 0; i < c->out.size; i++) {                                                     \
            const int64_t j = broadcast_index(&at, i);                                                  \
            const real a = name##_reads_inputs ? pa[i] : 0, b = name##_reads_inputs ? pb[j] : 0;        \
            (void)a, (void)b;                                                                           \
            if (da) da[i] += dout[i] * (real)(da_factor);                                               \
            if (db) db[j] += dout[i] * (real)(db_factor);                                               \
        }                                                                                               \
    }

enum { add_reads_inputs = 0, sub_reads_inputs = 0, mul_reads_inputs = 1, div_reads_inputs = 1 };
BINARY(add, a + b, 1, 1)
BINARY(sub, a - b, 1, -1)
BINARY(mul, a *b, b, a)
BINARY(div, a / b, 1 / b, -a / (b * b))

/* glu: y[c] = u s(v), u = x[c], v = x[C + c], s the sigmoid; du = dy s(v), dv = dy u s(v) (1 - s(v)). */
static void glu_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape);
    const real *x = c->in[0].data;
    real *y = c->out.data;
    for (int64_t i = 0; i < c->out.size; i++) {
        const real *row = x + i / C * 2 * C + i % C;
        y[i] = (real)((double)row[0] * sigmoid((double)row[C]));
    }
}

static void glu_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape);
    const real *x = c->in[0].data, *dy = c->out.grad;
    real *dx = c->in[0].grad;
    for (int64_t i = 0; i < c->out.size; i++) {
        const int64_t at = i / C * 2 * C + i % C;
        const double s = sigmoid((double)x[at + C]);
        dx[at] += (real)((double)dy[i] * s);
        dx[at + C] += (real)((double)dy[i] * (double)x[at] * s * (1 - s));
    }
}

/* where: y = mask != 0 ? a : b, mask and b broadcast to a. */
static void where_forward(const nn_call *c)
{
    const broadcast mask_at = broadcast_make(c->in[1].shape, c->in[0].shape), b_at = broadcast_make(c->in[1].shape, c->in[2].shape);
    const real *mask = c->in[0].data, *a = c->in[1].data, *b = c->in[2].data;
    real *y = c->out.data;
    for (int64_t i = 0; i < c->out.size; i++) y[i] = mask[broadcast_index(&mask_at, i)] != 0 ? a[i] : b[broadcast_index(&b_at, i)];
}

static void where_backward(const nn_call *c)
{
    const broadcast mask_at = broadcast_make(c->in[1].shape, c->in[0].shape), b_at = broadcast_make(c->in[1].shape, c->in[2].shape);
    const real *mask = c->in[0].data, *dy = c->out.grad;
    real *da = c->in[1].grad, *db = c->in[2].grad;
    for (int64_t i = 0; i < c->out.size; i++) {
        const bool first = mask[broadcast_index(&mask_at, i)] != 0;
        if (first && da) da[i] += dy[i];
        if (!first && db) db[broadcast_index(&b_at, i)] += dy[i];
    }
}

/* dropout: y = x / (1 - p) where kept, else 0. The mask is drawn again in the backward pass. */
static void dropout_forward(const nn_call *c)
{
    const real *x = c->in[0].data, scale = (real)(1 / (1 - c->args->p));
    real *y = c->out.data;
    for (int64_t i = 0; i < c->out.size; i++) y[i] = dropout_keeps(c, i) ? x[i] * scale : 0;
}

static void dropout_backward(const nn_call *c)
{
    const real *dy = c->out.grad, scale = (real)(1 / (1 - c->args->p));
    real *dx = c->in[0].grad;
    for (int64_t i = 0; i < c->out.size; i++)
        if (dropout_keeps(c, i)) dx[i] += dy[i] * scale;
}
