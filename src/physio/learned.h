/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P, QRS and T of known beats by two small networks: the first sees the whole beat (physio/window.h) and says which waves are there
 * and roughly where all eight points lie; the second, one network a point, looks at +-60 to +-180 ms around each and moves it.
 * Weights: delineator_weights.c, trained on LUDB, QTDB and PTB-XL rhythm labels; data, split and honest figures: docs/physiology.md.
 */
#ifndef PCLR_PHYSIO_LEARNED_H
#define PCLR_PHYSIO_LEARNED_H

#include "physio/network.h"
#include "physio/rpeaks.h"

/* beat[leads][beats], filled, positions in working samples; a lead of quality 0 and a beat drowned in a flat stretch get no waves. */
pclr_status learned_delineate(const working *w, const beat_list *beats, bool plain, pclr_beat *beat, pclr_error *error);

/* ---- the tables of delineator_weights.c ---- */
enum {
    POINT_P_ONSET,
    POINT_P_PEAK,
    POINT_P_OFFSET,
    POINT_QRS_ONSET,
    POINT_QRS_OFFSET,
    POINT_T_ONSET,
    POINT_T_PEAK,
    POINT_T_OFFSET,
    POINTS,
    OUTPUT_P_PRESENT = POINTS,
    OUTPUT_T_PRESENT,
    BEAT_OUTPUTS
};
extern const network_table delineator_beat[NETWORK_LAYERS];
extern const network_table delineator_point[POINTS][NETWORK_LAYERS];
extern const float delineator_spread[POINTS]; /* working samples: the unit in which the point networks answer */

#endif
