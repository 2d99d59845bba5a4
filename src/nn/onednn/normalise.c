/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layer, group and batch norm; formulas in reference/normalise.h. Means and variances in two passes, a row or a block of
 * channels at a time: float partial sums over at most BLOCK values, added up in double.
 */
#include "base/world.h"
#include "nn/onednn/stretch.h"

enum { CHANNELS = 64, BLOCK = 64 };

/* sum[k] += over rows of x[row][k] - shift[k] (squares: squared; products: times other[row][k]), `columns` <= CHANNELS. */
NN_CLONES static void column_sums(const float *x, int64_t rows, int64_t stride, int64_t columns, double *sum)
{
    for (int64_t row = 0; row < rows; row += BLOCK) {
        const int64_t end = row + BLOCK < rows ? row + BLOCK : rows;
        float part[CHANNELS] = {0};
        for (int64_t r = row; r < end; r++)
            for (int64_t k = 0; k < columns; k++) part[k] += x[r * stride + k];
        for (int64_t k = 0; k < columns; k++) sum[k] += (double)part[k];
    }
}

NN_CLONES static void column_squares(const float *x, int64_t rows, int64_t stride, int64_t columns, const float *shift, double *sum)
{
    for (int64_t row = 0; row < rows; row += BLOCK) {
        const int64_t end = row + BLOCK < rows ? row + BLOCK : rows;
        float part[CHANNELS] = {0};
        for (int64_t r = row; r < end; r++)
            for (int64_t k = 0; k < columns; k++) {
                const float d = x[r * stride + k] - shift[k];
                part[k] += d * d;
            }
        for (int64_t k = 0; k < columns; k++) sum[k] += (double)part[k];
    }
}

/* sum[k] += dy, sum_n[k] += dy n with n = (x - mean) scale; beta: of a norm that ends in a ReLU (batch norm), which let dy through or not */
NN_CLONES static void column_gradients(const float *x, const float *dy, int64_t rows, int64_t stride, int64_t columns, const float *mean,
                                       const float *scale, const float *factor, const float *beta, double *sum, double *sum_n)
{
    for (int64_t row = 0; row < rows; row += BLOCK) {
        const int64_t end = row + BLOCK < rows ? row + BLOCK : rows;
        float part[CHANNELS] = {0}, part_n[CHANNELS] = {0};
        for (int64_t r = row; r < end; r++)
            for (int64_t k = 0; k < columns; k++) {
                const float n = x[r * stride + k] - mean[k], g = beta && !(n * factor[k] + beta[k] > 0) ? 0 : dy[r * stride + k];
                part[k] += g;
                part_n[k] += g * (n * scale[k]);
            }
        for (int64_t k = 0; k < columns; k++) {
            sum[k] += (double)part[k];
            sum_n[k] += (double)part_n[k];
        }
    }
}

/* y[k] = (x[k] - mean[k]) factor[k] + beta[k], or its ReLU */
NN_CLONES static void normalise_rows(const float *x, float *y, int64_t rows, int64_t C, const float *mean, const float *factor,
                                     const float *beta, bool relu)
{
    for (int64_t r = 0; r < rows; r++, x += C, y += C)
        for (int64_t k = 0; k < C; k++) {
            const float v = (x[k] - mean[k]) * factor[k] + beta[k];
            y[k] = relu && !(v > 0) ? 0 : v;
        }
}

/* dx[k] (+)= a[k] (dy[k] - b[k] - (x[k] - mean[k]) d[k]); beta: of a norm that ends in a ReLU, a its factor */
NN_CLONES static void gradient_rows(const float *x, const float *dy, float *dx, bool add, int64_t rows, int64_t C, const float *mean,
                                    const float *a, const float *b, const float *d, const float *beta)
{
    for (int64_t r = 0; r < rows; r++, x += C, dy += C, dx += C)
        for (int64_t k = 0; k < C; k++) {
            const float n = x[k] - mean[k], g = beta && !(n * a[k] + beta[k] > 0) ? 0 : dy[k], own = a[k] * (g - b[k] - n * d[k]);
            dx[k] = add ? dx[k] + own : own;
        }
}

