/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagonal state space; formula in reference/s4d.h. LANES channels of one item run side by side; the input factor b joins c: with
 * w = c b the states are h_t = a h_{t-1} + x_t and y_t = 2 Re(sum_n w h_t) + d x_t, and from G_w follow G_c = conj(b) G_w and
 * G_b = conj(c) G_w. The states themselves are in registers (s4d_steps.h), two at a time over the whole signal. The backward pass runs
 * forward once more and keeps the states of two of N, so that its memory does not grow with the number of states.
 */
#include "nn/onednn/fast.h"

#include <complex.h> /* after the others: it takes the name I */

enum { LANES = 16, PAIR = 2 };

/* ---- inner loops, for this processor ---- */

typedef float lanes4 __attribute__((vector_size(16), aligned(4)));
typedef float lanes8 __attribute__((vector_size(32), aligned(4)));
typedef float lanes16 __attribute__((vector_size(64), aligned(4)));

#define UNROLL _Pragma("GCC unroll 8")
#if defined(__x86_64__)
#define LANE lanes16
#define FOR_PROCESSOR __attribute__((target("avx512f")))
#define NAME(x) x##_avx512
#include "nn/onednn/s4d_steps.h"
#define LANE lanes8
#define FOR_PROCESSOR __attribute__((target("avx2,fma")))
#define NAME(x) x##_avx2
#include "nn/onednn/s4d_steps.h"
#endif
#define LANE lanes4
#define FOR_PROCESSOR
#define NAME(x) x##_any
#include "nn/onednn/s4d_steps.h"

typedef struct steps {
    void (*outputs)(const float *a, const float *w, const float *x, float *y, int64_t T);
    void (*states)(const float *a, const float *x, float *h, int64_t T);
    void (*gradients)(const float *a, const float *w, const float *h, const float *e, float *dx, int64_t T, float *G);
} steps;

static steps steps_here(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return (steps){outputs_avx512, states_avx512, gradients_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (steps){outputs_avx2, states_avx2, gradients_avx2};
#endif
    return (steps){outputs_any, states_any, gradients_any};
}

typedef double complex cplx;

/* One block of LANES channels; a and w [N][real, imaginary][LANES], N even: a state that is not there has a = w = 0. */
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

static int64_t padded_states(const nn_call *c)
{
    return ceil_div(states(c), PAIR) * PAIR;
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
    return 4 * padded_states(c) * LANES;
}

static block block_of(const nn_call *c, int64_t k, float *memory)
{
    const nn_shape s = c->out.shape;
    block b = {.T = s.n[1], .C = s.n[2], .N = padded_states(c), .first = k * LANES, .reverse = c->args->reverse};
    b.lanes = b.C - b.first < LANES ? b.C - b.first : LANES;
    b.a = memory;
    b.w = memory + 2 * b.N * LANES;
    for (int64_t l = 0; l < b.lanes; l++) b.d[l] = at(c, 6, b.first + l);
    return b;
}

/* Constants of a block; lanes beyond the channels hold zeros. */
static void fill_constants(const nn_call *c, const block *b)
{
    memset(b->a, 0, (size_t)constant_floats(c) * sizeof(float));
    for (int64_t l = 0; l < b->lanes; l++)
        for (int64_t n = 0; n < states(c); n++) {
            const state s = state_of(c, b->first + l, n);
            const cplx w = s.c * s.b;
            b->a[2 * n * LANES + l] = (float)creal(s.a);
            b->a[(2 * n + 1) * LANES + l] = (float)cimag(s.a);
            b->w[2 * n * LANES + l] = (float)creal(w);
            b->w[(2 * n + 1) * LANES + l] = (float)cimag(w);
        }
}

static void fill_all_constants(const nn_call *c, float *constants)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t k = 0; k < blocks(c); k++) {
        const block b = block_of(c, k, constants + k * constant_floats(c));
        fill_constants(c, &b);
    }
}

/* ---- between [T][C] and [T][LANES] in the order of the recurrence ---- */

static int64_t row_of(const block *b, int64_t step)
{
    return (b->reverse ? b->T - 1 - step : step) * b->C + b->first;
}

/* to = scale x; lanes beyond the channels hold zeros. */
NN_CLONES static void gather(const block *b, const float *x, float scale, float *to)
{
    for (int64_t t = 0; t < b->T; t++, to += LANES) {
        const float *from = x + row_of(b, t);
        if (b->lanes == LANES)
            for (int64_t l = 0; l < LANES; l++) to[l] = scale * from[l];
        else
            for (int64_t l = 0; l < LANES; l++) to[l] = l < b->lanes ? scale * from[l] : 0;
    }
}

/* y (add ? + : =) scale sum + d x, x [T][LANES] */
NN_CLONES static void scatter(const block *b, const float *sum, float scale, const float *x, float x_scale, bool add, float *y)
{
    for (int64_t t = 0; t < b->T; t++, sum += LANES, x += LANES) {
        float *to = y + row_of(b, t);
        for (int64_t l = 0; l < b->lanes; l++) to[l] = (add ? to[l] : 0) + scale * sum[l] + x_scale * b->d[l] * x[l];
    }
}

/* ---- forward. Scratch: constants of all blocks; of each thread x and the sum of its states [T][LANES] ---- */

static int64_t signal_floats(const nn_call *c)
{
    return c->out.shape.n[1] * LANES;
}

