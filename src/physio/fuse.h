/* SPDX-License-Identifier: Apache-2.0 */
/* One set of marks for all leads: a wave begins in the heart when it begins in the earliest leads and ends when it ends in the last. */
#ifndef PCLR_PHYSIO_FUSE_H
#define PCLR_PHYSIO_FUSE_H

#include "base/error.h"

/*
 * beat[leads + 1][beats]: reads the rows of the leads, fills the last one. weight[leads] in 0..1: leads that count less. Onsets are
 * the weighted lower fifth of the leads' onsets, ends the upper fifth of the ends (the outermost lead of 12 is left out as noise;
 * with one or two leads it is the outermost); P and T are there when leads with 40 % of the weight show them. The R position is
 * taken from the same lead, `r_lead`, in every beat, so that RR does not jump between leads.
 */
pclr_status fuse_beats(pclr_beat *beat, size_t leads, size_t beats, const float *weight, size_t r_lead, pclr_error *error);

#endif
