/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The innermost product. A tile of sums stays in registers while `depth` products are added to each: 6 rows of 16 columns fill the
 * 16 registers of AVX2 (12 sums, 2 of the panel, 1 of the left side), 6 rows of 32 or 8 of 16 the latency of AVX-512's two units.
 * The panel [depth][columns] lies in the first-level cache. One text, compiled for each kind of processor.
 */
#include "nn/onednn/fast.h"

typedef float lanes4 __attribute__((vector_size(16), aligned(4)));
typedef float lanes8 __attribute__((vector_size(32), aligned(4)));
typedef float lanes16 __attribute__((vector_size(64), aligned(4)));

/* A tile that reaches over the last column. */
static void put_part(const float *sum, int64_t width, const tile_result *to)
{
    for (int64_t i = 0; i < to->rows; i++)
        for (int64_t n = 0; n < to->columns; n++)
            to->row[i][n] = (to->add ? to->row[i][n] : 0) + (sum[i * width + n] + (to->bias ? to->bias[n] : 0));
}

#define UNROLL _Pragma("GCC unroll 8")
#define TILE(name, for_processor, lanes, ROWS, COLUMNS)                                                                                    \
    for_processor static void name(const float *const *left, int64_t step, const float *panel, int64_t depth, const tile_result *to)       \
    {                                                                                                                                      \
        enum { L = sizeof(lanes) / sizeof(float), VECTORS = COLUMNS / L };                                                                 \
        lanes s[ROWS][VECTORS] = {0};                                                                                                      \
        const float *from[ROWS];                                                                                                           \
        UNROLL for (int i = 0; i < ROWS; i++) from[i] = left[i];                                                                           \
        for (int64_t k = 0, at = 0; k < depth; k++, at += step) {                                                                          \
            lanes w[VECTORS];                                                                                                              \
            UNROLL for (int v = 0; v < VECTORS; v++) w[v] = *(const lanes *)(panel + k * COLUMNS + v * L);                                 \
            UNROLL for (int i = 0; i < ROWS; i++)                                                                                          \
            {                                                                                                                              \
                const float x = from[i][at];                                                                                               \
                UNROLL for (int v = 0; v < VECTORS; v++) s[i][v] += x * w[v];                                                              \
            }                                                                                                                              \
        }                                                                                                                                  \
        if (to->columns < COLUMNS) {                                                                                                       \
            float sum[ROWS * COLUMNS];                                                                                                     \
            UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int v = 0; v < VECTORS; v++) * (lanes *)(sum + i * COLUMNS + v * L) =        \
                s[i][v];                                                                                                                   \
            put_part(sum, COLUMNS, to);                                                                                                    \
            return;                                                                                                                        \
        }                                                                                                                                  \
        lanes bias[VECTORS] = {0};                                                                                                         \
        UNROLL for (int v = 0; v < VECTORS; v++) if (to->bias) bias[v] = *(const lanes *)(to->bias + v * L);                               \
        UNROLL for (int i = 0; i < ROWS; i++)                                                                                              \
        {                                                                                                                                  \
            if (i >= to->rows) break;                                                                                                      \
            UNROLL for (int v = 0; v < VECTORS; v++)                                                                                       \
            {                                                                                                                              \
                lanes *y = (lanes *)(to->row[i] + v * L);                                                                                  \
                *y = to->add ? *y + (s[i][v] + bias[v]) : s[i][v] + bias[v];                                                               \
            }                                                                                                                              \
        }                                                                                                                                  \
    }

#if defined(__x86_64__)
TILE(tile_avx512_wide, __attribute__((target("avx512f"))), lanes16, 6, 32)
TILE(tile_avx512, __attribute__((target("avx512f"))), lanes16, 8, 16)
TILE(tile_avx2, __attribute__((target("avx2,fma"))), lanes8, 6, 16)
#endif
TILE(tile_any, , lanes4, 6, 16)

tile_kernel tile_for(int64_t N)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return N > 16 ? (tile_kernel){6, 32, tile_avx512_wide} : (tile_kernel){8, 16, tile_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (tile_kernel){6, 16, tile_avx2};
#endif
    (void)N;
    return (tile_kernel){6, 16, tile_any};
}
