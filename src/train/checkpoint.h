/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN/checkpoint/state.safetensors: all that a run needs to go on bit for bit: parameters with running statistics, optimiser,
 * queue of the objective, counters, and the configuration it was made with. Replaced in one rename.
 */
#ifndef PCLR_TRAIN_CHECKPOINT_H
#define PCLR_TRAIN_CHECKPOINT_H

#include "objective/objective.h"

typedef struct checkpoint_counters {
    int64_t step;           /* steps done */
    int64_t bad_steps;      /* steps skipped so far */
    int64_t metrics_offset; /* bytes of metrics.jsonl */
    double best;            /* best validation loss; NaN none yet */
    double seconds;         /* of training so far */
    const char *precision;  /* in which it ran, a constant; checkpoint_load wants the same */
} checkpoint_counters;

/* objective may be NULL. */
pclr_status checkpoint_save(const char *run, nn_params *params, const nn_adamw *optimiser, const objective *o,
                            const checkpoint_counters *counters, const pclr_config *config, const char *fingerprint, pclr_error *error);
/* PCLR_E_DATA or _ARGUMENT when the configuration, the precision or the dataset is another one (it says which key). */
pclr_status checkpoint_load(const char *run, nn_params *params, nn_adamw *optimiser, objective *o, checkpoint_counters *counters,
                            const pclr_config *config, const char *fingerprint, pclr_error *error);
bool checkpoint_exists(const char *run);

#endif
