/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices. What is multiplied with is packed once, into panels as wide as a tile (tile.c); the rows are read where
 * they are through one pointer each, so that the windows of a convolution, which overlap in memory, need no copy. Cuts follow fixed
 * rules: results depend on nothing but inputs and the number of threads. The only file that knows oneDNN: its sgemm serves single
 * products (attention, matmul) on the calling thread.
 */
#include <oneapi/dnnl/dnnl.h>

#include "nn/onednn/bf16.h"

enum {
    DEPTH = 320, /* most products added up in registers: a panel of this depth and its rows fill the first-level cache */
    ROWS = 192,  /* rows that pass over all panels together: with DEPTH they fill half of the second-level cache */
    PARTS = 4    /* most threads that share the rows in gemm_weights; each has its own dw */
};

void gemm_one(bool ta, bool tb, int64_t M, int64_t N, int64_t K, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
              bool add, float *c, int64_t ldc)
{
    /* Fails only for impossible arguments, which the graph's checks exclude. */
    (void)dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', M, N, K, alpha, a, lda, b, ldb, add ? 1.0f : 0.0f, c, ldc);
}

/* ---- rows as pointers ---- */

/* Written rows lie a cache line more than their length apart: lengths are powers of two, which would share cache sets. */
static int64_t written_stride(const matrix *x)
{
    return ceil_div(x->columns, 16) * 16 + 16;
}

/* A window is one run of memory where taps and channels follow each other; the others, and those that reach outside, are written. */
static bool is_run(const window_rows *w)
{
    return w->dilation == 1 && w->x_stride == w->I;
}

/* Most rows of `count` neighbours that must be written. */
static int64_t most_written(const matrix *x, int64_t count)
{
    const window_rows *w = x->windows;
    if (!w) return 0;
    if (!is_run(w)) return count;
    const int64_t before = ceil_div(w->left > 0 ? w->left : 0, w->stride), last = (w->U - 1) * w->stride - w->left + w->K - w->T;
    const int64_t edges = before + ceil_div(last > 0 ? last : 0, w->stride), written = edges * (count / w->U + 2);
    return written < count ? written : count;
}

static void write_window(const window_rows *w, const float *x, int64_t first, float *to)
{
    for (int64_t k = 0; k < w->K; k++, to += w->I) {
        const int64_t t = first + k * w->dilation;
        if (t < 0 || t >= w->T)
            memset(to, 0, (size_t)w->I * sizeof *to);
        else
            memcpy(to, x + t * w->x_stride, (size_t)w->I * sizeof *to);
    }
}

/* Where each row of `rows` is; `scratch` takes those that must be written. */
static void find_rows(const matrix *x, piece rows, float *scratch, const float **row)
{
    const window_rows *w = x->windows;
    for (int64_t r = rows.begin; r < rows.end; r++, row++) {
        if (!w) {
            *row = x->data + r * x->stride;
            continue;
        }
        const float *item = x->data + r / w->U * w->T * w->x_stride;
        const int64_t first = r % w->U * w->stride - w->left;
        if (is_run(w) && first >= 0 && first + w->K <= w->T) {
            *row = item + first * w->I;
            continue;
        }
        write_window(w, item, first, scratch);
        *row = scratch;
        scratch += written_stride(x);
    }
}

/* ---- panels [depth][width] ---- */

typedef float lanes __attribute__((vector_size(64), aligned(4)));

/* A step of the transposition below: the off-diagonal squares of size d of each square of size 2 d change places. */
#define UPPER(l, d) ((l) & (d) ? 16 + (l) - (d) : (l))
#define LOWER(l, d) ((l) & (d) ? 16 + (l) : (l) + (d))
#define LANES(take, d)                                                                                                                     \
    take(0, d), take(1, d), take(2, d), take(3, d), take(4, d), take(5, d), take(6, d), take(7, d), take(8, d), take(9, d), take(10, d),   \
        take(11, d), take(12, d), take(13, d), take(14, d), take(15, d)
