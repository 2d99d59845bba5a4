/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations. Variances in two passes: electrode offsets of hundreds of millivolt are normal input. */

/* Shared backward step of y = gamma n + beta, n = (x - mean) r, r = (var + eps)^-1/2, mean and var over M values:
 * with e = dy gamma: dx = r (e - mean(e) - n mean(e n)). */

static double inverse_deviation(double variance, double eps)
{
    return 1 / sqrt(variance + eps);
}

/* layer_norm: over the last axis. saved: mean and r of every row. */
static size_t layer_norm_saved(const nn_call *c)
{
    return (size_t)(2 * nn_shape_rows(c->out.shape)) * sizeof(double);
}

static void layer_norm_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = nn_shape_rows(c->out.shape);
    const real *gamma = c->in[1].data, *beta = c->in[2].data;
    double *saved = c->saved;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * C;
        real *y = (real *)c->out.data + r * C;
        double mean = 0, variance = 0;
        for (int64_t k = 0; k < C; k++) mean += (double)x[k];
        mean /= (double)C;
        for (int64_t k = 0; k < C; k++) variance += ((double)x[k] - mean) * ((double)x[k] - mean);
        const double scale = inverse_deviation(variance / (double)C, c->args->eps);
        for (int64_t k = 0; k < C; k++) y[k] = (real)(((double)x[k] - mean) * scale * (double)gamma[k] + (double)beta[k]);
        saved[2 * r] = mean;
        saved[2 * r + 1] = scale;
    }
}

static void layer_norm_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = nn_shape_rows(c->out.shape);
    const real *gamma = c->in[1].data;
    real *dgamma = c->in[1].grad, *dbeta = c->in[2].grad;
    const double *saved = c->saved;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * C, *dy = (const real *)c->out.grad + r * C;
        const double mean = saved[2 * r], scale = saved[2 * r + 1];
        double e_mean = 0, en_mean = 0;
        for (int64_t k = 0; k < C; k++) {
            const double n = ((double)x[k] - mean) * scale, e = (double)dy[k] * (double)gamma[k];
            e_mean += e;
            en_mean += e * n;
            if (dgamma) dgamma[k] += (real)((double)dy[k] * n);
            if (dbeta) dbeta[k] += dy[k];
        }
        e_mean /= (double)C;
        en_mean /= (double)C;
        real *dx = c->in[0].grad ? (real *)c->in[0].grad + r * C : NULL;
        for (int64_t k = 0; dx && k < C; k++) {
            const double n = ((double)x[k] - mean) * scale;
            dx[k] += (real)(scale * ((double)dy[k] * (double)gamma[k] - e_mean - n * en_mean));
        }
    }
}

/* group_norm: x [B][T][C], over time and the C / groups channels of a group. saved: mean and r of every (b, group). */
static size_t group_norm_saved(const nn_call *c)
{
    return (size_t)(2 * c->out.shape.n[0] * c->args->groups) * sizeof(double);
}

static void group_norm_forward(const nn_call *c)
{
    const int64_t T = c->out.shape.n[1], C = c->out.shape.n[2], G = c->args->groups, S = C / G;
    const real *gamma = c->in[1].data, *beta = c->in[2].data;
    for (int64_t bg = 0; bg < c->out.shape.n[0] * G; bg++) {
        const int64_t start = bg / G * T * C + bg % G * S;
        const real *x = reals(&c->in[0]) + start;
        real *y = (real *)c->out.data + start;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < T * S; i++) mean += (double)x[i / S * C + i % S];
        mean /= (double)(T * S);
        for (int64_t i = 0; i < T * S; i++) variance += ((double)x[i / S * C + i % S] - mean) * ((double)x[i / S * C + i % S] - mean);
        const double scale = inverse_deviation(variance / (double)(T * S), c->args->eps);
        for (int64_t i = 0; i < T * S; i++) {
            const int64_t channel = bg % G * S + i % S, at = i / S * C + i % S;
            y[at] = (real)(((double)x[at] - mean) * scale * (double)gamma[channel] + (double)beta[channel]);
        }
        ((double *)c->saved)[2 * bg] = mean;
        ((double *)c->saved)[2 * bg + 1] = scale;
    }
}

