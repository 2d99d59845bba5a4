/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagonal state space; formula in reference/s4d.h. LANES channels run side by side through time. The input factor b joins c:
 * with w = c b the states are h_t = a h_{t-1} + x_t and y_t = 2 Re(sum_n w h_t) + d x_t, and from G_w follow
 * G_c = conj(b) G_w and G_b = conj(c) G_w. The backward pass keeps the states at every STEPS-th step only and computes those
 * between again, so that its memory does not grow with time times states.
 */
#include "nn/onednn/fast.h"

#include <complex.h> /* after the others: it takes the name I */

enum { LANES = 16, STEPS = 16 };

typedef double complex cplx;

/* One block of LANES channels; a and w [N][2][LANES], real and imaginary parts. */
typedef struct block {
    int64_t T, C, N, first, lanes;
    bool reverse;
    float *a, *w;
    float d[LANES];
} block;

static int64_t states(const nn_call *c)
{
    return c->in[2].shape.n[1];
}

static int64_t blocks(const nn_call *c)
{
    return ceil_div(c->out.shape.n[2], LANES);
}

static float at(const nn_call *c, int input, int64_t k)
{
    return ((const float *)c->in[input].data)[k];
}

typedef struct state {
    cplx A, a, b, c;
    double dt;
} state;

static state state_of(const nn_call *c, int64_t channel, int64_t n)
{
    const int64_t k = channel * states(c) + n;
    state s;
    s.dt = exp((double)at(c, 1, channel));
    s.A = -exp((double)at(c, 2, k)) + (double)at(c, 3, k) * I;
    s.a = cexp(s.dt * s.A);
    s.b = (s.a - 1) / s.A;
    s.c = (double)at(c, 4, k) + (double)at(c, 5, k) * I;
    return s;
}

/* Floats of a block's constants. */
static int64_t constant_floats(const nn_call *c)
{
    return 4 * states(c) * LANES;
}

static block block_of(const nn_call *c, int64_t k, float *memory)
{
    const nn_shape s = c->out.shape;
    const int64_t n = states(c) * LANES;
    block b = {.T = s.n[1], .C = s.n[2], .N = states(c), .first = k * LANES, .reverse = c->args->reverse};
    b.lanes = b.C - b.first < LANES ? b.C - b.first : LANES;
    b.a = memory;
    b.w = memory + 2 * n;
    for (int64_t l = 0; l < b.lanes; l++) b.d[l] = at(c, 6, b.first + l);
    return b;
}

/* Constants of a block; lanes beyond the channels hold zeros. */
static void fill_constants(const nn_call *c, const block *b)
{
    memset(b->a, 0, (size_t)constant_floats(c) * sizeof(float));
    for (int64_t l = 0; l < b->lanes; l++)
        for (int64_t n = 0; n < b->N; n++) {
            const state s = state_of(c, b->first + l, n);
            const cplx w = s.c * s.b;
            b->a[2 * n * LANES + l] = (float)creal(s.a);
            b->a[(2 * n + 1) * LANES + l] = (float)cimag(s.a);
            b->w[2 * n * LANES + l] = (float)creal(w);
            b->w[(2 * n + 1) * LANES + l] = (float)cimag(w);
        }
}

static int64_t row_of(const block *b, int64_t step)
{
    return (b->reverse ? b->T - 1 - step : step) * b->C + b->first;
}

static void load_row(const block *b, const float *x, int64_t step, float row[LANES])
{
    const float *from = x + row_of(b, step);
    for (int64_t l = 0; l < b->lanes; l++) row[l] = from[l];
}

/* One state: to <- a from + x; sum += Re(w to). */
static inline void advance_state(const float *restrict a, const float *restrict w, const float *restrict from, const float *restrict x,
                                 float *restrict to, float *restrict sum)
{
    for (int l = 0; l < LANES; l++) {
        const float re = a[l] * from[l] - a[LANES + l] * from[LANES + l] + x[l], im = a[l] * from[LANES + l] + a[LANES + l] * from[l];
        to[l] = re;
        to[LANES + l] = im;
        sum[l] += w[l] * re - w[LANES + l] * im;
    }
}

/* One step: h <- a h + x, y = sum_n Re(w h). States [N][2][LANES]. */
static inline void advance(const block *b, const float *from, float *to, const float *x, float *y)
{
    float sum[LANES] = {0};
    for (int64_t n = 0; n < b->N; n++) {
        const int64_t o = 2 * n * LANES;
        advance_state(b->a + o, b->w + o, from + o, x, to + o, sum);
    }
    for (int l = 0; l < LANES; l++) y[l] = sum[l];
}

