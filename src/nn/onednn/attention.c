/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention; formula in reference/time.h. One (item, head) at a time on each thread: its T x T matrix of scores lives in the
 * thread's scratch (L2 for some hundred frames) and is never kept; the backward pass computes it again, which costs one
 * product of five and saves B * H * T * T floats a layer.
 */
#include "nn/onednn/bf16.h"
#include "nn/onednn/vector_math.h"

typedef struct head {
    int64_t B, H, T, D, E; /* E = D / H */
    float scale;           /* 1 / sqrt(E) */
} head;

static head head_of(const nn_call *c)
{
    const nn_shape s = c->out.shape;
    const int64_t E = s.n[2] / c->args->heads;
    return (head){s.n[0], c->args->heads, s.n[1], s.n[2], E, (float)(1 / sqrt((double)E))};
}

/* First value of head h of item b in q, k, v, y. */
static int64_t start_of(const head *p, int64_t bh)
{
    return bh / p->H * p->T * p->D + bh % p->H * p->E;
}

/* s <- softmax(scale s); sums over eight lanes, as vector units have them. */
NN_CLONES static void softmax_row(float *s, int64_t T, float scale)
{
    enum { L = 8 };
    const int64_t whole = T / L * L;
    float most[L], part[L] = {0};
    for (int l = 0; l < L; l++) most[l] = s[0];
    for (int64_t j = 0; j < whole; j += L)
        for (int l = 0; l < L; l++) most[l] = s[j + l] > most[l] ? s[j + l] : most[l];
    for (int64_t j = whole; j < T; j++) most[0] = s[j] > most[0] ? s[j] : most[0];
    for (int l = 1; l < L; l++) most[0] = most[l] > most[0] ? most[l] : most[0];
    const float largest = most[0];
    for (int64_t j = 0; j < T; j++) s[j] = vm_exp((s[j] - largest) * scale);
    for (int64_t j = 0; j < whole; j += L)
        for (int l = 0; l < L; l++) part[l] += s[j + l];
    for (int64_t j = whole; j < T; j++) part[0] += s[j];
    const float share = 1 / (((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7])));
    for (int64_t j = 0; j < T; j++) s[j] *= share;
}

/* The T x E matrix of a head as the right side of a product, as it is or transposed. */
static weights right(const nn_call *c, const head *s, const void *data, int64_t start, bool transposed)
{
    const float *from = (const float *)data + start;
    if (transposed) return (weights){.data = from, .N = s->T, .outer = 1, .inner = s->E, .inner_step = 1, .n_step = s->D, .bf16 = c->bf16};
    return (weights){.data = from, .N = s->E, .outer = 1, .inner = s->T, .inner_step = s->D, .n_step = 1, .bf16 = c->bf16};
}

/* Scratch of one thread: three matrices T x T (probabilities, their gradients, dropout's factors) and what a product needs. */
typedef struct scratch {
    float *p, *dp, *factor, *work;
} scratch;

static int64_t square_floats(const nn_call *c)
{
    return ceil_div(c->out.shape.n[1] * c->out.shape.n[1], 16) * 16;
}

static int64_t scratch_floats(const nn_call *c)
{
    const head s = head_of(c);
    return 3 * square_floats(c) + gemm_tiles_scratch(s.T, s.T > s.E ? s.T : s.E, c->bf16);
}

static scratch scratch_of(const nn_call *c, int64_t part)
{
    float *own = (float *)c->work + part * scratch_floats(c);
    const int64_t square = square_floats(c);
    return (scratch){own, own + square, own + 2 * square, own + 3 * square};
}

static size_t attention_work(const nn_call *c)
{
    return (size_t)(c->threads * scratch_floats(c)) * sizeof(float);
}

/* p[T][T] = softmax(q k^T / sqrt(E)) */
static void probabilities(const nn_call *c, const head *s, int64_t start, const scratch *m)
{
    const weights k = right(c, s, c->in[1].data, start, true);
    const result to = {.data = m->p, .stride = s->T};
    gemm_tiles((const float *)c->in[0].data + start, s->T, s->D, 1, &k, &to, m->work);
    for (int64_t i = 0; i < s->T; i++) (PCLR_BF16 && c->bf16 ? bf16_softmax : softmax_row)(m->p + i * s->T, s->T, s->scale);
}

