/* SPDX-License-Identifier: Apache-2.0 */
/* slice and concat move whole runs of values: everything from their axis on; formulas in reference/shape.h. */
#include "nn/onednn/fast.h"

/* Values from `axis` on. */
static int64_t run_of(nn_shape s, int axis)
{
    int64_t size = 1;
    for (int k = axis; k < s.rank; k++) size *= s.n[k];
    return size;
}

NN_CLONES static void add_run(const float *from, int64_t n, float *to)
{
    for (int64_t k = 0; k < n; k++) to[k] += from[k];
}

/* Between the runs of a narrow tensor and those places of a wide one that begin `offset` into each of its runs. */
static void narrow_to_wide(const float *narrow, int64_t n, float *wide, int64_t wide_run, int64_t offset, int64_t runs, bool add,
                           int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < runs; r++) {
        float *to = wide + r * wide_run + offset;
        if (add)
            add_run(narrow + r * n, n, to);
        else
            memcpy(to, narrow + r * n, (size_t)n * sizeof *to);
    }
}

static void wide_to_narrow(const float *wide, int64_t wide_run, int64_t offset, float *narrow, int64_t n, int64_t runs, bool add,
                           int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < runs; r++) {
        const float *from = wide + r * wide_run + offset;
        if (add)
            add_run(from, n, narrow + r * n);
        else
            memcpy(narrow + r * n, from, (size_t)n * sizeof *narrow);
    }
}

/* ---- slice ---- */

static int64_t slice_offset(const nn_call *c)
{
    return c->args->begin * run_of(c->in[0].shape, c->args->axis) / c->in[0].shape.n[c->args->axis];
}

static void slice_forward(const nn_call *c)
{
    const int64_t n = run_of(c->out.shape, c->args->axis), wide = run_of(c->in[0].shape, c->args->axis);
    wide_to_narrow(c->in[0].data, wide, slice_offset(c), c->out.data, n, c->out.size / n, false, c->threads);
}

static void slice_backward(const nn_call *c)
{
    const int64_t n = run_of(c->out.shape, c->args->axis), wide = run_of(c->in[0].shape, c->args->axis);
    if (!c->in[0].add) memset(c->in[0].grad, 0, (size_t)c->in[0].size * sizeof(float));
    narrow_to_wide(c->out.grad, n, c->in[0].grad, wide, slice_offset(c), c->out.size / n, true, c->threads);
}

/* ---- concat ---- */

static void concat_forward(const nn_call *c)
{
    const int64_t wide = run_of(c->out.shape, c->args->axis);
    for (int64_t k = 0, offset = 0; k < c->inputs; k++) {
        const int64_t n = run_of(c->in[k].shape, c->args->axis);
        narrow_to_wide(c->in[k].data, n, c->out.data, wide, offset, c->out.size / wide, false, c->threads);
        offset += n;
    }
}

static void concat_backward(const nn_call *c)
{
    const int64_t wide = run_of(c->out.shape, c->args->axis);
    for (int64_t k = 0, offset = 0; k < c->inputs; k++) {
        const int64_t n = run_of(c->in[k].shape, c->args->axis);
        if (c->in[k].grad) wide_to_narrow(c->out.grad, wide, offset, c->in[k].grad, n, c->out.size / wide, c->in[k].add, c->threads);
        offset += n;
    }
}

void nn_onednn_shape(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_SLICE] = (nn_kernel){.forward = slice_forward, .backward = slice_backward, .writes = true};
    kernel[NN_OP_CONCAT] = (nn_kernel){.forward = concat_forward, .backward = concat_backward, .writes = true};
}
