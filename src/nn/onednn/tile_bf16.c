/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The innermost product of bf16: four tiles of 16 x 16 sums in the tile registers (AMX), or 8 rows of 32 sums in vectors (AVX512_BF16), and what
 * rounds floats and lays them in the order of its operands.
 */
#include "nn/onednn/bf16.h"

#if PCLR_BF16
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VECTORS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define TILES __attribute__((target("avx512f,avx512bf16,amx-tile,amx-bf16")))

/* ---- what the processor has ---- */

/* Linux lets a process use the tile registers after it asked (arch_prctl ARCH_REQ_XCOMP_PERM, state XTILEDATA). */
static bool tiles_permitted(void)
{
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

static nn_bf16_units find_units(void)
{
    unsigned a, b, c, d;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) return NN_BF16_NONE;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & (1u << 5))) return NN_BF16_NONE;
    const bool tiles = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & (1u << 22)) && (d & (1u << 24));
    if (tiles && tiles_permitted()) return NN_BF16_TILES;
    return __builtin_cpu_is("amd") ? NN_BF16_FAST_VECTORS : NN_BF16_VECTORS; /* elsewhere not measured */
}

/* Asked once: a virtual machine takes long to answer. */
nn_bf16_units nn_onednn_bf16(void)
{
    static atomic_int known; /* 1 + the answer */
    int now = atomic_load(&known);
    if (now == 0) {
        now = 1 + (int)find_units();
        atomic_store(&known, now);
    }
    return (nn_bf16_units)(now - 1);
}

/* ---- tile registers: 0 to 3 sums, 4 and 5 left, 6 and 7 right ---- */

