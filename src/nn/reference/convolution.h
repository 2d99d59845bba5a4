/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions over time, channels last. */

/* conv1d: with g = o / (Cout / groups) the group of output channel o,
 * y[b][t][o] = bias[o] + sum_{k,c} x[b][t S + k D - pad_left][g Cg + c] w[o][k][c], x = 0 outside, c < Cg = Cin / groups. */
typedef struct conv_sizes {
    int64_t B, T, I, U, O, K, Cg, Og; /* input B T I, output B U O */
} conv_sizes;

static conv_sizes conv_sizes_of(const nn_call *c)
{
    const nn_shape x = c->in[0].shape, y = c->out.shape, w = c->in[1].shape;
    return (conv_sizes){x.n[0], x.n[1], x.n[2], y.n[1], y.n[2], w.n[1], w.n[2], y.n[2] / c->args->groups};
}

static void conv1d_forward(const nn_call *c)
{
    const conv_sizes s = conv_sizes_of(c);
    const nn_args *a = c->args;
    const real *x = c->in[0].data, *w = c->in[1].data, *bias = c->in[2].data;
    real *y = c->out.data;
    for (int64_t bu = 0; bu < s.B * s.U; bu++)
        for (int64_t o = 0; o < s.O; o++) {
            const int64_t b = bu / s.U, begin = bu % s.U * a->stride - a->pad_left, first = o / s.Og * s.Cg;
            double sum = bias ? (double)bias[o] : 0;
            for (int64_t k = 0; k < s.K; k++) {
                const int64_t t = begin + k * a->dilation;
                if (t < 0 || t >= s.T) continue;
                const real *xt = x + (b * s.T + t) * s.I + first, *wk = w + (o * s.K + k) * s.Cg;
                for (int64_t i = 0; i < s.Cg; i++) sum += (double)xt[i] * (double)wk[i];
            }
            y[bu * s.O + o] = (real)sum;
        }
}

static void conv1d_backward(const nn_call *c)
{
    const conv_sizes s = conv_sizes_of(c);
    const nn_args *a = c->args;
    const real *x = c->in[0].data, *w = c->in[1].data, *dy = c->out.grad;
    real *dx = c->in[0].grad, *dw = c->in[1].grad, *db = c->in[2].grad;
    for (int64_t o = 0; o < s.O; o++) {
        double sum = 0;
        for (int64_t bu = 0; bu < s.B * s.U; bu++) sum += (double)dy[bu * s.O + o];
        if (db) db[o] += (real)sum;
    }
    for (int64_t bu = 0; dx && bu < s.B * s.U; bu++)
        for (int64_t o = 0; o < s.O; o++)
            for (int64_t k = 0; k < s.K; k++) {
                const int64_t t = bu % s.U * a->stride - a->pad_left + k * a->dilation;
                if (t < 0 || t >= s.T) continue;
                real *dxt = dx + (bu / s.U * s.T + t) * s.I + o / s.Og * s.Cg;
                const real *wk = w + (o * s.K + k) * s.Cg;
                for (int64_t i = 0; i < s.Cg; i++) dxt[i] += dy[bu * s.O + o] * wk[i];
            }
    for (int64_t oki = 0; dw && oki < s.O * s.K * s.Cg; oki++) {
        const int64_t i = oki % s.Cg, k = oki / s.Cg % s.K, o = oki / s.Cg / s.K;
        double sum = 0;
        for (int64_t bu = 0; bu < s.B * s.U; bu++) {
            const int64_t t = bu % s.U * a->stride - a->pad_left + k * a->dilation;
            if (t >= 0 && t < s.T) sum += (double)dy[bu * s.O + o] * (double)x[(bu / s.U * s.T + t) * s.I + o / s.Og * s.Cg + i];
        }
        dw[oki] += (real)sum;
    }
}

/* conv_transpose1d: every x[b][t][i] is spread over the outputs u = t S + k - pad_left:
 * y[b][u][o] = bias[o] + sum_{t, k: t S + k - pad_left = u} sum_i x[b][t][i] w[i][k][o]. */
static void conv_transpose1d_forward(const nn_call *c)
{
    const nn_shape xs = c->in[0].shape, ys = c->out.shape;
    const int64_t B = xs.n[0], T = xs.n[1], I = xs.n[2], U = ys.n[1], O = ys.n[2], K = c->in[1].shape.n[1];
    const real *x = c->in[0].data, *w = c->in[1].data, *bias = c->in[2].data;
    real *y = c->out.data;
    for (int64_t buo = 0; buo < B * U * O; buo++) {
        const int64_t o = buo % O, u = buo / O % U, b = buo / O / U;
        double sum = bias ? (double)bias[o] : 0;
        for (int64_t k = 0; k < K; k++) {
            const int64_t at = u + c->args->pad_left - k, t = at / c->args->stride;
            if (at < 0 || at % c->args->stride != 0 || t >= T) continue;
            for (int64_t i = 0; i < I; i++) sum += (double)x[(b * T + t) * I + i] * (double)w[(i * K + k) * O + o];
        }
        y[buo] = (real)sum;
    }
}

static void conv_transpose1d_backward(const nn_call *c)
{
    const nn_shape xs = c->in[0].shape, ys = c->out.shape;
    const int64_t B = xs.n[0], T = xs.n[1], I = xs.n[2], U = ys.n[1], O = ys.n[2], K = c->in[1].shape.n[1];
    const real *x = c->in[0].data, *w = c->in[1].data, *dy = c->out.grad;
    real *dx = c->in[0].grad, *dw = c->in[1].grad, *db = c->in[2].grad;
    for (int64_t o = 0; db && o < O; o++) {
        double sum = 0;
        for (int64_t bu = 0; bu < B * U; bu++) sum += (double)dy[bu * O + o];
        db[o] += (real)sum;
    }
    for (int64_t bti = 0; dx && bti < B * T * I; bti++) {
        const int64_t i = bti % I, t = bti / I % T, b = bti / I / T;
        double sum = 0;
        for (int64_t k = 0; k < K; k++) {
            const int64_t u = t * c->args->stride + k - c->args->pad_left;
            if (u < 0 || u >= U) continue;
            for (int64_t o = 0; o < O; o++) sum += (double)dy[(b * U + u) * O + o] * (double)w[(i * K + k) * O + o];
        }
        dx[bti] += (real)sum;
    }
    for (int64_t iko = 0; dw && iko < I * K * O; iko++) {
        const int64_t o = iko % O, k = iko / O % K, i = iko / O / K;
        double sum = 0;
        for (int64_t bt = 0; bt < B * T; bt++) {
            const int64_t u = bt % T * c->args->stride + k - c->args->pad_left;
            if (u >= 0 && u < U) sum += (double)x[bt * I + i] * (double)dy[(bt / T * U + u) * O + o];
        }
        dw[iko] += (real)sum;
    }
}
