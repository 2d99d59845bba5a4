/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of weights with operands rounded to bf16: dw[n][tap, channel] = sum over u of dy[u][n] x[u stride + tap dilation - left][channel].
 *
 * The depth of this product is time. First both sides are rounded: dy turned into left tiles, x as pairs of values that are a stride apart,
 * [pair][16 channels][2]. A tap shifts where the pairs begin, so that all taps read one copy of x for each of the 2 stride beginnings of a pair:
 * no window is written out. Then every thread takes blocks of dw whose sums stay in its second-level cache while the depth passes in runs.
 * Where dw has fewer blocks than there are threads, the depth is shared out too, and what the parts found is added in fixed order.
 */
#include "nn/onednn/bf16.h"

#if PCLR_BF16

enum {
    RUN = 16,          /* steps of depth that a block's operands stay in the cache for */
    MOST_TWOS = 8,     /* pairs of tiles of n ... */
    MOST_COLUMNS = 16, /* ... and of columns in a block: 512 KB of sums */
    PARTS = 4          /* most shares of the depth */
};

typedef struct weights_plan {
    window_rows w; /* rows that stand in memory are windows of one tap */
    int64_t items, N, steps;                      /* of an item */
    int64_t n_tiles, channel_tiles, column_tiles; /* of 16 */
    int64_t beginnings, low, pairs; /* copies of x; pair 0 of a copy begins 2 stride low after the item's first row; pairs of an item */
    int64_t runs, run_items, cuts;  /* runs of depth: of whole items, or `cuts` of an item */
    int64_t twos, columns;          /* pairs of tiles */
    int64_t n_blocks, column_blocks, parts;
    int64_t left_values, copy_values, sums;
} weights_plan;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -ceil_div(-a, b);
}

/* Blocks of dw: small enough for the cache, and as many for every thread where that is possible. */
static void plan_blocks(weights_plan *p, int threads)
{
    p->twos = ceil_div(p->n_tiles, 2);
    p->columns = ceil_div(p->column_tiles, 2);
    p->n_blocks = ceil_div(p->twos, MOST_TWOS);
    p->column_blocks = ceil_div(p->columns, MOST_COLUMNS);
    while (p->n_blocks * p->column_blocks % threads != 0 && p->n_blocks * p->column_blocks < 4 * threads && p->column_blocks < p->columns)
        p->column_blocks++;
    while (p->n_blocks * p->column_blocks < threads && p->n_blocks < p->twos) p->n_blocks++;
    p->parts = threads / (p->n_blocks * p->column_blocks);
    p->parts = p->parts > PARTS ? PARTS : p->parts < 1 ? 1 : p->parts;
    if (p->parts > p->runs) p->parts = p->runs;
    p->sums = p->twos * p->columns * BF16_BLOCK * BF16_BLOCK;
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
    p.steps = ceil_div(p.w.U, BF16_STEP);
    p.low = floor_div(-p.w.left, 2 * p.w.stride);
    p.pairs = floor_div((p.w.K - 1) * p.w.dilation - p.w.left, 2 * p.w.stride) - p.low + p.steps * BF16_TILE;
    p.cuts = ceil_div(p.steps, RUN);
    p.run_items = p.cuts > 1 ? 1 : RUN / p.steps;
    p.runs = ceil_div(p.items, p.run_items) * p.cuts;
    p.left_values = p.n_tiles * p.items * p.steps * BF16_TILE * BF16_STEP;
    p.copy_values = p.channel_tiles * p.items * p.pairs * BF16_STEP;
    plan_blocks(&p, threads);
    return p;
}

size_t gemm_weights_bf16_scratch(const matrix *x, int64_t N, int threads)
{
    const weights_plan p = plan_weights(x, N, threads);
    return (size_t)(p.parts * p.sums + (p.left_values + p.beginnings * p.copy_values) / 2 + 16);
}

/* ---- both sides, rounded ---- */

