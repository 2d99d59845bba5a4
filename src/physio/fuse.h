/* SPDX-License-Identifier: Apache-2.0 */
/* One set of marks for all leads: a wave begins in the heart when it begins in the earliest leads and ends when it ends in the last. */
#ifndef PCLR_PHYSIO_FUSE_H
#define PCLR_PHYSIO_FUSE_H

#include "physio/rpeaks.h"

/*
 * beat[leads + 1][beats]: reads the rows of the leads, fills the last one. Leads count by the trust in their second. Onsets are
 * the weighted lower fifth of the leads' onsets, ends the upper fifth of the ends (the outermost lead of 12 is left out as noise;
 * with one or two leads it is the outermost); P and T are there when leads with 40 % of the weight show them. The R position is
 * taken from the same lead, `r_lead`, so that RR does not jump between leads; of a beat that it does not show well, the leads that do
 * tell it, each less what its R is usually behind that lead's.
 */
pclr_status fuse_beats(pclr_beat *beat, size_t leads, const beat_list *beats, size_t r_lead, pclr_error *error);

#endif
