/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention; formula in reference/time.h. In half precision and where a head's rows fit, by flash.cu. Otherwise by products of a whole batch
 * of heads at once, with the matrix of scores written out. saved: log sum exp by row, or P [B H][T][row], rows padded to a multiple of eight.
 */
#include "nn/cuda/flash.cuh"
#include "nn/cuda/gemm.cuh"

struct heads {
    int64_t B, H, T, D, E, row; /* E = D / H; row: distance of the rows of P */
    bool bf16;
    __host__ __device__ int64_t count() const
    {
        return B * H;
    }
};

static heads heads_of(const nn_call *c)
{
    const nn_shape s = c->out.shape;
    return {s.n[0], c->args->heads, s.n[1], s.n[2], s.n[2] / c->args->heads, (s.n[1] + 7) / 8 * 8, c->bf16};
}

static flash_sizes flash_of(const heads &h)
{
    return {h.B, h.H, h.T, h.D, h.E};
}

static bool by_flash(const nn_call *c, const heads &h)
{
    return h.bf16 && flash_fits(device_of(c), flash_of(h));
}

static size_t square_bytes(const heads &h, size_t element)
{
    return aligned((size_t)(h.count() * h.T * h.row) * element);
}

static size_t operand(const heads &h)
{
    return h.bf16 ? 2 : 4;
}

static size_t attention_saved(const nn_call *c)
{
    const heads h = heads_of(c);
    return by_flash(c, h) ? flash_saved(c, flash_of(h)) : square_bytes(h, operand(h));
}

static size_t pointers_bytes(const heads &h)
{
    return aligned((size_t)(3 * h.count()) * sizeof(void *));
}

/* Copies of q, k, v and dy as operands; scores as float, their gradient and dropped P as operands; addresses. */
static size_t attention_work(const nn_call *c)
{
    const heads h = heads_of(c);
    size_t bytes = 0;
    for (int k = 0; k < 3; k++) bytes += operand_work(c->in[k].size, c->in[k].type == NN_BF16, h.bf16);
    bytes += operand_work(c->out.size, c->out.type == NN_BF16, h.bf16);
    if (by_flash(c, h)) return bytes + 3 * aligned((size_t)c->out.size * sizeof(float));
    return bytes + square_bytes(h, 4) + 2 * square_bytes(h, operand(h)) + pointers_bytes(h);
}

/* A factor or a result: the part of head (b, h) begins at b item + h head elements. */
struct matrix {
    void *data;
    int64_t item, head, ld;
    bool bf16;
};

static matrix rows_of(const heads &h, void *data, bool bf16)
{
    return {data, h.T * h.D, h.E, h.D, bf16};
}

static matrix square_of(const heads &h, void *data, bool bf16)
{
    return {data, h.H * h.T * h.row, h.T * h.row, h.row, bf16};
}

static __device__ char *part_of(const matrix &m, int64_t b, int64_t head)
{
    return (char *)m.data + (b * m.item + head * m.head) * (m.bf16 ? 2 : 4);
}

/* d = alpha op(a) op(b) (+ d), column-major m x n over k, for every head. */
static void multiply(const nn_call *c, const heads &h, const matrix &a, bool ta, const matrix &b, bool tb, const matrix &d, int64_t m, int64_t k, float alpha,
                     bool add, void *pointers)
{
    cuda_device *device = device_of(c);
    void **address = (void **)pointers;
    const int64_t count = h.count(), H = h.H;
    const float beta = add ? 1.0f : 0.0f;
    each(c, count, [=] __device__(int64_t i) {
        address[i] = part_of(a, i / H, i % H);
        address[count + i] = part_of(b, i / H, i % H);
        address[2 * count + i] = part_of(d, i / H, i % H);
    });
    const cudaDataType_t from = h.bf16 ? CUDA_R_16BF : CUDA_R_32F, to = d.bf16 ? CUDA_R_16BF : CUDA_R_32F;
    cuda_note_blas(device,
                   cublasGemmBatchedEx(device->blas, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, (int)m, (int)h.T, (int)k, &alpha, address, from,
                                       (int)a.ld, address + count, from, (int)b.ld, &beta, address + 2 * count, to, (int)d.ld, (int)count, CUBLAS_COMPUTE_32F,
                                       CUBLAS_GEMM_DEFAULT),
                   "attention");
}

/* p = softmax of the rows of s */
static void softmax_rows(const nn_call *c, const heads &h, const float *s, view p)
{
    const int64_t T = h.T, row = h.row;
    each_warp(c, h.count() * T, [=] __device__(int64_t r, int lane) {
        const float *x = s + r * row;
        float most = -INFINITY, sum = 0;
        for (int64_t j = lane; j < T; j += 32) most = fmaxf(most, x[j]);
        most = warp_max(most);
        for (int64_t j = lane; j < T; j += 32) sum += expf(x[j] - most);
        const float share = 1 / warp_sum(sum);
        for (int64_t j = lane; j < T; j += 32) p.put(r * row + j, expf(x[j] - most) * share);
    });
}

static void drop(const nn_call *c, const heads &h, view from, view to)
{
    const int64_t T = h.T, row = h.row;
    each_dropped(c, h.count() * T * T, [=] __device__(int64_t i, float factor) {
        const int64_t at = i / T * row + i % T;
        to.put(at, factor > 0 ? from.get(at) * factor : 0);
    });
}

