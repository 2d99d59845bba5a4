/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The products of gemm.c with operands rounded to bf16. A block of rows is rounded once into the core's second-level cache and meets all
 * weights there; windows of a convolution are rows of the rounded signal that overlap, so no value is rounded twice. The weights' gradient is
 * in gemm_weights_bf16.c. Cuts follow fixed rules.
 */
#include "nn/onednn/stretch.h"

#if PCLR_BF16

enum {
    CACHE = 1 << 20, /* bytes of rounded rows that stay in the second-level cache beside the weights that pass */
    PAD = 32         /* values that a row is longer than its depth: lengths are powers of two, which would share cache sets */
};

static int64_t whole_steps(int64_t depth)
{
    return ceil_div(depth, BF16_STEP) * BF16_STEP;
}

static int64_t floats_of(int64_t values)
{
    return ceil_div(values, 32) * 16;
}

/* ---- weights as panels [pair][32 columns][2] ---- */

/* Columns that lie side by side in memory: pairs of rows. */
static void pack_side_by_side(const weights *w, int64_t first, int64_t columns, half *to)
{
    const int64_t K = w->outer * w->inner;
    const float *factor = w->factor ? w->factor + first : NULL;
    int64_t o = 0, i = 0;
    for (int64_t k = 0; k < whole_steps(K); k += 2, to += 2 * BF16_BLOCK) {
        const float *row[2] = {NULL, NULL};
        for (int64_t second = 0; second < 2 && k + second < K; second++) {
            row[second] = w->data + o * w->outer_step + i * w->inner_step + first;
            if (++i == w->inner) {
                i = 0;
                o++;
            }
        }
        if (row[0])
            bf16_pairs(row[0], row[1], factor, columns, to);
        else
            memset(to, 0, BF16_STEP * sizeof *to);
    }
}

/* A panel of up to 32 columns. Either the columns or the depth lie side by side (then in one run: outer 1). */
static void pack_panel(const weights *w, int64_t first, half *panel)
{
    const int64_t K = w->outer * w->inner;
    for (int64_t tile = 0; tile < 2; tile++, first += BF16_TILE, panel += BF16_STEP) {
        const int64_t left = w->N - first, columns = left < BF16_TILE ? left : BF16_TILE;
        if (columns <= 0) return;
        if (w->n_step == 1) {
            pack_side_by_side(w, first, columns, panel);
            continue;
        }
        for (int64_t k = 0; k < K; k += BF16_STEP)
            bf16_columns(w->data + first * w->n_step + k, w->n_step, w->factor ? w->factor + first : NULL, K - k, columns, panel + k * BF16_BLOCK,
                         2 * BF16_BLOCK);
    }
}

/* ---- rows, rounded ---- */

typedef struct row_plan {
    int64_t items, U;         /* blocks do not reach over the end of an item */
    int64_t depth, row;       /* values of a row, and from a row to the next */
    int64_t groups, blocks;   /* groups of 32 rows in a block, blocks of an item */
    int64_t shares;           /* of the columns, where there are fewer blocks than threads */
    int64_t block_values;
} row_plan;

/* Windows whose taps follow each other overlap in the rounded signal; others are written one by one. */
static bool overlaps(const matrix *x)
{
    return x->windows && x->windows->dilation == 1;
}

static row_plan plan_rows(const matrix *x, int64_t N, int threads)
{
    const window_rows *w = x->windows;
    row_plan p = {.U = w ? w->U : x->item_rows > 0 ? x->item_rows : x->rows, .depth = whole_steps(x->columns)};
    p.items = x->rows / p.U;
    p.row = overlaps(x) ? w->stride * w->I : p.depth + PAD;
    const int64_t in_item = ceil_div(p.U, BF16_BLOCK), fair = ceil_div(p.items * in_item, threads);
    p.groups = CACHE / (int64_t)sizeof(half) / (p.row * BF16_BLOCK);
    p.groups = p.groups > fair ? fair : p.groups;
    p.groups = p.groups > in_item ? in_item : p.groups < 1 ? 1 : p.groups;
    p.blocks = ceil_div(in_item, p.groups);
    const int64_t panels = ceil_div(N, BF16_BLOCK), wanted = ceil_div(threads, p.items * p.blocks);
    p.shares = wanted > panels ? panels : wanted;
    p.block_values = whole_steps(p.groups * BF16_BLOCK * p.row + p.depth + PAD);
    return p;
}

