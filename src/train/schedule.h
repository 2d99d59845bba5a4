/* SPDX-License-Identifier: Apache-2.0 */
/* Learning rate by step. */
#ifndef PCLR_TRAIN_SCHEDULE_H
#define PCLR_TRAIN_SCHEDULE_H

#include <stdint.h>

/* Rate of step (0-based) of `total`, after `warmup` (share of the steps) of rising:
 * "one_cycle": cosine from peak / 25 up to peak, cosine down to peak / 250000 (Smith & Topin 2018; constants as in PyTorch's OneCycleLR);
 * "cosine": linear from 0 up, cosine down to 0; "constant": linear from 0 up, then the peak. */
double schedule_rate(const char *kind, double peak, double warmup, int64_t step, int64_t total);

#endif