static void item_forward(const block *b, const steps *run, const float *x, float *y, float *scratch)
{
    float *in = scratch, *sum = in + b->T * LANES;
    gather(b, x, 1, in);
    memset(sum, 0, (size_t)(b->T * LANES) * sizeof *sum);
    for (int64_t n = 0; n < b->N; n += PAIR) run->outputs(b->a + 2 * n * LANES, b->w + 2 * n * LANES, in, sum, b->T);
    scatter(b, sum, 2, in, 1, false, y);
}

static void s4d_forward(const nn_call *c)
{
    const int64_t B = c->out.shape.n[0], K = blocks(c), item = c->out.shape.n[1] * c->out.shape.n[2];
    const steps run = steps_here();
    float *constants = c->work, *scratch = constants + K * constant_floats(c);
    fill_all_constants(c, constants);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(B * K, c->threads, part);
        for (int64_t task = mine.begin; task < mine.end; task++) {
            const block b = block_of(c, task % K, constants + task % K * constant_floats(c));
            item_forward(&b, &run, (const float *)c->in[0].data + task / K * item, (float *)c->out.data + task / K * item,
                         scratch + part * 2 * signal_floats(c));
        }
    }
}

/* ---- backward. Scratch: sums in double of every thread and block, added up in fixed order; constants of all blocks; of each thread x,
 * e = 2 dy and the sum for dx [T][LANES], two states [T + 1][2][LANES], sums of a state ---- */

/* Of every state the sums for a and w, and d. */
static int64_t block_doubles(const nn_call *c)
{
    return (4 * padded_states(c) + 1) * LANES;
}

static int64_t state_floats(const nn_call *c)
{
    return (c->out.shape.n[1] + 1) * 2 * LANES;
}

static int64_t thread_floats(const nn_call *c)
{
    return 3 * signal_floats(c) + PAIR * state_floats(c) + 4 * LANES;
}

static size_t s4d_work(const nn_call *c)
{
    const int64_t K = blocks(c), constants = K * constant_floats(c), forward = constants + c->threads * 2 * signal_floats(c),
                  backward = constants + c->threads * (2 * K * block_doubles(c) + thread_floats(c));
    return (size_t)(c->training ? backward : forward) * sizeof(float);
}

/* total += products of x and dy = e / 2, by lane */
NN_CLONES static void add_products(const float *x, const float *e, int64_t T, double total[LANES])
{
    float sum[LANES] = {0};
    for (int64_t t = 0; t < T; t++)
        for (int64_t l = 0; l < LANES; l++) sum[l] += e[t * LANES + l] * x[t * LANES + l];
    for (int64_t l = 0; l < LANES; l++) total[l] += 0.5 * (double)sum[l];
}

static void item_backward(const nn_call *c, const block *b, const steps *run, int64_t item, double *total, float *scratch)
{
    const int64_t signal = signal_floats(c), at_item = item * b->T * b->C;
    float *x = scratch, *e = x + signal, *sum = e + signal, *h = sum + signal, *G = h + PAIR * state_floats(c);
    gather(b, (const float *)c->in[0].data + at_item, 1, x);
    gather(b, (const float *)c->out.grad + at_item, 2, e);
    memset(sum, 0, (size_t)signal * sizeof *sum);
    for (int64_t n = 0; n < b->N; n++) {
        const int64_t o = 2 * n * LANES;
        if (n % PAIR == 0) run->states(b->a + o, x, h, b->T);
        run->gradients(b->a + o, b->w + o, h + n % PAIR * state_floats(c), e, sum, b->T, G);
        for (int64_t k = 0; k < 4 * LANES; k++) total[2 * o + k] += (double)G[k];
    }
    add_products(x, e, b->T, total + 4 * b->N * LANES);
    if (c->in[0].grad) scatter(b, sum, 1, e, 0.5f, c->in[0].add, (float *)c->in[0].grad + at_item);
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
        for (int64_t n = 0; n < states(c); n++) {
            const int64_t k = channel * states(c) + n;
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

/* Gradients of the parameters of one block, from the sums of all threads. */
static void finish_block(const nn_call *c, const block *b, int64_t k, double *totals)
{
    const int64_t doubles = block_doubles(c);
    double *total = totals + k * doubles;
    for (int64_t part = 1; part < c->threads; part++)
        for (int64_t j = 0; j < doubles; j++) total[j] += totals[(part * blocks(c) + k) * doubles + j];
    add_parameters(c, b, total);
}

static void s4d_backward(const nn_call *c)
{
    const int64_t B = c->out.shape.n[0], K = blocks(c), doubles = block_doubles(c);
    const steps run = steps_here();
    double *totals = c->work;
    float *constants = (float *)(totals + c->threads * K * doubles), *scratch = constants + K * constant_floats(c);
    fill_all_constants(c, constants);
    memset(totals, 0, (size_t)(c->threads * K * doubles) * sizeof *totals);
    for (int k = 1; k < 7; k++)
        if (c->in[k].grad && !c->in[k].add) memset(c->in[k].grad, 0, (size_t)c->in[k].size * sizeof(float));
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(B * K, c->threads, part);
        for (int64_t task = mine.begin; task < mine.end; task++) {
            const int64_t k = task % K;
            const block b = block_of(c, k, constants + k * constant_floats(c));
            item_backward(c, &b, &run, task / K, totals + (part * K + k) * doubles, scratch + part * thread_floats(c));
        }
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t k = 0; k < K; k++) {
        const block b = block_of(c, k, constants + k * constant_floats(c));
        finish_block(c, &b, k, totals);
    }
}

void nn_onednn_s4d(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_S4D] = (nn_kernel){.forward = s4d_forward, .backward = s4d_backward, .reads = 127, .writes = true, .work = s4d_work};
}
