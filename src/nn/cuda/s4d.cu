/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagonal state space; formulas in reference/s4d.h. A thread carries the states of GROUP neighbours of one channel of one item through
 * time; the threads of a channel lie in one warp and add up their parts of y. Backwards, states come again from marks every STRETCH
 * steps: running the recurrence in reverse would divide by |a| < 1.
 */
#include "nn/cuda/common.cuh"

enum { GROUP = 4, STRETCH = 32 };

struct cplx {
    float re, im;
};

static __device__ cplx mul(cplx a, cplx b)
{
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* conj(a) b */
static __device__ cplx mul_conj(cplx a, cplx b)
{
    return {a.re * b.re + a.im * b.im, a.re * b.im - a.im * b.re};
}

struct wide {
    double re, im;
};

static __device__ wide wide_mul(wide a, wide b)
{
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static __device__ wide wide_over(wide a, wide b)
{
    const double n = b.re * b.re + b.im * b.im;
    return {(a.re * b.re + a.im * b.im) / n, (a.im * b.re - a.re * b.im) / n};
}

static __device__ wide conj_of(wide a)
{
    return {a.re, -a.im};
}

struct layer {
    const float *log_dt, *log_re, *im, *c_re, *c_im, *d;
    int64_t B, T, C, N, lanes; /* lanes: threads of a channel, a power of two */
    bool reverse;
};

static layer layer_of(const nn_call *c)
{
    layer l = {};
    l.log_dt = (const float *)c->in[1].data;
    l.log_re = (const float *)c->in[2].data;
    l.im = (const float *)c->in[3].data;
    l.c_re = (const float *)c->in[4].data;
    l.c_im = (const float *)c->in[5].data;
    l.d = (const float *)c->in[6].data;
    l.B = c->out.shape.n[0];
    l.T = c->out.shape.n[1];
    l.C = c->out.shape.n[2];
    l.N = c->in[2].shape.n[1];
    l.lanes = 1;
    while (l.lanes * GROUP < l.N && l.lanes < 32) l.lanes *= 2;
    l.reverse = c->args->reverse;
    return l;
}

/* Of state n: A, dt, a = exp(dt A), b = (a - 1) / A. */
struct state {
    wide A, a, b;
    double dt;
};

static __device__ state state_of(const layer &l, int64_t channel, int64_t n)
{
    state s;
    s.dt = exp((double)l.log_dt[channel]);
    s.A = {-exp((double)l.log_re[channel * l.N + n]), (double)l.im[channel * l.N + n]};
    double sine, cosine;
    sincos(s.dt * s.A.im, &sine, &cosine);
    const double size = exp(s.dt * s.A.re);
    s.a = {size * cosine, size * sine};
    s.b = wide_over({s.a.re - 1, s.a.im}, s.A);
    return s;
}

static __device__ cplx narrow(wide x)
{
    return {(float)x.re, (float)x.im};
}

static __device__ int64_t time_of(const layer &l, int64_t i)
{
    return l.reverse ? l.T - 1 - i : i;
}

/* Sum over the lanes of a channel. */
static __device__ float lanes_sum(float x, int lanes)
{
    for (int step = lanes / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

/* More than 32 GROUP states of a channel are taken in turns of that many. */
__global__ void forward_kernel(layer l, view x, view y)
{
    const int64_t thread = blockIdx.x * (int64_t)blockDim.x + threadIdx.x, bc = thread / l.lanes, lane = thread % l.lanes;
    const bool inside = bc < l.B * l.C;
    const int64_t channel = inside ? bc % l.C : 0, start = inside ? bc / l.C * l.T * l.C + channel : 0;
    for (int64_t first = 0; first < l.N; first += l.lanes * GROUP) {
        cplx a[GROUP], b[GROUP], c[GROUP], h[GROUP];
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            const int64_t n = first + lane * GROUP + g;
            a[g] = b[g] = c[g] = h[g] = cplx{0, 0};
            if (n >= l.N) continue;
            const state s = state_of(l, channel, n);
            a[g] = narrow(s.a);
            b[g] = narrow(s.b);
            c[g] = {l.c_re[channel * l.N + n], l.c_im[channel * l.N + n]};
        }
        for (int64_t i = 0; i < l.T; i++) {
            const int64_t at = start + time_of(l, i) * l.C;
            const float v = x.get(at);
            float sum = 0;
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                h[g] = mul(a[g], h[g]);
                h[g].re += b[g].re * v;
                h[g].im += b[g].im * v;
                sum += c[g].re * h[g].re - c[g].im * h[g].im;
            }
            sum = 2 * lanes_sum(sum, (int)l.lanes);
            if (inside && lane == 0) y.put(at, first == 0 ? sum + l.d[channel] * v : y.get(at) + sum);
        }
    }
}

static unsigned grid_of(const layer &l)
{
    return (unsigned)ceil_div(l.B * l.C * l.lanes, 128);
}

static void s4d_forward(const nn_call *c)
{
    const layer l = layer_of(c);
    forward_kernel<<<grid_of(l), 128, 0, stream_of(c)>>>(l, value_of(&c->in[0]), value_of(&c->out));
    cuda_note(device_of(c), cudaGetLastError(), "state space");
}

/* What the parameters' gradients need of a (b, channel, n): sums over time. */
struct gathered {
    float a_re, a_im, b_re, b_im, c_re, c_im;
};

/* marks [B C][N][stretches]: h before each stretch. dx is read and written by lane 0 of a channel alone. */
__global__ void backward_kernel(layer l, view x, view dy, view dx, bool add, cplx *marks, gathered *out, float *dd)
{
    const int64_t thread = blockIdx.x * (int64_t)blockDim.x + threadIdx.x, bc = thread / l.lanes, lane = thread % l.lanes;
    const bool inside = bc < l.B * l.C;
    const int64_t channel = inside ? bc % l.C : 0, start = inside ? bc / l.C * l.T * l.C + channel : 0, stretches = (l.T + STRETCH - 1) / STRETCH;
    float d_sum = 0;
    for (int64_t first = 0; first < l.N; first += l.lanes * GROUP) {
        cplx a[GROUP], b[GROUP], c[GROUP], h[GROUP], G[GROUP];
        gathered sum[GROUP];
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            const int64_t n = first + lane * GROUP + g;
            a[g] = b[g] = c[g] = h[g] = G[g] = cplx{0, 0};
            sum[g] = gathered{};
            if (n >= l.N) continue;
            const state s = state_of(l, channel, n);
            a[g] = narrow(s.a);
            b[g] = narrow(s.b);
            c[g] = {l.c_re[channel * l.N + n], l.c_im[channel * l.N + n]};
        }
        for (int64_t i = 0; i < l.T; i++) {
            const float v = x.get(start + time_of(l, i) * l.C);
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                const int64_t n = first + lane * GROUP + g;
                if (i % STRETCH == 0 && inside && n < l.N) marks[(bc * l.N + n) * stretches + i / STRETCH] = h[g];
                h[g] = mul(a[g], h[g]);
                h[g].re += b[g].re * v;
                h[g].im += b[g].im * v;
            }
        }
        for (int64_t p = stretches - 1; p >= 0; p--) {
            const int64_t begin = p * STRETCH, end = begin + STRETCH < l.T ? begin + STRETCH : l.T;
            for (int g = 0; g < GROUP; g++) {
                const int64_t n = first + lane * GROUP + g;
                const bool real = inside && n < l.N;
                cplx before[STRETCH + 1]; /* before[j]: h before step begin + j */
                before[0] = real ? marks[(bc * l.N + n) * stretches + p] : cplx{0, 0};
                for (int64_t i = begin; i < end; i++) {
                    const float v = x.get(start + time_of(l, i) * l.C);
                    cplx next = mul(a[g], before[i - begin]);
                    next.re += b[g].re * v;
                    next.im += b[g].im * v;
                    before[i - begin + 1] = next;
                }
                for (int64_t i = end - 1; i >= begin; i--) {
                    const int64_t at = start + time_of(l, i) * l.C;
                    const float v = x.get(at), d = dy.get(at);
                    G[g] = mul_conj(a[g], G[g]);
                    G[g].re += 2 * d * c[g].re;
                    G[g].im -= 2 * d * c[g].im;
                    const cplx Ga = mul_conj(before[i - begin], G[g]);
                    sum[g].a_re += Ga.re;
                    sum[g].a_im += Ga.im;
                    sum[g].b_re += G[g].re * v;
                    sum[g].b_im += G[g].im * v;
                    sum[g].c_re += 2 * d * before[i - begin + 1].re;
                    sum[g].c_im -= 2 * d * before[i - begin + 1].im;
                    const float part = lanes_sum(b[g].re * G[g].re + b[g].im * G[g].im, (int)l.lanes);
                    const bool starts = first == 0 && g == 0;
                    if (starts) d_sum += d * v;
                    if (inside && lane == 0 && dx.data) dx.give(at, starts ? part + l.d[channel] * d : part, starts ? add : true);
                }
            }
        }
        for (int g = 0; g < GROUP; g++) {
            const int64_t n = first + lane * GROUP + g;
            if (inside && n < l.N) out[bc * l.N + n] = sum[g];
        }
    }
    if (inside && lane == 0) dd[bc] = d_sum;
}