typedef struct __attribute__((packed)) tile_shapes {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

TILES static void tiles_begin(void)
{
    tile_shapes shapes = {.palette = 1};
    for (int k = 0; k < 8; k++) {
        shapes.row_bytes[k] = 64;
        shapes.rows[k] = BF16_TILE;
    }
    __asm__ volatile("" : : "r"(&shapes) : "memory"); /* gcc 12 believes that only the first bytes are read */
    _tile_loadconfig(&shapes);
}

TILES static void tiles_end(void)
{
    _tile_release();
}

/* A function for each number of tiles, so that nothing is asked in the loop. */
#define TILE_PRODUCT(name, A1, B1)                                                                                                         \
    TILES static void name(const bf16_product *p, const float *start, int64_t start_row, float *sum, int64_t row)                          \
    {                                                                                                                                      \
        const size_t a_row = (size_t)p->a_row * sizeof(half), b_pair = (size_t)p->b_pair * sizeof(half);                                   \
        const size_t in = (size_t)start_row * sizeof *sum, out = (size_t)row * sizeof *sum;                                                \
        float *below = sum + BF16_TILE * row;                                                                                              \
        __asm__ volatile("" : : : "memory"); /* gcc 12 does not know that tiles read memory */                                             \
        if (start) {                                                                                                                       \
            const float *second = start + BF16_TILE * start_row;                                                                           \
            _tile_loadd(0, start, in);                                                                                                     \
            if (B1) _tile_loadd(1, start + BF16_TILE, in);                                                                                 \
            if (A1) _tile_loadd(2, second, in);                                                                                            \
            if (A1 && B1) _tile_loadd(3, second + BF16_TILE, in);                                                                          \
        } else {                                                                                                                           \
            _tile_zero(0);                                                                                                                 \
            _tile_zero(1);                                                                                                                 \
            _tile_zero(2);                                                                                                                 \
            _tile_zero(3);                                                                                                                 \
        }                                                                                                                                  \
        for (int64_t o = 0; o < p->outer; o++)                                                                                             \
            for (int64_t i = 0; i < p->inner; i++) {                                                                                       \
                const int64_t a = o * p->a_outer + i * p->a_inner, b = o * p->b_outer + i * p->b_inner;                                    \
                _tile_loadd(4, p->a[0] + a, a_row);                                                                                        \
                _tile_loadd(6, p->b[0] + b, b_pair);                                                                                       \
                if (B1) _tile_loadd(7, p->b[1] + b, b_pair);                                                                               \
                _tile_dpbf16ps(0, 4, 6);                                                                                                   \
                if (A1) _tile_loadd(5, p->a[1] + a, a_row);                                                                                \
                if (B1) _tile_dpbf16ps(1, 4, 7);                                                                                           \
                if (A1) _tile_dpbf16ps(2, 5, 6);                                                                                           \
                if (A1 && B1) _tile_dpbf16ps(3, 5, 7);                                                                                     \
            }                                                                                                                              \
        _tile_stored(0, sum, out);                                                                                                         \
        if (B1) _tile_stored(1, sum + BF16_TILE, out);                                                                                     \
        if (A1) _tile_stored(2, below, out);                                                                                               \
        if (A1 && B1) _tile_stored(3, below + BF16_TILE, out);                                                                             \
    }
TILE_PRODUCT(tiles_1x1, false, false)
TILE_PRODUCT(tiles_1x2, false, true)
TILE_PRODUCT(tiles_2x1, true, false)
TILE_PRODUCT(tiles_2x2, true, true)

static void tiles_multiply(const bf16_product *p, const float *start, int64_t start_row, float *sum, int64_t row)
{
    if (p->a[1])
        (p->b[1] ? tiles_2x2 : tiles_2x1)(p, start, start_row, sum, row);
    else
        (p->b[1] ? tiles_1x2 : tiles_1x1)(p, start, start_row, sum, row);
}

/* ---- vectors ---- */

static void nothing(void)
{
}

/* 8 rows of a left tile times one or two right tiles. */
#define VECTOR_PRODUCT(name, COUNT)                                                                                                        \
    VECTORS static void name(const bf16_product *p, const half *left, const float *start, int64_t start_row, float *sum, int64_t row)      \
    {                                                                                                                                      \
        __m512 s[8][COUNT];                                                                                                                \
        _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++) _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) s[r][v] =              \
            start ? _mm512_loadu_ps(start + r * start_row + v * BF16_TILE) : _mm512_setzero_ps();                                          \
        for (int64_t o = 0; o < p->outer; o++)                                                                                             \
            for (int64_t i = 0; i < p->inner; i++) {                                                                                       \
                const half *a = left + o * p->a_outer + i * p->a_inner;                                                                    \
                const int64_t b = o * p->b_outer + i * p->b_inner;                                                                         \
                for (int64_t k = 0; k < BF16_STEP / 2; k++) {                                                                              \
                    __m512bh w[COUNT];                                                                                                     \
                    _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) w[v] =                                                         \
                        (__m512bh)_mm512_loadu_si512(p->b[v] + b + k * p->b_pair);                                                         \
                    _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++)                                                                    \
                    {                                                                                                                      \
                        int pair;                                                                                                          \
                        memcpy(&pair, a + r * p->a_row + 2 * k, sizeof pair);                                                              \
                        const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);                                                              \
                        _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++) s[r][v] = _mm512_dpbf16_ps(s[r][v], x, w[v]);              \
                    }                                                                                                                      \
                }                                                                                                                          \
            }                                                                                                                              \
        _Pragma("GCC unroll 8") for (int r = 0; r < 8; r++) _Pragma("GCC unroll 2") for (int v = 0; v < COUNT; v++)                        \
            _mm512_storeu_ps(sum + r * row + v * BF16_TILE, s[r][v]);                                                                      \
    }
VECTOR_PRODUCT(vectors_1, 1)
VECTOR_PRODUCT(vectors_2, 2)

static void vectors_multiply(const bf16_product *p, const float *start, int64_t start_row, float *sum, int64_t row)
{
    for (int eight = 0; eight < 4; eight++) {
        const half *tile = p->a[eight / 2];
        if (!tile) return;
        (p->b[1] ? vectors_2 : vectors_1)(p, tile + eight % 2 * 8 * p->a_row, start ? start + eight * 8 * start_row : NULL, start_row,
                                          sum + eight * 8 * row, row);
    }
}

