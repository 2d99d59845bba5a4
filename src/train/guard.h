/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a step leaves the finite numbers: it is undone and counted, and after a limit training stops. */
#ifndef PCLR_TRAIN_GUARD_H
#define PCLR_TRAIN_GUARD_H

#include "nn/nn.h"

typedef struct guard {
    nn_params *params;
    float *kept;   /* running statistics before the step */
    int64_t limit; /* bad steps in a row */
    int64_t bad_in_row, bad_total;
} guard;

/* Call after the graphs are built: only then are all running statistics declared. */
pclr_status guard_create(guard *g, nn_params *params, int64_t limit, pclr_error *error);
void guard_free(guard *g);
/* Before a step: keeps the running statistics, which a forward pass changes. */
void guard_keep(guard *g);
/* After a step: a bad one gets its running statistics and gradients reset. PCLR_E_NUMERIC at the limit. */
pclr_status guard_check(guard *g, bool good, int64_t step, pclr_error *error);

#endif