#define EXCHANGE(row, d)                                                                                                                   \
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++)                                                                                  \
    {                                                                                                                                      \
        if (i & (d)) continue;                                                                                                             \
        const lanes upper = row[i], lower = row[i + (d)];                                                                                  \
        row[i] = __builtin_shufflevector(upper, lower, LANES(UPPER, d));                                                                   \
        row[i + (d)] = __builtin_shufflevector(upper, lower, LANES(LOWER, d));                                                             \
    }

/* to[i][n] = from[n][i] for 16 x 16 values; steps between rows */
NN_CLONES static void transpose(const float *from, int64_t from_step, float *to, int64_t to_step)
{
    lanes row[16];
    _Pragma("GCC unroll 16") for (int n = 0; n < 16; n++) row[n] = *(const lanes *)(from + n * from_step);
    EXCHANGE(row, 8)
    EXCHANGE(row, 4)
    EXCHANGE(row, 2)
    EXCHANGE(row, 1)
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) *(lanes *)(to + i * to_step) = row[i];
}

/* Panel rows of weights whose depth lies together in memory: squares of 16, and what is left over one by one. */
static void pack_turned(const float *from, int64_t n_step, int64_t depth, int64_t count, int64_t width, float *to)
{
    const int64_t squares = depth / 16 * 16, whole = count / 16 * 16;
    for (int64_t n = 0; n < whole; n += 16)
        for (int64_t i = 0; i < squares; i += 16) transpose(from + n * n_step + i, n_step, to + i * width + n, width);
    for (int64_t n = 0; n < count; n++)
        for (int64_t i = n < whole ? squares : 0; i < depth; i++) to[i * width + n] = from[n * n_step + i];
}

/* Columns from `first` on as a panel, zeros beyond the last one. */
static void pack_weights(const weights *w, int64_t first, int64_t width, float *panel)
{
    const int64_t count = w->N - first < width ? w->N - first : width;
    if (count < width) memset(panel, 0, (size_t)(w->outer * w->inner * width) * sizeof *panel);
    for (int64_t o = 0; o < w->outer; o++) {
        const float *from = w->data + o * w->outer_step + first * w->n_step;
        float *to = panel + o * w->inner * width;
        if (w->n_step == 1) {
            for (int64_t i = 0; i < w->inner; i++) memcpy(to + i * width, from + i * w->inner_step, (size_t)count * sizeof *to);
            continue;
        }
        if (w->inner_step == 1) {
            pack_turned(from, w->n_step, w->inner, count, width, to);
            continue;
        }
        for (int64_t i = 0; i < w->inner; i++)
            for (int64_t n = 0; n < count; n++) to[i * width + n] = from[i * w->inner_step + n * w->n_step];
    }
}

NN_CLONES static void scale_panel(float *panel, int64_t depth, int64_t width, const float *factor, int64_t count)
{
    for (int64_t k = 0; k < depth; k++)
        for (int64_t n = 0; n < count; n++) panel[k * width + n] *= factor[n];
}

/* Columns [first, first + count) of `depth` rows as a panel. */
static void pack_rows(const float *const *row, int64_t depth, int64_t first, int64_t count, int64_t width, float *panel)
{
    if (count < width) memset(panel, 0, (size_t)(depth * width) * sizeof *panel);
    for (int64_t k = 0; k < depth; k++, panel += width) {
        const float *from = row[k] + first;
        if (count < width)
            memcpy(panel, from, (size_t)count * sizeof *panel);
        else
            for (int64_t n = 0; n < width; n += 16) memcpy(panel + n, from + n, 16 * sizeof *panel);
    }
}

/* ---- what is needed soon ---- */

enum { LINE = 64 }; /* bytes */

