/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers out of bytes; callers have checked that the bytes are there. */
#ifndef PCLR_RECORD_FORMATS_BYTES_H
#define PCLR_RECORD_FORMATS_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t le_u16(const uint8_t *p)
{
    return (uint16_t)((uint32_t)p[0] | (uint32_t)p[1] << 8);
}

static inline int16_t le_i16(const uint8_t *p)
{
    return (int16_t)le_u16(p);
}

static inline uint32_t le_u32(const uint8_t *p)
{
    return (uint32_t)le_u16(p) | (uint32_t)le_u16(p + 2) << 16;
}

static inline int32_t le_i32(const uint8_t *p)
{
    return (int32_t)le_u32(p);
}

static inline float le_f32(const uint8_t *p)
{
    uint32_t bits = le_u32(p);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double le_f64(const uint8_t *p)
{
    uint64_t bits = (uint64_t)le_u32(p) | (uint64_t)le_u32(p + 4) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
