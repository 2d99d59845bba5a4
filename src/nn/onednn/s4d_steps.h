/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The innermost loops of the state space: a few states of LANES channels run through all steps in registers. Every state is a chain
 * of dependent multiply-adds, so that several run side by side until the units are full. s4d.c includes this text once per kind of
 * processor, with LANE (a vector of its width), FOR_PROCESSOR (the target) and NAME(x) (x with a suffix).
 *
 * Signals are [T][LANES] in the order of the recurrence; a and w hold [state][real, imaginary][LANES].
 */

enum { NAME(wide) = sizeof(LANE) / sizeof(float), NAME(vectors) = LANES / NAME(wide) };

/* Two states: y_t += Re(w0 h0_t) + Re(w1 h1_t) with h_t = a h_{t-1} + x_t */
FOR_PROCESSOR static void NAME(outputs)(const float *a, const float *w, const float *x, float *y, int64_t T)
{
    enum { S = 2, V = NAME(vectors), L = NAME(wide) };
    LANE re[S][V] = {0}, im[S][V] = {0};
    for (int64_t t = 0; t < T; t++, x += LANES, y += LANES) UNROLL for (int v = 0; v < V; v++)
        {
            const LANE in = *(const LANE *)(x + v * L);
            LANE sum = *(const LANE *)(y + v * L);
            UNROLL for (int s = 0; s < S; s++)
            {
                const LANE *A = (const LANE *)(a + 2 * s * LANES + v * L), *Ai = (const LANE *)(a + (2 * s + 1) * LANES + v * L);
                const LANE *W = (const LANE *)(w + 2 * s * LANES + v * L), *Wi = (const LANE *)(w + (2 * s + 1) * LANES + v * L);
                const LANE r = re[s][v], i = im[s][v];
                re[s][v] = *A * r + (in - *Ai * i);
                im[s][v] = *A * i + *Ai * r;
                sum = sum + *W * re[s][v] - *Wi * im[s][v];
            }
            *(LANE *)(y + v * L) = sum;
        }
}

/* Two states kept: h [state][T + 1][real, imaginary][LANES], h_0 = 0 */
FOR_PROCESSOR static void NAME(states)(const float *a, const float *x, float *h, int64_t T)
{
    enum { S = 2, V = NAME(vectors), L = NAME(wide) };
    LANE re[S][V] = {0}, im[S][V] = {0};
    for (int64_t t = 0; t <= T; t++, x += LANES) UNROLL for (int v = 0; v < V; v++) UNROLL for (int s = 0; s < S; s++)
        {
            float *to = h + (s * (T + 1) + t) * 2 * LANES + v * L;
            const LANE *A = (const LANE *)(a + 2 * s * LANES + v * L), *Ai = (const LANE *)(a + (2 * s + 1) * LANES + v * L);
            const LANE r = re[s][v], i = im[s][v];
            *(LANE *)to = r;
            *(LANE *)(to + LANES) = i;
            if (t == T) continue;
            re[s][v] = *A * r + (*(const LANE *)(x + v * L) - *Ai * i);
            im[s][v] = *A * i + *Ai * r;
        }
}

/* One state backwards: g_t = conj(a) g_{t+1} + e_t conj(w), dx_t += Re g_t; G [4][LANES] = sum_t g_t conj(h_{t-1}), sum_t e_t conj(h_t).
 * h [T + 1][real, imaginary][LANES] */
FOR_PROCESSOR static void NAME(gradients)(const float *a, const float *w, const float *h, const float *e, float *dx, int64_t T, float *G)
{
    enum { V = NAME(vectors), L = NAME(wide) };
    LANE re[V] = {0}, im[V] = {0}, sum[4][V] = {0};
    for (int64_t t = T - 1; t >= 0; t--) UNROLL for (int v = 0; v < V; v++)
        {
            const float *before = h + t * 2 * LANES + v * L, *after = before + 2 * LANES;
            const LANE A = *(const LANE *)(a + v * L), Ai = *(const LANE *)(a + LANES + v * L);
            const LANE W = *(const LANE *)(w + v * L), Wi = *(const LANE *)(w + LANES + v * L);
            const LANE in = *(const LANE *)(e + t * LANES + v * L), r = re[v], i = im[v];
            const LANE b = *(const LANE *)before, bi = *(const LANE *)(before + LANES);
            re[v] = A * r + (Ai * i + in * W);
            im[v] = A * i - (Ai * r + in * Wi);
            *(LANE *)(dx + t * LANES + v * L) += re[v];
            sum[0][v] = sum[0][v] + re[v] * b + im[v] * bi;
            sum[1][v] = sum[1][v] + im[v] * b - re[v] * bi;
            sum[2][v] = sum[2][v] + in * *(const LANE *)after;
            sum[3][v] = sum[3][v] - in * *(const LANE *)(after + LANES);
        }
    UNROLL for (int k = 0; k < 4; k++) UNROLL for (int v = 0; v < V; v++) * (LANE *)(G + k * LANES + v * L) = sum[k][v];
}

#undef LANE
#undef FOR_PROCESSOR
#undef NAME
