/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats of a recording with any number of leads.
 *
 * Every lead's slope at QRS scale is divided by its own running beat level, squared, and averaged over the leads by how peaked
 * they are; the smoothed result is about 1 on a heartbeat in every recording. Its maxima are candidates, and the choice among
 * them looks both ways in time (levels, refractory period, T waves, gaps).
 */
#ifndef PCLR_PHYSIO_RPEAKS_H
#define PCLR_PHYSIO_RPEAKS_H

#include "physio/working.h"

typedef struct beat_list {
    size_t count;
    size_t *centre; /* [count] middle of the QRS energy, working samples, ascending */
} beat_list;

pclr_status rpeaks_detect(const working *w, beat_list *beats, pclr_error *error);
void beat_list_free(beat_list *beats);

/*
 * R position of one beat in one lead: the largest upward deflection near `centre`, or the downward one where that is more than
 * 1.8 times as large (QS complexes), refined by a parabola. Working samples.
 */
double rpeaks_position(const float *x, size_t n, size_t centre);
/* The same among the samples first to last, both included; first <= last < n. */
double rpeaks_position_within(const float *x, size_t n, size_t first, size_t last);

#endif