/* Values [at, at + n) of the matrix. */
static void take_values(const matrix *x, int64_t at, int64_t n, half *to)
{
    if (x->half)
        memcpy(to, (const half *)(const void *)x->data + at, (size_t)n * sizeof *to);
    else
        bf16_row(x->data + at, n, to);
}

/* Times [begin, end) of the item that begins at value `item`, zeros outside [0, T). */
static half *round_times(const matrix *x, int64_t item, int64_t begin, int64_t end, half *to)
{
    const window_rows *w = x->windows;
    for (int64_t t = begin; t < end;) {
        int64_t run = 1;
        if (t < 0 || t >= w->T) {
            run = t < 0 && end > 0 ? -t : end - t;
            memset(to, 0, (size_t)(run * w->I) * sizeof *to);
        } else {
            if (w->x_stride == w->I) run = (end < w->T ? end : w->T) - t;
            take_values(x, item + t * w->x_stride, run * w->I, to);
        }
        t += run;
        to += run * w->I;
    }
    return to;
}

/* Rows [u.begin, u.end) of an item. What lies in a tile beyond a row's end is finite and meets weights of 0. */
static void round_rows(const matrix *x, const row_plan *p, int64_t item, piece u, half *to)
{
    const window_rows *w = x->windows;
    if (overlaps(x)) {
        const int64_t begin = u.begin * w->stride - w->left, end = (u.end - 1) * w->stride - w->left + w->K;
        half *after = round_times(x, item * w->T * w->x_stride, begin, end, to);
        memset(after, 0, BF16_STEP * sizeof *after);
        return;
    }
    for (int64_t r = u.begin; r < u.end; r++, to += p->row) {
        if (w) {
            half *tap = to;
            for (int64_t k = 0; k < w->K; k++) {
                const int64_t t = r * w->stride - w->left + k * w->dilation;
                tap = round_times(x, item * w->T * w->x_stride, t, t + 1, tap);
            }
        } else {
            take_values(x, (item * p->U + r) * x->stride, x->columns, to);
        }
        memset(to + x->columns, 0, (size_t)(p->depth - x->columns) * sizeof *to);
    }
}

/* ---- a block of results ---- */

/* A block of results: `rows` x `columns` at y, `row` apart; where results are bf16, aside. */
typedef struct block_result {
    float *y;
    int64_t row, rows, columns;
    int64_t at; /* of the first one in its tensor */
    const float *bias; /* NULL: none */
    bool add;
} block_result;

/* Part of a block's tiles lies outside: by way of sums aside. */
static void multiply_part(const bf16_kernel *kernel, const bf16_product *p, const block_result *to)
{
    float sum[BF16_BLOCK * BF16_BLOCK] __attribute__((aligned(64)));
    kernel->multiply(p, NULL, 0, sum, BF16_BLOCK);
    for (int64_t r = 0; r < to->rows; r++)
        for (int64_t n = 0; n < to->columns; n++) {
            float *y = to->y + r * to->row + n;
            *y = (to->add ? *y : 0) + (sum[r * BF16_BLOCK + n] + (to->bias ? to->bias[n] : 0));
        }
}

/* Whole tiles begin with the bias, or with what is there, and end in place. */
static void multiply_block(const bf16_kernel *kernel, const bf16_product *p, const block_result *to)
{
    const bool whole = to->rows % BF16_TILE == 0 && to->columns % BF16_TILE == 0 && !(to->add && to->bias);
    if (!whole)
        multiply_part(kernel, p, to);
    else
        kernel->multiply(p, to->add ? to->y : to->bias, to->add ? to->row : 0, to->y, to->row);
}

/* ---- rows times weights ---- */

