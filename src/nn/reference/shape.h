/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that only move values. */

/* permute: element of x that element i of the result comes from. */
static int64_t permute_source(const nn_call *c, int64_t i)
{
    nn_shape x = c->in[0].shape, y = c->out.shape;
    int64_t stride[NN_MAX_RANK], from = 0;
    for (int k = x.rank - 1, step = 0; k >= 0; k--, step++) stride[k] = k == x.rank - 1 ? 1 : stride[k + 1] * x.n[k + 1];
    for (int k = y.rank - 1; k >= 0; k--) {
        from += i % y.n[k] * stride[c->args->axes[k]];
        i /= y.n[k];
    }
    return from;
}

static void permute_forward(const nn_call *c)
{
    for (int64_t i = 0; i < c->out.size; i++) out_data(c)[i] = in_data(c, 0)[permute_source(c, i)];
}

static void permute_backward(const nn_call *c)
{
    for (int64_t i = 0; i < c->out.size; i++) in_grad(c, 0)[permute_source(c, i)] += out_grad(c)[i];
}

/* Blocks of contiguous values: everything from `axis` on. */
static int64_t block_of(nn_shape s, int axis)
{
    int64_t size = 1;
    for (int k = axis; k < s.rank; k++) size *= s.n[k];
    return size;
}

static void concat_forward(const nn_call *c)
{
    int64_t wide = block_of(c->out.shape, c->args->axis), offset = 0;
    for (int k = 0; k < c->inputs; k++) {
        int64_t n = block_of(c->in[k].shape, c->args->axis);
        for (int64_t r = 0; r < c->out.size / wide; r++) memcpy(out_data(c) + r * wide + offset, in_data(c, k) + r * n, (size_t)n * sizeof(real));
        offset += n;
    }
}

static void concat_backward(const nn_call *c)
{
    int64_t wide = block_of(c->out.shape, c->args->axis), offset = 0;
    for (int k = 0; k < c->inputs; k++) {
        int64_t n = block_of(c->in[k].shape, c->args->axis);
        for (int64_t i = 0; in_grad(c, k) && i < c->in[k].size; i++) in_grad(c, k)[i] += out_grad(c)[i / n * wide + offset + i % n];
        offset += n;
    }
}

static int64_t slice_source(const nn_call *c, int64_t i)
{
    int64_t n = block_of(c->out.shape, c->args->axis), wide = block_of(c->in[0].shape, c->args->axis);
    return i / n * wide + c->args->begin * (n / c->out.shape.n[c->args->axis]) + i % n;
}

static void slice_forward(const nn_call *c)
{
    for (int64_t i = 0; i < c->out.size; i++) out_data(c)[i] = in_data(c, 0)[slice_source(c, i)];
}

static void slice_backward(const nn_call *c)
{
    for (int64_t i = 0; i < c->out.size; i++) in_grad(c, 0)[slice_source(c, i)] += out_grad(c)[i];
}

/* gather: row m of the result is row index_m of x; an index outside x gives zeros and takes no gradient. */
static bool gather_row(const nn_call *c, int64_t m, int64_t *from)
{
    *from = ((const int32_t *)c->in[1].data)[m];
    return *from >= 0 && *from < c->in[0].shape.n[0];
}

static void gather_forward(const nn_call *c)
{
    int64_t n = c->out.size / c->out.shape.n[0], from;
    for (int64_t m = 0; m < c->out.shape.n[0]; m++) {
        if (gather_row(c, m, &from))
            memcpy(out_data(c) + m * n, in_data(c, 0) + from * n, (size_t)n * sizeof(real));
        else
            memset(out_data(c) + m * n, 0, (size_t)n * sizeof(real));
    }
}

static void gather_backward(const nn_call *c)
{
    int64_t n = c->out.size / c->out.shape.n[0], from;
    for (int64_t m = 0; m < c->out.shape.n[0]; m++)
        for (int64_t i = 0; gather_row(c, m, &from) && i < n; i++) in_grad(c, 0)[from * n + i] += out_grad(c)[m * n + i];
}

static void one_hot_max_forward(const nn_call *c)
{
    int64_t n = nn_shape_last(c->out.shape);
    for (int64_t r = 0; r < c->out.size; r += n) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++)
            if (in_data(c, 0)[r + i] > in_data(c, 0)[r + best]) best = i;
        for (int64_t i = 0; i < n; i++) out_data(c)[r + i] = (real)(i == best);
    }
}
