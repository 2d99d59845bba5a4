/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention; formula in reference/time.h. One (item, head) at a time on each thread: its T x T matrix of scores lives in the
 * thread's scratch (L2 for some hundred frames) and is never kept; the backward pass computes it again, which costs one
 * product of five and saves B * H * T * T floats a layer.
 */
#include "nn/onednn/fast.h"
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

NN_CLONES static void softmax_row(float *s, int64_t T)
{
    float largest = s[0], sum = 0;
    for (int64_t j = 1; j < T; j++) largest = s[j] > largest ? s[j] : largest;
    for (int64_t j = 0; j < T; j++) s[j] = vm_exp(s[j] - largest);
    for (int64_t j = 0; j < T; j++) sum += s[j];
    const float share = 1 / sum;
    for (int64_t j = 0; j < T; j++) s[j] *= share;
}

/* p[T][T] = softmax(q k^T / sqrt(E)) */
static void probabilities(const nn_call *c, const head *s, int64_t start, float *p)
{
    gemm_one(false, true, s->T, s->T, s->E, s->scale, (const float *)c->in[0].data + start, s->D, (const float *)c->in[1].data + start,
             s->D, false, p, s->T);
    for (int64_t i = 0; i < s->T; i++) softmax_row(p + i * s->T, s->T);
}

/* to = from times the dropout factors of (item, head) bh */
static void drop(const nn_call *c, const head *s, int64_t bh, const float *from, float *to)
{
    const int64_t size = s->T * s->T;
    float factor[DROPOUT_RUN];
    for (int64_t i = 0; i < size; i += DROPOUT_RUN) {
        const int64_t run = size - i < DROPOUT_RUN ? size - i : DROPOUT_RUN;
        dropout_factors(c, bh * size + i, run, factor);
        for (int64_t k = 0; k < run; k++) to[i + k] = from[i + k] * factor[k];
    }
}

/* Scratch of one thread: p, dp and, with dropout, the dropped p. */
static int64_t scratch_floats(const nn_call *c)
{
    return 3 * ceil_div(c->out.shape.n[1] * c->out.shape.n[1], 16) * 16;
}

static size_t attention_work(const nn_call *c)
{
    return (size_t)(c->threads * scratch_floats(c)) * sizeof(float);
}

static void attention_forward(const nn_call *c)
{
    const head s = head_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(s.B * s.H, c->threads, part);
        float *p = (float *)c->work + part * scratch_floats(c);
        for (int64_t bh = mine.begin; bh < mine.end; bh++) {
            const int64_t start = start_of(&s, bh);
            probabilities(c, &s, start, p);
            if (c->args->p > 0) drop(c, &s, bh, p, p);
            gemm_one(false, false, s.T, s.E, s.T, 1, p, s.T, (const float *)c->in[2].data + start, s.D, false, (float *)c->out.data + start,
                     s.D);
        }
    }
}

/* ds = p (dp - sum p dp), written over dp */
NN_CLONES static void softmax_row_back(const float *p, float *dp, int64_t T)
{
    float part[8] = {0};
    for (int64_t j = 0; j < T; j += 8) {
        const int64_t lanes = T - j < 8 ? T - j : 8;
        for (int64_t l = 0; l < lanes; l++) part[l] += p[j + l] * dp[j + l];
    }
    const float dot = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
    for (int64_t j = 0; j < T; j++) dp[j] = p[j] * (dp[j] - dot);
}

/* Gradients of one (item, head). All inputs may be one tensor: each product adds after the first that wrote. */
static void head_backward(const nn_call *c, const head *s, int64_t bh, float *p)
{
    const int64_t start = start_of(s, bh), size = scratch_floats(c) / 3;
    const float *dy = (const float *)c->out.grad + start;
    float *dp = p + size, *dropped = dp + size;
    probabilities(c, s, start, p);
    gemm_one(false, true, s->T, s->T, s->E, 1, dy, s->D, (const float *)c->in[2].data + start, s->D, false, dp, s->T);
    if (c->args->p > 0) {
        drop(c, s, bh, p, dropped);
        drop(c, s, bh, dp, dp);
    } else {
        dropped = p;
    }
    for (int64_t i = 0; i < s->T; i++) softmax_row_back(p + i * s->T, dp + i * s->T, s->T);
    if (c->in[0].grad)
        gemm_one(false, false, s->T, s->E, s->T, s->scale, dp, s->T, (const float *)c->in[1].data + start, s->D, c->in[0].add,
                 (float *)c->in[0].grad + start, s->D);
    if (c->in[1].grad)
        gemm_one(true, false, s->T, s->E, s->T, s->scale, dp, s->T, (const float *)c->in[0].data + start, s->D, c->in[1].add,
                 (float *)c->in[1].grad + start, s->D);
    if (c->in[2].grad)
        gemm_one(true, false, s->T, s->E, s->T, 1, dropped, s->T, dy, s->D, c->in[2].add, (float *)c->in[2].grad + start, s->D);
}

static void attention_backward(const nn_call *c)
{
    const head s = head_of(c);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece mine = piece_of(s.B * s.H, c->threads, part);
        for (int64_t bh = mine.begin; bh < mine.end; bh++) head_backward(c, &s, bh, (float *)c->work + part * scratch_floats(c));
    }
}

void nn_onednn_attention(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_ATTENTION] = (nn_kernel){
        .forward = attention_forward, .backward = attention_backward, .reads = 1 | 2 | 4, .writes = true, .work = attention_work};
}
