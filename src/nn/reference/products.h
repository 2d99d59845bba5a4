/* SPDX-License-Identifier: Apache-2.0 */
/* Products: linear and matmul. */

/* linear: y[r][n] = sum_k x[r][k] w[n][k] + bias[n];
 * dx[r][k] = sum_n dy[r][n] w[n][k]; dw[n][k] = sum_r dy[r][n] x[r][k]; dbias[n] = sum_r dy[r][n]. */
static void linear_forward(const nn_call *c)
{
    const int64_t N = c->in[1].shape.n[0], K = c->in[1].shape.n[1], R = c->in[0].size / K;
    const real *x = c->in[0].data, *w = c->in[1].data, *bias = c->in[2].data;
    real *y = c->out.data;
    for (int64_t r = 0; r < R; r++)
        for (int64_t n = 0; n < N; n++) {
            double sum = bias ? (double)bias[n] : 0;
            for (int64_t k = 0; k < K; k++) sum += (double)x[r * K + k] * (double)w[n * K + k];
            y[r * N + n] = (real)sum;
        }
}

static void linear_backward(const nn_call *c)
{
    const int64_t N = c->in[1].shape.n[0], K = c->in[1].shape.n[1], R = c->in[0].size / K;
    const real *x = c->in[0].data, *w = c->in[1].data, *dy = c->out.grad;
    real *dx = c->in[0].grad, *dw = c->in[1].grad, *db = c->in[2].grad;
    for (int64_t r = 0; dx && r < R; r++)
        for (int64_t k = 0; k < K; k++) {
            double sum = 0;
            for (int64_t n = 0; n < N; n++) sum += (double)dy[r * N + n] * (double)w[n * K + k];
            dx[r * K + k] += (real)sum;
        }
    for (int64_t n = 0; dw && n < N; n++)
        for (int64_t k = 0; k < K; k++) {
            double sum = 0;
            for (int64_t r = 0; r < R; r++) sum += (double)dy[r * N + n] * (double)x[r * K + k];
            dw[n * K + k] += (real)sum;
        }
    for (int64_t n = 0; db && n < N; n++) {
        double sum = 0;
        for (int64_t r = 0; r < R; r++) sum += (double)dy[r * N + n];
        db[n] += (real)sum;
    }
}

/* matmul: y[l] = op(a[l]) op(b[l]) over the leading axes l; op transposes where asked.
 * With A = op(a) [M][K] and B = op(b) [K][N]: dA = dy B^T, dB = A^T dy, each transposed back. */
typedef struct matmul_sizes {
    int64_t L, M, N, K;
    int64_t am, ak, bk, bn; /* strides of A[m][k], B[k][n] */
} matmul_sizes;

static matmul_sizes matmul_sizes_of(const nn_call *c)
{
    const nn_shape y = c->out.shape, a = c->in[0].shape;
    matmul_sizes s = {.M = y.n[y.rank - 2], .N = y.n[y.rank - 1]};
    s.K = c->args->transpose_a ? a.n[a.rank - 2] : a.n[a.rank - 1];
    s.L = c->out.size / (s.M * s.N);
    s.am = c->args->transpose_a ? 1 : s.K;
    s.ak = c->args->transpose_a ? s.M : 1;
    s.bk = c->args->transpose_b ? 1 : s.N;
    s.bn = c->args->transpose_b ? s.K : 1;
    return s;
}

static void matmul_forward(const nn_call *c)
{
    const matmul_sizes s = matmul_sizes_of(c);
    for (int64_t l = 0; l < s.L; l++) {
        const real *a = reals(&c->in[0]) + l * s.M * s.K, *b = reals(&c->in[1]) + l * s.K * s.N;
        real *y = (real *)c->out.data + l * s.M * s.N;
        for (int64_t m = 0; m < s.M; m++)
            for (int64_t n = 0; n < s.N; n++) {
                double sum = 0;
                for (int64_t k = 0; k < s.K; k++) sum += (double)a[m * s.am + k * s.ak] * (double)b[k * s.bk + n * s.bn];
                y[m * s.N + n] = (real)sum;
            }
    }
}

static void matmul_backward(const nn_call *c)
{
    const matmul_sizes s = matmul_sizes_of(c);
    for (int64_t l = 0; l < s.L; l++) {
        const real *a = reals(&c->in[0]) + l * s.M * s.K, *b = reals(&c->in[1]) + l * s.K * s.N;
        const real *dy = (const real *)c->out.grad + l * s.M * s.N;
        real *da = c->in[0].grad ? (real *)c->in[0].grad + l * s.M * s.K : NULL;
        real *db = c->in[1].grad ? (real *)c->in[1].grad + l * s.K * s.N : NULL;
        for (int64_t m = 0; da && m < s.M; m++)
            for (int64_t k = 0; k < s.K; k++) {
                double sum = 0;
                for (int64_t n = 0; n < s.N; n++) sum += (double)dy[m * s.N + n] * (double)b[k * s.bk + n * s.bn];
                da[m * s.am + k * s.ak] += (real)sum;
            }
        for (int64_t k = 0; db && k < s.K; k++)
            for (int64_t n = 0; n < s.N; n++) {
                double sum = 0;
                for (int64_t m = 0; m < s.M; m++) sum += (double)a[m * s.am + k * s.ak] * (double)dy[m * s.N + n];
                db[k * s.bk + n * s.bn] += (real)sum;
            }
    }
}