/* h: two sets of states, taken in turn. */
NN_CLONES static void run_forward(const block *b, const float *x, float *y, float *h)
{
    const int64_t size = 2 * b->N * LANES;
    float row[LANES] = {0}, sum[LANES];
    memset(h, 0, (size_t)size * sizeof *h);
    for (int64_t step = 0; step < b->T; step++) {
        const int64_t side = step % 2;
        float *to = y + row_of(b, step);
        load_row(b, x, step, row);
        advance(b, h + side * size, h + (1 - side) * size, row, sum);
        for (int64_t l = 0; l < b->lanes; l++) to[l] = 2 * sum[l] + b->d[l] * row[l];
    }
}

static void s4d_forward(const nn_call *c)
{
    const int64_t B = c->out.shape.n[0], K = blocks(c), item = c->out.shape.n[1] * c->out.shape.n[2];
    float *constants = c->work, *h = constants + K * constant_floats(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t k = 0; k < K; k++) {
        const block b = block_of(c, k, constants + k * constant_floats(c));
        fill_constants(c, &b);
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(B * K, c->threads, part);
        for (int64_t task = mine.begin; task < mine.end; task++) {
            const block b = block_of(c, task % K, constants + task % K * constant_floats(c));
            run_forward(&b, (const float *)c->in[0].data + task / K * item, (float *)c->out.data + task / K * item,
                        h + part * 4 * b.N * LANES);
        }
    }
}

/* ---- backward ---- */

/* One state of one step back: g <- conj(a) g + 2 dy conj(w), and the sums of G_a and G_w; sum += Re g. e = 2 dy. */
static inline void retreat_state(const float *restrict a, const float *restrict w, const float *restrict before,
                                 const float *restrict after, const float *restrict e, float *restrict g, float *restrict G,
                                 float *restrict sum)
{
    for (int l = 0; l < LANES; l++) {
        const float re = a[l] * g[l] + a[LANES + l] * g[LANES + l] + e[l] * w[l];
        const float im = a[l] * g[LANES + l] - a[LANES + l] * g[l] - e[l] * w[LANES + l];
        g[l] = re;
        g[LANES + l] = im;
        sum[l] += re;
        G[l] += re * before[l] + im * before[LANES + l];
        G[LANES + l] += im * before[l] - re * before[LANES + l];
        G[2 * LANES + l] += e[l] * after[l];
        G[3 * LANES + l] -= e[l] * after[LANES + l];
    }
}

/* One step back; `before` and `after` are the states around the step; dx receives Re(sum_n g). */
static inline void retreat(const block *b, float *g, const float *before, const float *after, const float *dy, float *G, float *dx)
{
    float sum[LANES] = {0}, e[LANES];
    for (int l = 0; l < LANES; l++) e[l] = 2 * dy[l];
    for (int64_t n = 0; n < b->N; n++) {
        const int64_t o = 2 * n * LANES;
        retreat_state(b->a + o, b->w + o, before + o, after + o, e, g + o, G + 2 * o, sum);
    }
    for (int l = 0; l < LANES; l++) dx[l] = sum[l];
}

/* Scratch of a thread: states at chunk borders, states within a chunk, g, sums of one item, sums in double, constants. */
static int64_t border_floats(const nn_call *c)
{
    return (ceil_div(c->out.shape.n[1], STEPS) + 1) * 2 * states(c) * LANES;
}

static int64_t thread_floats(const nn_call *c)
{
    const int64_t n = states(c) * LANES;
    return border_floats(c) + (STEPS + 1) * 2 * n + 2 * n + 4 * n + constant_floats(c);
}

static int64_t thread_doubles(const nn_call *c)
{
    return (4 * states(c) + 1) * LANES;
}

static size_t s4d_work(const nn_call *c)
{
    const int64_t forward = blocks(c) * constant_floats(c) + c->threads * 4 * states(c) * LANES,
                  backward = c->threads * (thread_floats(c) + 2 * thread_doubles(c));
    return (size_t)(forward > backward ? forward : backward) * sizeof(float);
}

NN_CLONES static void find_borders(const block *b, const float *x, float *border, float *chunk)
{
    const int64_t size = 2 * b->N * LANES;
    float row[LANES] = {0}, ignored[LANES];
    memset(border, 0, (size_t)size * sizeof *border);
    memset(chunk, 0, (size_t)size * sizeof *chunk);
    for (int64_t step = 0; step < b->T; step++) {
        const int64_t side = step % 2;
        load_row(b, x, step, row);
        advance(b, chunk + side * size, chunk + (1 - side) * size, row, ignored);
        if ((step + 1) % STEPS == 0) memcpy(border + (step + 1) / STEPS * size, chunk + (1 - side) * size, (size_t)size * sizeof *chunk);
    }
}

