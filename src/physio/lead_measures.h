/* SPDX-License-Identifier: Apache-2.0 */
/* What one lead of the average beat shows: Q, R, S, ST, T and P. */
#ifndef PCLR_PHYSIO_LEAD_MEASURES_H
#define PCLR_PHYSIO_LEAD_MEASURES_H

#include "physio/beat_average.h"
#include "physio/measures.h"

/* Units and meanings stand in the rich layout's table. */
enum {
    LEAD_Q,
    LEAD_Q_DURATION,
    LEAD_R,
    LEAD_S,
    LEAD_R2,
    LEAD_QRS_AREA,
    LEAD_QRS_SPAN,
    LEAD_NOTCHES,
    LEAD_R_TIME,
    LEAD_J,
    LEAD_ST60,
    LEAD_ST_SLOPE,
    LEAD_T,
    LEAD_T_OTHER,
    LEAD_T_AREA,
    LEAD_T_TO_R,
    LEAD_P_MAX,
    LEAD_P_MIN,
    LEAD_MEASURES
};

/* Amplitudes in mV (q and s as depths), duration in ms, r_at in points of the average. */
typedef struct complex_shape {
    double q, q_duration, r, s, r2;
    int r_at;
} complex_shape;

/* Fills measures [LEAD_MEASURES][PCLR_LEAD_STANDARD] of one lead that the average has. */
complex_shape lead_measures(const average_beat *a, int lead, const measures *m);

/* Signed area over the points first to last, mV ms. */
double lead_area(const float *x, int first, int last);

/* Where P stands, or where it would stand. */
void lead_p_region(const average_marks *m, int *first, int *last);

#endif