/* The rows of a result, which are read and written once a block of depth. */
static void fetch_result(const tile_result *to)
{
    for (int64_t i = 0; i < to->rows; i++) {
        const char *row = (const char *)to->row[i];
        for (int64_t at = 0; at < (int64_t)sizeof(float) * to->columns; at += LINE) __builtin_prefetch(row + at, 1, 3);
        __builtin_prefetch(to->row[i] + to->columns - 1, 1, 3); /* rows need not begin with a line */
    }
}

/* Bytes [*fetched, until) of what lies at `from`, into the second-level cache. */
static void fetch_ahead(const float *from, int64_t *fetched, int64_t until)
{
    for (; *fetched < until; *fetched += LINE) __builtin_prefetch((const char *)from + *fetched, 0, 2);
}

/* ---- rows times weights ---- */

typedef struct product {
    const matrix *x;
    const result *y;
    int64_t N, K;
    const float *packed;
    tile_kernel tile;
} product;

/* `count` rows times the panel of the columns from `first` on, depth [block.begin, block.end). The first block of the depth brings
 * the bias, later ones add. */
static void multiply_panel(const product *p, const float *const *row, float *const *to, int64_t count, int64_t first, piece block)
{
    const tile_kernel tile = p->tile;
    const float *panel = p->packed + first * p->K + block.begin * tile.columns;
    const bool begins = block.begin == 0;
    tile_result part = {.bias = begins && p->y->bias ? p->y->bias + first : NULL, .add = p->y->add || !begins};
    part.columns = p->N - first < tile.columns ? p->N - first : tile.columns;
    const float *next = panel + tile.columns * p->K; /* past the last panel nothing is read: fetching there does no harm */
    const int64_t bytes = (block.end - block.begin) * tile.columns * (int64_t)sizeof *panel;
    int64_t fetched = 0;
    for (int64_t r = 0; r < count; r += tile.rows) {
        const float *from[MOST_TILE_ROWS];
        part.rows = count - r < tile.rows ? count - r : tile.rows;
        for (int64_t i = 0; i < tile.rows; i++) from[i] = row[i < part.rows ? r + i : r] + block.begin;
        for (int64_t i = 0; i < part.rows; i++) part.row[i] = to[r + i] + first;
        fetch_result(&part);
        fetch_ahead(next, &fetched, bytes * (r + part.rows) / count);
        tile.multiply(from, 1, panel, block.end - block.begin, &part);
    }
}

/* Up to ROWS rows times the panels [columns.begin, columns.end). */
static void multiply_rows(const product *p, piece rows, piece columns, float *scratch)
{
    const float *row[ROWS];
    float *to[ROWS];
    const int64_t count = rows.end - rows.begin, blocks = ceil_div(p->K, DEPTH);
    const bool ends = p->y->end.other || p->y->end.activation || p->y->end.followed;
    find_rows(p->x, rows, scratch, row);
    for (int64_t r = 0; r < count; r++) {
        const int64_t at = rows.begin + r;
        to[r] = p->y->data + p->y->begin + at / p->y->per_item * p->y->item_stride + at % p->y->per_item * p->y->stride;
    }
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t n = columns.begin; n < columns.end; n++) {
            const int64_t first = n * p->tile.columns, left = p->N - first;
            multiply_panel(p, row, to, count, first, piece_of(p->K, blocks, b));
            for (int64_t r = 0; ends && b + 1 == blocks && r < count; r++)
                finish_row(&p->y->end, to[r] + first, to[r] + first - p->y->data, left < p->tile.columns ? left : p->tile.columns);
        }
}

static int64_t packed_floats(const tile_kernel *tile, int64_t N, int64_t K)
{
    return ceil_div(N, tile->columns) * tile->columns * K;
}

size_t gemm_rows_scratch(const matrix *x, int64_t N, int threads)
{
    if (PCLR_BF16 && x->bf16) return gemm_rows_bf16_scratch(x, N, threads);
    const tile_kernel tile = tile_for(N);
    return (size_t)(packed_floats(&tile, N, x->columns) + threads * most_written(x, ROWS) * written_stride(x));
}

