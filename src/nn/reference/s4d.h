/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagonal state space: S4D of Gu, Gupta, Goel, Re, "On the parameterization and initialization of diagonal state space
 * models", NeurIPS 2022. Per channel, with N complex states n, A = -exp(log_re) + i im, dt = exp(log_dt), zero-order hold:
 *     a = exp(dt A), b = (a - 1) / A, h_t = a h_{t-1} + b x_t, y_t = 2 Re(sum_n c h_t) + d x_t.
 * Gradients of complex numbers are written G_z = dL/dRe z + i dL/dIm z; a holomorphic w = f(z) gives G_z += conj(f') G_w. Then
 *     G_h,t = conj(a) G_h,t+1 + 2 dy_t conj(c);  G_a = sum_t G_h,t conj(h_{t-1});  G_b = sum_t G_h,t x_t;  G_c = 2 sum_t dy_t conj(h_t);
 *     dx_t = d dy_t + sum_n Re(conj(b) G_h,t);  dd = sum_t dy_t x_t;
 *     G_A = conj(-b / A) G_b + dt G_z,  G_z = conj(a) (G_a + conj(1 / A) G_b),  d log_dt = dt Re(conj(A) G_z).
 */
#include <complex.h>

typedef double complex cplx;

typedef struct s4d_state {
    cplx A, a, b, c;
    double dt;
} s4d_state;

static s4d_state s4d_state_of(const nn_call *call, int64_t channel, int64_t n)
{
    const int64_t at = channel * call->in[2].shape.n[1] + n;
    s4d_state s;
    s.dt = exp((double)reals(&call->in[1])[channel]);
    s.A = -exp((double)reals(&call->in[2])[at]) + I * (double)reals(&call->in[3])[at];
    s.a = cexp(s.dt * s.A);
    s.b = (s.a - 1) / s.A;
    s.c = (double)reals(&call->in[4])[at] + I * (double)reals(&call->in[5])[at];
    return s;
}

static void s4d_forward(const nn_call *call)
{
    const int64_t B = call->out.shape.n[0], T = call->out.shape.n[1], C = call->out.shape.n[2], N = call->in[2].shape.n[1];
    const real *d = call->in[6].data;
    double *sum = call->work;
    for (int64_t bc = 0; bc < B * C; bc++) {
        const int64_t channel = bc % C, start = bc / C * T * C + channel;
        const real *x = reals(&call->in[0]) + start;
        for (int64_t t = 0; t < T; t++) sum[t] = (double)d[channel] * (double)x[t * C];
        for (int64_t n = 0; n < N; n++) {
            const s4d_state s = s4d_state_of(call, channel, n);
            cplx h = 0;
            for (int64_t i = 0; i < T; i++) {
                const int64_t t = call->args->reverse ? T - 1 - i : i;
                h = s.a * h + s.b * (double)x[t * C];
                sum[t] += 2 * creal(s.c * h);
            }
        }
        for (int64_t t = 0; t < T; t++) ((real *)call->out.data)[start + t * C] = (real)sum[t];
    }
}

static size_t s4d_work(const nn_call *call)
{
    return (size_t)(call->out.shape.n[1] + 1) * sizeof(cplx);
}

/* Gradients of the parameters of state (channel, n), from those of a, b and c. */
static void s4d_parameter_gradients(const nn_call *call, const s4d_state *s, int64_t channel, int64_t n, cplx Ga, cplx Gb, cplx Gc)
{
    const int64_t at = channel * call->in[2].shape.n[1] + n;
    const cplx Gz = conj(s->a) * (Ga + conj(1 / s->A) * Gb);
    const cplx GA = conj(-s->b / s->A) * Gb + s->dt * Gz;
    if (call->in[1].grad) ((real *)call->in[1].grad)[channel] += (real)(s->dt * creal(conj(s->A) * Gz));
    if (call->in[2].grad) ((real *)call->in[2].grad)[at] += (real)(creal(s->A) * creal(GA));
    if (call->in[3].grad) ((real *)call->in[3].grad)[at] += (real)cimag(GA);
    if (call->in[4].grad) ((real *)call->in[4].grad)[at] += (real)creal(Gc);
    if (call->in[5].grad) ((real *)call->in[5].grad)[at] += (real)cimag(Gc);
}

static void s4d_backward_state(const nn_call *call, int64_t bc, int64_t n, cplx *h)
{
    const int64_t T = call->out.shape.n[1], C = call->out.shape.n[2], channel = bc % C, start = bc / C * T * C + channel;
    const real *x = reals(&call->in[0]) + start, *dy = (const real *)call->out.grad + start;
    real *dx = call->in[0].grad ? (real *)call->in[0].grad + start : NULL;
    const s4d_state s = s4d_state_of(call, channel, n);
    cplx G = 0, Ga = 0, Gb = 0, Gc = 0;
    h[0] = 0; /* h[i + 1] is the state after step i */
    for (int64_t i = 0; i < T; i++) h[i + 1] = s.a * h[i] + s.b * (double)x[(call->args->reverse ? T - 1 - i : i) * C];
    for (int64_t i = T - 1; i >= 0; i--) {
        const int64_t t = call->args->reverse ? T - 1 - i : i;
        G = conj(s.a) * G + 2 * (double)dy[t * C] * conj(s.c);
        Ga += G * conj(h[i]);
        Gb += G * (double)x[t * C];
        Gc += 2 * (double)dy[t * C] * conj(h[i + 1]);
        if (dx) dx[t * C] += (real)creal(conj(s.b) * G);
    }
    s4d_parameter_gradients(call, &s, channel, n, Ga, Gb, Gc);
}

static void s4d_backward(const nn_call *call)
{
    const int64_t B = call->out.shape.n[0], T = call->out.shape.n[1], C = call->out.shape.n[2], N = call->in[2].shape.n[1];
    const real *d = call->in[6].data;
    for (int64_t bc = 0; bc < B * C; bc++) {
        const int64_t channel = bc % C, start = bc / C * T * C + channel;
        const real *x = reals(&call->in[0]) + start, *dy = (const real *)call->out.grad + start;
        real *dx = call->in[0].grad ? (real *)call->in[0].grad + start : NULL;
        double dd = 0;
        for (int64_t t = 0; t < T; t++) {
            dd += (double)dy[t * C] * (double)x[t * C];
            if (dx) dx[t * C] += d[channel] * dy[t * C];
        }
        if (call->in[6].grad) ((real *)call->in[6].grad)[channel] += (real)dd;
        for (int64_t n = 0; n < N; n++) s4d_backward_state(call, bc, n, call->work);
    }
}
