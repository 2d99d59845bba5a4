/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of weights with operands rounded to bf16: dw[n][tap, channel] = sum over u of dy[u][n] x[u stride + tap dilation - left][channel].
 *
 * The depth of this product is time. A chunk of it is brought into the second-level cache: dy turned into left tiles, x as pairs of values that
 * are a stride apart, [pair][16 channels][2]. A tap shifts where the pairs begin, so that all taps read one copy of x for each of the 2 stride
 * beginnings of a pair: no window is written out. Sums stay in the cache over the chunks; threads share the chunks, each with sums of its own,
 * which are added at the end in fixed order.
 */
#include "nn/onednn/bf16.h"

#if PCLR_BF16

enum {
    CACHE = 1 << 19, /* bytes of a chunk */
    PARTS = 4        /* most threads that share the rows, as in gemm.c */
};

typedef struct weights_plan {
    window_rows w;             /* rows that stand in memory are windows of one tap */
    int64_t items, N;
    int64_t n_tiles, channel_tiles, column_tiles; /* of 16 */
    int64_t most_items, most_steps, cuts;         /* of a chunk; chunks of an item */
    int64_t beginnings, low, pairs;               /* copies of x; pair 0 of a copy begins 2 stride low after the chunk's first row; pairs of an item */
    int64_t chunks, parts, groups;
    int64_t left_values, copy_values, sums;
} weights_plan;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -ceil_div(-a, b);
}

static weights_plan plan_weights(const matrix *x, int64_t N, int threads)
{
    weights_plan p = {.N = N, .items = 1, .n_tiles = ceil_div(N, BF16_TILE)};
    p.w = (window_rows){.T = x->rows, .U = x->rows, .K = 1, .I = x->columns, .x_stride = x->stride, .stride = 1, .dilation = 1};
    if (x->windows) {
        p.w = *x->windows;
        p.items = x->rows / p.w.U;
    }
    p.channel_tiles = ceil_div(p.w.I, BF16_TILE);
    p.column_tiles = p.w.K * p.channel_tiles;
    p.beginnings = p.w.K == 1 ? 1 : 2 * p.w.stride;
    /* The chunk: rows so that both sides fit, several items when they are short. */
    const int64_t row_bytes = 2 * BF16_TILE * (p.n_tiles + p.beginnings * p.channel_tiles), steps = ceil_div(p.w.U, BF16_STEP);
    int64_t rows = CACHE / row_bytes / BF16_STEP;
    if (rows < 4) rows = 4;
    p.cuts = ceil_div(steps, rows);
    p.most_items = p.cuts > 1 ? 1 : rows / steps;
    /* as many chunks for every part, where there are rows enough */
    p.parts = threads < PARTS ? threads : PARTS;
    const int64_t even = ceil_div(ceil_div(p.items, p.most_items) * p.cuts, p.parts) * p.parts;
    if (p.cuts == 1) p.most_items = ceil_div(p.items, even);
    if (p.items == 1) p.cuts = even < steps ? even : steps;
    p.most_steps = ceil_div(steps, p.cuts);
    p.chunks = p.cuts * ceil_div(p.items, p.most_items);
    p.low = floor_div(-p.w.left, 2 * p.w.stride);
    p.pairs = floor_div((p.w.K - 1) * p.w.dilation - p.w.left, 2 * p.w.stride) - p.low + p.most_steps * BF16_TILE;
    if (p.parts > p.chunks) p.parts = p.chunks;
    p.groups = ceil_div(threads, p.parts);
    if (p.groups > ceil_div(p.n_tiles, 2)) p.groups = ceil_div(p.n_tiles, 2);
    p.left_values = p.n_tiles * p.most_items * p.most_steps * BF16_TILE * BF16_STEP;
    p.copy_values = p.channel_tiles * p.most_items * p.pairs * BF16_STEP;
    p.sums = ceil_div(p.n_tiles, 2) * ceil_div(p.column_tiles, 2) * BF16_BLOCK * BF16_BLOCK;
    return p;
}

/* Values of bf16 that a task needs. */
static int64_t task_values(const weights_plan *p)
{
    return p->left_values + p->beginnings * p->copy_values;
}