static void head_forward(const nn_call *c, const head *s, int64_t bh, const scratch *m)
{
    const int64_t start = start_of(s, bh), size = s->T * s->T;
    const weights v = right(c, s, c->in[2].data, start, false);
    const result y = {.data = (float *)c->out.data + start, .stride = s->D};
    probabilities(c, s, start, m);
    if (c->args->p > 0) dropout_apply(c, bh * size, size, m->p, false, m->p);
    gemm_tiles(m->p, s->T, s->T, 1, &v, &y, m->work);
}

static void attention_forward(const nn_call *c)
{
    const head s = head_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(s.B * s.H, c->threads, part);
        const scratch m = scratch_of(c, part);
        for (int64_t bh = mine.begin; bh < mine.end; bh++) head_forward(c, &s, bh, &m);
    }
}

/* ds = scale p (dp f - sum p dp f), written over dp; p <- p f. f: dropout's factors, NULL: ones. */
NN_CLONES static void softmax_row_back(float *p, float *dp, const float *f, int64_t T, float scale)
{
    float part[8] = {0};
    if (f)
        for (int64_t j = 0; j < T; j++) dp[j] *= f[j];
    for (int64_t j = 0; j < T; j += 8) {
        const int64_t lanes = T - j < 8 ? T - j : 8;
        for (int64_t l = 0; l < lanes; l++) part[l] += p[j + l] * dp[j + l];
    }
    const float dot = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
    for (int64_t j = 0; j < T; j++) dp[j] = scale * p[j] * (dp[j] - dot);
    if (f)
        for (int64_t j = 0; j < T; j++) p[j] *= f[j];
}

/* Gradient of input k: left (step 1: as it is; T: transposed) times right. */
static void add_gradient(const nn_call *c, const head *s, int k, int64_t start, const float *left, bool transposed, const weights *w,
                         const scratch *m)
{
    const result to = {.data = (float *)c->in[k].grad + start, .stride = s->D, .add = c->in[k].add};
    if (c->in[k].grad) gemm_tiles(left, s->T, transposed ? 1 : s->T, transposed ? s->T : 1, w, &to, m->work);
}

/* Gradients of one (item, head). All inputs may be one tensor: each product adds after the first that wrote. */
static void head_backward(const nn_call *c, const head *s, int64_t bh, const scratch *m)
{
    const int64_t start = start_of(s, bh), size = s->T * s->T;
    const weights q = right(c, s, c->in[0].data, start, false), k = right(c, s, c->in[1].data, start, false);
    const weights vt = right(c, s, c->in[2].data, start, true), dy = right(c, s, c->out.grad, start, false);
    const result to = {.data = m->dp, .stride = s->T};
    const bool drops = c->args->p > 0;
    probabilities(c, s, start, m);
    gemm_tiles((const float *)c->out.grad + start, s->T, s->D, 1, &vt, &to, m->work);
    if (drops) dropout_factors(c, bh * size, size, m->factor);
    for (int64_t i = 0; i < s->T; i++)
        (PCLR_BF16 && c->bf16 ? bf16_softmax_back : softmax_row_back)(m->p + i * s->T, m->dp + i * s->T, drops ? m->factor + i * s->T : NULL, s->T, s->scale);
    add_gradient(c, s, 0, start, m->dp, false, &k, m);
    add_gradient(c, s, 1, start, m->dp, true, &q, m);
    add_gradient(c, s, 2, start, m->p, true, &dy, m);
}

static void attention_backward(const nn_call *c)
{
    const head s = head_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(s.B * s.H, c->threads, part);
        const scratch m = scratch_of(c, part);
        for (int64_t bh = mine.begin; bh < mine.end; bh++) head_backward(c, &s, bh, &m);
    }
}

void nn_onednn_attention(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_ATTENTION] = (nn_kernel){
        .forward = attention_forward, .backward = attention_backward, .reads = 1 | 2 | 4, .writes = true, .work = attention_work};
}