static void group_norm_backward(const nn_call *c)
{
    const int64_t T = c->out.shape.n[1], C = c->out.shape.n[2], G = c->args->groups, S = C / G;
    const real *gamma = c->in[1].data;
    real *dgamma = c->in[1].grad, *dbeta = c->in[2].grad;
    for (int64_t bg = 0; bg < c->out.shape.n[0] * G; bg++) {
        const int64_t start = bg / G * T * C + bg % G * S;
        const real *x = reals(&c->in[0]) + start, *dy = (const real *)c->out.grad + start;
        const double mean = ((const double *)c->saved)[2 * bg], scale = ((const double *)c->saved)[2 * bg + 1];
        double e_mean = 0, en_mean = 0;
        for (int64_t i = 0; i < T * S; i++) {
            const int64_t channel = bg % G * S + i % S, at = i / S * C + i % S;
            const double n = ((double)x[at] - mean) * scale, e = (double)dy[at] * (double)gamma[channel];
            e_mean += e / (double)(T * S);
            en_mean += e * n / (double)(T * S);
            if (dgamma) dgamma[channel] += (real)((double)dy[at] * n);
            if (dbeta) dbeta[channel] += dy[at];
        }
        real *dx = c->in[0].grad ? (real *)c->in[0].grad + start : NULL;
        for (int64_t i = 0; dx && i < T * S; i++) {
            const int64_t channel = bg % G * S + i % S, at = i / S * C + i % S;
            const double n = ((double)x[at] - mean) * scale;
            dx[at] += (real)(scale * ((double)dy[at] * (double)gamma[channel] - e_mean - n * en_mean));
        }
    }
}

/* batch_norm: per channel over all rows R, those of all processes that share the batch. Training: statistics of the batch, and running += momentum (batch - running) with the
 * unbiased variance. Otherwise the running statistics, which are constants: dx = dy gamma r. saved: mean and r a channel. */
static size_t batch_norm_saved(const nn_call *c)
{
    return (size_t)(2 * nn_shape_last(c->out.shape)) * sizeof(double);
}

static void batch_norm_statistics(const nn_call *c, int64_t channel, double *mean, double *variance)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C, all = R * pclr_world_size(c->world);
    const real *x = reals(&c->in[0]) + channel;
    real *running_mean = c->in[3].data, *running_var = c->in[4].data;
    const double momentum = c->args->momentum;
    *mean = (double)running_mean[channel];
    *variance = (double)running_var[channel];
    if (!c->training) return;
    double sum = 0, squares = 0;
    for (int64_t r = 0; r < R; r++) sum += (double)x[r * C];
    world_sum(c->world, &sum, 1);
    sum /= (double)all;
    for (int64_t r = 0; r < R; r++) squares += ((double)x[r * C] - sum) * ((double)x[r * C] - sum);
    world_sum(c->world, &squares, 1);
    if (!c->again) {
        running_mean[channel] = (real)(*mean + momentum * (sum - *mean));
        running_var[channel] = (real)(*variance + momentum * (squares / (double)(all > 1 ? all - 1 : 1) - *variance));
    }
    *mean = sum;
    *variance = squares / (double)all;
}

static void batch_norm_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    const real *gamma = c->in[1].data, *beta = c->in[2].data;
    double *saved = c->saved;
    for (int64_t k = 0; k < C; k++) {
        const real *x = reals(&c->in[0]) + k;
        real *y = (real *)c->out.data + k;
        double mean, variance;
        batch_norm_statistics(c, k, &mean, &variance);
        const double scale = inverse_deviation(variance, c->args->eps);
        for (int64_t r = 0; r < R; r++) y[r * C] = (real)(((double)x[r * C] - mean) * scale * (double)gamma[k] + (double)beta[k]);
        saved[2 * k] = mean;
        saved[2 * k + 1] = scale;
    }
}

static void batch_norm_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    const double all = (double)R * pclr_world_size(c->world);
    const real *gamma = c->in[1].data;
    real *dgamma = c->in[1].grad, *dbeta = c->in[2].grad;
    for (int64_t k = 0; k < C; k++) {
        const real *x = reals(&c->in[0]) + k, *dy = (const real *)c->out.grad + k;
        const double mean = ((const double *)c->saved)[2 * k], scale = ((const double *)c->saved)[2 * k + 1];
        double sum[2] = {0, 0}; /* of dy, of dy n */
        for (int64_t r = 0; r < R; r++) {
            sum[0] += (double)dy[r * C];
            sum[1] += (double)dy[r * C] * ((double)x[r * C] - mean) * scale;
        }
        if (dgamma) dgamma[k] += (real)sum[1]; /* of the own rows: parameters' gradients are summed later */
        if (dbeta) dbeta[k] += (real)sum[0];
        world_sum(c->world, sum, 2);
        if (!c->training) sum[0] = sum[1] = 0;
        real *dx = c->in[0].grad ? (real *)c->in[0].grad + k : NULL;
        for (int64_t r = 0; dx && r < R; r++) {
            const double n = ((double)x[r * C] - mean) * scale;
            dx[r * C] += (real)((double)gamma[k] * scale * ((double)dy[r * C] - sum[0] / all - n * sum[1] / all));
        }
    }
}