static void add_parameter(const nn_tensor *t, int64_t k, double value)
{
    float *g = t->grad;
    if (g) g[k] = (float)((t->add ? (double)g[k] : 0) + value);
}

/* ---- batch norm, perhaps with a ReLU behind it: x [R][C]. saved: mean[C], r[C]; work: two sums of every channel and thread, three
 * vectors of C, the first of them the factor gamma r ---- */

static size_t batch_norm_saved(const nn_call *c)
{
    return (size_t)(2 * nn_shape_last(c->out.shape)) * sizeof(float);
}

static size_t batch_norm_work(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape);
    return (size_t)(c->threads * 2 * C) * sizeof(double) + (size_t)(3 * C) * sizeof(float);
}

/* The three vectors behind the sums. */
static float *batch_vectors(const nn_call *c)
{
    return (float *)((double *)c->work + c->threads * 2 * nn_shape_last(c->out.shape));
}

/* beta where a ReLU follows. */
static const float *ending_of(const nn_call *c)
{
    return c->args->activation == NN_OP_RELU ? c->in[2].data : NULL;
}

/* Rows that are worked on together: all, or where some are bf16 a stretch. */
static int64_t rows_at_once(const nn_call *c, piece rows)
{
    const bool halves = c->in[0].type == NN_BF16 || c->out.type == NN_BF16;
    return halves ? STRETCH / nn_shape_last(c->out.shape) : rows.end - rows.begin;
}

typedef enum statistic { MEANS, SQUARES, GRADIENTS } statistic;

/* Adds the sums over `count` rows, of every channel; the gradients' two sums lie C apart. */
static void add_sums(const nn_call *c, statistic what, const float *x, const float *dy, int64_t count, double *sum)
{
    const int64_t C = nn_shape_last(c->out.shape);
    const float *mean = c->saved, *scale = mean + C;
    for (int64_t k = 0; k < C; k += CHANNELS) {
        const int64_t columns = C - k < CHANNELS ? C - k : CHANNELS;
        if (what == MEANS) column_sums(x + k, count, C, columns, sum + k);
        if (what == SQUARES) column_squares(x + k, count, C, columns, mean + k, sum + k);
        if (what == GRADIENTS)
            column_gradients(x + k, dy + k, count, C, columns, mean + k, scale + k, batch_vectors(c) + k, ending_of(c) ? ending_of(c) + k : NULL,
                             sum + k, sum + C + k);
    }
}

/* The sums over the rows of one thread. */
static void sum_part(const nn_call *c, statistic what, piece rows, double *sum)
{
    const int64_t C = nn_shape_last(c->out.shape), step = rows_at_once(c, rows);
    memset(sum, 0, (size_t)(2 * C) * sizeof *sum);
    for (int64_t r = rows.begin; r < rows.end; r += step) {
        const int64_t count = rows.end - r < step ? rows.end - r : step;
        float x[STRETCH], dy[STRETCH];
        add_sums(c, what, stretch_of(c->in[0].type, c->in[0].data, r * C, count * C, x),
                 what == GRADIENTS ? stretch_of(c->out.type, c->out.grad, r * C, count * C, dy) : dy, count, sum);
    }
}

/* The same over all rows; result in the first thread's place. */
static double *sum_rows(const nn_call *c, statistic what)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    double *sum = c->work;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) sum_part(c, what, piece_of(R, c->threads, part), sum + part * 2 * C);
    for (int64_t part = 1; part < c->threads; part++)
        for (int64_t k = 0; k < 2 * C; k++) sum[k] += sum[part * 2 * C + k];
    return sum;
}

/* ... and over all processes that share the batch. */
static const double *sum_all_rows(const nn_call *c, statistic what)
{
    double *sum = sum_rows(c, what);
    world_sum(c->world, sum, (size_t)nn_shape_last(c->out.shape));
    return sum;
}