typedef struct rows_job {
    const matrix *x;
    const result *y;
    row_plan p;
    int64_t N, panel_values;
    const half *packed;
    bf16_kernel kernel;
    bool ends;
} rows_job;

/* Results that are bf16 come about in `aside`. */
static block_result place_block(const result *y, int64_t at, int64_t rows, int64_t columns, const float *bias, float *aside)
{
    block_result to = {.y = y->data + at, .row = y->stride, .rows = rows, .columns = columns, .at = at, .bias = bias, .add = y->add};
    if (!y->half) return to;
    to.y = aside;
    to.row = BF16_BLOCK;
    for (int64_t r = 0; to.add && r < rows; r++) bf16_widen((const half *)(void *)y->data + at + r * y->stride, columns, aside + r * BF16_BLOCK);
    return to;
}

/* Up to 32 rows of an item, from row u on, times one panel. */
static block_result multiply_group(const rows_job *j, const half *a, int64_t item, int64_t u, int64_t rows, int64_t panel, float *aside)
{
    const result *y = j->y;
    const int64_t first = panel * BF16_BLOCK, left = j->N - first, columns = left < BF16_BLOCK ? left : BF16_BLOCK;
    const half *b = j->packed + panel * j->panel_values;
    const bf16_product p = {.a = {a, rows > BF16_TILE ? a + BF16_TILE * j->p.row : NULL},
                            .b = {b, columns > BF16_TILE ? b + BF16_STEP : NULL},
                            .a_row = j->p.row, .b_pair = 2 * BF16_BLOCK, .outer = 1, .inner = j->p.depth / BF16_STEP,
                            .a_inner = BF16_STEP, .b_inner = BF16_STEP * BF16_BLOCK};
    const block_result to = place_block(y, y->begin + item * y->item_stride + u * y->stride + first, rows, columns, y->bias ? y->bias + first : NULL, aside);
    multiply_block(&j->kernel, &p, &to);
    return to;
}

/* What follows the product. */
static void end_block(const rows_job *j, const block_result *b)
{
    const result *y = j->y;
    for (int64_t r = 0; r < b->rows; r++) {
        const int64_t at = b->at + r * y->stride;
        float *row = b->y + r * b->row;
        finish_row(&y->end, row, at, b->columns);
        if (y->half) stretch_end(NN_BF16, y->data, at, b->columns, row);
    }
}

static void rows_task(const rows_job *j, int64_t task, half *block)
{
    const int64_t shares = j->p.shares, at = task / shares, item = at / j->p.blocks, groups = ceil_div(j->p.U, BF16_BLOCK);
    const piece group = piece_of(groups, j->p.blocks, at % j->p.blocks), panels = piece_of(ceil_div(j->N, BF16_BLOCK), shares, task % shares);
    const int64_t end = group.end * BF16_BLOCK < j->p.U ? group.end * BF16_BLOCK : j->p.U;
    round_rows(j->x, &j->p, item, (piece){group.begin * BF16_BLOCK, end}, block);
    float aside[2][BF16_BLOCK * BF16_BLOCK] __attribute__((aligned(64)));
    int64_t count = 0;
    block_result last = {0}; /* is ended one block later: the tiles' results are not there at once */
    for (int64_t n = panels.begin; n < panels.end; n++)
        for (int64_t g = group.begin; g < group.end; g++) {
            const int64_t u = g * BF16_BLOCK, rows = end - u < BF16_BLOCK ? end - u : BF16_BLOCK;
            const block_result now = multiply_group(j, block + (g - group.begin) * BF16_BLOCK * j->p.row, item, u, rows, n, aside[count++ % 2]);
            if (j->ends && last.y) end_block(j, &last);
            last = now;
        }
    if (j->ends && last.y) end_block(j, &last);
}

size_t gemm_rows_bf16_scratch(const matrix *x, int64_t N, int threads)
{
    const row_plan p = plan_rows(x, N, threads);
    return (size_t)(floats_of(ceil_div(N, BF16_BLOCK) * p.depth * BF16_BLOCK) + threads * floats_of(p.block_values) + 16);
}

