/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions and softmaxes. */

/* sum, mean, max along an axis: x [outer][length][inner] -> y [outer][inner]. */
static void sum_scaled(const nn_call *c, double scale)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const real *x = c->in[0].data;
    for (int64_t i = 0; i < c->out.size; i++) {
        double sum = 0;
        for (int64_t l = 0; l < s.length; l++) sum += (double)x[(i / s.inner * s.length + l) * s.inner + i % s.inner];
        ((real *)c->out.data)[i] = (real)(sum * scale);
    }
}

static void spread_scaled(const nn_call *c, double scale)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const real *dy = c->out.grad;
    real *dx = c->in[0].grad;
    for (int64_t i = 0; i < c->out.size; i++)
        for (int64_t l = 0; l < s.length; l++) dx[(i / s.inner * s.length + l) * s.inner + i % s.inner] += (real)((double)dy[i] * scale);
}

static void sum_forward(const nn_call *c)
{
    sum_scaled(c, 1);
}

static void sum_backward(const nn_call *c)
{
    spread_scaled(c, 1);
}

static double axis_share(const nn_call *c)
{
    return 1 / (double)c->in[0].shape.n[c->args->axis];
}

static void mean_forward(const nn_call *c)
{
    sum_scaled(c, axis_share(c));
}

static void mean_backward(const nn_call *c)
{
    spread_scaled(c, axis_share(c));
}

/* max: the gradient goes to the first of the largest. saved: its position. */
static size_t max_saved(const nn_call *c)
{
    return (size_t)c->out.size * sizeof(int32_t);
}

static void max_forward(const nn_call *c)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const real *x = c->in[0].data;
    for (int64_t i = 0; i < c->out.size; i++) {
        const real *column = x + i / s.inner * s.length * s.inner + i % s.inner;
        int64_t best = 0;
        for (int64_t l = 1; l < s.length; l++)
            if (column[l * s.inner] > column[best * s.inner]) best = l;
        ((real *)c->out.data)[i] = column[best * s.inner];
        ((int32_t *)c->saved)[i] = (int32_t)best;
    }
}

static void max_backward(const nn_call *c)
{
    const around s = around_axis(c->in[0].shape, c->args->axis);
    const real *dy = c->out.grad;
    real *dx = c->in[0].grad;
    for (int64_t i = 0; i < c->out.size; i++)
        dx[(i / s.inner * s.length + ((const int32_t *)c->saved)[i]) * s.inner + i % s.inner] += dy[i];
}

static double sum_everything(const nn_call *c)
{
    const real *x = c->in[0].data;
    double sum = 0;
    for (int64_t i = 0; i < c->in[0].size; i++) sum += (double)x[i];
    return sum;
}

static void spread_everything(const nn_call *c, double scale)
{
    const double g = (double)*(const real *)c->out.grad * scale;
    real *dx = c->in[0].grad;
    for (int64_t i = 0; i < c->in[0].size; i++) dx[i] += (real)g;
}

static void sum_all_forward(const nn_call *c)
{
    *(real *)c->out.data = (real)sum_everything(c);
}

static void sum_all_backward(const nn_call *c)
{
    spread_everything(c, 1);
}

static void mean_all_forward(const nn_call *c)
{
    *(real *)c->out.data = (real)(sum_everything(c) / (double)c->in[0].size);
}

static void mean_all_backward(const nn_call *c)
{
    spread_everything(c, 1 / (double)c->in[0].size);
}

/* log sum_k e^x[k], shifted by the largest. */
static double row_logsumexp(const real *x, int64_t n)
{
    double largest = (double)x[0], sum = 0;
    for (int64_t k = 1; k < n; k++) largest = fmax(largest, (double)x[k]);
    for (int64_t k = 0; k < n; k++) sum += exp((double)x[k] - largest);
    return largest + log(sum);
}

/* softmax: y = e^x / sum e^x; dx = y (dy - sum y dy). */
static void softmax_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * C;
        real *y = (real *)c->out.data + r * C;
        const double l = row_logsumexp(x, C);
        for (int64_t k = 0; k < C; k++) y[k] = (real)exp((double)x[k] - l);
    }
}

static void softmax_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    for (int64_t r = 0; r < R; r++) {
        const real *y = (const real *)c->out.data + r * C, *dy = (const real *)c->out.grad + r * C;
        real *dx = (real *)c->in[0].grad + r * C;
        double dot = 0;
        for (int64_t k = 0; k < C; k++) dot += (double)y[k] * (double)dy[k];
        for (int64_t k = 0; k < C; k++) dx[k] += (real)((double)y[k] * ((double)dy[k] - dot));
    }
}

/* log_softmax: y = x - log sum e^x; dx = dy - e^y sum dy. */
static void log_softmax_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * C;
        const double l = row_logsumexp(x, C);
        for (int64_t k = 0; k < C; k++) ((real *)c->out.data)[r * C + k] = (real)((double)x[k] - l);
    }
}

static void log_softmax_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    for (int64_t r = 0; r < R; r++) {
        const real *y = (const real *)c->out.data + r * C, *dy = (const real *)c->out.grad + r * C;
        real *dx = (real *)c->in[0].grad + r * C;
        double sum = 0;
        for (int64_t k = 0; k < C; k++) sum += (double)dy[k];
        for (int64_t k = 0; k < C; k++) dx[k] += (real)((double)dy[k] - exp((double)y[k]) * sum);
    }
}

/* masked_logsumexp: y = log sum_j m_j e^x_j, shifted by the largest x with m > 0; dx_j = dy m_j e^(x_j - y).
 * An empty mask gives -1e4 and no gradient. */
static const double EMPTY_LOGSUMEXP = -1e4;

static void masked_logsumexp_forward(const nn_call *c)
{
    const int64_t N = nn_shape_last(c->in[0].shape), R = c->out.size;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * N, *mask = reals(&c->in[1]) + r * N;
        double largest = -INFINITY, sum = 0;
        for (int64_t k = 0; k < N; k++)
            if (mask[k] > 0) largest = fmax(largest, (double)x[k]);
        for (int64_t k = 0; k < N; k++)
            if (mask[k] > 0) sum += (double)mask[k] * exp((double)x[k] - largest);
        ((real *)c->out.data)[r] = (real)(sum > 0 ? largest + log(sum) : EMPTY_LOGSUMEXP);
    }
}

static void masked_logsumexp_backward(const nn_call *c)
{
    const int64_t N = nn_shape_last(c->in[0].shape), R = c->out.size;
    const real *y = c->out.data, *dy = c->out.grad;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * N, *mask = reals(&c->in[1]) + r * N;
        real *dx = (real *)c->in[0].grad + r * N;
        for (int64_t k = 0; k < N; k++)
            if (mask[k] > 0) dx[k] += (real)((double)dy[r] * (double)mask[k] * exp((double)x[k] - (double)y[r]));
    }
}
