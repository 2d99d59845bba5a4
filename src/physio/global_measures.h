/* SPDX-License-Identifier: Apache-2.0 */
/* What the leads show together: intervals, axes, voltages, the progression of R, counts of leads. */
#ifndef PCLR_PHYSIO_GLOBAL_MEASURES_H
#define PCLR_PHYSIO_GLOBAL_MEASURES_H

#include "physio/lead_measures.h"

/* Units and meanings stand in the rich layout's table. */
enum {
    GLOBAL_PR,
    GLOBAL_P_DURATION,
    GLOBAL_QRS,
    GLOBAL_QT,
    GLOBAL_QTC_BAZETT,
    GLOBAL_QTC_FRIDERICIA,
    GLOBAL_T_PEAK_END,
    GLOBAL_PR_SD,
    GLOBAL_P_PRESENT,
    GLOBAL_P_CORRELATION,
    GLOBAL_P_CORRELATION_BEST,
    GLOBAL_NOISE,
    GLOBAL_QRS_AXIS,
    GLOBAL_QRS_AXIS_SIN,
    GLOBAL_QRS_AXIS_COS,
    GLOBAL_T_AXIS_SIN,
    GLOBAL_T_AXIS_COS,
    GLOBAL_P_AXIS_SIN,
    GLOBAL_P_AXIS_COS,
    GLOBAL_QRS_T_ANGLE,
    GLOBAL_SOKOLOW,
    GLOBAL_CORNELL,
    GLOBAL_CORNELL_PRODUCT,
    GLOBAL_LEWIS,
    GLOBAL_PEGUERO,
    GLOBAL_LIMB_SPAN,
    GLOBAL_CHEST_SPAN,
    GLOBAL_TRANSITION,
    GLOBAL_R_PROGRESSION,
    GLOBAL_R_SHARE_V1,
    GLOBAL_TERMINAL_FORCE,
    GLOBAL_Q_LEADS,
    GLOBAL_ST_UP_LEADS,
    GLOBAL_ST_DOWN_LEADS,
    GLOBAL_T_INVERTED_LEADS,
    GLOBAL_MEASURES
};
/* What they are taken from: the average beat, its leads measured (lead_measures.h), and the mean RR in s (0: unknown). */
typedef struct global_input {
    const feature_input *in;
    const average_beat *average;
    const complex_shape *shape; /* [PCLR_LEAD_STANDARD] */
    const float *lead_value;    /* [LEAD_MEASURES][PCLR_LEAD_STANDARD] */
    double rr;
} global_input;

/* Fills measures [GLOBAL_MEASURES]. */
pclr_status global_measures(const global_input *g, const measures *m, pclr_error *error);

#endif