/* Mean and 1 / sqrt(variance + eps) of every channel, of the batch (which moves the running ones) or the running ones. */
static void batch_statistics(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C * pclr_world_size(c->world);
    float *running_mean = c->in[3].data, *running_var = c->in[4].data, *mean = c->saved, *scale = mean + C;
    if (!c->training) {
        for (int64_t k = 0; k < C; k++) {
            mean[k] = running_mean[k];
            scale[k] = (float)(1 / sqrt((double)running_var[k] + c->args->eps));
        }
        return;
    }
    const double *sum = sum_all_rows(c, MEANS), m = c->args->momentum;
    for (int64_t k = 0; k < C; k++) mean[k] = (float)(sum[k] / (double)R);
    sum = sum_all_rows(c, SQUARES);
    for (int64_t k = 0; k < C; k++) {
        const double unbiased = sum[k] / (double)(R > 1 ? R - 1 : 1);
        scale[k] = (float)(1 / sqrt(sum[k] / (double)R + c->args->eps));
        if (c->again) continue;
        running_mean[k] = (float)((double)running_mean[k] + m * ((double)mean[k] - (double)running_mean[k]));
        running_var[k] = (float)((double)running_var[k] + m * (unbiased - (double)running_var[k]));
    }
}

static void batch_norm_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    const float *gamma = c->in[1].data, *mean = c->saved, *scale = mean + C;
    float *factor = batch_vectors(c);
    batch_statistics(c);
    for (int64_t k = 0; k < C; k++) factor[k] = scale[k] * gamma[k];
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece p = piece_of(R, c->threads, part);
        const int64_t step = rows_at_once(c, p);
        for (int64_t r = p.begin; r < p.end; r += step) {
            const int64_t few = p.end - r < step ? p.end - r : step, at = r * C, count = few * C;
            float room[STRETCH], made[STRETCH], *y = stretch_for(c->out.type, c->out.data, at, count, false, made);
            normalise_rows(stretch_of(c->in[0].type, c->in[0].data, at, count, room), y, few, C, mean, factor, c->in[2].data, ending_of(c) != NULL);
            stretch_end(c->out.type, c->out.data, at, count, y);
        }
    }
}

static void batch_norm_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = c->out.size / C;
    const float *gamma = c->in[1].data, *mean = c->saved, *scale = mean + C;
    float *a = batch_vectors(c), *b = a + C, *d = b + C;
    for (int64_t k = 0; k < C; k++) a[k] = scale[k] * gamma[k];
    double *sum = sum_rows(c, GRADIENTS), *sum_n = sum + C;
    for (int64_t k = 0; k < C; k++) { /* of the own rows: parameters' gradients are summed later */
        add_parameter(&c->in[1], k, sum_n[k]);
        add_parameter(&c->in[2], k, sum[k]);
    }
    if (!c->in[0].grad) return;
    if (c->training) world_sum(c->world, sum, (size_t)(2 * C));
    const double rows = (double)R * pclr_world_size(c->world);
    for (int64_t k = 0; k < C; k++) {
        b[k] = c->training ? (float)(sum[k] / rows) : 0;
        d[k] = c->training ? (float)(sum_n[k] / rows * (double)scale[k]) : 0;
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++) {
        const piece p = piece_of(R, c->threads, part);
        const int64_t step = rows_at_once(c, p);
        const nn_type type = c->in[0].type;
        for (int64_t r = p.begin; r < p.end; r += step) {
            const int64_t few = p.end - r < step ? p.end - r : step, at = r * C, count = few * C;
            float values[STRETCH], gradients[STRETCH], made[STRETCH];
            float *dx = stretch_for(type, c->in[0].grad, at, count, c->in[0].add, made);
            gradient_rows(stretch_of(type, c->in[0].data, at, count, values), stretch_of(c->out.type, c->out.grad, at, count, gradients), dx,
                          c->in[0].add, few, C, mean, a, b, d, ending_of(c));
            stretch_end(type, c->in[0].grad, at, count, dx);
        }
    }
}

/* A row must fit into a stretch. */
static bool halves_serve(const nn_graph *g, const nn_node *n)
{
    (void)g;
    return nn_shape_last(n->shape) <= STRETCH;
}

/* ---- layer norm: rows of C. saved: mean and r a row; work: sums of gamma's and beta's gradients a thread ---- */

static size_t layer_norm_saved(const nn_call *c)
{
    return (size_t)(2 * nn_shape_rows(c->out.shape)) * sizeof(float);
}