void gemm_rows(const matrix *x, const weights *w, const result *y, int threads, float *scratch)
{
    if (PCLR_BF16 && x->bf16) {
        gemm_rows_bf16(x, w, y, threads, scratch);
        return;
    }
    const tile_kernel tile = tile_for(w->N);
    const int64_t K = x->columns, panels = ceil_div(w->N, tile.columns), own = most_written(x, ROWS) * written_stride(x);
    float *packed = scratch, *written = packed + packed_floats(&tile, w->N, K);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < panels; n++) {
        const int64_t first = n * tile.columns, left = w->N - first;
        pack_weights(w, first, tile.columns, packed + first * K);
        if (w->factor) scale_panel(packed + first * K, K, tile.columns, w->factor + first, left < tile.columns ? left : tile.columns);
    }

    /* Every thread has rows; where they are too few, threads share them and divide the panels. */
    const product p = {x, y, w->N, K, packed, tile};
    const int64_t tiles = ceil_div(x->rows, tile.rows), shares = tiles < threads ? tiles : threads, groups = threads / shares,
                  step = ROWS / tile.rows * tile.rows;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < shares * groups; task++) {
        const piece mine = piece_of(tiles, shares, task / groups), columns = piece_of(panels, groups, task % groups);
        const int64_t end = mine.end * tile.rows < x->rows ? mine.end * tile.rows : x->rows;
        for (int64_t r = mine.begin * tile.rows; r < end; r += step)
            multiply_rows(&p, (piece){r, r + step < end ? r + step : end}, columns, written + task * own);
    }
}

/* ---- one product on one thread ---- */

int64_t gemm_tiles_scratch(int64_t M, int64_t depth, bool bf16)
{
    if (PCLR_BF16 && bf16) return gemm_tiles_bf16_scratch(M, depth);
    return ceil_div(depth * MOST_TILE_COLUMNS, 16) * 16;
}

void gemm_tiles(const float *left, int64_t M, int64_t row_step, int64_t step, const weights *w, const result *y, float *scratch)
{
    if (PCLR_BF16 && w->bf16) {
        gemm_tiles_bf16(left, M, row_step, step, w, y, scratch);
        return;
    }
    const tile_kernel tile = tile_for(w->N);
    const int64_t K = w->outer * w->inner, blocks = ceil_div(K, DEPTH);
    for (int64_t n = 0; n < w->N; n += tile.columns) {
        tile_result part = {.columns = w->N - n < tile.columns ? w->N - n : tile.columns};
        pack_weights(w, n, tile.columns, scratch);
        for (int64_t b = 0; b < blocks; b++) {
            const piece block = piece_of(K, blocks, b);
            part.add = y->add || b > 0;
            for (int64_t r = 0; r < M; r += tile.rows) {
                const float *from[MOST_TILE_ROWS];
                part.rows = M - r < tile.rows ? M - r : tile.rows;
                for (int64_t i = 0; i < tile.rows; i++) from[i] = left + (i < part.rows ? r + i : r) * row_step + block.begin * step;
                for (int64_t i = 0; i < part.rows; i++) part.row[i] = y->data + (r + i) * y->stride + n;
                tile.multiply(from, step, scratch + block.begin * tile.columns, block.end - block.begin, &part);
            }
        }
    }
}

/* ---- gradients of weights: the rows shared out to `parts`, the N columns of dy to `groups` ---- */

enum {
    BLOCK = 256, /* rows that are added up in registers */
    FEW = 8,     /* rows that are read to their end together: columns of rows whose length is a power of two share cache sets */
    HEIGHT = 192 /* columns of dy that meet a panel together: with BLOCK they fill a fifth of the second-level cache */
};

typedef struct shares {
    int64_t parts, groups;
} shares;

static shares shares_of(const matrix *x, int64_t N, int threads)
{
    const int64_t most = ceil_div(x->rows, BLOCK), tiles = ceil_div(N, MOST_TILE_ROWS);
    shares s = {.parts = threads < PARTS ? threads : PARTS};
    if (s.parts > most) s.parts = most;
    s.groups = ceil_div(threads, s.parts);
    if (s.groups > tiles) s.groups = tiles;
    return s;
}