/* A step of dy, turned, to its place in [tile of n][item][step][16][32]. */
static void turn_step(const weights_plan *p, const matrix *dy, int64_t item, int64_t step, half *left)
{
    const int64_t u = step * BF16_STEP, from = (item * p->w.U + u) * dy->stride;
    half *to = left + (item * p->steps + step) * BF16_TILE * BF16_STEP;
    for (int64_t t = 0; t < p->n_tiles; t++, to += p->items * p->steps * BF16_TILE * BF16_STEP) {
        const int64_t at = from + t * BF16_TILE, depth = p->w.U - u, rows = p->N - t * BF16_TILE;
        if (dy->half)
            bf16_turned_halves((const half *)(const void *)dy->data + at, dy->stride, depth, rows, to);
        else
            bf16_turned(dy->data + at, dy->stride, depth, rows, to);
    }
}

enum { OUTSIDE = -1 };

/* Values from `at` on of x with zeros behind each, or with those from `second` on. */
static void pairs_at(const matrix *x, int64_t at, int64_t second, int64_t count, half *to)
{
    const half *halves = (const half *)(const void *)x->data;
    if (x->half)
        bf16_pairs_of_halves(halves + at, second == OUTSIDE ? NULL : halves + second, count, to);
    else
        bf16_pairs(x->data + at, second == OUTSIDE ? NULL : x->data + second, NULL, count, to);
}

/* Pairs of the values from `even` and from `odd` on, either of which may lie outside of the signal. */
static void pair_values(const matrix *x, int64_t even, int64_t odd, int64_t count, half *to)
{
    if (even != OUTSIDE)
        pairs_at(x, even, odd, count, to);
    else if (odd != OUTSIDE) {
        pairs_at(x, odd, OUTSIDE, count, to);
        for (int k = 0; k < BF16_STEP; k += 2) {
            to[k + 1] = to[k];
            to[k] = 0;
        }
    } else {
        memset(to, 0, BF16_STEP * sizeof *to);
    }
}

/* Pairs [begin, end) of an item of one copy, to their place in [tile of channels][item][pair][16][2]. `first`: when pair 0 begins. */
static void pair_run(const weights_plan *p, const matrix *x, int64_t item, int64_t first, piece pairs, half *copy)
{
    const window_rows *w = &p->w;
    const int64_t apart = 2 * w->stride, from = item * w->T * w->x_stride;
    half *to = copy + item * p->pairs * BF16_STEP;
    for (int64_t i = 0; i < w->I; i += BF16_TILE, to += p->items * p->pairs * BF16_STEP)
        for (int64_t j = pairs.begin; j < pairs.end; j++) {
            const int64_t even = first + apart * j, odd = even + w->stride;
            pair_values(x, even >= 0 && even < w->T ? from + even * w->x_stride + i : OUTSIDE,
                        odd >= 0 && odd < w->T ? from + odd * w->x_stride + i : OUTSIDE, w->I - i, to + j * BF16_STEP);
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

static void round_sides(const weights_plan *p, const matrix *x, const matrix *dy, half *left, half *copies, int threads)
{
    const int64_t base = 2 * p->w.stride * p->low, runs = ceil_div(p->pairs, BF16_TILE);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < p->items * p->steps; k++) turn_step(p, dy, k / p->steps, k % p->steps, left);
        for (int64_t b = 0; b < p->beginnings; b++) {
            const int64_t first = base + (p->beginnings == 1 ? -p->w.left - base : b);
            if (p->beginnings > 1 && !is_used(&p->w, b)) continue;
#pragma omp for schedule(static) nowait
            for (int64_t k = 0; k < p->items * runs; k++)
                pair_run(p, x, k / runs, first, piece_of(p->pairs, runs, k % runs), copies + b * p->copy_values);
        }
    }
}

/* ---- blocks of dw ---- */

/* The right tile of the first step of the first item, for a tile of columns; NULL beyond the last. */
static const half *right_tile(const weights_plan *p, const half *copies, int64_t column)
{
    const int64_t apart = 2 * p->w.stride, q = column / p->channel_tiles * p->w.dilation - p->w.left, m = floor_div(q, apart);
    if (column >= p->column_tiles) return NULL;
    return copies + (p->beginnings == 1 ? 0 : q - m * apart) * p->copy_values +
           (column % p->channel_tiles * p->items * p->pairs + m - p->low) * BF16_STEP;
}

