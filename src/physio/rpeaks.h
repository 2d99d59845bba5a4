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

enum { RPEAKS_BLOCK = 250 /* working samples: 1 s */ };

typedef struct beat_list {
    size_t count;
    size_t *centre; /* [count] middle of the QRS energy, working samples, ascending */
    size_t blocks;
    float *trust;   /* [leads][blocks] 0..1: what each second of a lead weighs in what all leads say together (trust.h) */
} beat_list;

/* The trust in a lead at a working sample. */
static inline float beat_list_trust(const beat_list *beats, size_t lead, size_t sample)
{
    return beats->trust[lead * beats->blocks + sample / RPEAKS_BLOCK];
}

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