/* Steps [begin, end) of one item, backwards. */
NN_CLONES static void chunk_backward(const block *b, const float *x, const float *dy, float *dx, bool add, int64_t begin, int64_t end,
                                     const float *border, float *chunk, float *g, float *G, float *d_sum)
{
    const int64_t size = 2 * b->N * LANES;
    float row[LANES] = {0}, grad[LANES] = {0}, ignored[LANES], through[LANES];
    memcpy(chunk, border + begin / STEPS * size, (size_t)size * sizeof *chunk);
    for (int64_t step = begin; step < end; step++) {
        load_row(b, x, step, row);
        advance(b, chunk + (step - begin) * size, chunk + (step - begin + 1) * size, row, ignored);
    }
    for (int64_t step = end - 1; step >= begin; step--) {
        load_row(b, x, step, row);
        load_row(b, dy, step, grad);
        retreat(b, g, chunk + (step - begin) * size, chunk + (step - begin + 1) * size, grad, G, through);
        for (int64_t l = 0; l < b->lanes; l++) d_sum[l] += grad[l] * row[l];
        if (!dx) continue;
        float *to = dx + row_of(b, step);
        for (int64_t l = 0; l < b->lanes; l++) to[l] = (add ? to[l] : 0) + through[l] + b->d[l] * grad[l];
    }
}

static void add_to(const nn_tensor *t, int64_t k, double value)
{
    if (t->grad) ((float *)t->grad)[k] += (float)value;
}

/* From the sums over all items to the gradients of the parameters, as in reference/s4d.h. */
static void add_parameters(const nn_call *c, const block *b, const double *total)
{
    for (int64_t l = 0; l < b->lanes; l++) {
        const int64_t channel = b->first + l;
        for (int64_t n = 0; n < b->N; n++) {
            const int64_t k = channel * b->N + n;
            const double *G = total + 4 * n * LANES + l;
            const state s = state_of(c, channel, n);
            const cplx Ga = G[0] + G[LANES] * I, Gw = G[2 * LANES] + G[3 * LANES] * I;
            const cplx Gb = conj(s.c) * Gw, Gc = conj(s.b) * Gw, Gz = conj(s.a) * (Ga + conj(1 / s.A) * Gb),
                       GA = conj(-s.b / s.A) * Gb + s.dt * Gz;
            add_to(&c->in[1], channel, s.dt * creal(conj(s.A) * Gz));
            add_to(&c->in[2], k, creal(s.A) * creal(GA));
            add_to(&c->in[3], k, cimag(GA));
            add_to(&c->in[4], k, creal(Gc));
            add_to(&c->in[5], k, cimag(Gc));
        }
        add_to(&c->in[6], channel, total[4 * b->N * LANES + l]);
    }
}

/* One block of channels over all items: no other thread touches its parameters. */
static void block_backward(const nn_call *c, int64_t k, float *floats, double *total)
{
    const int64_t n = states(c) * LANES, item = c->out.shape.n[1] * c->out.shape.n[2];
    float *border = floats, *chunk = border + border_floats(c), *g = chunk + (STEPS + 1) * 2 * n, *sum = g + 2 * n;
    const block b = block_of(c, k, sum + 4 * n);
    fill_constants(c, &b);
    memset(total, 0, (size_t)thread_doubles(c) * sizeof *total);
    for (int64_t i = 0; i < c->out.shape.n[0]; i++) {
        const float *x = (const float *)c->in[0].data + i * item, *dy = (const float *)c->out.grad + i * item;
        float *dx = c->in[0].grad ? (float *)c->in[0].grad + i * item : NULL;
        float d_sum[LANES] = {0};
        memset(g, 0, (size_t)(6 * n) * sizeof *g);
        find_borders(&b, x, border, chunk);
        for (int64_t begin = (b.T - 1) / STEPS * STEPS; begin >= 0; begin -= STEPS)
            chunk_backward(&b, x, dy, dx, c->in[0].add, begin, begin + STEPS < b.T ? begin + STEPS : b.T, border, chunk, g, sum, d_sum);
        for (int64_t j = 0; j < 4 * n; j++) total[j] += (double)sum[j];
        for (int64_t l = 0; l < LANES; l++) total[4 * n + l] += (double)d_sum[l];
    }
    add_parameters(c, &b, total);
}

static void s4d_backward(const nn_call *c)
{
    float *floats = (float *)((double *)c->work + c->threads * thread_doubles(c));
    for (int k = 1; k < 7; k++)
        if (c->in[k].grad && !c->in[k].add) memset(c->in[k].grad, 0, (size_t)c->in[k].size * sizeof(float));
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(blocks(c), c->threads, part);
        for (int64_t k = mine.begin; k < mine.end; k++)
            block_backward(c, k, floats + part * thread_floats(c), (double *)c->work + part * thread_doubles(c));
    }
}

void nn_onednn_s4d(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_S4D] = (nn_kernel){.forward = s4d_forward, .backward = s4d_backward, .reads = 127, .writes = true, .work = s4d_work};
}