static size_t layer_norm_work(const nn_call *c)
{
    return (size_t)(2 * c->threads * nn_shape_last(c->out.shape)) * sizeof(double);
}

/* Sum of x - shift, or of its square, in eight partial sums: vectorises, and errors grow with C / 8 only. */
NN_CLONES static float row_sum(const float *x, int64_t C, float shift, bool square)
{
    float part[8] = {0};
    int64_t k = 0;
    for (; k + 8 <= C; k += 8)
        for (int l = 0; l < 8; l++) {
            const float d = x[k + l] - shift;
            part[l] += square ? d * d : d;
        }
    for (; k < C; k++) {
        const float d = x[k] - shift;
        part[k % 8] += square ? d * d : d;
    }
    return ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
}

NN_CLONES static void layer_norm_row(const float *x, float *y, int64_t C, float mean, float scale, const float *gamma, const float *beta)
{
    for (int64_t k = 0; k < C; k++) y[k] = (x[k] - mean) * scale * gamma[k] + beta[k];
}

static void layer_norm_forward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = nn_shape_rows(c->out.shape);
    float *saved = c->saved;
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t r = 0; r < R; r++) {
        const float *x = (const float *)c->in[0].data + r * C;
        float mean = x[0] + row_sum(x, C, x[0], false) / (float)C;
        mean += row_sum(x, C, mean, false) / (float)C; /* what rounding left of the mean */
        const float scale = (float)(1 / sqrt((double)row_sum(x, C, mean, true) / (double)C + c->args->eps));
        layer_norm_row(x, (float *)c->out.data + r * C, C, mean, scale, c->in[1].data, c->in[2].data);
        saved[2 * r] = mean;
        saved[2 * r + 1] = scale;
    }
}

/* Row's sums of e = dy gamma and of e n; adds dy n and dy to the sums of the parameters. */
NN_CLONES static void layer_norm_sums(const float *x, const float *dy, const float *gamma, int64_t C, float mean, float scale,
                                      float *restrict dgamma, float *restrict dbeta, float *e_sum, float *en_sum)
{
    float e_part[8] = {0}, en_part[8] = {0};
    for (int64_t k = 0; k < C; k += 8) {
        const int64_t lanes = C - k < 8 ? C - k : 8;
        for (int64_t l = 0; l < lanes; l++) {
            const float n = (x[k + l] - mean) * scale, e = dy[k + l] * gamma[k + l];
            e_part[l] += e;
            en_part[l] += e * n;
            dgamma[k + l] += dy[k + l] * n;
            dbeta[k + l] += dy[k + l];
        }
    }
    *e_sum = *en_sum = 0;
    for (int l = 0; l < 8; l++) {
        *e_sum += e_part[l];
        *en_sum += en_part[l];
    }
}

NN_CLONES static void layer_norm_row_gradient(const float *x, const float *dy, const float *gamma, float *dx, bool add, int64_t C,
                                              float mean, float scale, float e_mean, float en_mean)
{
    if (add)
        for (int64_t k = 0; k < C; k++) dx[k] += scale * (dy[k] * gamma[k] - e_mean - (x[k] - mean) * scale * en_mean);
    else
        for (int64_t k = 0; k < C; k++) dx[k] = scale * (dy[k] * gamma[k] - e_mean - (x[k] - mean) * scale * en_mean);
}

/* Rows of one thread, its parameter sums moved to double every BLOCK rows. Work of a thread: 2 C doubles, behind them floats. */
static void layer_norm_part(const nn_call *c, piece rows, double *sums, float *part)
{
    const int64_t C = nn_shape_last(c->out.shape);
    const float *saved = c->saved;
    memset(sums, 0, (size_t)(2 * C) * sizeof *sums);
    for (int64_t first = rows.begin; first < rows.end; first += BLOCK) {
        const int64_t end = first + BLOCK < rows.end ? first + BLOCK : rows.end;
        memset(part, 0, (size_t)(2 * C) * sizeof *part);
        for (int64_t r = first; r < end; r++) {
            const float *x = (const float *)c->in[0].data + r * C, *dy = (const float *)c->out.grad + r * C;
            float e, en;
            layer_norm_sums(x, dy, c->in[1].data, C, saved[2 * r], saved[2 * r + 1], part, part + C, &e, &en);
            if (c->in[0].grad)
                layer_norm_row_gradient(x, dy, c->in[1].data, (float *)c->in[0].grad + r * C, c->in[0].add, C, saved[2 * r],
                                        saved[2 * r + 1], e / (float)C, en / (float)C);
        }
        for (int64_t k = 0; k < 2 * C; k++) sums[k] += (double)part[k];
    }
}