/* Floats of up to HEIGHT columns of BLOCK rows, cut into tiles [BLOCK][rows of a tile]. */
static const int64_t TILED_FLOATS = (HEIGHT + 2 * MOST_TILE_ROWS) * BLOCK;

/* Floats of BLOCK rows of x as panels. */
static int64_t panels_floats(const matrix *x)
{
    return ceil_div(x->columns, MOST_TILE_COLUMNS) * MOST_TILE_COLUMNS * BLOCK;
}

/* A task's scratch: columns of dy, panels, rows that must be written. */
static int64_t task_scratch(const matrix *x)
{
    return TILED_FLOATS + panels_floats(x) + most_written(x, BLOCK) * written_stride(x);
}

size_t gemm_weights_scratch(const matrix *x, int64_t N, int threads)
{
    if (PCLR_BF16 && x->bf16) return gemm_weights_bf16_scratch(x, N, threads);
    const shares s = shares_of(x, N, threads);
    return (size_t)((s.parts - 1) * N * x->columns + s.parts * s.groups * task_scratch(x) + 16);
}

/* One row of a tile: to[i] = from[i]. What is copied too much is overwritten by the next row. */
static void cut_row(const float *from, int64_t left, int64_t tile, float *to)
{
    if (left >= MOST_TILE_ROWS)
        memcpy(to, from, MOST_TILE_ROWS * sizeof *to);
    else
        for (int64_t i = 0; i < tile; i++) to[i] = i < left ? from[i] : 0;
}

/* `height` columns of dy as tiles one after another: to[tile][r][i] = dy[r][tile * height of a tile + i]. Fetching past the last row
 * does no harm. */
static void cut_tiles(const float *dy, int64_t stride, int64_t rows, int64_t height, int64_t tile, float *to)
{
    for (int64_t begin = 0; begin < rows; begin += FEW)
        for (int64_t n = 0; n < height; n += tile)
            for (int64_t r = begin; r < begin + FEW && r < rows; r++) {
                __builtin_prefetch(dy + (r + 2 * FEW) * stride + n, 0, 3);
                cut_row(dy + r * stride + n, height - n, tile, to + n * BLOCK + r * tile);
            }
}

/* dw[n][..] (+)= columns of dy times one panel */
static void add_panel(tile_kernel tile, const float *tiles, int64_t height, const float *panel, int64_t depth, int64_t count, bool add,
                      float *dw, int64_t dw_stride)
{
    tile_result part = {.columns = count, .add = add};
    for (int64_t n = 0; n < height; n += tile.rows, tiles += BLOCK * tile.rows) {
        const float *from[MOST_TILE_ROWS];
        part.rows = height - n < tile.rows ? height - n : tile.rows;
        for (int64_t i = 0; i < tile.rows; i++) from[i] = tiles + i;
        for (int64_t i = 0; i < part.rows; i++) part.row[i] = dw + (n + i) * dw_stride;
        fetch_result(&part);
        tile.multiply(from, tile.rows, panel, depth, &part);
    }
}

/* All columns of `depth` rows as panels. */
static void pack_panels(const float *const *row, int64_t depth, int64_t K, int64_t width, float *panels)
{
    for (int64_t begin = 0; begin < depth; begin += FEW)
        for (int64_t k = 0; k < K; k += width) {
            const int64_t few = depth - begin < FEW ? depth - begin : FEW;
            for (int64_t r = begin + 2 * FEW; r < begin + 3 * FEW && r < depth; r++)
                for (int64_t n = k; n < k + width; n += LINE / 4) __builtin_prefetch(row[r] + n, 0, 3);
            pack_rows(row + begin, few, k, K - k < width ? K - k : width, width, panels + k * BLOCK + begin * width);
        }
}