bf16_kernel bf16_kernel_for(nn_bf16_units units)
{
    if (units == NN_BF16_TILES) return (bf16_kernel){tiles_begin, tiles_end, tiles_multiply};
    return (bf16_kernel){nothing, nothing, vectors_multiply};
}

/* ---- rounding and order ---- */

VECTORS static inline __mmask16 first_lanes(int64_t count)
{
    return count >= 16 ? (__mmask16)0xFFFF : count <= 0 ? (__mmask16)0 : (__mmask16)((1u << count) - 1);
}

enum { AHEAD = 2048 }; /* bytes: what follows in memory is read next, and the processor's own fetching ends with each page */

VECTORS void bf16_row(const float *from, int64_t n, half *to)
{
    int64_t k = 0;
    for (; k + 32 <= n; k += 32)
        _mm512_storeu_si512(to + k, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + k + 16), _mm512_loadu_ps(from + k)));
    for (; k < n; k += 16) {
        const __mmask16 m = first_lanes(n - k);
        _mm256_mask_storeu_epi16(to + k, m, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, from + k)));
    }
}

VECTORS void bf16_widen(const half *from, int64_t n, float *to)
{
    int64_t k = 0;
    for (; k + 32 <= n; k += 32) {
        const __m512i both = _mm512_loadu_si512(from + k);
        __builtin_prefetch((const char *)(from + k) + AHEAD);
        _mm512_storeu_si512(to + k, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(both)), 16));
        _mm512_storeu_si512(to + k + 16, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1)), 16));
    }
    for (; k < n; k += 16) {
        const __mmask16 m = first_lanes(n - k);
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, from + k));
        _mm512_mask_storeu_ps(to + k, m, (__m512)_mm512_slli_epi32(wide, 16));
    }
}

/* [low 16 | high 16] to pairs */
VECTORS static inline __m512i join_pairs(__m256i low, __m256i high)
{
    return _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
}

VECTORS static inline __m512i to_pairs(__m512 low, __m512 high)
{
    return join_pairs((__m256i)_mm512_cvtneps_pbh(low), (__m256i)_mm512_cvtneps_pbh(high));
}

VECTORS void bf16_pairs(const float *even, const float *odd, const float *factor, int64_t count, half *to)
{
    const __mmask16 m = first_lanes(count);
    __m512 low = _mm512_maskz_loadu_ps(m, even), high = odd ? _mm512_maskz_loadu_ps(m, odd) : _mm512_setzero_ps();
    if (factor) {
        const __m512 f = _mm512_maskz_loadu_ps(m, factor);
        low = _mm512_mul_ps(low, f);
        high = _mm512_mul_ps(high, f);
    }
    _mm512_storeu_si512(to, to_pairs(low, high));
}

VECTORS void bf16_pairs_of_halves(const half *even, const half *odd, int64_t count, half *to)
{
    const __mmask16 m = first_lanes(count);
    const __m256i low = _mm256_maskz_loadu_epi16(m, even), high = odd ? _mm256_maskz_loadu_epi16(m, odd) : _mm256_setzero_si256();
    _mm512_storeu_si512(to, join_pairs(low, high));
}

