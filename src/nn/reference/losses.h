/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: weighted means, accumulated in double. The sum of weights is computed anew in the backward pass. */

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static double weight_at(const nn_call *c, int k, int64_t i)
{
    if (absent(c, k)) return 1;
    const broadcast b = broadcast_make(c->in[0].shape, c->in[k].shape);
    return (double)in_data(c, k)[broadcast_index(&b, i)];
}

static double weight_sum(const nn_call *c, int k)
{
    double sum = 0;
    for (int64_t i = 0; i < c->in[0].size; i++) sum += weight_at(c, k, i);
    return fmax(sum, 1e-12);
}

/* mse: l = (x - t)^2. huber: l = d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2). */
static void mse_forward(const nn_call *c)
{
    double sum = 0;
    for (int64_t i = 0; i < c->in[0].size; i++) {
        double d = (double)in_data(c, 0)[i] - (double)in_data(c, 1)[i];
        sum += weight_at(c, 2, i) * d * d;
    }
    out_data(c)[0] = (real)(sum / weight_sum(c, 2));
}

static void mse_backward(const nn_call *c)
{
    double factor = (double)out_grad(c)[0] / weight_sum(c, 2);
    for (int64_t i = 0; i < c->in[0].size; i++) {
        double g = factor * weight_at(c, 2, i) * 2 * ((double)in_data(c, 0)[i] - (double)in_data(c, 1)[i]);
        if (in_grad(c, 0)) in_grad(c, 0)[i] += (real)g;
        if (in_grad(c, 1)) in_grad(c, 1)[i] -= (real)g;
    }
}

static void huber_forward(const nn_call *c)
{
    double sum = 0, delta = c->args->delta;
    for (int64_t i = 0; i < c->in[0].size; i++) {
        double d = fabs((double)in_data(c, 0)[i] - (double)in_data(c, 1)[i]);
        sum += weight_at(c, 2, i) * (d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta));
    }
    out_data(c)[0] = (real)(sum / weight_sum(c, 2));
}

static void huber_backward(const nn_call *c)
{
    double factor = (double)out_grad(c)[0] / weight_sum(c, 2), delta = c->args->delta;
    for (int64_t i = 0; i < c->in[0].size; i++) {
        double d = (double)in_data(c, 0)[i] - (double)in_data(c, 1)[i], g = factor * weight_at(c, 2, i) * fmin(fmax(d, -delta), delta);
        if (in_grad(c, 0)) in_grad(c, 0)[i] += (real)g;
        if (in_grad(c, 1)) in_grad(c, 1)[i] -= (real)g;
    }
}

/* bce_logits: l = p t softplus(-x) + (1 - t) softplus(x). */
static double positive_weight(const nn_call *c, int64_t i)
{
    return absent(c, 3) ? 1 : (double)in_data(c, 3)[i % nn_shape_last(c->in[0].shape)];
}

static void bce_logits_forward(const nn_call *c)
{
    double sum = 0;
    for (int64_t i = 0; i < c->in[0].size; i++) {
        double x = (double)in_data(c, 0)[i], t = (double)in_data(c, 1)[i];
        sum += weight_at(c, 2, i) * (positive_weight(c, i) * t * softplus(-x) + (1 - t) * softplus(x));
    }
    out_data(c)[0] = (real)(sum / weight_sum(c, 2));
}

static void bce_logits_backward(const nn_call *c)
{
    double factor = (double)out_grad(c)[0] / weight_sum(c, 2);
    for (int64_t i = 0; i < c->in[0].size; i++) {
        double p = sigmoid((double)in_data(c, 0)[i]), t = (double)in_data(c, 1)[i];
        in_grad(c, 0)[i] += (real)(factor * weight_at(c, 2, i) * ((1 - t) * p - positive_weight(c, i) * t * (1 - p)));
    }
}

/* cross_entropy: mean over the rows whose target is a class. */
static bool target_of(const nn_call *c, int64_t row, int64_t *target)
{
    *target = ((const int32_t *)c->in[1].data)[row];
    return *target >= 0 && *target < c->in[0].shape.n[1];
}

static double rows_with_target(const nn_call *c)
{
    int64_t n = 0, target;
    for (int64_t r = 0; r < c->in[0].shape.n[0]; r++) n += target_of(c, r, &target);
    return n > 0 ? (double)n : 1;
}

static void cross_entropy_forward(const nn_call *c)
{
    int64_t classes = c->in[0].shape.n[1], target;
    double sum = 0;
    for (int64_t r = 0; r < c->in[0].shape.n[0]; r++) {
        const real *x = in_data(c, 0) + r * classes;
        if (target_of(c, r, &target)) sum += row_logsumexp(x, classes) - (double)x[target];
    }
    out_data(c)[0] = (real)(sum / rows_with_target(c));
}

static void cross_entropy_backward(const nn_call *c)
{
    int64_t classes = c->in[0].shape.n[1], target;
    double factor = (double)out_grad(c)[0] / rows_with_target(c);
    for (int64_t r = 0; r < c->in[0].shape.n[0]; r++) {
        if (!target_of(c, r, &target)) continue;
        double total = row_logsumexp(in_data(c, 0) + r * classes, classes);
        for (int64_t i = 0; i < classes; i++)
            in_grad(c, 0)[r * classes + i] += (real)(factor * (exp((double)in_data(c, 0)[r * classes + i] - total) - (i == target)));
    }
}