static void weights_task(const matrix *x, const float *dy, int64_t dy_stride, piece rows, piece n, bool add, float *dw, float *scratch)
{
    const tile_kernel tile = tile_for(x->columns);
    const int64_t K = x->columns, height = HEIGHT / tile.rows * tile.rows;
    float *tiles = scratch, *panels = tiles + TILED_FLOATS, *written = panels + panels_floats(x);
    const float *row[BLOCK];
    for (int64_t begin = rows.begin; begin < rows.end; begin += BLOCK) {
        const piece now = {begin, begin + BLOCK < rows.end ? begin + BLOCK : rows.end};
        const int64_t depth = now.end - now.begin;
        find_rows(x, now, written, row);
        pack_panels(row, depth, K, tile.columns, panels);
        for (int64_t at = n.begin; at < n.end; at += height) {
            const int64_t high = n.end - at < height ? n.end - at : height;
            cut_tiles(dy + begin * dy_stride + at, dy_stride, depth, high, tile.rows, tiles);
            for (int64_t k = 0; k < K; k += tile.columns)
                add_panel(tile, tiles, high, panels + k * BLOCK, depth, K - k < tile.columns ? K - k : tile.columns, add || begin > rows.begin,
                          dw + at * K + k, K);
        }
    }
}

NN_CLONES static void add_up(float *to, const float *from, int64_t n)
{
    for (int64_t k = 0; k < n; k++) to[k] += from[k];
}

void gemm_weights(const matrix *x, const matrix *dy, float *dw, int threads, float *scratch)
{
    if (PCLR_BF16 && x->bf16) {
        gemm_weights_bf16(x, dy, dw, threads, scratch);
        return;
    }
    const int64_t N = dy->columns;
    const shares s = shares_of(x, N, threads);
    const int64_t size = N * x->columns, own = task_scratch(x);
    float *others = scratch, *scratches = scratch + ceil_div((s.parts - 1) * size, 16) * 16;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t task = 0; task < s.parts * s.groups; task++) {
        const int64_t part = task / s.groups;
        float *to = part == 0 ? dw : others + (part - 1) * size;
        weights_task(x, dy->data, dy->stride, piece_of(x->rows, s.parts, part), piece_of(N, s.groups, task % s.groups), part == 0, to,
                     scratches + task * own);
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < threads; k++) {
        const piece p = piece_of(size, threads, k);
        for (int64_t part = 1; part < s.parts; part++) add_up(dw + p.begin, others + (part - 1) * size + p.begin, p.end - p.begin);
    }
}

/* Sums 64 columns over all rows in double. */
NN_CLONES static void sum_columns(const float *dy, int64_t rows, int64_t stride, int64_t columns, float *db)
{
    double sum[64] = {0};
    for (int64_t r = 0; r < rows; r++)
        for (int64_t n = 0; n < columns; n++) sum[n] += (double)dy[r * stride + n];
    for (int64_t n = 0; n < columns; n++) db[n] = (float)((double)db[n] + sum[n]);
}

#if PCLR_BF16
/* The same of bf16, a row at a time. */
static void sum_columns_of_halves(const half *dy, int64_t rows, int64_t stride, int64_t columns, float *db)
{
    double sum[64] = {0};
    float row[64];
    for (int64_t r = 0; r < rows; r++) {
        bf16_widen(dy + r * stride, columns, row);
        for (int64_t n = 0; n < columns; n++) sum[n] += (double)row[n];
    }
    for (int64_t n = 0; n < columns; n++) db[n] = (float)((double)db[n] + sum[n]);
}
#endif

void gemm_bias(const matrix *dy, float *db, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < dy->columns; n += 64) {
        const int64_t columns = dy->columns - n < 64 ? dy->columns - n : 64;
#if PCLR_BF16
        if (dy->half) {
            sum_columns_of_halves((const half *)(const void *)dy->data + n, dy->rows, dy->stride, columns, db + n);
            continue;
        }
#endif
        sum_columns(dy->data + n, dy->rows, dy->stride, columns, db + n);
    }
}