/* Sixteen rows of sixteen pairs become columns. */
VECTORS static inline void turn(__m512i r[16])
{
    __m512i t[16];
    _Pragma("GCC unroll 8") for (int k = 0; k < 16; k += 2)
    {
        t[k] = _mm512_unpacklo_epi32(r[k], r[k + 1]);
        t[k + 1] = _mm512_unpackhi_epi32(r[k], r[k + 1]);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 16; k += 4)
    {
        r[k] = _mm512_unpacklo_epi64(t[k], t[k + 2]);
        r[k + 1] = _mm512_unpackhi_epi64(t[k], t[k + 2]);
        r[k + 2] = _mm512_unpacklo_epi64(t[k + 1], t[k + 3]);
        r[k + 3] = _mm512_unpackhi_epi64(t[k + 1], t[k + 3]);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        t[k] = _mm512_shuffle_i32x4(r[k], r[k + 4], 0x88);
        t[k + 4] = _mm512_shuffle_i32x4(r[k], r[k + 4], 0xDD);
        t[k + 8] = _mm512_shuffle_i32x4(r[k + 8], r[k + 12], 0x88);
        t[k + 12] = _mm512_shuffle_i32x4(r[k + 8], r[k + 12], 0xDD);
    }
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        r[k] = _mm512_shuffle_i32x4(t[k], t[k + 8], 0x88);
        r[k + 8] = _mm512_shuffle_i32x4(t[k], t[k + 8], 0xDD);
        r[k + 4] = _mm512_shuffle_i32x4(t[k + 4], t[k + 12], 0x88);
        r[k + 12] = _mm512_shuffle_i32x4(t[k + 4], t[k + 12], 0xDD);
    }
}

/* Sixteen rows, turned, each `row` values after the one before. */
VECTORS static inline void store_turned(__m512i r[16], half *to, int64_t row)
{
    turn(r);
    for (int64_t i = 0; i < 16; i++) _mm512_storeu_si512(to + i * row, r[i]);
}

VECTORS void bf16_columns(const float *from, int64_t stride, const float *factor, int64_t depth, int64_t columns, half *to, int64_t to_pair)
{
    const __mmask16 low = first_lanes(depth), high = first_lanes(depth - 16);
    __m512i r[16];
    for (int64_t c = 0; c < 16; c++) {
        const float *x = from + c * stride;
        if (c >= columns) {
            r[c] = _mm512_setzero_si512();
            continue;
        }
        __m512 l = _mm512_maskz_loadu_ps(low, x), h = high ? _mm512_maskz_loadu_ps(high, x + 16) : _mm512_setzero_ps();
        if (factor) {
            l = _mm512_mul_ps(l, _mm512_set1_ps(factor[c]));
            h = _mm512_mul_ps(h, _mm512_set1_ps(factor[c]));
        }
        r[c] = (__m512i)_mm512_cvtne2ps_pbh(h, l);
    }
    store_turned(r, to, to_pair);
}

VECTORS void bf16_turned(const float *from, int64_t stride, int64_t depth, int64_t rows, half *to)
{
    const __mmask16 m = first_lanes(rows);
    __m512i r[16];
    for (int64_t p = 0; p < 16; p++) {
        const __m512 even = 2 * p < depth ? _mm512_maskz_loadu_ps(m, from + 2 * p * stride) : _mm512_setzero_ps();
        const __m512 odd = 2 * p + 1 < depth ? _mm512_maskz_loadu_ps(m, from + (2 * p + 1) * stride) : _mm512_setzero_ps();
        r[p] = to_pairs(even, odd);
    }
    store_turned(r, to, BF16_STEP);
}

VECTORS void bf16_turned_halves(const half *from, int64_t stride, int64_t depth, int64_t rows, half *to)
{
    const __mmask16 m = first_lanes(rows);
    __m512i r[16];
    for (int64_t p = 0; p < 16; p++) {
        const __m256i even = 2 * p < depth ? _mm256_maskz_loadu_epi16(m, from + 2 * p * stride) : _mm256_setzero_si256();
        const __m256i odd = 2 * p + 1 < depth ? _mm256_maskz_loadu_epi16(m, from + (2 * p + 1) * stride) : _mm256_setzero_si256();
        r[p] = join_pairs(even, odd);
    }
    store_turned(r, to, BF16_STEP);
}

#else

nn_bf16_units nn_onednn_bf16(void)
{
    return NN_BF16_NONE;
}

#endif