/* weight_norm (Salimans & Kingma 2016), one gain a tap k: w[o][k][i] = gain[k] v[o][k][i] / |v[.][k][.]|.
 * With u = v / |v|: dgain = sum dw u; dv = gain / |v| (dw - u dgain). */
static void weight_norm_sums(const nn_call *c, int64_t k, const real *other, double *norm, double *dot)
{
    const nn_shape s = c->out.shape;
    const real *v = c->in[0].data;
    *norm = *dot = 0;
    for (int64_t o = 0; o < s.n[0]; o++)
        for (int64_t i = 0; i < s.n[2]; i++) {
            const int64_t at = (o * s.n[1] + k) * s.n[2] + i;
            *norm += (double)v[at] * (double)v[at];
            if (other) *dot += (double)v[at] * (double)other[at];
        }
    *norm = sqrt(*norm);
}

static void weight_norm_forward(const nn_call *c)
{
    const nn_shape s = c->out.shape;
    const real *v = c->in[0].data, *gain = c->in[1].data;
    for (int64_t k = 0; k < s.n[1]; k++) {
        double norm, dot;
        weight_norm_sums(c, k, NULL, &norm, &dot);
        const double scale = norm > 0 ? (double)gain[k] / norm : 0;
        for (int64_t o = 0; o < s.n[0]; o++)
            for (int64_t i = 0; i < s.n[2]; i++) {
                const int64_t at = (o * s.n[1] + k) * s.n[2] + i;
                ((real *)c->out.data)[at] = (real)((double)v[at] * scale);
            }
    }
}

static void weight_norm_backward(const nn_call *c)
{
    const nn_shape s = c->out.shape;
    const real *v = c->in[0].data, *gain = c->in[1].data, *dw = c->out.grad;
    real *dv = c->in[0].grad, *dgain = c->in[1].grad;
    for (int64_t k = 0; k < s.n[1]; k++) {
        double norm, dot;
        weight_norm_sums(c, k, dw, &norm, &dot);
        if (norm <= 0) continue;
        if (dgain) dgain[k] += (real)(dot / norm);
        for (int64_t o = 0; dv && o < s.n[0]; o++)
            for (int64_t i = 0; i < s.n[2]; i++) {
                const int64_t at = (o * s.n[1] + k) * s.n[2] + i;
                dv[at] += (real)((double)gain[k] / norm * ((double)dw[at] - (double)v[at] * dot / (norm * norm)));
            }
    }
}

/* l2_normalize: y = x / m, m = max(|x|, eps); dx = (dy - y (y . dy)) / m, without the second term where eps decides. */
static void l2_normalize_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * C;
        real *y = (real *)c->out.data + r * C;
        double norm = 0;
        for (int64_t k = 0; k < C; k++) norm += (double)x[k] * (double)x[k];
        norm = sqrt(norm);
        if (norm < c->args->eps) norm = c->args->eps;
        for (int64_t k = 0; k < C; k++) y[k] = (real)((double)x[k] / norm);
    }
}

static void l2_normalize_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    for (int64_t r = 0; r < R; r++) {
        const real *x = reals(&c->in[0]) + r * C, *dy = (const real *)c->out.grad + r * C;
        real *dx = (real *)c->in[0].grad + r * C;
        double norm = 0, dot = 0;
        for (int64_t k = 0; k < C; k++) {
            norm += (double)x[k] * (double)x[k];
            dot += (double)x[k] * (double)dy[k];
        }
        norm = sqrt(norm);
        const bool floored = norm < c->args->eps;
        if (floored) norm = c->args->eps;
        const double along = floored ? 0 : dot / (norm * norm);
        for (int64_t k = 0; k < C; k++) dx[k] += (real)(((double)dy[k] - (double)x[k] * along) / norm);
    }
}