static size_t layer_norm_floats(const nn_call *c)
{
    return layer_norm_work(c) + (size_t)(2 * c->threads * nn_shape_last(c->out.shape)) * sizeof(float);
}

static void layer_norm_backward(const nn_call *c)
{
    const int64_t C = nn_shape_last(c->out.shape), R = nn_shape_rows(c->out.shape);
    double *sums = c->work;
    float *parts = (float *)(sums + 2 * c->threads * C);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t part = 0; part < c->threads; part++)
        layer_norm_part(c, piece_of(R, c->threads, part), sums + part * 2 * C, parts + part * 2 * C);
    for (int64_t k = 0; k < C; k++) {
        double gamma = 0, beta = 0;
        for (int64_t part = 0; part < c->threads; part++) {
            gamma += sums[part * 2 * C + k];
            beta += sums[part * 2 * C + C + k];
        }
        add_parameter(&c->in[1], k, gamma);
        add_parameter(&c->in[2], k, beta);
    }
}

/* ---- group norm: x [B][T][C], groups of S channels. saved: mean and r of every (b, channel); work: gradients of every item ---- */

static size_t group_norm_saved(const nn_call *c)
{
    return (size_t)(2 * c->out.shape.n[0] * c->out.shape.n[2]) * sizeof(float);
}

static size_t group_norm_work(const nn_call *c)
{
    const int64_t B = c->out.shape.n[0], C = c->out.shape.n[2];
    return (size_t)(2 * B * C) * sizeof(double) + (size_t)(3 * B * C) * sizeof(float);
}

/* Sums of `value`[C] over the channels of each group, written back to every channel of the group. */
static void gather_groups(double *value, int64_t C, int64_t S)
{
    for (int64_t first = 0; first < C; first += S) {
        double sum = 0;
        for (int64_t k = first; k < first + S; k++) sum += value[k];
        for (int64_t k = first; k < first + S; k++) value[k] = sum;
    }
}

static void group_norm_item(const nn_call *c, int64_t b, double *sum, float *factor)
{
    const int64_t T = c->out.shape.n[1], C = c->out.shape.n[2], S = C / c->args->groups;
    const float *x = (const float *)c->in[0].data + b * T * C, *gamma = c->in[1].data;
    float *mean = (float *)c->saved + 2 * b * C, *scale = mean + C;
    memset(sum, 0, (size_t)C * sizeof *sum);
    for (int64_t k = 0; k < C; k += CHANNELS) column_sums(x + k, T, C, C - k < CHANNELS ? C - k : CHANNELS, sum + k);
    gather_groups(sum, C, S);
    for (int64_t k = 0; k < C; k++) mean[k] = (float)(sum[k] / (double)(T * S));
    memset(sum, 0, (size_t)C * sizeof *sum);
    for (int64_t k = 0; k < C; k += CHANNELS) column_squares(x + k, T, C, C - k < CHANNELS ? C - k : CHANNELS, mean + k, sum + k);
    gather_groups(sum, C, S);
    for (int64_t k = 0; k < C; k++) {
        scale[k] = (float)(1 / sqrt(sum[k] / (double)(T * S) + c->args->eps));
        factor[k] = scale[k] * gamma[k];
    }
    normalise_rows(x, (float *)c->out.data + b * T * C, T, C, mean, factor, c->in[2].data, false);
}

static void group_norm_forward(const nn_call *c)
{
    const int64_t B = c->out.shape.n[0], C = c->out.shape.n[2];
    double *sums = c->work;
    float *factors = (float *)(sums + 2 * B * C);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t b = 0; b < B; b++) group_norm_item(c, b, sums + 2 * b * C, factors + 3 * b * C);
}

