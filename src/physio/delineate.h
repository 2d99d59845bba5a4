/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P, QRS and T of known beats in one lead, by slopes and areas: QRS ends where the slope dies away (Martinez 2004), P and T
 * reach from the largest slope on either side to where the trapezium area over the signal is largest (Zhang et al., Comput
 * Cardiol 33:157, 2006). Positions in working samples.
 */
#ifndef PCLR_PHYSIO_DELINEATE_H
#define PCLR_PHYSIO_DELINEATE_H

#include "physio/rpeaks.h"

/* beat[beats->count], filled. */
pclr_status delineate_lead(const working *w, size_t lead, const beat_list *beats, pclr_beat *beat, pclr_error *error);

#endif
