/* SPDX-License-Identifier: Apache-2.0 */
/* Along time: pooling and attention. x [B][T][C]. */

/* max_pool1d; padding never wins, the first of equal values takes the gradient. */
static size_t max_pool1d_saved(const nn_call *c)
{
    return (size_t)c->out.size * sizeof(int32_t);
}

static void max_pool1d_forward(const nn_call *c)
{
    nn_shape x = c->in[0].shape, y = c->out.shape;
    int32_t *where = c->saved;
    for (int64_t r = 0; r < y.n[0] * y.n[1]; r++)
        for (int64_t k = 0; k < y.n[2]; k++) {
            int64_t first = r % y.n[1] * c->args->stride - c->args->pad_left, best = -1;
            const real *column = in_data(c, 0) + r / y.n[1] * x.n[1] * x.n[2] + k;
            for (int64_t t = first < 0 ? 0 : first; t < first + c->args->size && t < x.n[1]; t++)
                if (best < 0 || column[t * x.n[2]] > column[best * x.n[2]]) best = t;
            where[r * y.n[2] + k] = (int32_t)best;
            out_data(c)[r * y.n[2] + k] = column[best * x.n[2]];
        }
}

static void max_pool1d_backward(const nn_call *c)
{
    nn_shape x = c->in[0].shape, y = c->out.shape;
    const int32_t *where = c->saved;
    for (int64_t r = 0; r < y.n[0] * y.n[1]; r++)
        for (int64_t k = 0; k < y.n[2]; k++)
            in_grad(c, 0)[(r / y.n[1] * x.n[1] + where[r * y.n[2] + k]) * x.n[2] + k] += out_grad(c)[r * y.n[2] + k];
}

/* avg_pool1d: mean of the samples that exist. */
static void avg_window(const nn_call *c, int64_t t, int64_t *begin, int64_t *end)
{
    int64_t first = t * c->args->stride - c->args->pad_left;
    *begin = first < 0 ? 0 : first;
    *end = first + c->args->size < c->in[0].shape.n[1] ? first + c->args->size : c->in[0].shape.n[1];
}

static void avg_pool1d_forward(const nn_call *c)
{
    nn_shape x = c->in[0].shape, y = c->out.shape;
    for (int64_t r = 0; r < y.n[0] * y.n[1]; r++)
        for (int64_t k = 0; k < y.n[2]; k++) {
            int64_t begin, end;
            double sum = 0;
            avg_window(c, r % y.n[1], &begin, &end);
            for (int64_t t = begin; t < end; t++) sum += (double)in_data(c, 0)[(r / y.n[1] * x.n[1] + t) * x.n[2] + k];
            out_data(c)[r * y.n[2] + k] = (real)(sum / (double)(end - begin));
        }
}

static void avg_pool1d_backward(const nn_call *c)
{
    nn_shape x = c->in[0].shape, y = c->out.shape;
    for (int64_t r = 0; r < y.n[0] * y.n[1]; r++)
        for (int64_t k = 0; k < y.n[2]; k++) {
            int64_t begin, end;
            avg_window(c, r % y.n[1], &begin, &end);
            double g = (double)out_grad(c)[r * y.n[2] + k] / (double)(end - begin);
            for (int64_t t = begin; t < end; t++) in_grad(c, 0)[(r / y.n[1] * x.n[1] + t) * x.n[2] + k] += (real)g;
        }
}

/*
 * attention, head h of width E = D / heads: P = softmax(q k^T / sqrt(E)), y = dropout(P) v.
 * dv = dropout(P)^T dy, dP = dropout(dy v^T), dS = P (dP - sum(dP P)), dq = dS k / sqrt(E), dk = dS^T q / sqrt(E).
 * Saved: P [B][H][T][T].
 */
static size_t attention_saved(const nn_call *c)
{
    nn_shape s = c->out.shape;
    return (size_t)(s.n[0] * c->args->heads * s.n[1] * s.n[1]) * sizeof(real);
}

static size_t attention_work(const nn_call *c)
{
    return (size_t)c->out.shape.n[1] * sizeof(double);
}

static double attention_factor(const nn_call *c, int64_t i)
{
    if (c->args->p <= 0) return 1;
    return dropout_keeps(c, i) ? 1 / (1 - c->args->p) : 0;
}

/* Element e of row t of head h of item b in q, k, v or y. */
static int64_t head_at(const nn_call *c, int64_t b, int64_t h, int64_t t)
{
    nn_shape s = c->out.shape;
    return (b * s.n[1] + t) * s.n[2] + h * (s.n[2] / c->args->heads);
}

static double head_dot(const real *x, const real *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

static void attention_forward(const nn_call *c)
{
    nn_shape s = c->out.shape;
    int64_t heads = c->args->heads, e = s.n[2] / heads, length = s.n[1];
    for (int64_t i = 0; i < s.n[0] * heads * length; i++) {
        int64_t b = i / (heads * length), h = i / length % heads, t = i % length;
        real *p = (real *)c->saved + i * length, *y = out_data(c) + head_at(c, b, h, t);
        const real *q = in_data(c, 0) + head_at(c, b, h, t);
        for (int64_t u = 0; u < length; u++) p[u] = (real)(head_dot(q, in_data(c, 1) + head_at(c, b, h, u), e) / sqrt((double)e));
        double total = row_logsumexp(p, length);
        for (int64_t u = 0; u < length; u++) p[u] = (real)exp((double)p[u] - total);
        for (int64_t k = 0; k < e; k++) {
            double sum = 0;
            for (int64_t u = 0; u < length; u++) sum += (double)p[u] * attention_factor(c, i * length + u) * (double)in_data(c, 2)[head_at(c, b, h, u) + k];
            y[k] = (real)sum;
        }
    }
}

static void attention_backward(const nn_call *c)
{
    nn_shape s = c->out.shape;
    int64_t heads = c->args->heads, e = s.n[2] / heads, length = s.n[1];
    double *dp = c->work, scale = 1 / sqrt((double)e);
    for (int64_t i = 0; i < s.n[0] * heads * length; i++) {
        int64_t b = i / (heads * length), h = i / length % heads, t = i % length, at = head_at(c, b, h, t);
        const real *p = (const real *)c->saved + i * length, *dy = out_grad(c) + at;
        double product = 0;
        for (int64_t u = 0; u < length; u++) {
            dp[u] = attention_factor(c, i * length + u) * head_dot(dy, in_data(c, 2) + head_at(c, b, h, u), e);
            product += dp[u] * (double)p[u];
        }
        for (int64_t u = 0; u < length; u++) {
            int64_t from = head_at(c, b, h, u);
            double ds = (double)p[u] * (dp[u] - product) * scale, kept = (double)p[u] * attention_factor(c, i * length + u);
            for (int64_t k = 0; k < e; k++) {
                if (in_grad(c, 0)) in_grad(c, 0)[at + k] += (real)(ds * (double)in_data(c, 1)[from + k]);
                if (in_grad(c, 1)) in_grad(c, 1)[from + k] += (real)(ds * (double)in_data(c, 0)[at + k]);
                if (in_grad(c, 2)) in_grad(c, 2)[from + k] += (real)(kept * (double)dy[k]);
            }
        }
    }
}