struct parameter_gradients {
    view log_dt, log_re, im, c_re, c_im, d;
    bool add[7];
};

/* Sums over the items, then the chain rule from a, b, c to the parameters; a thread a state. per_state: share of d log_dt. */
static void parameters_back(const nn_call *c, const layer &l, const gathered *from, const float *dd, double *per_state)
{
    parameter_gradients to = {grad_of(&c->in[1]), grad_of(&c->in[2]), grad_of(&c->in[3]), grad_of(&c->in[4]), grad_of(&c->in[5]), grad_of(&c->in[6]), {}};
    for (int k = 1; k < 7; k++) to.add[k] = c->in[k].add;
    each(c, l.C * l.N, [=] __device__(int64_t at) {
        const int64_t channel = at / l.N, n = at % l.N;
        wide Ga = {0, 0}, Gb = {0, 0}, Gc = {0, 0};
        for (int64_t b = 0; b < l.B; b++) {
            const gathered g = from[(b * l.C + channel) * l.N + n];
            Ga = {Ga.re + (double)g.a_re, Ga.im + (double)g.a_im};
            Gb = {Gb.re + (double)g.b_re, Gb.im + (double)g.b_im};
            Gc = {Gc.re + (double)g.c_re, Gc.im + (double)g.c_im};
        }
        const state s = state_of(l, channel, n);
        const wide over = wide_mul(conj_of(wide_over({1, 0}, s.A)), Gb);
        const wide Gz = wide_mul(conj_of(s.a), {Ga.re + over.re, Ga.im + over.im});
        const wide ratio = wide_over(s.b, s.A), direct = wide_mul({-ratio.re, ratio.im}, Gb);
        const wide GA = {direct.re + s.dt * Gz.re, direct.im + s.dt * Gz.im};
        per_state[at] = s.dt * (s.A.re * Gz.re + s.A.im * Gz.im);
        if (to.log_re.data) to.log_re.give(at, (float)(s.A.re * GA.re), to.add[2]);
        if (to.im.data) to.im.give(at, (float)GA.im, to.add[3]);
        if (to.c_re.data) to.c_re.give(at, (float)Gc.re, to.add[4]);
        if (to.c_im.data) to.c_im.give(at, (float)Gc.im, to.add[5]);
    });
    each(c, l.C, [=] __device__(int64_t channel) {
        double dt = 0, d = 0;
        for (int64_t n = 0; n < l.N; n++) dt += per_state[channel * l.N + n];
        for (int64_t b = 0; b < l.B; b++) d += (double)dd[b * l.C + channel];
        if (to.log_dt.data) to.log_dt.give(channel, (float)dt, to.add[1]);
        if (to.d.data) to.d.give(channel, (float)d, to.add[6]);
    });
}

