/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P, QRS and T of known beats by three kinds of small networks: the first sees the whole beat (physio/window.h) and says whether T is
 * there and, for each of eight points, how well every place on a grid of 16 ms suits it; the second, one network a point, looks at +-60
 * to +-180 ms around the best place and moves it; the third, which also
 * sees the rhythm, says whether P is there. Weights: delineator_weights.c, by scripts/train_delineator.py from LUDB, QTDB and
 * rhythm labels; data, split and figures on records that were not learned from: docs/physiology.md.
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
    PLACE_STEP = 4 /* working samples between places of a grid: 16 ms */
};
typedef struct delineator_grid {
    int first;    /* working samples from the centre */
    size_t count; /* of places, PLACE_STEP apart; at least 3 */
} delineator_grid;
extern const delineator_grid delineator_place[POINTS];
/* Its outputs: the scores of the places of all points one after the other, then the presence of P (not used) and of T (above 0: there). */
extern const network_table delineator_beat[NETWORK_LAYERS];
/* Presence of P (above 0: there) by what window_presence gives. */
extern const network_table delineator_presence[NETWORK_LAYERS];
extern const network_table delineator_point[POINTS][NETWORK_LAYERS];
extern const float delineator_spread[POINTS]; /* working samples: the unit in which the point networks answer */

#endif