/* With e = dy gamma of one item: dx = r (e - mean(e) - n mean(e n)), the means over the group. */
static void group_norm_item_back(const nn_call *c, int64_t b, double *sum, float *a)
{
    const int64_t T = c->out.shape.n[1], C = c->out.shape.n[2], S = C / c->args->groups;
    const float *x = (const float *)c->in[0].data + b * T * C, *dy = (const float *)c->out.grad + b * T * C, *gamma = c->in[1].data;
    const float *mean = (const float *)c->saved + 2 * b * C, *scale = mean + C;
    double *sum_n = sum + C;
    float *at_b = a + C, *at_d = at_b + C;
    memset(sum, 0, (size_t)(2 * C) * sizeof *sum);
    for (int64_t k = 0; k < C; k += CHANNELS)
        column_gradients(x + k, dy + k, T, C, C - k < CHANNELS ? C - k : CHANNELS, mean + k, scale + k, NULL, NULL, sum + k, sum_n + k);
    for (int64_t first = 0; first < C; first += S) {
        double e = 0, en = 0;
        for (int64_t k = first; k < first + S; k++) {
            e += sum[k] * (double)gamma[k];
            en += sum_n[k] * (double)gamma[k];
        }
        for (int64_t k = first; k < first + S; k++) { /* as a (dy - b - (x - mean) d), with a = r gamma; gamma may be 0 */
            at_b[k] = (float)(e / (double)(T * S));
            at_d[k] = (float)(en / (double)(T * S) * (double)scale[k]);
            a[k] = scale[k];
        }
    }
}

NN_CLONES static void group_gradient_rows(const float *x, const float *dy, float *dx, bool add, int64_t rows, int64_t C, const float *gamma,
                                          const float *mean, const float *a, const float *b, const float *d)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < C; k++)
            dx[r * C + k] = (add ? dx[r * C + k] : 0) + a[k] * (dy[r * C + k] * gamma[k] - b[k] - (x[r * C + k] - mean[k]) * d[k]);
}

static void group_norm_backward(const nn_call *c)
{
    const int64_t B = c->out.shape.n[0], T = c->out.shape.n[1], C = c->out.shape.n[2];
    double *sums = c->work;
    float *vectors = (float *)(sums + 2 * B * C);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t b = 0; b < B; b++) {
        float *a = vectors + 3 * b * C;
        group_norm_item_back(c, b, sums + 2 * b * C, a);
        if (c->in[0].grad)
            group_gradient_rows((const float *)c->in[0].data + b * T * C, (const float *)c->out.grad + b * T * C,
                                (float *)c->in[0].grad + b * T * C, c->in[0].add, T, C, c->in[1].data, (const float *)c->saved + 2 * b * C,
                                a, a + C, a + 2 * C);
    }
    for (int64_t k = 0; k < C; k++) {
        double gamma = 0, beta = 0;
        for (int64_t b = 0; b < B; b++) {
            beta += sums[2 * b * C + k];
            gamma += sums[2 * b * C + C + k];
        }
        add_parameter(&c->in[1], k, gamma);
        add_parameter(&c->in[2], k, beta);
    }
}

void nn_onednn_normalise(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_BATCH_NORM] = (nn_kernel){.forward = batch_norm_forward,
                                           .backward = batch_norm_backward,
                                           .flags = NN_FOLDS,
                                           .reads = 1 | 2,
                                           .halves = 1 | NN_HALF_OUT,
                                           .halves_serve = halves_serve,
                                           .writes = true,
                                           .saved = batch_norm_saved,
                                           .work = batch_norm_work};
    kernel[NN_OP_LAYER_NORM] = (nn_kernel){.forward = layer_norm_forward,
                                           .backward = layer_norm_backward,
                                           .reads = 1 | 2,
                                           .writes = true,
                                           .saved = layer_norm_saved,
                                           .work = layer_norm_floats};
    kernel[NN_OP_GROUP_NORM] = (nn_kernel){.forward = group_norm_forward,
                                           .backward = group_norm_backward,
                                           .reads = 1 | 2,
                                           .writes = true,
                                           .saved = group_norm_saved,
                                           .work = group_norm_work};
}