static size_t marks_bytes(const layer &l)
{
    return aligned((size_t)(l.B * l.C * l.N * ceil_div(l.T, STRETCH)) * sizeof(cplx));
}

static size_t gathered_bytes(const layer &l)
{
    return aligned((size_t)(l.B * l.C * l.N) * sizeof(gathered));
}

static size_t s4d_work(const nn_call *c)
{
    const layer l = layer_of(c);
    return marks_bytes(l) + gathered_bytes(l) + aligned((size_t)(l.B * l.C) * sizeof(float)) + aligned((size_t)(l.C * l.N) * sizeof(double));
}

static void s4d_backward(const nn_call *c)
{
    const layer l = layer_of(c);
    char *work = (char *)c->work;
    cplx *marks = (cplx *)work;
    gathered *sums = (gathered *)(work + marks_bytes(l));
    float *dd = (float *)(work + marks_bytes(l) + gathered_bytes(l));
    double *per_state = (double *)((char *)dd + aligned((size_t)(l.B * l.C) * sizeof(float)));
    backward_kernel<<<grid_of(l), 128, 0, stream_of(c)>>>(l, value_of(&c->in[0]), grad_of(&c->out), grad_of(&c->in[0]), c->in[0].add, marks, sums, dd);
    cuda_note(device_of(c), cudaGetLastError(), "state space");
    parameters_back(c, l, sums, dd, per_state);
}

void cuda_s4d(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_S4D] = cuda_row(s4d_forward, s4d_backward, 0xff, NULL, s4d_work);
}