size_t gemm_weights_bf16_scratch(const matrix *x, int64_t N, int threads)
{
    const weights_plan p = plan_weights(x, N, threads);
    return (size_t)(p.parts * p.sums + p.parts * p.groups * ceil_div(task_values(&p), 32) * 16 + 16);
}

/* A chunk: rows [begin, begin + 32 steps) of `items` items from `item` on; the last ones lie beyond U. */
typedef struct chunk {
    int64_t item, items, begin, steps;
} chunk;

static chunk chunk_of(const weights_plan *p, int64_t k)
{
    const int64_t item = k / p->cuts * p->most_items, left = p->items - item;
    const piece steps = piece_of(ceil_div(p->w.U, BF16_STEP), p->cuts, k % p->cuts);
    return (chunk){item, left < p->most_items ? left : p->most_items, steps.begin * BF16_STEP, steps.end - steps.begin};
}

/* dy turned: [tile of n][item][step][16][32]; tiles of n [tiles.begin, tiles.end) */
static void turn_left(const weights_plan *p, const chunk *c, const float *dy, int64_t dy_stride, piece tiles, half *to)
{
    for (int64_t t = tiles.begin; t < tiles.end; t++)
        for (int64_t b = 0; b < c->items; b++)
            for (int64_t s = 0; s < c->steps; s++, to += BF16_TILE * BF16_STEP) {
                const int64_t u = c->begin + s * BF16_STEP;
                bf16_turned(dy + ((c->item + b) * p->w.U + u) * dy_stride + t * BF16_TILE, dy_stride, p->w.U - u, p->N - t * BF16_TILE, to);
            }
}

static const float *time_of(const window_rows *w, const float *item, int64_t t)
{
    return t >= 0 && t < w->T ? item + t * w->x_stride : NULL;
}

/* x as pairs: [tile of channels][item][pair][16][2], for pairs that begin at `beginning` */
static void pair_copy(const weights_plan *p, const chunk *c, const float *x, int64_t beginning, half *to)
{
    const window_rows *w = &p->w;
    const int64_t apart = 2 * w->stride, pairs = p->pairs - (p->most_steps - c->steps) * BF16_TILE;
    const int64_t first = w->stride * c->begin + beginning + apart * p->low;
    for (int64_t i = 0; i < w->I; i += BF16_TILE)
        for (int64_t b = 0; b < c->items; b++) {
            const float *item = x + (c->item + b) * w->T * w->x_stride;
            for (int64_t j = 0; j < pairs; j++, to += BF16_STEP) {
                const float *even = time_of(w, item, first + apart * j), *odd = time_of(w, item, first + apart * j + w->stride);
                if (even)
                    bf16_pairs(even + i, odd ? odd + i : NULL, NULL, w->I - i, to);
                else if (odd) {
                    bf16_pairs(odd + i, NULL, NULL, w->I - i, to);
                    for (int k = 0; k < BF16_STEP; k += 2) {
                        to[k + 1] = to[k];
                        to[k] = 0;
                    }
                } else
                    memset(to, 0, BF16_STEP * sizeof *to);
            }
        }
}

/* Does a tap begin its pairs there? */
static bool is_used(const window_rows *w, int64_t beginning)
{
    for (int64_t k = 0; k < w->K; k++) {
        const int64_t q = k * w->dilation - w->left;
        if (q - floor_div(q, 2 * w->stride) * 2 * w->stride == beginning) return true;
    }
    return false;
}

/* The first right tile of a tile of columns. */
static const half *right_tile(const weights_plan *p, const chunk *c, const half *copies, int64_t column)
{
    const int64_t apart = 2 * p->w.stride, pairs = p->pairs - (p->most_steps - c->steps) * BF16_TILE;
    const int64_t q = column / p->channel_tiles * p->w.dilation - p->w.left, m = floor_div(q, apart), beginning = q - m * apart;
    if (column >= p->column_tiles) return NULL;
    return copies + (p->beginnings == 1 ? 0 : beginning) * p->copy_values +
           (column % p->channel_tiles * c->items * pairs + m - p->low) * BF16_STEP;
}