static void multiply_run(const weights_plan *p, int64_t run, piece twos, piece columns, const half *left, const half *copies, bool add,
                         float *sums, const bf16_kernel *kernel)
{
    const int64_t item = run / p->cuts * p->run_items, rest = p->items - item, in_tile = p->items * p->steps * BF16_TILE * BF16_STEP;
    const piece steps = piece_of(p->steps, p->cuts, run % p->cuts);
    bf16_product q = {.a_row = BF16_STEP, .b_pair = BF16_STEP, .outer = rest < p->run_items ? rest : p->run_items, .inner = steps.end - steps.begin,
                      .a_outer = p->steps * BF16_TILE * BF16_STEP, .a_inner = BF16_TILE * BF16_STEP,
                      .b_outer = p->pairs * BF16_STEP, .b_inner = BF16_TILE * BF16_STEP};
    const int64_t a = item * q.a_outer + steps.begin * q.a_inner, b = item * q.b_outer + steps.begin * q.b_inner;
    for (int64_t c = columns.begin; c < columns.end; c++) {
        const half *right[2] = {right_tile(p, copies, 2 * c), right_tile(p, copies, 2 * c + 1)};
        q.b[0] = right[0] + b;
        q.b[1] = right[1] ? right[1] + b : NULL;
        for (int64_t t = twos.begin; t < twos.end; t++) {
            float *sum = sums + (t * p->columns + c) * BF16_BLOCK * BF16_BLOCK;
            q.a[0] = left + 2 * t * in_tile + a;
            q.a[1] = 2 * t + 1 < p->n_tiles ? q.a[0] + in_tile : NULL;
            kernel->multiply(&q, add ? sum : NULL, BF16_BLOCK, sum, BF16_BLOCK);
        }
    }
}

NN_CLONES static void add_sixteen(float *to, const float *from)
{
    for (int k = 0; k < BF16_TILE; k++) to[k] += from[k];
}

/* A block of 32 x 32 sums, those of all parts, added to dw. */
static void add_block(const weights_plan *p, int64_t two, int64_t column, const float *sums, float *dw)
{
    float *sum = (float *)(uintptr_t)sums + (two * p->columns + column) * BF16_BLOCK * BF16_BLOCK;
    for (int64_t tile = 2 * column; tile < 2 * column + 2 && tile < p->column_tiles; tile++) {
        const int64_t i = tile % p->channel_tiles * BF16_TILE, left = p->w.I - i, count = left < BF16_TILE ? left : BF16_TILE;
        for (int64_t r = 0; r < BF16_BLOCK && two * BF16_BLOCK + r < p->N; r++) {
            float *total = sum + r * BF16_BLOCK + tile % 2 * BF16_TILE, *to = dw + ((two * BF16_BLOCK + r) * p->w.K + tile / p->channel_tiles) * p->w.I + i;
            for (int64_t part = 1; part < p->parts; part++) add_sixteen(total, total + part * p->sums);
            if (count == BF16_TILE)
                add_sixteen(to, total);
            else
                for (int64_t k = 0; k < count; k++) to[k] += total[k];
        }
    }
}

void gemm_weights_bf16(const matrix *x, const matrix *dy, float *dw, int threads, float *scratch)
{
    const weights_plan p = plan_weights(x, dy->columns, threads);
    const bf16_kernel kernel = bf16_kernel_for(nn_onednn_bf16());
    const int64_t blocks = p.n_blocks * p.column_blocks;
    float *sums = (float *)(((uintptr_t)scratch + 63) / 64 * 64);
    half *left = (half *)(sums + p.parts * p.sums), *copies = left + p.left_values;
    round_sides(&p, x, dy, left, copies, threads);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < p.parts * blocks; task++) {
        const int64_t block = task % blocks;
        const piece runs = piece_of(p.runs, p.parts, task / blocks), twos = piece_of(p.twos, p.n_blocks, block % p.n_blocks),
                    columns = piece_of(p.columns, p.column_blocks, block / p.n_blocks);
        kernel.begin();
        for (int64_t run = runs.begin; run < runs.end; run++)
            multiply_run(&p, run, twos, columns, left, copies, run > runs.begin, sums + task / blocks * p.sums, &kernel);
        kernel.end();
        for (int64_t k = 0; p.parts == 1 && k < (twos.end - twos.begin) * (columns.end - columns.begin); k++)
            add_block(&p, twos.begin + k / (columns.end - columns.begin), columns.begin + k % (columns.end - columns.begin), sums, dw);
    }
    if (p.parts == 1) return;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < p.twos * p.columns; k++) add_block(&p, k / p.columns, k % p.columns, sums, dw);
}

#endif
