/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a tensor that may be bf16 in memory, a stretch at a time as floats: in place, or in `room` on the way in and out. */
#ifndef PCLR_NN_ONEDNN_STRETCH_H
#define PCLR_NN_ONEDNN_STRETCH_H

#include "nn/onednn/bf16.h"

enum { STRETCH = 4096 /* values: three of them fill the first-level cache */ };

/* n values from `at` on, to be read. */
static inline const float *stretch_of(nn_type type, const void *data, int64_t at, int64_t n, float *room)
{
#if PCLR_BF16
    if (type == NN_BF16) {
        bf16_widen((const half *)data + at, n, room);
        return room;
    }
#endif
    (void)type, (void)n, (void)room;
    return (const float *)data + at;
}

/* Where to write n values from `at` on; with `add` those that are there already. stretch_end brings them there. */
static inline float *stretch_for(nn_type type, void *data, int64_t at, int64_t n, bool add, float *room)
{
    if (type != NN_BF16) return (float *)data + at;
    if (add) (void)stretch_of(type, data, at, n, room);
    return room;
}

static inline void stretch_end(nn_type type, void *data, int64_t at, int64_t n, const float *from)
{
#if PCLR_BF16
    if (type == NN_BF16) bf16_row(from, n, (half *)data + at);
#endif
    (void)type, (void)data, (void)at, (void)n, (void)from;
}

#endif