static void multiply_chunk(const weights_plan *p, const chunk *c, piece tiles, const half *left, const half *copies, bool add, float *sums,
                           const bf16_kernel *kernel)
{
    const int64_t in_tile = c->items * c->steps * BF16_TILE * BF16_STEP, pairs = p->pairs - (p->most_steps - c->steps) * BF16_TILE;
    bf16_product q = {.a_row = BF16_STEP, .b_pair = BF16_STEP, .outer = c->items, .inner = c->steps,
                      .a_outer = c->steps * BF16_TILE * BF16_STEP, .a_inner = BF16_TILE * BF16_STEP,
                      .b_outer = pairs * BF16_STEP, .b_inner = BF16_TILE * BF16_STEP};
    for (int64_t column = 0; column < p->column_tiles; column += 2) {
        q.b[0] = right_tile(p, c, copies, column);
        q.b[1] = right_tile(p, c, copies, column + 1);
        for (int64_t t = tiles.begin; t < tiles.end; t += 2) {
            q.a[0] = left + (t - tiles.begin) * in_tile;
            q.a[1] = t + 1 < tiles.end ? q.a[0] + in_tile : NULL;
            float *sum = sums + (t / 2 * ceil_div(p->column_tiles, 2) + column / 2) * BF16_BLOCK * BF16_BLOCK;
            kernel->multiply(&q, add ? sum : NULL, BF16_BLOCK, sum, BF16_BLOCK);
        }
    }
}

/* Row n of dw += all parts' sums. */
static void add_row(const weights_plan *p, int64_t n, const float *sums, float *dw)
{
    const int64_t pairs = ceil_div(p->column_tiles, 2), row = n % BF16_BLOCK * BF16_BLOCK;
    for (int64_t column = 0; column < p->column_tiles; column++) {
        const int64_t i = column % p->channel_tiles * BF16_TILE, count = p->w.I - i < BF16_TILE ? p->w.I - i : BF16_TILE;
        const float *from = sums + (n / BF16_BLOCK * pairs + column / 2) * BF16_BLOCK * BF16_BLOCK + row + column % 2 * BF16_TILE;
        float *to = dw + column / p->channel_tiles * p->w.I + i;
        for (int64_t k = 0; k < count; k++) {
            float total = from[k];
            for (int64_t part = 1; part < p->parts; part++) total += from[part * p->sums + k];
            to[k] += total;
        }
    }
}

void gemm_weights_bf16(const matrix *x, const float *dy, int64_t dy_stride, int64_t N, float *dw, int threads, float *scratch)
{
    const weights_plan p = plan_weights(x, N, threads);
    const bf16_kernel kernel = bf16_kernel_for(nn_onednn_bf16());
    const int64_t own = ceil_div(task_values(&p), 32) * 32;
    float *sums = (float *)(((uintptr_t)scratch + 63) / 64 * 64);
    half *scratches = (half *)(sums + p.parts * p.sums);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < p.parts * p.groups; task++) {
        const piece chunks = piece_of(p.chunks, p.parts, task / p.groups), twos = piece_of(ceil_div(p.n_tiles, 2), p.groups, task % p.groups);
        const piece tiles = {2 * twos.begin, 2 * twos.end < p.n_tiles ? 2 * twos.end : p.n_tiles};
        half *left = scratches + task * own, *copies = left + p.left_values;
        kernel.begin();
        for (int64_t k = chunks.begin; k < chunks.end; k++) {
            const chunk c = chunk_of(&p, k);
            turn_left(&p, &c, dy, dy_stride, tiles, left);
            for (int64_t b = 0; b < p.beginnings; b++)
                if (p.beginnings == 1 || is_used(&p.w, b)) pair_copy(&p, &c, x->data, p.beginnings == 1 ? -p.w.left - 2 * p.w.stride * p.low : b, copies + b * p.copy_values);
            multiply_chunk(&p, &c, tiles, left, copies, k > chunks.begin, sums + task / p.groups * p.sums, &kernel);
        }
        kernel.end();
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < N; n++) add_row(&p, n, sums, dw + n * x->columns);
}

#endif