void gemm_rows_bf16(const matrix *x, const weights *w, const result *y, int threads, float *scratch)
{
    rows_job j = {.x = x, .y = y, .p = plan_rows(x, w->N, threads), .N = w->N, .kernel = bf16_kernel_for(nn_onednn_bf16()),
                  .ends = y->half || y->end.other || y->end.activation || y->end.followed};
    const int64_t panels = ceil_div(w->N, BF16_BLOCK), tasks = j.p.items * j.p.blocks * j.p.shares;
    half *packed = (half *)(((uintptr_t)scratch + 63) / 64 * 64), *block = packed + panels * j.p.depth * BF16_BLOCK;
    j.panel_values = j.p.depth * BF16_BLOCK;
    j.packed = packed;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < panels; n++) pack_panel(w, n * BF16_BLOCK, packed + n * j.panel_values);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; part++) {
        const piece mine = piece_of(tasks, threads, part);
        j.kernel.begin();
        for (int64_t task = mine.begin; task < mine.end; task++) rows_task(&j, task, block + part * 2 * floats_of(j.p.block_values));
        j.kernel.end();
    }
}

/* ---- one product on one thread ---- */

int64_t gemm_tiles_bf16_scratch(int64_t M, int64_t depth)
{
    return floats_of(ceil_div(M, BF16_BLOCK) * BF16_BLOCK * (whole_steps(depth) + PAD)) + floats_of(whole_steps(depth) * BF16_BLOCK);
}

/* The left side, rounded: as rows, or turned into tiles where the rows lie side by side. */
static void round_left(const float *left, int64_t M, int64_t K, int64_t row_step, int64_t step, bf16_product *p, half *to)
{
    const int64_t depth = whole_steps(K);
    if (step == 1) {
        p->a_row = depth + PAD;
        p->a_inner = BF16_STEP;
        for (int64_t r = 0; r < M; r++, to += p->a_row) {
            bf16_row(left + r * row_step, K, to);
            memset(to + K, 0, (size_t)(depth - K) * sizeof *to);
        }
        return;
    }
    p->a_row = BF16_STEP;
    p->a_inner = BF16_TILE * BF16_STEP;
    for (int64_t r = 0; r < M; r += BF16_TILE)
        for (int64_t k = 0; k < K; k += BF16_STEP, to += BF16_TILE * BF16_STEP) bf16_turned(left + k * step + r, step, K - k, M - r, to);
}

void gemm_tiles_bf16(const float *left, int64_t M, int64_t row_step, int64_t step, const weights *w, const result *y, float *scratch)
{
    const bf16_kernel kernel = bf16_kernel_for(nn_onednn_bf16());
    const int64_t K = w->outer * w->inner, depth = whole_steps(K);
    bf16_product p = {.b_pair = 2 * BF16_BLOCK, .outer = 1, .inner = depth / BF16_STEP, .b_inner = BF16_STEP * BF16_BLOCK};
    half *a = (half *)scratch, *panel = a + 2 * floats_of(ceil_div(M, BF16_BLOCK) * BF16_BLOCK * (depth + PAD));
    round_left(left, M, K, row_step, step, &p, a);
    const int64_t tile = step == 1 ? BF16_TILE * p.a_row : p.inner * p.a_inner;
    kernel.begin();
    for (int64_t n = 0; n < w->N; n += BF16_BLOCK) {
        const int64_t columns = w->N - n < BF16_BLOCK ? w->N - n : BF16_BLOCK;
        pack_panel(w, n, panel);
        p.b[0] = panel;
        p.b[1] = columns > BF16_TILE ? panel + BF16_STEP : NULL;
        for (int64_t r = 0; r < M; r += BF16_BLOCK) {
            const int64_t rows = M - r < BF16_BLOCK ? M - r : BF16_BLOCK;
            const block_result to = {.y = y->data + r * y->stride + n, .row = y->stride, .rows = rows, .columns = columns, .add = y->add};
            p.a[0] = a + r / BF16_TILE * tile;
            p.a[1] = rows > BF16_TILE ? p.a[0] + tile : NULL;
            multiply_block(&kernel, &p, &to);
        }
    }
    kernel.end();
}

#endif