static void attention_forward(const nn_call *c)
{
    const heads h = heads_of(c);
    char *work = (char *)c->work;
    view in[3];
    for (int k = 0; k < 3; k++) in[k] = gemm_operand(c, c->in[k].size, value_of(&c->in[k]), h.bf16, &work);
    if (by_flash(c, h)) {
        flash_forward(c, flash_of(h), in[0].data, in[1].data, in[2].data, value_of(&c->out));
        return;
    }
    float *scores = (float *)work;
    work += square_bytes(h, 4);
    view p = {c->saved, h.bf16};
    const view dropped = {work, h.bf16};
    void *pointers = work + 2 * square_bytes(h, operand(h));
    const matrix q = rows_of(h, in[0].data, h.bf16), k = rows_of(h, in[1].data, h.bf16), v = rows_of(h, in[2].data, h.bf16);
    multiply(c, h, k, true, q, false, square_of(h, scores, false), h.T, h.E, 1 / sqrtf((float)h.E), false, pointers);
    softmax_rows(c, h, scores, p);
    if (c->args->p > 0) {
        drop(c, h, p, dropped);
        p = dropped;
    }
    multiply(c, h, v, false, square_of(h, p.data, h.bf16), false, rows_of(h, c->out.data, c->out.type == NN_BF16), h.E, h.T, 1, false, pointers);
}

/* ds = P (dp - sum dp P) / sqrt(E) */
static void softmax_back(const nn_call *c, const heads &h, view p, const float *dp, view ds)
{
    const int64_t T = h.T, row = h.row;
    const float scale = 1 / sqrtf((float)h.E);
    each_warp(c, h.count() * T, [=] __device__(int64_t r, int lane) {
        float dot = 0;
        for (int64_t j = lane; j < T; j += 32) dot += dp[r * row + j] * p.get(r * row + j);
        dot = warp_sum(dot);
        for (int64_t j = lane; j < T; j += 32) ds.put(r * row + j, scale * p.get(r * row + j) * (dp[r * row + j] - dot));
    });
}

/* Inputs that are one tensor share a gradient: their parts are then added up afterwards. */
static void flash_gradients_of(const nn_call *c, const heads &h, const view in[3], view dy, char *work)
{
    flash_gradients to = {};
    bool shared = false;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < i; k++) shared = shared || (c->in[i].grad && c->in[i].grad == c->in[k].grad);
    for (int i = 0; i < 3; i++) {
        to.to[i] = grad_of(&c->in[i]);
        to.add[i] = c->in[i].add;
        if (shared && c->in[i].grad) {
            to.to[i] = float_view(work + (size_t)i * aligned((size_t)c->out.size * sizeof(float)));
            to.add[i] = false;
        }
    }
    flash_backward(c, flash_of(h), in[0].data, in[1].data, in[2].data, value_of(&c->out), dy.data, to);
    for (int i = 0; i < 3 && shared; i++) {
        if (!c->in[i].grad) continue;
        const view from = to.to[i], grad = grad_of(&c->in[i]);
        const bool add = c->in[i].add;
        each(c, c->out.size, [=] __device__(int64_t k) { grad.give(k, from.get(k), add); });
    }
}

static void attention_backward(const nn_call *c)
{
    const heads h = heads_of(c);
    char *work = (char *)c->work;
    view in[3];
    for (int k = 0; k < 3; k++) in[k] = gemm_operand(c, c->in[k].size, value_of(&c->in[k]), h.bf16, &work);
    const view dy = gemm_operand(c, c->out.size, grad_of(&c->out), h.bf16, &work);
    if (by_flash(c, h)) {
        flash_gradients_of(c, h, in, dy, work);
        return;
    }
    float *dp = (float *)work;
    work += square_bytes(h, 4);
    const view p = {c->saved, h.bf16}, ds = {work, h.bf16}, other = {work + square_bytes(h, operand(h)), h.bf16};
    void *pointers = work + 2 * square_bytes(h, operand(h));
    const bool drops = c->args->p > 0;
    const matrix q = rows_of(h, in[0].data, h.bf16), k = rows_of(h, in[1].data, h.bf16), v = rows_of(h, in[2].data, h.bf16);
    const matrix g = rows_of(h, dy.data, h.bf16), dS = square_of(h, ds.data, h.bf16);

    multiply(c, h, v, true, g, false, square_of(h, dp, false), h.T, h.E, 1, false, pointers);
    if (drops) {
        drop(c, h, p, other);
        drop(c, h, float_view(dp), float_view(dp));
    }
    softmax_back(c, h, p, dp, ds);
    const matrix kept = square_of(h, drops ? other.data : p.data, h.bf16);
    matrix to[3];
    for (int i = 0; i < 3; i++) to[i] = rows_of(h, c->in[i].grad, c->in[i].type == NN_BF16);
    if (c->in[0].grad) multiply(c, h, k, false, dS, false, to[0], h.E, h.T, 1, c->in[0].add, pointers);
    if (c->in[1].grad) multiply(c, h, q, false, dS, true, to[1], h.E, h.T, 1, c->in[1].add, pointers);
    if (c->in[2].grad) multiply(c, h, g, false, kept, true, to[2], h.E, h.T, 1, c->in[2].add, pointers);
}

void cuda_attention(nn_kernel kernel[NN_OPS])
{
    kernel[NN_OP_ATTENTION] = cuda_row(attention_forward, attention_backward, 1u | 2u | 4u | NN_READS_OUT, attention_saved, attention_work);
}
