/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cell is one training run of a study, in a folder named by the hash of everything its result depends on. It is done when its
 * cell.json is there; another process works on it while its "lock" is there and that process lives.
 */
#ifndef PCLR_STUDY_CELL_H
#define PCLR_STUDY_CELL_H

#include <jansson.h>

#include "base/error.h"

typedef struct cell {
    char *folder;
    char hash[65];
} cell;

typedef enum cell_state { CELL_DONE, CELL_MINE, CELL_BUSY } cell_state;

/* folder/cells/KIND-HASH, hash of `identity`. */
pclr_status cell_open(cell *c, const char *folder, const char *kind, const char *identity, pclr_error *error);
void cell_close(cell *c);
/* Done already, claimed for this process, or being worked on by another one. */
pclr_status cell_claim(const cell *c, cell_state *state, pclr_error *error);
/* Writes cell.json (takes the value) and gives the claim back. */
pclr_status cell_finish(const cell *c, json_t *result, pclr_error *error);
void cell_release(const cell *c);
/* cell.json of a finished cell; NULL: not done or damaged. */
json_t *cell_result(const cell *c);
/* Largest resident memory of this process since the last reset, in bytes; since its start where the system cannot reset it. */
void cell_peak_reset(void);
double cell_peak_bytes(void);
pclr_status cell_path(const cell *c, const char *name, char **path, pclr_error *error);

#endif
